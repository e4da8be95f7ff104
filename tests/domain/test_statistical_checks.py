"""Improbable bars: errors of vendors are found by name, and what markets really do is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from domain.examination import examine
from domain.market import DAY, HOUR, TIMEFRAMES, AssetClass, CorporateAction, Instrument
from domain.new_york import day_of
from domain.quality import Rows
from domain.sessions import expected_bars

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from domain.market import Timeframe

EQUITY, CRYPTO, FX = (Instrument.of("X", kind) for kind in (AssetClass.EQUITY, AssetClass.CRYPTO, AssetClass.FX))
DAILY, HOURLY, MINUTES = TIMEFRAMES["1d"], TIMEFRAMES["1h"], TIMEFRAMES["1m"]
CALENDARS = {"XNYS": EQUITY, "24/7": CRYPTO, "FX": FX}
NOW = day_of(2026, 11, 21) * DAY
PRICES = ("open", "high", "low", "close")

type Columns = dict[str, np.ndarray]
type Change = Callable[[Columns], None]


def walk(count: int, sigma: float = 0.01, seed: int = 1) -> Columns:
    """Return a random walk from 100 whose bars open where the last one closed."""
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, sigma, count)))
    opened = np.concatenate([[100.0], close[:-1]])
    spread = 1.0 + np.abs(random.normal(0.0, 0.4 * sigma, (2, count)))
    high, low = np.maximum(opened, close) * spread[0], np.minimum(opened, close) / spread[1]
    return {"open": opened, "high": high, "low": low, "close": close, "volume": np.rint(random.lognormal(10.0, 0.5, count))}


def found(
    columns: Columns,
    times: np.ndarray,
    timeframe: Timeframe = DAILY,
    instrument: Instrument = EQUITY,
    actions: Sequence[CorporateAction] = (),
) -> list[tuple[int, str]]:
    """Return row and kind of every finding."""
    rows = Rows(("X",), np.zeros(len(times), np.int64), times, *(columns[name] for name in (*PRICES, "volume")))
    return [(finding.row, finding.kind) for finding in examine(rows, timeframe, {"X": instrument}, NOW, actions)[1]]


def days(count: int) -> np.ndarray:
    """Return the first daily bars of New York from 2015 on."""
    return expected_bars(day_of(2015, 1, 2), day_of(2015, 1, 2) + 2 * count, DAILY, "XNYS")[:count]


def scale(rows: slice, factor: float) -> Change:
    """Return the change that multiplies all prices of ``rows``."""

    def change(columns: Columns) -> None:
        for name in PRICES:
            columns[name][rows] *= factor

    return change


def put(name: str, row: int, factor: float) -> Change:
    """Return the change that multiplies one value."""

    def change(columns: Columns) -> None:
        columns[name][row] *= factor

    return change


def bad_close(columns: Columns) -> None:
    """Let a bar close, and fall, far below the next opening."""
    columns["close"][200] *= 0.75
    columns["low"][200] = columns["close"][200]
    columns["open"][201] = columns["open"][200]
    columns["low"][201] = min(columns[name][201] for name in PRICES)
    columns["high"][201] = max(columns[name][201] for name in PRICES)


def bad_open(columns: Columns) -> None:
    """Let a bar open at twice the price, and leave its close where it was."""
    columns["open"][200] *= 2.0
    columns["high"][200] = columns["open"][200]


def freeze(columns: Columns) -> None:
    """Repeat a bar six times."""
    for name in (*PRICES, "volume"):
        columns[name][200:206] = columns["close"][200] if name != "volume" else columns["volume"][200]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (scale(slice(200, 201), 1.3), [(200, "spike")]),
        (scale(slice(200, 201), 0.7), [(200, "drop")]),
        (put("high", 200, 1.3), [(200, "spike")]),
        (put("low", 200, 0.7), [(200, "drop")]),
        (bad_close, [(200, "drop")]),
        (bad_open, [(200, "spike")]),
        (scale(slice(200, 203), 100.0), [(row, "unit_error_100x") for row in (200, 201, 202)]),
        (scale(slice(200, 201), 0.01), [(200, "unit_error_100x")]),
        (scale(slice(200, 225), 1 / 7), [(200, "split_unadjusted"), (225, "split_unadjusted")]),
        (scale(slice(200, 220), 20.0), [(200, "split_unadjusted"), (220, "split_unadjusted")]),
        (scale(slice(200, None), 0.5), [(200, "split_unadjusted")]),
        (freeze, [(row, "stale_price") for row in range(200, 206)]),
        (put("volume", 200, 0.0), [(200, "volume_zero")]),
        (put("volume", 200, 500.0), [(200, "volume_outlier")]),
    ],
)
def test_error_is_found_by_name_at_its_rows_alone(change: Change, expected: list[tuple[int, str]]) -> None:
    """One error in 400 days, whose exact rows are known."""
    columns = walk(400)
    change(columns)
    assert found(columns, days(400)) == expected


@pytest.mark.parametrize(("volume", "expected"), [(1.0, [(200, "drop")]), (1.4, [(200, "drop")]), (1.7, []), (4.0, [])])
def test_wick_is_believed_the_more_the_more_was_traded(volume: float, expected: list[tuple[int, str]]) -> None:
    """A low 12 % below everything, six usual deviations: a market that went there and back would have traded on the way."""
    columns = walk(400, 0.02)
    columns["volume"][:] = 10_000.0
    columns["volume"][200] = 10_000.0 * volume
    columns["low"][200] = 0.88 * min(columns["low"][199:202])
    assert found(columns, days(400)) == expected


def test_wick_where_no_volume_is_known_needs_more_to_be_doubted() -> None:
    """Nine deviations, as on a busy bar: a currency has no volume that could speak against it."""
    columns = walk(400, 0.02)
    columns["volume"][:] = np.nan
    for depth, expected in ((0.88, []), (0.75, [(200, "drop")])):
        columns["low"][200] = depth * min(columns["low"][199], columns["low"][201], columns["open"][200], columns["close"][200])
        assert found(columns, days(400)) == expected


def test_opening_that_the_day_makes_good_in_part_is_the_market_s() -> None:
    """Down 20 % at the opening, half of it back at the close."""
    columns = walk(400)
    columns["open"][200] = columns["low"][200] = 0.8 * columns["close"][199]
    scale(slice(201, None), 0.9)(columns)
    columns["close"][200] = columns["open"][201]
    columns["high"][200] = max(columns[name][200] for name in PRICES if name != "high")
    assert found(columns, days(400)) == []


def test_random_walk_has_no_finding_at_any_length_of_bar() -> None:
    """Twenty seeds, daily and minute bars."""
    minutes = expected_bars(day_of(2015, 1, 2), day_of(2015, 1, 20), MINUTES, "XNYS")
    for seed in range(20):
        assert found(walk(400, seed=seed), days(400)) == []
        assert found(walk(len(minutes), 0.0005, seed), minutes, MINUTES) == []


def crash(columns: Columns) -> None:
    """Open 40 % lower on great volume and stay there."""
    scale(slice(200, None), 0.6)(columns)
    columns["low"][200] *= 0.9
    columns["volume"][200:204] *= 12.0


def panic(columns: Columns) -> None:
    """Fall by 30 % within a day and come back over three."""
    for row, level in ((200, 0.7), (201, 0.8), (202, 0.9)):
        for name in PRICES:
            columns[name][row] *= level
        columns["open"][row] = columns["close"][row - 1]
        columns["high"][row] = max(columns[name][row] for name in PRICES)
        columns["low"][row] = min(columns[name][row] for name in PRICES)
    columns["open"][203] = columns["close"][202]
    columns["low"][203] = min(columns["low"][203], columns["open"][203])


def expiry(columns: Columns) -> None:
    """Trade twenty times as much as usual for once."""
    columns["volume"][200] *= 20.0


def close_at(fall: float, then: float) -> Change:
    """Return the change by which a bar closes at ``fall`` of its open, its low, and the next opens at ``then`` of it."""

    def change(columns: Columns) -> None:
        columns["close"][200] = columns["low"][200] = columns["open"][200] * fall
        scale(slice(201, None), columns["open"][200] * then / columns["open"][201])(columns)

    return change


@pytest.mark.parametrize(
    "change",
    [close_at(0.75, 0.86), close_at(0.75, 0.55), crash, panic, expiry, put("low", 200, 0.94), scale(slice(200, None), 1.25)],
)
def test_what_markets_do_is_not_flagged(change: Change) -> None:
    """A fall half made good or gone on over night, a new level that stays, a slow way back, a busy day, a wick, a takeover."""
    columns = walk(400)
    change(columns)
    assert found(columns, days(400)) == []


def together(count: int, changed: Sequence[int]) -> list[tuple[str, int, str]]:
    """Return the findings of ``count`` symbols of which some have a low a fifth below everything on one day."""
    parts: list[Columns] = [walk(400, seed=10 + n) for n in range(count)]
    for n in changed:
        parts[n]["low"][200] *= 0.8
    columns = (np.concatenate([part[name] for part in parts]) for name in (*PRICES, "volume"))
    symbols = tuple("ABCDE"[:count])
    rows = Rows(symbols, np.repeat(np.arange(count), 400), np.tile(days(400), count), *columns)
    known = {symbol: Instrument.of(symbol) for symbol in symbols}
    return [(one.symbol, one.row, one.kind) for one in examine(rows, DAILY, known, NOW)[1]]


def test_fall_of_all_symbols_in_one_bar_is_the_market_s_and_of_one_alone_is_not() -> None:
    """A flash crash takes everything with it; two symbols are too few to confirm each other."""
    assert together(4, range(4)) == []
    assert together(4, [1]) == [("B", 600, "drop")]
    assert together(4, [1, 2]) == [("B", 600, "drop"), ("C", 1000, "drop")]
    assert together(2, range(2)) == [("A", 200, "drop"), ("B", 600, "drop")]


def test_declared_split_is_no_error_and_one_that_the_prices_do_not_show_is() -> None:
    """A corporate action explains its own gap; adjusted prices with raw actions would be adjusted twice."""
    times = days(400)
    date = str(np.datetime64(int(times[200]), "us").astype("datetime64[D]"))
    declared = (CorporateAction("X", date, "split", 4.0), CorporateAction("Y", date, "split", 2.0))
    columns = walk(400)
    assert found(columns, times, actions=declared) == [(200, "split_unadjusted")]
    scale(slice(200, None), 0.25)(columns)
    assert found(columns, times, actions=declared) == []
    assert found(columns, times) == [(200, "split_unadjusted")]


@pytest.mark.parametrize(
    ("volume", "factor", "expected"),
    [
        (1.0, 0.5, [(200, "split_unadjusted")]),
        (4.5, 0.5, [(200, "split_unadjusted")]),
        (5.5, 0.5, []),
        (np.nan, 0.5, []),
        (1.0, 0.7, []),
    ],
)
def test_split_of_a_wild_share_is_told_by_its_usual_volume(volume: float, factor: float, expected: list[tuple[int, str]]) -> None:
    """Half of the price is 13 deviations of a share that moves 5 % a day, 0.7 of it are 7: too few.

    A split of 2 for 1 doubles the shares that trade, from then on: 9 times those before it are 4.5 times the money, 11 times 5.5.
    """
    columns = walk(400, 0.05)
    columns["volume"][:200], columns["volume"][200:] = 10_000.0, np.rint(10_000.0 / factor)
    columns["volume"][200] *= volume
    if np.isnan(volume):
        columns["volume"][:] = volume
    scale(slice(200, None), factor)(columns)
    assert found(columns, days(400)) == expected


@pytest.mark.parametrize(("volume", "expected"), [(1.0, [(200, "split_unadjusted"), (225, "split_unadjusted")]), (40.0, [])])
def test_level_left_and_regained_on_news_is_the_market_s(volume: float, expected: list[tuple[int, str]]) -> None:
    """Down by a third, up by a half 25 days later: an error where nobody traded more, news where 40 times as much was."""
    columns = walk(400)
    scale(slice(200, 225), 2 / 3)(columns)
    columns["volume"][:] = 10_000.0
    columns["volume"][[200, 225]] *= volume
    assert found(columns, days(400)) == expected


@pytest.mark.parametrize(("volume", "expected"), [(1.0, [(200, "spike")]), (15.0, [(200, "spike")]), (30.0, [])])
def test_day_apart_from_its_neighbours_is_believed_on_news(volume: float, expected: list[tuple[int, str]]) -> None:
    """Up by 80 % and back at the next opening, on thirty times the volume: it was traded there."""
    columns = walk(400)
    columns["volume"][:] = 10_000.0
    columns["volume"][200:202] *= volume
    scale(slice(200, 201), 1.8)(columns)
    assert found(columns, days(400)) == expected


@pytest.mark.parametrize(("width", "expected"), [(0.12, [(200, "split_unadjusted")]), (0.20, [])])
def test_day_of_a_split_may_be_as_wide_as_a_quarter_of_the_gap(width: float, expected: list[tuple[int, str]]) -> None:
    """Seven usual ranges, but little beside a gap of ln 2 = 0.69; a bar of 0.20 is more than its quarter, 0.17."""
    columns = walk(400)
    scale(slice(200, None), 0.5)(columns)
    columns["low"][200] = columns["high"][200] * np.exp(-width)
    columns["low"][199] = columns["low"][201] = columns["low"][200]
    assert [(row, kind) for row, kind in found(columns, days(400)) if kind == "split_unadjusted"] == expected


def test_equal_bars_without_volume_are_told_as_one_run() -> None:
    """A feed that stood still for a year is one fact: its first forty bars are named."""
    times = (day_of(2018, 1, 1) + np.arange(1000)) * DAY
    still = {name: np.full(1000, 5.0) for name in (*PRICES, "volume")}
    kinds = found(still, times, instrument=CRYPTO)
    assert kinds == [(row, "stale_price") for row in range(40)]


def test_volume_that_a_series_never_has_is_no_zero() -> None:
    """Indices and some currencies have a volume of 0 in every bar."""
    columns = walk(400)
    columns["volume"][:] = 0.0
    assert found(columns, days(400)) == []


def test_daily_bar_at_another_time_of_day_is_shifted() -> None:
    """Two usual stamps are accepted, one lone bar at 14:00 is not."""
    times = days(400)
    times[100] += 9 * HOUR
    assert found(walk(400), times) == [(100, "timezone_shift")]
    mixed = np.where(np.arange(400) % 2 == 0, days(400), days(400) // DAY * DAY)
    assert found(walk(400), mixed) == []


@pytest.mark.parametrize("hours", [-5, -4, 4, 5])
@pytest.mark.parametrize(("calendar", "timeframe"), [("XNYS", HOURLY), ("XNYS", MINUTES), ("24/7", HOURLY), ("FX", HOURLY)])
def test_moved_day_is_found_whole_and_no_bar_of_another_day(hours: int, calendar: str, timeframe: Timeframe) -> None:
    """The bars of a Wednesday, moved by hours of a mistaken zone."""
    times = expected_bars(day_of(2018, 6, 4), day_of(2018, 6, 22), timeframe, calendar)
    moved = np.flatnonzero(times // DAY == day_of(2018, 6, 13))
    times[moved] += hours * HOUR
    rows = [row for row, kind in found(walk(len(times), 0.0005), times, timeframe, CALENDARS[calendar]) if kind == "timezone_shift"]
    assert rows == moved.tolist()


@pytest.mark.parametrize(
    ("gone", "after"), [((2018, 6, 10), (2018, 6, 11)), ((2018, 6, 11), (2018, 6, 12)), ((2018, 6, 13), (2018, 6, 14))]
)
def test_daily_currencies_that_trade_on_sundays_miss_any_day(gone: tuple[int, int, int], after: tuple[int, int, int]) -> None:
    """The calendar counts Sunday to Monday, so one of the two fills the session of both."""
    all_days = day_of(2018, 1, 1) + np.arange(400)
    traded = all_days[
        ((all_days + 3) % 7 != 5) & ~np.isin(all_days, [day_of(2018, 1, 1), day_of(2018, 12, 25), day_of(2019, 1, 1)])
    ]
    assert found(walk(len(traded), 0.004), traded * DAY, instrument=FX) == []
    kept = traded[traded != day_of(*gone)] * DAY
    (next_row,) = np.flatnonzero(kept == day_of(*after) * DAY)
    assert found(walk(len(kept), 0.004), kept, instrument=FX) == [(int(next_row), "missing_bars")]


def test_two_holes_a_day_apart_are_no_moved_day() -> None:
    """Three hours are missing, and a day later two: nothing came back."""
    times = np.delete(expected_bars(day_of(2018, 6, 4), day_of(2018, 6, 22), HOURLY, "24/7"), [100, 101, 102, 127, 128])
    kinds = found(walk(len(times), 0.0005), times, HOURLY, CRYPTO)
    assert kinds == [(100, "missing_bars"), (124, "missing_bars")]


def test_minutes_without_a_quote_are_told_only_where_they_are_rare() -> None:
    """A hole of one bar is usual in a thin series; a longer one is told in any."""
    times = expected_bars(day_of(2018, 6, 4), day_of(2018, 6, 8), MINUTES, "FX")
    thin = np.delete(times, np.arange(100, len(times), 97))
    assert found(walk(len(thin), 0.0002), thin, MINUTES, FX) == []
    holed = np.delete(thin, [50, 51])
    assert found(walk(len(holed), 0.0002), holed, MINUTES, FX) == [(50, "missing_bars")]


@pytest.mark.parametrize("absent", [0.08, 0.2, 0.4])
def test_holes_as_long_as_chance_makes_them_are_usual_and_longer_ones_are_not(absent: float) -> None:
    """Minutes absent at random, up to two of five: no hole of chance is told but one, and one of forty minutes is."""
    times = expected_bars(day_of(2018, 6, 4), day_of(2018, 6, 8), MINUTES, "FX")
    thin = times[np.random.default_rng(1).random(len(times)) >= absent]
    assert len(found(walk(len(thin), 0.0002), thin, MINUTES, FX)) <= 1
    holed = thin[(thin < times[1000]) | (thin >= times[1040])]
    assert (int(np.searchsorted(holed, times[1000])), "missing_bars") in found(walk(len(holed), 0.0002), holed, MINUTES, FX)


def no_trade(columns: Columns, rows: np.ndarray) -> None:
    """Let nothing trade in ``rows``: the last price and no volume."""
    for name in PRICES:
        columns[name][rows] = columns["open"][rows]
    columns["volume"][rows] = 0.0


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5])
def test_days_without_a_trade_are_usual_in_a_thin_share(share: float) -> None:
    """Days of one trade tell that there are days of none; several of those in a row are no feed that stood still."""
    columns = walk(800)
    random = np.random.default_rng(2)
    single, none = np.flatnonzero(random.random(800) < 0.05), np.flatnonzero(random.random(800) < share)
    no_trade(columns, single)
    columns["volume"][single] = 100.0
    no_trade(columns, none)
    kinds = {kind for _, kind in found(columns, days(800))}
    assert kinds & {"volume_zero", "stale_price"} == set()


def test_one_day_without_a_trade_is_told_where_every_other_has_many() -> None:
    """No other bar has one price: this one lacks its data."""
    columns = walk(800)
    no_trade(columns, np.array([300]))
    assert (300, "volume_zero") in found(columns, days(800))


def test_late_reports_after_an_early_close_are_no_trading() -> None:
    """Small prints after 13:00 on a half-day belong to trades of the session."""
    opening = day_of(2018, 7, 3) * DAY + 13 * HOUR
    columns, times = walk(7, 0.002), opening + HOUR * np.arange(7)
    columns["volume"][:] = [500, 900, 800, 700, 40, 20, 10]
    assert found(columns, times, HOURLY) == []
    columns["volume"][:] = 700.0
    assert [kind for _, kind in found(columns, times, HOURLY)] == ["after_early_close"] * 3
