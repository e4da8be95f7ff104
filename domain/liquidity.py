"""How much of a symbol trades and how much it moves in a day, as known before each bar: what market impact depends on."""

from __future__ import annotations

from itertools import pairwise
from math import nan
from typing import TYPE_CHECKING, Final

import numpy as np

from domain.adjustment import adjust_forward
from domain.rules.costs import Liquidity
from domain.rules.moments import mean, variance
from domain.sessions import session_dates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.market import Bars
    from domain.timeline import History

SESSIONS: Final = 20
"""Volatility and volume are those of so many past sessions, of fewer while there are fewer."""

FIRST_VOLATILITY: Final = 0.02
"""The daily volatility assumed before two returns are known; large rather than small, as it is a cost."""


def liquidity(history: History) -> NDArray[np.float64]:
    """Return for each bar, symbol after symbol, daily volatility and average daily volume (units as traded), n x 2.

    Both are of the sessions before the bar's own: the sample standard deviation of the last 20 returns of closes adjusted
    forward, and the mean of 20 volumes. Before the first session ends, and where volume is unknown, the volume is that of the bar
    itself.
    """
    raw_adjusted = zip(history.bars, adjust_forward(history), history.instruments, strict=True)
    return np.concatenate([_of_symbol(raw, adjusted, instrument.calendar) for raw, adjusted, instrument in raw_adjusted])


def flows_of(history: History) -> dict[tuple[str, int], Liquidity]:
    """Return the same by symbol and start of the bar."""
    keys = [(bars.symbol, time) for bars in history.bars for time in bars.time.tolist()]
    return dict(zip(keys, (Liquidity(*row) for row in liquidity(history).tolist()), strict=True))


def _of_symbol(raw: Bars, adjusted: Bars, calendar: str) -> NDArray[np.float64]:
    dates = session_dates(raw.time, raw.timeframe, calendar)
    first = np.flatnonzero(np.diff(dates, prepend=dates[:1] - 1))
    last = np.r_[first[1:], len(dates)] - 1
    volumes = np.add.reduceat(adjusted.volume, first) if len(first) else adjusted.volume
    closes = adjusted.close[last].tolist()
    factor = adjusted.close / raw.close
    rows = np.empty((len(dates), 2))
    for session, (begin, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        known = _known(closes[:session], volumes[:session].tolist())
        volume = known.daily_volume * factor[begin] if known.daily_volume > 0.0 else nan
        rows[begin : end + 1, 0] = known.volatility
        rows[begin : end + 1, 1] = volume
    own = np.isnan(rows[:, 1])
    rows[own, 1] = raw.volume[own]
    return rows


def _known(closes: list[float], volumes: list[float]) -> Liquidity:
    recent = closes[-SESSIONS - 1 :]
    returns = [after / before - 1.0 for before, after in pairwise(recent)]
    spread = variance(returns, len(returns))
    volatility = float(np.sqrt(spread)) if spread == spread else FIRST_VOLATILITY  # noqa: PLR0124 - not NaN
    return Liquidity(volatility, mean(volumes[-SESSIONS:], min(len(volumes), SESSIONS)) if volumes else nan)
