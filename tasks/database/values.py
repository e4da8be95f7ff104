"""Between the domain's numbers and PostgreSQL's types, without losing a bit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, overload

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
