"""The resting orders of an account as the engine keeps them, and their translation to what the rules read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from domain.market import Side
from domain.rules.book import NO_GROUP, NO_PARENT, RestingOrder
from domain.rules.exits import PROTECTIVE
from domain.rules.fills import OrderType, Reason, TimeInForce

if TYPE_CHECKING:
    from domain.orders import Order

TYPES: Final = {kind.code: kind.value for kind in OrderType}
FORCES: Final = {force.code: force.value for force in TimeInForce}
REASONS: Final = {reason.code: reason.value for reason in Reason}

type Places = dict[int, Order]
"""The open orders of a symbol by their place in its book."""


def rows_of(places: Places) -> list[RestingOrder]:
    """Return the book of a symbol: the protective places first, then the others."""
    last = max(places, default=-1)
    return [row_of(places[place]) if place in places else RestingOrder() for place in range(max(last + 1, PROTECTIVE))]


def row_of(order: Order) -> RestingOrder:
    """Return an order as the rules read it."""
    return RestingOrder(
        side=order.side.value,
        lots=order.open_lots,
        kind=TYPES[order.order_type],
        limit=0.0 if order.price is None else order.price,
        stop=0.0 if order.stop is None else order.stop,
        trail=order.trail,
        watermark=order.watermark,
        force=FORCES[order.time_in_force],
        parent=order.parent,
        group=order.group,
        reason=REASONS[order.reason],
        tag=order.tag,
        entering=min(order.entering, order.open_lots),
    )


def differs(row: RestingOrder, order: Order) -> bool:
    """Return whether a row is no longer what the order says."""
    before = row_of(order)
    return (row.lots, row.kind, row.limit, row.stop, row.watermark, row.parent, row.entering) != (
        before.lots,
        before.kind,
        before.limit,
        before.stop,
        before.watermark,
        before.parent,
        before.entering,
    )


def is_dormant(row: RestingOrder) -> bool:
    """Return whether a row is a child that waits for its parent."""
    return row.lots == 0 and row.parent != NO_PARENT


def side_of(row: RestingOrder) -> Side:
    """Return the side of a row."""
    return Side.BUY if row.side > 0 else Side.SELL


__all__ = ["NO_GROUP", "NO_PARENT", "Places", "differs", "is_dormant", "row_of", "rows_of", "side_of"]
