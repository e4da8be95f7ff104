"""Bars in the forms in which COPY takes and gives them.

In: PostgreSQL's binary rows, laid out as one array, where every number is a decimal of few digits, as traded prices are; that
takes a third of the time of text. Other numbers go as CSV. Out: binary rows again, read as one array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.market import Bars

FIELDS: Final = ("open", "high", "low", "close", "volume")

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_POSTGRES_EPOCH: Final = 946_684_800_000_000  # 2000-01-01 in microseconds since 1970
_NULL: Final = -1
_BASE: Final = 10_000  # NUMERIC is stored in digits of this base
_BASE_DECIMALS: Final = 4
_EXACT: Final = 2.0**53
_DECIMALS: Final = (0, 2, 4, 6, 8, 10, 13)

# A row of what is read: the number of fields, then length and value of each.
_READ_ROW: Final = np.dtype(
    [("fields", ">i2"), ("time_length", ">i4"), ("time", ">i8")]
    + [item for name in FIELDS for item in ((f"{name}_length", ">i4"), (name, ">f8"))]
)


class Rows(NamedTuple):
    """Rows ready for ``COPY ... FROM STDIN (FORMAT format)``."""

    format: Literal["binary", "csv"]
    data: memoryview


class _Decimals(NamedTuple):
    """Numbers as NUMERIC: ``digits`` is (rows, n) in base 10000, the first with ``weight``; ``scale`` decimals are shown."""

    digits: NDArray[np.int64]
    weight: int
    scale: int


def rows_of(bars: Bars, source: str) -> Rows:
    """Return symbol, timeframe, time, prices, volume and source of each bar; every float keeps its value to the bit."""
    binary = _binary(bars, source)
    return Rows("csv", _csv(bars, source)) if binary is None else Rows("binary", binary)


def columns_of(data: bytearray) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """Return the times (UTC microseconds) and the five columns of binary rows of timestamptz and five float8."""
    count = (len(data) - len(_SIGNATURE) - len(_TRAILER)) // _READ_ROW.itemsize
    rows = np.frombuffer(data, _READ_ROW, count, len(_SIGNATURE))
    return rows["time"].astype(np.int64) + _POSTGRES_EPOCH, [rows[name].astype(np.float64) for name in FIELDS]


def _binary(bars: Bars, source: str) -> memoryview | None:
    unknown = np.isnan(bars.volume)
    numbers = {name: _decimals(getattr(bars, name)) for name in FIELDS[:4]}
    if not unknown.all():
        numbers["volume"] = _decimals(bars.volume)
    texts = {"symbol": bars.symbol.encode(), "timeframe": bars.timeframe.name.encode(), "source": source.encode()}
    if any(found is None for found in numbers.values()) or not all(texts.values()):
        return None
    layout: list[tuple[Any, ...]] = [("fields", ">i2")]
    for name in ("symbol", "timeframe", "time", *FIELDS, "source"):
        layout.append((f"{name}_length", ">i4"))
        if name == "time":
            layout.append((name, ">i8"))
        elif name in texts:
            layout.append((name, f"S{len(texts[name])}"))
        elif (found := numbers.get(name)) is not None:
            layout += [(f"{name}_head", ">i2", (4,)), (name, ">i2", (found.digits.shape[1],))]
    rows = np.empty(len(bars), np.dtype(layout))
    rows["fields"] = 4 + len(FIELDS)
    rows["time_length"], rows["time"] = 8, bars.time - _POSTGRES_EPOCH
    for name, value in texts.items():
        rows[f"{name}_length"], rows[name] = len(value), value
    rows["volume_length"] = _NULL
    for name, found in numbers.items():
        if found is not None:
            count = found.digits.shape[1]
            rows[f"{name}_length"] = 8 + 2 * count
            rows[f"{name}_head"] = (count, found.weight, 0, found.scale)
            rows[name] = found.digits
    return memoryview(_SIGNATURE + rows.tobytes() + _TRAILER)


def _decimals(values: NDArray[np.float64]) -> _Decimals | None:
    """Return non-negative ``values`` as decimals that read back as the same floats, or None where they need more digits."""
    largest = float(values.max(initial=0.0))
    if not (np.isfinite(values).all() and (values >= 0.0).all()):
        return None
    for scale in _DECIMALS:
        power = 10.0**scale
        if largest * power >= _EXACT:
            return None
        scaled = np.rint(values * power)
        # Dividing two exact numbers rounds once, as reading the decimal does.
        if (scaled / power == values).all():
            return _in_base(scaled.astype(np.int64), scale)
    return None


def _in_base(scaled: NDArray[np.int64], scale: int) -> _Decimals:
    fraction_digits = -(-scale // _BASE_DECIMALS)
    rest = scaled * 10 ** (fraction_digits * _BASE_DECIMALS - scale)
    digits: list[NDArray[np.int64]] = []
    while len(digits) <= fraction_digits or rest.any():
        rest, digit = np.divmod(rest, _BASE)
        digits.append(digit)
    return _Decimals(np.stack(digits[::-1], axis=1), len(digits) - fraction_digits - 1, scale)


def _csv(bars: Bars, source: str) -> memoryview:
    """Arrow writes each float as the shortest text that is that float."""
    count = len(bars)
    table = pa.table(
        {
            "symbol": pa.repeat(bars.symbol, count),
            "timeframe": pa.repeat(bars.timeframe.name, count),
            "time": pa.array(bars.time).cast(pa.timestamp("us", "UTC")),
            **{name: pa.array(getattr(bars, name)) for name in FIELDS[:4]},
            "volume": pa.array(bars.volume, from_pandas=True),
            "source": pa.repeat(source, count),
        }
    )
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(table, sink, pa.csv.WriteOptions(include_header=False))
    return memoryview(sink.getvalue())
