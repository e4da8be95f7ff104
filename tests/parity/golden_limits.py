"""Golden cases of limits (fill model 1, points 5 and 8)."""

from __future__ import annotations

from golden_table import BUY, DAY, FLAT, IOC, LIMIT, SELL, Case, Fill, borrowing, bought, sold

from domain.market import AssetClass
from domain.rules.costs import Costs
from domain.strategy import Cancel
from domain.wishes import Wish

TENTH = {"volume_limit": 0.1}
LONG, SHORT = Fill(1, "buy", 100, 10.0), Fill(1, "sell", 100, 10.0)
BUY_LIMIT = {0: [Wish(BUY, 100, LIMIT, 9.5)]}
BELOW_ONE = {0: [Wish(BUY, 100, LIMIT, 0.95)]}
ONE = (1.0, 1.0, 1.0, 1.0)

LIMITS = (
    Case("limit_buy_touch", "low 9.5 only touches the limit", (FLAT, (10, 10.5, 9.5, 10)), (), orders=BUY_LIMIT),
    Case(
        "limit_buy_one_tick_through",
        "low 9.49 < 9.5 - 0.005: filled at 9.5",
        (FLAT, (10, 10.5, 9.49, 10)),
        (Fill(1, "buy", 100, 9.5),),
        orders=BUY_LIMIT,
        cash=99_050.0,
    ),
    Case(
        "limit_buy_touch_that_is_drawn",
        "with probability 1 a touch fills, at the limit: 100 x 9.5 = 950",
        (FLAT, (10, 10.5, 9.5, 10)),
        (Fill(1, "buy", 100, 9.5),),
        orders=BUY_LIMIT,
        options={"touch_probability": 1.0},
        cash=99_050.0,
    ),
    Case(
        "limit_buy_not_even_touched",
        "low 9.51 stays a tick above: no draw helps",
        (FLAT, (10, 10.5, 9.51, 10)),
        (),
        orders=BUY_LIMIT,
        options={"touch_probability": 1.0},
    ),
    Case("limit_buy_opens_on_it", "open and low are 9.5: a touch", (FLAT, (9.5, 10.5, 9.5, 10)), (), orders=BUY_LIMIT),
    Case(
        "limit_buy_gap_in_our_favour",
        "open 9 is below 9.5: filled at 9",
        (FLAT, (9, 9.8, 8.5, 9.5)),
        (Fill(1, "buy", 100, 9.0),),
        orders=BUY_LIMIT,
        cash=99_100.0,
    ),
    Case(
        "limit_buy_pays_no_friction",
        "1 % slippage and 1 % half spread, but never beyond the limit: 9.5; fee 0.1 % of 950 = 0.95",
        (FLAT, (10, 10.5, 9, 10)),
        (Fill(1, "buy", 100, 9.5, fee=0.95),),
        orders=BUY_LIMIT,
        options={"costs": Costs(0.001, 0.01, half_spread_rate=0.01)},
        cash=99_049.05,
    ),
    Case(
        "limit_sell_long_touch",
        "high 11 only touches",
        (FLAT, FLAT, (10, 11, 9, 10)),
        (LONG,),
        orders=bought(Wish(SELL, 100, LIMIT, 11.0)),
    ),
    Case(
        "limit_sell_long_one_tick_through",
        "high 11.01 > 11 + 0.005: sold at 11; cash 100,000 - 1,000 + 1,100",
        (FLAT, FLAT, (10, 11.01, 9, 10)),
        (LONG, Fill(2, "sell", 100, 11.0)),
        orders=bought(Wish(SELL, 100, LIMIT, 11.0)),
        cash=100_100.0,
    ),
    Case(
        "limit_sell_long_gap_in_our_favour",
        "open 12 is above 11: sold at 12",
        (FLAT, FLAT, (12, 12.5, 11.5, 12)),
        (LONG, Fill(2, "sell", 100, 12.0)),
        orders=bought(Wish(SELL, 100, LIMIT, 11.0)),
        cash=100_200.0,
    ),
    Case(
        "limit_sell_opens_a_short",
        "high 11.5: sold at 11; equity at close 10.5: 100,000 + 1,100 - 1,050",
        (FLAT, (10, 11.5, 9, 10.5)),
        (Fill(1, "sell", 100, 11.0),),
        orders={0: [Wish(SELL, 100, LIMIT, 11.0)]},
        options=borrowing(),
        equity=100_050.0,
    ),
    Case(
        "limit_sell_gap_opens_a_short",
        "open 12: sold at 12",
        (FLAT, (12, 12.5, 11.5, 12)),
        (Fill(1, "sell", 100, 12.0),),
        orders={0: [Wish(SELL, 100, LIMIT, 11.0)]},
        options=borrowing(),
    ),
    Case(
        "limit_buy_covers_a_short",
        "low 8.9: covered at 9; cash 100,000 + 1,000 - 900",
        (FLAT, FLAT, (10, 10.5, 8.9, 10)),
        (SHORT, Fill(2, "buy", 100, 9.0)),
        orders=sold(Wish(BUY, 100, LIMIT, 9.0)),
        options=borrowing(),
        cash=100_100.0,
    ),
    Case(
        "limit_buy_gap_covers_a_short",
        "open 8 is below 9: covered at 8",
        (FLAT, FLAT, (8, 8.5, 7.5, 8)),
        (SHORT, Fill(2, "buy", 100, 8.0)),
        orders=sold(Wish(BUY, 100, LIMIT, 9.0)),
        options=borrowing(),
        cash=100_200.0,
    ),
    Case(
        "limit_buy_partial_waits_for_its_price",
        "10 % of 400 = 40 at 9.5; bar 2 stays above the limit, bar 3 opens at 9.2: the other 60 there",
        (FLAT, (10, 10.5, 9, 10, 400), (10, 10.5, 9.6, 10), (9.2, 9.5, 9, 9.3)),
        (Fill(1, "buy", 40, 9.5), Fill(3, "buy", 60, 9.2)),
        orders=BUY_LIMIT,
        options=TENTH,
    ),
    Case(
        "limit_sell_long_partial_in_a_gap",
        "open 12: 10 % of 400 = 40 at 12; the other 60 on bar 3 at the limit of 11",
        (FLAT, FLAT, (12, 12.5, 11.5, 12, 400), (10.5, 11.2, 10, 10.5)),
        (LONG, Fill(2, "sell", 40, 12.0), Fill(3, "sell", 60, 11.0)),
        orders=bought(Wish(SELL, 100, LIMIT, 11.0)),
        options=TENTH,
        cash=100_140.0,
    ),
    Case(
        "limit_price_rounds_against_us",
        "9.507 becomes 9.50: a low of 9.497 is through 9.507 but not half a tick through 9.50; bar 2 at 9.49 is",
        (FLAT, (10, 10.5, 9.497, 10), (10, 10.5, 9.49, 10)),
        (Fill(2, "buy", 100, 9.5),),
        orders={0: [Wish(BUY, 100, LIMIT, 9.507)]},
    ),
    Case(
        "limit_sell_price_rounds_against_us",
        "11.003 becomes 11.01: sold there",
        (FLAT, FLAT, (10, 11.5, 9, 10)),
        (LONG, Fill(2, "sell", 100, 11.01)),
        orders=bought(Wish(SELL, 100, LIMIT, 11.003)),
    ),
    Case(
        "limit_below_one_has_the_finer_tick",
        "tick 0.0001 below 1: low 0.95 touches on bar 1, 0.9499 is through on bar 2",
        (ONE, (1, 1, 0.95, 1), (1, 1, 0.9499, 1)),
        (Fill(2, "buy", 100, 0.95),),
        orders=BELOW_ONE,
    ),
    Case(
        "limit_of_crypto_below_one_has_a_tick_of_1e_8",
        "low 0.94999999 is one tick through 0.95",
        (ONE, (1, 1, 0.94999999, 1)),
        (Fill(1, "buy", 100, 0.95),),
        orders=BELOW_ONE,
        kind=AssetClass.CRYPTO,
    ),
    Case(
        "limit_ioc_met_at_the_opening",
        "open 9.4 is below 9.5: filled there",
        (FLAT, (9.4, 10, 9, 9.5)),
        (Fill(1, "buy", 100, 9.4),),
        orders={0: [Wish(BUY, 100, LIMIT, 9.5, force=IOC)]},
    ),
    Case(
        "limit_ioc_not_met_at_the_opening_is_withdrawn",
        "open 10 is above 9.5: gone, though the bar falls to 9 and the next opens at 9",
        (FLAT, (10, 10, 9, 9.5), (9, 9, 9, 9)),
        (),
        orders={0: [Wish(BUY, 100, LIMIT, 9.5, force=IOC)]},
    ),
    Case(
        "limit_day_order_ends_with_its_session",
        "hourly 19:00, 20:00 (the last) and 14:00: not met at 20:00, met only on the day after",
        (FLAT, (10, 10.5, 9.6, 10), (10, 10, 9, 9.5)),
        (),
        orders={0: [Wish(BUY, 100, LIMIT, 9.5, force=DAY)]},
        hours=(19, 20, 38),
    ),
    Case(
        "limit_day_order_fills_on_the_last_bar_of_its_session",
        "met at 20:00",
        (FLAT, (10, 10.5, 9.4, 10), FLAT),
        (Fill(1, "buy", 100, 9.5),),
        orders={0: [Wish(BUY, 100, LIMIT, 9.5, force=DAY)]},
        hours=(19, 20, 38),
    ),
    Case(
        "limit_gtc_order_outlives_its_session",
        "the same, good till cancelled: filled on the day after at 9.5",
        (FLAT, (10, 10.5, 9.6, 10), (10, 10, 9, 9.5)),
        (Fill(2, "buy", 100, 9.5),),
        orders=BUY_LIMIT,
        hours=(19, 20, 38),
    ),
    Case(
        "limit_cancelled_before_it_is_met",
        "withdrawn on close 1, bar 2 would have met it",
        (FLAT, FLAT, (10, 10, 9, 10)),
        (),
        orders={0: [Wish(BUY, 100, LIMIT, 9.5, tag=7)], 1: [Cancel(7)]},
    ),
    Case(
        "limit_waits_over_a_bar_without_volume",
        "bar 1 with low 9 traded nothing; bar 2 falls to 9.2",
        (FLAT, (10, 10, 9, 10, 0), (10, 10, 9.2, 10)),
        (Fill(2, "buy", 100, 9.5),),
        orders=BUY_LIMIT,
    ),
)
