"""The clock of New York as array arithmetic, exact from 1976 on: a million times cost milliseconds and no time zone database."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from domain.market import DAY, HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST_YEAR: Final = 1967
_LAST_YEAR: Final = 2199
_STANDARD: Final = -5 * HOUR
_SUNDAY: Final = 3  # 1970-01-04 was the first Sunday: (day - 3) % 7 == 0
_SWITCH_TO_SUMMER: Final = 7 * HOUR  # 02:00 standard time
_SWITCH_TO_WINTER: Final = 6 * HOUR  # 02:00 summer time


def day_of(year: int, month: int, day: int) -> int:
    """Return a date as days since 1970."""
    return int(np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D").astype(np.int64))


def _sunday_from(day: int) -> int:
    """Return the first Sunday on or after ``day``."""
    return day + (_SUNDAY - day) % 7


def _summer(year: int) -> tuple[int, int]:
    """Return when summer time begins and ends in ``year``, UTC microseconds, by the law of that year."""
    if year >= 2007:
        first, last = day_of(year, 3, 8), day_of(year, 11, 1)
    elif year >= 1987:
        first, last = day_of(year, 4, 1), day_of(year, 10, 25)
    else:
        first, last = day_of(year, 4, 24), day_of(year, 10, 25)
    return _sunday_from(first) * DAY + _SWITCH_TO_SUMMER, _sunday_from(last) * DAY + _SWITCH_TO_WINTER


@lru_cache(maxsize=1)
def _transitions() -> NDArray[np.int64]:
    """Return every change of the clock: an odd count of changes at or before an instant means summer time."""
    return np.array([_summer(year) for year in range(_FIRST_YEAR, _LAST_YEAR + 1)], np.int64).ravel()


def offset(time: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return New York's distance from UTC at ``time`` (UTC microseconds), in microseconds: -4 or -5 hours."""
    changes = np.searchsorted(_transitions(), time, side="right").astype(np.int64)
    return _STANDARD + HOUR * (changes & 1)


def local_day(time: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the date in New York at ``time`` (UTC microseconds), as days since 1970."""
    return (time + offset(time)) // DAY


def at_local(day: NDArray[np.int64], time_of_day: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Return the UTC microseconds of ``time_of_day`` (microseconds since local midnight) on ``day``, New York.

    The time of day must not fall into the hour the clock skips or repeats (01:00 to 03:00); none of the markets' does.
    """
    local = day * DAY + time_of_day
    # Before 02:00 the old offset holds, after it the new one: looking up at the standard offset is right on both sides.
    return local - offset(local - _STANDARD)
