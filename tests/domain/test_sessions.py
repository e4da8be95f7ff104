"""When markets trade, against the exchange's own calendar."""

from __future__ import annotations

import csv
import os
import time as clock
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.tools.xnys_table import table
from domain import xnys
from domain.errors import InputError
from domain.market import DAY, HOUR, MINUTE, TIMEFRAMES
from domain.new_york import at_local, day_of, local_day, offset
from domain.sessions import (
    Gap,
    ends_session,
    expected_bars,
    find_gaps,
    instants,
    is_session,
    month_of,
    on_calendar,
    outlives_session,
    session_dates,
    session_ends,
    session_hours,
    sessions,
)

SHARED = Path(os.environ.get("PI5_SHARED", Path(__file__).parents[3] / "shared"))
NEW_YORK = ZoneInfo("America/New_York")
DAILY, HOURLY, MINUTES = TIMEFRAMES["1d"], TIMEFRAMES["1h"], TIMEFRAMES["1m"]


def us(text: str) -> int:
    """Return an ISO time as UTC microseconds."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def days(*texts: str) -> np.ndarray:
    """Return ISO dates as days since 1970."""
    return np.array([(date.fromisoformat(text) - date(1970, 1, 1)).days for text in texts], np.int64)


def times(*texts: str) -> np.ndarray:
    """Return ISO times as UTC microseconds."""
    return np.array([us(text) for text in texts], np.int64)


@given(st.integers(us("1976-01-01"), us("2037-12-31")))
def test_offset_of_any_instant_equals_the_time_zone_database(instant: int) -> None:
    """The clock changes of New York are those of the law."""
    local = datetime.fromtimestamp(instant / 1e6, NEW_YORK)
    assert offset(np.array([instant]))[0] == local.utcoffset() // timedelta(microseconds=1)
    assert local_day(np.array([instant]))[0] == (local.date() - date(1970, 1, 1)).days


def test_local_midnight_and_open_of_every_day_equal_the_time_zone_database() -> None:
    """Local times convert to UTC on every day of sixty years, changes of the clock included."""
    first = date(1976, 1, 1)
    every = [first + timedelta(n) for n in range(60 * 365)]
    numbers = np.array([(day - date(1970, 1, 1)).days for day in every], np.int64)
    for hours in (0, 4, 9, 16):
        expected = [int(datetime(day.year, day.month, day.day, hours, tzinfo=NEW_YORK).timestamp()) * 1_000_000 for day in every]
        assert np.array_equal(at_local(numbers, hours * HOUR), expected)


def test_sessions_of_all_years_equal_exchange_calendars() -> None:
    """Days, opens and closes of the table are those of the package it was written from."""
    calendar = exchange_calendars.get_calendar("XNYS", start=f"{xnys.FIRST_YEAR}-01-01", end=f"{xnys.LAST_YEAR}-12-31")
    ours = sessions(day_of(xnys.FIRST_YEAR, 1, 1), day_of(xnys.LAST_YEAR, 12, 31), "XNYS")
    assert np.array_equal(ours, calendar.sessions.to_numpy().astype("datetime64[D]").astype(np.int64))
    opens, closes = session_hours(ours)
    assert np.array_equal(opens, calendar.opens.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64))
    assert np.array_equal(closes, calendar.closes.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64))


def test_table_in_the_repository_is_what_its_program_writes() -> None:
    """Nobody edited the table by hand, and the locked package agrees with it."""
    namespace: dict[str, object] = {}
    exec(table(), namespace)  # noqa: S102 - the text of our own module
    assert namespace["HOLIDAYS"] == xnys.HOLIDAYS
    assert namespace["SPECIAL_HOURS"] == xnys.SPECIAL_HOURS


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not beside the checkout")
def test_sessions_equal_the_shared_calendar() -> None:
    """The sessions of 1995 to 2026 are those verified against a second source."""
    with (SHARED / "data/calendar_xnys.csv").open() as file:
        rows = list(csv.DictReader(file))
    ours = sessions(day_of(1995, 1, 1), day_of(2026, 12, 31), "XNYS")
    assert np.array_equal(ours, days(*(row["session"] for row in rows)))
    opens, closes = session_hours(ours)
    assert np.array_equal(opens, times(*(row["open_utc"][:-1] for row in rows)))
    assert np.array_equal(closes, times(*(row["close_utc"][:-1] for row in rows)))


def test_daily_bar_stamped_at_new_york_midnight_or_utc_midnight_is_that_date() -> None:
    """Summer, winter and plain UTC stamps of a daily equity bar name the same session."""
    stamps = times("2018-07-02T04:00", "2018-12-03T05:00", "2018-07-03T00:00", "2018-07-05T13:30")
    assert session_dates(stamps, DAILY, "XNYS").tolist() == days("2018-07-02", "2018-12-03", "2018-07-03", "2018-07-05").tolist()


def test_intraday_bars_from_pre_market_to_after_hours_count_to_one_session() -> None:
    """The first pre-market minute and the last after-hours minute are the same session, in summer and in winter."""
    stamps = times("2014-06-06T08:00", "2014-06-06T23:59", "2014-01-06T09:00", "2014-01-07T00:59")
    assert session_dates(stamps, MINUTES, "XNYS").tolist() == days("2014-06-06", "2014-06-06", "2014-01-06", "2014-01-06").tolist()


def test_currency_bars_of_the_weekend_count_to_monday() -> None:
    """Sunday's opening belongs to Monday, Friday's evening to Friday."""
    stamps = times("2018-06-01T20:00", "2018-06-02T00:00", "2018-06-03T21:00", "2018-06-04T00:00")
    expected = days("2018-06-01", "2018-06-04", "2018-06-04", "2018-06-04")
    assert session_dates(stamps, HOURLY, "FX").tolist() == expected.tolist()
    assert session_dates(stamps, HOURLY, "24/7").tolist() == (stamps // DAY).tolist()


def test_daily_equity_bar_opens_and_closes_with_its_session() -> None:
    """A regular day, a half-day in winter and one in summer."""
    opens, closes = instants(times("2018-06-04T04:00", "2018-11-23T05:00", "2018-07-03T04:00"), DAILY, "XNYS")
    assert opens.tolist() == times("2018-06-04T13:30", "2018-11-23T14:30", "2018-07-03T13:30").tolist()
    assert closes.tolist() == times("2018-06-04T20:00", "2018-11-23T18:00", "2018-07-03T17:00").tolist()


def test_daily_crypto_and_currency_bars_last_the_utc_day() -> None:
    """A Sunday currency bar counts to Monday but opens and closes on Sunday."""
    sunday = times("2018-06-03T00:00")
    for calendar in ("24/7", "FX"):
        opens, closes = instants(sunday, DAILY, calendar)
        assert (opens[0], closes[0]) == (sunday[0], sunday[0] + DAY)


def test_intraday_bar_closes_one_length_after_its_start() -> None:
    """Shorter bars need no calendar."""
    opens, closes = instants(times("2018-06-04T13:00"), HOURLY, "XNYS")
    assert closes[0] - opens[0] == HOUR


def test_hourly_session_has_seven_bars_and_a_half_day_four() -> None:
    """The 09:00 bar holds the half hour after the open."""
    full = expected_bars(*days("2018-06-04", "2018-06-04"), HOURLY, "XNYS")
    half = expected_bars(*days("2018-07-03", "2018-07-03"), HOURLY, "XNYS")
    assert full.tolist() == [us("2018-06-04T13:00") + n * HOUR for n in range(7)]
    assert half.tolist() == [us("2018-07-03T13:00") + n * HOUR for n in range(4)]


def test_minute_session_has_390_bars_and_crypto_day_1440() -> None:
    """Counts of a full session."""
    assert len(expected_bars(*days("2018-06-04", "2018-06-04"), MINUTES, "XNYS")) == 390
    assert len(expected_bars(*days("2018-06-02", "2018-06-02"), MINUTES, "24/7")) == 1440


def test_missing_session_is_a_gap_and_a_holiday_is_none() -> None:
    """4 July 2018 is no gap; 5 July is one of a bar; a run of days is one gap."""
    present = expected_bars(*days("2018-06-25", "2018-07-13"), DAILY, "XNYS")
    assert find_gaps(present, DAILY, "XNYS") == []
    holed = present[~np.isin(present, times("2018-07-05T04:00", "2018-07-10T04:00", "2018-07-11T04:00"))]
    assert find_gaps(holed, DAILY, "XNYS") == [
        Gap(us("2018-07-05T04:00"), us("2018-07-05T04:00"), 1),
        Gap(us("2018-07-10T04:00"), us("2018-07-11T04:00"), 2),
    ]


@pytest.mark.parametrize("missing", [1, 30, 10_000])
def test_hole_of_any_size_in_hourly_bars_is_one_gap_of_that_many_bars(missing: int) -> None:
    """Nights, weekends, holidays and half-days inside the hole count no bars."""
    present = expected_bars(*days("2008-01-02", "2018-12-31"), HOURLY, "XNYS")
    holed = np.concatenate([present[:100], present[100 + missing :]])
    assert find_gaps(holed, HOURLY, "XNYS") == [Gap(int(present[100]), int(present[99 + missing]), missing)]


def test_bars_outside_regular_hours_neither_make_nor_fill_gaps() -> None:
    """A pre-market minute changes nothing."""
    regular = expected_bars(*days("2018-06-04", "2018-06-05"), MINUTES, "XNYS")
    with_early = np.concatenate([times("2018-06-04T10:00"), regular[:5], regular[6:]])
    assert find_gaps(with_early, MINUTES, "XNYS") == [Gap(int(regular[5]), int(regular[5]), 1)]


def test_currency_weekend_is_no_gap_and_a_missing_hour_is_one() -> None:
    """The week ends on Friday 17:00 New York and begins on Sunday 17:00."""
    present = expected_bars(*days("2018-05-28", "2018-06-08"), HOURLY, "FX")
    assert us("2018-06-01T20:00") in present
    assert us("2018-06-01T21:00") not in present
    assert us("2018-06-03T21:00") in present
    assert find_gaps(np.delete(present, 30), HOURLY, "FX") == [Gap(int(present[30]), int(present[30]), 1)]


def test_bar_inside_a_holiday_is_off_the_calendar() -> None:
    """Holidays and weekends for New York, Saturdays for currencies, never for crypto."""
    stamps = times("2018-07-04T04:00", "2018-07-05T04:00", "2018-07-07T04:00")
    assert on_calendar(stamps, DAILY, "XNYS").tolist() == [False, True, False]
    assert on_calendar(stamps, DAILY, "FX").tolist() == [True, True, False]
    assert on_calendar(stamps, DAILY, "24/7").all()
    edges = times("2018-06-01T20:59", "2018-06-01T21:00", "2018-06-03T20:59", "2018-06-03T21:00")
    assert on_calendar(edges, MINUTES, "FX").tolist() == [True, False, False, True]


@pytest.mark.parametrize("name", ["1m", "1h", "4h"])
def test_every_expected_bar_of_a_currency_is_on_its_calendar(name: str) -> None:
    """Also the first bar of four hours, which begins before Sunday's opening and holds it."""
    expected = expected_bars(day_of(2018, 6, 4), day_of(2018, 7, 6), TIMEFRAMES[name], "FX")
    assert on_calendar(expected, TIMEFRAMES[name], "FX").all()
    sunday = np.array([us("2018-06-10T16:00"), us("2018-06-10T20:00")])
    assert on_calendar(sunday, TIMEFRAMES["4h"], "FX").tolist() == [False, True]


def test_day_after_the_last_known_year_counts_weekdays() -> None:
    """Beyond the table nothing is known of holidays."""
    beyond = np.array([day_of(2040, 12, 25), day_of(2040, 12, 29)])
    assert is_session(beyond, "XNYS").tolist() == [True, False]


def test_unknown_calendar_is_refused_with_the_nearest_name() -> None:
    """A typing error names what was meant."""
    with pytest.raises(InputError, match="XNYS"):
        session_dates(times("2018-06-04T04:00"), DAILY, "XNY")


def test_no_bars_have_no_gaps() -> None:
    """An empty series is no error."""
    assert find_gaps(np.empty(0, np.int64), DAILY, "XNYS") == []


def test_million_minute_bars_take_a_fifth_of_a_second() -> None:
    """Session dates and instants are array arithmetic."""
    stamps = us("2010-01-04T14:30") + MINUTE * np.arange(1_000_000, dtype=np.int64)
    start = clock.process_time()
    session_dates(stamps, MINUTES, "XNYS")
    instants(stamps, MINUTES, "XNYS")
    instants(stamps[::390], DAILY, "XNYS")
    assert clock.process_time() - start < 0.2


def test_a_session_ends_with_its_regular_hours_half_days_included() -> None:
    """16:00 New York in winter and in summer time, 13:00 on the day after Thanksgiving."""
    ends = session_ends(days("2021-03-01", "2021-07-01", "2020-11-27"), "XNYS")
    assert ends.tolist() == [us("2021-03-01T21:00"), us("2021-07-01T20:00"), us("2020-11-27T18:00")]


@pytest.mark.parametrize(("calendar", "friday"), [("24/7", "2021-03-06T00:00"), ("FX", "2021-03-05T22:00")])
def test_elsewhere_a_session_ends_with_its_utc_day(calendar: str, friday: str) -> None:
    """Midnight after it; the FX week at 17:00 New York."""
    assert session_ends(days("2021-03-01", "2021-03-05"), calendar).tolist() == [us("2021-03-02T00:00"), us(friday)]


@pytest.mark.parametrize(
    ("calendar", "timeframe", "bars", "last"),
    [
        ("XNYS", "1h", ["2021-03-01T19:00", "2021-03-01T20:00", "2021-03-01T21:00"], [False, True, False]),
        ("XNYS", "1h", ["2021-03-01T19:30", "2021-03-01T20:30"], [False, True]),
        ("XNYS", "4h", ["2021-03-01T16:00", "2021-03-01T20:00"], [False, True]),
        ("XNYS", "1h", ["2020-11-27T17:00", "2020-11-27T20:00"], [True, False]),
        ("FX", "1h", ["2021-03-05T20:00", "2021-03-05T21:00", "2021-03-07T23:00", "2021-03-08T23:00"], [False, True, False, True]),
        ("24/7", "1d", ["2021-03-05T00:00", "2021-03-06T00:00"], [True, True]),
    ],
)
def test_a_bar_ends_its_session_where_the_close_lies_in_it(
    calendar: str, timeframe: str, bars: list[str], last: list[bool]
) -> None:
    """New York closes at 21:00 UTC, on a half-day at 18:00; the FX week at 22:00 on Friday, its Sunday counts to Monday."""
    assert ends_session(np.array([us(bar) for bar in bars]), TIMEFRAMES[timeframe], calendar).tolist() == last


def test_the_first_bar_after_an_end_that_no_bar_reached_is_told() -> None:
    """Of the first session the last bar is missing, of the second it is there."""
    bars = ["2021-03-01T19:00", "2021-03-02T19:00", "2021-03-02T20:00", "2021-03-03T15:00"]
    late = outlives_session(np.array([us(bar) for bar in bars]), TIMEFRAMES["1h"], "XNYS")
    assert late.tolist() == [False, True, False, False]
    hours = ["2021-03-01T19:00", "2021-03-01T21:00", "2021-03-01T22:00", "2021-03-02T15:00"]  # 21:00 is after hours
    assert outlives_session(np.array([us(bar) for bar in hours]), TIMEFRAMES["1h"], "XNYS").tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("day", "month"),
    [("1970-01-01", 0), ("1970-12-31", 11), ("1971-01-01", 12), ("2021-03-31", 614), ("2021-04-01", 615), ("1969-12-31", -1)],
)
def test_months_are_counted_since_1970(day: str, month: int) -> None:
    """Twelve a year, before 1970 below 0."""
    assert month_of(int(days(day)[0])) == month
