"""Bars to coarser bars, and which of them are complete when a finer one closes.

A coarse bar has the first open, the highest high, the lowest low, the last close and the sum of the volumes of its finer bars;
one unknown volume makes the sum unknown. New York bars hold regular hours alone, half-days and late opens included: finer bars
before the open, after the close and on days without a session belong to no coarse bar. Bars shorter than a day lie on the grid
of their length (the 09:00 bar of an hourly series holds 09:30 to 10:00), daily ones are sessions as ``domain.sessions`` dates
them, weekly ones the sessions from a Monday on. Times are int64 UTC microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from domain.errors import InputError
from domain.market import DAY, TIMEFRAMES, WEEKLY, Bars
from domain.new_york import at_local
from domain.sessions import instants, is_session, session_dates, session_hours, sessions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.market import Timeframe

    type Times = NDArray[np.int64]

COARSER: Final = {one.name: one for one in (*TIMEFRAMES.values(), WEEKLY) if one.name != "1m"}
"""What bars can be made of finer ones, by name."""

FINEST: Final = TIMEFRAMES["1m"]
"""The shortest bars there are."""


@dataclass(frozen=True, slots=True)
class CoarseBars:
    """Coarser bars in time order and how the ``fine`` ones lie in them.

    ``end`` is the instant each is complete by its calendar, ``last`` the index of the last fine bar in it so far. A bar that is
    not complete yet holds what there is of it. ``outside`` counts the fine bars that belong to no coarse one.
    """

    bars: Bars
    end: Times
    last: Times
    fine: Bars
    outside: int

    def complete_at(self) -> Times:
        """Return for each fine bar how many coarse bars, from the first on, are complete at its close."""
        closes = instants(self.fine.time, self.fine.timeframe, self.fine.calendar)[1]
        return np.searchsorted(self.end, closes, side="right")

    def complete_by(self, moment: int) -> Bars:
        """Return the coarse bars that are complete at ``moment``."""
        return self.bars.slice(0, int(np.searchsorted(self.end, moment, side="right")))


def resample(bars: Bars, timeframe: Timeframe) -> CoarseBars:
    """Return ``bars`` (in time order) as bars of ``timeframe``; raise InputError where that is not coarser than theirs."""
    check_coarser(bars.timeframe, timeframe)
    inside, day = _in_sessions(bars)
    start, end = _span(bars.time[inside], day, timeframe, bars.calendar)
    first = np.flatnonzero(np.diff(start, prepend=start[:1] - 1))
    last = np.append(first[1:], len(start))[: len(first)] - 1
    coarse = Bars(
        bars.symbol,
        timeframe,
        start[first],
        bars.open[inside][first],
        _reduced(np.maximum, bars.high[inside], first),
        _reduced(np.minimum, bars.low[inside], first),
        bars.close[inside][last],
        _reduced(np.add, bars.volume[inside], first),
        calendar=bars.calendar,
    )
    return CoarseBars(coarse, end[first], np.arange(len(bars))[inside][last], bars, len(bars) - len(day))


def parts(bars: Bars, timeframe: Timeframe) -> tuple[NDArray[np.intp], Times]:
    """Return which of ``bars`` belong to a coarser bar of ``timeframe``, by index, and the start of the one each belongs to."""
    inside, day = _in_sessions(bars)
    return np.arange(len(bars))[inside], _span(bars.time[inside], day, timeframe, bars.calendar)[0]


def check_coarser(fine: Timeframe, coarse: Timeframe, what: str = "the timeframe") -> None:
    """Raise InputError unless ``coarse`` bars can be made of ``fine`` ones; ``what`` names where they were asked for."""
    if coarse.length <= fine.length:
        allowed = ", ".join(name for name, one in COARSER.items() if one.length > fine.length) or "none"
        raise InputError(f"{fine.name} bars cannot be resampled to {coarse.name}: {what} must be coarser, allowed is {allowed}")


def _in_sessions(bars: Bars) -> tuple[NDArray[np.bool_] | slice, Times]:
    """Return which bars belong to a session, and the session date of those as days since 1970."""
    day = session_dates(bars.time, bars.timeframe, bars.calendar)
    if bars.calendar != "XNYS":
        return slice(None), day
    days, at = _runs(day)
    trades = is_session(days, "XNYS")[at]
    if bars.timeframe.is_daily:
        return trades, day[trades]
    opens, closes = session_hours(days)
    inside = trades & (bars.time < closes[at]) & (bars.time + bars.timeframe.length > opens[at])
    return inside, day[inside]


def _span(time: Times, day: Times, timeframe: Timeframe, calendar: str) -> tuple[Times, Times]:
    """Return start and end of the coarse bar each fine bar lies in, from its start and session date."""
    if timeframe.length < DAY:
        start = time // timeframe.length * timeframe.length
        end = start + timeframe.length
        if calendar == "XNYS":
            days, at = _runs(day)
            end = np.minimum(end, session_hours(days)[1][at])
        return start, end
    period = day if timeframe.is_daily else day - (day + 3) % 7
    periods, at = _runs(period)
    starts = at_local(periods, 0) if calendar == "XNYS" else periods * DAY
    ends = _session_ends(periods, calendar) if timeframe.is_daily else _week_ends(periods, calendar)
    return starts[at], ends[at]


def _session_ends(days: Times, calendar: str) -> Times:
    return session_hours(days)[1] if calendar == "XNYS" else (days + 1) * DAY


def _week_ends(mondays: Times, calendar: str) -> Times:
    """Return when the last session of each week ends; of currencies that is Friday, holiday or not: some trade then."""
    if calendar == "24/7":
        return (mondays + 7) * DAY
    if calendar == "FX" or not len(mondays):
        return (mondays + 5) * DAY
    trading = sessions(int(mondays[0]), int(mondays[-1]) + 6, calendar)
    last = trading[np.searchsorted(trading, mondays + 6, side="right") - 1]
    return _session_ends(last, calendar)


def _runs(values: Times) -> tuple[Times, Times]:
    """Return the different ones of ascending ``values``, and for each value its place among them."""
    change = np.diff(values, prepend=values[:1] - 1) != 0
    return values[change], np.cumsum(change) - 1


def _reduced(function: np.ufunc, values: NDArray[np.float64], first: NDArray[np.intp]) -> NDArray[np.float64]:
    return function.reduceat(values, first) if len(first) else values[:0]
