"""Golden rows: cash promised to open orders, entries a margin call withdraws, limits around the change of tick at 1."""

from golden_table import BUY, FLAT, LIMIT, SELL, STOP, Case, Fill, Refused, Wish, borrowing, bought

from domain.rules.costs import Costs

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
)
