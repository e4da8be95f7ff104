"""The check of a cron expression, before a scheduler that says less sees it."""

from __future__ import annotations

import re
from typing import Final

from domain.errors import InputError

_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIELDS: Final = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 7, _DAYS),
)
_PART: Final = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]+))?", re.ASCII)


def check_cron(text: str) -> None:
    """Raise InputError, naming the field, where ``text`` is not five cron fields within their ranges."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        names = " ".join(name for name, *_ in _FIELDS)
        raise InputError(f"{text[:60]!r} has {len(parts)} fields: cron needs five, {names}")
    for part, (name, low, high, words) in zip(parts, _FIELDS, strict=True):
        for item in part.split(","):
            if not _is_item(item, low, high, words):
                raise InputError(f"{text[:60]!r}: {name} {item!r} is not allowed: it goes from {low} to {high}")


def _is_item(item: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(item)
    if match is None or match["step"] in {"0", "00"}:
        return False
    bounds = [_number(word, low, words) for word in (match["first"], match["last"]) if word is not None]
    return bounds == sorted(bounds) and all(low <= bound <= high for bound in bounds)


def _number(word: str, low: int, words: tuple[str, ...]) -> int:
    """Return the number of a name or of digits; -1, which no field allows, for anything else."""
    if word.lower() in words:
        return words.index(word.lower()) + low
    return int(word) if word.isdecimal() and len(word) < 3 else -1
