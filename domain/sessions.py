"""When markets trade: session dates, the instants a bar opens and closes, expected bars and the gaps between them.

Days are int64 counts since 1970-01-01, times int64 UTC microseconds. Calendars: ``XNYS`` (New York, with holidays and
half-days), ``24/7`` (UTC days), ``FX`` (Sunday 17:00 to Friday 17:00 New York; weekend bars count to Monday).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from domain import xnys
from domain.errors import InputError, nearest
from domain.market import DAY, HOUR, MINUTE, Timeframe
from domain.new_york import at_local, day_of, local_day

if TYPE_CHECKING:
    from numpy.typing import NDArray

CALENDARS: Final = ("XNYS", "24/7", "FX")
_EPOCH: Final = date(1970, 1, 1)

_EXTENDED_HOURS_SHIFT: Final = 5 * HOUR  # 05:00 UTC lies between the end of after-hours trading and the pre-market, all year
_OPEN: Final = 9 * HOUR + 30 * MINUTE
_CLOSE: Final = 16 * HOUR
_FX_WEEK_EDGE: Final = 17 * HOUR
_FX_CLOSED: Final = ("01-01", "12-25")


class Gap(NamedTuple):
    """Bars that should be there: the first and last missing start (UTC microseconds) and how many."""

    first: int
    last: int
    missing: int


def check_calendar(name: str) -> str:
    """Return ``name``; raise InputError where it is no calendar."""
    if name not in CALENDARS:
        raise InputError(f"calendar {name!r} is unknown: {nearest(name, CALENDARS)}allowed are {', '.join(CALENDARS)}")
    return name


def within(days: NDArray[np.int64], start: date | None, end: date | None) -> NDArray[np.bool_]:
    """Return which session dates, as days since 1970, lie from ``start`` to ``end``, both included; None is no bound."""
    inside = np.ones(len(days), bool)
    if start is not None:
        inside &= days >= (start - _EPOCH).days
    if end is not None:
        inside &= days <= (end - _EPOCH).days
    return inside


def session_dates(time: NDArray[np.int64], timeframe: Timeframe, calendar: str) -> NDArray[np.int64]:
    """Return the session each bar belongs to, as days since 1970.

    Daily New York bars are stamped 00:00 New York, or 00:00 UTC of the date itself; intraday ones count from the pre-market to
    the end of after-hours trading.
    """
    check_calendar(calendar)
    if calendar == "XNYS":
        if timeframe.is_daily:
            return np.where(time % DAY == 0, time // DAY, local_day(time))
        return (time - _EXTENDED_HOURS_SHIFT) // DAY
    days = time // DAY
    if calendar == "FX":
        weekday = _weekday(days)
        days = np.where(weekday >= 5, days + 7 - weekday, days)
    return days


def month_of(session: int) -> int:
    """Return the calendar month of a session date, in months since 1970."""
    day = _EPOCH + timedelta(days=session)
    return (day.year - _EPOCH.year) * 12 + day.month - 1


def instants(time: NDArray[np.int64], timeframe: Timeframe, calendar: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when each bar opens and closes, UTC microseconds.

    A daily New York bar is its session's regular hours; a daily bar elsewhere its UTC day; a shorter one its start and
    start + length.
    """
    check_calendar(calendar)
    if not timeframe.is_daily:
        return time, time + timeframe.length
    if calendar == "XNYS":
        return session_hours(session_dates(time, timeframe, calendar))
    start = time // DAY * DAY
    return start, start + DAY


def session_hours(days: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return open and close of the New York sessions on ``days``; a day without a session gets the regular hours."""
    special = _special_hours()
    opens, closes = np.full(len(days), _OPEN, np.int64), np.full(len(days), _CLOSE, np.int64)
    at = np.minimum(np.searchsorted(special[0], days), len(special[0]) - 1)
    short = special[0][at] == days
    opens[short], closes[short] = special[1][at[short]], special[2][at[short]]
    return at_local(days, opens), at_local(days, closes)


def session_ends(days: NDArray[np.int64], calendar: str) -> NDArray[np.int64]:
    """Return when the sessions on ``days`` close: New York's close, half-days included, elsewhere the end of the UTC day.

    The FX week ends on Friday at 17:00 New York.
    """
    if calendar == "XNYS":
        return session_hours(days)[1]
    ends = (days + 1) * DAY
    return np.where(_weekday(days) == 4, at_local(days, _FX_WEEK_EDGE), ends) if calendar == "FX" else ends


def ends_session(time: NDArray[np.int64], timeframe: Timeframe, calendar: str) -> NDArray[np.bool_]:
    """Return which bars end their session: those in which, or at whose end, it closes."""
    opens, closes = instants(time, timeframe, calendar)
    ends = session_ends(session_dates(time, timeframe, calendar), calendar)
    return (opens < ends) & (ends <= closes)


def outlives_session(time: NDArray[np.int64], timeframe: Timeframe, calendar: str) -> NDArray[np.bool_]:
    """Return which bars of a symbol are the first after a session whose end no bar of it reached; it may be one after hours."""
    opens, closes = instants(time, timeframe, calendar)
    ends = session_ends(session_dates(time, timeframe, calendar), calendar)
    late = np.zeros(len(time), np.bool_)
    late[1:] = (closes[:-1] < ends[:-1]) & (opens[1:] >= ends[:-1])
    return late


def regular_hours(days: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return 09:30 and 16:00 New York on ``days``, whatever happens then."""
    return at_local(days, _OPEN), at_local(days, _CLOSE)


def is_session(days: NDArray[np.int64], calendar: str) -> NDArray[np.bool_]:
    """Return which days have a session. Outside the years of ``domain.xnys`` every weekday is taken for one."""
    check_calendar(calendar)
    if calendar == "24/7":
        return np.ones(len(days), np.bool_)
    closed = _holidays() if calendar == "XNYS" else _fx_holidays()
    at = np.minimum(np.searchsorted(closed, days), len(closed) - 1)
    trades: NDArray[np.bool_] = (_weekday(days) < 5) & (closed[at] != days)
    return trades


def sessions(first: int, last: int, calendar: str) -> NDArray[np.int64]:
    """Return the days with a session from ``first`` to ``last``, both included."""
    days = np.arange(first, last + 1, dtype=np.int64)
    return days[is_session(days, calendar)]


def expected_bars(first: int, last: int, timeframe: Timeframe, calendar: str) -> NDArray[np.int64]:
    """Return the starts of all bars of the sessions from day ``first`` to day ``last``, regular hours only, ascending.

    Bars lie on the grid of their length: the 09:00 bar of an hourly series holds 09:30 to 10:00.
    """
    days = sessions(first, last, calendar)
    if timeframe.is_daily:
        return at_local(days, 0) if calendar == "XNYS" else days * DAY
    if calendar == "XNYS":
        opens, closes = session_hours(days)
    elif calendar == "FX":
        opens, closes = _fx_hours(days)
    else:
        opens, closes = days * DAY, (days + 1) * DAY
    length = timeframe.length
    starts = opens // length * length
    counts = -((starts - closes) // length)
    within = np.arange(counts.sum(), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
    bars: NDArray[np.int64] = np.repeat(starts, counts) + within * length
    return bars


def on_calendar(time: NDArray[np.int64], timeframe: Timeframe, calendar: str) -> NDArray[np.bool_]:
    """Return which bars fall on a day that trades; false inside a holiday or a closed weekend."""
    if calendar != "FX":
        return is_session(session_dates(time, timeframe, calendar), calendar)
    days = time // DAY
    weekday = _weekday(days)
    closed: NDArray[np.bool_] = weekday == 5
    if not timeframe.is_daily:
        edge = at_local(days, _FX_WEEK_EDGE)
        closed |= ((weekday == 4) & (time >= edge)) | ((weekday == 6) & (time + timeframe.length <= edge))
    return ~closed


def find_gaps(time: NDArray[np.int64], timeframe: Timeframe, calendar: str) -> list[Gap]:
    """Return the runs of expected bars missing between the first and the last of ``time`` (ascending)."""
    if len(time) == 0:
        return []
    days = session_dates(time, timeframe, calendar)
    expected = expected_bars(int(days[0]), int(days[-1]), timeframe, calendar)
    if timeframe.is_daily:
        present = np.isin(session_dates(expected, timeframe, calendar), days)
    else:
        present = np.isin(expected, time) | (expected < time[0]) | (expected > time[-1])
    missing = np.flatnonzero(~present)
    if len(missing) == 0:
        return []
    runs = np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1)
    return [Gap(int(expected[run[0]]), int(expected[run[-1]]), len(run)) for run in runs]


def _weekday(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0 for Monday to 6 for Sunday."""
    return (days + 3) % 7


def _fx_hours(days: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when the currency sessions on ``days`` begin and end: a UTC day, Monday from Sunday's opening, Friday to its close."""
    weekday = _weekday(days)
    opens = np.where(weekday == 0, at_local(days - 1, _FX_WEEK_EDGE), days * DAY)
    closes = np.where(weekday == 4, at_local(days, _FX_WEEK_EDGE), (days + 1) * DAY)
    return opens, closes


@lru_cache(maxsize=1)
def _holidays() -> NDArray[np.int64]:
    """Return New York's weekdays without a session, ascending."""
    pairs = [(year, word) for year, words in xnys.HOLIDAYS.items() for word in words.split()]
    return np.array([day_of(year, int(word[:2]), int(word[2:])) for year, word in pairs], np.int64)


@lru_cache(maxsize=1)
def _special_hours() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the days with other hours than the regular ones, ascending, and their opens and closes after local midnight."""
    rows = [
        (day_of(year, int(word[:2]), int(word[2:4])), _time_of_day(word[5:9]), _time_of_day(word[10:14]))
        for year, words in xnys.SPECIAL_HOURS.items()
        for word in words.split()
    ]
    days, opens, closes = np.array(rows, np.int64).T
    return days, opens, closes


@lru_cache(maxsize=1)
def _fx_holidays() -> NDArray[np.int64]:
    """Return the days on which currencies do not trade, ascending."""
    days = [np.datetime64(f"{year}-{day}", "D") for year in range(1970, 2200) for day in _FX_CLOSED]
    return np.array(days).astype(np.int64)


def _time_of_day(text: str) -> int:
    """Return ``HHMM`` in microseconds after midnight."""
    return int(text[:2]) * HOUR + int(text[2:]) * MINUTE
