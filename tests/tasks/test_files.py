"""Bars and corporate actions from files: what is accepted exactly, and what is refused with a reason."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.errors import DataError, InputError
from domain.market import DAY, AssetClass
from domain.quality import IMPROBABLE, NO_TIME
from domain.symbol_changes import SymbolChange
from tasks.market_data.files import fetch, load, read_actions, read_file, read_symbol_changes, unread_actions
from tasks.market_data.tables import read_rows

SHARED = Path(os.environ.get("PI5_SHARED", Path(__file__).parents[3] / "shared"))
SHIPPED = Path(__file__).parents[2] / "deployments/data"
HEADER = "time,symbol,open,high,low,close,volume\n"
DAY_US = 86_400_000_000


def us(text: str) -> int:
    """Return an ISO time as UTC microseconds."""
    return int(np.datetime64(text, "us").astype(np.int64))


def csv_file(folder: Path, rows: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
    """Write a CSV file."""
    path = folder / "bars.csv"
    path.write_bytes((header + rows).encode(encoding))
    return path


def table(times: pa.Array, **columns: object) -> pa.Table:
    """Return bars of SPY with the given columns replaced."""
    size = len(times)
    base: dict[str, object] = {"time": times, "symbol": pa.array(["SPY"] * size)}
    base |= {name: pa.array([10.0] * size) for name in ("open", "high", "low", "close")}
    return pa.table(base | {"volume": pa.array([100.0] * size)} | columns)


def parquet_file(folder: Path, content: pa.Table) -> Path:
    """Write a Parquet file."""
    path = folder / "bars.parquet"
    pq.write_table(content, path)
    return path


THREE_DAYS = (
    "2018-07-02T04:00:00Z,SPY,10,12,9,11,1000\n2018-07-03T04:00:00Z,SPY,11,12,10,11.5,2000\n2018-07-05T04:00:00Z,SPY,11,13,10,12,\n"
)


def test_csv_of_daily_bars_is_read_as_written(tmp_path: Path) -> None:
    """Times, prices and an empty volume arrive exactly; a column nobody asked for is ignored."""
    rows = "".join(f"{line},x\n" for line in THREE_DAYS.splitlines())
    (bars,) = read_file(csv_file(tmp_path, rows, HEADER.strip() + ",note\n"))
    assert (bars.symbol, bars.timeframe.name) == ("SPY", "1d")
    assert bars.time.tolist() == [us("2018-07-02T04:00"), us("2018-07-03T04:00"), us("2018-07-05T04:00")]
    assert bars.close.tolist() == [11.0, 11.5, 12.0]
    assert bars.volume[:2].tolist() == [1000.0, 2000.0]
    assert np.isnan(bars.volume[2])


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")])
def test_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path, change: object) -> None:
    """Files of spreadsheets are read like others."""
    path = tmp_path / "bars.csv"
    path.write_bytes(change(HEADER + THREE_DAYS).encode())  # type: ignore[operator]  # a function of text
    assert len(read_file(path)[0]) == 3


def test_symbols_come_in_code_point_order_and_only_those_asked_for(tmp_path: Path) -> None:
    """The order of the file does not matter; a symbol in lower case is normalised."""
    rows = "".join(f"2018-07-0{day},{symbol},10,12,9,11,5\n" for symbol in ("spy", "BRK.B", "AAPL") for day in (2, 3))
    path = csv_file(tmp_path, rows)
    assert read_rows(path).symbols == ("AAPL", "BRK.B", "SPY")
    assert [bars.symbol for bars in read_file(path)] == ["AAPL", "BRK.B", "SPY"]
    assert [bars.symbol for bars in read_file(path, ["SPY", "AAPL"])] == ["AAPL", "SPY"]


def test_unknown_symbol_is_refused_with_the_nearest(tmp_path: Path) -> None:
    """A typing error does not become an empty back-test."""
    with pytest.raises(DataError, match="did you mean 'SPY'"):
        read_file(csv_file(tmp_path, THREE_DAYS), ["SPYY"])


def test_dates_include_both_ends_by_session(tmp_path: Path) -> None:
    """The session of a bar stamped 04:00 UTC is that date; an after-hours minute past midnight UTC is the day before."""
    path = csv_file(tmp_path, THREE_DAYS)
    assert len(read_file(path, start=date(2018, 7, 3), end=date(2018, 7, 3))[0]) == 1
    late = "2018-01-03T00:30:00Z,SPY,1,1,1,1,1\n2018-01-03T00:31:00Z,SPY,1,1,1,1,1\n2018-01-03T14:30:00Z,SPY,1,1,1,1,1\n"
    (bars,) = read_file(csv_file(tmp_path, late), end=date(2018, 1, 2))
    assert bars.time.tolist() == [us("2018-01-03T00:30"), us("2018-01-03T00:31")]


def test_no_bars_between_the_dates_is_refused(tmp_path: Path) -> None:
    """An empty answer is never silent."""
    with pytest.raises(DataError, match="no bars from 2020-01-01"):
        read_file(csv_file(tmp_path, THREE_DAYS), start=date(2020, 1, 1))


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("", "", "column 'time' is missing"),
        (HEADER, "", "no rows"),
        (HEADER.replace("close", "Close"), THREE_DAYS, "did you mean 'Close'"),
        (HEADER.replace("volume", "close"), THREE_DAYS, "there 2 times"),
        (HEADER.replace(",", ";"), THREE_DAYS, "semicolons"),
        (HEADER, '2018-07-02,SPY,"1,234.5",12,9,11,5\n', r"1,234\.5"),
        (HEADER, "2018-07-02,SPY,$10,12,9,11,5\n", r"row 2.*\$10"),
        (HEADER, "2018-07-02,SPY,10,12,9,11\n", "Expected 7 columns, got 6"),
        (HEADER, "2018-07-02,,10,12,9,11,5\n", "symbol"),
        (HEADER, "2018-07-02,AAPL;DROP TABLE,10,12,9,11,5\n", "not valid"),
        (HEADER, "2018-02-31,SPY,10,12,9,11,5\n", "no value of column 'time'"),
    ],
)
def test_csv_that_is_not_understood_is_refused_with_the_reason(tmp_path: Path, header: str, rows: str, message: str) -> None:
    """Numbers in other notations, other columns and broken rows are never guessed at."""
    with pytest.raises(DataError, match=message):
        read_file(csv_file(tmp_path, rows, header))


def test_csv_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """UTF-16 is no text we know."""
    with pytest.raises(DataError, match="UTF-8"):
        read_file(csv_file(tmp_path, THREE_DAYS, encoding="utf-16"))


def test_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, a missing file and a pipe."""
    os.mkfifo(tmp_path / "pipe")
    for path, message in ((tmp_path, "not a file"), (tmp_path / "none.csv", "does not exist"), (tmp_path / "pipe", "not a file")):
        with pytest.raises(DataError, match=message):
            read_file(path)


def test_naive_times_of_day_are_refused_until_a_zone_is_declared(tmp_path: Path) -> None:
    """09:30 means nothing without a place; declared as New York it is 13:30 UTC in summer."""
    path = csv_file(tmp_path, "2018-07-02 09:30:00,SPY,10,12,9,11,5\n2018-07-02 09:31:00,SPY,10,12,9,11,5\n")
    with pytest.raises(DataError, match="2 times have no zone"):
        read_file(path)
    (bars,) = read_file(path, zone="America/New_York")
    assert bars.time.tolist() == [us("2018-07-02T13:30"), us("2018-07-02T13:31")]
    with pytest.raises(InputError, match="Mars/Phobos"):
        read_file(path, zone="Mars/Phobos")


def test_hour_that_the_clock_skips_is_quarantined(tmp_path: Path) -> None:
    """02:30 on the day summer time begins does not exist, 01:30 on the day it ends exists twice."""
    rows = "".join(f"{stamp},BTC-USD,1,1,1,1,1\n" for stamp in ("2018-03-11 01:30", "2018-03-11 02:30", "2018-03-11 03:30"))
    loaded = load(csv_file(tmp_path, rows), asset_class=AssetClass.CRYPTO, zone="America/New_York")
    assert [row.kinds for row in loaded.checked.quarantined] == [("bad_timestamp",)]
    assert loaded.checked.bars[0].time.tolist() == [us("2018-03-11T06:30"), us("2018-03-11T07:30")]
    assert (
        read_rows(csv_file(tmp_path, "2018-11-04 01:30,A,1,1,1,1,1\n2018-11-05,A,1,1,1,1,1\n"), zone="America/New_York").time[0]
        == NO_TIME
    )


def test_mixed_offsets_dates_and_zones_are_read_each_for_itself(tmp_path: Path) -> None:
    """Every text that says its offset is an instant; the date that does not exist is quarantined, the rest stays."""
    stamps = ("2018-07-02T00:00:00-04:00", "2018-07-03", "2018-02-31", "2018-07-05T04:00:00Z")
    rows = "".join(f"{stamp},SPY,1,1,1,1,1\n" for stamp in stamps)
    loaded = load(csv_file(tmp_path, rows))
    assert loaded.checked.bars[0].time.tolist() == [us("2018-07-02T04:00"), us("2018-07-03T00:00"), us("2018-07-05T04:00")]
    assert [(row.row, row.kinds) for row in loaded.checked.quarantined] == [(2, ("bad_timestamp",))]


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_epochs_of_any_unit_are_read_and_one_in_another_unit_is_quarantined(tmp_path: Path, scale: int) -> None:
    """The unit is that of most rows; the odd one out is kept aside, not moved to 1970."""
    stamps = [1_530_504_000 * scale, 1_530_590_400 * scale, 1_530_763_200 * scale]
    odd = 1_530_849_600 * (1 if scale > 1 else 10**3)
    loaded = load(csv_file(tmp_path, "".join(f"{stamp},SPY,1,1,1,1,1\n" for stamp in (*stamps, odd))))
    assert loaded.checked.bars[0].time.tolist() == [stamp * 10**6 // scale for stamp in stamps]
    assert [row.kinds for row in loaded.checked.quarantined] == [("bad_timestamp",)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_times_of_any_unit_are_the_same_instants(tmp_path: Path, unit: str) -> None:
    """Seconds to nanoseconds, and dates, in a zone of the file's own or UTC."""
    stamps = np.array(["2018-07-02T04:00", "2018-07-03T04:00"], f"datetime64[{unit}]")
    for zone in ("UTC", "America/New_York"):
        times = pa.array(stamps.astype(np.int64)).cast(pa.timestamp(unit, zone))
        (bars,) = read_file(parquet_file(tmp_path, table(times)))
        assert bars.time.tolist() == [us("2018-07-02T04:00"), us("2018-07-03T04:00")]


def test_parquet_dates_are_sessions_and_naive_times_of_day_are_refused(tmp_path: Path) -> None:
    """A date column and midnights without a zone are dates; 09:30 without a zone is refused until declared."""
    days = pa.array([date(2018, 7, 2), date(2018, 7, 3)])
    for times in (days, days.cast(pa.timestamp("ns"))):
        assert read_file(parquet_file(tmp_path, table(times)))[0].time.tolist() == [us("2018-07-02"), us("2018-07-03")]
    naive = pa.array(np.array(["2018-07-02T09:30", "2018-07-02T09:31"], "datetime64[us]"))
    with pytest.raises(DataError, match="2 times have no zone"):
        read_file(parquet_file(tmp_path, table(naive)))
    assert read_file(parquet_file(tmp_path, table(naive)), zone="America/New_York")[0].time[0] == us("2018-07-02T13:30")


def test_parquet_columns_of_other_types_are_read_or_refused(tmp_path: Path) -> None:
    """Integers, decimals and dictionaries are numbers and texts; a price as text or a nested column is refused."""
    times = pa.array(np.array(["2018-07-02T04:00", "2018-07-03T04:00"], "datetime64[us]")).cast(pa.timestamp("us", "UTC"))
    fine = table(
        times,
        symbol=pa.array(["SPY", "SPY"]).dictionary_encode(),
        open=pa.array([10, 10], pa.int32()),
        close=pa.array([Decimal("10.00")] * 2),
        volume=pa.nulls(2),
    )
    (bars,) = read_file(parquet_file(tmp_path, fine))
    assert (bars.open[0], bars.close[1]) == (10.0, 10.0)
    assert np.isnan(bars.volume).all()
    for column in (pa.array(["10", "10"]), pa.array([[10.0], [10.0]])):
        with pytest.raises(DataError, match="'close' holds"):
            read_file(parquet_file(tmp_path, table(times, close=column)))
    with pytest.raises(DataError, match="'time' holds double"):
        read_file(parquet_file(tmp_path, table(pa.array([1.0, 2.0]))))


def test_truncated_parquet_is_refused(tmp_path: Path) -> None:
    """Half a file says so in one line."""
    path = parquet_file(tmp_path, table(pa.array([date(2018, 7, 2)])))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="no Parquet file"):
        read_file(path)


@pytest.mark.parametrize(
    ("step", "name"), [("1m", "1m"), ("5m", "5m"), ("15m", "15m"), ("30m", "30m"), ("60m", "1h"), ("240m", "4h"), ("1440m", "1d")]
)
def test_timeframe_is_the_usual_distance_of_bars(tmp_path: Path, step: str, name: str) -> None:
    """Holes do not hide it."""
    start, minutes = us("2018-07-02"), int(step[:-1])
    stamps = [start + minutes * 60_000_000 * n for n in (0, 1, 2, 5, 6)]
    rows = "".join(f"{stamp},BTC-USD,1,1,1,1,1\n" for stamp in stamps)
    assert load(csv_file(tmp_path, rows), asset_class=AssetClass.CRYPTO).timeframe.name == name


def test_symbols_of_different_lengths_of_bars_in_one_file_are_refused(tmp_path: Path) -> None:
    """Days of one taken for minutes would fill by the rules of minutes; a thin symbol of few bars is no day."""
    start = us("2018-07-02T14:00")
    minutes = "".join(f"{start + 60_000_000 * n},AAPL,1,1,1,1,1\n" for n in range(60))
    daily = "".join(f"{us('2018-07-02') + DAY * n},SPY,1,1,1,1,1\n" for n in range(15))
    with pytest.raises(DataError, match=r"SPY has 1d bars, most others lie 1 minutes apart: give the bars of each length"):
        read_file(csv_file(tmp_path, minutes + daily))
    thin = "".join(f"{start + 7 * 60_000_000 * n},SPY,1,1,1,1,1\n" for n in range(8))
    assert load(csv_file(tmp_path, minutes + thin)).timeframe.name == "1m"


def test_bars_at_a_distance_of_no_timeframe_are_refused(tmp_path: Path) -> None:
    """Weekly bars are not daily ones with holes."""
    rows = "".join(f"2018-07-{day:02},SPY,1,1,1,1,1\n" for day in (2, 9, 16))
    with pytest.raises(DataError, match="10080 minutes apart"):
        read_file(csv_file(tmp_path, rows))
    assert load(csv_file(tmp_path, "2018-07-02,SPY,1,1,1,1,1\n")).timeframe.name == "1d"


def test_impossible_rows_stay_out_and_are_kept_with_reasons(tmp_path: Path) -> None:
    """A file with a bad row is read; the row is not in the bars, and its values are not lost."""
    bad = "2018-07-06T04:00:00Z,SPY,11,9,10,12,-5\n"
    loaded = load(csv_file(tmp_path, THREE_DAYS + bad))
    assert len(loaded.checked.bars[0]) == 3
    (row,) = loaded.checked.quarantined
    assert (row.row, row.high, row.volume, row.kinds) == (3, 9.0, -5.0, ("high_low_crossed", "volume_negative"))
    with pytest.raises(DataError, match="no bar that can be true"):
        read_file(csv_file(tmp_path, bad))


def test_row_with_an_impossible_symbol_is_quarantined_and_the_others_are_read(tmp_path: Path) -> None:
    """It is named by its row, whichever symbols are asked for; the rows behind it keep their own numbers."""
    bad = "2018-07-03T04:00:00Z,AAPL;DROP TABLE,10,12,9,11,1000\n"
    first, rest = THREE_DAYS.split("\n", 1)
    crossed = "2018-07-06T04:00:00Z,SPY,11,9,10,12,5\n"
    path = csv_file(tmp_path, f"{first}\n{bad}{rest}{crossed}")
    for symbols in (None, ["SPY"]):
        loaded = load(path, symbols)
        assert [(bars.symbol, len(bars)) for bars in loaded.checked.bars] == [("SPY", 3)]
        refused, other = loaded.checked.quarantined
        assert (refused.row, refused.symbol, refused.close, refused.kinds) == (1, "AAPL;DROP TABLE", 11.0, ("bad_symbol",))
        assert refused.detail.startswith("row 1: symbol 'AAPL;DROP TABLE' is not valid")
        assert (other.row, other.kinds) == (4, ("high_low_crossed",))
        assert [(finding.row, finding.kind) for finding in loaded.findings if finding.row < 4] == [(1, "bad_symbol")]


def test_parquet_row_without_a_symbol_is_quarantined_as_in_csv(tmp_path: Path) -> None:
    """It belongs to nobody; the other rows do."""
    path = tmp_path / "bars.parquet"
    times = [us(f"2018-07-0{day}T04:00") for day in (2, 3, 3)]
    columns = {name: [10.0] * 3 for name in ("open", "high", "low", "close", "volume")}
    pq.write_table(pa.table({"time": pa.array(times, pa.timestamp("us", "UTC")), "symbol": ["SPY", None, "SPY"], **columns}), path)
    loaded = load(path)
    assert len(loaded.checked.bars[0]) == 2
    assert [(row.row, row.kinds) for row in loaded.checked.quarantined] == [(1, ("bad_symbol",))]


def test_file_of_impossible_symbols_alone_is_refused_with_a_row(tmp_path: Path) -> None:
    """Nothing in it belongs to anything; neither does an empty text."""
    for text in ("AAPL;DROP TABLE", "", "a" * 10_000):
        with pytest.raises(DataError, match=r"no row with a symbol, in row 0 symbol .{2,60} is not valid"):
            load(csv_file(tmp_path, f"2018-07-03,{text},10,12,9,11,1000\n2018-07-05,?!,10,12,9,11,1000\n"))


def test_rows_keep_their_numbers_when_others_are_not_asked_for(tmp_path: Path) -> None:
    """A person looks for row 4 in the file, not among the rows of SPY."""
    others = "2018-07-02,IBM,1,1,1,1,1\n"
    repeated = THREE_DAYS.split("\n", 1)[0] + "\n"
    findings = load(csv_file(tmp_path, others + THREE_DAYS + repeated), ["SPY"]).findings
    assert (4, "duplicate_exact", "repeats row 1") in [(finding.row, finding.kind, finding.detail) for finding in findings]


def test_actions_are_splits_and_dividends_by_symbol_and_date(tmp_path: Path) -> None:
    """Other columns are ignored, other actions are told, an optional pay date is read; a split precedes a dividend of its day."""
    path = tmp_path / "actions.csv"
    path.write_text(
        "symbol,ex_date,action,value,reference_close,pay_date\n"
        "SPY,2018-06-15,dividend,1.2456,278.73,2018-07-31\nAAPL,2014-06-09,dividend,0.1,,\n"
        "AAPL,2014-06-09,split,7,645.57,\nWM.1,,ticker_history,,,\n"
    )
    actions = read_actions(path)
    assert [(action.symbol, action.action, action.value, action.pay_date) for action in actions] == [
        ("AAPL", "split", 7.0, None),
        ("AAPL", "dividend", 0.1, None),
        ("SPY", "dividend", 1.2456, "2018-07-31"),
    ]
    assert [action.symbol for action in read_actions(path, ["SPY"])] == ["SPY"]
    (note,) = unread_actions(path)
    assert "line 5" in note
    assert "ticker_history" in note


def test_changes_of_symbols_come_with_the_bars_of_their_share_alone(tmp_path: Path) -> None:
    """SPY's whole chain, of which the file has bars of one symbol."""
    path = tmp_path / "actions.csv"
    rows = "SPZ,2020-02-03,symbol_change,SPX\nSPY,2019-02-04,symbol_change,SPZ\nQQQ,2019-02-04,symbol_change,QQQQ\n"
    path.write_text("symbol,ex_date,action,value\n" + rows)
    found = fetch(csv_file(tmp_path, THREE_DAYS), ["SPY"], actions=path).changes
    assert found == (SymbolChange("2019-02-04", "SPY", "SPZ"), SymbolChange("2020-02-03", "SPZ", "SPX"))


@pytest.mark.parametrize(
    "row", ["AAPL,2014-02-30,split,7", "AAPL,2014-06-09,split,0", "AAPL,2014-06-09,split,nan", "AA PL,2014-06-09,split,7"]
)
def test_action_that_cannot_be_is_refused_with_its_line(tmp_path: Path, row: str) -> None:
    """A wrong split would falsify everything after it."""
    path = tmp_path / "actions.csv"
    path.write_text(f"symbol,ex_date,action,value\n{row}\n")
    with pytest.raises(DataError, match="line 2"):
        read_actions(path)


def test_reading_a_file_never_imports_pandas() -> None:
    """A back-test as a whole command has no time for it."""
    code = (
        "import sys; from pathlib import Path; from tasks.market_data.files import read_file, read_actions; "
        f"read_file(Path({str(SHIPPED / 'equity_1d.parquet')!r}), ['SPY']); sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=SHIPPED.parents[1]).returncode == 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not beside the checkout")
@pytest.mark.parametrize(
    "name", ["equity_1d", "equity_1h", "equity_1m", "crypto_1d", "crypto_1h", "crypto_1m", "crypto_5m", "fx_1d", "fx_1h", "fx_1m"]
)
def test_every_shared_bar_is_read_unchanged(name: str) -> None:
    """All rows of real files pass the hard checks."""
    path = SHARED / "data" / f"{name}.parquet"
    loaded = load(path, asset_class=AssetClass(name.partition("_")[0]))
    assert sum(len(bars) for bars in loaded.checked.bars) == pq.ParquetFile(path).metadata.num_rows
    assert loaded.timeframe.name == name.split("_")[1]
    assert not loaded.checked.quarantined


@pytest.mark.parametrize(("name", "symbols", "rows"), [("equity_1d", 8, 42_788), ("crypto_1d", 1, 1_318)])
def test_shipped_bars_are_whole_and_small(name: str, symbols: int, rows: int) -> None:
    """What the first start stores passes every hard check and is what the README says."""
    loaded = load(SHIPPED / f"{name}.parquet", asset_class=AssetClass(name.partition("_")[0]))
    assert (len(loaded.checked.bars), sum(len(bars) for bars in loaded.checked.bars)) == (symbols, rows)
    assert {finding.kind for finding in loaded.findings} - IMPROBABLE == {"missing_bars"}
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 1_500_000


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not beside the checkout")
@pytest.mark.parametrize("name", ["equity_1d", "crypto_1d"])
def test_shipped_bars_equal_their_source(name: str) -> None:
    """No value was changed on the way."""
    asset_class = AssetClass(name.removesuffix("_1d"))
    ours = read_file(SHIPPED / f"{name}.parquet", asset_class=asset_class)
    theirs = read_file(SHARED / f"data/{name}.parquet", [bars.symbol for bars in ours], asset_class=asset_class)
    for mine, other in zip(ours, theirs, strict=True):
        for column in ("time", "open", "high", "low", "close", "volume"):
            assert np.array_equal(getattr(mine, column), getattr(other, column))


def test_shipped_actions_equal_their_source() -> None:
    """Splits and dividends of the shipped symbols, among them the split of Apple in 2014."""
    actions = read_actions(SHIPPED / "corporate_actions.csv")
    assert len(actions) == 588
    assert ("AAPL", "2014-06-09", "split", 7.0) in [(a.symbol, a.ex_date, a.action, a.value) for a in actions]
    if SHARED.is_dir():
        assert actions == read_actions(SHARED / "data/corporate_actions.csv", {action.symbol for action in actions})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("SPY,02/07/2018,split,2,", "line 2: ex_date '02/07/2018' is no date: write it as"),
        ("SPY,2018-07-02,dividend,0.5,31.07.2018", "line 2: pay_date '31.07.2018' is no date: write it as"),
        ('SPY,2018-07-02,dividend,"0,5",', "line 2: value '0,5' of a dividend is no number: write it as"),
        ("SPY,2018-07-02,dividend,1,5,", "line 2: 6 fields where the header names 5; numbers are written with a point"),
        ("SPY,2018-07-02,dividend,0.5,2018-07-01", "line 2: pay_date 2018-07-01 lies before ex_date 2018-07-02"),
        ("SPY,2018-07-02,split,1e300,", "line 2: value 1e+300 of a split is new shares for an old one, from 0.0001 to 10000.0"),
        ("SPY,2018-07-02,split,0.00001,", "line 2: value 1e-05 of a split is new shares for an old one"),
    ],
)
def test_field_of_an_action_that_cannot_be_read_is_named(tmp_path: Path, row: str, message: str) -> None:
    """With what was given and how it is written."""
    path = tmp_path / "actions.csv"
    path.write_text(f"symbol,ex_date,action,value,pay_date\n{row}\n")
    with pytest.raises(DataError, match=re.escape(message)):
        read_actions(path)
    path.write_text("symbol,ex_date,action,value\nOLD,2.7.2018,symbol_change,NEW\n")
    with pytest.raises(DataError, match=r"line 2: ex_date '2\.7\.2018' is no date"):
        read_symbol_changes(path)
