"""Arrow columns as numpy arrays without pandas, which pyarrow's own conversion imports (half a second)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray


def floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return a numeric column as float64, NaN where it is empty."""
    return _values(column.cast(pa.float64(), safe=False), np.dtype(np.float64), float("nan"))


def integers(column: pa.ChunkedArray | pa.Array, empty: int) -> NDArray[np.int64]:
    """Return a column that counts something as int64, ``empty`` where it is empty."""
    return _values(column.cast(pa.int64()), np.dtype(np.int64), empty)


def _values(column: pa.ChunkedArray | pa.Array, dtype: np.dtype[Any], empty: float) -> NDArray[Any]:
    """Return a column of a fixed width of 8 bytes, ``empty`` where it is null."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if len(array) == 0:
        return np.empty(0, dtype)
    validity, data = array.buffers()
    values = np.frombuffer(data, dtype, len(array), array.offset * dtype.itemsize)
    if validity is None or array.null_count == 0:
        return values
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little", count=array.offset + len(array))
    return np.where(bits[array.offset :] == 1, values, np.array(empty, dtype))
