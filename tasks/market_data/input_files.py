"""Files before they are read: that they are files, and that what they hold can be held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psutil

from domain.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pa_parquet

MOST_ROWS: Final = 50_000_000
"""A file of more rows is refused: their columns alone would take 2.8 GB."""

BYTES_A_ROW: Final = 600
"""What a row takes of memory while it is read and checked, measured on minute bars: a small Parquet file may hold many rows."""

MOST_BYTES: Final = 4 << 30
"""The most bytes of a CSV file, or of the needed columns of a Parquet file without its compression."""

LONGEST_TEXT: Final = 200
"""The most characters of a text that stands for a time or a symbol."""


def check_is_file(path: Path) -> None:
    """Raise DataError where ``path`` is no regular file that can be read, or a link that leads out of its own folder."""
    try:
        if not path.is_file():
            raise DataError(f"{path} is not a file" if path.exists() else f"{path} does not exist")
        if path.is_symlink():
            _check_link(path)
        with path.open("rb"):
            pass
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"{path} has {path.stat().st_size / 2**30:.1f} GiB, more than {MOST_BYTES >> 30}: divide it")


def _check_link(path: Path) -> None:
    target, folder = path.resolve(), path.parent.resolve()
    if folder not in target.parents:
        raise DataError(f"{path} is a link to {target}, outside of its folder: name that file itself")


def check_parquet(file: pa_parquet.ParquetFile, columns: Sequence[str], path: Path) -> None:
    """Raise DataError where the named columns are more than can be held, by what the file says of itself."""
    metadata = file.metadata
    if metadata.num_rows > MOST_ROWS:
        raise DataError(f"{path} says it has {metadata.num_rows:,} rows, more than {MOST_ROWS:,}: divide it")
    needed, free = metadata.num_rows * BYTES_A_ROW, psutil.virtual_memory().available
    if needed > free:
        raise DataError(
            f"{path} says it has {metadata.num_rows:,} rows, which take some {needed / 2**30:.1f} GiB of memory, "
            f"and {free / 2**30:.1f} are free: divide it"
        )
    size = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = (group.column(at) for at in range(group.num_columns))
        size += sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.partition(".")[0] in columns)
    if size > MOST_BYTES:
        raise DataError(f"{path}: its columns take {size / 2**30:.1f} GiB, more than {MOST_BYTES >> 30}: divide it")


def check_texts(column: pa.ChunkedArray, name: str, path: Path) -> None:
    """Raise DataError where a dictionary of texts holds a longer one than a time or symbol can be: spread out, it has no bounds."""
    for chunk in column.chunks:
        longest = max((len(text) for text in chunk.dictionary.to_pylist() if text is not None), default=0)
        if longest > LONGEST_TEXT:
            raise DataError(f"{path}: column {name!r} holds a text of {longest} characters; {LONGEST_TEXT} are allowed")
