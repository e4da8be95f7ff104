"""Between the domain's numbers and PostgreSQL's types, without losing a bit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any, Final, overload

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def moment(microseconds: int) -> datetime:
    """Return UTC microseconds since 1970 as a datetime."""
    return EPOCH + timedelta(microseconds=microseconds)


def microseconds(value: datetime) -> int:
    """Return an aware datetime as UTC microseconds since 1970."""
    return (value - EPOCH) // _MICROSECOND


@overload
def number(value: float) -> Decimal: ...
@overload
def number(value: None) -> None: ...
def number(value: float | None) -> Decimal | None:
    """Return a float as the shortest decimal that is that float; PostgreSQL's own cast keeps 15 digits only."""
    return None if value is None else Decimal(repr(float(value)))


def units(lots: int, lots_per_unit: int) -> Decimal:
    """Return ``lots`` as a quantity, exactly."""
    return Decimal(lots) / Decimal(lots_per_unit)


def storable(text: str) -> str:
    """Return ``text`` as PostgreSQL can hold it: without NUL, and with ? for what is no character."""
    return text.replace("\x00", "").encode(errors="replace").decode()


def plain(value: Any, *, spell: bool = False) -> Any:
    """Return ``value`` as JSON can hold it: undefined and infinite numbers null (with ``spell`` a word), other things text."""
    if isinstance(value, dict):
        return {storable(str(key)): plain(item, spell=spell) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, spell=spell) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return repr(value) if spell else None
    return value if isinstance(value, bool | int | float | None) else storable(str(value))
