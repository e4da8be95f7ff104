"""The records that compiled code reads and writes: plain dataclasses, which it has as rows of NumPy arrays."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from math import inf
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import numba
import numpy as np
from msgspec import structs

from domain.market import AssetClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from domain.run import RunSpec

type Rows = Any
"""Records by their number: an array of them for compiled code, a list of objects where compilation is off."""

INTERPRETED: Final = bool(numba.config.DISABLE_JIT)
_TYPES: Final[dict[object, type]] = {"int": np.int64, "float": np.float64, int: np.int64, float: np.float64}


@dataclass(slots=True)
class FillRow:
    """A fill, in the order of the ledger; ``reason`` is a ``Reason``."""

    bar: int = 0
    side: int = 0
    lots: int = 0
    price: float = 0.0
    fee: float = 0.0
    reason: int = 0


@dataclass(slots=True)
class RefusalRow:
    """A refusal; ``breach`` is a ``Breach``."""

    bar: int = 0
    symbol: int = 0
    lots: int = 0
    breach: int = 0
    value: float = 0.0
    bound: float = 0.0


@dataclass(slots=True)
class AmbiguityRow:
    """A bar whose way decided, with the equity that each way gave."""

    bar: int = 0
    high_first: float = 0.0
    low_first: float = 0.0


@dataclass(slots=True)
class LineRow:
    """An order, a child of the one before, or a withdrawal, placed at the close of a bar; ``following`` is the next, or -1."""

    side: int = 0
    lots: int = 0
    kind: int = 0
    force: int = 0
    group: int = 0
    tag: int = 0
    is_child: int = 0
    cancels: int = 0
    following: int = 0
    limit: float = 0.0
    stop: float = 0.0
    trail: float = 0.0
    quantity: float = 0.0


@dataclass(slots=True)
class ActionRow:
    """A corporate action; ``key`` names the account of a dividend between ex-date and pay date, ``following`` the next, or -1."""

    kind: int = 0
    value: float = 0.0
    key: int = 0
    following: int = 0


@dataclass(slots=True)
class FixedRow:
    """What does not change of a symbol during a run: sizing, exits, grid, margin table, borrowing.

    ``key`` is the CRC-32 of its symbol; ``eventful`` says that its strategy places orders of its own.
    """

    sizing_rule: int
    sizing_value: float
    stop_loss: float
    take_profit: float
    trailing: float
    exit_bars: int
    ticks: float
    ticks_below_one: float
    lots_per_unit: int
    volume_share: float
    initial: float
    maintenance_long: float
    maintenance_short: float
    short_a_unit: float
    low_price: float
    low_a_unit: float
    borrow_rate: float
    shorting: int
    bars_a_year: float
    levied: int
    first_bar: int
    key: int
    eventful: int


@dataclass(slots=True)
class SymbolState:
    """Where a symbol stands.

    ``pending`` are the signed lots still open of its target order; ``live`` counts its resting orders with open lots, none of
    which can act at a price between ``lowest`` and ``highest``. ``before`` is the mark before the last.
    """

    lots: int = 0
    mark: float = 0.0
    before: float = 0.0
    standing: float = 0.0
    pending: int = 0
    deferred: int = 0
    live: int = 0
    due: int = 0
    average: float = 0.0
    realised: float = 0.0
    pending_reason: int = 0
    lowest: float = -inf
    highest: float = inf
    allowance: int = 0
    bars_held: int = 0
    last_day: int = -1
    wanted_lots: int = 0
    wanted_units: float = 0.0
    wanted_missing: int = 0
    last_bar: int = -1
    last_month: int = -1
    trip_count: int = 0
    trip_mean: float = 0.0
    trip_squares: float = 0.0
    trip_side: int = 0
    trip_entry: float = 0.0
    trip_due: int = 0


@dataclass(slots=True)
class AccountState:
    """Where the account stands; ``waiting`` counts its orders, ``entries`` those of the session; levies are those in force."""

    cash: float = 0.0
    equity: float = 0.0
    waiting: int = 0
    fills: int = 0
    refusals: int = 0
    ambiguous: int = 0
    closings: int = 0
    entries: int = 0
    session: int = -1
    held_bars: int = 0
    volume_limited: int = 0
    borrowed: float = 0.0
    levied_session: int = -1
    sec_rate: float = 0.0
    taf_rate: float = 0.0
    taf_cap: float = 0.0
    crowded: int = 0
    drawdown_breached: int = 0


_RECORDS: dict[type[Any], np.dtype[Any]] = {}  # making one takes as long as some ten fills


def record_of(cls: type[Any]) -> np.dtype[Any]:
    """Return the record type with the fields of a dataclass of ints and floats."""
    if cls not in _RECORDS:
        _RECORDS[cls] = np.dtype([(field.name, _TYPES[field.type]) for field in fields(cls)])
    return _RECORDS[cls]


def room(count: int, cls: type[Any]) -> Rows:
    """Return ``count`` records with the defaults of ``cls``."""
    if INTERPRETED:
        return [cls() for _ in range(count)]
    rows = np.zeros(count, record_of(cls)).view(np.recarray)
    for field in fields(cls):
        if field.default != 0:
            rows[field.name] = field.default
    return rows


def blank(count: int, cls: type[Any]) -> Rows:
    """Return ``count`` records that hold anything until they are written."""
    return room(count, cls) if INTERPRETED else np.empty(count, record_of(cls)).view(np.recarray)


def filled(values: Iterable[Sequence[Any]], cls: type[Any]) -> Rows:
    """Return records of the given values."""
    if INTERPRETED:
        return [cls(*row) for row in values]
    return np.array([tuple(row) for row in values], record_of(cls)).view(np.recarray)


def records(rows: Rows, count: int, cls: type[Any]) -> NDArray[Any]:
    """Return the first ``count`` rows as an array of records that owns its memory."""
    if INTERPRETED:
        return np.array([astuple(row) for row in rows[:count]], record_of(cls)).view(np.recarray)
    copied: NDArray[Any] = rows[:count].copy()
    return copied


def fixed_rows(spec: RunSpec, lengths: list[int]) -> Rows:
    """Return a ``FixedRow`` for each symbol; ``lengths`` are their numbers of bars."""
    rows, first = [], 0
    alike: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for index, (assignment, instrument, length) in enumerate(zip(spec.assignments, spec.instruments, lengths, strict=True)):
        borrowing, traded_as = spec.borrow_rates.get(instrument.symbol), structs.astuple(instrument)[1:]  # all but its name
        key = (id(assignment.strategy), assignment.sizing, borrowing, traded_as)
        if key not in alike:  # most symbols of a run are traded like another
            alike[key] = _terms_row(spec, index)
        decides = int(assignment.strategy.decides_on_events())
        rows.append((*alike[key], first, crc32(instrument.symbol.encode()), decides))
        first += length
    return filled(rows, FixedRow)


def _terms_row(spec: RunSpec, index: int) -> tuple[Any, ...]:
    """Return what a ``FixedRow`` begins with: the terms of a symbol as numbers."""
    terms, instrument = spec.terms(index), spec.instruments[index]
    levied = spec.regulatory_fees and instrument.asset_class is AssetClass.EQUITY
    return (
        *terms.sizing,
        *terms.exits,
        *terms.grid,
        terms.lots_per_unit,
        terms.volume_share,
        *terms.margin,
        terms.borrow_rate,
        terms.shorting,
        spec.bars_a_year(instrument),
        int(levied),
    )
