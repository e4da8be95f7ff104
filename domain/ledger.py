"""Fingerprints of data and results, the same for every driver and machine."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

from domain.events import OrderFilled
from domain.rules.fills import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from domain.events import CorporateActionApplied
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


class EquityCurve(Sequence[EquityRow]):
    """An equity curve in time order, held as three columns of machine numbers: a million points take 24 MB."""

    def __init__(self, time: Iterable[int] = (), equity: Iterable[float] = (), cash: Iterable[float] = ()) -> None:
        self.time, self.equity, self.cash = array("q", time), array("d", equity), array("d", cash)

    @overload
    def __getitem__(self, index: int) -> EquityRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[EquityRow]: ...
    def __getitem__(self, index: int | slice) -> EquityRow | list[EquityRow]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return EquityRow(self.time[index], self.equity[index], self.cash[index])

    def __len__(self) -> int:
        return len(self.time)

    def __iter__(self) -> Iterator[EquityRow]:
        return map(EquityRow, self.time, self.equity, self.cash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash((bytes(self.time), bytes(self.equity), bytes(self.cash)))


def ledger_row(event: OrderFilled | CorporateActionApplied, lots_per_unit: Mapping[str, int]) -> LedgerRow | None:
    """Return the row of a fill, or of a delisting that ended a position; None for other corporate actions."""
    if isinstance(event, OrderFilled):
        side, quantity = ("buy" if event.side > 0 else "sell"), event.lots / lots_per_unit[event.symbol]
        return LedgerRow(event.bar_time, event.symbol, side, quantity, event.price, event.fee, event.reason)
    symbol, lots = event.action.symbol, abs(event.lots_before)
    if event.action.action != "delisting":
        return None
    side, reason = ("sell" if event.lots_before > 0 else "buy"), Reason.CORPORATE_ACTION.code
    return LedgerRow(event.bar_time, symbol, side, lots / lots_per_unit[symbol], event.opening_price, 0.0, reason)


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
    """Return the SHA-256 of the bars, of the finer ones that are walked, and of the actions that take effect in them.

    An action is the line ``symbol,ex_date,action,value`` and, where there is one, ``,pay_date``; ``value`` as ``float.hex()``.
    """
    from domain.timeline import actions_used  # noqa: PLC0415 - timeline and ledger would import each other

    digest = hashlib.sha256()
    for bars in (*history.bars, *history.finer):
        digest.update(f"{bars.symbol}\n".encode())
        digest.update(bars.time.astype("<i8").tobytes())
        for column in (bars.open, bars.high, bars.low, bars.close, bars.volume):
            bits = column.astype("<f8").view("<u8").copy()
            bits[np.isnan(column)] = _NULL
            digest.update(bits.tobytes())
    for action in actions_used(history):
        paid = f",{action.pay_date}" if action.pay_date else ""
        digest.update(f"{action.symbol},{action.ex_date},{action.action},{float(action.value).hex()}{paid}\n".encode())
    return digest.hexdigest()
