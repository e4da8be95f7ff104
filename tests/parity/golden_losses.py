"""Golden cases of the stop-loss of a position (fill model 1, points 4 and 8)."""

from __future__ import annotations

from golden_table import FLAT, Case, Fill, borrowing

from domain.rules.costs import Costs
from domain.strategy import Exits

LONG, SHORT = Fill(1, "buy", 100, 10.0), Fill(1, "sell", 100, 10.0)
STOP, PROFIT, TRAIL, TWO = Exits(stop_loss=0.1), Exits(take_profit=0.1), Exits(trailing=0.1), Exits(bars=2)
BOTH = Exits(stop_loss=0.1, take_profit=0.1)
TENTH = {"volume_limit": 0.1}
WIDE = (10, 11.5, 8.5, 10)

LOSSES = (
    Case(
        "stop_loss_long_no_gap",
        "10 x 0.9 = 9, low 8.5: sold at 9; the target stays 1, no new entry on bar 3",
        (FLAT, FLAT, (10, 10.2, 8.5, 9.5), FLAT),
        (LONG, Fill(2, "sell", 100, 9.0, "stop_loss")),
        script="1",
        exits=STOP,
        cash=99_900.0,
    ),
    Case(
        "stop_loss_long_gap",
        "open 8 is through 9: sold at 8",
        (FLAT, FLAT, (8, 9.5, 7.5, 9)),
        (LONG, Fill(2, "sell", 100, 8.0, "stop_loss")),
        script="1",
        exits=STOP,
        cash=99_800.0,
    ),
    Case(
        "stop_loss_long_on_the_entry_bar",
        "bought at open 10, low 8.5 comes after it either way: sold at 9",
        (FLAT, (10, 10.5, 8.5, 9)),
        (LONG, Fill(1, "sell", 100, 9.0, "stop_loss")),
        script="1",
        exits=STOP,
    ),
    Case(
        "stop_loss_short_no_gap",
        "10 x 1.1 = 11, high 11.5: covered at 11; cash 100,000 + 1,000 - 1,100",
        (FLAT, FLAT, (10, 11.5, 9.5, 10)),
        (SHORT, Fill(2, "buy", 100, 11.0, "stop_loss")),
        script="-1",
        exits=STOP,
        options=borrowing(),
        cash=99_900.0,
    ),
    Case(
        "stop_loss_short_gap",
        "open 12.5 is through 11: covered at 12.5",
        (FLAT, FLAT, (12.5, 12.5, 10, 10)),
        (SHORT, Fill(2, "buy", 100, 12.5, "stop_loss")),
        script="-1",
        exits=STOP,
        options=borrowing(),
        cash=99_750.0,
    ),
    Case(
        "stop_loss_short_on_the_entry_bar",
        "sold at open 10, high 11.5: covered at 11",
        (FLAT, (10, 11.5, 9.5, 10)),
        (SHORT, Fill(1, "buy", 100, 11.0, "stop_loss")),
        script="-1",
        exits=STOP,
        options=borrowing(),
    ),
    Case(
        "stop_loss_long_rounds_down",
        "10.03 x 0.95 = 9.5285 becomes 9.52",
        (FLAT, (10.03, 10.1, 10, 10), (10, 10, 9, 9.5)),
        (Fill(1, "buy", 100, 10.03), Fill(2, "sell", 100, 9.52, "stop_loss")),
        script="1",
        exits=Exits(stop_loss=0.05),
    ),
    Case(
        "stop_loss_short_rounds_up",
        "10.03 x 1.05 = 10.5315 becomes 10.54",
        (FLAT, (10.03, 10.1, 10, 10), (10, 11, 9, 9.5)),
        (Fill(1, "sell", 100, 10.03), Fill(2, "buy", 100, 10.54, "stop_loss")),
        script="-1",
        exits=Exits(stop_loss=0.05),
        options=borrowing(),
    ),
    Case(
        "stop_loss_lies_below_the_average_of_two_entries",
        "50 at 10 and 50 at 12: 11 x 0.9 = 9.9",
        (FLAT, FLAT, (12, 12, 12, 12), (12, 12, 9.5, 10)),
        (Fill(1, "buy", 50, 10.0), Fill(2, "buy", 50, 12.0), Fill(3, "sell", 100, 9.9, "stop_loss")),
        script="0.5 1",
        exits=STOP,
    ),
    Case(
        "stop_loss_counts_from_the_price_paid_and_pays_slippage",
        "bought at 10 x 1.01 = 10.1; 10.1 x 0.9 = 9.09; sold at 9.09 x 0.99 = 8.9991",
        (FLAT, FLAT, (10, 10, 8.5, 9)),
        (Fill(1, "buy", 100, 10.1), Fill(2, "sell", 100, 8.9991, "stop_loss")),
        script="1",
        exits=STOP,
        options={"costs": Costs(0.0, 0.01)},
    ),
    Case(
        "stop_loss_long_partial_goes_on_at_the_next_opening",
        "10 % of 400 = 40 at 9, the other 60 at open 3 = 8",
        (FLAT, FLAT, (10, 10, 8.5, 9, 400), (8, 8, 8, 8)),
        (LONG, Fill(2, "sell", 40, 9.0, "stop_loss"), Fill(3, "sell", 60, 8.0, "stop_loss")),
        script="1",
        exits=STOP,
        options=TENTH,
        cash=99_840.0,
    ),
    Case(
        "stop_loss_short_partial_gap_goes_on_at_the_next_opening",
        "open 12.5: 10 % of 400 = 40 there, the other 60 at open 3 = 13",
        (FLAT, FLAT, (12.5, 12.5, 12.5, 12.5, 400), (13, 13, 13, 13)),
        (SHORT, Fill(2, "buy", 40, 12.5, "stop_loss"), Fill(3, "buy", 60, 13.0, "stop_loss")),
        script="-1",
        exits=STOP,
        options=borrowing(volume_limit=0.1),
        cash=99_720.0,
    ),
    Case(
        "stop_loss_covers_a_partial_entry",
        "40 bought on bar 1 (10 % of 400); low 8.5 comes after: 0 of the allowance is left, so at open 2 = 9.2 the 40 go, "
        "and what the entry still wanted is not bought there",
        (FLAT, (10, 10, 8.5, 9, 400), (9.2, 9.2, 9.2, 9.2)),
        (Fill(1, "buy", 40, 10.0), Fill(2, "sell", 40, 9.2, "stop_loss")),
        script="1",
        exits=STOP,
        options=TENTH,
    ),
    Case(
        "stop_loss_and_the_rest_of_an_entry_share_a_bar",
        "40 on bar 1; bar 2 allows 100: the other 60 at open 10, then low 8.5 sells 40 at 9; the last 60 at open 3 = 8",
        (FLAT, (10, 10, 9.5, 10, 400), (10, 10, 8.5, 9, 1000), (8, 8, 8, 8)),
        (
            Fill(1, "buy", 40, 10.0),
            Fill(2, "buy", 60, 10.0),
            Fill(2, "sell", 40, 9.0, "stop_loss"),
            Fill(3, "sell", 60, 8.0, "stop_loss"),
        ),
        script="1",
        exits=STOP,
        options=TENTH,
    ),
    Case(
        "stop_loss_leaves_a_target_that_must_change_before_a_new_entry",
        "out at 9 on the entry bar; 0 on close 1 has nothing to sell, 1 on close 2 buys at open 3 = 10",
        (FLAT, (10, 10, 8.5, 9), FLAT, FLAT),
        (LONG, Fill(1, "sell", 100, 9.0, "stop_loss"), Fill(3, "buy", 100, 10.0)),
        script="1 0 1",
        exits=STOP,
    ),
    Case(
        "stop_loss_after_an_exit_by_target_does_nothing",
        "0 on close 1 sells at open 2 = 10; the low of 8.5 finds nothing held",
        (FLAT, FLAT, (10, 10, 8.5, 9)),
        (LONG, Fill(2, "sell", 100, 10.0)),
        script="1 0",
        exits=STOP,
    ),
)
