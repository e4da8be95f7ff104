"""Bars that cannot be true: each is found by name, kept with its reason, and nothing true is touched."""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import examination
from domain.hard_checks import _in_order
from domain.market import DAY, HOUR, MINUTE, TIMEFRAMES, AssetClass, Instrument
from domain.new_york import day_of
from domain.quality import IMPROBABLE, NO_TIME, Finding, Partition, Rows
from domain.sessions import expected_bars

if TYPE_CHECKING:
    from domain.market import Timeframe


def examine(
    found: Rows, timeframe: Timeframe, instruments: dict[str, Instrument], now: int | None = None
) -> tuple[Partition, list[Finding]]:
    """Return the division and what cannot be true; bars this regular are improbable, which is another test's business."""
    checked, findings = examination.examine(found, timeframe, instruments, now)
    return checked, [finding for finding in findings if finding.kind not in IMPROBABLE]


def hard_checks(found: Rows, timeframe: Timeframe, instruments: dict[str, Instrument], now: int | None = None) -> list[Finding]:
    """Return what cannot be true."""
    return examine(found, timeframe, instruments, now)[1]


DAILY, HOURLY, MINUTES = TIMEFRAMES["1d"], TIMEFRAMES["1h"], TIMEFRAMES["1m"]
CRYPTO, FX, EQUITY = (Instrument.of("X", kind) for kind in (AssetClass.CRYPTO, AssetClass.FX, AssetClass.EQUITY))
START = day_of(2018, 6, 4)
INF, NAN = float("inf"), float("nan")


def rows(*bars: tuple[int, float, float, float, float, float]) -> Rows:
    """Return bars of X as (time, open, high, low, close, volume)."""
    columns = [np.array(column, np.float64) for column in zip(*bars, strict=True)][1:]
    times = np.array([bar[0] for bar in bars], np.int64)
    return Rows(("X",), np.zeros(len(bars), np.int64), times, *columns)


def days(count: int) -> list[int]:
    """Return the starts of the first daily crypto bars."""
    return [(START + n) * DAY for n in range(count)]


def good(time: int) -> tuple[int, float, float, float, float, float]:
    """Return a bar that can be true."""
    return (time, 10.0, 12.0, 9.0, 11.0, 100.0)


def kinds(
    found: Rows, timeframe: Timeframe = DAILY, instrument: Instrument = CRYPTO, now: int | None = None
) -> list[tuple[int, str]]:
    """Return row and kind of every finding."""
    return [(finding.row, finding.kind) for finding in hard_checks(found, timeframe, {"X": instrument}, now)]


@pytest.mark.parametrize(
    ("bar", "expected"),
    [
        ((NAN, 12, 9, 11, 1), ["nan_price"]),
        ((10, INF, 9, 11, 1), ["infinite_price"]),
        ((10, 12, -INF, 11, 1), ["infinite_price"]),
        ((10, 12, 0.0, 11, 1), ["zero_price"]),
        ((10, 12, -0.0, 11, 1), ["zero_price"]),
        ((10, 12, -9, 11, 1), ["negative_price"]),
        ((10, 9, 12, 11, 1), ["high_low_crossed"]),
        ((13, 12, 9, 11, 1), ["open_outside_range"]),
        ((10, 12, 9, 8.99, 1), ["close_outside_range"]),
        ((13, 12, 9, 8, 1), ["open_outside_range", "close_outside_range"]),
        ((10, 12, 9, 11, -1), ["volume_negative"]),
        ((10, 12, 9, 11, 2.0**63), ["volume_overflow"]),
        ((10, 12, 9, 11, INF), ["volume_overflow"]),
        ((NAN, 12, 9, 11, -5), ["nan_price", "volume_negative"]),
        ((12, 12, 12, 12, 0), []),
        ((10, 12, 9, 11, NAN), []),
        ((10, 12, 9, 11, 0.5), []),
    ],
)
def test_bar_that_breaks_a_rule_is_quarantined_with_its_name(bar: tuple[float, ...], expected: list[str]) -> None:
    """One rule a case; the values stay as they came, and a bar that can be true stays good."""
    first, second, third = days(3)
    checked, findings = examine(rows(good(first), (second, *bar), good(third)), DAILY, {"X": CRYPTO})  # type: ignore[arg-type]  # six numbers
    assert [(finding.row, finding.kind) for finding in findings if finding.kind != "missing_bars"] == [
        (1, kind) for kind in expected
    ]
    assert checked.bars[0].time.tolist() == ([first, third] if expected else [first, second, third])
    if expected:
        (kept,) = checked.quarantined
        assert kept.kinds == tuple(expected)
        assert np.array_equal([kept.open, kept.high, kept.low, kept.close, kept.volume], bar, equal_nan=True)


def test_detail_says_which_value_and_what_it_was() -> None:
    """A person sees the reason without opening the file."""
    (finding, *_) = hard_checks(rows((days(1)[0], 10, 12, -9, 0, 1)), DAILY, {"X": CRYPTO})
    assert (finding.kind, finding.detail) == ("zero_price", "close is 0.0")


def test_fraction_of_a_share_is_refused_and_of_a_coin_is_not() -> None:
    """Shares trade whole."""
    bar = (days(1)[0], 10, 12, 9, 11, 0.5)
    assert kinds(rows(bar), instrument=EQUITY) == [(0, "volume_fractional")]
    assert kinds(rows(bar), instrument=CRYPTO) == kinds(rows(bar), instrument=FX) == []


def test_repeated_bar_is_ignored_and_counted_and_another_version_is_kept() -> None:
    """The same values again say nothing new; other values for a bar are a version that somebody must see."""
    first, second = days(2)
    other = (second, 10.0, 12.0, 9.0, 11.5, 100.0)
    checked, findings = examine(rows(good(first), good(second), good(second), other, good(second)), DAILY, {"X": CRYPTO})
    assert [(found.row, found.kind) for found in findings] == [
        (2, "duplicate_exact"),
        (3, "duplicate_conflicting"),
        (4, "duplicate_exact"),
    ]
    assert checked.repeated == 2
    assert checked.bars[0].close.tolist() == [11.0, 11.0]
    assert [(kept.row, kept.close) for kept in checked.quarantined] == [(3, 11.5)]


def test_repeat_with_unknown_volume_is_the_same_bar() -> None:
    """Two unknown volumes are no conflict."""
    bar = (days(1)[0], 10, 12, 9, 11, NAN)
    assert kinds(rows(bar, bar)) == [(1, "duplicate_exact")]


def test_bad_row_does_not_displace_the_good_one_of_its_bar() -> None:
    """The first row that can be true is the bar, whatever arrived before it."""
    first = days(1)[0]
    checked, _ = examine(rows((first, NAN, 12, 9, 11, 1), good(first)), DAILY, {"X": CRYPTO})
    assert checked.bars[0].open.tolist() == [10.0]
    assert [kept.row for kept in checked.quarantined] == [0]


def test_daily_bar_stamped_in_two_ways_is_one_bar() -> None:
    """00:00 UTC and 00:00 New York name the same session."""
    day = START * DAY
    assert kinds(rows(good(day + 4 * HOUR), good(day)), instrument=EQUITY) == [(1, "duplicate_exact")]


def test_late_rows_are_flagged_and_sorted() -> None:
    """Out-of-order rows are good rows in the wrong place."""
    first, second, third, fourth = days(4)
    checked, findings = examine(rows(good(first), good(third), good(second), good(fourth)), DAILY, {"X": CRYPTO})
    assert [(found.row, found.kind) for found in findings] == [(2, "out_of_order")]
    assert checked.bars[0].time.tolist() == [first, second, third, fourth]
    assert checked.quarantined == ()


@pytest.mark.parametrize(
    ("arrival", "marked"),
    [
        ([0, 1, 9, 2, 3, 4, 5, 6, 7, 8], [2]),  # one row with a later date
        ([5, 0, 1, 2, 3, 4], [0]),
        ([0, 1, 2, 3, 4, 5, 1], []),  # that is a repeat
        ([0, 1, 2, 4, 5, 3, 6], [5]),  # three bars late
        ([0, 2, 1, 3, 5, 4, 6], [2, 5]),
        ([0, 3, 4, 1, 2, 5], [3, 4]),  # as many the other way: those that arrived later
        ([0, 1, 4, 2, 3, 5], [3, 4]),  # two late rows are likelier than one dated too late
        ([0, 1, 4, 4, 2, 3, 5], [4, 5]),  # a repeat is told as one, and not as late
        ([5, 4, 3, 2, 1, 0], [0]),  # newest first is one fact
    ],
)
def test_rows_that_break_the_order_are_flagged_and_those_around_them_not(arrival: list[int], marked: list[int]) -> None:
    """A row out of place says nothing against those around it, and each is told beside which bar it stands."""
    at = days(10)
    findings = examine(rows(*(good(at[place]) for place in arrival)), DAILY, {"X": CRYPTO})[1]
    found = [finding for finding in findings if finding.kind == "out_of_order"]
    assert [finding.row for finding in found] == marked
    assert all(
        finding.detail.startswith(("arrived after the bar of ", "arrived before the bar of ", "all 6 ")) for finding in found
    )


def test_a_row_out_of_place_is_told_by_the_bar_beside_it() -> None:
    """The tenth day stands before the third; the second stands behind the fourth."""
    at = days(10)
    early, late = (
        examine(rows(*(good(at[place]) for place in arrival)), DAILY, {"X": CRYPTO})[1]
        for arrival in ([0, 1, 9, 2, 3, 4], [0, 2, 3, 1])
    )
    assert [one.detail for one in early if one.kind == "out_of_order"] == ["arrived before the bar of 2018-06-06T00:00:00Z"]
    assert [one.detail for one in late if one.kind == "out_of_order"] == ["arrived after the bar of 2018-06-07T00:00:00Z"]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_rows_left_in_order_are_as_many_as_can_be(keys: list[int]) -> None:
    """Beside a table of the longest non-falling run that ends with each row."""
    best = [1] * len(keys)
    for end in range(len(keys)):
        best[end] = 1 + max((best[one] for one in range(end) if keys[one] <= keys[end]), default=0)
    kept = _in_order(np.array(keys, np.int64))
    assert int(kept.sum()) == max(best)
    assert np.all(np.diff(np.array(keys)[kept]) >= 0)


def test_future_bar_is_quarantined_and_makes_no_other_bar_late() -> None:
    """A stamp decades ahead says nothing about the rows after it; without a clock there is no future."""
    first, second, third = days(3)
    ahead = first + 40 * 365 * DAY
    found = rows(good(first), good(ahead), good(second), good(third))
    assert kinds(found, now=third) == [(1, "future_timestamp")]
    assert (1, "future_timestamp") not in kinds(found)


def test_unreadable_and_mistaken_times_are_quarantined() -> None:
    """A time that is none, and seconds read as milliseconds."""
    found = rows(good(NO_TIME), good(1_528_070_400_000), good(days(1)[0]))
    assert kinds(found) == [(0, "bad_timestamp"), (1, "implausible_timestamp")]


def test_bar_inside_a_holiday_is_flagged_and_kept() -> None:
    """4 July 2018 for New York; crypto has no holidays."""
    holiday = day_of(2018, 7, 4) * DAY + 4 * HOUR
    checked, findings = examine(rows(good(holiday)), DAILY, {"X": EQUITY})
    assert [found.kind for found in findings] == ["off_calendar"]
    assert len(checked.bars[0]) == 1
    assert kinds(rows(good(holiday))) == []


def test_half_day_with_the_bars_of_a_full_day_is_flagged() -> None:
    """Regular-hours bars end at 13:00 on 3 July 2018; a series with after-hours bars rightly goes on."""
    opening = day_of(2018, 7, 3) * DAY + 13 * HOUR
    full = [good(opening + n * HOUR) for n in range(7)]
    assert kinds(rows(*full), HOURLY, EQUITY) == [(row, "after_early_close") for row in (4, 5, 6)]
    assert kinds(rows(*full, good(opening + 7 * HOUR)), HOURLY, EQUITY) == []


@pytest.mark.parametrize("size", [1, 30, 10_000])
def test_hole_is_flagged_at_the_first_row_after_it(size: int) -> None:
    """However long the hole is, and in whatever order the rows arrive."""
    times = expected_bars(day_of(2008, 1, 2), day_of(2018, 12, 31), HOURLY, "XNYS")
    present = np.concatenate([times[:50], times[50 + size : 100 + size]])
    found = rows(*(good(int(time)) for time in present))
    assert kinds(found, HOURLY, EQUITY) == [(50, "missing_bars")]
    detail = hard_checks(found, HOURLY, {"X": EQUITY})[0].detail
    assert detail.startswith(f"{size} bars are missing before it, from ")


def test_symbols_are_checked_apart_and_listed_in_order_of_their_rows() -> None:
    """Rows of two symbols interleave; equal times of two symbols are no duplicates."""
    first, second = days(2)
    pair = rows(good(first), good(first), good(second), good(second))
    both = Rows(("A", "B"), np.array([1, 0, 1, 0]), pair.time, pair.open, pair.high, pair.low, pair.close, pair.volume)
    checked, findings = examine(both, DAILY, {name: Instrument.of(name, AssetClass.CRYPTO) for name in "AB"})
    assert findings == []
    assert [bars.symbol for bars in checked.bars] == ["A", "B"]


numbers = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 10.0, 11.0, 12.0, NAN, INF, 2.0**63]))
bar_rows = st.lists(
    st.tuples(st.integers(START - 2, START + 6), numbers, numbers, numbers, numbers, numbers), min_size=1, max_size=30
)


@given(bar_rows)
def test_any_rows_are_divided_without_loss_and_the_good_ones_can_be_true(
    drawn: list[tuple[int, float, float, float, float, float]],
) -> None:
    """Good, quarantined and repeated rows add up; no value changes; what is good meets every rule and is in order."""
    found = rows(*((day * DAY, *values) for day, *values in drawn))  # type: ignore[arg-type]  # six numbers
    checked, _ = examine(found, DAILY, {"X": CRYPTO})
    (bars,) = checked.bars or (None,)
    size = 0 if bars is None else len(bars)
    assert size + len(checked.quarantined) + checked.repeated == len(drawn)
    for kept in checked.quarantined:
        assert np.array_equal([kept.open, kept.high, kept.low, kept.close, kept.volume], drawn[kept.row][1:], equal_nan=True)
    if bars is not None:
        assert np.all(np.diff(bars.time) > 0)
        prices = np.vstack([bars.open, bars.high, bars.low, bars.close])
        assert np.all(np.isfinite(prices) & (prices > 0))
        assert np.all((bars.low <= prices) & (prices <= bars.high))
        assert not np.any((bars.volume < 0) | (bars.volume >= 2.0**63))


def test_million_good_minutes_are_checked_in_seconds() -> None:
    """The checks are array arithmetic."""
    times = START * DAY + MINUTE * np.arange(1_000_000, dtype=np.int64)
    price = np.full(len(times), 10.0)
    many = Rows(("X",), np.zeros(len(times), np.int64), times, price, price, price, price, price)
    start = clock.process_time()
    assert hard_checks(many, MINUTES, {"X": CRYPTO}) == []
    assert clock.process_time() - start < 5.0
