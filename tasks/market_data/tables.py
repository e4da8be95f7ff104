"""Tables of bars from CSV and Parquet files as rows in arrival order: strict numbers, known columns, nothing guessed."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from domain.errors import DataError, InputError, nearest
from domain.market import parse_symbol
from domain.quality import BAD_SYMBOL, Quarantined, Rows
from tasks.market_data.arrow import floats, integers
from tasks.market_data.input_files import check_is_file, check_parquet, check_texts
from tasks.market_data.times import from_arrow, parse_zone

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

COLUMNS: Final = ("time", "symbol", "open", "high", "low", "close", "volume")
ADJUSTED: Final = "adj_close"
"""A column of closes that the vendor adjusted for splits and dividends, where a file has one."""

ROW_ID: Final = "row_id"
"""A column that numbers the rows of a file, where it has one."""

_NUMBERS: Final = COLUMNS[2:]
_PARQUET_MAGIC: Final = b"PAR1"
_LONGEST_HEADER: Final = 1 << 16
_LONGEST_TEXT: Final = 40  # of what stands for a symbol and can be none


def read_rows(path: Path, symbols: Collection[str] | None = None, zone: str | None = None, earlier: Collection[str] = ()) -> Rows:
    """Return the rows of a CSV or Parquet file in arrival order, of the given symbols or all.

    With the rows of ``symbols`` come those of ``earlier``, which may be missing. Columns other than those of ``COLUMNS`` are
    ignored. ``zone`` declares what times without an offset mean. Rows whose symbol can be none are ``refused``, whichever symbols
    are asked for: nobody knows whose they are. Raises DataError where the file cannot be used, InputError for an unknown zone.
    """
    declared = parse_zone(zone)
    table = _read_table(path)
    if table.num_rows == 0:
        raise DataError(f"{path} has no rows: it must hold bars with the columns {', '.join(COLUMNS)}")
    texts = _texts(table.column("symbol"), path)
    names, code, reasons = _symbols(texts, path)
    open_, high, low, close, volume = (_number(table.column(name), name, path) for name in _NUMBERS)
    rows = Rows(names, code, from_arrow(table.column("time"), declared, str(path)), open_, high, low, close, volume)
    if reasons:
        rows = _without_refused(rows, texts, reasons)
    return rows if symbols is None else _of_symbols(rows, symbols, path, earlier)


def read_row_ids(path: Path) -> list[int | str | None] | None:
    """Return what a file calls its rows, in arrival order; None where it has no column ``ROW_ID``."""
    column = _extra_column(path, ROW_ID)
    if column is None:
        return None
    if not (pa.types.is_integer(column.type) or pa.types.is_string(column.type)):
        raise DataError(f"{path}: column {ROW_ID!r} holds {column.type}; it must hold whole numbers or texts")
    named: list[int | str | None] = column.to_pylist()
    return named


def read_adjusted(path: Path) -> NDArray[np.float64] | None:
    """Return the adjusted closes of a file, in arrival order, NaN where empty; None where it has no column ``ADJUSTED``."""
    column = _extra_column(path, ADJUSTED)
    return None if column is None else _number(column, ADJUSTED, path)


def _extra_column(path: Path, name: str) -> pa.ChunkedArray | None:
    """Return a column that a file of bars may have; None where it has not."""
    check_is_file(path)
    try:
        if _is_parquet(path):
            with pa_parquet.ParquetFile(path) as file:
                return file.read(columns=[name]).column(0) if name in file.schema_arrow.names else None
        if name not in _csv_header(path):
            return None
        return pa_csv.read_csv(path, convert_options=pa_csv.ConvertOptions(include_columns=[name])).column(0)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: column {name!r} cannot be read: {_first_line(error)}") from error


def check_header(found: Sequence[str], required: Sequence[str], path: Path) -> None:
    """Raise DataError where a required column is missing or there twice."""
    for name in required:
        if name not in found:
            shown = ", ".join(repr(column) for column in found[:12]) or "nothing"
            raise DataError(f"{path}: column {name!r} is missing: {nearest(name, found)}the file has {shown}")
        if list(found).count(name) > 1:
            raise DataError(f"{path}: column {name!r} is there {list(found).count(name)} times; keep one")


def _read_table(path: Path) -> pa.Table:
    """Return the columns of a file; its first bytes say whether it is Parquet."""
    check_is_file(path)
    return _read_parquet(path) if _is_parquet(path) else _read_csv(path)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC


def _read_parquet(path: Path) -> pa.Table:
    """Return the columns of a Parquet file (ParquetFile, not a data set: that would import pandas)."""
    try:
        with pa_parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            check_header(schema.names, COLUMNS, path)
            check_parquet(file, COLUMNS, path)
        # Texts stay dictionaries: one long text in a million rows is held once.
        texts = [name for name in ("time", "symbol") if pa.types.is_string(schema.field(name).type)]
        with pa_parquet.ParquetFile(path, read_dictionary=texts) as file:
            table = file.read(columns=list(COLUMNS))
        table.validate(full=True)  # texts of a damaged file may be none
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} is no Parquet file that can be read: {_first_line(error)}") from error
    for name in ("time", "symbol"):
        if pa.types.is_dictionary(table.column(name).type) and pa.types.is_string(table.column(name).type.value_type):
            check_texts(table.column(name), name, path)
    return table


def _read_csv(path: Path) -> pa.Table:
    """Return the columns of a CSV file: numbers parsed strictly, times and symbols as texts."""
    check_header(_csv_header(path), COLUMNS, path)
    types = {"time": pa.string(), "symbol": pa.string()} | dict.fromkeys(_NUMBERS, pa.float64())
    try:
        return pa_csv.read_csv(
            path,
            # One thread: only then an error names the row.
            read_options=pa_csv.ReadOptions(use_threads=False),
            convert_options=pa_csv.ConvertOptions(column_types=types, include_columns=list(COLUMNS)),
        )
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is no CSV file of bars: {_in_words(_first_line(error), path)}") from error


def _in_words(error: str, path: Path) -> str:
    """Return an error of the CSV reader with the row and the name of the column; as it is where it is about something else."""
    place = re.fullmatch(r"In CSV column #(\d+): Row #(\d+): CSV conversion error to \w+: invalid value '(.*)'", error)
    if place is None:
        return error
    column, row, value = place.groups()
    name = _csv_header(path)[int(column)]
    return f"row {row}, the header being row 1: {name} {value!r} is no number: write it with a point and nothing else, as 1234.5"


def _csv_header(path: Path) -> list[str]:
    """Return the column names of a CSV file; a byte order mark is no part of them."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline(_LONGEST_HEADER)
            if "\0" in line:
                raise DataError(f"{path} is neither Parquet nor CSV in UTF-8: its first line holds NUL")
            names = next(csv.reader([line]), [])
            if len(line) == _LONGEST_HEADER:
                raise DataError(f"{path}: its first line has more than {_LONGEST_HEADER:,} characters; it must name the columns")
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is neither Parquet nor CSV in UTF-8: {error}") from error
    if len(names) == 1 and ";" in names[0]:
        raise DataError(f"{path}: columns are separated by semicolons; write them with commas")
    return names


def _first_line(error: Exception) -> str:
    """Return the first line of an error of the reader, in bounded length."""
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__


def _texts(column: pa.ChunkedArray, path: Path) -> pa.DictionaryArray:
    """Return a column of symbols as they are written; one left out is empty; raise DataError where it holds no texts."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise DataError(f"{path}: column 'symbol' holds {column.type}; it must hold texts")
    if column.null_count:  # pyarrow loads pandas for this
        column = column.fill_null("")
    return column.combine_chunks().dictionary_encode()


def _symbols(texts: pa.DictionaryArray, path: Path) -> tuple[tuple[str, ...], NDArray[np.int64], dict[str, str]]:
    """Return the symbols in code-point order, each row's index into them, -1 where it has none, and why, by what it says.

    Raises DataError where no row has a symbol.
    """
    written: list[str] = texts.dictionary.to_pylist()
    parsed, reasons = {}, {}
    for text in written:
        try:
            parsed[text] = parse_symbol(text)
        except InputError as error:
            reasons[text] = str(error)
    if not parsed:
        raise DataError(f"{path} has no row with a symbol, in row 0 {reasons[written[0]]}")
    names = tuple(sorted(set(parsed.values())))
    index = {name: at for at, name in enumerate(names)}
    place = np.array([index[parsed[text]] if text in parsed else -1 for text in written], np.int64)
    return names, place[integers(texts.indices, 0)], reasons


def _without_refused(rows: Rows, texts: pa.DictionaryArray, reasons: Mapping[str, str]) -> Rows:
    """Return the rows that have a symbol, the others ``refused`` with what they say and why that can be none."""
    refused = []
    for row in np.flatnonzero(rows.code < 0).tolist():
        text = texts[row].as_py()
        values = {name: float(getattr(rows, name)[row]) for name in _NUMBERS}
        detail = f"row {row}: {reasons[text]}"
        refused.append(Quarantined(row, text[:_LONGEST_TEXT], int(rows.time[row]), **values, kinds=(BAD_SYMBOL,), detail=detail))
    return replace(rows.take(rows.code >= 0), refused=tuple(refused))


def _number(column: pa.ChunkedArray, name: str, path: Path) -> NDArray[np.float64]:
    """Return a numeric column, NaN where it is empty."""
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)):
        raise DataError(f"{path}: column {name!r} holds {kind}; it must hold numbers")
    return floats(column)


def _of_symbols(rows: Rows, symbols: Collection[str], path: Path, earlier: Collection[str]) -> Rows:
    """Return the rows of ``symbols`` and ``earlier``; raise DataError for one of ``symbols`` that the file does not have."""
    for symbol in symbols:
        if symbol not in rows.symbols:
            shown = ", ".join(rows.symbols[:20])
            raise DataError(f"{path} has no bars of {symbol!r}: {nearest(symbol, rows.symbols)}it has {shown}")
    return rows.take(np.isin(rows.code, [code for code, symbol in enumerate(rows.symbols) if symbol in {*symbols, *earlier}]))
