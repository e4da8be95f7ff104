"""``check-data``: every finding of a file as a record, its rows called as the file calls them."""

from __future__ import annotations

import json
from math import nan
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deployments.cli import main
from domain.errors import DataError
from domain.market import TIMEFRAMES
from domain.new_york import day_of
from domain.sessions import expected_bars
from tasks.check_data import check_file, likely_calendar, named_timeframe

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "time,symbol,open,high,low,close,volume"
NOW = int(np.datetime64("2026-11-21", "us").astype(np.int64))


def daily(count: int, symbol: str = "SPY", first: str = "2018-01-01") -> list[list[str]]:
    """Return weekday bars of a symbol as the cells of a CSV file; no holiday among the first two weeks of June 2018."""
    rows = []
    for day in np.arange(np.datetime64(first), np.datetime64(first) + 2 * count):
        if np.is_busday(day) and len(rows) < count:
            price = 100.0 + len(rows) % 7
            rows.append([f"{day}T04:00:00Z", symbol, *(f"{price + by}" for by in (0, 1, -1, 0.5)), f"{1000 + len(rows)}"])
    return rows


def write(path: Path, rows: list[list[str]], header: str = HEADER) -> Path:
    """Write a CSV file."""
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return path


def test_several_kinds_on_a_row_are_several_records(tmp_path: Path) -> None:
    """Row 3 has a negative volume and a close above its high."""
    rows = daily(10, first="2018-06-04")
    rows[3][5], rows[3][6] = "500", "-1"
    records = check_file(write(tmp_path / "bars.csv", rows), now=NOW).records()
    assert [(record["row"], record["kind"]) for record in records] == [(3, "close_outside_range"), (3, "volume_negative")]
    assert records[0] == {
        "row": 3,
        "time": "2018-06-07T04:00:00Z",
        "symbol": "SPY",
        "kind": "close_outside_range",
        "detail": "close 500.0 is not within low 102.0 and high 104.0",
    }


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_adjusted_close_of_a_file_is_held_against_the_declared_dividends(tmp_path: Path, suffix: str) -> None:
    """5 is paid on row 7, the adjusted close takes it out twice; a row whose symbol is none stands before it."""
    rows = daily(10, first="2018-06-04")
    for number, row in enumerate(rows):
        row.append(str(float(row[5]) * (1.0 - 5.0 / float(rows[6][5])) ** (2 if number < 7 else 0)))
    rows.insert(0, [rows[0][0], "no symbol", *rows[0][2:]])
    path = write(tmp_path / "bars.csv", rows, f"{HEADER},adj_close")
    if suffix == "parquet":
        path = tmp_path / "bars.parquet"
        columns = [list(column) for column in zip(*rows, strict=True)]
        named = zip([*HEADER.split(","), "adj_close"], columns, strict=True)
        pq.write_table(
            pa.table({name: cells if name in {"time", "symbol"} else [float(c) for c in cells] for name, cells in named}), path
        )
    actions = tmp_path / "actions.csv"
    actions.write_text("symbol,ex_date,action,value\nSPY,2018-06-13,dividend,5\n")
    records = check_file(path, actions, now=NOW).records()
    assert [(record["row"], record["kind"]) for record in records] == [(0, "bad_symbol"), (8, "dividend_adjusted_twice")]
    assert records[1]["detail"] == "the adjusted close takes the declared dividend out 2 times"
    assert [record["kind"] for record in check_file(path, now=NOW).records()] == ["bad_symbol"]


def test_adjusted_close_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """Where actions are there to be held against it; without them it is a column like any other."""
    rows = [[*row, "x"] for row in daily(10, first="2018-06-04")]
    path = write(tmp_path / "bars.csv", rows, f"{HEADER},adj_close")
    actions = tmp_path / "actions.csv"
    actions.write_text("symbol,ex_date,action,value\nSPY,2018-06-13,dividend,5\n")
    assert check_file(path, now=NOW).findings == ()
    with pytest.raises(DataError, match="column 'adj_close' holds string"):
        check_file(path, actions, now=NOW)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_are_called_by_the_row_id_of_the_file(tmp_path: Path, suffix: str) -> None:
    """Other columns than the seven are ignored, in both formats."""
    rows = daily(10, first="2018-06-04")
    rows[3][2] = "0"
    ids = [str(100 + 3 * n) for n in range(10)]
    path = write(tmp_path / "bars.csv", [[*row, "note", name] for row, name in zip(rows, ids, strict=True)], HEADER + ",x,row_id")
    if suffix == "parquet":
        columns = [pa.array(column) for column in zip(*rows, strict=True)]
        numbers = [column.cast(pa.float64()) for column in columns[2:]]
        table = pa.table([*columns[:2], *numbers, pa.array([int(name) for name in ids])], [*HEADER.split(","), "row_id"])
        pq.write_table(table, tmp_path / "bars.parquet")
        path = tmp_path / "bars.parquet"
    kinds = {(record["row"], record["kind"]) for record in check_file(path, now=NOW).records()}
    assert kinds == {(109, "zero_price"), (109, "open_outside_range")}


def test_symbols_of_different_calendars_are_checked_each_on_its_own(tmp_path: Path) -> None:
    """A coin that trades at weekends does not make a share miss them, nor the other way round."""
    share = daily(40, first="2018-06-05")
    share = [row for row in share if not row[0].startswith("2018-07-04")]
    coin = [[f"{day}T00:00:00Z", "BTC-USD", *"5553", "7.5"] for day in np.arange("2018-06-05", "2018-07-25", dtype="datetime64[D]")]
    for n, row in enumerate(coin):
        row[2:7] = [f"{50 + n % 5 + by}" for by in (0, 1, -1, 0.5)] + [f"{7.5 + n}"]
    mixed = [row for pair in zip(share, coin, strict=False) for row in pair]
    checked = check_file(write(tmp_path / "bars.csv", mixed), now=NOW)
    assert checked.findings == ()
    assert checked.calendars == ("24/7", "XNYS")
    on_one = check_file(write(tmp_path / "bars.csv", mixed), calendar="XNYS", now=NOW)
    assert {finding.kind for finding in on_one.findings} >= {"volume_fractional"}


@pytest.mark.parametrize(("calendar", "volume"), [("24/7", 1.5), ("24/7", 2.0), ("FX", nan), ("XNYS", 100.0)])
def test_a_week_without_its_end_tells_its_market_by_its_nights_or_its_volumes(calendar: str, volume: float) -> None:
    """Wednesday to Friday, by the minute: round the clock with volume are coins, without it currencies; by day shares."""
    first = day_of(2018, 6, 6)
    times = expected_bars(first, first + 2, TIMEFRAMES["1m"], calendar)
    assert likely_calendar(times, np.full(len(times), volume)) == calendar


def test_daily_bars_of_weekdays_are_coins_where_parts_of_them_traded() -> None:
    """Whole volumes, or none, say nothing against shares."""
    times = expected_bars(day_of(2018, 6, 4), day_of(2018, 6, 8), TIMEFRAMES["1d"], "XNYS")
    assert [likely_calendar(times, np.full(5, volume)) for volume in (0.25, 100.0, nan)] == ["24/7", "XNYS", "XNYS"]


def test_shares_with_adjusted_volumes_are_shares_where_a_weekend_has_passed() -> None:
    """Two weeks of weekdays: coins would have traded between them."""
    times = expected_bars(day_of(2018, 6, 4), day_of(2018, 6, 15), TIMEFRAMES["1d"], "XNYS")
    assert likely_calendar(times, np.full(len(times), 0.25)) == "XNYS"


def test_now_bounds_the_past(tmp_path: Path) -> None:
    """A bar after ``now`` is from the future."""
    path = write(tmp_path / "bars.csv", daily(10, first="2018-06-04"))
    early = int(np.datetime64("2018-06-14T12:00", "us").astype(np.int64))
    assert [record["row"] for record in check_file(path, now=early).records()] == [9]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("equity_1d.parquet", "1d"), ("SPY-5m.dirty.csv", "5m"), ("1h.csv", "1h"), ("bars.csv", None), ("a_1d_1m.csv", None)],
)
def test_name_of_a_file_says_the_length_of_its_bars_or_nothing(name: str, expected: str | None) -> None:
    """Two lengths in one name say nothing."""
    told = named_timeframe(name)
    assert (told and told.name) == expected


def test_command_prints_one_json_list_or_a_table_and_exits_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Findings are no failure."""
    rows = daily(10, first="2018-06-04")
    rows[3][2] = "-5"
    path = write(tmp_path / "bars.csv", rows)
    assert main(["check-data", str(path), "--json", "--now", "2026-11-21T00:00:00Z", "--calendar", "XNYS"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert {(record["row"], record["kind"]) for record in records} == {(3, "negative_price"), (3, "open_outside_range")}
    assert main(["check-data", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "negative_price" in shown
    assert "row 3, SPY 2018-06-07T04:00:00Z: open is -5.0" in shown
    assert main(["check-data", str(write(tmp_path / "good.csv", daily(10, first="2018-06-04")))]) == 0
    assert "nothing found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["absent.csv"], 1, "does not exist"),
        ([], 2, "PATH"),
        (["bars.csv", "--calendar", "XLON"], 2, "XLON"),
        (["bars.csv", "--now", "yesterday"], 2, "yesterday"),
        (["bars.csv", "--now", "2026-01-01T10:00"], 2, "no offset"),
        (["bars.csv", "--actions", "absent.csv"], 1, "absent.csv does not exist"),
        (["bars.csv", "--jsn"], 2, "--json"),
    ],
)
def test_bad_file_exits_1_and_bad_usage_exits_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    """One line that says what and nothing on stdout."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "bars.csv", daily(10, first="2018-06-04"))
    assert main(["check-data", *arguments]) == code
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.out == ""


def test_row_ids_of_another_kind_are_refused(tmp_path: Path) -> None:
    """A row is called by a whole number or a text."""
    rows = [[*row, f"{n}.5"] for n, row in enumerate(daily(10, first="2018-06-04"))]
    with pytest.raises(DataError, match=r"row_id.*double"):
        check_file(write(tmp_path / "bars.csv", rows, HEADER + ",row_id"), now=NOW)


def test_zone_says_what_times_without_an_offset_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same bars in UTC and in New York's time, which is four hours behind it in June; a file without a zone is refused."""
    stamps = [f"2018-06-04T{14 + n // 60}:{n % 60:02d}:00" for n in range(100)]
    cells = [["SPY", "5", "6", "4", f"{5 + n % 9 / 10}", f"{1000 + n}"] for n in range(100)]
    utc = write(tmp_path / "utc.csv", [[f"{stamp}Z", *row] for stamp, row in zip(stamps, cells, strict=True)])
    hours = [f"{stamp[:11]}{int(stamp[11:13]) - 4:02d}{stamp[13:]}" for stamp in stamps]
    local = write(tmp_path / "local.csv", [[stamp, *row] for stamp, row in zip(hours, cells, strict=True)])
    expected, checked = check_file(utc, now=NOW), check_file(local, now=NOW, zone="America/New_York")
    assert (checked.first, checked.last, checked.records()) == (expected.first, expected.last, expected.records())
    assert main(["check-data", str(local), "--zone", "America/New_York", "--json"]) == 0
    capsys.readouterr()
    assert main(["check-data", str(local)]) == 1
    assert "--zone America/New_York" in capsys.readouterr().err
