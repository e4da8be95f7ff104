"""Golden cases of volume, costs and cash (fill model 1, points 8 to 10)."""

from __future__ import annotations

from golden_table import BUY, FLAT, STOP, Case, Fill, Refused, borrowing

from domain.market import AssetClass
from domain.rules.costs import Costs
from domain.wishes import Wish

TENTH = {"volume_limit": 0.1}
LONG, SHORT = Fill(1, "buy", 100, 10.0), Fill(1, "sell", 100, 10.0)
UP = (12.0, 12.0, 12.0, 12.0)


def flat(price: float) -> tuple[float, ...]:
    """Return a bar that trades at one price."""
    return (price,) * 4


VOLUMES = (
    Case(
        "volume_buy_no_gap",
        "10 % of 400 = 40 on bar 1, the other 60 on bar 2",
        (FLAT, (*FLAT, 400), FLAT),
        (Fill(1, "buy", 40, 10.0), Fill(2, "buy", 60, 10.0)),
        script="1",
        options=TENTH,
    ),
    Case(
        "volume_buy_rest_in_a_gap",
        "40 at 10, the other 60 at the open of 12: cash 100,000 - 400 - 720",
        (FLAT, (*FLAT, 400), UP),
        (Fill(1, "buy", 40, 10.0), Fill(2, "buy", 60, 12.0)),
        script="1",
        options=TENTH,
        cash=98_880.0,
    ),
    Case(
        "volume_sell_long_over_three_bars",
        "10 % of 400, 300 and 1,000: 40 at 12, 30 at 10, the last 30 at 8",
        (FLAT, FLAT, (*UP, 400), (*FLAT, 300), (*flat(8), 1000)),
        (LONG, Fill(2, "sell", 40, 12.0), Fill(3, "sell", 30, 10.0), Fill(4, "sell", 30, 8.0)),
        script="1 0",
        options=TENTH,
        cash=100_020.0,
    ),
    Case(
        "volume_short_partial_and_covered_partial",
        "10 % of 600 = 60 sold on bar 1; -0.5 replaces the rest on close 1: 10 covered at 12",
        (FLAT, (*FLAT, 600), UP),
        (Fill(1, "sell", 60, 10.0), Fill(2, "buy", 10, 12.0)),
        script="-1 -0.5",
        options=borrowing(volume_limit=0.1),
    ),
    Case(
        "volume_rest_is_replaced_by_a_later_target",
        "40 bought; 0 on close 1 withdraws the other 60 and sells the 40 at 12",
        (FLAT, (*FLAT, 400), UP),
        (Fill(1, "buy", 40, 10.0), Fill(2, "sell", 40, 12.0)),
        script="1 0",
        options=TENTH,
    ),
    Case(
        "volume_share_is_rounded_down",
        "10 % of 399 = 39.9: 39, then 61",
        (FLAT, (*FLAT, 399), FLAT),
        (Fill(1, "buy", 39, 10.0), Fill(2, "buy", 61, 10.0)),
        script="1",
        options=TENTH,
    ),
    Case(
        "volume_of_a_bar_is_shared_by_all_orders",
        "10 % of 400 = 40: 30 for the first order, 10 for the second, its other 20 on bar 2",
        (FLAT, (*FLAT, 400), UP),
        (Fill(1, "buy", 30, 10.0), Fill(1, "buy", 10, 10.0), Fill(2, "buy", 20, 12.0)),
        orders={0: [Wish(BUY, 30), Wish(BUY, 30)]},
        options=TENTH,
    ),
    Case(
        "volume_share_of_daily_equities",
        "2.5 % of 1,000 = 25, then the other 75",
        (FLAT, (*FLAT, 1000), FLAT),
        (Fill(1, "buy", 25, 10.0), Fill(2, "buy", 75, 10.0)),
        script="1",
        options={"volume_limit": None},
    ),
    Case(
        "volume_share_of_intraday_equities",
        "10 % of 300 = 30, then the other 70",
        (FLAT, (*FLAT, 300), FLAT),
        (Fill(1, "buy", 30, 10.0), Fill(2, "buy", 70, 10.0)),
        script="1",
        hours=(16, 17, 18),
        options={"volume_limit": None},
    ),
    Case(
        "volume_share_of_crypto_is_off",
        "all 100 of a bar that traded 10",
        (FLAT, (*FLAT, 10)),
        (LONG,),
        script="1",
        kind=AssetClass.CRYPTO,
        options={"volume_limit": None},
    ),
)

COSTS = (
    Case(
        "cost_commission_a_fill",
        "0.1 % of 1,000 = 1 and of 1,200 = 1.2: cash 100,000 - 1,001 + 1,198.8",
        (FLAT, FLAT, UP),
        (Fill(1, "buy", 100, 10.0, fee=1.0), Fill(2, "sell", 100, 12.0, fee=1.2)),
        script="1 0",
        options={"costs": Costs(0.001)},
        cash=100_197.8,
    ),
    Case(
        "cost_of_a_short",
        "0.1 % of 1,000 = 1 and of 1,200 = 1.2: cash 100,000 + 999 - 1,201.2",
        (FLAT, FLAT, UP),
        (Fill(1, "sell", 100, 10.0, fee=1.0), Fill(2, "buy", 100, 12.0, fee=1.2)),
        script="-1 0",
        options=borrowing(costs=Costs(0.001)),
        cash=99_797.8,
    ),
    Case(
        "cost_of_each_part_of_an_order",
        "0.1 % of 400 = 0.4, of 720 = 0.72",
        (FLAT, (*FLAT, 400), UP),
        (Fill(1, "buy", 40, 10.0, fee=0.4), Fill(2, "buy", 60, 12.0, fee=0.72)),
        script="1",
        options={"costs": Costs(0.001), "volume_limit": 0.1},
    ),
    Case(
        "cost_least_commission",
        "0.005 a share x 100 = 0.5, at least 1",
        (FLAT, FLAT),
        (Fill(1, "buy", 100, 10.0, fee=1.0),),
        script="1",
        options={"costs": Costs(0.0, per_unit=0.005, least=1.0)},
    ),
    Case(
        "cost_most_commission",
        "0.005 a share x 100 = 0.5, at least 1, at most 0.5 % of 100 x 1 = 0.5",
        (flat(1), flat(1)),
        (Fill(1, "buy", 100, 1.0, fee=0.5),),
        script="1",
        options={"costs": Costs(0.0, per_unit=0.005, least=1.0, most_rate=0.005)},
    ),
    Case(
        "cost_a_share_and_a_trade",
        "0.005 x 100 + 2 = 2.5",
        (FLAT, FLAT),
        (Fill(1, "buy", 100, 10.0, fee=2.5),),
        script="1",
        options={"costs": Costs(0.0, per_unit=0.005, per_trade=2.0)},
    ),
    Case(
        "cost_impact_of_size",
        "1 x 0.02 (before two returns are known) x sqrt(100 / 10,000) = 0.002: bought at 10 x 1.002",
        ((*FLAT, 10_000), FLAT),
        (Fill(1, "buy", 100, 10.02),),
        script="1",
        options={"costs": Costs(0.0, impact=1.0)},
    ),
    Case(
        "cost_impact_of_a_sale",
        "held 100 at 10 x 1.002; sold 100 of a mean volume of (10,000 + 30,000) / 2: "
        "sigma still 0.02 with one return: 0.02 x sqrt(100 / 20,000) = 0.001414213562: 12 x 0.998585786438",
        ((*FLAT, 10_000), (*FLAT, 30_000), UP),
        (Fill(1, "buy", 100, 10.02), Fill(2, "sell", 100, 11.983029437252)),
        script="1 0",
        options={"costs": Costs(0.0, impact=1.0)},
    ),
    Case(
        "cost_regulatory_fees_are_taken_of_sales",
        "2021-03-03: 5.10 a million of 120,000 = 0.612, 0.000119 x 10,000 = 1.19: 1.802; nothing of the purchase",
        (FLAT, FLAT, UP),
        (Fill(1, "buy", 10_000, 10.0, fee=0.0), Fill(2, "sell", 10_000, 12.0, fee=1.802)),
        script="1 0",
        size=10_000.0,
        options={"regulatory_fees": True, "cash": 200_000.0},
        cash=219_998.198,
    ),
)

CASH = (
    Case(
        "cash_cuts_at_acceptance",
        "1,000 pays 100 of 150 at the close of 10: 50 refused",
        (FLAT, FLAT),
        (Fill(1, "buy", 100, 10.0),),
        script="1",
        size=150.0,
        options={"cash": 1_000.0},
        refused=(Refused(0, "cash", 50),),
        cash=0.0,
    ),
    Case(
        "cash_cuts_at_the_fill_of_a_gap",
        "1,000 pays 100 at the close of 10 but floor(1,000 / 12) = 83 at the open: 17 refused; 1,000 - 996 = 4",
        (FLAT, UP),
        (Fill(1, "buy", 83, 12.0),),
        script="1",
        options={"cash": 1_000.0},
        refused=(Refused(1, "cash", 17),),
        cash=4.0,
    ),
    Case(
        "cash_refuses_at_acceptance",
        "5 does not pay one share at 10",
        (FLAT, FLAT),
        (),
        script="1",
        size=1.0,
        options={"cash": 5.0},
        refused=(Refused(0, "cash", 1),),
    ),
    Case(
        "cash_refuses_at_the_fill_of_a_gap",
        "10 pays one share at the close of 10, none at the open of 12",
        (FLAT, UP),
        (),
        script="1",
        size=1.0,
        options={"cash": 10.0},
        refused=(Refused(1, "cash", 1),),
        cash=10.0,
    ),
    Case(
        "cash_pays_the_commission_too",
        "1 %: floor(1,000 / 10.1) = 99; 1,000 - 990 - 9.9 = 0.1",
        (FLAT, FLAT),
        (Fill(1, "buy", 99, 10.0, fee=9.9),),
        script="1",
        options={"cash": 1_000.0, "costs": Costs(0.01)},
        refused=(Refused(0, "cash", 1),),
        cash=0.1,
    ),
    Case(
        "cash_of_pending_buys_is_not_there",
        "60 at 10 take 600 of 1,000: the second order is cut to 40",
        (FLAT, FLAT),
        (Fill(1, "buy", 60, 10.0), Fill(1, "buy", 40, 10.0)),
        orders={0: [Wish(BUY, 60), Wish(BUY, 60)]},
        options={"cash": 1_000.0},
        refused=(Refused(0, "cash", 20),),
        cash=0.0,
    ),
    Case(
        "cash_cuts_a_stop_in_a_gap",
        "accepted at its stop of 11 (90 x 11 = 990); at the open of 14 floor(1,000 / 14) = 71: 19 refused; 1,000 - 994",
        (FLAT, flat(14)),
        (Fill(1, "buy", 71, 14.0),),
        orders={0: [Wish(BUY, 90, STOP, stop=11.0)]},
        options={"cash": 1_000.0},
        refused=(Refused(1, "cash", 19),),
        cash=6.0,
    ),
    Case(
        "cash_of_a_sale_buys_before_it_settles",
        "sold for 1,200 at open 2, 1 on close 2 buys 100 at open 3 = 12 before settlement",
        (FLAT, FLAT, UP, UP),
        (LONG, Fill(2, "sell", 100, 12.0), Fill(3, "buy", 100, 12.0)),
        script="1 0 1",
        options={"cash": 1_000.0},
        cash=0.0,
    ),
    Case(
        "cash_account_opens_no_short",
        "100 refused",
        (FLAT, FLAT),
        (),
        script="-1",
        refused=(Refused(0, "short_not_allowed", 100),),
    ),
    Case(
        "cash_account_turns_flat_instead_of_short",
        "of 200 to sell, 100 reduce and pass, 100 are refused",
        (FLAT, FLAT, UP),
        (LONG, Fill(2, "sell", 100, 12.0)),
        script="1 -1",
        refused=(Refused(1, "short_not_allowed", 100),),
    ),
)
