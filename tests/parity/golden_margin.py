"""Golden cases of a margin account: initial and maintenance margin, margin calls, borrowing (fill model 1, points 10 and 11)."""

from __future__ import annotations

from golden_table import FLAT, Case, Fill, Refused, borrowing

LONG, SHORT = Fill(1, "buy", 100, 10.0), Fill(1, "sell", 100, 10.0)
UP = (12.0, 12.0, 12.0, 12.0)


def flat(price: float) -> tuple[float, ...]:
    """Return a bar that trades at one price."""
    return (price,) * 4


MARGIN = (
    Case(
        "margin_unknown_borrow_rate_refuses_a_short",
        "a margin account alone is not enough",
        (FLAT, FLAT),
        (),
        script="-1",
        options={"margin": True, "borrow_rate": None},
        refused=(Refused(0, "borrow_unavailable", 100),),
    ),
    Case(
        "margin_initial_of_a_long",
        "50 %: 1,000 back 200 of 300 at 10, 100 refused; cash 1,000 - 2,000",
        (FLAT, FLAT),
        (Fill(1, "buy", 200, 10.0),),
        script="1",
        size=300.0,
        options=borrowing(cash=1_000.0),
        refused=(Refused(0, "margin", 100),),
        cash=-1_000.0,
    ),
    Case(
        "margin_initial_of_a_short",
        "50 %: 1,000 back 200 of 300 at 10, 100 refused; cash 1,000 + 2,000",
        (FLAT, FLAT),
        (Fill(1, "sell", 200, 10.0),),
        script="-1",
        size=300.0,
        options=borrowing(cash=1_000.0),
        refused=(Refused(0, "margin", 100),),
        cash=3_000.0,
    ),
    Case(
        "margin_call_of_a_long",
        "200 at 10 on 1,000; close 6: equity 200, required 25 % of 1,200 = 300; floor(200 x 2/3) = 133 stay, 67 go at open 2 = 6",
        (FLAT, (10, 10, 6, 6), flat(6)),
        (Fill(1, "buy", 200, 10.0), Fill(2, "sell", 67, 6.0, "liquidation")),
        script="1",
        size=200.0,
        options=borrowing(cash=1_000.0),
        cash=-598.0,
    ),
    Case(
        "margin_call_of_a_long_gap",
        "the same, open 2 = 5: 67 go at 5; cash -1,000 + 335",
        (FLAT, (10, 10, 6, 6), flat(5)),
        (Fill(1, "buy", 200, 10.0), Fill(2, "sell", 67, 5.0, "liquidation")),
        script="1",
        size=200.0,
        options=borrowing(cash=1_000.0),
        cash=-665.0,
    ),
    Case(
        "margin_of_a_long_is_just_met",
        "100 at 10 on 700; close 4: equity 400 - 300 = 100 = 25 % of 400: no call",
        (FLAT, (10, 10, 4, 4), flat(4)),
        (LONG,),
        script="1",
        options=borrowing(cash=700.0),
    ),
    Case(
        "margin_call_of_a_short",
        "100 at 10 on 1,000: cash 2,000; close 16: equity 400 < max(30 % of 1,600, 5 x 100) = 500; 80 stay, 20 bought at 16",
        (FLAT, (10, 16, 10, 16), flat(16)),
        (SHORT, Fill(2, "buy", 20, 16.0, "liquidation")),
        script="-1",
        options=borrowing(cash=1_000.0),
        cash=1_680.0,
    ),
    Case(
        "margin_of_a_short_at_five_a_share_is_just_met",
        "close 15: equity 500 = max(30 % of 1,500, 5 x 100): no call",
        (FLAT, (10, 15, 10, 15), flat(15)),
        (SHORT,),
        script="-1",
        options=borrowing(cash=1_000.0),
    ),
    Case(
        "margin_call_of_a_short_at_thirty_percent",
        "100 at 20 on 1,100: cash 3,100; close 24: equity 700, required max(30 % of 2,400, 500) = 720; "
        "floor(100 x 700 / 720) = 97 stay, 3 bought at the gap to 25",
        (flat(20), (20, 24, 20, 24), flat(25)),
        (Fill(1, "sell", 100, 20.0), Fill(2, "buy", 3, 25.0, "liquidation")),
        script="-1",
        options=borrowing(cash=1_100.0),
        cash=3_025.0,
    ),
    Case(
        "margin_call_of_a_short_below_five",
        "100 at 4 on 400: max(100 % of 400, 250) = 400, met; close 4.5: equity 350 < 450; floor(77.7) = 77 stay, 23 at 4.5",
        (flat(4), flat(4), (4, 4.5, 4, 4.5), flat(4.5)),
        (Fill(1, "sell", 100, 4.0), Fill(3, "buy", 23, 4.5, "liquidation")),
        script="-1",
        options=borrowing(cash=400.0),
        cash=696.5,
    ),
    Case(
        "margin_call_of_a_short_below_two_and_a_half",
        "100 at 2 on 220: required max(100 % of 200, 2.5 x 100) = 250 > 220; floor(88) = 88 stay, 12 bought at 2",
        (flat(2), flat(2), flat(2)),
        (Fill(1, "sell", 100, 2.0), Fill(2, "buy", 12, 2.0, "liquidation")),
        script="-1",
        options=borrowing(cash=220.0),
        cash=396.0,
    ),
    Case(
        "margin_call_without_equity_sells_all",
        "close 4: equity 800 - 1,000 < 0: all 200 go at open 2 = 3; the loss stays: -1,000 + 600",
        (FLAT, (10, 10, 4, 4), flat(3)),
        (Fill(1, "buy", 200, 10.0), Fill(2, "sell", 200, 3.0, "liquidation")),
        script="1",
        size=200.0,
        options=borrowing(cash=1_000.0),
        cash=-400.0,
    ),
    Case(
        "margin_call_partial",
        "67 to go, 10 % of 400 = 40 at open 2 = 6, the other 27 at open 3 = 6; at close 2 equity 200 < 25 % of 160 x 6 = 240: "
        "floor(160 x 200 / 240) = 133 would stay, 27 under way are enough",
        (FLAT, (10, 10, 6, 6), (*flat(6), 400), flat(6)),
        (Fill(1, "buy", 200, 10.0), Fill(2, "sell", 40, 6.0, "liquidation"), Fill(3, "sell", 27, 6.0, "liquidation")),
        script="1",
        size=200.0,
        options=borrowing(cash=1_000.0, volume_limit=0.1),
    ),
    Case(
        "borrow_fee_of_a_night",
        "36 % of 100 x 11 (the last close) / 360 x 1 day = 1.1 at the first bar of Wednesday",
        (FLAT, (10, 11, 10, 11), flat(11)),
        (SHORT,),
        script="-1",
        options=borrowing(0.36),
        cash=100_998.9,
    ),
    Case(
        "borrow_fee_of_a_weekend",
        "Thursday, Friday (sold), Monday: 36 % of 1,000 / 360 x 3 days = 3",
        (FLAT, FLAT, FLAT),
        (SHORT,),
        script="-1",
        days=(3, 4, 7),
        options=borrowing(0.36),
        cash=100_997.0,
    ),
    Case(
        "borrow_fee_is_charged_before_the_cover_of_the_day",
        "sold on bar 1, bought at open 2 = 12: the night costs 36 % of 1,000 / 360 = 1; cash 100,000 + 1,000 - 1 - 1,200",
        (FLAT, FLAT, UP),
        (SHORT, Fill(2, "buy", 100, 12.0)),
        script="-1 0",
        options=borrowing(0.36),
        cash=99_799.0,
    ),
    Case(
        "borrow_fee_is_none_within_a_session",
        "sold at 17:00, held at 18:00 of the same day",
        (FLAT, FLAT, FLAT),
        (SHORT,),
        script="-1",
        hours=(16, 17, 18),
        options=borrowing(0.36),
        cash=101_000.0,
    ),
    Case(
        "margin_account_has_no_cash_cut",
        "150 at 10 on 1,000: backed by half, paid with 500 borrowed; the gap to 12 changes nothing: cash 1,000 - 1,800",
        (FLAT, UP),
        (Fill(1, "buy", 150, 12.0),),
        script="1",
        size=150.0,
        options=borrowing(cash=1_000.0),
        cash=-800.0,
    ),
)
