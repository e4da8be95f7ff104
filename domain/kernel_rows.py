"""The records that compiled code reads and writes, as NumPy types."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from domain.market import AssetClass
from domain.rules.book import RestingOrder
from domain.rules.matching import TapeRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.run import RunSpec

_TYPES: Final[dict[object, type]] = {"int": np.int64, "float": np.float64, int: np.int64, float: np.float64}


def record_of(cls: type[Any]) -> np.dtype[Any]:
    """Return the record type with the fields of a dataclass of ints and floats."""
    return np.dtype([(field.name, _TYPES[field.type]) for field in fields(cls)])


ORDER: Final = record_of(RestingOrder)
TAPE: Final = record_of(TapeRow)
FILL: Final = np.dtype([("bar", "i8"), ("side", "i8"), ("lots", "i8"), ("price", "f8"), ("fee", "f8"), ("reason", "i8")])
REFUSAL: Final = np.dtype([("bar", "i8"), ("symbol", "i8"), ("lots", "i8"), ("breach", "i8"), ("value", "f8"), ("bound", "f8")])
AMBIGUITY: Final = np.dtype([("bar", "i8"), ("high_first", "f8"), ("low_first", "f8")])
LINE: Final = np.dtype(
    [
        *((name, "i8") for name in ("side", "lots", "kind", "force", "group", "tag", "is_child", "cancels", "following")),
        *((name, "f8") for name in ("limit", "stop", "trail")),
    ]
)
"""An order, a child of the one before, or a withdrawal, placed at the close of a bar."""

ACTION: Final = np.dtype([("kind", "i8"), ("value", "f8"), ("key", "i8"), ("following", "i8")])
SYMBOL: Final = np.dtype(
    [
        *((name, "f8") for name in ("stop_loss", "take_profit", "trailing")),
        ("exit_bars", "i8"),
        *((name, "f8") for name in ("ticks", "ticks_below_one", "initial", "maintenance_long", "maintenance_short")),
        *((name, "f8") for name in ("short_a_unit", "low_price", "low_a_unit", "borrow_rate", "bars_a_year")),
        ("shorting", "i8"),
        ("levied", "i8"),
        ("first_bar", "i8"),
    ]
)
"""What does not change of a symbol during a run: exits, grid, margin table, borrowing."""


def room(count: int, record: np.dtype[Any]) -> NDArray[Any]:
    """Return ``count`` empty records, whose fields compiled and interpreted code reach by name."""
    return np.zeros(count, record).view(np.recarray)


def symbol_rows(spec: RunSpec, lengths: list[int]) -> NDArray[Any]:
    """Return a record of ``SYMBOL`` for each symbol; ``lengths`` are their numbers of bars."""
    rows = room(len(spec.instruments), SYMBOL)
    first = 0
    for index, (instrument, length) in enumerate(zip(spec.instruments, lengths, strict=True)):
        terms = spec.terms(index)
        exits, grid, margin = terms.exits, terms.grid, terms.margin
        rows[index] = (
            *exits,
            *grid,
            *margin,
            terms.borrow_rate,
            spec.bars_a_year(instrument),
            terms.shorting,
            int(spec.regulatory_fees and instrument.asset_class is AssetClass.EQUITY),
            first,
        )
        first += length
    return rows
