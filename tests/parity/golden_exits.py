"""Golden cases of the exits of a position: take-profit, trailing stop, time, several at once (fill model 1, points 2, 5 and 6)."""

from __future__ import annotations

from golden_table import FLAT, Case, Fill, borrowing

from domain.rules.fills import PathMode
from domain.strategy import Exits

LONG, SHORT = Fill(1, "buy", 100, 10.0), Fill(1, "sell", 100, 10.0)
PROFIT, TRAIL, TWO = Exits(take_profit=0.1), Exits(trailing=0.1), Exits(bars=2)
BOTH = Exits(stop_loss=0.1, take_profit=0.1)
TENTH = {"volume_limit": 0.1}
WIDE = (10, 11.5, 8.5, 10)

PROFITS = (
    Case(
        "take_profit_long_touch",
        "10 x 1.1 = 11, high 11 only touches",
        (FLAT, FLAT, (10, 11, 9.5, 10)),
        (LONG,),
        script="1",
        exits=PROFIT,
    ),
    Case(
        "take_profit_long_no_gap",
        "high 11.01 is one tick through: sold at 11; cash 100,000 - 1,000 + 1,100",
        (FLAT, FLAT, (10, 11.01, 9.5, 10), FLAT),
        (LONG, Fill(2, "sell", 100, 11.0, "take_profit")),
        script="1",
        exits=PROFIT,
        cash=100_100.0,
    ),
    Case(
        "take_profit_long_gap",
        "open 12 is beyond 11: sold at 12",
        (FLAT, FLAT, (12, 12, 10, 11)),
        (LONG, Fill(2, "sell", 100, 12.0, "take_profit")),
        script="1",
        exits=PROFIT,
        cash=100_200.0,
    ),
    Case(
        "take_profit_short_no_gap",
        "10 x 0.9 = 9, low 8.9: covered at 9",
        (FLAT, FLAT, (10, 10.5, 8.9, 10)),
        (SHORT, Fill(2, "buy", 100, 9.0, "take_profit")),
        script="-1",
        exits=PROFIT,
        options=borrowing(),
        cash=100_100.0,
    ),
    Case(
        "take_profit_short_gap",
        "open 8 is beyond 9: covered at 8",
        (FLAT, FLAT, (8, 9.5, 8, 9)),
        (SHORT, Fill(2, "buy", 100, 8.0, "take_profit")),
        script="-1",
        exits=PROFIT,
        options=borrowing(),
        cash=100_200.0,
    ),
    Case(
        "take_profit_long_rounds_up",
        "10.03 x 1.05 = 10.5315 becomes 10.54, never less than asked",
        (FLAT, (10.03, 10.1, 10, 10), (10, 11, 10, 10)),
        (Fill(1, "buy", 100, 10.03), Fill(2, "sell", 100, 10.54, "take_profit")),
        script="1",
        exits=Exits(take_profit=0.05),
    ),
    Case(
        "take_profit_short_rounds_down",
        "10.03 x 0.95 = 9.5285 becomes 9.52",
        (FLAT, (10.03, 10.1, 10, 10), (10, 10, 9, 10)),
        (Fill(1, "sell", 100, 10.03), Fill(2, "buy", 100, 9.52, "take_profit")),
        script="-1",
        exits=Exits(take_profit=0.05),
        options=borrowing(),
    ),
    Case(
        "take_profit_long_partial_waits_for_its_price",
        "10 % of 400 = 40 at 11; bar 3 does not get there: 60 held; 100,000 - 1,000 + 440 + 600",
        (FLAT, FLAT, (10, 11.5, 10, 10, 400), FLAT),
        (LONG, Fill(2, "sell", 40, 11.0, "take_profit")),
        script="1",
        exits=PROFIT,
        options=TENTH,
        equity=100_040.0,
    ),
    Case(
        "exits_worst_path_of_a_long",
        "high first 11: +100, low first 9: -100",
        (FLAT, FLAT, WIDE),
        (LONG, Fill(2, "sell", 100, 9.0, "stop_loss")),
        script="1",
        exits=BOTH,
        ambiguous=1,
    ),
    Case(
        "exits_worst_path_of_a_short",
        "high first 11: -100, low first 9: +100",
        (FLAT, FLAT, WIDE),
        (SHORT, Fill(2, "buy", 100, 11.0, "stop_loss")),
        script="-1",
        exits=BOTH,
        options=borrowing(),
        ambiguous=1,
    ),
    Case(
        "exits_worst_path_on_the_entry_bar",
        "bought at open 10, both prices lie in what follows: sold at 9",
        (FLAT, WIDE),
        (LONG, Fill(1, "sell", 100, 9.0, "stop_loss")),
        script="1",
        exits=BOTH,
        ambiguous=1,
    ),
    Case(
        "exits_high_first",
        "10, 11.5: the profit is taken at 11",
        (FLAT, FLAT, WIDE),
        (LONG, Fill(2, "sell", 100, 11.0, "take_profit")),
        script="1",
        exits=BOTH,
        options={"path": PathMode.OHLC},
    ),
)

TRAILS = (
    Case(
        "trailing_exit_long",
        "the high of 12 on bar 2 makes the stop 10.8; bar 3 falls from 12 to 10: sold at 10.8",
        (FLAT, (10, 11, 10, 11), (11, 12, 11, 12), (12, 12, 10, 10.5)),
        (LONG, Fill(3, "sell", 100, 10.8, "trailing_stop")),
        script="1",
        exits=TRAIL,
        cash=100_080.0,
    ),
    Case(
        "trailing_exit_long_gap",
        "the stop of 10.8 is gapped: sold at open 3 = 10",
        (FLAT, (10, 11, 10, 11), (11, 12, 11, 12), (10, 12, 9, 10.5)),
        (LONG, Fill(3, "sell", 100, 10.0, "trailing_stop")),
        script="1",
        exits=TRAIL,
        cash=100_000.0,
    ),
    Case(
        "trailing_exit_short",
        "the low of 8 on bar 2 makes the stop 8.8; bar 3 rises from 8 to 9: covered at 8.8",
        (FLAT, FLAT, (8.5, 8.5, 8, 8), (8, 9, 8, 8.5)),
        (SHORT, Fill(3, "buy", 100, 8.8, "trailing_stop")),
        script="-1",
        exits=TRAIL,
        options=borrowing(),
        cash=100_120.0,
    ),
    Case(
        "trailing_exit_short_gap",
        "the stop of 8.8 is gapped: covered at open 3 = 9.5",
        (FLAT, FLAT, (8.5, 8.5, 8, 8), (9.5, 9.5, 9, 9)),
        (SHORT, Fill(3, "buy", 100, 9.5, "trailing_stop")),
        script="-1",
        exits=TRAIL,
        options=borrowing(),
        cash=100_050.0,
    ),
    Case(
        "trailing_exit_on_the_entry_bar_worst_path",
        "10, 12 (stop 10.8), 10 passes it: +80; 10, 10, 12, 11 does not: +100",
        (FLAT, (10, 12, 10, 11)),
        (LONG, Fill(1, "sell", 100, 10.8, "trailing_stop")),
        script="1",
        exits=TRAIL,
        ambiguous=1,
        cash=100_080.0,
    ),
)

TIMES = (
    Case(
        "time_exit_long",
        "the closes of bars 1 and 2 are two: sold at open 3 = 12",
        (FLAT, FLAT, FLAT, (12, 12, 12, 12), FLAT),
        (LONG, Fill(3, "sell", 100, 12.0, "time_exit")),
        script="1",
        exits=TWO,
    ),
    Case(
        "time_exit_short",
        "covered at open 3 = 12",
        (FLAT, FLAT, FLAT, (12, 12, 12, 12), FLAT),
        (SHORT, Fill(3, "buy", 100, 12.0, "time_exit")),
        script="-1",
        exits=TWO,
        options=borrowing(),
    ),
    Case(
        "time_exit_partial",
        "10 % of 400 = 40 at open 3 = 12, the other 60 at open 4 = 11",
        (FLAT, FLAT, FLAT, (12, 12, 12, 12, 400), (11, 11, 11, 11)),
        (LONG, Fill(3, "sell", 40, 12.0, "time_exit"), Fill(4, "sell", 60, 11.0, "time_exit")),
        script="1",
        exits=TWO,
        options=TENTH,
    ),
)
