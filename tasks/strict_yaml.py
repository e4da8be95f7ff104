"""YAML as a configuration needs it: plain data with line numbers, bounded in size, and no surprises.

Anchors, aliases, tags, duplicate keys, tabs and several documents are refused. A plain ``off``, ``no`` or ``ON`` is text (``ON``
is a share), a date is text, and ``1e309`` is the float infinity, for the schema to refuse.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

type Trail = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the top."""

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 12
MAX_VALUES: Final = 20_000
"""Bounds that no configuration of people reaches, and that keep a hostile file under a second and 50 MiB."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NAMED: Final[dict[str, Any]] = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    ".inf": float("inf"),
    "+.inf": float("inf"),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
    ".NaN": float("nan"),
}


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a file, and the line (from 1) on which each value stands."""

    name: str
    value: Any
    lines: dict[Trail, int] = field(default_factory=dict)


def read_yaml(path: Path) -> Document:
    """Return the data of the file; raise ConfigurationError naming file and line where it is not plain YAML."""
    try:
        data = _read_bounded(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{path}: is larger than {MAX_BYTES // 1024} KiB: this is no configuration")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}:{line}: is not UTF-8 text: save the file as UTF-8") from None
    return parse_yaml(text, str(path))


def _read_bounded(path: Path) -> bytes:
    """Return at most one byte more than allowed, from a regular file alone (a FIFO would wait for ever)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigurationError(f"{path}: is not a regular file: name a YAML file")
        return file.read(MAX_BYTES + 1)


def parse_yaml(text: str, name: str) -> Document:
    """Return the data of ``text``, called ``name`` in messages; raise ConfigurationError where it is not plain YAML."""
    for number, line in enumerate(text.splitlines(), 1):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            raise ConfigurationError(f"{name}:{number}: is indented with a tab: use spaces")
    try:
        return _Builder(name).build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        line_number = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"{name}:{line_number}: is not YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line_number = text.count("\n", 0, error.position) + 1
        raise ConfigurationError(f"{name}:{line_number}: is not YAML: {error.reason}") from None


def parse_scalar(text: str) -> Any:
    """Return what a plain word means: null, a boolean, a number, else the text itself."""
    if text in _NAMED:
        return _NAMED[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


class _Builder:
    """Builds plain data from parser events, one at a time, so that a hostile file stops at its first offence."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Trail, int] = {}
        self.values = 0

    def build(self, events: Iterator[Any]) -> Document:
        documents = 0
        value: Any = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.refuse(event, "a second document begins: one file is one document")
            elif isinstance(event, (yaml.NodeEvent, yaml.CollectionStartEvent)):
                value = self.node(event, events, ())
        if documents == 0 or value is None:
            raise ConfigurationError(f"{self.name}:1: is empty: there must be at least one setting")
        return Document(self.name, value, self.lines)

    def node(self, event: Any, events: Iterator[Any], trail: Trail) -> Any:
        self.values += 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self.refuse(event, "anchors (&) and aliases (*) are not allowed: write the value out")
        if event.tag is not None:
            self.refuse(event, "tags (!) are not allowed: write a plain value")
        if self.values > MAX_VALUES or len(trail) > MAX_DEPTH:
            self.refuse(event, f"too large: at most {MAX_VALUES} values, {MAX_DEPTH} levels deep")
        self.lines[trail] = event.start_mark.line + 1
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(events, trail)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(events, trail)
        return parse_scalar(event.value) if event.implicit[0] else event.value

    def mapping(self, events: Iterator[Any], trail: Trail) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag is not None:
                self.refuse(event, "a key must be a plain word")
            key = event.value
            if key in found:
                self.refuse(event, f"{dotted((*trail, key))} stands twice, first on line {self.lines[*trail, key]}")
            found[key] = self.node(next(events), events, (*trail, key))
            self.lines[*trail, key] = event.start_mark.line + 1
        return found

    def sequence(self, events: Iterator[Any], trail: Trail) -> list[Any]:
        found: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            found.append(self.node(event, events, (*trail, len(found))))
        return found

    def refuse(self, event: Any, reason: str) -> None:
        raise ConfigurationError(f"{self.name}:{event.start_mark.line + 1}: {reason}")


def dotted(trail: Trail) -> str:
    """Return ``trail`` as people write it: ``strategies[0].symbols``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in trail).lstrip(".")
