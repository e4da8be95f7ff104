"""What the configuration says to people: refusals, contradictions between values, and values as they are written."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel

from domain.errors import nearest
from tasks.settings_model import Allowed, Settings, StrategyEntry
from tasks.strict_yaml import Trail, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_SECRET: Final = re.compile(r"passw|secret|token|api_?key|private|credential", re.IGNORECASE)
_LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class Described:
    """A value in force: its dotted name, how people write it, and the file and line or variable it came from."""

    name: str
    value: str
    origin: str


def problem(details: ErrorDetails) -> str:
    """Return what is wrong with one value: its name, what was given, what is allowed."""
    trail, kind = details["loc"], details["type"]
    if kind == "extra_forbidden":
        return unknown(trail)
    field = field_at(trail)
    allowed = _allowed(field, details)
    if kind == "missing":
        return f"{dotted(trail)} is missing: allowed is {allowed}"
    if kind == "value_error":
        return f"{dotted(trail)}: {details['ctx']['error']}"
    given = details["input"]
    words = field is not None and get_origin(field.annotation) is Literal and isinstance(given, str)
    hint = nearest(given, get_args(field.annotation)) if field is not None and words else ""
    return f"{dotted(trail)} is {_given(trail, given)}: {hint}allowed is {allowed}"


def unknown(trail: Trail) -> str:
    """Return the refusal of a key that no section has, with the nearest that it has. Its value is never shown."""
    *above, key = trail
    holder = field_at(tuple(above)) if above else None
    model = Settings if not above else StrategyEntry if above[0] == "strategies" else holder.annotation if holder else None
    names: Mapping[str, Any] = getattr(model, "model_fields", {})
    place = f" of {dotted(tuple(above))}" if above else ""
    secret = "passwords and keys never stand in this file; " if _SECRET.search(str(key)) else ""
    key_text = str(key)[:_LONGEST]
    return f"{key_text} is no setting{place}: {secret}{nearest(key_text, names)}allowed are {', '.join(names)}"


def contradictions(settings: Settings) -> list[tuple[Trail, str]]:
    """Return what is wrong between values that are each in order."""
    found: list[tuple[Trail, str]] = []
    if settings.system.environment == "live":
        text = "system.environment is 'live': trading real money is not there yet: allowed is 'paper' or 'research'"
        found.append((("system", "environment"), text))
    names: dict[str, int] = {}
    owners: dict[str, StrategyEntry] = {}
    first = settings.enabled[0] if settings.enabled else None
    for position, entry in enumerate(settings.strategies):
        trail: Trail = ("strategies", position)
        if entry.name in names:
            text = f"{dotted(trail)} is {entry.name} again, as strategies[{names[entry.name]}]: list its symbols in one entry"
            found.append(((*trail, "name"), text))
        names.setdefault(entry.name, position)
        if not entry.enabled or first is None:
            continue
        for symbol in entry.symbols:
            owner = owners.setdefault(symbol, entry)
            if owner is not entry and not (owner.shared and entry.shared):
                text = (
                    f"{dotted(trail)}.symbols has {symbol}, which {owner.name} trades: give each symbol to one enabled strategy, "
                    f"or set shared: true on {owner.name} and {entry.name}"
                )
                found.append(((*trail, "symbols"), text))
        if entry.timeframe != first.timeframe:
            text = f"{dotted(trail)}.timeframe is {entry.timeframe}, but {first.name} has {first.timeframe}: use one timeframe"
            found.append(((*trail, "timeframe"), text))
    return found


def leaves(settings: Settings) -> Iterator[tuple[Trail, Any]]:
    """Yield every value with its place, in the order of the schema."""
    for section, value in settings:
        for trail, part in [((section, n), e) for n, e in enumerate(value)] if isinstance(value, tuple) else [((section,), value)]:
            yield from (((*trail, key), held) for key, held in part)


def shown(trail: Trail, value: Any) -> str:
    """Return ``value`` as people write it in the file."""
    if value is None:
        return {"sizing": "0.95 / number of symbols", "backup": "none"}.get(str(trail[-1]), "off")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return "max" if value == math.inf else f"{value:.15g}"
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    if isinstance(value, str):
        return value
    return "{" + ", ".join(f"{key}: {shown(trail, held)}" for key, held in value.items()) + "}"


def field_at(trail: Trail) -> FieldInfo | None:
    """Return the schema of the value at ``trail``; None where the schema has none."""
    model: Any = Settings
    field: FieldInfo | None = None
    for part in (part for part in trail if isinstance(part, str)):
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            break
        field = model.model_fields.get(part)
        model = StrategyEntry if part == "strategies" else field.annotation if field else None
    return field


def is_text(annotation: Any) -> bool:
    """Whether a field takes words alone, so that a variable's text is its value and never a number."""
    if get_origin(annotation) is Literal:
        return True
    parts = get_args(annotation)
    return all(map(is_text, parts)) if parts else annotation in {str, NoneType}


def _allowed(field: FieldInfo | None, details: ErrorDetails) -> str:
    """Return the words of the field, of a closed list, or what a section is made of."""
    if field is None:
        return "a value"
    said = next((part.text for part in field.metadata if isinstance(part, Allowed)), None)
    keys = getattr(field.annotation, "model_fields", None)
    if said is None and keys:
        said = f"a section with {', '.join(keys)}"
    return said or details.get("ctx", {}).get("expected") or "a list of entries, each with name and symbols"


def _given(trail: Trail, value: Any) -> str:
    """Return what was given, short, and hidden where its name says it is a secret."""
    if any(_SECRET.search(str(part)) for part in trail):
        return "hidden"
    if isinstance(value, dict | list):
        return "a section" if isinstance(value, dict) else "a list" if value else "an empty list"
    text = "nothing" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
