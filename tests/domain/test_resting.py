"""Orders as the engine keeps them and as the rules read them."""

import msgspec
import pytest

from domain.market import Side
from domain.orders import Order, Status
from domain.resting import differs, is_dormant, row_of, rows_of, side_of
from domain.rules.book import RestingOrder
from domain.rules.exits import PROTECTIVE
from domain.rules.fills import OrderType, Reason, TimeInForce


def order(**changes: object) -> Order:
    """Return a stop-limit order to sell 100 AAA, 40 of which are filled."""
    plain = Order(
        "id",
        "AAA",
        "s",
        Side.SELL,
        100,
        "stop_limit",
        9.0,
        "day",
        "stop_loss",
        0,
        Status.PARTIALLY_FILLED,
        40,
        8.5,
        0.1,
        12.0,
        5,
        4,
        2,
        7,
    )
    return msgspec.structs.replace(plain, **changes)


def test_an_order_becomes_a_row_of_what_is_open() -> None:
    """60 open; the words become their numbers."""
    kind, force, reason = OrderType.STOP_LIMIT.value, TimeInForce.DAY.value, Reason.STOP_LOSS.value
    assert row_of(order()) == RestingOrder(-1, 60, kind, 9.0, 8.5, 0.1, 12.0, force, 4, 2, reason, 7)


def test_no_price_is_0() -> None:
    """An order without limit and stop."""
    row = row_of(order(price=None, stop=None, order_type="market"))
    assert (row.limit, row.stop, row.kind) == (0.0, 0.0, OrderType.MARKET.value)


def test_a_book_has_its_protective_places_though_they_are_free() -> None:
    """An order at 5: six places, the others free; no order: three."""
    rows = rows_of({5: order()})
    assert [row.lots for row in rows] == [0, 0, 0, 0, 0, 60]
    assert rows_of({}) == [RestingOrder()] * PROTECTIVE
    assert len(rows_of({1: order()})) == PROTECTIVE


def test_a_row_that_nothing_happened_to_does_not_differ() -> None:
    """The order says the same."""
    assert not differs(row_of(order()), order())


@pytest.mark.parametrize(
    ("field", "value"), [("lots", 59), ("kind", 1), ("limit", 9.01), ("stop", 8.51), ("watermark", 12.01), ("parent", -1)]
)
def test_whatever_a_walk_may_change_differs(field: str, value: float) -> None:
    """Each alone asks for an amendment."""
    row = row_of(order())
    setattr(row, field, value)
    assert differs(row, order())


def test_a_child_without_lots_is_dormant_until_its_parent_is_gone() -> None:
    """No lots and a parent; with lots it lives, without a parent it is done."""
    assert is_dormant(RestingOrder(-1, 0, parent=4))
    assert not is_dormant(RestingOrder(-1, 3, parent=4))
    assert not is_dormant(RestingOrder(-1, 0))


def test_a_row_has_a_side() -> None:
    """Of its sign."""
    assert [side_of(RestingOrder(side)) for side in (1, -1)] == [Side.BUY, Side.SELL]
