"""What is usual around each bar: medians over its neighbourhood, which a few wrong bars cannot move.

All arrays are float64 of the length of the series, in time order; prices are natural logarithms. Array arithmetic throughout: a
million bars take a fraction of a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from domain.market import DAY, HOUR, MINUTE
from domain.sessions import regular_hours, session_dates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from domain.market import Timeframe
    from domain.quality import Series

_BLOCK: Final = 16
_AROUND: Final = 2  # blocks on each side: a neighbourhood of 80 bars
NORMAL: Final = 1.4826  # standard deviation / median absolute deviation of a normal distribution
RANGE: Final = 1.6  # mean range / standard deviation of a random walk over one bar (Parkinson, 1980: sqrt(8 / pi))
_LEAST_SIGMA: Final = 1e-5
MOST_BUSY: Final = 2.0
NEWS: Final = 20.0  # times the usual volume: then a move is as large as the trading explains
_FEWEST_OPENINGS: Final = 10
LONG_HOLE: Final = 10 * DAY  # what lies apart so far is not compared: anything may have happened between

_LENGTHS: Final = (MINUTE, 5 * MINUTE, HOUR, DAY)
_MOVES: Final = (0.022, 0.03, 0.045, 0.09)
"""Moves below these are nobody's error to a check of plausibility, however quiet the market is, by the length of a bar."""


@dataclass(frozen=True, slots=True)
class Local:
    """Log prices of a series with declared splits taken out, and what is usual around each bar.

    ``gap`` is open against the close before (0 at the first bar and after a long hole). ``sigma`` is a robust standard deviation
    of a bar's return, ``busy`` the square root of volume over its local median, between 1 and 2, more on news: a true move comes
    with trading. ``volume`` is that ratio itself, ``money`` that of volume times price, which no split changes, intraday
    openings of sessions among themselves; NaN where unknown. ``regular`` bars lie in regular hours. ``least`` is the least move in
    question. ``undone`` are bars at which a declared split left no trace in the prices.
    """

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    gap: NDArray[np.float64]
    sigma: NDArray[np.float64]
    volume: NDArray[np.float64]
    money: NDArray[np.float64]
    regular: NDArray[np.bool_]
    busy: NDArray[np.float64]
    least: float
    undone: tuple[int, ...]

    def bound(self, multiple: float) -> NDArray[np.float64]:
        """Return what a move must exceed to be doubted: the least one, and ``multiple`` times what the trading would explain."""
        return np.maximum(self.least, multiple * self.sigma * self.busy)


def local(series: Series) -> Local:
    """Return what is usual around the bars of ``series``, which must be in time order with prices above 0."""
    open_, high, low, close = (np.log(series.column(name)) for name in ("open", "high", "low", "close"))
    shift, undone = _declared(series, open_, close)
    open_, high, low, close = open_ + shift, high + shift, low + shift, close + shift
    returns = np.abs(np.diff(close, prepend=close[:1]))
    sigma = np.maximum(NORMAL * around(returns), around(high - low) / RANGE)
    regular, traded = regular_bars(series), series.column("volume")
    volume = _ratio(traded, (regular, ~regular))
    opening = _openings(series, regular)
    money = _ratio(traded * series.column("close"), (opening, regular & ~opening, ~regular))
    busy = np.nan_to_num(volume, nan=1.0)
    busy = np.sqrt(np.where(busy > NEWS, busy, np.clip(busy, 1.0, MOST_BUSY**2)))
    gap = np.where(_follows(series), open_ - np.concatenate([open_[:1], close[:-1]]), 0.0)
    sigma = np.maximum(sigma, _LEAST_SIGMA)
    return Local(open_, high, low, close, gap, sigma, volume, money, regular, busy, least_move(series.timeframe), undone)


def least_move(timeframe: Timeframe) -> float:
    """Return the least log move in question, by the logarithm of the bar's length."""
    return float(np.interp(np.log(timeframe.length), np.log(_LENGTHS), _MOVES))


def around(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of the neighbourhood of each value: of the medians of its block and those around it."""
    count = len(values) // _BLOCK
    if count < 2 * _AROUND + 1:
        return np.full(len(values), np.median(values)) if len(values) else values
    whole = values[: count * _BLOCK].reshape(count, _BLOCK)
    blocks = np.median(whole, axis=1)
    padded = np.concatenate([blocks[_AROUND:0:-1], blocks, blocks[-2 : -_AROUND - 2 : -1]])
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1), axis=1)
    return np.concatenate([np.repeat(smooth, _BLOCK), np.full(len(values) - count * _BLOCK, smooth[-1])])


def _ratio(values: NDArray[np.float64], parts: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Return values over their local median, NaN where either is unknown; bars of each part are compared among themselves."""
    ratio = np.full(len(values), np.nan)
    known = np.isfinite(values) & (values >= 0.0)
    for part in (known & one for one in parts):
        usual = around(values[part])
        ratio[part] = np.divide(values[part], usual, out=np.full(len(usual), np.nan), where=usual > 0.0)
    return ratio


def _openings(series: Series, regular: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the first regular bar of each session of an exchange, which trades more than others; none where they are few."""
    opening = np.zeros(len(series), np.bool_)
    if series.instrument.calendar != "XNYS" or series.timeframe.is_daily:
        return opening
    bars = np.flatnonzero(regular)
    days = session_dates(series.time[bars], series.timeframe, "XNYS")
    first = bars[np.diff(days, prepend=-1) != 0]
    if len(first) >= _FEWEST_OPENINGS:
        opening[first] = True
    return opening


def _follows(series: Series) -> NDArray[np.bool_]:
    """Return which bars come soon enough after the one before to be compared with it."""
    follows: NDArray[np.bool_] = np.diff(series.time, prepend=series.time[:1]) <= LONG_HOLE
    return follows


def regular_bars(series: Series) -> NDArray[np.bool_]:
    """Return which bars lie in regular hours; all of them where there are no others."""
    if series.instrument.calendar != "XNYS" or series.timeframe.is_daily:
        return np.ones(len(series), np.bool_)
    time = series.time
    opens, closes = regular_hours(session_dates(time, series.timeframe, "XNYS"))
    inside: NDArray[np.bool_] = (time + series.timeframe.length > opens) & (time < closes)
    return inside


def _declared(
    series: Series, open_: NDArray[np.float64], close: NDArray[np.float64]
) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Return the log factor of the declared splits up to each bar, and the bars of splits that the prices do not show."""
    shift, undone = np.zeros(len(open_)), []
    for first, last, ratio in _split_sessions(series):
        gap = open_[first:last] - close[first - 1 : last - 1]
        # Pre-market bars of the first day may still be at the old price: the split is where it shows best.
        at = first + int(np.argmin(np.abs(gap + np.log(ratio))))
        if abs(gap[at - first] + np.log(ratio)) < abs(gap[at - first]):
            shift[at:] += np.log(ratio)
        else:
            undone.append(first)
    return shift, tuple(undone)


def _split_sessions(series: Series) -> list[tuple[int, int, float]]:
    """Return the bars of the first session of each declared split, first and behind the last, with its ratio."""
    splits = [action for action in series.actions if action.action == "split"]
    if not splits:
        return []
    days = session_dates(series.time, series.timeframe, series.instrument.calendar)
    dates = np.array([action.ex_date for action in splits], "datetime64[D]").astype(np.int64)
    first = np.searchsorted(days, dates)
    inside = [(int(at), action.value) for at, action in zip(first, splits, strict=True) if 0 < at < len(days)]
    return [(at, int(np.searchsorted(days, days[at], side="right")), ratio) for at, ratio in inside]
