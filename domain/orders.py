"""An order's life as one table.

The diagram in the documentation is generated from ``TRANSITIONS``; a step that is not in it halts the engine.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from domain.errors import InvariantViolated

if TYPE_CHECKING:
    from domain.market import Side


class Status(StrEnum):
    """Where an order stands."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


TERMINAL: Final = frozenset({Status.FILLED, Status.CANCELLED, Status.REJECTED})

TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    Status.REQUESTED: frozenset(
        {Status.ACCEPTED, Status.REJECTED, Status.UNKNOWN, Status.PARTIALLY_FILLED, Status.FILLED, Status.CANCELLED}
    ),
    Status.UNKNOWN: frozenset({Status.ACCEPTED, Status.REJECTED, Status.PARTIALLY_FILLED, Status.FILLED, Status.CANCELLED}),
    Status.ACCEPTED: frozenset({Status.PARTIALLY_FILLED, Status.FILLED, Status.CANCELLED, Status.REJECTED}),
    Status.PARTIALLY_FILLED: frozenset({Status.PARTIALLY_FILLED, Status.FILLED, Status.CANCELLED}),
    Status.FILLED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.REJECTED: frozenset(),
}


class Order(msgspec.Struct, frozen=True, gc=False):
    """An order as the engine knows it; ``lots`` is the whole quantity, ``filled_lots`` what traded so far.

    ``price`` is its limit. ``place`` is -1 for one that a target asked for; the others rest at a place of their symbol's book, and
    ``entering`` of their open lots, at most all, were planned as an entry.
    """

    order_id: str
    symbol: str
    strategy: str
    side: Side
    lots: int
    order_type: str
    price: float | None
    time_in_force: str
    reason: str
    created_at: int
    status: Status = Status.REQUESTED
    filled_lots: int = 0
    stop: float | None = None
    trail: float = 0.0
    watermark: float = 0.0
    place: int = -1
    parent: int = -1
    group: int = 0
    tag: int = 0
    entering: int = 0

    @property
    def open_lots(self) -> int:
        """What may still trade."""
        return 0 if self.status in TERMINAL else self.lots - self.filled_lots


def advance(order: Order, status: Status, filled_lots: int | None = None) -> Order:
    """Return ``order`` with ``status`` and, where given, ``filled_lots``.

    Raises InvariantViolated where the table has no such step.
    """
    if status not in TRANSITIONS[order.status]:
        allowed = ", ".join(sorted(TRANSITIONS[order.status])) or "nothing"
        raise InvariantViolated(
            f"order {order.order_id} of {order.symbol} cannot go from {order.status} to {status}: allowed is {allowed}; "
            "trading halts, see ./pi5 why"
        )
    filled = order.filled_lots if filled_lots is None else filled_lots
    return msgspec.structs.replace(order, status=status, filled_lots=filled)
