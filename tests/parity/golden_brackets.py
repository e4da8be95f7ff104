"""Golden cases of brackets and groups of orders (fill model 1, points 2 and 7)."""

from __future__ import annotations

from golden_table import BUY, DAY, FLAT, IOC, LIMIT, SELL, STOP, TRAILING, Case, Fill, Refused, borrowing, bought, sold

from domain.market import CorporateAction
from domain.rules.fills import PathMode
from domain.rules.limits import Limits
from domain.wishes import Wish

TENTH = {"volume_limit": 0.1}
LONG, SHORT = Fill(1, "buy", 100, 10.0), Fill(1, "sell", 100, 10.0)


def bracket(side: int, stop: float, limit: float) -> list[Wish]:
    """Return a stop and a limit of 100 that shrink each other."""
    way = BUY if side > 0 else SELL
    return [Wish(way, 100, STOP, stop=stop, group=1), Wish(way, 100, LIMIT, limit, group=1)]


CHILDREN = (Wish(SELL, 100, STOP, stop=9.0, group=1), Wish(SELL, 100, LIMIT, 10.5, group=1))
BOTH = (FLAT, FLAT, (10, 11.5, 8.5, 10))

BRACKETS = (
    Case(
        "bracket_limit_withdraws_the_stop",
        "high 11.5: sold at 11; bar 3 would have met the stop of 9, but nothing is left",
        (FLAT, FLAT, (10, 11.5, 9.5, 10), (10, 10, 8, 8)),
        (LONG, Fill(2, "sell", 100, 11.0)),
        orders=bought(*bracket(-1, 9.0, 11.0)),
    ),
    Case(
        "bracket_stop_withdraws_the_limit",
        "low 8.5: sold at 9; bar 3 would have met the limit of 11",
        (FLAT, FLAT, (10, 10.5, 8.5, 10), (10, 12, 10, 12)),
        (LONG, Fill(2, "sell", 100, 9.0)),
        orders=bought(*bracket(-1, 9.0, 11.0)),
    ),
    Case(
        "bracket_worst_path_books_the_stop_of_a_long",
        "high first 11: +100, low first 9: -100",
        BOTH,
        (LONG, Fill(2, "sell", 100, 9.0)),
        orders=bought(*bracket(-1, 9.0, 11.0)),
        ambiguous=1,
        cash=99_900.0,
    ),
    Case(
        "bracket_worst_path_books_the_stop_of_a_short",
        "high first covers at 11: -100, low first at 9: +100",
        BOTH,
        (SHORT, Fill(2, "buy", 100, 11.0)),
        orders=sold(*bracket(1, 11.0, 9.0)),
        options=borrowing(),
        ambiguous=1,
        cash=99_900.0,
    ),
    Case(
        "bracket_high_first",
        "10, 11.5: the limit of 11 is met before the stop of 9",
        BOTH,
        (LONG, Fill(2, "sell", 100, 11.0)),
        orders=bought(*bracket(-1, 9.0, 11.0)),
        options={"path": PathMode.OHLC},
    ),
    Case(
        "bracket_low_first",
        "10, 8.5: the stop of 9 is met before the limit of 11",
        BOTH,
        (LONG, Fill(2, "sell", 100, 9.0)),
        orders=bought(*bracket(-1, 9.0, 11.0)),
        options={"path": PathMode.OLHC},
    ),
    Case(
        "bracket_nearest_extreme_is_the_high",
        "11.2 lies 1.2 from the open, 8.5 lies 1.5: high first, sold at 11",
        (FLAT, FLAT, (10, 11.2, 8.5, 10)),
        (LONG, Fill(2, "sell", 100, 11.0)),
        orders=bought(*bracket(-1, 9.0, 11.0)),
        options={"path": PathMode.NEAREST},
    ),
    Case(
        "bracket_nearest_extreme_is_the_low",
        "11.5 lies 1.5 from the open, 8.9 lies 1.1: low first, sold at 9",
        (FLAT, FLAT, (10, 11.5, 8.9, 10)),
        (LONG, Fill(2, "sell", 100, 9.0)),
        orders=bought(*bracket(-1, 9.0, 11.0)),
        options={"path": PathMode.NEAREST},
    ),
    Case(
        "bracket_partial_limit_shrinks_the_stop",
        "10 % of 400 = 40 at 11; bar 3 falls through 9: the stop sells the 60 that are left",
        (FLAT, FLAT, (10, 11.5, 9.5, 10, 400), (10, 10.5, 8.5, 9)),
        (LONG, Fill(2, "sell", 40, 11.0), Fill(3, "sell", 60, 9.0)),
        orders=bought(*bracket(-1, 9.0, 11.0)),
        options=TENTH,
        cash=99_980.0,
    ),
    Case(
        "bracket_partial_limit_shrinks_the_stop_of_a_short",
        "10 % of 400 = 40 at 9; bar 3 opens at 12, through 11: the stop buys the 60 that are left there",
        (FLAT, FLAT, (10, 10.5, 8.5, 10, 400), (12, 12, 12, 12)),
        (SHORT, Fill(2, "buy", 40, 9.0), Fill(3, "buy", 60, 12.0)),
        orders=sold(*bracket(1, 11.0, 9.0)),
        options=borrowing(volume_limit=0.1),
        cash=99_920.0,
    ),
    Case(
        "children_see_the_rest_of_the_entry_bar",
        "bought at open 10, the stop of 9 is met in the same bar",
        (FLAT, (10, 10.4, 8.8, 9.5)),
        (LONG, Fill(1, "sell", 100, 9.0)),
        orders={0: [Wish(BUY, 100, children=CHILDREN)]},
    ),
    Case(
        "children_do_not_see_what_was_before_the_entry",
        "10, 11, 9.2 (bought at 9.5), 10: the high of 11 was before it, 10.5 is not met: +50; low first it would be: +100",
        (FLAT, (10, 11, 9.2, 10)),
        (Fill(1, "buy", 100, 9.5),),
        orders={0: [Wish(BUY, 100, LIMIT, 9.5, children=CHILDREN)]},
        ambiguous=1,
        equity=100_050.0,
    ),
    Case(
        "children_see_what_is_after_the_entry",
        "10, 9.2 (bought at 9.5), 11: the limit of 10.5 is met",
        (FLAT, (10, 11, 9.2, 10)),
        (Fill(1, "buy", 100, 9.5), Fill(1, "sell", 100, 10.5)),
        orders={0: [Wish(BUY, 100, LIMIT, 9.5, children=CHILDREN)]},
        options={"path": PathMode.OLHC},
    ),
    Case(
        "child_of_a_stop_worst_path",
        "10.5, 11.5 (bought at 11), 9.8 (sold at 10), 11.2: -100; low first bought at 11, held at 11.2: +20",
        (FLAT, (10.5, 11.5, 9.8, 11.2)),
        (Fill(1, "buy", 100, 11.0), Fill(1, "sell", 100, 10.0)),
        orders={0: [Wish(BUY, 100, STOP, stop=11.0, children=(Wish(SELL, 100, STOP, stop=10.0),))]},
        ambiguous=1,
        equity=99_900.0,
    ),
    Case(
        "children_cover_what_the_parent_got",
        "10 % of 400 = 40 bought at 10, the rest withdrawn; bar 2 falls through 9: 40 are sold, not 100",
        (FLAT, (10, 10.4, 9.5, 10, 400), (10, 10, 8.5, 9)),
        (Fill(1, "buy", 40, 10.0), Fill(2, "sell", 40, 9.0)),
        orders={0: [Wish(BUY, 100, force=IOC, children=CHILDREN)]},
        options=TENTH,
    ),
    Case(
        "child_of_a_purchase_that_covers_leaves_what_was_entered",
        "100 short, 150 bought at 10: 50 are held, of which the stop of 9 sells 50, not 150",
        (FLAT, FLAT, FLAT, (10, 10, 8.5, 9)),
        (SHORT, Fill(2, "buy", 150, 10.0), Fill(3, "sell", 50, 9.0)),
        orders=sold(Wish(BUY, 150, children=(Wish(SELL, 150, STOP, stop=9.0),))),
        options=borrowing(),
    ),
    Case(
        "exit_beside_a_bracket_passes_and_leaves_it_nothing",
        "all 100 are for sale by the bracket; at the market they go at open 3; bar 4 meets both legs, and nothing is held",
        (FLAT, FLAT, FLAT, FLAT, (10, 11.5, 8.5, 10)),
        (LONG, Fill(3, "sell", 100, 10.0)),
        orders={**bought(*bracket(-1, 9.0, 11.0)), 2: [Wish(SELL, 100)]},
        options=borrowing(),
        cash=100_000.0,
    ),
    Case(
        "exit_beside_a_stop_passes_in_a_drawdown",
        "equity 1,000, then 900: a drawdown of 10 %, the bound is 5 %; the 100 go at open 3 though a stop at 8 offers them too",
        (FLAT, FLAT, (10, 10, 9, 9), (9, 9, 9, 9), (9, 9, 7, 7)),
        (LONG, Fill(3, "sell", 100, 9.0)),
        orders={**bought(Wish(SELL, 100, STOP, stop=8.0)), 2: [Wish(SELL, 100)]},
        options=borrowing(cash=1_000.0, limits=Limits(max_drawdown=0.05)),
        cash=900.0,
    ),
    Case(
        "part_of_an_exit_that_enters_meets_the_drawdown",
        "as above, 130 to be sold: 100 leave the position, the 30 that would be short are refused",
        (FLAT, FLAT, (10, 10, 9, 9), (9, 9, 9, 9)),
        (LONG, Fill(3, "sell", 100, 9.0)),
        orders={**bought(Wish(SELL, 100, STOP, stop=8.0)), 2: [Wish(SELL, 130)]},
        options=borrowing(cash=1_000.0, limits=Limits(max_drawdown=0.05)),
        refused=(Refused(2, "max_drawdown", 30),),
    ),
    Case(
        "child_of_less_than_a_lot_has_its_parent_s_lots",
        "children live lot for lot, whatever their own quantity says: 100 are sold at 10.5",
        (FLAT, FLAT, (10, 11, 10, 10)),
        (LONG, Fill(2, "sell", 100, 10.5)),
        orders={0: [Wish(BUY, 100, children=(Wish(SELL, 0.5, LIMIT, 10.5),))]},
    ),
    Case(
        "own_order_of_less_than_a_lot_is_refused_with_its_children",
        "half a share",
        (FLAT, FLAT, (10, 11, 8.5, 10)),
        (),
        orders={0: [Wish(BUY, 0.5, children=CHILDREN)]},
        refused=(Refused(0, "below_lot", 0),),
    ),
    Case(
        "entries_behind_an_exit_count_for_the_order_rate",
        "one purchase a session; of three sales above the exit one enters a short, the others are refused",
        (FLAT, FLAT, FLAT),
        (LONG,),
        orders=bought(Wish(SELL, 100, LIMIT, 11.0), *[Wish(SELL, 200, LIMIT, 12.0 + at) for at in range(3)]),
        options=borrowing(limits=Limits(max_order_rate=1.0)),
        refused=(Refused(1, "max_order_rate", 100), Refused(1, "max_order_rate", 100)),
    ),
    Case(
        "own_trailing_purchase_is_planned_at_its_stop",
        "50 % above 10 is 15: half of 10,000 are 333 at 15, not 500 at 10; nothing rises so far",
        (FLAT, FLAT, (10, 10.5, 10, 10)),
        (),
        orders={0: [Wish(BUY, 500, TRAILING, trail=0.5)]},
        options={"cash": 10_000.0, "limits": Limits(max_position_size=0.5)},
        refused=(Refused(0, "max_position_size", 167),),
    ),
    Case(
        "two_exits_of_one_long_never_turn_it",
        "no group: high 11.5 sells 100 at 11; the stop of 9 had 100 too, and none is left for bar 3",
        (FLAT, FLAT, (10, 11.5, 9.5, 10), (10, 10, 8, 8)),
        (LONG, Fill(2, "sell", 100, 11.0)),
        orders=bought(Wish(SELL, 100, STOP, stop=9.0), Wish(SELL, 100, LIMIT, 11.0)),
        options=borrowing(),
        cash=100_100.0,
    ),
    Case(
        "two_exits_of_one_short_never_turn_it",
        "low 8.5 buys 100 at 9; the stop of 11 had 100 too, and none is left for bar 3",
        (FLAT, FLAT, (10, 10.5, 8.5, 10), (10, 12, 10, 12)),
        (SHORT, Fill(2, "buy", 100, 9.0)),
        orders=sold(Wish(BUY, 100, STOP, stop=11.0), Wish(BUY, 100, LIMIT, 9.0)),
        options=borrowing(),
        cash=100_100.0,
    ),
    Case(
        "position_left_in_parts_beside_one_stop_for_all",
        "50 at 11; the stop keeps the 50 that are left and sells them at 9; the 50 for 12 are gone with them",
        (FLAT, FLAT, (10, 11.5, 9.5, 10), (10, 10, 8.5, 9), (12, 13, 12, 13)),
        (LONG, Fill(2, "sell", 50, 11.0), Fill(3, "sell", 50, 9.0)),
        orders=bought(Wish(SELL, 50, LIMIT, 11.0), Wish(SELL, 50, LIMIT, 12.0), Wish(SELL, 100, STOP, stop=9.0)),
        options=borrowing(),
    ),
    Case(
        "exit_takes_from_an_order_that_turns_what_left_the_position",
        "150 at 9: 100 of them leave, 50 enter a short; the market order leaves first, at open 3: bar 4 sells 50 at 9",
        (FLAT, FLAT, FLAT, FLAT, (10, 10, 8.5, 9)),
        (LONG, Fill(3, "sell", 100, 10.0), Fill(4, "sell", 50, 9.0)),
        orders={**bought(Wish(SELL, 150, STOP, stop=9.0)), 2: [Wish(SELL, 100)]},
        options=borrowing(),
    ),
    Case(
        "exit_of_a_group_does_not_hide_its_entry_from_a_limit",
        "80 below 8 and 100 at 12 are one group; of 180 more 100 leave the 100 held, 80 enter behind 80: 20 of them fit",
        (FLAT, FLAT, FLAT, FLAT),
        (LONG, Fill(3, "sell", 120, 10.0)),
        orders={
            0: [Wish(SELL, 80, STOP, stop=8.0, group=1), Wish(BUY, 100)],
            1: [Wish(SELL, 100, LIMIT, 12.0, group=1)],
            2: [Wish(SELL, 180)],
        },
        options=borrowing(cash=10_000.0, limits=Limits(max_position_size=0.1)),
        refused=(Refused(2, "max_position_size", 60),),
    ),
    Case(
        "withdrawn_orders_of_a_group_hide_no_entry",
        "two of 50 end with their session; 20 at 15 of their group rest: of 100 at 10 the bound of 1,000 leaves 80",
        (FLAT, FLAT, FLAT, FLAT),
        (Fill(3, "buy", 80, 10.0),),
        orders={
            0: [Wish(BUY, 50, LIMIT, 5.0, force=DAY, group=1)] * 2,
            1: [Wish(BUY, 20, STOP, stop=15.0, group=1)],
            2: [Wish(BUY, 100)],
        },
        options={"cash": 10_000.0, "limits": Limits(max_position_size=0.1)},
        refused=(Refused(2, "max_position_size", 20),),
    ),
    Case(
        "own_order_that_turns_keeps_its_parts_through_a_split",
        "3 held, 6 to sell at 9, 3 of them a short; 1 for 2: 1 held, 1 leaves and 1 enters, at 18",
        (FLAT, FLAT, (20, 20, 17, 17)),
        (Fill(1, "buy", 3, 10.0), Fill(2, "sell", 2, 18.0)),
        orders={0: [Wish(BUY, 3)], 1: [Wish(SELL, 6, STOP, stop=9.0)]},
        actions=(CorporateAction("AAA", "2021-03-03", "split", 0.5),),
        options=borrowing(),
    ),
    Case(
        "order_planned_as_an_entry_stays_one",
        "from flat 100 to buy above 11, 100 to sell below 9; bought at 11, left at the market: the 100 below 9 enter a short",
        (FLAT, (10, 11.5, 10, 11), (11, 11, 11, 11), (11, 11, 11, 11), (11, 11, 8.5, 9)),
        (Fill(1, "buy", 100, 11.0), Fill(3, "sell", 100, 11.0), Fill(4, "sell", 100, 9.0)),
        orders={0: [Wish(BUY, 100, STOP, stop=11.0), Wish(SELL, 100, STOP, stop=9.0)], 2: [Wish(SELL, 100)]},
        options=borrowing(),
    ),
)
