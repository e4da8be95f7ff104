"""Golden rows: what open and passed orders take of the account, entries a margin call withdraws, limits where the tick changes."""

from golden_table import BUY, FLAT, LIMIT, SELL, STOP, Case, Fill, Refused, Wish, borrowing, bought

from domain.rules.costs import Costs
from domain.rules.limits import Limits

HUNDRED = (100.0, 100.0, 100.0, 100.0)
PASSED_LIMIT, PASSED_STOP = Wish(SELL, 10_000, LIMIT, 1.0), Wish(BUY, 10_000, STOP, stop=1.0)
TENTH_OF_EQUITY = Limits(max_position_size=0.1)

RESERVED = (
    Case(
        "cash_of_pending_limits_is_not_there",
        "60 at a limit of 5 take 300 of 1,000 whether it fills or not: 70 of 100 at 10",
        (FLAT, FLAT),
        (Fill(1, "buy", 70, 10.0),),
        orders={0: [Wish(BUY, 60, LIMIT, 5.0), Wish(BUY, 100)]},
        options={"cash": 1_000.0},
        refused=(Refused(0, "cash", 30),),
        cash=300.0,
    ),
    Case(
        "margin_call_withdraws_entries_that_wait",
        "200 at 10 on 1,050; close 6: equity 250 < 300; floor(200 x 250 / 300) = 166 stay, 34 go at 6; the limit of 5 is gone",
        (FLAT, (10, 10, 6, 6), (6, 6, 4, 6)),
        (Fill(1, "buy", 200, 10.0), Fill(2, "sell", 34, 6.0, "liquidation")),
        orders={0: [Wish(BUY, 200), Wish(BUY, 10, LIMIT, 5.0)]},
        options=borrowing(cash=1_050.0),
    ),
    Case(
        "cash_of_a_pending_stop_is_what_its_stop_costs",
        "60 at a stop of 15 take 900 of 1,000: 10 of 50 at 10",
        (FLAT, FLAT),
        (Fill(1, "buy", 10, 10.0),),
        orders={0: [Wish(BUY, 60, STOP, stop=15.0), Wish(BUY, 50)]},
        options={"cash": 1_000.0},
        refused=(Refused(0, "cash", 40),),
    ),
    Case(
        "limit_sell_just_below_one_is_traded_through_at_one",
        "0.9999 + half of its tick of 0.0001 < 1",
        ((0.99, 0.99, 0.99, 0.99), (0.99, 0.99, 0.99, 0.99), (0.99, 1, 0.99, 0.99)),
        (Fill(1, "buy", 100, 0.99), Fill(2, "sell", 100, 0.9999)),
        orders=bought(Wish(SELL, 100, LIMIT, 0.9999)),
    ),
    Case(
        "limit_buy_at_one_is_not_traded_through_by_a_hundredth_of_its_tick",
        "the tick at 1.00 is 0.01: 0.9999 is not below 1 - 0.005",
        ((1, 1, 1, 1), (1, 1, 0.9999, 1)),
        (),
        orders={0: [Wish(BUY, 100, LIMIT, 1.0)]},
    ),
    Case(
        "fee_of_a_sale_never_takes_cash_below_zero",
        "91 + 9 paid of 100; sold at 1 with a least fee of 9: 1 - 9 would be -8, the fee is what is there",
        ((91, 91, 91, 91), (91, 91, 91, 91), (1, 1, 1, 1)),
        (Fill(1, "buy", 1, 91.0, fee=9.0), Fill(2, "sell", 1, 1.0, fee=1.0)),
        script="1 0",
        size=1.0,
        options={"cash": 100.0, "costs": Costs(0.0, least=9.0)},
        cash=0.0,
    ),
    Case(
        "limit_to_sell_that_the_market_has_passed_is_limited_at_the_mark",
        "at 100, not at its 1: a tenth of 100,000 are 100 of 10,000, sold at the open",
        (HUNDRED, HUNDRED),
        (Fill(1, "sell", 100, 100.0),),
        orders={0: [PASSED_LIMIT]},
        options=borrowing(limits=TENTH_OF_EQUITY),
        refused=(Refused(0, "max_position_size", 9_900),),
    ),
    Case(
        "limit_to_sell_that_the_market_has_passed_needs_the_margin_of_the_mark",
        "50 % of 2,000 x 100 are the 100,000 there are",
        (HUNDRED, HUNDRED),
        (Fill(1, "sell", 2_000, 100.0),),
        orders={0: [PASSED_LIMIT]},
        options=borrowing(),
        refused=(Refused(0, "margin", 8_000),),
    ),
    Case(
        "stop_to_buy_that_the_market_has_passed_is_limited_at_the_mark",
        "a tenth of 100,000 are 100 at 100, not 10,000 at its 1",
        (HUNDRED, HUNDRED),
        (Fill(1, "buy", 100, 100.0),),
        orders={0: [PASSED_STOP]},
        options={"limits": TENTH_OF_EQUITY},
        refused=(Refused(0, "max_position_size", 9_900),),
    ),
    Case(
        "stop_to_buy_that_the_market_has_passed_needs_the_margin_of_the_mark",
        "50 % of 2,000 x 100 are the 100,000 there are",
        (HUNDRED, HUNDRED),
        (Fill(1, "buy", 2_000, 100.0),),
        orders={0: [PASSED_STOP]},
        options=borrowing(),
        refused=(Refused(0, "margin", 8_000),),
    ),
    Case(
        "passed_stop_to_buy_reserves_the_cash_of_the_mark",
        "600 at 100 promise 60,000 of 100,000: 400 of the other 500",
        (HUNDRED, HUNDRED),
        (Fill(1, "buy", 600, 100.0), Fill(1, "buy", 400, 100.0)),
        orders={0: [Wish(BUY, 600, STOP, stop=1.0), Wish(BUY, 500)]},
        refused=(Refused(0, "cash", 100),),
        cash=0.0,
    ),
)
