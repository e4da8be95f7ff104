"""Bars in and out: exact, idempotent, with their history."""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_bars import random_bars
from msgspec.structs import replace

from domain.errors import DataError, InputError
from domain.market import DAY, MINUTE, AssetClass, Bars, CorporateAction, Instrument, Timeframe
from domain.symbol_changes import SymbolChange
from tasks.database import bars, reference

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.database.connection import Database
    from tests.conftest import DatabaseServer

NUMBERS = count()
ONE_MINUTE = Timeframe.parse("1m")
START = 1_700_000_000_000_000 // MINUTE * MINUTE


def assert_equal(found: Bars, expected: Bars) -> None:
    """Every column to the bit, NaN for unknown volumes included."""
    assert found.symbol == expected.symbol
    for name in ("time", "open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def test_bars_come_back_to_the_bit_and_a_second_time_changes_nothing(database: Database) -> None:
    """A million-digit rounding would show here: prices are arbitrary floats, some volumes unknown."""
    given_bars = random_bars("EXACT", ONE_MINUTE, START, 3000)
    assert bars.upsert_bars(database, [given_bars], "test") == (3000, 0, 0)
    assert_equal(bars.read_bars(database, "EXACT", ONE_MINUTE), given_bars)
    assert bars.upsert_bars(database, [given_bars], "again") == (0, 0, 3000)


def test_a_changed_bar_is_replaced_and_its_old_values_are_kept(database: Database) -> None:
    """Inserted, updated and unchanged are told apart; the revision has what was there, with its source."""
    first = random_bars("CHANGE", ONE_MINUTE, START, 100)
    bars.upsert_bars(database, [first], "one")
    longer = random_bars("CHANGE", ONE_MINUTE, START, 120)
    volume = longer.volume.copy()
    volume[:3] = (np.nan, 7.0, 8.0)
    changed = replace(longer, volume=volume)
    expected = int(np.sum(first.volume[:3] != volume[:3]) - (np.isnan(first.volume[0]) and np.isnan(volume[0])))
    assert bars.upsert_bars(database, [changed], "two") == (20, expected, 100 - expected)
    with database.connect() as connection:
        kept = connection.execute(
            "SELECT volume::float8, source, replaced_at >= stored_at FROM bar_revisions WHERE symbol = 'CHANGE' ORDER BY time"
        ).fetchall()
    assert len(kept) == expected
    assert kept[-1] == (first.volume[2], "one", True)
    assert_equal(bars.read_bars(database, "CHANGE", ONE_MINUTE), changed)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_sequence_of_overlapping_pieces_gives_the_last_values(database: Database, data: st.DataObject) -> None:
    """Whatever order pieces of a series arrive in, each bar is the one stored last, and the counts add up."""
    symbol = f"P{next(NUMBERS)}"
    model: dict[int, tuple[float, ...]] = {}
    for seed in range(data.draw(st.integers(1, 5))):
        offset, length = data.draw(st.integers(0, 30)), data.draw(st.integers(1, 30))
        piece = random_bars(symbol, ONE_MINUTE, START + offset * MINUTE, length, seed=seed % 2)
        rows = list(zip(piece.open, piece.high, piece.low, piece.close, piece.volume, strict=True))
        keys = piece.time.tolist()
        same = sum(repr(model.get(key)) == repr(row) for key, row in zip(keys, rows, strict=True))
        new = sum(key not in model for key in keys)
        assert bars.upsert_bars(database, [piece], "p") == (new, length - new - same, same)
        model.update(zip(keys, rows, strict=True))
    found = bars.read_bars(database, symbol, ONE_MINUTE)
    assert found.time.tolist() == sorted(model)
    assert repr(list(zip(found.open, found.high, found.low, found.close, found.volume, strict=True))) == repr(
        [model[key] for key in sorted(model)]
    )


def test_a_range_includes_its_start_and_excludes_its_end(database: Database) -> None:
    """[start, end) in microseconds; nothing outside, and nothing for a symbol that is not stored."""
    series = random_bars("RANGE", ONE_MINUTE, START, 50)
    bars.upsert_bars(database, [series], "test")
    found = bars.read_bars(database, "RANGE", ONE_MINUTE, START + 10 * MINUTE, START + 20 * MINUTE)
    assert_equal(found, series.slice(10, 20))
    assert len(bars.read_bars(database, "RANGE", Timeframe.parse("1d"))) == 0
    assert_equal(bars.last_bars(database, "RANGE", ONE_MINUTE, 7), series.slice(43, 50))
    assert len(bars.last_bars(database, "NONE", ONE_MINUTE, 7)) == 0
    with pytest.raises(InputError, match="0 bars cannot be read"):
        bars.last_bars(database, "RANGE", ONE_MINUTE, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("low", 0.0), ("low", -1.0), ("high", np.nan), ("open", np.nan), ("close", np.inf), ("volume", -1.0), ("high", 1e-9)],
)
def test_what_is_no_bar_is_refused_with_everything_beside_it(database: Database, name: str, value: float) -> None:
    """The table itself holds no bar that contradicts itself; the good bars of the same call are not stored either."""
    series = random_bars("BAD", ONE_MINUTE, START, 5)
    getattr(series, name)[3] = value
    with pytest.raises(DataError, match="a bar cannot be stored"):
        bars.upsert_bars(database, [random_bars("GOOD", ONE_MINUTE, START, 5), series], "test")
    assert len(bars.read_bars(database, "BAD", ONE_MINUTE)) == len(bars.read_bars(database, "GOOD", ONE_MINUTE)) == 0


def test_times_that_do_not_increase_are_refused(database: Database) -> None:
    """A time that comes twice could silently lose one of its bars."""
    series = random_bars("TWICE", ONE_MINUTE, START, 5)
    series.time[2] = series.time[1]
    with pytest.raises(DataError, match="TWICE are not in time order"):
        bars.upsert_bars(database, [series], "test")


def test_two_writers_of_the_same_bars_store_each_once(database: Database) -> None:
    """The second one waits and finds every bar there."""
    series = random_bars("RACE", ONE_MINUTE, START, 20_000)
    counts = []
    threads = [threading.Thread(target=lambda: counts.append(bars.upsert_bars(database, [series], "t"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [(0, 0, 20_000), (0, 0, 20_000), (20_000, 0, 0)]


def test_bars_wait_for_those_that_another_program_is_storing(database: Database) -> None:
    """What is not committed yet is neither missed nor stored twice."""
    series = random_bars("WAIT", ONE_MINUTE, START, 10)
    counts = []
    waiting = threading.Thread(target=lambda: counts.append(bars.upsert_bars(database, [series], "t")))
    with database.connect() as other:
        other.execute(bars._ALONE)
        waiting.start()
        waiting.join(0.5)
        assert counts == []
    waiting.join()
    assert counts == [(10, 0, 0)]


def test_statistics_and_last_times_know_every_series(database_server: DatabaseServer) -> None:
    """Counts and last bars by series, and zero where nothing is stored."""
    from tasks.database.connection import Database  # noqa: PLC0415 - a database of its own

    name = database_server.create()
    database = Database(database_server.url(name), application="tests")
    assert bars.bar_statistics(database) == (0, 0, None)
    assert bars.last_bar_times(database) == []
    day = Timeframe.parse("1d")
    bars.upsert_bars(database, [random_bars("B", ONE_MINUTE, START, 10), random_bars("A", day, 0, 3, step=DAY)], "test")
    bars.upsert_bars(database, [random_bars("B", ONE_MINUTE, START - MINUTE, 5)], "test")
    with pytest.raises(DataError):
        bars.upsert_bars(database, [replace(random_bars("C", day, 0, 1), low=np.zeros(1))], "test")
    assert bars.last_bar_times(database) == [("A", "1d", 2 * DAY), ("B", "1m", START + 9 * MINUTE)]
    statistics = bars.bar_statistics(database)
    assert statistics[:2] == (14, 2)
    assert int(statistics.last.timestamp()) == (START + 9 * MINUTE) // 1_000_000
    database_server.drop(name)


def test_the_last_bars_are_found_behind_a_long_hole(database: Database) -> None:
    """Bars far apart are found too: the usual span is a guess, not a limit."""
    old, new = random_bars("HOLE", ONE_MINUTE, START, 30), random_bars("HOLE", ONE_MINUTE, START + 400 * DAY, 5, seed=2)
    bars.upsert_bars(database, [new], "test")
    bars.upsert_bars(database, [old], "test")
    found = bars.last_bars(database, "HOLE", ONE_MINUTE, 12)
    assert found.time.tolist() == [*old.time[-7:].tolist(), *new.time.tolist()]
    assert_equal(bars.last_bars(database, "HOLE", ONE_MINUTE, 5), new)


def test_instruments_and_actions_come_back_equal(database: Database) -> None:
    """Ticks and values are exact; a second saving replaces."""
    instruments = [Instrument.of("BTC-X", AssetClass.CRYPTO), Instrument.of("EURUSD", AssetClass.FX), Instrument.of("KO")]
    for _ in range(2):
        reference.save_instruments(database, instruments)
    found = reference.read_instruments(database, ["BTC-X", "EURUSD", "KO", "NONE"])
    assert found == {item.symbol: item for item in instruments}
    actions = [
        CorporateAction("KO", "2012-08-13", "split", 2.0),
        CorporateAction("KO", "2012-09-12", "dividend", 0.255, "2012-10-01"),
    ]
    for _ in range(2):
        reference.save_actions(database, actions, "test")
    assert reference.read_actions(database, ["KO"]) == actions


def test_changes_of_symbols_come_back_equal_and_are_no_actions(database: Database) -> None:
    """By date and old symbol; a later one of the same symbol replaces the first."""
    changes = [SymbolChange("2012-08-13", "KOB", "KOC"), SymbolChange("2012-08-13", "KOA", "KOB")]
    for _ in range(2):
        reference.save_symbol_changes(database, changes, "test")
    assert reference.read_symbol_changes(database) == sorted(changes)
    assert reference.read_actions(database, ["KOA", "KOB"]) == []
    reference.save_symbol_changes(database, [SymbolChange("2012-08-14", "KOA", "KOX")], "test")
    assert reference.read_symbol_changes(database) == [changes[0], SymbolChange("2012-08-14", "KOA", "KOX")]


def test_refused_rows_are_kept_once_and_gaps_follow_what_is_known(database: Database) -> None:
    """The same file read twice quarantines its rows once; a gap that was filled disappears."""
    row = {
        "source": "f.csv",
        "symbol": "Q",
        "time": START,
        "row": 7,
        "kind": "high_below_low",
        "raw": {"high": "nan\x00", "x": 1.5},
    }
    for _ in range(2):
        reference.save_quarantine(database, [row, {"kind": "unreadable", "row": 8, "source": "f.csv"}])
    kept = reference.read_quarantine(database)
    assert [(item["row"], item["kind"]) for item in kept] == [(8, "unreadable"), (7, "high_below_low")]
    assert kept[1]["raw"] == {"high": "nan", "x": 1.5}
    with pytest.raises(InputError, match=r"\['kindd'\] unknown and \['kind'\] missing"):
        reference.save_quarantine(database, [{"kindd": "x"}])
    gap = {"symbol": "Q", "timeframe": "1m", "start": START, "end": START + 5 * MINUTE, "missing": 5}
    for _ in range(2):
        reference.save_gaps(database, [gap])
    assert [item["missing"] for item in reference.read_gaps(database, "Q")] == [5]
    reference.replace_gaps(database, "Q", "1m", [])
    assert reference.read_gaps(database, "Q") == []


def test_every_shared_bar_can_be_stored_and_read(database: Database, shared: Path) -> None:
    """No real bar is refused by the table, and all come back to the bit."""
    from tasks.market_data.files import read_file  # noqa: PLC0415 - needed for the wide run alone

    for path in sorted((shared / "data").glob("*_1d.parquet")):
        series = read_file(path)
        bars.upsert_bars(database, series, path.name)
        for one in series[:5]:
            assert_equal(bars.read_bars(database, one.symbol, one.timeframe), one)
