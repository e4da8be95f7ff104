"""How commands print: tables for people, one JSON document for programs, progress for a terminal alone."""

from __future__ import annotations

import json
import math
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDTH: Final = 30
_QUIET_SECONDS: Final = 1.0

_document: TextIO | None = None  # where documents go while everything else that prints is read on stderr


@contextmanager
def kept_for_documents() -> Iterator[None]:
    """Keep stdout for what is said here; whatever Python prints meanwhile, in a strategy or a library, is read on stderr."""
    global _document
    _document, sys.stdout = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout, _document = _document, None


def say(text: str = "", *, now: bool = False) -> None:
    """Print a line; ``now`` for one that must be seen before the command ends."""
    out = _document or sys.stdout
    out.write(text + "\n")
    if now:
        out.flush()


def complain(text: str) -> None:
    """Print a line on stderr."""
    sys.stderr.write(text + "\n")


def print_json(document: Any) -> None:
    """Print ``document``; undefined and infinite numbers become null."""
    say(json.dumps(finite(document), indent=2, ensure_ascii=False, default=str))


def print_records(records: list[dict[str, Any]]) -> None:
    """Print records of texts, whole numbers and nulls as ``print_json`` does, a million of them in a tenth of its time."""
    say(msgspec.json.format(msgspec.json.encode(records), indent=2).decode())


def finite(value: Any) -> Any:
    """Return ``value`` with every NaN and infinity in it replaced by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def print_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print ``rows`` in columns: numbers to the right, texts to the left."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(header), *(len(row[i]) for row in cells)) if cells else len(header) for i, header in enumerate(headers)]
    right = [bool(rows) and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(headers))]
    for line in [list(headers), *cells]:
        columns = zip(line, widths, right, strict=True)
        padded = [text.rjust(width) if is_number else text.ljust(width) for text, width, is_number in columns]
        say("  ".join(padded).rstrip())


def brief(when: str | datetime | None) -> str:
    """Return an instant, ISO text or aware, as a person reads it: UTC to the second."""
    if when is None:
        return "-"
    instant = datetime.fromisoformat(when) if isinstance(when, str) else when
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def print_pairs(pairs: Sequence[tuple[str, Any]]) -> None:
    """Print names with values, one a line."""
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        say(f"{name.ljust(width)}  {_cell(value)}".rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}" if math.isfinite(value) else "-"
    if isinstance(value, int):
        return f"{value:,}"
    return " ".join(str(value).split())


class Progress:
    """A bar on stderr for what takes over a second; nothing where stderr is no terminal."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._shown = False
        self._began = time.monotonic()
        self._wanted = sys.stderr.isatty()

    def __call__(self, share: float) -> None:
        """Show that ``share`` of the work, from 0 to 1, is done."""
        if self._wanted and time.monotonic() - self._began > _QUIET_SECONDS:
            self._shown = True
            done = round(_WIDTH * share)
            sys.stderr.write(f"\r{self._label} [{'#' * done}{'.' * (_WIDTH - done)}] {share:4.0%}")
            sys.stderr.flush()

    def close(self) -> None:
        """Take the bar away."""
        if self._shown:
            sys.stderr.write("\r" + " " * (len(self._label) + _WIDTH + 10) + "\r")
            sys.stderr.flush()
