"""Bars to coarser bars: by hand, as properties, and against a vendor's own coarser bars."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from histories import real_bars
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InputError
from domain.market import DAY, HOUR, MINUTE, TIMEFRAMES, WEEKLY, Bars
from domain.resampling import CoarseBars, resample
from domain.sessions import expected_bars
from tasks.market_data.files import read_file

COLUMNS = ("time", "open", "high", "low", "close", "volume")
SHARED = Path(os.environ.get("PI5_SHARED", Path(__file__).parents[3] / "shared"))
FRAMES = {**TIMEFRAMES, "1w": WEEKLY}


def us(text: str) -> int:
    """Return UTC microseconds of an ISO time without offset."""
    return int(np.datetime64(text, "us").astype(np.int64))


def iso(times: np.ndarray) -> list[str]:
    """Return times to the minute."""
    return [str(np.datetime64(int(time), "us"))[:16] for time in times]


def made(times: list[str] | np.ndarray, timeframe: str, calendar: str = "XNYS", volume: float | list[float] = 1.0) -> Bars:
    """Return bars at these times: bar i opens at i + 1, closes at i + 1.5, with a range of 2 around it."""
    time = np.array([us(text) for text in times], np.int64) if isinstance(times, list) else times
    price = np.arange(len(time)) + 1.0
    volumes = np.broadcast_to(np.asarray(volume, np.float64), len(time)).copy()
    return Bars("MADE", FRAMES[timeframe], time, price, price + 1.0, price - 1.0, price + 0.5, volumes, calendar=calendar)


def minutes_of(first: str, last: str, calendar: str = "XNYS", timeframe: str = "1m") -> Bars:
    """Return every bar of the sessions from one date to another."""
    days = [us(first) // DAY, us(last) // DAY]
    return made(expected_bars(*days, FRAMES[timeframe], calendar), timeframe, calendar)


def shown(coarse: CoarseBars) -> list[tuple[str, str, float, float, float]]:
    """Return start, end, open, close and volume of each coarse bar."""
    bars = coarse.bars
    numbers = zip(bars.open.tolist(), bars.close.tolist(), bars.volume.tolist(), strict=True)
    return [(*times, *values) for times, values in zip(zip(iso(bars.time), iso(coarse.end), strict=True), numbers, strict=True)]


def test_coarse_bar_has_first_open_extremes_last_close_and_all_volume() -> None:
    """Five minutes to one bar, by hand."""
    time = np.arange(us("2021-03-01T15:00"), us("2021-03-01T15:05"), MINUTE)
    columns = np.array([[5, 6, 4, 5.5, 10], [5.5, 9, 5, 8, 20], [8, 8.5, 2, 3, 30], [3, 4, 2.5, 4, 0], [4, 5, 3, 4.5, 40.0]]).T
    coarse = resample(Bars("MADE", FRAMES["1m"], time, *columns), FRAMES["5m"]).bars
    assert [getattr(coarse, name).tolist() for name in COLUMNS] == [[time[0]], [5.0], [9.0], [2.0], [4.5], [100.0]]
    assert (coarse.symbol, coarse.timeframe.name, coarse.calendar) == ("MADE", "5m", "XNYS")


def test_unknown_volume_stays_unknown() -> None:
    """One bar of three without a volume leaves none to the coarse bar, and the next coarse bar its own."""
    bars = made(["2021-03-01T15:00", "2021-03-01T15:01", "2021-03-01T15:04", "2021-03-01T15:05"], "1m", volume=[1, np.nan, 1, 7])
    np.testing.assert_array_equal(resample(bars, FRAMES["5m"]).bars.volume, [np.nan, 7.0])


def test_daily_bar_of_minutes_holds_the_regular_session_alone() -> None:
    """Pre-market, post-market and the minute of the close belong to no bar; the day starts at 00:00 New York."""
    times = ["2021-03-01T14:29", "2021-03-01T14:30", "2021-03-01T20:59", "2021-03-01T21:00", "2021-03-01T23:30"]
    assert shown(resample(made(times, "1m"), FRAMES["1d"])) == [("2021-03-01T05:00", "2021-03-01T21:00", 2.0, 3.5, 2.0)]


def test_hourly_bars_lie_on_the_full_hour() -> None:
    """The first holds 09:30 to 10:00 New York and not the pre-market before it; the last ends with the session."""
    coarse = resample(made(np.arange(us("2021-03-01T14:00"), us("2021-03-01T22:00"), MINUTE), "1m"), FRAMES["1h"])
    assert coarse.bars.volume.tolist() == [30.0, *[60.0] * 6]
    assert iso(coarse.bars.time)[::6] == ["2021-03-01T14:00", "2021-03-01T20:00"]
    assert coarse.bars.open[0] == 31.0


@pytest.mark.parametrize(
    ("date", "closes", "hours", "bars"),
    [
        ("2019-07-03", "2019-07-03T17:00", 4, 210),  # half-day in summer: 13:00 New York
        ("2020-11-27", "2020-11-27T18:00", 4, 210),  # half-day in winter
        ("2021-03-12", "2021-03-12T21:00", 7, 390),  # the last session before the clock changes
        ("2021-03-15", "2021-03-15T20:00", 7, 390),  # and the first one after it
        ("2021-11-05", "2021-11-05T20:00", 7, 390),
        ("2021-11-08", "2021-11-08T21:00", 7, 390),
    ],
)
def test_session_ends_with_its_own_hours(date: str, closes: str, hours: int, bars: int) -> None:
    """A day is complete when its session closes, and prints after an early close are not in it."""
    late = made(np.arange(us(date) + 8 * HOUR, us(date) + 24 * HOUR, MINUTE), "1m")
    (day,) = shown(resample(late, FRAMES["1d"]))
    assert (day[0][:10], day[1], day[4]) == (date, closes, bars)
    assert len(resample(late, FRAMES["1h"]).bars) == hours


def test_session_with_missing_minutes_begins_and_ends_with_those_there_are() -> None:
    """09:33 opens, 15:57 closes; the day is complete at 16:00 all the same."""
    coarse = resample(made(["2021-03-01T14:33", "2021-03-01T17:00", "2021-03-01T20:57"], "1m"), FRAMES["1d"])
    assert shown(coarse) == [("2021-03-01T05:00", "2021-03-01T21:00", 1.0, 3.5, 3.0)]
    assert coarse.complete_at().tolist() == [0, 0, 0]
    assert len(coarse.complete_by(us("2021-03-01T21:00")).time) == 1
    assert len(coarse.complete_by(us("2021-03-01T20:59")).time) == 0


def test_last_bar_of_a_session_is_complete_when_the_session_closes() -> None:
    """Four hours from 20:00 UTC would end at midnight; nothing trades in them after 21:00."""
    bars = minutes_of("2021-03-01", "2021-03-01")
    coarse = resample(bars, FRAMES["4h"])
    assert iso(coarse.bars.time) == ["2021-03-01T12:00", "2021-03-01T16:00", "2021-03-01T20:00"]
    assert iso(coarse.end) == ["2021-03-01T16:00", "2021-03-01T20:00", "2021-03-01T21:00"]
    assert coarse.complete_at()[-1] == 3


def test_session_that_opened_late_begins_with_its_first_trade() -> None:
    """2002-09-11, 11:00 New York: hours and day begin there and end as ever."""
    late = made(np.arange(us("2002-09-11T15:00"), us("2002-09-11T22:00"), MINUTE), "1m")
    assert shown(resample(late, FRAMES["1d"])) == [("2002-09-11T04:00", "2002-09-11T20:00", 1.0, 300.5, 300.0)]
    assert iso(resample(late, FRAMES["1h"]).bars.time)[::4] == ["2002-09-11T15:00", "2002-09-11T19:00"]


def test_bars_on_a_day_without_a_session_belong_to_no_bar() -> None:
    """Good Friday and a Saturday: they would come after the week was complete."""
    times = ["2021-04-01T15:00", "2021-04-02T15:00", "2021-04-03T15:00", "2021-04-05T15:00"]
    assert resample(made(times, "1m"), FRAMES["1d"]).bars.open.tolist() == [1.0, 4.0]
    days = [text.replace("T15:00", "T04:00") for text in times]
    assert shown(resample(made(days, "1d"), WEEKLY)) == [
        ("2021-03-29T04:00", "2021-04-01T20:00", 1.0, 1.5, 1.0),
        ("2021-04-05T04:00", "2021-04-09T20:00", 4.0, 4.5, 1.0),
    ]


def test_crypto_days_are_those_of_utc_and_weeks_end_on_sunday() -> None:
    """00:00 to 24:00, every day of the week."""
    hours = np.arange(us("2021-03-06"), us("2021-03-09"), HOUR)
    coarse = resample(made(hours, "1h", "24/7"), FRAMES["1d"])
    assert iso(coarse.end) == ["2021-03-07T00:00", "2021-03-08T00:00", "2021-03-09T00:00"]
    assert coarse.bars.volume.tolist() == [24.0] * 3
    assert shown(resample(made(hours, "1h", "24/7"), WEEKLY)) == [
        ("2021-03-01T00:00", "2021-03-08T00:00", 1.0, 48.5, 48.0),
        ("2021-03-08T00:00", "2021-03-15T00:00", 49.0, 72.5, 24.0),
    ]


def test_currency_weekend_counts_to_monday() -> None:
    """Sunday's opening belongs to Monday and to the week that begins then; the week ends with Friday."""
    times = ["2021-03-05T20:00", "2021-03-07T22:00", "2021-03-08T00:00", "2021-03-09T00:00"]
    assert shown(resample(made(times, "1h", "FX"), FRAMES["1d"])) == [
        ("2021-03-05T00:00", "2021-03-06T00:00", 1.0, 1.5, 1.0),
        ("2021-03-08T00:00", "2021-03-09T00:00", 2.0, 3.5, 2.0),
        ("2021-03-09T00:00", "2021-03-10T00:00", 4.0, 4.5, 1.0),
    ]
    assert iso(resample(made(times, "1h", "FX"), WEEKLY).end) == ["2021-03-06T00:00", "2021-03-13T00:00"]


def test_bar_is_complete_at_the_close_of_its_last_moment_and_not_before() -> None:
    """At 15:59 the day is not over, at 16:00 it is: the bar that starts at 15:59 closes then."""
    bars = minutes_of("2021-03-01", "2021-03-02")
    complete = resample(bars, FRAMES["1d"]).complete_at()
    assert complete[[388, 389, 390, 778, 779]].tolist() == [0, 1, 1, 1, 2]


def test_week_is_complete_with_its_last_session() -> None:
    """On Thursday's close before Good Friday; on Friday's after it."""
    bars = minutes_of("2021-03-29", "2021-04-09", timeframe="1d")
    assert resample(bars, WEEKLY).complete_at().tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 2]


@pytest.mark.parametrize(("fine", "coarse"), [("1d", "1h"), ("1d", "1d"), ("1h", "30m")])
def test_timeframe_that_is_not_coarser_is_refused(fine: str, coarse: str) -> None:
    """Both are named."""
    bars = minutes_of("2021-03-01", "2021-03-01", timeframe=fine)
    with pytest.raises(InputError, match=f"{fine} bars cannot be resampled to {coarse}"):
        resample(bars, FRAMES[coarse])


@pytest.mark.parametrize("calendar", ["XNYS", "24/7", "FX"])
@pytest.mark.parametrize("coarse", ["5m", "1h", "4h", "1d", "1w"])
def test_no_bars_give_no_bars(calendar: str, coarse: str) -> None:
    """And bars outside sessions alone give none either."""
    assert len(resample(Bars.empty("MADE", FRAMES["1m"], calendar), FRAMES[coarse]).bars) == 0
    assert len(resample(made(["2021-03-06T15:00"], "1m"), FRAMES[coarse]).bars) == 0


@st.composite
def fine_bars(draw: st.DrawFn, timeframe: str = "1m") -> Bars:
    """Draw bars with holes over days that hold a half-day, a holiday, a change of the clock or a currency weekend."""
    calendar = draw(st.sampled_from(["XNYS", "24/7", "FX"]))
    first = us(draw(st.sampled_from(["2019-07-01", "2020-11-25", "2021-03-11", "2021-11-04", "2002-09-10"])))
    length = FRAMES[timeframe].length
    count = 6 * DAY // length
    kept = np.random.default_rng(draw(st.integers(0, 99))).random(count) < draw(st.sampled_from([0.02, 0.5, 1.0]))
    time = (first + np.arange(count) * length)[kept]
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(1, 50, (4, len(time))).astype(np.float64)
    volume = np.where(values[0] == 7.0, np.nan, values[0])
    low, high = np.minimum(values[1], values[2]) - 1.0, np.maximum(values[1], values[2]) + 1.0
    return Bars("MADE", FRAMES[timeframe], time, values[1], high, low, values[2], volume, calendar=calendar)


def assert_same(first: Bars, second: Bars) -> None:
    """Assert that all columns are equal, NaN too."""
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


STEPS = st.sampled_from([("5m", "1h"), ("15m", "4h"), ("30m", "1d"), ("1h", "1d"), ("4h", "1d"), ("1h", "1w"), ("1d", "1w")])


@settings(max_examples=60, deadline=None)
@given(bars=fine_bars(), steps=STEPS)
def test_two_steps_give_what_one_gives(bars: Bars, steps: tuple[str, str]) -> None:
    """Minute to hour to day equals minute to day, for every pair of sizes and calendar."""
    between, last = steps
    assert_same(resample(resample(bars, FRAMES[between]).bars, FRAMES[last]).bars, resample(bars, FRAMES[last]).bars)


@settings(max_examples=60, deadline=None)
@given(bars=fine_bars("15m"), coarse=st.sampled_from(["30m", "1h", "4h", "1d", "1w"]), cut=st.floats(0.0, 1.0))
def test_complete_bars_never_change(bars: Bars, coarse: str, cut: float) -> None:
    """What is complete at a bar's close is the same when the series ends there and when it goes on."""
    whole = resample(bars, FRAMES[coarse])
    index = int(cut * (len(bars) - 1))
    part = resample(bars.slice(0, index + 1), FRAMES[coarse])
    count = int(part.complete_at()[-1])
    assert count == whole.complete_at()[index]
    assert_same(part.bars.slice(0, count), whole.bars.slice(0, count))
    np.testing.assert_array_equal(part.last[:count], whole.last[:count])


@settings(max_examples=40, deadline=None)
@given(bars=fine_bars("15m"), coarse=st.sampled_from(["30m", "1h", "4h", "1d", "1w"]))
def test_coarse_bars_contain_their_fine_ones(bars: Bars, coarse: str) -> None:
    """In order, each with its extremes around open and close, ending with its last fine bar and not before it opened."""
    made_of = resample(bars, FRAMES[coarse])
    large = made_of.bars
    assert np.all(large.high >= np.maximum(large.open, large.close))
    assert np.all(large.low <= np.minimum(large.open, large.close))
    assert np.all(np.diff(large.time) > 0)
    assert np.all(np.diff(made_of.end) > 0)
    assert np.all(bars.time[made_of.last] < made_of.end)
    assert large.close.tolist() == bars.close[made_of.last].tolist()


BAC_DAYS = [
    # as QuantConnect/Lean's daily file has them
    ("2013-10-04T04:00", 13.99, 14.08, 13.96, 14.05, 60772107.0),
    ("2013-10-07T04:00", 13.9, 13.95, 13.8, 13.81, 62286611.0),
    ("2013-10-08T04:00", 13.82, 13.9, 13.68, 13.69, 90810144.0),
    ("2013-10-09T04:00", 13.7, 13.93, 13.69, 13.84, 93016940.0),
    ("2013-10-10T04:00", 14.03, 14.25, 14.01, 14.23, 98141929.0),
    ("2013-10-11T04:00", 14.25, 14.28, 14.11, 14.19, 79257033.0),
]


def test_resampled_minutes_are_the_vendors_daily_bars() -> None:
    """Six days of BAC from its 3,466 minutes, pre- and post-market left out, equal to the vendor's daily bars."""
    (minutes,) = real_bars("equity_1m")
    daily = resample(minutes, FRAMES["1d"]).bars
    rows = zip(*(getattr(daily, name).tolist() for name in COLUMNS), strict=True)
    assert [(iso([time])[0], *rest) for time, *rest in rows] == BAC_DAYS


@pytest.mark.skipif(not SHARED.is_dir(), reason="the wide data directory is not here (PI5_SHARED)")
@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "SPY"])
def test_resampled_hours_are_the_vendors_daily_bars_but_on_early_half_days(symbol: str) -> None:
    """5,849 sessions of each: daily bars differ on half-days alone, where the vendor's include prints after the early close."""
    hourly, daily = (_of(SHARED / "data" / f"equity_1{size}.parquet", symbol) for size in "hd")
    made_of = resample(hourly, FRAMES["1d"])
    assert made_of.bars.time.tolist() == daily.time.tolist()
    columns = [(getattr(made_of.bars, name), getattr(daily, name)) for name in COLUMNS[1:]]
    differs = np.any([~np.isclose(ours, theirs, rtol=1e-12) for ours, theirs in columns], axis=0)
    closes = made_of.end[differs]
    assert len(closes) <= 23
    assert all(text[11:] in {"18:00", "17:00"} for text in iso(closes)), iso(closes)


def _of(path: Path, symbol: str) -> Bars:
    return read_file(path, [symbol])[0]
