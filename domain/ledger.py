"""Fingerprints of data and results, the same for every driver and machine."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.timeline import History

_NULL = np.uint64(0x7FF8000000000000)


class LedgerRow(NamedTuple):
    """A fill as it is hashed: ``time`` is the start of the bar filled on in microseconds, ``quantity`` in units."""

    time: int
    symbol: str
    side: str
    quantity: float
    price: float
    fee: float
    reason: str


class EquityRow(NamedTuple):
    """Equity and cash after the bars starting at ``time`` closed."""

    time: int
    equity: float
    cash: float


def ledger_sha256(rows: Iterable[LedgerRow]) -> str:
    """Return the SHA-256 of the fills in booking order."""
    digest = hashlib.sha256()
    for row in rows:
        numbers = f"{float(row.quantity).hex()},{float(row.price).hex()},{float(row.fee).hex()}"
        digest.update(f"{row.time},{row.symbol},{row.side},{numbers},{row.reason}\n".encode())
    return digest.hexdigest()


def equity_sha256(rows: Iterable[EquityRow]) -> str:
    """Return the SHA-256 of the equity curve."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.time},{float(row.equity).hex()},{float(row.cash).hex()}\n".encode())
    return digest.hexdigest()


def dataset_id(history: History) -> str:
    """Return the SHA-256 of the bars and of the actions that take effect in them."""
    from domain.timeline import actions_by_bar  # noqa: PLC0415 - timeline and ledger would import each other

    digest = hashlib.sha256()
    for bars in history.bars:
        digest.update(f"{bars.symbol}\n".encode())
        digest.update(bars.time.astype("<i8").tobytes())
        for column in (bars.open, bars.high, bars.low, bars.close, bars.volume):
            bits = column.astype("<f8").view("<u8").copy()
            bits[np.isnan(column)] = _NULL
            digest.update(bits.tobytes())
    used = {action for actions in actions_by_bar(history).values() for action in actions if action.action != "payment"}
    for action in sorted(used, key=lambda item: (item.symbol, item.ex_date, item.action)):
        digest.update(f"{action.symbol},{action.ex_date},{action.action},{float(action.value).hex()}\n".encode())
    return digest.hexdigest()
