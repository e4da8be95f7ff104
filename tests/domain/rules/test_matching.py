"""Orders against the path of a bar, by hand: points, legs, ways, and what a fill does on the way."""

from dataclasses import replace
from math import isnan, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.accounting import Position
from domain.rules.book import NO_PARENT, RestingOrder
from domain.rules.costs import NO_LEVIES, Costs, Liquidity
from domain.rules.exits import NO_EXITS, PROTECTIVE, ExitRules, Grid
from domain.rules.fills import UNLIMITED, OrderType, PathMode, TimeInForce
from domain.rules.matching import (
    NONE,
    Range,
    TapeRow,
    Terms,
    Trading,
    Walk,
    alert_band,
    could_act,
    end_opening,
    end_session,
    equity_of,
    is_met,
    match_close,
    match_opening,
    next_to_act,
    price_met,
    walk_bar,
    walk_leg,
)

MARKET, LIMIT, STOP, STOP_LIMIT, TRAIL, ON_CLOSE = (kind.value for kind in OrderType)
CENTS = Grid(100.0, 10_000.0)
FREE = Costs(0.0, 0.0)
LONG = Position(100, 10.0, 0.0)
TERMS = Terms(FREE, NO_LEVIES, Liquidity(), 1, CENTS, NO_EXITS, cash_account=True)
MARGIN = TERMS._replace(cash_account=False, shorts=True)


def buy(kind: int, lots: int = 10, **fields: Any) -> RestingOrder:
    """Return an order to buy, an entry of a long position."""
    return RestingOrder(1, lots, kind, **{"entering": lots, **fields})


def sell(kind: int, lots: int = 10, **fields: Any) -> RestingOrder:
    """Return an order to sell."""
    return RestingOrder(-1, lots, kind, **fields)


def own(*orders: RestingOrder) -> list[RestingOrder]:
    """Return a whole book: these orders, from place 3 on, behind the protective ones that are free."""
    return [*(RestingOrder() for _ in range(PROTECTIVE)), *orders]


def tape_for(book: list[RestingOrder]) -> list[TapeRow]:
    """Return room for every fill."""
    return [TapeRow() for _ in range(4 * len(book) + 4)]


def trading(position: Position = LONG, cash: float = 1_000.0, allowance: int = UNLIMITED) -> Trading:
    """Return where a symbol stands before its bar."""
    return Trading(position, cash, allowance, 0)


def leg(
    book: list[RestingOrder], begin: float, end: float, start: Trading | None = None, terms: Terms = TERMS
) -> tuple[Trading, list[tuple[int, int, float]]]:
    """Walk a leg; return where it led and the fills as (slot, lots, price)."""
    tape = tape_for(book)
    done = walk_leg(book, 0, len(book), begin, end, start or trading(), terms, tape)
    return done, [(row.slot, row.lots, row.price) for row in tape[: done.fills]]


def bar(
    book: list[RestingOrder], prices: Range, mode: PathMode = PathMode.WORST, start: Trading | None = None, terms: Terms = TERMS
) -> tuple[Walk, list[tuple[int, int, float]]]:
    """Walk a bar; return where it led and the fills as (slot, lots, price)."""
    tape, spare = tape_for(book), [RestingOrder() for _ in book]
    walk = walk_bar(book, 0, len(book), prices, mode.value, start or trading(), terms, tape, spare, tape_for(book))
    return walk, [(row.slot, row.lots, row.price) for row in tape[: walk.trading.fills]]


def opening(
    book: list[RestingOrder], point: float, start: Trading | None = None, terms: Terms = TERMS, side: int = 1
) -> tuple[Trading, list[tuple[int, int, float]]]:
    """Match an opening; return where it led and the fills as (slot, lots, price)."""
    tape = tape_for(book)
    done = match_opening(book, 0, len(book), side, point, start or trading(), terms, tape)
    return done, [(row.slot, row.lots, row.price) for row in tape[: done.fills]]


# Points


@pytest.mark.parametrize(
    ("order", "points", "met"),
    [
        (buy(MARKET), (1.0, 10.0, 99.0), (True, True, True)),
        (buy(ON_CLOSE), (1.0, 10.0, 99.0), (False, False, False)),
        (buy(LIMIT, limit=10.0), (9.99, 10.0, 10.01), (True, False, False)),
        (sell(LIMIT, limit=10.0), (9.99, 10.0, 10.01), (False, False, True)),
        (buy(STOP, stop=10.0), (9.99, 10.0, 10.01), (False, True, True)),
        (sell(STOP, stop=10.0), (9.99, 10.0, 10.01), (True, True, False)),
        (buy(STOP_LIMIT, stop=10.0, limit=9.0), (9.99, 10.0, 10.01), (False, True, True)),
        (sell(TRAIL, stop=10.0), (9.99, 10.0, 10.01), (True, True, False)),
    ],
)
def test_where_an_order_would_act(order: RestingOrder, points: tuple[float, ...], met: tuple[bool, ...]) -> None:
    """Stops at or through, limits through by more than half a tick, market orders anywhere, on close nowhere on the way."""
    assert tuple(is_met([order], 0, point, CENTS) for point in points) == met


@pytest.mark.parametrize(
    ("order", "begin", "end", "price"),
    [
        (sell(STOP, stop=9.0), 10.0, 8.0, 9.0),
        (sell(STOP, stop=9.0), 8.5, 8.0, 8.5),  # begins beyond it
        (sell(STOP, stop=9.0), 10.0, 9.0, 9.0),  # touched
        (sell(STOP, stop=9.0), 10.0, 9.01, nan),
        (buy(LIMIT, limit=9.0), 10.0, 8.0, 9.0),
        (buy(LIMIT, limit=9.0), 10.0, 9.0, nan),  # touched only
        (sell(LIMIT, limit=11.0), 10.0, 12.0, 11.0),
        (buy(STOP, stop=11.0), 10.0, 12.0, 11.0),
        (sell(LIMIT, limit=9.998), 10.0, 12.0, 10.0),  # between two ticks and behind: met at once, not through at 10
        (buy(MARKET), 10.0, 12.0, nan),
        (buy(ON_CLOSE), 10.0, 12.0, nan),
    ],
)
def test_where_on_a_way_an_order_acts(order: RestingOrder, begin: float, end: float, price: float) -> None:
    """At its own price, at the begin where that is beyond it, never before; NaN is nowhere."""
    met = price_met([order], 0, begin, end, CENTS)
    assert met == price or (isnan(met) and isnan(price))


def test_the_first_on_the_way_acts_first() -> None:
    """Down from 10: the stop at 9.5 before the limit at 9; without lots or volume orders are passed over."""
    book = [buy(LIMIT, limit=9.0), sell(STOP, stop=9.5)]
    assert next_to_act(book, 0, 2, 10.0, 8.0, UNLIMITED, CENTS) == (1, 9.5)
    assert next_to_act(book, 0, 2, 9.4, 8.0, UNLIMITED, CENTS) == (1, 9.4)
    book[1].lots = 0
    assert next_to_act(book, 0, 2, 10.0, 8.0, UNLIMITED, CENTS) == (0, 9.0)
    assert next_to_act(book, 0, 2, 10.0, 8.0, 0, CENTS)[0] == NONE
    assert next_to_act(book, 0, 2, 10.0, 9.5, UNLIMITED, CENTS)[0] == NONE


def test_of_two_at_the_same_price_the_earlier_place_acts_first() -> None:
    """Two stops at 9."""
    assert next_to_act([sell(STOP, stop=9.0), sell(STOP, stop=9.0)], 0, 2, 10.0, 8.0, UNLIMITED, CENTS) == (0, 9.0)


# Legs


def test_a_stop_fills_at_its_price_on_the_way() -> None:
    """100 at 9 of 100 held: 900 come in."""
    book = [sell(STOP, 100, stop=9.0)]
    done, fills = leg(book, 10.0, 8.0)
    assert fills == [(0, 100, 9.0)]
    assert (done.position, done.cash, book[0].lots) == (Position(0, 0.0, -100.0), 1_900.0, 0)


def test_a_stop_sale_pays_slippage_from_its_price() -> None:
    """1 % below 9."""
    _, fills = leg([sell(STOP, stop=9.0)], 10.0, 8.0, terms=TERMS._replace(costs=Costs(0.0, 0.01)))
    assert fills == [(0, 10, pytest.approx(8.91, abs=1e-12))]


def test_a_stop_that_the_opening_gapped_over_fills_at_the_opening() -> None:
    """Stop 9, open 8.5: no better than the market."""
    _, fills = opening([sell(STOP, stop=9.0)], 8.5, side=-1)
    assert fills == [(0, 10, 8.5)]
    _, fills = opening([buy(STOP, stop=11.0)], 12.0)
    assert fills == [(0, 10, 12.0)]


def test_a_limit_that_the_opening_gapped_over_fills_there_to_our_favour() -> None:
    """Buy at 9, open 8.5; a sale at 11, open 12; without slippage even where market orders pay it."""
    costly = TERMS._replace(costs=Costs(0.0, 0.01))
    assert opening([buy(LIMIT, limit=9.0)], 8.5, terms=costly)[1] == [(0, 10, 8.5)]
    assert opening([sell(LIMIT, limit=11.0)], 12.0, terms=costly, side=-1)[1] == [(0, 10, 12.0)]


def test_a_touched_limit_does_not_fill() -> None:
    """Low 9.00 at a limit of 9; 8.99 fills at 9."""
    assert leg([buy(LIMIT, limit=9.0)], 10.0, 9.0)[1] == []
    assert leg([buy(LIMIT, limit=9.0)], 10.0, 8.99)[1] == [(0, 10, 9.0)]


def test_a_stop_limit_fills_from_its_trigger_on_only() -> None:
    """Buy stop 11, limit 10.50: at 11 it becomes a limit; the way down to 10 passes 10.50 then. Not on the way before."""
    book = [buy(STOP_LIMIT, stop=11.0, limit=10.5)]
    assert leg(book, 10.0, 12.0)[1] == []
    assert book[0].kind == LIMIT
    assert leg(book, 12.0, 10.0)[1] == [(0, 10, 10.5)]
    fresh = [buy(STOP_LIMIT, stop=11.0, limit=10.5)]
    assert leg(fresh, 10.4, 10.0)[1] == []
    assert fresh[0].kind == STOP_LIMIT


def test_a_stop_limit_whose_limit_is_beyond_its_stop_fills_at_the_trigger() -> None:
    """Buy stop 11, limit 12: at 11 the price is below the limit already."""
    assert leg([buy(STOP_LIMIT, stop=11.0, limit=12.0)], 10.0, 13.0)[1] == [(0, 10, 11.0)]


def test_a_trailing_stop_follows_points_passed_and_acts_on_the_way_back() -> None:
    """10 % below 12 is 10.80; up to 12 nothing, down to 10 at 10.80."""
    book = [sell(TRAIL, stop=9.0, trail=0.1, watermark=10.0)]
    assert leg(book, 10.0, 12.0)[1] == []
    assert leg(book, 12.0, 10.0)[1] == [(0, 10, 10.8)]


def test_a_trailing_stop_never_knows_a_high_that_comes_later() -> None:
    """Low first: from 10 to 9.5 its stop is 9; the high of 12 is not known then."""
    book = [sell(TRAIL, stop=9.0, trail=0.1, watermark=10.0)]
    assert leg(book, 10.0, 9.5)[1] == []
    assert (book[0].watermark, book[0].stop) == (10.0, 9.0)


def test_one_cancels_other_by_what_it_fills() -> None:
    """Volume for 4: the limit at 11 sells 4 of 10, the stop of the same group is left with 6."""
    book = [sell(LIMIT, limit=11.0, group=1), sell(STOP, stop=9.0, group=1)]
    done, fills = leg(book, 10.0, 12.0, trading(allowance=4))
    assert fills == [(0, 4, 11.0)]
    assert ([order.lots for order in book], done.allowance) == ([6, 6], 0)


def test_both_children_of_a_bracket_can_never_fill() -> None:
    """Bought at 9.50 on the way down, stopped at 9; on the way up to 12 the target at 11 is gone."""
    children = (sell(STOP, 0, stop=9.0, parent=3, group=1), sell(LIMIT, 0, limit=11.0, parent=3, group=1))
    book = own(buy(LIMIT, limit=9.5), *children)
    flat = trading(Position(), 1_000.0)
    done, fills = leg(book, 10.0, 8.0, flat)
    assert fills == [(3, 10, 9.5), (4, 10, 9.0)]
    assert leg(book, 8.0, 12.0, done._replace(fills=0))[1] == []
    assert [order.lots for order in book] == [0] * 6


def test_children_see_only_the_rest_of_the_path() -> None:
    """The way was above the target before the parent filled: nothing is sold on it."""
    book = [buy(LIMIT, limit=9.5), sell(LIMIT, 0, limit=9.8, parent=0)]
    assert leg(book, 10.0, 9.0, trading(Position()))[1] == [(0, 10, 9.5)]
    assert book[1].lots == 10


def test_a_sale_beyond_the_position_is_cut_in_a_cash_account_and_passes_in_a_margin_account() -> None:
    """100 held, 130 for sale: 30 are withdrawn, or short."""
    book, tape = [sell(STOP, 130, stop=9.0)], [TapeRow(), TapeRow()]
    done = walk_leg(book, 0, 1, 10.0, 8.0, trading(), TERMS, tape)
    assert (tape[0].lots, tape[0].cut, tape[0].left, done.position.lots) == (100, 30, 0, 0)
    done, fills = leg([sell(STOP, 130, stop=9.0)], 10.0, 8.0, terms=MARGIN)
    assert (fills, done.position.lots) == ([(0, 130, 9.0)], -30)


def test_a_sale_of_nothing_held_is_withdrawn_whole() -> None:
    """Nothing fills, all is cut, the book forgets it."""
    book, tape = [sell(STOP, stop=9.0)], [TapeRow(), TapeRow()]
    done = walk_leg(book, 0, 1, 10.0, 8.0, trading(Position()), TERMS, tape)
    assert (done.fills, tape[0].lots, tape[0].cut, book[0].lots) == (1, 0, 10, 0)


def test_a_purchase_beyond_the_cash_is_cut() -> None:
    """1,000 pay 90 of 100 at 11; the rest is withdrawn; on margin all is bought."""
    book, tape = [buy(STOP, 100, stop=11.0)], [TapeRow(), TapeRow()]
    done = walk_leg(book, 0, 1, 10.0, 12.0, trading(), TERMS, tape)
    assert (tape[0].lots, tape[0].cut, tape[0].left, tape[0].point, tape[0].cash) == (90, 10, 0, 11.0, 10.0)
    assert (done.cash, done.position.lots) == (10.0, 190)
    assert leg([buy(STOP, 100, stop=11.0)], 10.0, 12.0, terms=MARGIN)[0].cash == -100.0


def test_a_triggered_stop_without_volume_waits_as_a_market_order() -> None:
    """Nothing trades any more in this bar; at the next opening it goes at the market, not at 9."""
    book = [sell(STOP, stop=9.0)]
    assert leg(book, 10.0, 8.0, trading(allowance=0))[1] == []
    assert book[0].kind == MARKET
    assert opening(book, 12.0, side=-1)[1] == [(0, 10, 12.0)]


def test_a_position_opened_on_the_way_is_protected_for_the_rest_of_it() -> None:
    """A stop buys 10 at 11, its protection of 5 % sells them at 10.45 on the way down."""
    terms = TERMS._replace(exits=ExitRules(0.05))
    book = own(buy(STOP, stop=11.0))
    done, fills = leg(book, 10.0, 12.0, trading(Position()), terms)
    assert fills == [(3, 10, 11.0)]
    _, fills = leg(book, 12.0, 10.0, done._replace(fills=0), terms)
    assert fills == [(0, 10, 10.45)]
    assert [order.lots for order in book] == [0, 0, 0, 0]


# The opening


def test_an_opening_fills_market_orders_of_its_side_alone() -> None:
    """Sells first, then buys: the caller asks for one after the other."""
    book = [buy(MARKET), sell(MARKET)]
    assert opening(book, 10.0, side=-1)[1] == [(1, 10, 10.0)]
    assert opening(book, 10.0, side=1)[1] == [(0, 10, 10.0)]


def test_a_stop_limit_gapped_by_the_opening_fills_there_within_its_limit() -> None:
    """Stop 11, open 11.50: with a limit of 12 filled at 11.50, with one of 11.20 it waits as a limit."""
    assert opening([buy(STOP_LIMIT, stop=11.0, limit=12.0)], 11.5)[1] == [(0, 10, 11.5)]
    book = [buy(STOP_LIMIT, stop=11.0, limit=11.2)]
    assert opening(book, 11.5)[1] == []
    assert (book[0].kind, book[0].lots) == (LIMIT, 10)


def test_volume_shares_the_opening_in_the_order_of_the_places() -> None:
    """15 may trade: 10 of the first, 5 of the second; nothing of the third."""
    book = own(buy(MARKET), buy(MARKET), buy(LIMIT, limit=20.0))
    assert opening(book, 10.0, trading(allowance=15))[1] == [(3, 10, 10.0), (4, 5, 10.0)]
    assert [order.lots for order in book[PROTECTIVE:]] == [0, 5, 10]


def test_fill_or_kill_takes_all_or_nothing() -> None:
    """8 may trade of 10: nothing and gone; of 8 all."""
    force = TimeInForce.FOK.value
    book = [buy(MARKET, force=force)]
    assert opening(book, 10.0, trading(allowance=8))[1] == []
    assert book[0].lots == 0
    assert opening([buy(MARKET, 8, force=force)], 10.0, trading(allowance=8))[1] == [(0, 8, 10.0)]


@pytest.mark.parametrize(
    ("order", "start", "price"),
    [
        (buy(MARKET), trading(cash=99.99), 10.0),
        (buy(LIMIT, limit=12.0), trading(cash=99.99, allowance=10), 10.0),
        (sell(MARKET), trading(Position(9, 10.0, 0.0)), 10.0),
        (sell(LIMIT, limit=9.0), trading(Position(0, 0.0, 0.0)), 10.0),
    ],
)
def test_fill_or_kill_that_the_account_cannot_keep_is_cut_whole(order: RestingOrder, start: Trading, price: float) -> None:
    """9 of 10 could be paid, or are held: all 10 are told as cut, at the price they would have had; nothing else changes."""
    book, tape = [replace(order, force=TimeInForce.FOK.value)], tape_for([order])
    done = match_opening(book, 0, 1, order.side, 10.0, start, TERMS, tape)
    assert done == start._replace(fills=1)
    row = tape[0]
    assert (row.lots, row.cut, row.left, row.price, row.fee, row.cash) == (0, 10, 0, price, 0.0, start.cash)
    assert book[0].lots == 0


def test_fill_or_kill_that_volume_stops_first_is_withdrawn_without_a_cut() -> None:
    """9 may trade and 9 can be paid, or are held: the market did not have 10."""
    for order, start in (
        (buy(MARKET, force=TimeInForce.FOK.value), trading(cash=99.99, allowance=9)),
        (sell(MARKET, force=TimeInForce.FOK.value), trading(Position(9, 10.0, 0.0), allowance=9)),
    ):
        book = [order]
        assert opening(book, 10.0, start, side=order.side) == (start, [])
        assert book[0].lots == 0


def test_immediate_or_cancel_takes_what_there_is() -> None:
    """8 of 10 trade; the rest ends with the opening."""
    book = [buy(MARKET, force=TimeInForce.IOC.value)]
    assert opening(book, 10.0, trading(allowance=8))[1] == [(0, 8, 10.0)]
    assert book[0].lots == 2
    end_opening(book, 0, 1)
    assert book[0].lots == 0


def test_an_opening_ends_only_orders_for_it() -> None:
    """Good till cancelled and for the day live on."""
    book = [buy(LIMIT, limit=5.0, force=force.value) for force in TimeInForce]
    end_opening(book, 0, 4)
    assert [order.lots for order in book] == [10, 10, 0, 0]


def test_a_session_ends_orders_for_the_day() -> None:
    """Only those."""
    book = [buy(LIMIT, limit=5.0, force=force.value) for force in (TimeInForce.GTC, TimeInForce.DAY)]
    end_session(book, 0, 2)
    assert [order.lots for order in book] == [10, 0]


def test_on_close_fills_at_the_last_price_and_leaves_nothing() -> None:
    """Sells alone when asked for sells; 4 may trade, the rest is withdrawn."""
    book = own(sell(ON_CLOSE), buy(ON_CLOSE), sell(LIMIT, limit=1.0))
    tape = tape_for(book)
    done = match_close(book, 0, 6, -1, 9.5, trading(allowance=4), TERMS, tape)
    assert [(row.slot, row.lots, row.price) for row in tape[: done.fills]] == [(3, 4, 9.5)]
    assert [order.lots for order in book[PROTECTIVE:]] == [0, 10, 10]


# Whole bars

WIDE = Range(10.0, 12.0, 8.0, 10.0)


def bracket() -> list[RestingOrder]:
    """Return a stop at 9 and a target at 11 for 100 held at 10."""
    return [sell(STOP, 100, stop=9.0, group=1), sell(LIMIT, 100, limit=11.0, group=1)]


def test_the_worst_way_meets_the_stop_first() -> None:
    """High first sells at 11 (1,000 + 1,100), low first at 9 (1,900): the bar is ambiguous, 1,900 is booked."""
    book = bracket()
    walk, fills = bar(book, WIDE)
    assert fills == [(0, 100, 9.0)]
    assert (walk.trading.cash, walk.ambiguous, walk.high_first, walk.low_first) == (1_900.0, True, 2_100.0, 1_900.0)
    assert [order.lots for order in book] == [0, 0]


def test_the_worst_way_of_a_short_is_the_high_first() -> None:
    """Short 100 at 10: its stop at 11 comes before its target at 9."""
    book = [buy(STOP, 100, stop=11.0, group=1), buy(LIMIT, 100, limit=9.0, group=1)]
    walk, fills = bar(book, WIDE, start=trading(Position(-100, 10.0, 0.0), 3_000.0))
    assert fills == [(0, 100, 11.0)]
    assert (walk.trading.cash, walk.low_first, walk.ambiguous) == (1_900.0, 2_100.0, True)


@pytest.mark.parametrize(
    ("mode", "prices", "price"),
    [
        (PathMode.OHLC, WIDE, 11.0),
        (PathMode.OLHC, WIDE, 9.0),
        (PathMode.NEAREST, Range(10.0, 11.5, 8.0, 10.0), 11.0),  # 1.50 to the high, 2 to the low
        (PathMode.NEAREST, Range(10.0, 12.0, 8.5, 10.0), 9.0),
        (PathMode.NEAREST, WIDE, 11.0),  # as far: the high
    ],
)
def test_a_named_way_is_walked_alone(mode: PathMode, prices: Range, price: float) -> None:
    """Nothing is ambiguous then."""
    walk, fills = bar(bracket(), prices, mode)
    assert [fill[2] for fill in fills] == [price]
    assert not walk.ambiguous
    assert isnan(walk.high_first)


def test_a_bar_that_meets_no_order_moves_watermarks_alone() -> None:
    """High 10.50, low 9.50, stop at 9: nothing acts, the trailing stop stands 10 % below 10.50 afterwards."""
    book = [sell(TRAIL, 100, stop=9.0, trail=0.1, watermark=10.0), sell(LIMIT, 100, limit=11.0)]
    walk, fills = bar(book, Range(10.0, 10.5, 9.5, 10.0))
    assert (fills, walk.ambiguous) == ([], False)
    assert (book[0].watermark, book[0].stop) == (10.5, 9.45)


def test_one_order_met_alike_both_ways_is_not_ambiguous() -> None:
    """A stop alone fills at 9 either way."""
    walk, fills = bar([sell(STOP, 100, stop=9.0)], WIDE)
    assert fills == [(0, 100, 9.0)]
    assert not walk.ambiguous
    assert walk.high_first == walk.low_first == 1_900.0


def test_one_trailing_order_can_be_ambiguous_by_itself() -> None:
    """High first: 10.80 below the high of 12; low first: 9 on the way to 8. The lower one is booked."""
    walk, fills = bar([sell(TRAIL, 100, stop=9.0, trail=0.1, watermark=10.0)], WIDE)
    assert fills == [(0, 100, 9.0)]
    assert (walk.ambiguous, walk.high_first, walk.low_first) == (True, 2_080.0, 1_900.0)


def test_equal_ways_book_the_high_first() -> None:
    """Two orders of different groups, both filled either way for the same money: ambiguous by count, O-H-L-C is booked."""
    book = [sell(STOP, 50, stop=9.0), sell(LIMIT, 50, limit=11.0)]
    walk, fills = bar(book, WIDE)
    assert fills == [(1, 50, 11.0), (0, 50, 9.0)]
    assert (walk.ambiguous, walk.high_first) == (True, walk.low_first)


def test_a_walk_adds_to_the_fills_and_places_of_others_before_it() -> None:
    """The orders stand from place 2 on, the tape has a row already: the other way lands behind it."""
    book = [RestingOrder(), RestingOrder(), *bracket()]
    tape, spare = [TapeRow(slot=77), *tape_for(book)], [RestingOrder() for _ in range(2)]
    start = Trading(LONG, 1_000.0, UNLIMITED, 1)
    walk = walk_bar(book, 2, 4, WIDE, PathMode.WORST.value, start, TERMS, tape, spare, tape_for(book))
    assert walk.trading.fills == 2
    assert [(row.slot, row.price) for row in tape[:2]] == [(77, 0.0), (2, 9.0)]


def test_equity_tells_ways_apart() -> None:
    """1,000 in cash and 100 at 9."""
    assert equity_of(trading(), 9.0, 1) == 1_900.0


@pytest.mark.parametrize(
    ("order", "acts"),
    [
        (sell(STOP, stop=8.0), True),
        (sell(STOP, stop=7.9), False),
        (sell(LIMIT, limit=12.0), False),
        (sell(LIMIT, limit=11.99), True),
        (sell(STOP, 0, stop=9.0), False),
        (sell(MARKET), False),
        (sell(ON_CLOSE), False),
        (sell(TRAIL, stop=7.0, trail=0.3, watermark=10.0), True),  # 30 % below the high of 12 is 8.40
        (sell(TRAIL, stop=5.0, trail=0.5, watermark=10.0), False),
        (buy(TRAIL, stop=13.0, trail=0.3, watermark=10.0), True),  # 30 % above the low of 8 is 10.40
    ],
)
def test_which_orders_could_act_in_a_bar(order: RestingOrder, acts: bool) -> None:  # noqa: FBT001 - from the table
    """From 8 to 12; a trailing one by what the bar itself would make of it."""
    assert could_act([order], 0, WIDE, CENTS) is acts


# The band between which nothing happens


@pytest.mark.parametrize(
    ("order", "band"),
    [
        (sell(STOP, stop=9.0), (9.0, float("inf"))),
        (buy(STOP, stop=11.0), (-float("inf"), 11.0)),
        (buy(LIMIT, limit=9.0), (9.0, float("inf"))),
        (sell(LIMIT, limit=11.0), (-float("inf"), 11.0)),
        (sell(TRAIL, stop=9.0, watermark=10.0), (9.0, 10.0)),
        (buy(TRAIL, stop=11.0, watermark=10.0), (10.0, 11.0)),
        (buy(MARKET), (float("inf"), -float("inf"))),
        (buy(ON_CLOSE), (float("inf"), -float("inf"))),
        (buy(LIMIT, limit=9.0, force=TimeInForce.DAY.value), (float("inf"), -float("inf"))),
        (sell(STOP, 0, stop=9.0), (-float("inf"), float("inf"))),
    ],
)
def test_the_band_of_one_order(order: RestingOrder, band: tuple[float, float]) -> None:
    """What waits for a moment leaves no band at all."""
    assert alert_band([order], 0, 1) == band


KINDS = st.sampled_from([LIMIT, STOP, STOP_LIMIT, TRAIL])
PRICES = st.floats(8.0, 12.0)


@st.composite
def orders(draw: st.DrawFn) -> RestingOrder:
    """Draw an order around 10; a trailing one stops behind its watermark."""
    side, kind, mark = draw(st.sampled_from([1, -1])), draw(KINDS), draw(PRICES)
    stop = mark * (1.0 + side * 0.1) if kind == TRAIL else draw(PRICES)
    return RestingOrder(side, draw(st.integers(0, 20)), kind, draw(PRICES), stop, 0.1, mark, 0, NO_PARENT, draw(st.integers(0, 2)))


BOOKS = st.lists(orders(), max_size=4).map(lambda made: own(*made))


@given(BOOKS, st.lists(PRICES, min_size=4, max_size=4))
def test_a_bar_inside_the_band_changes_nothing(book: list[RestingOrder], drawn: list[float]) -> None:
    """No fill, no watermark, no trigger."""
    lowest, highest = alert_band(book, 0, len(book))
    low, one, other, high = sorted(drawn)
    before = [replace(order) for order in book]
    if lowest < low and high < highest:
        assert bar(book, Range(one, high, low, other))[1] == []
        assert book == before


@given(
    BOOKS,
    st.lists(PRICES, min_size=4, max_size=4),
    st.sampled_from(PathMode),
    st.integers(0, 40),
    st.booleans(),
)
def test_no_fill_lies_outside_its_bar_or_beyond_its_bounds(
    book: list[RestingOrder],
    drawn: list[float],
    mode: PathMode,
    allowance: int,
    cash_account: bool,  # noqa: FBT001 - drawn
) -> None:
    """Prices within low and high, limits kept, stops never better, volume and (in a cash account) money and position suffice."""
    low, one, other, high = sorted(drawn)
    asked = [replace(order) for order in book]
    terms = TERMS._replace(cash_account=cash_account)
    walk, fills = bar(book, Range(one, high, low, other), mode, trading(Position(15, 10.0, 0.0), 120.0, allowance), terms)
    assert sum(lots for _, lots, _ in fills) == allowance - walk.trading.allowance <= allowance
    for slot, lots, price in fills:
        assert low <= price <= high
        assert lots <= asked[slot].lots
        if asked[slot].kind in (LIMIT, STOP_LIMIT):
            assert asked[slot].side * (asked[slot].limit - price) >= 0.0
        if asked[slot].kind == STOP:
            assert asked[slot].side * (price - asked[slot].stop) >= 0.0
    if cash_account:
        assert walk.trading.cash >= 0.0
        assert walk.trading.position.lots >= 0


@given(BOOKS, st.lists(PRICES, min_size=4, max_size=4), st.integers(0, 40))
def test_the_worst_way_is_the_worse_of_both(book: list[RestingOrder], drawn: list[float], allowance: int) -> None:
    """Its equity at the close is the lower one of the two ways walked by themselves."""
    low, one, other, high = sorted(drawn)
    prices, start = Range(one, high, low, other), trading(Position(15, 10.0, 0.0), 120.0, allowance)
    ways = [[replace(order) for order in book] for _ in range(2)]
    equities = [
        equity_of(bar(way, prices, mode, start)[0].trading, prices.close, 1)
        for way, mode in zip(ways, (PathMode.OHLC, PathMode.OLHC), strict=True)
    ]
    walk, _ = bar(book, prices, PathMode.WORST, start)
    assert equity_of(walk.trading, prices.close, 1) == min(equities)
    assert book == ways[0 if equities[0] <= equities[1] else 1]


def test_modes_are_the_closed_list() -> None:
    """As in options."""
    assert [mode.code for mode in PathMode] == ["worst", "ohlc", "olhc", "nearest", "finer"]
