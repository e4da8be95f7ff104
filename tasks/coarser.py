"""Finer bars as those a run asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.quality import iso
from domain.resampling import resample
from domain.sessions import instants
from domain.timeline import History
from tasks.backtest_holes import data_holes, hole_warnings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.market import Bars, Instrument, Timeframe


def made_coarser(series: Sequence[Bars], instruments: Sequence[Instrument], timeframe: Timeframe) -> tuple[list[Bars], list[str]]:
    """Return each symbol's complete bars of ``timeframe``, and what a person must know of them.

    Bars that are of it already stay as they are. A bar counts as complete when any symbol has a bar that closes at its end or
    later: the last one of a file that ends in mid-session is left out with a warning, and so are bars outside regular hours.
    """
    reached = max(int(instants(bars.time[-1:], bars.timeframe, bars.calendar)[1][0]) for bars in series if len(bars))
    made, warnings = [], []
    for bars, instrument in zip(series, instruments, strict=True):
        if bars.timeframe == timeframe:
            made.append(bars)
            continue
        coarse = resample(bars, timeframe)
        made.append(coarse.complete_by(reached))
        size, fine = timeframe.name, bars.timeframe.name
        if coarse.outside:
            warnings.append(f"{coarse.outside} {fine} bars of {bars.symbol} outside regular hours are not in its {size} bars")
        if len(made[-1]) < len(coarse.bars):
            warnings.append(f"the last {size} bar of {bars.symbol}, of {iso(int(coarse.bars.time[-1]))}, is not complete: left out")
        past = History((instrument,), (bars,), bars.timeframe)
        warnings += [f"{fine} bars: {warning}" for warning in hole_warnings(data_holes(past), past)]
    return made, warnings
