"""Golden cases of stop-limits and trailing stops (fill model 1, points 2, 4 and 6)."""

from __future__ import annotations

from golden_table import BUY, FLAT, SELL, STOP_LIMIT, TRAILING, Case, Fill, borrowing, bought, sold

from domain.rules.fills import PathMode
from domain.wishes import Wish

LONG, SHORT = Fill(1, "buy", 100, 10.0), Fill(1, "sell", 100, 10.0)
BUY_STOP_LIMIT_BELOW = {0: [Wish(BUY, 100, STOP_LIMIT, 10.5, 11.0)]}
"""Waits for 11 and then for a fall to 10.5."""
BUY_STOP_LIMIT = {0: [Wish(BUY, 100, STOP_LIMIT, 11.5, 11.0)]}

STOP_LIMITS = (
    Case(
        "stop_limit_uses_the_path_after_its_trigger_high_first",
        "10, 12 (triggered at 11), 9 (through the limit of 10.5), 11: filled at 10.5",
        (FLAT, (10, 12, 9, 11)),
        (Fill(1, "buy", 100, 10.5),),
        orders=BUY_STOP_LIMIT_BELOW,
        options={"path": PathMode.OHLC},
    ),
    Case(
        "stop_limit_ignores_the_path_before_its_trigger",
        "10, 9 (not a limit yet), 12 (triggered at 11), 11: never below 10.5 again; bar 2 falls through it",
        (FLAT, (10, 12, 9, 11), (11, 11.2, 10, 11)),
        (Fill(2, "buy", 100, 10.5),),
        orders=BUY_STOP_LIMIT_BELOW,
        options={"path": PathMode.OLHC},
    ),
    Case(
        "stop_limit_worst_path",
        "high first: bought at 10.5, worth 11 at the close, +50; low first: nothing, 0. The lower one is booked",
        (FLAT, (10, 12, 9, 11)),
        (),
        orders=BUY_STOP_LIMIT_BELOW,
        ambiguous=1,
        equity=100_000.0,
    ),
    Case(
        "stop_limit_buy_gap_beyond_the_limit_waits",
        "open 12 triggers, above the limit of 11.5; the bar falls to 11.2: filled at 11.5",
        (FLAT, (12, 13, 11.2, 12)),
        (Fill(1, "buy", 100, 11.5),),
        orders=BUY_STOP_LIMIT,
    ),
    Case(
        "stop_limit_buy_gap_beyond_the_limit_stays_a_limit",
        "open 12 triggers, low 11.6 stays above 11.5; open 2 = 10.8 is below the limit (and below the stop): filled at 10.8",
        (FLAT, (12, 13, 11.6, 12), (10.8, 10.9, 10.5, 10.8)),
        (Fill(2, "buy", 100, 10.8),),
        orders=BUY_STOP_LIMIT,
    ),
    Case(
        "stop_limit_sell_long_gap_beyond_the_limit_waits",
        "open 8.5 is through the stop of 9 and below the limit of 8.8; the bar rises to 9.2: sold at 8.8",
        (FLAT, FLAT, (8.5, 9.2, 8.2, 9)),
        (LONG, Fill(2, "sell", 100, 8.8)),
        orders=bought(Wish(SELL, 100, STOP_LIMIT, 8.8, 9.0)),
    ),
    Case(
        "stop_limit_sell_long_can_miss",
        "open 8.5 triggers, high 8.8 only touches the limit of 8.8: still held, 100,000 - 1,000 + 860",
        (FLAT, FLAT, (8.5, 8.8, 8.2, 8.6)),
        (LONG,),
        orders=bought(Wish(SELL, 100, STOP_LIMIT, 8.8, 9.0)),
        equity=99_860.0,
    ),
    Case(
        "stop_limit_fills_where_it_triggers_inside_its_limit",
        "rising through 11 with 11.5 allowed: a limit that the price of 11 meets, filled at 11, without friction",
        (FLAT, (10, 12, 9.9, 11.8)),
        (Fill(1, "buy", 100, 11.0),),
        orders=BUY_STOP_LIMIT,
    ),
)

TRAILING_STOPS = (
    Case(
        "trailing_sell_high_first",
        "10, 12 (watermark 12, stop 12 x 0.9 = 10.8), 9.5 passes it: sold at 10.8",
        (FLAT, FLAT, (10, 12, 9.5, 11)),
        (LONG, Fill(2, "sell", 100, 10.8)),
        orders=bought(Wish(SELL, 100, TRAILING, trail=0.1)),
        options={"path": PathMode.OHLC},
    ),
    Case(
        "trailing_sell_never_uses_a_later_high",
        "10, 9.5 (stop 9, the high of 12 has not been), 12, 11 (stop 10.8): nothing",
        (FLAT, FLAT, (10, 12, 9.5, 11)),
        (LONG,),
        orders=bought(Wish(SELL, 100, TRAILING, trail=0.1)),
        options={"path": PathMode.OLHC},
    ),
    Case(
        "trailing_sell_fires_on_the_way_to_the_close",
        "10, 9.5, 12 (stop 10.8), close 10.5 passes it: sold at 10.8",
        (FLAT, FLAT, (10, 12, 9.5, 10.5)),
        (LONG, Fill(2, "sell", 100, 10.8)),
        orders=bought(Wish(SELL, 100, TRAILING, trail=0.1)),
        options={"path": PathMode.OLHC},
    ),
    Case(
        "trailing_sell_worst_path",
        "high first sold at 10.8: +80; low first held at 11: +100. The lower one is booked",
        (FLAT, FLAT, (10, 12, 9.5, 11)),
        (LONG, Fill(2, "sell", 100, 10.8)),
        orders=bought(Wish(SELL, 100, TRAILING, trail=0.1)),
        ambiguous=1,
        equity=100_080.0,
    ),
    Case(
        "trailing_sell_gap",
        "bar 2 lifts the stop to 10.8, bar 3 opens at 10: sold at 10",
        (FLAT, FLAT, (10, 12, 10, 12), (10, 11, 9, 10)),
        (LONG, Fill(3, "sell", 100, 10.0)),
        orders=bought(Wish(SELL, 100, TRAILING, trail=0.1)),
        options={"path": PathMode.OLHC},
    ),
    Case(
        "trailing_buy_covers_a_short",
        "10, 8 (watermark 8, stop 8.8), 10.2 passes it: covered at 8.8, +120; high first it is held at 8.5, +150",
        (FLAT, FLAT, (10, 10.2, 8, 8.5)),
        (SHORT, Fill(2, "buy", 100, 8.8)),
        orders=sold(Wish(BUY, 100, TRAILING, trail=0.1)),
        options=borrowing(),
        ambiguous=1,
        equity=100_120.0,
    ),
    Case(
        "trailing_buy_gap_covers_a_short",
        "10, 10.2, 8, 8: stop 8.8 at the end of bar 2 with the high first; bar 3 opens at 9.5: covered at 9.5",
        (FLAT, FLAT, (10, 10.2, 8, 8), (9.5, 10, 9, 9.5)),
        (SHORT, Fill(3, "buy", 100, 9.5)),
        orders=sold(Wish(BUY, 100, TRAILING, trail=0.1)),
        options=borrowing(path=PathMode.OHLC),
    ),
    Case(
        "trailing_sell_stop_rounds_down_to_the_tick",
        "watermark 10.15: 10.15 x 0.9 = 9.135 becomes 9.13; bar 3 falls through it",
        (FLAT, FLAT, (10, 10.15, 10, 10.1), (10, 10.1, 9, 9.5)),
        (LONG, Fill(3, "sell", 100, 9.13)),
        orders=bought(Wish(SELL, 100, TRAILING, trail=0.1)),
    ),
    Case(
        "trailing_sell_partial_goes_on_at_the_next_opening",
        "stop 10.8 after the high of 12: 10 % of 400 = 40 there, the other 60 at open 3 = 11",
        (FLAT, FLAT, (10, 12, 9.5, 10, 400), (11, 11, 11, 11)),
        (LONG, Fill(2, "sell", 40, 10.8), Fill(3, "sell", 60, 11.0)),
        orders=bought(Wish(SELL, 100, TRAILING, trail=0.1)),
        options={"path": PathMode.OHLC, "volume_limit": 0.1},
    ),
)
