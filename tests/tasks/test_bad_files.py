"""Files nobody should read: each is refused in one line or read exactly, in bounded time and memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deployments.commands.backtest import inert
from domain.errors import DataError
from tasks.history import from_file
from tasks.market_data.files import load

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = "time,symbol,open,high,low,close,volume\n"
ROWS = "2018-07-02T04:00:00Z,SPY,10,12,9,11,1000\n2018-07-03T04:00:00Z,SPY,11,12,10,11.5,2000\n"
TIMES = pa.array(np.array(["2018-07-02T04:00", "2018-07-03T04:00"], "datetime64[us]")).cast(pa.timestamp("us", "UTC"))
MEGABYTES = 400


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    """Every file here is done with in seconds, and takes little memory."""
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - start < 10.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES * 1024


def written(folder: Path, content: str | bytes) -> Path:
    """Write a file of bars."""
    path = folder / "bars.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(folder: Path, rows: int = 2, times: pa.Array = TIMES, **columns: object) -> Path:
    """Write bars of SPY with the given columns replaced."""
    base: dict[str, object] = {"time": times, "symbol": pa.array(["SPY"] * rows)}
    base |= {name: pa.array(np.full(rows, 10.0)) for name in ("open", "high", "low", "close", "volume")}
    path = folder / "bars.parquet"
    pq.write_table(pa.table(base | columns), path)
    return path


@pytest.mark.parametrize(
    "content",
    [
        HEADER + ROWS.replace("\n", "\r\n", 1),
        (HEADER + ROWS).replace("\n", "\r"),
        "\ufeff" + HEADER + ROWS,
        HEADER + "\n" + ROWS + "\n\n",
        "note," + HEADER + "".join(f'"two\nlines",{line}\n' for line in ROWS.splitlines()),
        HEADER + ROWS.replace(",10,12", ",1e1,+12."),
    ],
)
def test_csv_of_another_dialect_of_lines_is_read_exactly(tmp_path: Path, content: str) -> None:
    """Mixed line ends, a byte order mark, empty lines, a newline inside of quotes, an exponent: none changes a value."""
    (bars,) = load(written(tmp_path, content)).checked.bars
    assert (bars.open.tolist(), bars.high.tolist(), bars.close.tolist()) == ([10.0, 11.0], [12.0, 12.0], [11.0, 11.5])


@pytest.mark.parametrize("value", ['"1.234,5"', '"1,234.5"', "$10", "10%", "-", "1 000", "1_000", "0x10", "=1+1", "１０", "10 USD"])  # noqa: RUF001 digits of another script are meant
def test_number_in_another_notation_is_refused_with_its_row_and_value(tmp_path: Path, value: str) -> None:
    """A comma may be a decimal point or a thousands mark: nobody guesses."""
    with pytest.raises(DataError, match=r"row 2, the header being row 1: open .* is no number: write") as refused:
        load(written(tmp_path, HEADER + ROWS.replace(",10,12", f",{value},12", 1)))
    assert value.strip('"') in str(refused.value)


@pytest.mark.parametrize(
    ("value", "kind"), [("NaN", "nan_price"), ("", "nan_price"), ("inf", "infinite_price"), ("1e400", "infinite_price")]
)
def test_row_without_a_price_is_quarantined_and_the_others_are_read(tmp_path: Path, value: str, kind: str) -> None:
    """A missing price is a fact about one row."""
    loaded = load(written(tmp_path, HEADER + ROWS.replace(",10,12", f",{value},12", 1)))
    assert [(row.row, row.kinds[0]) for row in loaded.checked.quarantined] == [(0, kind)]
    assert loaded.checked.bars[0].open.tolist() == [11.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "column 'time' is missing"),
        ("\n", "column 'time' is missing"),
        (HEADER, "no rows"),
        ((HEADER + ROWS).encode("utf-16"), "UTF-8"),
        ((HEADER + ROWS).encode("utf-16-le"), "UTF-8: its first line holds NUL"),
        ((HEADER + ROWS).encode() + b"2018-07-05,SP\xe9,1,1,1,1,1\n", "UTF-8"),
        (HEADER.replace(",", ";") + ROWS.replace(",", ";"), "semicolons"),
        (HEADER.strip() + "".join(f",c{n}" for n in range(1_000_000)) + "\n" + ROWS, "first line has more than 65,536 characters"),
        (HEADER + "a" * 20_000_000 + "\n", "no CSV file of bars"),
        (HEADER + ROWS.replace("12,9", "12,9,9", 1), "Expected 7 columns, got 8"),
        (bytes(range(128, 256)) * 1000, "UTF-8"),
    ],
)
def test_text_that_is_no_table_of_bars_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    """Empty, of another encoding, of other separators, of a million columns, one endless line, noise."""
    with pytest.raises(DataError, match=message):
        load(written(tmp_path, content))


@pytest.mark.parametrize(
    ("stamp", "kind"),
    [
        ("1970-01-01T00:00:00Z", "implausible_timestamp"),
        ("0001-01-01T00:00:00Z", "implausible_timestamp"),
        ("1530504", "bad_timestamp"),
        ("99999999999999999999", "bad_timestamp"),
        ("2018-02-31T00:00:00Z", "bad_timestamp"),
        ("2099-01-05T05:00:00Z", "future_timestamp"),
        ("", "bad_timestamp"),
    ],
)
def test_row_of_no_possible_time_is_quarantined_with_its_count(tmp_path: Path, stamp: str, kind: str) -> None:
    """1970 and the year 1 are mistakes of a program, 2099 is not over yet."""
    now = int(np.datetime64("2026-11-21", "us").astype(np.int64))
    loaded = load(written(tmp_path, HEADER + ROWS + f"{stamp},SPY,1,1,1,1,1\n"), now=now)
    assert [(row.row, row.kinds) for row in loaded.checked.quarantined] == [(2, (kind,))]
    assert len(loaded.checked.bars[0]) == 2


def test_parquet_of_int96_times_without_a_zone_is_refused_until_one_is_declared(tmp_path: Path) -> None:
    """What old writers stored says no place."""
    path = tmp_path / "bars.parquet"
    pq.write_table(pq.read_table(parquet(tmp_path)), path, use_deprecated_int96_timestamps=True)
    with pytest.raises(DataError, match="2 times have no zone"):
        load(path)
    assert len(load(path, zone="UTC").checked.bars[0]) == 2


def test_parquet_of_decimals_in_a_dictionary_is_read_exactly(tmp_path: Path) -> None:
    """A decimal of two digits is that number."""
    closes = pa.array([Decimal("10.00"), Decimal("9.99")]).dictionary_encode()
    low = pa.array([9.0, 9.0])
    assert load(parquet(tmp_path, low=low, close=closes)).checked.bars[0].close.tolist() == [10.0, 9.99]


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("close", pa.array([{"a": 1}, {"a": 2}]), "'close' holds struct"),
        ("symbol", pa.array([["SPY"], ["SPY"]]), "'symbol' holds list"),
        ("symbol", pa.array([1, 2]), "'symbol' holds int64"),
        ("close", pa.array([True, False]), "'close' holds bool"),
        ("close", pa.array(["10", "11"]), "'close' holds string"),
        ("time", pa.array([1.0, 2.0]), "'time' holds double"),
    ],
)
def test_parquet_of_another_schema_is_refused_with_the_column(tmp_path: Path, name: str, column: pa.Array, message: str) -> None:
    """Nested, of the wrong type, or texts for numbers."""
    with pytest.raises(DataError, match=message):
        load(parquet(tmp_path, **{name: column}))


@pytest.mark.parametrize("kept", [0, 4, 8, 100, 0.5, -1])
def test_truncated_parquet_is_refused(tmp_path: Path, kept: float) -> None:
    """Cut anywhere."""
    path = parquet(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept == 0.5 else int(kept)])
    with pytest.raises(DataError):
        load(path)


def test_damaged_parquet_is_refused_or_read_and_never_crashes(tmp_path: Path) -> None:
    """Two hundred files with some bytes changed, in a process of its own: a crash would end it."""
    days = pa.array(np.arange(17_000, 17_500) * 86_400_000_000).cast(pa.timestamp("us", "UTC"))
    path = parquet(tmp_path, 500, days)
    program = f"""
import numpy as np
from pathlib import Path
from domain.errors import TradingError
from tasks.market_data.files import load
path, random = Path({str(path)!r}), np.random.default_rng(1)
whole = path.read_bytes()
for _ in range(200):
    damaged = bytearray(whole)
    for _ in range(random.integers(1, 6)):
        damaged[-1 - int(random.integers(min(3000, len(whole))))] = int(random.integers(256))
    path.write_bytes(damaged)
    try:
        load(path)
    except TradingError:
        pass
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_bomb_of_rows_is_refused_by_what_it_says_of_itself(tmp_path: Path) -> None:
    """Two megabytes that would be 3.5 GB."""
    rows = 1_000_000
    zeros = pa.array(np.zeros(rows))
    names = ("open", "high", "low", "close", "volume")
    group = pa.table({"time": zeros, "symbol": pa.array(np.zeros(rows, np.int8)), **dict.fromkeys(names, zeros)})
    path = tmp_path / "bomb.parquet"
    with pq.ParquetWriter(path, group.schema) as writer:
        for _ in range(51):
            writer.write_table(group)
    assert path.stat().st_size < 4_000_000
    with pytest.raises(DataError, match=r"51,000,000 rows, more than 50,000,000"):
        load(path)


@pytest.mark.parametrize("name", ["symbol", "time"])
def test_bomb_of_one_long_text_is_refused_without_spreading_it_out(tmp_path: Path, name: str) -> None:
    """A hundred thousand rows that share a text of a million characters would be 100 GB."""
    rows = 100_000
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["A" * 1_000_000]))
    days = pa.array(np.arange(rows) * 86_400_000_000).cast(pa.timestamp("us", "UTC"))
    with pytest.raises(DataError, match="text of 1000000 characters"):
        load(parquet(tmp_path, rows, days, **{name: long}))


def test_path_that_is_no_file_of_ours_is_refused(tmp_path: Path) -> None:
    """A folder, a pipe that nobody writes to, an endless device, a link that leads out."""
    os.mkfifo(tmp_path / "pipe")
    inside, outside = tmp_path / "data", tmp_path / "elsewhere"
    inside.mkdir()
    outside.mkdir()
    target = written(outside, HEADER + ROWS)
    (inside / "out.csv").symlink_to(target)
    (inside / "loop.csv").symlink_to(inside / "loop.csv")
    for path, message in (
        (tmp_path, "not a file"),
        (tmp_path / "pipe", "not a file"),
        (Path("/dev/zero"), "not a file"),
        (inside / "out.csv", f"link to {target}, outside of its folder"),
        (inside / "loop.csv", "does not exist"),
    ):
        with pytest.raises(DataError, match=message):
            load(path)
    (outside / "near.csv").symlink_to(target)
    assert len(load(outside / "near.csv").checked.bars[0]) == 2


def test_file_without_permission_is_refused(tmp_path: Path) -> None:
    """Also where the tests run as root, which may read everything."""
    path = written(tmp_path, HEADER + ROWS)
    path.chmod(0)
    if os.geteuid() != 0:
        with pytest.raises(DataError, match="cannot be read"):
            load(path)
        return
    os.seteuid(65534)
    try:
        with pytest.raises(DataError, match="cannot be read"):
            load(path)
    finally:
        os.seteuid(0)


def test_formula_is_no_symbol_and_no_number_on_the_way_in(tmp_path: Path) -> None:
    """A cell that a spreadsheet would run is kept as text in the quarantine."""
    loaded = load(written(tmp_path, HEADER + ROWS + "2018-07-05T04:00:00Z,=HYPERLINK(0),1,1,1,1,1\n"))
    assert [(row.symbol, row.kinds) for row in loaded.checked.quarantined] == [("=HYPERLINK(0)", ("bad_symbol",))]


@pytest.mark.parametrize("value", ['=HYPERLINK("x")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_formula_is_inert_on_the_way_out(value: str) -> None:
    """A text gets an apostrophe; numbers, negative ones too, stay numbers."""
    assert inert(value) == f"'{value}"
    assert (inert(-1.5), inert("SPY"), inert("2018-07-05")) == (-1.5, "SPY", "2018-07-05")


def test_errors_of_unit_and_split_in_a_file_are_warnings_and_the_unit_is_not_traded(tmp_path: Path) -> None:
    """Two days at a hundred times the level are left out; a split that nobody declared is told by its day."""
    days = [day for day in np.arange("2018-01-02", "2018-06-01", dtype="datetime64[D]") if np.is_busday(day)]
    lines = []
    for n, day in enumerate(days):
        level = (100.0 if 40 <= n < 42 else 1.0) * (100.0 + n % 3) / (4.0 if n >= 70 else 1.0)
        lines.append(f"{day}T05:00:00Z,SPY,{level},{level * 1.01},{level * 0.99},{level * 1.002},{1000 + n}\n")
    loaded = from_file(written(tmp_path, HEADER + "".join(lines)), None, None)
    assert max(loaded.history.bars[0].high) < 120.0
    assert any("2 rows" in warning and "unit_error_100x" in warning for warning in loaded.warnings)
    assert any(f"opens as after a split on {days[70]}" in warning for warning in loaded.warnings)


def test_a_small_file_of_more_rows_than_memory_holds_is_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repeated rows take no room in a Parquet file: what counts is what they take once they are read."""
    path = tmp_path / "bars.parquet"
    table = pq.read_table(parquet(tmp_path))
    pq.write_table(pa.concat_tables([table.slice(0, 1)] * 1_000).combine_chunks(), path)
    free = type(psutil.virtual_memory())
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free(*[0] * len(free._fields))._replace(available=599_000))
    with pytest.raises(DataError, match=r"1,000 rows, which take some 0\.0 GiB of memory, and 0\.0 are free: divide it"):
        load(path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free(*[0] * len(free._fields))._replace(available=600_000))
    assert len(load(path).checked.bars[0]) == 1
