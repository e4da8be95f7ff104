"""Golden cases of stops (fill model 1, points 4 and 8)."""

from __future__ import annotations

from golden_table import BUY, FLAT, SELL, STOP, STOP_LIMIT, Case, Fill, borrowing, bought, sold

from domain.rules.costs import Costs
from domain.wishes import Wish

ONE_PERCENT = {"costs": Costs(0.0, 0.01)}
TENTH = {"volume_limit": 0.1}
LONG, SHORT = Fill(1, "buy", 100, 10.0), Fill(1, "sell", 100, 10.0)
BUY_STOP = {0: [Wish(BUY, 100, STOP, stop=11.0)]}
SELL_STOP = {0: [Wish(SELL, 100, STOP, stop=9.0)]}
BUY_STOP_LIMIT_BELOW = {0: [Wish(BUY, 100, STOP_LIMIT, 10.5, 11.0)]}
"""Waits for 11 and then for a fall to 10.5."""
BUY_STOP_LIMIT = {0: [Wish(BUY, 100, STOP_LIMIT, 11.5, 11.0)]}

STOPS = (
    Case(
        "stop_buy_no_gap",
        "high 12 reaches 11 inside the bar: filled at 11",
        (FLAT, (10, 12, 9, 11.5)),
        (Fill(1, "buy", 100, 11.0),),
        orders=BUY_STOP,
        cash=98_900.0,
    ),
    Case(
        "stop_buy_gap",
        "the open of 12 lies beyond 11: filled at 12, though the bar trades back to 10",
        (FLAT, (12, 13, 10, 11)),
        (Fill(1, "buy", 100, 12.0),),
        orders=BUY_STOP,
        cash=98_800.0,
    ),
    Case(
        "stop_buy_touch",
        "a high of exactly 11 is at the stop",
        (FLAT, (10, 11, 9, 10)),
        (Fill(1, "buy", 100, 11.0),),
        orders=BUY_STOP,
    ),
    Case(
        "stop_buy_not_reached_waits",
        "high 10.99 < 11 on bar 1; bar 2 reaches it",
        (FLAT, (10, 10.99, 9, 10), (10, 11.2, 10, 11)),
        (Fill(2, "buy", 100, 11.0),),
        orders=BUY_STOP,
    ),
    Case(
        "stop_buy_pays_slippage",
        "11 x 1.01 = 11.11",
        (FLAT, (10, 12, 9, 11)),
        (Fill(1, "buy", 100, 11.11),),
        orders=BUY_STOP,
        options=ONE_PERCENT,
    ),
    Case(
        "stop_buy_gap_pays_slippage",
        "12 x 1.01 = 12.12",
        (FLAT, (12, 13, 11.5, 12)),
        (Fill(1, "buy", 100, 12.12),),
        orders=BUY_STOP,
        options=ONE_PERCENT,
    ),
    Case(
        "stop_sell_long_no_gap",
        "low 8.5 reaches 9: filled at 9; cash 100,000 - 1,000 + 900",
        (FLAT, FLAT, (10, 10.5, 8.5, 10)),
        (LONG, Fill(2, "sell", 100, 9.0)),
        orders=bought(Wish(SELL, 100, STOP, stop=9.0)),
        cash=99_900.0,
    ),
    Case(
        "stop_sell_long_gap_that_trades_back",
        "open 8 is through 9: filled at 8, although the bar trades at 9 and 9.5 later",
        (FLAT, FLAT, (8, 9.5, 7.5, 9.2)),
        (LONG, Fill(2, "sell", 100, 8.0)),
        orders=bought(Wish(SELL, 100, STOP, stop=9.0)),
        cash=99_800.0,
    ),
    Case(
        "stop_sell_long_pays_slippage",
        "bought at 10 x 1.01 = 10.1, stopped at 9 x 0.99 = 8.91",
        (FLAT, FLAT, (10, 10.5, 8.5, 10)),
        (Fill(1, "buy", 100, 10.1), Fill(2, "sell", 100, 8.91)),
        orders=bought(Wish(SELL, 100, STOP, stop=9.0)),
        options=ONE_PERCENT,
    ),
    Case(
        "stop_sell_opens_a_short",
        "low 8 reaches 9: sold at 9; equity at close 9.5: 100,000 + 900 - 950",
        (FLAT, (10, 11, 8, 9.5)),
        (Fill(1, "sell", 100, 9.0),),
        orders=SELL_STOP,
        options=borrowing(),
        equity=99_950.0,
    ),
    Case(
        "stop_sell_gap_opens_a_short",
        "open 7 is through 9: sold at 7",
        (FLAT, (7, 8, 6, 7)),
        (Fill(1, "sell", 100, 7.0),),
        orders=SELL_STOP,
        options=borrowing(),
    ),
    Case(
        "stop_buy_covers_a_short",
        "high 11.5 reaches 11: covered at 11; cash 100,000 + 1,000 - 1,100",
        (FLAT, FLAT, (10, 11.5, 9.5, 10)),
        (SHORT, Fill(2, "buy", 100, 11.0)),
        orders=sold(Wish(BUY, 100, STOP, stop=11.0)),
        options=borrowing(),
        cash=99_900.0,
    ),
    Case(
        "stop_buy_gap_covers_a_short",
        "open 13 is through 11: covered at 13",
        (FLAT, FLAT, (13, 13.5, 10.5, 11)),
        (SHORT, Fill(2, "buy", 100, 13.0)),
        orders=sold(Wish(BUY, 100, STOP, stop=11.0)),
        options=borrowing(),
        cash=99_700.0,
    ),
    Case(
        "stop_buy_partial_goes_on_at_the_next_opening",
        "10 % of 400 = 40 at 11; it has triggered, so the other 60 fill at open 2 = 10, though that lies below the stop",
        (FLAT, (10, 12, 9, 11, 400), (10, 10.5, 9.5, 10)),
        (Fill(1, "buy", 40, 11.0), Fill(2, "buy", 60, 10.0)),
        orders=BUY_STOP,
        options=TENTH,
    ),
    Case(
        "stop_sell_long_partial_goes_on_in_a_gap",
        "10 % of 400 = 40 at 9, the other 60 at open 3 = 7: cash 100,000 - 1,000 + 360 + 420",
        (FLAT, FLAT, (10, 10.5, 8.5, 9, 400), (7, 7.5, 6.5, 7)),
        (LONG, Fill(2, "sell", 40, 9.0), Fill(3, "sell", 60, 7.0)),
        orders=bought(Wish(SELL, 100, STOP, stop=9.0)),
        options=TENTH,
        cash=99_780.0,
    ),
    Case(
        "stop_buy_covers_part_of_a_short_in_a_gap",
        "open 13 is through 11: 10 % of 400 = 40 at 13, the other 60 at open 3 = 14",
        (FLAT, FLAT, (13, 13.5, 12.5, 13, 400), (14, 14, 14, 14)),
        (SHORT, Fill(2, "buy", 40, 13.0), Fill(3, "buy", 60, 14.0)),
        orders=sold(Wish(BUY, 100, STOP, stop=11.0)),
        options=borrowing(volume_limit=0.1),
        cash=99_640.0,
    ),
    Case(
        "stop_triggers_without_volume_for_a_lot",
        "10 % of 5 is no whole share: triggered on bar 1, filled at open 2 = 10",
        (FLAT, (10, 12, 9, 11, 5), (10, 10.5, 9.5, 10)),
        (Fill(2, "buy", 100, 10.0),),
        orders=BUY_STOP,
        options=TENTH,
    ),
    Case(
        "stop_does_not_trigger_on_a_bar_without_volume",
        "bar 1 with high 12 traded nothing; bar 2 does not reach 11",
        (FLAT, (10, 12, 9, 11, 0), (10, 10.5, 9.5, 10)),
        (),
        orders=BUY_STOP,
    ),
    Case(
        "stop_buy_price_rounds_up_to_the_tick",
        "11.004 becomes 11.01, away from us",
        (FLAT, (10, 12, 9, 11)),
        (Fill(1, "buy", 100, 11.01),),
        orders={0: [Wish(BUY, 100, STOP, stop=11.004)]},
    ),
    Case(
        "stop_sell_price_rounds_down_to_the_tick",
        "8.996 becomes 8.99, away from us",
        (FLAT, FLAT, (10, 10.5, 8.5, 10)),
        (LONG, Fill(2, "sell", 100, 8.99)),
        orders=bought(Wish(SELL, 100, STOP, stop=8.996)),
    ),
)
