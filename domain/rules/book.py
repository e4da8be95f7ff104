"""The resting orders of a symbol, and what a fill of one does to its relatives."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from domain.rules.accounting import Position, split_lots
from domain.rules.exits import (
    PROTECTIVE,
    STOP_LOSS,
    TAKE_PROFIT,
    TRAILING,
    ExitRules,
    Grid,
    best_price,
    opens,
    stop_loss_price,
    take_profit_price,
    target_after_exit,
    trailing_price,
)
from domain.rules.fills import OrderType, Reason
from domain.rules.rule import rule

NO_PARENT: Final = -1
NO_GROUP: Final = 0

_MARKET: Final = OrderType.MARKET.value
_LIMIT: Final = OrderType.LIMIT.value
_STOP: Final = OrderType.STOP.value
_STOP_LIMIT: Final = OrderType.STOP_LIMIT.value
_TRAILING: Final = OrderType.TRAILING_STOP.value


@dataclass(slots=True)
class RestingOrder:
    """An order that waits; in kernels a record of the same fields.

    ``lots`` are those open, 0 where there is nothing: no order, one that is done, or a child whose parent has not filled yet.
    ``kind`` is an ``OrderType``, ``force`` a ``TimeInForce``, ``reason`` a ``Reason``. A trailing order stops ``trail`` (a
    fraction) away from its ``watermark``. The fills of the order at the place ``parent`` bring a child to life, lot by lot; orders
    of one ``group`` shrink each other. ``tag`` is what a strategy calls it by. ``touched`` says that a limit fills in this
    bar where the price only touches it. ``entering`` of the lots were planned as an entry; the others leave a position.
    """

    side: int = 0
    lots: int = 0
    kind: int = 0
    limit: float = 0.0
    stop: float = 0.0
    trail: float = 0.0
    watermark: float = 0.0
    force: int = 0
    parent: int = NO_PARENT
    group: int = NO_GROUP
    reason: int = 0
    tag: int = 0
    touched: int = 0
    entering: int = 0


type Book = Any
"""The resting orders of symbols: a list of ``RestingOrder``, in kernels an array of records.

The first places of a symbol belong to the protective orders of its position (``domain.rules.exits``).
"""


@rule
def copy_order(source: Book, here: int, target: Book, there: int) -> None:
    """Copy one order; its parent is named by its place in the target."""
    order, copied = source[here], target[there]
    copied.side, copied.lots, copied.kind, copied.force = order.side, order.lots, order.kind, order.force
    copied.limit, copied.stop, copied.trail, copied.watermark = order.limit, order.stop, order.trail, order.watermark
    copied.group, copied.reason, copied.tag, copied.touched = order.group, order.reason, order.tag, order.touched
    copied.entering = order.entering
    copied.parent = order.parent + there - here if order.parent >= 0 else NO_PARENT


@rule
def copy_orders(source: Book, first: int, last: int, target: Book, place: int) -> None:
    """Copy the orders at ``first`` to ``last`` (exclusive) of ``source`` to ``target`` from ``place`` on."""
    for index in range(last - first):
        copy_order(source, first + index, target, place + index)


@rule
def open_orders(book: Book, first: int, last: int) -> int:
    """Return how many orders have open lots."""
    count = 0
    for slot in range(first, last):
        if book[slot].lots > 0:
            count += 1
    return count


@rule
def pass_point(book: Book, first: int, last: int, point: float, grid: Grid) -> None:
    """Let trailing orders follow a point that the price has passed."""
    for slot in range(first, last):
        order = book[slot]
        if order.lots > 0 and order.kind == _TRAILING:
            best = best_price(order.side, order.watermark, point)
            if best != order.watermark:
                order.watermark = best
                order.stop = trailing_price(order.side, best, order.trail, grid)


@rule
def relatives_after_fill(book: Book, first: int, last: int, filled: int, lots: int, point: float, grid: Grid) -> None:
    """Bring the children of the order at ``filled`` to life by the ``lots`` it traded, and shrink the others of its group.

    Children leave what their parent entered: ``fit_exits`` has to follow.
    """
    group = book[filled].group
    for slot in range(first, last):
        order = book[slot]
        if order.parent == filled:
            if order.lots == 0:
                order.kind = waiting_kind(order.kind, order.stop, order.trail)
            if order.kind == _TRAILING and order.lots == 0:
                order.watermark = point
                order.stop = trailing_price(order.side, point, order.trail, grid)
            order.lots += lots
        elif slot != filled and group != NO_GROUP and order.group == group:
            take_lots(order, lots)


@rule
def waiting_kind(kind: int, stop: float, trail: float) -> int:
    """Return what an order was before its stop was met: a child whose parent fills again waits for its stop again."""
    if stop <= 0.0:
        return kind
    if kind == _MARKET:
        return _TRAILING if trail > 0.0 else _STOP
    return _STOP_LIMIT if kind == _LIMIT else kind


@rule
def take_lots(order: Any, lots: int) -> None:
    """Take ``lots`` that traded or were withdrawn off an order: those that leave a position go first."""
    order.lots = order.lots - lots if order.lots > lots else 0
    order.entering = order.entering if order.entering < order.lots else order.lots


@rule
def withdraw(order: Any) -> None:
    """Leave nothing of an order open."""
    order.lots = order.entering = 0


@rule
def fit_exits(book: Book, first: int, last: int, held: int) -> None:
    """Leave of the strategy's own orders, beside their entries, no more than leaves a position of ``held`` lots.

    Each may leave all of it: where several rest, the first to fill takes the position from the others.
    """
    for slot in range(first + PROTECTIVE, last):
        order = book[slot]
        leaving = order.lots - order.entering
        if leaving > 0:
            order.lots = order.entering + reducing_lots(order.side, leaving, held)
    release(book, first, last)


@rule
def protect(book: Book, first: int, before: int, position: Position, point: float, exits: ExitRules, grid: Grid) -> None:
    """Fit the protective orders to the position after a fill at ``point``; ``before`` are the lots held before it.

    They always cover what is held, never more. Opening or turning a position places them anew; where it only grew, stop-loss and
    take-profit follow the average price. One that was triggered goes on as the market order it became.
    """
    held = abs(position.lots)
    if opens(before, position.lots):
        place_protection(book, first, -1 if position.lots > 0 else 1, point, exits)
    stop, limit, trail = book[first + STOP_LOSS], book[first + TAKE_PROFIT], book[first + TRAILING]
    stop.lots = held if exits.stop_loss > 0.0 else 0
    limit.lots = held if exits.take_profit > 0.0 else 0
    trail.lots = held if exits.trailing > 0.0 else 0
    if held > 0:
        stop.stop = stop_loss_price(position, exits, grid)
        limit.limit = take_profit_price(position, exits, grid)
        if exits.trailing > 0.0:
            trail.stop = trailing_price(trail.side, trail.watermark, exits.trailing, grid)


@rule
def place_protection(book: Book, first: int, side: int, point: float, exits: ExitRules) -> None:
    """Make the protective orders of a new position, all of ``side``, from the point where it was opened."""
    for place in range(PROTECTIVE):
        order = book[first + place]
        order.side, order.reason = side, Reason.STOP_LOSS.value + place
        order.watermark, order.trail = point, exits.trailing
    book[first + STOP_LOSS].kind = _STOP
    book[first + TAKE_PROFIT].kind = _LIMIT
    book[first + TRAILING].kind = _TRAILING


@rule
def split_orders(book: Book, first: int, last: int, ratio: float) -> None:
    """Scale resting orders for a split: lots times the ratio, prices divided by it."""
    for slot in range(first, last):
        order = book[slot]
        leaving = split_lots(order.lots - order.entering, ratio)  # no more than the position, that is rounded as it is
        order.entering = split_lots(order.entering, ratio)
        order.lots = order.entering + leaving
        order.limit /= ratio
        order.stop /= ratio
        order.watermark /= ratio


@rule
def free_place(book: Book, first: int, last: int) -> int:
    """Return the first place behind the protective ones without an open order or a child that waits; ``last`` if none."""
    for slot in range(first + PROTECTIVE, last):
        if book[slot].lots == 0 and book[slot].parent == NO_PARENT:
            return slot
    return last


class OwnLots(NamedTuple):
    """Open lots of a strategy's own orders: those planned as entries, and those there to leave a short or a long position."""

    buys: int
    sells: int
    covers: int
    exits: int


@rule
def own_lots(book: Book, first: int, last: int, group: int) -> OwnLots:
    """Return what orders of the strategy's own may still trade, those of ``group`` and children that wait left out.

    Of orders that cancel each other the largest entry counts and the largest exit.
    """
    buys, sells, covers, exits = 0, 0, 0, 0
    for slot in range(first + PROTECTIVE, last):
        order = book[slot]
        if order.lots == 0 or (group != NO_GROUP and order.group == group):
            continue
        entering, leaving = order.entering, order.lots - order.entering
        if order.group != NO_GROUP:
            entering = 0 if is_smaller_sibling(book, first, last, slot, True) else entering
            leaving = 0 if is_smaller_sibling(book, first, last, slot, False) else leaving
        if order.side > 0:
            buys += entering
            covers += leaving
        else:
            sells += entering
            exits += leaving
    return OwnLots(buys, sells, covers, exits)


@rule
def lots_at_worst(own: OwnLots, held: int) -> tuple[int, int]:
    """Return the lots that own orders may buy and sell of a position of ``held``: exits together no more than it has."""
    return own.buys + reducing_lots(1, own.covers, held), own.sells + reducing_lots(-1, own.exits, held)


@rule
def is_smaller_sibling(book: Book, first: int, last: int, slot: int, entering: bool) -> bool:
    """Return whether another order of the same group and side is larger, or as large and stands before it.

    Of both the lots that are ``entering`` are compared, or those that are not.
    """
    order = book[slot]
    own = order.entering if entering else order.lots - order.entering
    for other in range(first + PROTECTIVE, last):
        rival = book[other]
        lots = rival.entering if entering else rival.lots - rival.entering
        sibling = other != slot and rival.group == order.group and rival.side == order.side
        if sibling and (lots > own or (lots == own and other < slot)):
            return True
    return False


@rule
def target_after_fill(pending: int, is_exit: bool, is_protective: bool, side: int, lots: int, held: int) -> int:
    """Return the signed lots left of a symbol's target order after a resting order of ``side`` filled ``lots``; ``held`` are left.

    From an exit that no target asked for - a time exit, a liquidation - any fill of its side takes what it left, and no more than
    the position is kept of it. From a target's own order a protective fill does; one that would enter again is withdrawn.
    """
    if is_exit:
        sign = 1 if pending > 0 else -1
        left = abs(pending) - lots if sign == side else abs(pending)
        return sign * reducing_lots(sign, left if left > 0 else 0, held)
    return target_after_exit(pending, side, lots) if is_protective else pending


@rule
def release(book: Book, first: int, last: int) -> None:
    """Cut children from parents that are done: nothing will bring more of them to life."""
    for slot in range(first, last):
        parent = book[slot].parent
        if parent >= 0 and book[parent].lots == 0:
            book[slot].parent = NO_PARENT


@rule
def reducing_lots(side: int, lots: int, held: int) -> int:
    """Return how many of an order's ``lots`` reduce a position of ``held`` lots; what is beyond them enters one."""
    if side * held >= 0:
        return 0
    return lots if lots < abs(held) else abs(held)


@rule
def withdraw_entries(book: Book, first: int, last: int, held: int) -> None:
    """Leave of the strategy's own orders what reduces a position of ``held`` lots, and withdraw children that wait."""
    for slot in range(first + PROTECTIVE, last):
        order = book[slot]
        if order.parent == NO_PARENT and order.lots > 0:
            order.lots, order.entering = reducing_lots(order.side, order.lots, held), 0
    release(book, first, last)
