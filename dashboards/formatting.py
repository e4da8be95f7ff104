"""Values as a person reads them: grouped numbers, signs, UTC times, inert text.

``None`` and undefined numbers show as an en dash. Minus signs are typographic, so that columns of figures line up.
"""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime
from typing import Final

UNDEFINED: Final = "\N{EN DASH}"
MINUS: Final = "\N{MINUS SIGN}"
LONGEST_TEXT: Final = 400


def _defined(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def number(value: float | None, decimals: int = 2, *, signed: bool = False) -> str:
    """Return ``value`` with grouped thousands and fixed ``decimals``; ``signed`` adds a plus to gains."""
    if value is None or not _defined(value):
        return UNDEFINED
    rounded = round(float(value), decimals)
    text = f"{abs(rounded):,.{decimals}f}"
    if rounded < 0:
        return MINUS + text
    return f"+{text}" if signed and rounded > 0 else text


def percent(fraction: float | None, *, signed: bool = False, decimals: int = 2) -> str:
    """Return a fraction as a percentage: 0.0213 is ``2.13 %``."""
    if fraction is None or not _defined(fraction):
        return UNDEFINED
    return f"{number(float(fraction) * 100, decimals, signed=signed)} %"


def price(value: float | None) -> str:
    """Return a price with two decimals, or as many as a small or finely quoted one needs (at most eight)."""
    if value is None or not _defined(value):
        return UNDEFINED
    if abs(value) >= 1000 or round(float(value), 2) == round(float(value), 8):
        return number(value, 2)
    return number(value, 4 if abs(value) >= 1 else 6)


def quantity(value: float | None) -> str:
    """Return a quantity without needless zeros: 120, 0.00150000 is 0.0015."""
    if value is None or not _defined(value):
        return UNDEFINED
    text = number(value, 8)
    return text.rstrip("0").rstrip(".") if "." in text else text


def tone(value: float | None) -> str:
    """Return the class that colours a change: gain, loss or nothing."""
    if value is None or not _defined(value) or value == 0:
        return ""
    return "gain" if value > 0 else "loss"


def utc(moment: datetime | None, *, seconds: bool = False) -> str:
    """Return a moment as ``2024-05-01 13:30`` in UTC; the surroundings say that it is UTC."""
    if moment is None:
        return UNDEFINED
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def span(seconds: float) -> str:
    """Return a duration in its largest sensible unit: ``12 s``, ``4 min``, ``3 h``, ``2 d``."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def inert(value: object) -> str:
    """Return text without control, format or bidirectional characters, at most ``LONGEST_TEXT`` long.

    The pages set text, never markup, so HTML shows as it was written; this removes what could still act or deceive, such as
    terminal escapes and characters that reverse the reading order.
    """
    text = "" if value is None else str(value)
    shown = "".join(" " if character in "\t\r\n" else character for character in text)
    shown = "".join(character for character in shown if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co"})
    return shown if len(shown) <= LONGEST_TEXT else f"{shown[: LONGEST_TEXT - 1]}\N{HORIZONTAL ELLIPSIS}"
