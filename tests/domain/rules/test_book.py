"""Resting orders and what a fill of one does to its relatives, by hand."""

from math import nan

import pytest

from domain.rules.accounting import Position
from domain.rules.book import (
    NO_PARENT,
    OwnLots,
    RestingOrder,
    copy_orders,
    fit_exits,
    free_place,
    lots_at_worst,
    open_orders,
    own_lots,
    pass_point,
    place_protection,
    protect,
    reducing_lots,
    relatives_after_fill,
    release,
    split_orders,
    take_lots,
    target_after_fill,
    withdraw_entries,
)
from domain.rules.exits import NO_EXITS, PROTECTIVE, STOP_LOSS, TAKE_PROFIT, TRAILING, ExitRules, Grid
from domain.rules.fills import OrderType, Reason

CENTS = Grid(100.0, 10_000.0)
LIMIT, STOP, TRAIL = OrderType.LIMIT.value, OrderType.STOP.value, OrderType.TRAILING_STOP.value
EXITS = ExitRules(0.05, 0.10, 0.02)


def empty(count: int = PROTECTIVE) -> list[RestingOrder]:
    """Return a book of free places."""
    return [RestingOrder() for _ in range(count)]


def test_an_order_is_copied_whole_and_its_parent_moves_with_it() -> None:
    """From places 4 and 5 to 0 and 1: the child's parent at 4 is the one at 0 there."""
    parent = RestingOrder(1, 10, LIMIT, 9.0, 8.0, 0.1, 7.0, 1, NO_PARENT, 2, 3, 4, 1, 6)
    child = RestingOrder(-1, 0, STOP, 0.0, 8.5, 0.0, 0.0, 0, 4)
    source, target = [*empty(4), parent, child], empty(2)
    copy_orders(source, 4, 6, target, 0)
    assert target[0] == parent
    assert target[1] == RestingOrder(-1, 0, STOP, 0.0, 8.5, 0.0, 0.0, 0, 0)
    target[0].lots = 3
    assert parent.lots == 10


def test_open_orders_are_those_with_lots() -> None:
    """Two of four, one of them outside the range."""
    book = empty(4)
    book[1].lots = book[3].lots = 5
    assert (open_orders(book, 0, 4), open_orders(book, 0, 3)) == (2, 1)


def test_trailing_orders_follow_a_better_point_and_no_worse_one() -> None:
    """A sale 10 % below 100 stops at 90: 99 leaves it, 110 takes it to 99; a buy follows downwards."""
    book = [
        RestingOrder(-1, 5, TRAIL, stop=90.0, trail=0.1, watermark=100.0),
        RestingOrder(1, 5, TRAIL, stop=110.0, trail=0.1, watermark=100.0),
    ]
    pass_point(book, 0, 2, 99.0, CENTS)
    assert [(order.watermark, order.stop) for order in book] == [(100.0, 90.0), (99.0, 108.9)]
    pass_point(book, 0, 2, 110.0, CENTS)
    assert [(order.watermark, order.stop) for order in book] == [(110.0, 99.0), (99.0, 108.9)]


def test_only_open_trailing_orders_follow() -> None:
    """A plain stop and a child that waits stay where they are."""
    book = [
        RestingOrder(-1, 5, STOP, stop=90.0, watermark=100.0),
        RestingOrder(-1, 0, TRAIL, stop=90.0, trail=0.1, watermark=100.0),
    ]
    pass_point(book, 0, 2, 120.0, CENTS)
    assert [(order.watermark, order.stop) for order in book] == [(100.0, 90.0)] * 2


def test_children_come_to_life_lot_by_lot() -> None:
    """4, then 3 of the parent's 10 fill: 7 of the child; one of another parent sleeps on."""
    book = [
        RestingOrder(1, 10, LIMIT),
        RestingOrder(-1, 0, STOP, stop=9.0, parent=0),
        RestingOrder(-1, 0, STOP, stop=9.0, parent=5),
    ]
    relatives_after_fill(book, 0, 3, 0, 4, 10.0, CENTS)
    relatives_after_fill(book, 0, 3, 0, 3, 11.0, CENTS)
    assert [order.lots for order in book] == [10, 7, 0]


def test_a_trailing_child_begins_at_the_point_of_the_first_fill() -> None:
    """10 % below 10 is 9; the second fill at 12 moves nothing: the price has to pass there by itself."""
    book = [RestingOrder(1, 10, LIMIT), RestingOrder(-1, 0, TRAIL, trail=0.1, watermark=50.0, parent=0)]
    relatives_after_fill(book, 0, 2, 0, 4, 10.0, CENTS)
    assert (book[1].lots, book[1].watermark, book[1].stop) == (4, 10.0, 9.0)
    relatives_after_fill(book, 0, 2, 0, 4, 12.0, CENTS)
    assert (book[1].lots, book[1].watermark, book[1].stop) == (8, 10.0, 9.0)


def test_a_fill_shrinks_the_others_of_its_group() -> None:
    """4 filled: 10 become 6, 3 become none; another group and orders without one stay."""
    book = [
        RestingOrder(-1, 10, LIMIT, group=1),
        *(RestingOrder(-1, lots, STOP, group=group) for lots, group in ((10, 1), (3, 1), (10, 2), (10, 0))),
    ]
    relatives_after_fill(book, 0, 5, 0, 4, 10.0, CENTS)
    assert [order.lots for order in book] == [10, 6, 0, 10, 10]


def test_orders_without_a_group_are_no_relatives() -> None:
    """0 is no group."""
    book = [RestingOrder(-1, 10, LIMIT), RestingOrder(-1, 10, STOP)]
    relatives_after_fill(book, 0, 2, 0, 4, 10.0, CENTS)
    assert book[1].lots == 10


def test_opening_a_position_places_its_protection() -> None:
    """Long 100 at 50 filled at a point of 49: stop 47.50, limit 55, trailing 2 % below 49 at 48.02."""
    book = empty()
    protect(book, 0, 0, Position(100, 50.0, 0.0), 49.0, EXITS, CENTS)
    assert [(order.side, order.lots, order.kind) for order in book] == [(-1, 100, STOP), (-1, 100, LIMIT), (-1, 100, TRAIL)]
    assert (book[STOP_LOSS].stop, book[TAKE_PROFIT].limit, book[TRAILING].stop, book[TRAILING].watermark) == (
        47.5,
        55.0,
        48.02,
        49.0,
    )
    reasons = [Reason.STOP_LOSS.value, Reason.TAKE_PROFIT.value, Reason.TRAILING_STOP.value]
    assert [order.reason for order in book] == reasons


def test_protection_of_a_short_buys() -> None:
    """Short 100 at 50: stop 52.50, limit 45, trailing 2 % above 50."""
    book = empty()
    protect(book, 0, 0, Position(-100, 50.0, 0.0), 50.0, EXITS, CENTS)
    assert [(order.side, order.lots) for order in book] == [(1, 100)] * 3
    assert (book[STOP_LOSS].stop, book[TAKE_PROFIT].limit, book[TRAILING].stop) == (52.5, 45.0, 51.0)


def test_a_position_that_grew_moves_its_protection_to_the_new_average_but_not_its_watermark() -> None:
    """From 100 at 50 to 200 at 60: stop 57, limit 66; the watermark stays at 50, the stop there at 49."""
    book = empty()
    protect(book, 0, 0, Position(100, 50.0, 0.0), 50.0, EXITS, CENTS)
    protect(book, 0, 100, Position(200, 60.0, 0.0), 70.0, EXITS, CENTS)
    assert [order.lots for order in book] == [200] * 3
    assert (book[STOP_LOSS].stop, book[TAKE_PROFIT].limit, book[TRAILING].stop, book[TRAILING].watermark) == (
        57.0,
        66.0,
        49.0,
        50.0,
    )


def test_protection_shrinks_with_the_position_and_goes_with_it() -> None:
    """100, 40, none."""
    book = empty()
    for before, lots in ((0, 100), (100, 40), (40, 0)):
        protect(book, 0, before, Position(lots, 50.0 if lots else 0.0, 0.0), 50.0, EXITS, CENTS)
        assert [order.lots for order in book] == [lots] * 3


def test_a_triggered_stop_stays_a_market_order_while_its_rest_is_open() -> None:
    """60 of 100 sold by it: 40 go on at the market, not at a stop again."""
    book = empty()
    protect(book, 0, 0, Position(100, 50.0, 0.0), 50.0, EXITS, CENTS)
    book[STOP_LOSS].kind = OrderType.MARKET.value
    protect(book, 0, 100, Position(40, 50.0, 0.0), 47.5, EXITS, CENTS)
    assert (book[STOP_LOSS].kind, book[STOP_LOSS].lots) == (OrderType.MARKET.value, 40)


def test_a_turned_position_is_protected_anew() -> None:
    """A market order left of the long side becomes a stop of the short one."""
    book = empty()
    protect(book, 0, 0, Position(100, 50.0, 0.0), 50.0, EXITS, CENTS)
    book[STOP_LOSS].kind = OrderType.MARKET.value
    protect(book, 0, 100, Position(-30, 47.0, 0.0), 47.0, EXITS, CENTS)
    assert [(order.side, order.lots, order.kind) for order in book] == [(1, 30, STOP), (1, 30, LIMIT), (1, 30, TRAIL)]
    assert (book[TRAILING].watermark, book[STOP_LOSS].stop) == (47.0, 49.35)


@pytest.mark.parametrize(
    ("exits", "lots"),
    [(NO_EXITS, [0, 0, 0]), (ExitRules(0.05), [9, 0, 0]), (ExitRules(nan, 0.05), [0, 9, 0]), (ExitRules(trailing=0.05), [0, 0, 9])],
)
def test_only_the_exits_there_are_protect(exits: ExitRules, lots: list[int]) -> None:
    """One rule, one order."""
    book = empty()
    protect(book, 0, 0, Position(9, 50.0, 0.0), 50.0, exits, CENTS)
    assert [order.lots for order in book] == lots


def test_protection_is_placed_where_the_symbol_begins() -> None:
    """Places 2 to 4 of a longer book; the neighbours stay free."""
    book = empty(6)
    place_protection(book, 2, -1, 50.0, EXITS)
    assert [order.side for order in book] == [0, 0, -1, -1, -1, 0]


def test_a_split_scales_lots_and_prices() -> None:
    """2 for 1: twice the lots at half of every price; 3 for 2 of 3 are 4."""
    book = [RestingOrder(-1, 10, LIMIT, 60.0, 50.0, 0.1, 55.0, entering=3)]
    split_orders(book, 0, 1, 2.0)
    assert (book[0].lots, book[0].limit, book[0].stop, book[0].watermark, book[0].trail) == (20, 30.0, 25.0, 27.5, 0.1)
    assert book[0].entering == 6
    halves = [RestingOrder(-1, 6, LIMIT, entering=3)]  # of 3 held 1 is left, so no more than 1 leaves it
    split_orders(halves, 0, 1, 0.5)
    assert (halves[0].lots, halves[0].entering) == (2, 1)
    odd = [RestingOrder(1, 3, LIMIT, 60.0)]
    split_orders(odd, 0, 1, 1.5)
    assert (odd[0].lots, odd[0].limit) == (4, 40.0)


def test_a_free_place_lies_behind_the_protective_ones() -> None:
    """3 is open, 4 waits for its parent, 5 is free; a full book says where it ends."""
    book = [*empty(), RestingOrder(1, 5), RestingOrder(-1, 0, parent=3), RestingOrder()]
    assert free_place(book, 0, 6) == 5
    assert free_place(book, 0, 5) == 5


def entries(*orders: tuple[int, int, int]) -> list[RestingOrder]:
    """Return a book of own orders that enter a position, given as (side, lots, group)."""
    return [*empty(), *(RestingOrder(side, lots, LIMIT, group=group, entering=lots) for side, lots, group in orders)]


def own(*orders: tuple[int, int, int]) -> list[RestingOrder]:
    """Return a book of own orders, given as (side, lots, entering)."""
    return [*empty(), *(RestingOrder(side, lots, LIMIT, entering=entering) for side, lots, entering in orders)]


def test_own_lots_are_summed_by_side_and_purpose_without_protection() -> None:
    """Buys 5 + 7 of which 3 cover, sales 4 of which all leave; the protective orders count nothing."""
    book = own((1, 5, 5), (1, 7, 4), (-1, 4, 0), (1, 0, 0))
    book[0].lots = 100
    assert own_lots(book, 0, len(book), 0) == OwnLots(buys=9, sells=0, covers=3, exits=4)


def test_of_orders_that_cancel_each_other_the_largest_counts() -> None:
    """Group 1 has buys of 5 and 8 and a sale of 3: 8 and 3. Two of the same size count once."""
    book = entries((1, 5, 1), (1, 8, 1), (-1, 3, 1))
    assert own_lots(book, 0, len(book), 0) == OwnLots(8, 3, 0, 0)
    twins = entries((1, 5, 1), (1, 5, 1))
    assert own_lots(twins, 0, len(twins), 0) == OwnLots(5, 0, 0, 0)


def test_of_orders_that_cancel_each_other_the_largest_entry_and_the_largest_exit_count() -> None:
    """Sales of one group: 10 that leave a position do not hide 8 that enter a short."""
    book = own((-1, 8, 8), (-1, 10, 0))
    book[3].group = book[4].group = 1
    assert own_lots(book, 0, len(book), 0) == OwnLots(0, 8, 0, 10)


@pytest.mark.parametrize(
    ("pending", "is_exit", "is_protective", "side", "lots", "held", "left"),
    [
        (-897, True, True, -1, 1_000, 1_000, 0),  # more left than the liquidation asked for
        (-897, True, False, -1, 500, 1_500, -397),
        (-100, True, False, -1, 40, 60, -60),  # a time exit of all that is held
        (-100, True, False, 1, 50, 150, -100),
        (-100, True, False, -1, 100, 0, 0),
        (-100, True, False, -1, 120, -20, 0),  # never into a short
        (20, True, False, 1, 50, 30, 0),
        (-100, False, True, -1, 40, 60, -60),
        (100, False, True, -1, 40, 60, 0),  # would enter again
        (-100, False, False, -1, 40, 60, -100),  # of a target a strategy's own fill takes nothing
    ],
)
def test_what_a_fill_leaves_of_the_symbol_s_target_order(
    pending: int,
    is_exit: bool,  # noqa: FBT001 - from the table
    is_protective: bool,  # noqa: FBT001
    side: int,
    lots: int,
    held: int,
    left: int,
) -> None:
    """Signed lots: what the fill left of a position is not left again."""
    assert target_after_fill(pending, is_exit, is_protective, side, lots, held) == left


def test_a_new_order_does_not_count_those_it_would_cancel() -> None:
    """Group 1 left out: 7 of the other."""
    book = entries((1, 5, 1), (1, 7, 2))
    assert own_lots(book, 0, len(book), 1) == OwnLots(7, 0, 0, 0)


@pytest.mark.parametrize(("held", "worst"), [(100, (5, 107)), (200, (5, 167)), (0, (5, 7)), (-30, (35, 7)), (-80, (45, 7))])
def test_at_worst_exits_together_leave_no_more_than_is_held(held: int, worst: tuple[int, int]) -> None:
    """Entries of 5 and 7 whatever is held; exits of 160 in all, of a long position; covers of 40, of a short one."""
    assert lots_at_worst(OwnLots(5, 7, 40, 160), held) == worst


@pytest.mark.parametrize(("lots", "left"), [(3, (7, 4)), (6, (4, 4)), (8, (2, 2)), (12, (0, 0))])
def test_lots_that_leave_a_position_are_taken_before_those_that_enter_one(lots: int, left: tuple[int, int]) -> None:
    """Of 10 of which 4 enter: the first 6 leave."""
    order = RestingOrder(-1, 10, entering=4)
    take_lots(order, lots)
    assert (order.lots, order.entering) == left


@pytest.mark.parametrize(
    ("held", "left"),
    [(100, [100, 60, 30, 9]), (40, [40, 40, 30, 9]), (0, [0, 0, 30, 9]), (-5, [0, 0, 30, 9]), (-20, [0, 0, 30, 9])],
)
def test_each_exit_is_left_what_is_held_and_entries_are_left_alone(held: int, left: list[int]) -> None:
    """Sales of 100 and 60 leave a position, one of 30 enters a short, a purchase of 9 enters a long; a child that waits stays."""
    book = own((-1, 100, 0), (-1, 60, 0), (-1, 30, 30), (1, 9, 9))
    book[0].side, book[0].lots = -1, 500
    book.append(RestingOrder(-1, 0, STOP, stop=9.0, parent=PROTECTIVE + 3))
    fit_exits(book, 0, len(book), held)
    assert [order.lots for order in book[PROTECTIVE:]] == [*left, 0]
    assert (book[0].lots, book[-1].parent) == (500, PROTECTIVE + 3)


def test_an_exit_that_turns_is_left_its_entry_and_gone_with_its_child_without_one() -> None:
    """150 sold of 100 held, 50 of them a short: of 20 held it keeps 20 + 50. One that only leaves is gone from flat."""
    turning = own((-1, 150, 50))
    fit_exits(turning, 0, 4, 20)
    assert (turning[3].lots, turning[3].entering) == (70, 50)
    leaving = [*own((-1, 20, 0)), RestingOrder(1, 0, STOP, stop=9.0, parent=3)]
    fit_exits(leaving, 0, 5, 0)
    assert (leaving[3].lots, leaving[4].parent) == (0, NO_PARENT)


def test_children_are_released_from_parents_that_are_done() -> None:
    """The first parent has lots, the second none."""
    book = [RestingOrder(1, 5), RestingOrder(1, 0), RestingOrder(-1, 0, parent=0), RestingOrder(-1, 3, parent=1)]
    release(book, 0, 4)
    assert [order.parent for order in book] == [NO_PARENT, NO_PARENT, 0, NO_PARENT]


@pytest.mark.parametrize(
    ("side", "lots", "held", "reducing"), [(-1, 5, 8, 5), (-1, 5, 3, 3), (1, 5, -3, 3), (-1, 5, 0, 0), (1, 5, 0, 0), (1, 5, 8, 0)]
)
def test_an_order_reduces_a_position_of_the_other_side_and_no_further(side: int, lots: int, held: int, reducing: int) -> None:
    """What is beyond the position, and all of it from flat or on the same side, enters one."""
    assert reducing_lots(side, lots, held) == reducing


@pytest.mark.parametrize(("held", "left"), [(10, [0, 10, 4]), (0, [0, 0, 0]), (-10, [5, 0, 0])])
def test_what_is_left_of_own_orders_reduces_the_position(held: int, left: list[int]) -> None:
    """A purchase of 5, sales of 15 and 4: each at most what is held; the protective order stays, the waiting child goes with 5."""
    book = entries((1, 5, 0), (-1, 15, 0), (-1, 4, 0))
    book[0].lots = 7
    book.append(RestingOrder(-1, 0, STOP, stop=9.0, parent=PROTECTIVE))
    withdraw_entries(book, 0, len(book), held)
    assert [order.lots for order in book] == [7, 0, 0, *left, 0]
    assert [order.entering for order in book] == [0] * 7
    assert (book[-1].parent == NO_PARENT) is (left[0] == 0)
