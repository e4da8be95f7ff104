"""Bars with their actions as a history: what a person is warned of, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest
from histories import DAILY, HOURLY, MONDAY, history, market
from msgspec import structs

from domain.errors import DataError, InputError
from domain.ledger import dataset_id
from domain.market import DAY, HOUR, MINUTE, AssetClass, CorporateAction, Instrument
from domain.symbol_changes import SymbolChange
from tasks.backtest import BacktestRequest, run_backtest
from tasks.database.bars import read_symbol_changes, save_actions, save_instruments, save_symbol_changes, upsert_bars
from tasks.history import between, from_database, from_file, splits_only_stored
from tasks.ingest import Request, ingest

if TYPE_CHECKING:
    from pathlib import Path

    from domain.market import Bars
    from tasks.database.connection import Database


UNEQUAL = [10.0, 10.1, 10.0, 10.2, 10.1, 10.3]
"""Closes of a market that does not stand still."""


def bars_file(folder: Path, *markets: Bars) -> Path:
    """Write daily bars as CSV."""
    lines = ["time,symbol,open,high,low,close,volume"]
    for bars in markets:
        columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
        for time, *prices in zip(*(column.tolist() for column in columns), strict=True):
            lines.append(",".join([f"{np.datetime64(time, 'us')}Z", bars.symbol, *map(repr, prices)]))
    path = folder / "bars.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def actions_file(folder: Path, *rows: str) -> Path:
    """Write corporate actions as CSV."""
    path = folder / "actions.csv"
    path.write_text("\n".join(["symbol,ex_date,action,value,pay_date", *rows]) + "\n", "utf-8")
    return path


def after(ratio: float, symbol: str = "AAA") -> Bars:
    """Return six bars of which the fourth, 2021-03-04, opens as after a split of ``ratio`` for one."""
    return market(symbol, [120.0] * 3 + [120.0 / ratio] * 3)


# Warnings


def test_unknown_actions_are_named_for_the_symbols_of_the_run_only(tmp_path: Path) -> None:
    """A merger of a symbol that is traded is told with its line; that of another is not this run's matter."""
    bars = bars_file(tmp_path, market("AAA", UNEQUAL), market("BBB", UNEQUAL))
    actions = actions_file(tmp_path, "AAA,2021-03-03,merger,1.5,", "BBB,2021-03-03,spinoff,2,", "ZZZ,2021-03-03,merger,1,")
    found = from_file(bars, ["AAA"], DAILY, actions=actions).warnings
    assert found == (
        f"{actions} line 2: action 'merger' of AAA is not applied; known are split, dividend, delisting, symbol_change",
    )


def test_a_back_test_hands_on_what_was_not_applied(tmp_path: Path) -> None:
    """The warning stands in the contract's document."""
    bars = bars_file(tmp_path, market("AAA", UNEQUAL))
    actions = actions_file(tmp_path, "AAA,2021-03-03,merger,1.5,")
    document = run_backtest(BacktestRequest(("buy_and_hold",), bars=bars, actions=actions)).document
    assert [warning for warning in document["warnings"] if "merger" in warning]


@pytest.mark.parametrize("ratio", [1.5, 2, 6, 8, 15, 20, 50, 1 / 8, 1 / 15])
def test_a_split_that_nobody_declared_is_suspected(tmp_path: Path, ratio: float) -> None:
    """Any usual ratio, forward and reverse, by symbol and day; it is told once."""
    loaded = from_file(bars_file(tmp_path, after(ratio), market("BBB", [10.0, 11.0, 10.0, 11.0, 10.0, 11.0])), None, DAILY)
    assert loaded.warnings == ("AAA opens as after a split on 2021-03-04: see --actions",)


@pytest.mark.parametrize("ratio", [2, 6, 15, 1 / 8])
def test_a_declared_split_is_not_suspected(tmp_path: Path, ratio: float) -> None:
    """It explains the jump."""
    declared = actions_file(tmp_path, f"AAA,2021-03-04,split,{ratio},")
    assert from_file(bars_file(tmp_path, after(ratio)), None, DAILY, actions=declared).warnings == ()


def test_a_declared_split_without_a_trace_is_doubted_and_no_split_is_suspected(tmp_path: Path) -> None:
    """To ask for --actions would be wrong: it is they that do not fit the prices."""
    declared = actions_file(tmp_path, "AAA,2021-03-04,split,2,")
    (warning,) = from_file(bars_file(tmp_path, market("AAA", UNEQUAL)), None, DAILY, actions=declared).warnings
    assert "split_unadjusted 1; ./pi5 check-data" in warning


def test_a_declared_split_without_a_trace_is_doubted_on_the_bar_after_a_hole_too(tmp_path: Path) -> None:
    """Ex-date on a Saturday: its bar is Monday's."""
    declared = actions_file(tmp_path, "AAA,2021-03-06,split,2,")
    bars = market("AAA", [10.0, 10.1, 10.0, 10.2, 10.1, 10.3, 10.2, 10.1])
    (warning,) = from_file(bars_file(tmp_path, bars), None, DAILY, actions=declared).warnings
    assert "split_unadjusted 1; ./pi5 check-data" in warning


def test_a_jump_of_a_third_is_no_split(tmp_path: Path) -> None:
    """An opening at two thirds is what 3 for 2 gives; one at four fifths is a bad day."""
    assert from_file(bars_file(tmp_path, after(1.25)), None, DAILY).warnings == ()


def test_a_crash_with_trading_is_no_split(tmp_path: Path) -> None:
    """A bar that opens at half and trades ten times the volume over a wide range is news: the checks of data say so too."""
    calm, crash = after(2), 3
    volume, low = calm.volume.copy(), calm.low.copy()
    volume[crash], low[crash] = 10.0 * volume[crash], 0.7 * low[crash]
    loaded = from_file(bars_file(tmp_path, structs.replace(calm, volume=volume, low=low)), None, DAILY)
    assert not [warning for warning in loaded.warnings if "as after a split" in warning]


def test_one_file_of_actions_does_not_silence_the_suspicion(tmp_path: Path) -> None:
    """AAA's split is declared, BBB's is not: the second is told although there is a file."""
    bars = bars_file(tmp_path, after(8, "AAA"), after(6, "BBB"))
    loaded = from_file(bars, None, DAILY, actions=actions_file(tmp_path, "AAA,2021-03-04,split,8,"))
    assert loaded.warnings == ("BBB opens as after a split on 2021-03-04: see --actions",)


def test_without_a_file_of_actions_both_are_suspected(tmp_path: Path) -> None:
    """The same bars with nothing declared."""
    loaded = from_file(bars_file(tmp_path, after(8, "AAA"), after(1 / 8, "BBB")), None, DAILY)
    assert [warning[:3] for warning in loaded.warnings] == ["AAA", "BBB"]


def test_coins_do_not_split(tmp_path: Path) -> None:
    """A coin that halves overnight has halved."""
    loaded = from_file(bars_file(tmp_path, after(2, "BTC-USD")), None, DAILY, asset_class=AssetClass.CRYPTO)
    assert not [warning for warning in loaded.warnings if "as after a split" in warning]


def test_bars_after_a_delisting_are_left_out_and_told(tmp_path: Path) -> None:
    """A vendor goes on with last prices; nobody can trade there. One before the first bar was of another share."""
    bars = market("AAA", UNEQUAL)
    path = bars_file(tmp_path, bars)
    loaded = from_file(path, None, DAILY, actions=actions_file(tmp_path, "AAA,2021-03-04,delisting,0.1,"))
    assert loaded.history.bars[0].time.tolist() == bars.time[:3].tolist()
    assert loaded.warnings == ("3 bars of AAA on or after its delisting on 2021-03-04 are left out",)
    earlier = from_file(path, None, DAILY, actions=actions_file(tmp_path, "AAA,2021-02-01,delisting,0.1,"))
    assert len(earlier.history.bars[0]) == 6
    assert earlier.warnings == ()


# The present


def test_bars_after_the_present_are_left_out_and_named(tmp_path: Path) -> None:
    """A bar of 2099 is no past; the clock changes nothing else."""
    past = market("AAA", UNEQUAL)
    path = bars_file(tmp_path, past)
    with path.open("a") as file:
        file.write("2099-01-05T05:00:00Z,AAA,20,20,20,20,1000\n")
    whole, later = (from_file(path, None, DAILY, now=now) for now in (None, MONDAY + 400 * DAY))
    assert dataset_id(whole.history) == dataset_id(later.history)
    assert whole.history.bars[0].time.tolist() == past.time.tolist()
    (warning,) = later.warnings
    assert whole.warnings == later.warnings
    assert warning == f"1 bars of {path} begin after the present and are left out: AAA 2099-01-05T05:00:00Z"
    cut = from_file(path, None, DAILY, now=int(past.time[2]))
    assert cut.history.bars[0].time.tolist() == past.time[:3].tolist()
    with pytest.raises(DataError, match="row 0 future_timestamp"):
        from_file(path, None, DAILY, now=int(past.time[0]) - 1)


def test_a_back_test_takes_the_present_or_the_clock(tmp_path: Path) -> None:
    """Without a present it is the machine's, and 2099 is not over yet."""
    path = bars_file(tmp_path, market("AAA", UNEQUAL))
    with path.open("a") as file:
        file.write("2099-01-05T05:00:00Z,AAA,20,20,20,20,1000\n")
    request = BacktestRequest(("buy_and_hold",), bars=path)
    assert run_backtest(request).document["bars"] == 6
    assert run_backtest(request, now=MONDAY + 2 * DAY).document["bars"] == 3


def test_stored_bars_after_the_present_are_left_out_and_named(embedded_database: Database) -> None:
    """Whoever stored them."""
    bars = market("LATE", [10.0] * 6)
    upsert_bars(embedded_database, [bars], "test")
    loaded = from_database(embedded_database, ["LATE"], DAILY, now=int(bars.time[3]))
    assert loaded.history.bars[0].time.tolist() == bars.time[:4].tolist()
    (warning,) = loaded.warnings
    assert warning.startswith("2 bars of the database begin after the present")
    assert from_database(embedded_database, ["LATE"], DAILY).warnings == ()


# Rows of a file


def test_unusual_rows_are_told_by_kind(tmp_path: Path) -> None:
    """Independence Day is no session, and it stands before the day before it; a quarantined row is told apart."""
    days = ("2018-07-02", "2018-07-04", "2018-07-03")
    path = tmp_path / "bars.csv"
    rows = "".join(f"{day},AAA,10,10,10,10,5\n" for day in days) + "2018-07-05,AAA,0,1,0,1,5\n2018-07-05,A A,1,1,1,1,5\n"
    path.write_text("time,symbol,open,high,low,close,volume\n" + rows, "utf-8")
    untrue, unusual = from_file(path, None, DAILY).warnings
    assert untrue == f"2 rows of {path} break a rule and are left out: bad_symbol, zero_price"
    assert unusual.startswith(f"rows of {path} are used although found unusual: off_calendar 1, out_of_order 1; ")


# Actions of a file


def test_a_file_of_another_asset_class_is_refused(tmp_path: Path) -> None:
    """Parts of a share are traded on every day but one: coins, taken for shares. One such row is only left out."""
    path = bars_file(tmp_path, market("BTC", UNEQUAL, volume=[1.5, 2.5, 3.5, 4.5, 5.5, 6.0]))
    with pytest.raises(DataError, match=r"5 of 6 rows of .* break a rule of bars of equity: volume_fractional.*--asset-class"):
        from_file(path, None, None)
    assert from_file(path, None, None, asset_class=AssetClass.CRYPTO).history.size == 6
    path = bars_file(tmp_path, market("AAA", UNEQUAL, volume=[1.5, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert from_file(path, None, None).history.size == 5


def test_a_symbol_that_no_bar_trades_is_told(tmp_path: Path) -> None:
    """Volume 0 fills nothing; unknown volume has no rule."""
    path = bars_file(tmp_path, market("AAA", UNEQUAL, volume=0.0), market("BBB", UNEQUAL))
    told = [warning for warning in from_file(path, None, None).warnings if "has volume" in warning]
    assert told == ["no bar of AAA has volume, so nothing of it can fill"]


def test_a_split_that_only_the_database_has_is_told_and_not_applied(tmp_path: Path, embedded_database: Database) -> None:
    """A file gives the same result with and without a database; what it lacks is named, once it is given it is not."""
    split = CorporateAction("SPLT", "2021-03-04", "split", 1.25)
    outside = CorporateAction("SPLT", "2020-03-04", "split", 3.0)
    save_actions(embedded_database, [split, outside, CorporateAction("SPLT", "2021-03-03", "dividend", 0.1)], "test")
    request = BacktestRequest(("buy_and_hold",), bars=bars_file(tmp_path, after(1.25, "SPLT")))
    alone, beside = run_backtest(request), run_backtest(request, database=embedded_database)
    assert beside.document["warnings"] == [
        *alone.document["warnings"],
        "SPLT has a split in the database that --bars does not take: 1.25 on 2021-03-04, see --actions",
    ]
    assert beside.document["ledger_sha256"] == alone.document["ledger_sha256"]
    assert splits_only_stored(history(after(1.25, "SPLT"), actions=[split]), embedded_database) == []


def test_dividends_of_one_day_in_a_file_are_added_up(tmp_path: Path) -> None:
    """Three rows, of which two are the same: 0.1 and 0.25."""
    bars = bars_file(tmp_path, market("AAA", UNEQUAL))
    rows = ("AAA,2021-03-03,dividend,0.1,", "AAA,2021-03-03,dividend,0.25,", "AAA,2021-03-03,dividend,0.1,")
    (found,) = from_file(bars, None, DAILY, actions=actions_file(tmp_path, *rows)).history.actions
    assert found == CorporateAction("AAA", "2021-03-03", "dividend", 0.35)


def test_two_splits_of_one_day_in_a_file_are_refused(tmp_path: Path) -> None:
    """Nothing runs on data that contradicts itself."""
    bars = bars_file(tmp_path, market("AAA", UNEQUAL))
    actions = actions_file(tmp_path, "AAA,2021-03-03,split,2,", "AAA,2021-03-03,split,3,")
    with pytest.raises(InputError, match="AAA has two different actions split on 2021-03-03"):
        run_backtest(BacktestRequest(("buy_and_hold",), bars=bars, actions=actions))


def test_actions_without_bars_are_refused(tmp_path: Path, embedded_database: Database) -> None:
    """Bars of the database have their own: a file of others would be left unread in silence."""
    upsert_bars(embedded_database, [market("AAA", UNEQUAL)], "test")
    actions = actions_file(tmp_path, "AAA,2021-03-03,split,2,")
    request = BacktestRequest(("buy_and_hold",), symbols=("AAA",), actions=actions)
    for database in (None, embedded_database):
        with pytest.raises(InputError, match="--actions goes with --bars"):
            run_backtest(request, database=database)


# Delistings

DELISTED = "2021-03-05"
"""Friday: the last of four daily bars, at 12, is Thursday's."""


@pytest.mark.parametrize(
    ("end", "now", "equity", "fills"),
    [
        ("2021-03-03", None, 100_200.0, 1),
        ("2021-03-04", None, 100_200.0, 1),
        (DELISTED, None, 99_600.0, 2),
        ("2021-03-31", None, 99_600.0, 2),
        (None, None, 99_600.0, 2),
        (None, MONDAY + 2 * DAY, 100_200.0, 1),
        ("2021-03-31", MONDAY + 3 * DAY, 100_200.0, 1),
        (None, MONDAY + 4 * DAY, 99_600.0, 2),
    ],
)
def test_a_delisting_settles_no_run_that_ends_before_its_day(
    tmp_path: Path, embedded_database: Database, end: str | None, now: int | None, equity: float, fills: int
) -> None:
    """100 bought at 10: worth 1,200 at the last close before that day, and from it on half of the last price, 600."""
    bars = market("GONE", [10.0, 10.0, 12.0, 12.0], start=MONDAY + 5 * HOUR)
    file, actions = bars_file(tmp_path, bars), actions_file(tmp_path, f"GONE,{DELISTED},delisting,0.5,")
    upsert_bars(embedded_database, [bars], "test")
    save_actions(embedded_database, [CorporateAction("GONE", DELISTED, "delisting", 0.5)], "test")
    stored = BacktestRequest(
        ("buy_and_hold",), symbols=("GONE",), end=end, sizing="fixed_quantity:100", commission_bps=0, slippage_bps=0, volume_limit=0
    )
    now = None if now is None else now + 23 * HOUR
    for engine in ("kernel", "event"):
        for request in (stored, replace(stored, bars=file, actions=actions)):
            result = run_backtest(replace(request, engine=engine), database=embedded_database, now=now)
            assert (result.document["final_equity"], len(result.fills)) == (equity, fills)


# Changes of symbols

TO_C = "{0}A,2021-03-03,symbol_change,{0}B,\n{0}B,2021-03-05,symbol_change,{0}C,"


def chain(name: str) -> list[Bars]:
    """Return bars of a share that was NAMEA to Tuesday, NAMEB to Thursday, then NAMEC, with strangers' beside them."""
    opening = MONDAY + 5 * HOUR  # midnight in New York, by which the database has its daily bars
    return [
        market(f"{name}A", [20.0, 11.0, 99.0, 98.0], start=opening),
        market(f"{name}B", [5.0, 6.0, 12.0, 13.5, 97.0], start=opening),
        market(f"{name}C", [1.0, 14.0, 15.0, 13.0, 16.0], days=[0, 4, 7, 8, 9], start=opening),
    ]


def test_stored_bars_of_a_chain_of_changes_give_the_back_test_of_the_file(tmp_path: Path, embedded_database: Database) -> None:
    """Splits and dividends of each symbol, one of them declared under two: the same history, fills, equity and document."""
    rows = (
        TO_C.format("CH"),
        "CHA,2021-03-02,split,2,",
        "CHB,2021-03-04,dividend,0.25,2021-03-08",
        "CHC,2021-03-04,dividend,0.25,2021-03-08",
        "CHC,2021-03-08,dividend,0.125,",
    )
    bars, actions = bars_file(tmp_path, *chain("CH")), actions_file(tmp_path, *rows)
    ingest(embedded_database, Request(path=bars, actions=actions))
    request = BacktestRequest(("buy_and_hold",), symbols=("CHC",), timeframe="1d")
    stored = run_backtest(request, database=embedded_database)
    filed = run_backtest(replace(request, bars=bars, actions=actions), database=embedded_database)
    joined, expected = from_database(embedded_database, ["CHC"], DAILY), from_file(bars, ["CHC"], DAILY, actions=actions)
    assert joined.history.bars[0].open.tolist() == [20, 11, 12, 13.5, 14, 15, 13, 16]
    assert sorted(joined.history.actions, key=repr) == sorted(expected.history.actions, key=repr)
    assert (stored.document["bars"], stored.document["assumptions"]["corporate_actions"]) == (8, 3)
    for key in ("ledger_sha256", "equity_sha256", "dataset_id"):
        assert stored.document[key] == filed.document[key]
    told = [f"bars and actions of {old} until it changed its symbol are those of CHC" for old in ("CHA", "CHB")]
    assert [warning for warning in stored.document["warnings"] if "changed its symbol" in warning] == told
    assert set(stored.document["warnings"]) <= set(filed.document["warnings"])
    for result in (stored, filed):
        del result.document["warnings"]
    assert stored.document == filed.document


def test_who_asks_for_an_old_symbol_gets_its_own_bars_alone(embedded_database: Database) -> None:
    """Nothing is joined to the symbol before a change."""
    upsert_bars(embedded_database, chain("OL"), "test")
    save_symbol_changes(embedded_database, [SymbolChange("2021-03-03", "OLA", "OLB")], "test")
    loaded = from_database(embedded_database, ["OLA"], DAILY)
    assert ([len(bars) for bars in loaded.history.bars], loaded.warnings) == ([4], ())


def test_a_change_whose_predecessor_has_no_bars_leaves_the_successor_as_it_is(tmp_path: Path, embedded_database: Database) -> None:
    """In a file and in the database: all the bars there are, and no word."""
    bars, actions = bars_file(tmp_path, market("NPB", UNEQUAL)), actions_file(tmp_path, "NPA,2021-03-03,symbol_change,NPB,")
    ingest(embedded_database, Request(path=bars, actions=actions))
    assert [change.symbol for change in read_symbol_changes(embedded_database) if change.successor == "NPB"] == ["NPA"]
    for loaded in (from_file(bars, ["NPB"], DAILY, actions=actions), from_database(embedded_database, ["NPB"], DAILY)):
        assert loaded.history.bars[0].open.tolist() == UNEQUAL
        assert loaded.warnings == ()


def test_bars_of_a_predecessor_alone_are_those_of_the_symbol_asked_for(tmp_path: Path, embedded_database: Database) -> None:
    """Tuesday alone, before both changes: the bars are there, under the symbol that the share has now."""
    bars, actions = bars_file(tmp_path, *chain("PR")), actions_file(tmp_path, TO_C.format("PR"))
    ingest(embedded_database, Request(path=bars, actions=actions))
    dates = (date(2021, 3, 2), date(2021, 3, 2))
    filed = from_file(bars, ["PRC"], DAILY, dates, actions=actions)
    stored = from_database(embedded_database, ["PRC"], DAILY, dates)
    assert (stored.history.bars[0].symbol, stored.history.bars[0].open.tolist()) == ("PRC", [11.0])
    assert dataset_id(stored.history) == dataset_id(filed.history)
    with pytest.raises(DataError, match="no 1d bars of PRC in the database"):
        from_database(embedded_database, ["PRC"], DAILY, (date(2022, 1, 1), None))


def test_finer_bars_of_a_predecessor_are_made_as_long_as_those_of_its_successor(embedded_database: Database) -> None:
    """Seven hours of Monday and of Tuesday under the old symbol, days under the new one: one series of days."""
    hours = [
        market("FIA", [10.0 + day, *[11.0 + day] * 6], timeframe=HOURLY, start=MONDAY + day * DAY + 14 * HOUR + 30 * MINUTE)
        for day in (0, 1)
    ]
    upsert_bars(embedded_database, [*hours, market("FIB", [1.0, 2.0, 12.0, 13.0])], "test")
    save_symbol_changes(embedded_database, [SymbolChange("2021-03-03", "FIA", "FIB")], "test")
    (joined,) = from_database(embedded_database, ["FIB"], DAILY).history.bars
    assert (joined.timeframe, joined.open.tolist(), joined.close.tolist()) == (DAILY, [10, 11, 12, 13], [11, 12, 12, 13])


def test_coarser_bars_of_a_predecessor_are_left_out_and_told(embedded_database: Database) -> None:
    """Days cannot become hours; asked for by its own symbol it is refused as before."""
    hours = market("COB", [10.0] * 5, timeframe=HOURLY, start=MONDAY + 2 * DAY + 15 * HOUR)
    upsert_bars(embedded_database, [market("COA", [9.0, 9.5]), hours], "test")
    save_symbol_changes(embedded_database, [SymbolChange("2021-03-03", "COA", "COB")], "test")
    loaded = from_database(embedded_database, ["COB"], HOURLY)
    assert loaded.history.bars[0].time.tolist() == hours.time.tolist()
    assert loaded.warnings == ("bars of COA before it changed its symbol are 1d ones: left out",)
    with pytest.raises(InputError, match="holds 1d bars of COA"):
        from_database(embedded_database, ["COA"], HOURLY)


def test_a_split_stored_under_an_old_symbol_is_told_of_a_file_that_has_the_new_one(embedded_database: Database) -> None:
    """A vendor's file has the whole series under the last symbol; nothing is told twice where both are traded."""
    save_actions(embedded_database, [CorporateAction("SOA", "2021-03-04", "split", 1.25)], "test")
    save_symbol_changes(embedded_database, [SymbolChange("2021-03-05", "SOA", "SOB")], "test")
    (told,) = splits_only_stored(history(after(1.25, "SOB")), embedded_database)
    assert told.startswith("SOB has a split in the database that --bars does not take: 1.25 on 2021-03-04")
    (told,) = splits_only_stored(history(after(1.25, "SOA"), market("SOB", UNEQUAL)), embedded_database)
    assert told.startswith("SOA has a split")


# Asset class and dates


def test_asset_class_holds_for_symbols_the_database_does_not_know(embedded_database: Database) -> None:
    """Bars without an instrument are those of the class asked for, equities where none is; a known instrument stays itself."""
    upsert_bars(embedded_database, [market("XRP-USD", [10.0] * 6), market("KNOWN", [10.0] * 6)], "test")
    save_instruments(embedded_database, [Instrument.of("KNOWN")])
    found = from_database(embedded_database, ["XRP-USD", "KNOWN"], DAILY, asset_class=AssetClass.CRYPTO).history
    assert [one.asset_class for one in found.instruments] == [AssetClass.EQUITY, AssetClass.CRYPTO]
    assert from_database(embedded_database, ["XRP-USD"], DAILY).history.instruments[0].asset_class is AssetClass.EQUITY


def test_a_back_test_of_stored_bars_takes_the_asset_class(embedded_database: Database) -> None:
    """--asset-class crypto: fractions of a coin are bought and there is no volume rule."""
    upsert_bars(embedded_database, [market("SOL-USD", [30.0] * 6)], "test")
    request = BacktestRequest(("buy_and_hold",), symbols=("SOL-USD",), asset_class="crypto")
    result = run_backtest(request, database=embedded_database)
    assert result.document["assumptions"]["volume_limit"] == {"SOL-USD": None}
    assert result.fills[0]["quantity"] % 1.0 > 0.0


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (None, None, [0, 1, 2, 3, 4]),
        (date(2021, 3, 2), date(2021, 3, 4), [1, 2, 3]),
        (date(2021, 3, 4), None, [3, 4]),
        (None, date(2021, 3, 1), [0]),
        (date(2021, 3, 6), date(2021, 3, 7), []),
    ],
)
def test_dates_are_sessions_with_both_ends(start: date | None, end: date | None, days: list[int]) -> None:
    """Stored bars are cut as those of a file: by session, both dates included."""
    bars = market("AAA", [10.0] * 5)
    kept = between(bars, Instrument.of("AAA"), (start, end))
    assert ((kept.time - MONDAY) // DAY).tolist() == days


def test_hours_after_midnight_utc_belong_to_the_evening_before() -> None:
    """00:00 UTC is 19:00 in New York: asking for Monday takes it, asking for Tuesday does not."""
    bars = market("AAA", [10.0] * 3, timeframe=HOURLY, start=MONDAY + DAY)
    assert len(between(bars, Instrument.of("AAA"), (date(2021, 3, 1), date(2021, 3, 1)))) == 3
    assert len(between(bars, Instrument.of("AAA"), (date(2021, 3, 2), None))) == 0
