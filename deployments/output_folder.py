"""The folder that ``--out`` names: whole or not at all."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from domain.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def output_folder(out: Path) -> Iterator[Path]:
    """Give a folder beside ``out`` to write into, which becomes ``out`` at the end, or gives its files to it.

    Whatever ends the block early leaves ``out`` as it was and no draft beside it. Raises DataError, before the block, where
    there can be no such folder.
    """
    try:
        if out.exists() and not out.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is a file")
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix=f".{out.name[:40]}-", dir=out.parent)
    except OSError as error:
        raise DataError(f"--out {out} cannot be written ({error.strerror}): name a folder in a place of yours") from None
    with folder as place:
        draft = Path(place) / "files"
        draft.mkdir()
        yield draft
        if not out.exists():
            draft.rename(out)
            return
        for path in draft.iterdir():
            path.replace(out / path.name)
