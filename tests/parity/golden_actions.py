"""Golden cases of splits and dividends (fill model 1, points 11 and 12). All take effect on Wednesday 2021-03-03, bar 2."""

from __future__ import annotations

from golden_table import BUY, FLAT, LIMIT, SELL, STOP, Case, Fill, borrowing, bought

from domain.market import CorporateAction
from domain.rules.matching import PathMode
from domain.strategy import Exits
from domain.wishes import Wish

WEDNESDAY, FRIDAY = "2021-03-03", "2021-03-05"
LONG, SHORT = Fill(1, "buy", 100, 10.0), Fill(1, "sell", 100, 10.0)
HALF = (5.0, 5.0, 5.0, 5.0)
TWO_FOR_ONE = (CorporateAction("AAA", WEDNESDAY, "split", 2.0),)
DIVIDEND = (CorporateAction("AAA", WEDNESDAY, "dividend", 0.5),)

ACTIONS = (
    Case(
        "split_of_a_long",
        "100 at 10 become 200 at 5: 0 on close 2 sells 200 at open 3 = 6; cash 100,000 - 1,000 + 1,200",
        (FLAT, FLAT, HALF, (6, 6, 6, 6)),
        (LONG, Fill(3, "sell", 200, 6.0)),
        script="1 . 0",
        actions=TWO_FOR_ONE,
        cash=100_200.0,
    ),
    Case(
        "split_of_a_short",
        "-100 at 10 become -200 at 5: covered at 6; cash 100,000 + 1,000 - 1,200",
        (FLAT, FLAT, HALF, (6, 6, 6, 6)),
        (SHORT, Fill(3, "buy", 200, 6.0)),
        script="-1 . 0",
        options=borrowing(),
        actions=TWO_FOR_ONE,
        cash=99_800.0,
    ),
    Case(
        "split_pays_a_fraction_at_the_opening_print",
        "3 for 2: 101 become 151.5: 151, and 0.5 x the open of 6.8 = 3.4; equity at close 7: 100,000 - 1,010 + 3.4 + 1,057",
        (FLAT, FLAT, (6.8, 7, 6.8, 7)),
        (Fill(1, "buy", 101, 10.0),),
        script="1",
        size=101.0,
        actions=(CorporateAction("AAA", WEDNESDAY, "split", 1.5),),
        cash=98_993.4,
        equity=100_050.4,
    ),
    Case(
        "reverse_split_pays_a_fraction_at_the_opening_print",
        "1 for 8: 100 become 12.5: 12, and 0.5 x the open of 80 = 40; cash 99,000 + 40",
        (FLAT, FLAT, (80, 88, 80, 88)),
        (LONG,),
        script="1",
        actions=(CorporateAction("AAA", WEDNESDAY, "split", 0.125),),
        cash=99_040.0,
        equity=100_096.0,
    ),
    Case(
        "split_of_a_resting_stop",
        "a stop of 100 at 9 becomes one of 200 at 4.5: the open of 5 does not meet it, the low of 4.4 does",
        (FLAT, FLAT, (5, 5.2, 4.4, 5)),
        (LONG, Fill(2, "sell", 200, 4.5)),
        orders=bought(Wish(SELL, 100, STOP, stop=9.0)),
        actions=TWO_FOR_ONE,
        cash=99_900.0,
    ),
    Case(
        "split_of_a_resting_limit",
        "a limit of 100 at 9.5, placed before, becomes one of 200 at 4.75: the open of 5 is above it, the low of 4.7 through it",
        (FLAT, FLAT, (5, 5.2, 4.7, 5)),
        (Fill(2, "buy", 200, 4.75),),
        orders={0: [Wish(BUY, 100, LIMIT, 9.5)]},
        actions=TWO_FOR_ONE,
    ),
    Case(
        "split_of_a_market_order_that_waits",
        "100 ordered on close 1 become 200 before they fill at open 2 = 5",
        (FLAT, FLAT, HALF),
        (Fill(2, "buy", 200, 5.0),),
        script=". 1",
        actions=TWO_FOR_ONE,
        cash=99_000.0,
    ),
    Case(
        "split_of_a_stop_loss_of_a_short",
        "11 becomes 5.5 for 200: the high of 5.6 meets it; cash 100,000 + 1,000 - 1,100",
        (FLAT, FLAT, (5, 5.6, 5, 5)),
        (SHORT, Fill(2, "buy", 200, 5.5, "stop_loss")),
        script="-1",
        exits=Exits(stop_loss=0.1),
        options=borrowing(),
        actions=TWO_FOR_ONE,
        cash=99_900.0,
    ),
    Case(
        "split_of_a_trailing_watermark",
        "watermark 12 (bar 1) becomes 6, the stop 5.4: the open of 5.5 is above it, the low of 5.3 meets it",
        (FLAT, (10, 12, 10, 12), (5.5, 5.6, 5.3, 5.5)),
        (LONG, Fill(2, "sell", 200, 5.4, "trailing_stop")),
        script="1",
        exits=Exits(trailing=0.1),
        options={"path": PathMode.OLHC},
        actions=TWO_FOR_ONE,
        cash=100_080.0,
    ),
    Case(
        "split_lets_a_trailing_stop_follow_on",
        "watermark 12 becomes 6; the high of 7 on bar 2 lifts it, 7 x 0.9 = 6.3; bar 3 falls through: 100,000 - 1,000 + 1,260",
        (FLAT, (10, 12, 10, 12), (6, 7, 6, 7), (7, 7, 6, 6)),
        (LONG, Fill(3, "sell", 200, 6.3, "trailing_stop")),
        script="1",
        exits=Exits(trailing=0.1),
        options={"path": PathMode.OLHC},
        actions=TWO_FOR_ONE,
        cash=100_260.0,
    ),
    Case(
        "dividend_to_a_long",
        "100 x 0.5 = 50 on the ex-date: cash 99,000 + 50",
        (FLAT, FLAT, FLAT),
        (LONG,),
        script="1",
        actions=DIVIDEND,
        cash=99_050.0,
    ),
    Case(
        "dividend_owed_by_a_short",
        "-100 x 0.5 = -50: cash 101,000 - 50",
        (FLAT, FLAT, FLAT),
        (SHORT,),
        script="-1",
        options=borrowing(),
        actions=DIVIDEND,
        cash=100_950.0,
    ),
    Case(
        "dividend_goes_to_who_held_at_the_close_before",
        "bought at the open of the ex-date: nothing",
        (FLAT, FLAT, FLAT),
        (Fill(2, "buy", 100, 10.0),),
        script=". 1",
        actions=DIVIDEND,
        cash=99_000.0,
    ),
    Case(
        "dividend_is_paid_although_sold_on_the_ex_date",
        "held at close 1, sold at open 2 = 9.5: 99,000 + 50 + 950",
        (FLAT, FLAT, (9.5, 9.5, 9.5, 9.5)),
        (LONG, Fill(2, "sell", 100, 9.5)),
        script="1 0",
        actions=DIVIDEND,
        cash=100_000.0,
    ),
    Case(
        "dividend_has_no_cash_before_its_pay_date",
        "paid on Friday, bar 4; the last bar is Thursday's, and what is owed counts in the equity neither",
        (FLAT, FLAT, FLAT, FLAT),
        (LONG,),
        script="1",
        actions=(CorporateAction("AAA", WEDNESDAY, "dividend", 0.5, FRIDAY),),
        cash=99_000.0,
    ),
    Case(
        "dividend_is_paid_on_its_pay_date_though_sold_before",
        "sold at open 3 = 10, 50 come on Friday: 100,000 + 50",
        (FLAT, FLAT, FLAT, FLAT, FLAT),
        (LONG, Fill(3, "sell", 100, 10.0)),
        script="1 . 0",
        actions=(CorporateAction("AAA", WEDNESDAY, "dividend", 0.5, FRIDAY),),
        cash=100_050.0,
    ),
    Case(
        "split_comes_before_a_dividend_of_the_same_day",
        "100 become 200, 200 x 0.5 = 100: cash 99,000 + 100",
        (FLAT, FLAT, HALF),
        (LONG,),
        script="1",
        actions=(*DIVIDEND, *TWO_FOR_ONE),
        cash=99_100.0,
    ),
)
