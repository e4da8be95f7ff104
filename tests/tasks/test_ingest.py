"""Bars into a real database: all of them, once, with what was refused and what is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from deployments.cli import main
from domain.errors import DataError, InputError, ProviderError
from domain.market import TIMEFRAMES, AssetClass, CorporateAction, Instrument, Timeframe
from domain.quality import Rows
from domain.sessions import expected_bars
from domain.symbol_changes import SymbolChange
from tasks.database.bars import last_bars, read_bars
from tasks.database.reference import read_actions, read_gaps, read_instruments, read_quarantine, read_symbol_changes
from tasks.ingest import Request, ingest, ingest_shipped
from tasks.market_data.provider import Fetched

if TYPE_CHECKING:
    from tasks.database.connection import Database

SHIPPED = Path(__file__).parents[2] / "deployments/data"
DAILY, HOURLY = TIMEFRAMES["1d"], TIMEFRAMES["1h"]
NOW = int(np.datetime64("2021-04-01", "us").astype(np.int64))
HEADER = "time,symbol,open,high,low,close,volume\n"


def us(text: str) -> int:
    """Return an ISO time as UTC microseconds."""
    return int(np.datetime64(text, "us").astype(np.int64))


def write(folder: Path, rows: str) -> Path:
    """Write a file of bars."""
    path = folder / "bars.csv"
    path.write_text(HEADER + rows)
    return path


class Memory:
    """A provider that gives daily sessions of 2020 and 2021 it was told to have, and fails for others."""

    name = "memory"

    def __init__(self, **closes: float) -> None:
        self.closes = closes
        self.asked: list[tuple[str, date | None, date | None]] = []

    def fetch(self, instrument: Instrument, timeframe: Timeframe, start: date | None, end: date | None, now: int) -> Fetched:
        """Return flat bars at the close of the symbol, all of them finished by ``now``."""
        assert now == NOW
        self.asked.append((instrument.symbol, start, end))
        if instrument.symbol not in self.closes:
            raise ProviderError(f"nothing for {instrument.symbol}")
        days = ((day - date(1970, 1, 1)).days for day in (start or date(2020, 1, 2), end or date(2020, 1, 31)))
        times = expected_bars(*days, timeframe, instrument.calendar)
        price = np.full(len(times), self.closes[instrument.symbol])
        rows = Rows((instrument.symbol,), np.zeros(len(times), np.int64), times, price, price, price, price, np.ones(len(times)))
        action = CorporateAction(instrument.symbol, "2020-01-15", "dividend", 0.5)
        return Fetched(rows, timeframe, (instrument,), (action,), self.name)


def test_shipped_bars_are_stored_exactly_and_a_second_time_changes_nothing(database: Database) -> None:
    """The first start's data: nine symbols, their actions, their holes; done again it is all there already."""
    first = ingest_shipped(database, SHIPPED, now=NOW)
    reports = {one.symbol: one for report in first for one in report.symbols}
    assert sum(one.inserted for one in reports.values()) == 42_788 + 1_318
    assert (reports["QQQ"].missing, reports["EEM"].missing, reports["SPY"].missing) == (1_588, 1, 0)
    assert reports["SPY"].first == "1998-01-02T05:00:00Z"
    assert len(read_actions(database, sorted(reports))) == 588
    assert read_instruments(database)["BTC-USD"] == Instrument.of("BTC-USD", AssetClass.CRYPTO)
    assert {row["symbol"] for row in read_gaps(database)} == {"BTC-USD", "EEM", "QQQ"}
    second = ingest_shipped(database, SHIPPED, now=NOW)
    again = [one for report in second for one in report.symbols]
    assert sum(one.inserted + one.updated for one in again) == 0
    assert sum(one.unchanged for one in again) == 42_788 + 1_318
    assert len(read_bars(database, "SPY", DAILY)) == 5_849


def test_bad_rows_are_quarantined_with_their_values_once(database: Database, tmp_path: Path) -> None:
    """Good rows are stored whatever stands beside them; each reason is kept, and reading the file again adds none."""
    path = write(
        tmp_path,
        "2018-07-02T04:00:00Z,BADX,10,12,9,11,1000\n"
        "2018-07-03T04:00:00Z,BADX,10,9,12,11,-5\n"
        "2018-07-05T04:00:00Z,BADX,10,12,9,11,1000\n"
        "2018-07-05T04:00:00Z,BADX,10,12,9,11,1000\n"
        "2018-07-05T04:00:00Z,BADX,10,12,9,11.5,1000\n"
        "2099-07-05T04:00:00Z,BADX,10,12,9,11,1000\n",
    )
    kinds = ["high_low_crossed", "volume_negative", "duplicate_conflicting", "future_timestamp"]
    for _ in range(2):
        (report,) = ingest(database, Request(path=path), now=NOW).symbols
        assert (report.found, report.repeated) == (6, 1)
        assert report.quarantined == {
            "high_low_crossed": 1,
            "volume_negative": 1,
            "duplicate_conflicting": 1,
            "future_timestamp": 1,
        }
        kept = read_quarantine(database, "BADX")
        assert [row["kind"] for row in reversed(kept)] == kinds
        assert len(read_bars(database, "BADX", DAILY)) == 2
    crossed = next(row for row in kept if row["kind"] == "high_low_crossed")
    assert (float(crossed["raw"]["high"]), crossed["row"], crossed["source"]) == (9.0, 1, "file:bars.csv")


def test_correction_updates_the_bar_and_keeps_what_it_was(database: Database, tmp_path: Path) -> None:
    """Another file with another close: one bar is updated, and its former version is in the revisions."""
    rows = "2018-07-02T04:00:00Z,FIXD,10,12,9,11,1000\n2018-07-03T04:00:00Z,FIXD,10,12,9,11,1000\n"
    ingest(database, Request(path=write(tmp_path, rows)), now=NOW)
    (report,) = ingest(database, Request(path=write(tmp_path, rows.replace("9,11,1000", "9,11.5,1000", 1))), now=NOW).symbols
    assert (report.inserted, report.updated, report.unchanged) == (0, 1, 1)
    assert read_bars(database, "FIXD", DAILY).close.tolist() == [11.5, 11.0]
    with database.connect() as connection:
        (close,) = connection.execute("SELECT close::float8 FROM bar_revisions WHERE symbol = 'FIXD'").fetchone() or (None,)
    assert close == 11.0


def test_daily_bars_stamped_at_utc_midnight_are_stored_at_new_york_midnight(database: Database, tmp_path: Path) -> None:
    """A file of plain dates and one of instants store one bar a session."""
    dates = write(tmp_path, "2018-07-02,DATE,10,12,9,11,1\n2018-12-03,DATE,10,12,9,11,1\n")
    ingest(database, Request(path=dates, timeframe=DAILY), now=NOW)
    again = ingest(database, Request(path=write(tmp_path, "2018-07-02T04:00:00Z,DATE,10,12,9,11,1\n")), now=NOW)
    assert again.symbols[0].unchanged == 1
    assert read_bars(database, "DATE", DAILY).time.tolist() == [us("2018-07-02T04:00"), us("2018-12-03T05:00")]


@pytest.mark.parametrize("missing", [1, 30, 10_000])
def test_hole_is_recorded_and_gone_once_it_is_filled(database: Database, tmp_path: Path, missing: int) -> None:
    """A gap is a fact about what is stored, not about one file."""
    symbol = f"HOLE{missing}"
    times = expected_bars(13_880, 17_880, HOURLY, "XNYS")
    lines = [f"{np.datetime64(int(time), 'us')}Z,{symbol},10,12,9,11,1\n" for time in times]
    holed = "".join(lines[:50] + lines[50 + missing : 60 + missing])
    (report,) = ingest(database, Request(path=write(tmp_path, holed)), now=NOW).symbols
    assert (report.timeframe, report.gaps, report.missing, report.flagged["missing_bars"]) == ("1h", 1, missing, 1)
    (gap,) = read_gaps(database, symbol)
    assert gap["missing"] == missing
    (filled,) = ingest(database, Request(path=write(tmp_path, "".join(lines[: 60 + missing]))), now=NOW).symbols
    assert (filled.inserted, filled.gaps) == (missing, 0)
    assert read_gaps(database, symbol) == []


def test_bar_inside_a_holiday_is_stored_and_flagged(database: Database, tmp_path: Path) -> None:
    """Improbable is not impossible."""
    rows = "2018-07-03T04:00:00Z,HOLI,10,12,9,11,1\n2018-07-04T04:00:00Z,HOLI,10,12,9,11,1\n"
    (report,) = ingest(database, Request(path=write(tmp_path, rows)), now=NOW).symbols
    assert (report.inserted, report.flagged) == (2, {"off_calendar": 1})


def test_rows_without_a_possible_symbol_are_kept_apart_and_fail_nothing(database: Database, tmp_path: Path) -> None:
    """They belong to no symbol: the good rows are stored, these are in the quarantine by row, and nothing failed."""
    good = "2018-07-02T04:00:00Z,GOOD,10,12,9,11,1000\n2018-07-03T04:00:00Z,GOOD,10,12,9,11,1000\n"
    path = write(tmp_path, good + "2018-07-05T04:00:00Z,GOOD;DROP TABLE,10,12,9,11,1000\n")
    for _ in range(2):
        report = ingest(database, Request(path=path), now=NOW)
        assert [(one.symbol, one.found, one.error) for one in report.symbols] == [("GOOD", 2, None), ("(no symbol)", 1, None)]
        assert report.symbols[1].quarantined == {"bad_symbol": 1}
    (kept,) = read_quarantine(database, "GOOD;DROP TABLE")
    assert (kept["kind"], kept["row"], float(kept["raw"]["close"])) == ("bad_symbol", 2, 11.0)
    assert kept["detail"].startswith("row 2: symbol 'GOOD;DROP TABLE' is not valid")
    zero = "2018-07-02T04:00:00Z,ZERO,0,0,0,0,1\n2018-07-03T04:00:00Z,?,1,1,1,1,1\n"
    with pytest.raises(DataError, match="nothing was stored from"):
        ingest(database, Request(path=write(tmp_path, zero)), now=NOW)


def test_findings_are_counted_by_kind_with_the_first_of_each(database: Database, tmp_path: Path) -> None:
    """A person reads which rows are meant: at most three of a kind, with what became of them."""
    days = ("2018-07-02", "2018-07-04", "2018-07-03", "2018-07-03", "2018-07-05", "2018-07-06", "2018-07-09", "2018-07-10")
    prices = ["10,12,9,11,5"] * 4 + ["0,12,9,11,5"] * 4
    rows = "".join(f"{day}T04:00:00Z,TOLD,{price}\n" for day, price in zip(days, prices, strict=True))
    (report,) = ingest(database, Request(path=write(tmp_path, rows)), now=NOW).symbols
    findings = {kind: (fate, count, first) for fate, kind, count, first in report.findings()}
    assert {kind: (fate, count) for kind, (fate, count, _) in findings.items()} == {
        "zero_price": ("quarantined", 4),
        "open_outside_range": ("quarantined", 4),
        "duplicate_exact": ("dropped", 1),
        "out_of_order": ("used", 1),
        "off_calendar": ("used", 1),
    }
    assert findings["off_calendar"][2] == ["row 1, 2018-07-04T04:00:00Z: XNYS has no session then"]
    assert [text[:5] for text in findings["zero_price"][2]] == ["row 4", "row 5", "row 6"]


def test_command_prints_each_kind_with_its_first_rows(
    embedded_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the warning of a back-test promises: below the table, which rows are meant and what became of them."""
    monkeypatch.setenv("PI5_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", embedded_url)
    days = ("2018-07-03", "2018-07-04", "2018-07-02")
    rows = "".join(f"{day}T04:00:00Z,PRNT,10,12,9,11,5\n" for day in days) + "2018-07-05,P;,1,1,1,1,1\n" * 5
    assert main(["ingest", "--file", str(write(tmp_path, rows))]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("symbol")
    assert printed[3:7] == [
        "PRNT: 1 off_calendar, used",
        "    row 1, 2018-07-04T04:00:00Z: XNYS has no session then",
        "PRNT: 1 out_of_order, used",
        "    row 2, 2018-07-02T04:00:00Z: arrived after the bar of 2018-07-04T04:00:00Z",
    ]
    assert printed[7] == "(no symbol): 5 bad_symbol, quarantined"
    assert printed[8].startswith("    row 3, 2018-07-05T00:00:00Z: symbol 'P;' is not valid")
    assert printed[11:] == ["    and 2 more"]


def test_file_without_a_possible_row_fails_and_keeps_the_rows(database: Database, tmp_path: Path) -> None:
    """Nothing to trade on is a failure, but what came is not lost."""
    path = write(tmp_path, "2018-07-03T04:00:00Z,NONE,0,0,0,0,1\n")
    with pytest.raises(DataError, match=r"nothing was stored from file:bars\.csv: NONE: none of 1 rows"):
        ingest(database, Request(path=path), now=NOW)
    assert [row["kind"] for row in read_quarantine(database, "NONE")] == ["zero_price"]


def test_provider_that_fails_for_one_symbol_leaves_the_others(database: Database) -> None:
    """The report says which failed and why; where all fail, so does the ingest."""
    report = ingest(database, Request(symbols=("MEMA", "GONE")), now=NOW, provider=Memory(MEMA=10.0))
    assert [(one.symbol, one.inserted) for one in report.symbols] == [("GONE", 0), ("MEMA", 21)]
    assert report.failed[0].error == "nothing for GONE"
    assert report.document()["symbols"][1]["symbol"] == "MEMA"
    assert [action.value for action in read_actions(database, ["MEMA"])] == [0.5]
    with pytest.raises(ProviderError, match="GONE: nothing for GONE"):
        ingest(database, Request(symbols=("GONE",)), now=NOW, provider=Memory())


def test_provider_is_asked_from_a_week_before_the_last_stored_bar(database: Database) -> None:
    """Without a start an ingest goes on where the last one ended, and sees late corrections; with one it does as told."""
    provider = Memory(MEMB=10.0)
    ingest(database, Request(symbols=("MEMB",)), now=NOW, provider=provider)
    ingest(database, Request(symbols=("MEMB",), end=date(2020, 2, 14)), now=NOW, provider=provider)
    ingest(database, Request(symbols=("MEMB",), start=date(2020, 2, 3), end=date(2020, 2, 14)), now=NOW, provider=provider)
    starts = [start for _, start, _ in provider.asked]
    assert starts == [None, date(2020, 1, 24), date(2020, 2, 3)]
    assert last_bars(database, "MEMB", DAILY, 1).time[0] == us("2020-02-14T05:00")


class Holed(Memory):
    """A provider that leaves days out of its first answer, some of them of every answer."""

    def __init__(self, symbol: str, left_out: set[int], never: set[int]) -> None:
        super().__init__(**{symbol: 10.0})
        self.left_out, self.never = left_out | never, never

    def fetch(self, instrument: Instrument, timeframe: Timeframe, start: date | None, end: date | None, now: int) -> Fetched:
        """Return January 2020 without some of its days; raise ProviderError where none is left."""
        fetched = super().fetch(instrument, timeframe, start, end, now)
        missing, self.left_out = self.left_out, self.never
        days = fetched.rows.time.astype("datetime64[us]").astype("datetime64[D]").astype(object)
        kept = np.array([day.day not in missing for day in days])
        if not kept.any():
            raise ProviderError("nothing for these days")
        return replace(fetched, rows=fetched.rows.take(kept))


def test_hole_in_a_provider_s_answer_is_asked_for_once_and_filled(database: Database) -> None:
    """Two days left out come with the second request, which is for them alone."""
    provider = Holed("HOLA", {9, 10}, set())
    (report,) = ingest(database, Request(symbols=("HOLA",)), now=NOW, provider=provider).symbols
    assert provider.asked == [("HOLA", None, None), ("HOLA", date(2020, 1, 9), date(2020, 1, 10))]
    assert (report.inserted, report.repaired, report.gaps, report.missing) == (21, 2, 0, 0)
    assert len(read_bars(database, "HOLA", DAILY)) == 21
    assert read_gaps(database, "HOLA") == []


def test_hole_that_the_provider_cannot_fill_stays_with_its_answer_and_is_not_asked_for_again(database: Database) -> None:
    """What is partly filled keeps the rest; the next ingest leaves it, and a file that has the bars fills it."""
    provider = Holed("HOLB", {9}, {10, 22})
    (report,) = ingest(database, Request(symbols=("HOLB",)), now=NOW, provider=provider).symbols
    assert (report.inserted, report.repaired, report.gaps) == (19, 1, 2)
    assert len(provider.asked) == 3
    details = {row["gap_start"].day: row["detail"] for row in read_gaps(database, "HOLB")}
    assert details[10].endswith("memory has none")
    assert details[22].endswith("nothing for these days")
    assert all("asked again" in detail for detail in details.values())
    ingest(database, Request(symbols=("HOLB",), start=date(2020, 1, 2)), now=NOW, provider=provider)
    assert len(provider.asked) == 4
    assert {row["gap_start"].day: row["detail"] for row in read_gaps(database, "HOLB")} == details


def test_hole_in_a_file_is_recorded_and_nobody_is_asked(database: Database, tmp_path: Path) -> None:
    """A file has no more than it has."""
    path = write(tmp_path, "2020-01-02,HOLC,10,12,9,11,1\n2020-01-03,HOLC,10,12,9,11,2\n2020-01-07,HOLC,10,12,9,11,3\n")
    (report,) = ingest(database, Request(path=path), now=NOW).symbols
    assert (report.repaired, report.gaps) == (0, 1)
    assert [row["detail"] for row in read_gaps(database, "HOLC")] == ["no bars in file:bars.csv"]


def test_extreme_bar_is_stored_and_named_and_a_mistaken_unit_is_quarantined(database: Database, tmp_path: Path) -> None:
    """A true extreme is never dropped; three days at a hundred times the level before and after are no prices."""
    times = expected_bars(17_500, 17_700, DAILY, "XNYS")
    closes = [100.0 + n % 5 for n in range(len(times))]
    lows = [close - 1.0 for close in closes]
    lows[60] = 60.0
    factor = [100.0 if 100 <= n < 103 else 1.0 for n in range(len(times))]
    rows = [
        f"{np.datetime64(int(time), 'us')}Z,UNIT,{f * close},{f * (close + 1)},{f * low},{f * close},{1000 + n}\n"
        for n, (time, close, low, f) in enumerate(zip(times, closes, lows, factor, strict=True))
    ]
    (report,) = ingest(database, Request(path=write(tmp_path, "".join(rows))), now=NOW).symbols
    assert report.quarantined == {"unit_error_100x": 3}
    assert report.flagged == {"drop": 1}
    stored = read_bars(database, "UNIT", DAILY)
    assert (len(stored), stored.low.min()) == (len(times) - 3, 60.0)
    assert [row["raw"]["close"] for row in read_quarantine(database, "UNIT")] == [10200.0, 10100.0, 10000.0]


# Changes of symbols

TWO_DAYS = "2020-01-02,{0},10,12,9,11,1\n2020-01-03,{0},10,12,9,11,2\n"


def write_actions(folder: Path, *rows: str) -> Path:
    """Write a file of corporate actions."""
    path = folder / "actions.csv"
    path.write_text("\n".join(["symbol,ex_date,action,value", *rows]) + "\n")
    return path


def changes_of(database: Database, *symbols: str) -> list[SymbolChange]:
    """Return the stored changes of these symbols."""
    return [change for change in read_symbol_changes(database) if change.symbol in symbols]


def test_changes_of_symbols_are_stored_with_the_bars_of_the_share_and_a_second_time_changes_nothing(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    """The whole chain of a share of which the file has one symbol, of no other; a correction takes the place of the first."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    rows = ("SCB,2020-03-02,symbol_change,SCC", "SCA,2020-02-03,symbol_change,SCB", "SCX,2020-02-03,symbol_change,SCY")
    wanted = Request(path=write(tmp_path, TWO_DAYS.format("SCA")), actions=write_actions(tmp_path, *rows, "SCA,2020-01-03,split,2"))
    expected = [SymbolChange("2020-02-03", "SCA", "SCB"), SymbolChange("2020-03-02", "SCB", "SCC")]
    for _ in range(2):
        ingest(database, wanted, now=NOW)
        assert changes_of(database, "SCA", "SCB", "SCC", "SCX") == expected
    assert [action.action for action in read_actions(database, ["SCA"])] == ["split"]
    actions = write_actions(tmp_path, "SCA,2020-02-04,symbol_change,SCD")
    assert main(["ingest", "--file", str(wanted.path), "--actions", str(actions)]) == 0
    capsys.readouterr()
    assert changes_of(database, "SCA") == [SymbolChange("2020-02-04", "SCA", "SCD")]


def test_changes_that_cannot_be_beside_those_stored_are_refused_before_anything_is_stored(
    database: Database, tmp_path: Path
) -> None:
    """A way back to the old symbol, in two files; two successors, in one."""
    path = write(tmp_path, TWO_DAYS.format("SDA") + TWO_DAYS.format("SDB"))
    actions = write_actions(tmp_path, "SDA,2020-02-03,symbol_change,SDB")
    ingest(database, Request(path=path, symbols=("SDA",), actions=actions), now=NOW)
    back = write_actions(tmp_path, "SDB,2020-04-01,symbol_change,SDA")
    with pytest.raises(DataError, match=r"actions\.csv, with what is stored, changes symbols in a circle, SDA to SDB to SDA"):
        ingest(database, Request(path=path, symbols=("SDB",), actions=back), now=NOW)
    twice = write_actions(tmp_path, "SDB,2020-04-01,symbol_change,SDC", "SDB,2020-04-02,symbol_change,SDE")
    with pytest.raises(DataError, match="changes the symbol SDB more than once"):
        ingest(database, Request(path=path, symbols=("SDB",), actions=twice), now=NOW)
    assert len(read_bars(database, "SDB", DAILY)) == 0
    assert changes_of(database, "SDA", "SDB") == [SymbolChange("2020-02-03", "SDA", "SDB")]


def test_request_for_nothing_is_refused(database: Database) -> None:
    """Neither symbols nor a file."""
    with pytest.raises(InputError, match="name symbols"):
        ingest(database, Request(), now=NOW)
