"""Checks for bars stamped in a mistaken time zone: a daily bar off its usual time of day, or a whole day moved by hours.

They see rows in arrival order, because a moved day collides with its neighbours: only the order tells which rows moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from domain.market import DAY, HOUR, MINUTE
from domain.new_york import offset
from domain.quality import Mark, Series
from domain.sessions import expected_bars, session_dates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SHIFT: Final = "timezone_shift"
_USUAL_SHARE: Final = 0.1
_FEWEST_DAILY: Final = 10
_MOST_HOURS: Final = 14
_COVERED: Final = 0.97
_NOT_COVERED: Final = 0.9
_DAY_SHARES: Final = (0.6, 1.05)
_WEEKEND: Final = (36 * HOUR, 80 * HOUR)


def zone_shifts(series: Series) -> Iterator[Mark]:
    """Mark rows whose times were moved by hours."""
    if series.timeframe.is_daily:
        yield from _daily(series)
    elif series.instrument.calendar == "XNYS":
        yield from _sessions(series)
    else:
        yield from _around_the_clock(series)


def _daily(series: Series) -> Iterator[Mark]:
    """Mark daily bars at a time of day, in UTC and in New York, that few others have."""
    time = series.time
    if len(time) < _FEWEST_DAILY:
        return
    usual = np.zeros(len(time), np.bool_)
    for of_day in (time % DAY, (time + offset(time)) % DAY):
        _, index, counts = np.unique(of_day, return_inverse=True, return_counts=True)
        usual |= counts[index] >= _USUAL_SHARE * len(time)
    yield Mark(~usual, SHIFT, lambda at: f"{_clock(int(time[at]))} UTC is no time at which the other daily bars begin")


def _clock(time: int) -> str:
    minutes = time % DAY // MINUTE
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _sessions(series: Series) -> Iterator[Mark]:
    """Mark days whose bars cover New York's session only once they are moved back by whole hours."""
    time = series.time
    days = session_dates(time, series.timeframe, "XNYS")
    expected = expected_bars(int(days.min()), int(days.max()), series.timeframe, "XNYS")
    expected_day = session_dates(expected, series.timeframe, "XNYS")
    first, size = int(days.min()), int(days.max() - days.min()) + 1
    due = np.bincount(expected_day - first, minlength=size)
    present = np.bincount(expected_day[np.isin(expected, time)] - first, minlength=size)
    whole = due == due.max()  # a short session with bars after its close looks like a moved one
    doubted = np.flatnonzero(whole & (present < _NOT_COVERED * due)) + first
    hours = np.zeros(len(time), np.int64)
    by_day = np.argsort(days, kind="stable")
    ascending = days[by_day]
    for day in doubted[np.isin(doubted, days)].tolist():
        rows = by_day[_span(ascending, day)]
        hours[rows] = _hours_moved(time[rows], expected[_span(expected_day, day)])
    yield Mark(hours != 0, SHIFT, lambda at: f"the bars of this day cover its session only when moved by {-int(hours[at]):+d} h")


def _span(days: NDArray[np.int64], day: int) -> slice:
    """Return where ``day`` stands in ascending days."""
    return slice(int(np.searchsorted(days, day)), int(np.searchsorted(days, day, side="right")))


def _hours_moved(time: NDArray[np.int64], expected: NDArray[np.int64]) -> int:
    """Return by how many hours a day was moved, 0 where no move explains it."""
    known, moves = np.sort(time), np.arange(-_MOST_HOURS, _MOST_HOURS + 1)
    moved = expected + HOUR * moves[:, None]
    after = known[np.minimum(np.searchsorted(known, moved), len(known) - 1)]  # the first known time not before each
    covered = dict(zip(moves.tolist(), (after == moved).mean(axis=1).tolist(), strict=True))
    best = max(covered, key=lambda hours: (covered[hours], -abs(hours)))
    return best if covered[best] >= _COVERED else 0


def _around_the_clock(series: Series) -> Iterator[Mark]:
    """Mark the rows of about a day between a step of some hours and the same step back."""
    time, length = series.time, series.timeframe.length
    steps = np.diff(time) - length
    weekend = (steps > _WEEKEND[0]) & (steps < _WEEKEND[1])
    if weekend.any():
        steps = np.where(weekend, steps - int(np.median(steps[weekend])), steps)
    least = max(HOUR, 2 * length)
    events = np.flatnonzero((steps % (30 * MINUTE) == 0) & (np.abs(steps) >= least) & (np.abs(steps) <= _MOST_HOURS * HOUR))
    low, high = (int(share * DAY / length) for share in _DAY_SHARES)
    moved = np.zeros(len(time), np.int64)
    for event in events.tolist():
        if moved[event]:
            continue
        near = events[(events >= event + low) & (events <= event + high + 1)]
        back = near[steps[near] == -steps[event]]
        if len(back):
            moved[event + 1 : int(back[0]) + 1] = steps[event]
    yield Mark(moved != 0, SHIFT, lambda at: f"about a day of bars arrived {int(moved[at]) / HOUR:+g} h from where they belong")
