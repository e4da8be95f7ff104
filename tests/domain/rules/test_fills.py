"""What the exchange does with a market order, by hand: single fills, then whole runs of a few bars by every driver."""

from math import nan

import pytest
from histories import HOURLY, NO_COSTS, fraction, history, market, quantity, run_scripts
from hypothesis import given
from hypothesis import strategies as st

from domain.market import AssetClass
from domain.rules.accounting import affordable_lots
from domain.rules.costs import NO_LEVIES, Costs, Levies, Liquidity, commission
from domain.rules.fills import (
    UNLIMITED,
    Fill,
    OrderType,
    Reason,
    TimeInForce,
    fee_of,
    limit_is_met,
    limit_price,
    market_price,
    simulate_fill,
    simulate_market_fill,
    stop_is_met,
    stop_point,
    volume_allowance,
)

CRYPTO = {"BTC-USD": AssetClass.CRYPTO}


def test_slippage_moves_the_price_against_us() -> None:
    """10 bps at 200: a buy pays 200.2, a sale gets 199.8."""
    assert market_price(200.0, 1, 0.001) == pytest.approx(200.2, abs=1e-12)
    assert market_price(200.0, -1, 0.001) == pytest.approx(199.8, abs=1e-12)


def test_order_within_cash_and_volume_fills_whole() -> None:
    """10 at 50 and 10 bps commission: fee 0.5, nothing cut."""
    assert simulate_fill(1, 10, 50.0, UNLIMITED, 1_000.0, Costs(0.001, 0.0), NO_LEVIES, 1) == Fill(10, 50.0, 0.5, 0)


def test_volume_leaves_the_rest_open() -> None:
    """An allowance of 4 fills 4 of 10; the other 6 wait, none is cut."""
    assert simulate_fill(1, 10, 50.0, 4, 1_000.0, NO_COSTS, NO_LEVIES, 1) == Fill(4, 50.0, 0.0, 0)


def test_purchase_beyond_cash_is_cut_to_the_lot() -> None:
    """1,000 buys 19 at 50.05 with 10 bps (19 x 50.05 = 950.95, fee 0.951); 20 would cost 1,001 + 1.001."""
    assert simulate_fill(1, 30, 50.05, UNLIMITED, 1_000.0, Costs(0.001, 0.0), NO_LEVIES, 1) == Fill(19, 50.05, 0.951, 11)


def test_purchase_without_cash_is_cut_to_nothing() -> None:
    """49.99 does not buy one at 50: no fill and the whole order withdrawn."""
    assert simulate_fill(1, 3, 50.0, UNLIMITED, 49.99, NO_COSTS, NO_LEVIES, 1) == Fill(0, 50.0, 0.0, 3)
    assert simulate_fill(1, 3, 50.0, UNLIMITED, -1.0, NO_COSTS, NO_LEVIES, 1) == Fill(0, 50.0, 0.0, 3)


def test_fee_alone_can_cost_a_lot() -> None:
    """1,000 pays 20 x 50 exactly, but not the fee of 1: 19 fill."""
    assert simulate_fill(1, 20, 50.0, UNLIMITED, 1_000.0, Costs(0.001, 0.0), NO_LEVIES, 1) == Fill(19, 50.0, 0.95, 1)


def test_sale_needs_no_cash() -> None:
    """An exit passes with an empty account."""
    assert simulate_fill(-1, 20, 50.0, UNLIMITED, 0.0, NO_COSTS, NO_LEVIES, 1) == Fill(20, 50.0, 0.0, 0)


@given(
    st.integers(1, 10**12),
    st.floats(1e-6, 1e5),
    st.floats(0.0, 1e6),
    st.sampled_from([0.0, 0.0005, 0.01]),
    st.sampled_from([1, 100_000_000]),
)
def test_cash_pays_for_as_much_as_it_can_and_no_more(lots: int, price: float, cash: float, rate: float, units: int) -> None:
    """What is bought with its fee never exceeds the cash, and one lot more would."""
    costs = Costs(rate, 0.0)

    def cost(n: int) -> float:
        return n / units * price + commission(n / units, n / units * price, costs)

    most = affordable_lots(lots, price, cash, costs, units)
    assert 0 <= most <= lots
    assert most == 0 or cost(most) <= cash
    assert most == lots or cost(most + 1) > cash


@pytest.mark.timeout(5)
def test_the_cut_of_a_very_cheap_coin_is_found_at_once() -> None:
    """At 1e-5 a lot of 1e-8 is worth 1e-13 and the rounding of the fee is worth 5e8 lots: no search lot by lot."""
    most = affordable_lots(10**18, 1e-5, 1_000.0, Costs(0.0005, 0.0), 100_000_000)
    assert most / 1e8 * 1e-5 + 0.4998 == pytest.approx(1_000.0, abs=1e-4)


@pytest.mark.parametrize(
    ("volume", "share", "units", "allowed"),
    [
        (1_000.0, 0.025, 1, 25),
        (1_039.0, 0.025, 1, 25),  # 25.975
        (39.0, 0.025, 1, 0),  # 0.975: less than a lot may trade
        (1_000.0, 0.10, 1, 100),
        (0.5, 0.10, 100_000_000, 5_000_000),
        (1_000.0, 0.0, 1, UNLIMITED),  # the rule is off
        (0.0, 0.0, 1, 0),  # a bar without volume fills nothing, rule or not
        (0.0, 0.025, 1, 0),
        (nan, 0.025, 1, UNLIMITED),  # unknown volume: no rule
        (nan, 0.0, 1, UNLIMITED),
    ],
)
def test_volume_allows_its_share_in_whole_lots(volume: float, share: float, units: int, allowed: int) -> None:
    """Our fills in a bar stay within the share; 0 fills nothing, unknown asks nothing."""
    assert volume_allowance(volume, share, units) == allowed


def test_a_volume_beyond_counting_is_no_limit() -> None:
    """1e13 coins x 1e8 lots exceed 64 bits: the compiled rule must not wrap around to a negative allowance."""
    assert volume_allowance(1e13, 0.1, 100_000_000) == UNLIMITED


def test_reasons_are_the_closed_list() -> None:
    """The names that ledgers may carry."""
    codes = "target stop_loss take_profit trailing_stop time_exit liquidation corporate_action flatten"
    assert [reason.code for reason in Reason] == codes.split()


def test_types_and_times_are_the_closed_lists() -> None:
    """The names that journals may carry."""
    assert [kind.code for kind in OrderType] == ["market", "limit", "stop", "stop_limit", "trailing_stop", "market_on_close"]
    assert [force.code for force in TimeInForce] == ["gtc", "day", "ioc", "fok"]


@pytest.mark.parametrize(
    ("side", "point", "met"),
    [(1, 9.99, False), (1, 10.0, True), (1, 12.0, True), (-1, 10.01, False), (-1, 10.0, True), (-1, 8.0, True)],
)
def test_a_stop_is_met_at_its_price_or_through_it(side: int, point: float, met: bool) -> None:  # noqa: FBT001 - from the table
    """A stop at 10: a buy at or above, a sale at or below."""
    assert stop_is_met(side, 10.0, point) is met


@pytest.mark.parametrize(
    ("side", "point", "met"),
    [(1, 10.0, False), (1, 9.996, False), (1, 9.99, True), (-1, 10.0, False), (-1, 10.004, False), (-1, 10.01, True)],
)
def test_a_limit_is_met_where_the_price_is_through_it_by_more_than_half_a_tick(
    side: int,
    point: float,
    met: bool,  # noqa: FBT001 - from the table
) -> None:
    """A limit at 10 with ticks of 0.01: a touch is none."""
    assert limit_is_met(side, 10.0, point, 0.005) is met


def test_a_limit_is_not_met_by_exactly_half_a_tick_at_any_cent() -> None:
    """From 1.00 to 999.99, the point 0.005 through it as a file would hold it; 0.006 through it is enough."""
    limits = [cents / 100 for cents in range(100, 100_000)]
    for side in (1, -1):
        half, more = ([(10 * cents - side * thousandths) / 1_000 for cents in range(100, 100_000)] for thousandths in (5, 6))
        assert [limit for limit, point in zip(limits, half, strict=True) if limit_is_met(side, limit, point, 0.005)] == []
        assert [limit for limit, point in zip(limits, more, strict=True) if not limit_is_met(side, limit, point, 0.005)] == []


def test_a_stop_that_the_market_gapped_over_acts_at_the_worse_price() -> None:
    """A sale at 10 where the bar opens at 9 acts at 9, a purchase where it opens at 11 at 11; else the stop, met later."""
    assert [stop_point(-1, 10.0, point) for point in (9.0, 10.0, 10.5)] == [9.0, 10.0, 10.0]
    assert [stop_point(1, 10.0, point) for point in (11.0, 10.0, 9.5)] == [11.0, 10.0, 10.0]


def test_a_limit_that_the_market_gapped_over_gets_the_better_price() -> None:
    """A buy at 10 where the bar opens at 9 pays 9; a sale at 10 that opens at 11 gets 11; else the limit."""
    assert [limit_price(1, 10.0, point) for point in (9.0, 10.0, 10.5)] == [9.0, 10.0, 10.0]
    assert [limit_price(-1, 10.0, point) for point in (11.0, 10.0, 9.5)] == [11.0, 10.0, 10.0]


def test_regulators_take_their_fees_of_sales_alone() -> None:
    """1,000 at 50, 10 bps: 50 both ways; a sale pays 20.60 a million (1.03) and 0.000195 a share (0.195)."""
    costs, levies = Costs(0.001), Levies(20.60e-6, 0.000195, 9.79)
    assert fee_of(1, 1_000, 50.0, costs, levies, 1) == 50.0
    assert fee_of(-1, 1_000, 50.0, costs, levies, 1) == pytest.approx(50.0 + 1.03 + 0.195, abs=1e-12)


def test_nothing_filled_costs_nothing() -> None:
    """Not even a commission a trade."""
    assert fee_of(1, 0, 50.0, Costs(0.001, per_trade=5.0), NO_LEVIES, 1) == 0.0
    assert simulate_fill(1, 3, 50.0, 0, 1_000.0, Costs(0.001, per_trade=5.0), NO_LEVIES, 1) == Fill(0, 50.0, 0.0, 0)


def test_a_market_order_moves_its_price_by_what_the_volume_lets_trade() -> None:
    """400 of 900 trade: 0.5 x 2 % x sqrt(400 / 10,000) = 0.002 on 50: 50.1, not what 900 would pay."""
    costs, liquidity = Costs(0.0, impact=0.5), Liquidity(0.02, 10_000.0)
    fill = simulate_market_fill(1, 900, 50.0, 400, 1e6, costs, NO_LEVIES, liquidity, 1)
    assert fill == (400, pytest.approx(50.1, abs=1e-12), 0.0, 0)


def test_a_market_order_is_cut_to_the_cash_at_its_own_price() -> None:
    """1 % of slippage makes 50 50.5: 1,000 pay 19 of 20."""
    fill = simulate_market_fill(1, 20, 50.0, UNLIMITED, 1_000.0, Costs(0.0, 0.01), NO_LEVIES, Liquidity(), 1)
    assert fill == Fill(19, 50.5, 0.0, 1)


# Whole runs


def test_decision_on_a_close_fills_at_the_next_open() -> None:
    """Bought on the close of bar 0, filled at bar 1's open 20 (not 11, not 21); sold on bar 1, filled at bar 2's open 30.

    100 x 30 - 100 x 20 = 1,000; fees 10 bps: 2 + 3.
    """
    past = history(market("AAA", [10, 20, 30, 40], [11, 21, 31, 41]))
    run = run_scripts(past, {"AAA": "1 0 . ."}, quantity(100), costs=Costs(0.001))
    assert [(f.side, f.quantity, f.price, f.fee, f.reason) for f in run.fills] == [
        ("buy", 100.0, 20.0, 2.0, "target"),
        ("sell", 100.0, 30.0, 3.0, "target"),
    ]
    assert [f.time for f in run.fills] == past.bars[0].time[1:3].tolist()
    assert [(row.equity, row.cash) for row in run.equity] == [
        (100_000.0, 100_000.0),
        (100_000.0 - 2_000 - 2 + 2_100, 97_998.0),
        (100_995.0, 100_995.0),
        (100_995.0, 100_995.0),
    ]


def test_decision_on_the_last_bar_makes_no_fill() -> None:
    """There is no next open; the order stays open."""
    assert run_scripts(history(market("AAA", [10, 20])), {"AAA": ". 1"}, quantity(100)).fills == []


def test_unchanged_target_makes_no_order() -> None:
    """A target repeated on every bar is one order."""
    assert len(run_scripts(history(market("AAA", [10, 20, 30, 40])), {"AAA": "1 1 1 1"}, quantity(100)).fills) == 1


def test_slippage_costs_both_ways() -> None:
    """1 % on 100: bought at 101, sold at 99 where both opens are 100; 10 shares lose 20."""
    run = run_scripts(history(market("AAA", [100.0] * 4)), {"AAA": "1 0"}, quantity(10), costs=Costs(0.0, 0.01))
    assert [f.price for f in run.fills] == [101.0, 99.0]
    assert run.equity[-1].cash == pytest.approx(99_980.0, abs=1e-9)


def test_an_order_waits_until_volume_has_filled_it() -> None:
    """2.5 % of 1,000 are 25 a day: 60 shares take 25 + 25 + 10."""
    run = run_scripts(history(market("AAA", [10.0] * 5, volume=1_000)), {"AAA": "1"}, quantity(60), volume_limit=None)
    assert [f.quantity for f in run.fills] == [25.0, 25.0, 10.0]
    assert run.volume_limited == 2


def test_intraday_bars_give_a_tenth_of_their_volume() -> None:
    """10 % of 1,000 are 100 an hour: 150 shares take 100 + 50."""
    bars = market("AAA", [10.0] * 4, volume=1_000, timeframe=HOURLY, start=1_614_610_800_000_000)
    run = run_scripts(history(bars), {"AAA": "1"}, quantity(150), volume_limit=None)
    assert [f.quantity for f in run.fills] == [100.0, 50.0]


def test_crypto_has_no_volume_rule_unless_asked_for() -> None:
    """By default 2 coins fill in a bar of 0.001; with 10 % only 0.0001 a bar."""
    past = history(market("BTC-USD", [10.0] * 4, volume=0.001), classes=CRYPTO)
    assert [f.quantity for f in run_scripts(past, {"BTC-USD": "1"}, quantity(2), volume_limit=None).fills] == [2.0]
    assert [f.quantity for f in run_scripts(past, {"BTC-USD": "1"}, quantity(2), volume_limit=0.1).fills] == [0.0001] * 3


def test_a_bar_without_volume_fills_nothing() -> None:
    """The order waits over bar 1 (volume 0) with the rule off and fills at bar 2's open."""
    run = run_scripts(history(market("AAA", [10, 20, 30], volume=[5, 0, 5])), {"AAA": "1"}, quantity(100))
    assert [(f.price, f.quantity) for f in run.fills] == [(30.0, 100.0)]


def test_unknown_volume_limits_nothing() -> None:
    """FX bars have no volume: the whole order fills, even where a share is asked for."""
    past = history(market("EUR-USD", [1.1, 1.2, 1.3], volume=nan), classes={"EUR-USD": AssetClass.FX})
    assert [f.quantity for f in run_scripts(past, {"EUR-USD": "1"}, quantity(500), volume_limit=0.01).fills] == [500.0]


def test_a_later_target_replaces_what_is_left_of_an_order() -> None:
    """25 of 60 are held when the target falls to 0: the other 35 are never bought."""
    run = run_scripts(history(market("AAA", [10.0] * 5, volume=1_000)), {"AAA": "1 0"}, quantity(60), volume_limit=None)
    assert [(f.side, f.quantity) for f in run.fills] == [("buy", 25.0), ("sell", 25.0)]


def test_sales_come_before_purchases_at_one_open() -> None:
    """ZZZ's sale at the open pays for AAA's purchase, although AAA sorts first.

    Cash 1,000 buys 100 ZZZ at 10; at bar 3's open they sell at 10, then AAA fills. AAA's order is accepted in bar 1, where the
    cash pays for it, and waits for its volume.
    """
    aaa = market("AAA", [9.0] * 4, volume=[1, 0, 0, 1e9])
    zzz = market("ZZZ", [10.0] * 4)
    run = run_scripts(history(aaa, zzz), {"AAA": "1", "ZZZ": ". 1 0"}, quantity(50), cash=500.0)
    sides = [(f.symbol, f.side, f.quantity) for f in run.fills]
    assert sides[:1] == [("ZZZ", "buy", 5.0)]  # at acceptance 500 less the pending 450 of AAA pays for 5
    assert sides[1:] == [("ZZZ", "sell", 5.0), ("AAA", "buy", 50.0)]


def test_purchases_at_one_open_follow_the_symbols() -> None:
    """Both orders wait for volume; AAA comes first at the fill and leaves no cash for the dearer opening of BBB."""
    aaa = market("AAA", [10, 10, 15], volume=[1, 0, 1e9])
    bbb = market("BBB", [10, 10, 15], volume=[1, 0, 1e9])
    run = run_scripts(history(bbb, aaa), {"AAA": "1", "BBB": "1"}, quantity(50), cash=1_000.0)
    assert [(f.symbol, f.quantity) for f in run.fills] == [("AAA", 50.0), ("BBB", 16.0)]  # 1,000 - 750 = 250: 16 at 15
    assert [(r.symbol, r.breach, r.lots) for r in run.refusals] == [("BBB", "cash", 34)]


def test_purchase_is_cut_at_the_fill_to_what_an_open_above_the_close_leaves() -> None:
    """1,000 pays for 100 at the close 10, accepted; the open is 12.5: 80 fill, 20 are refused as cash and do not wait."""
    run = run_scripts(history(market("AAA", [10, 12.5, 5.0])), {"AAA": "1"}, quantity(100), cash=1_000.0)
    assert [(f.quantity, f.price) for f in run.fills] == [(80.0, 12.5)]
    assert [(r.breach, r.lots) for r in run.refusals] == [("cash", 20)]
    assert run.equity[1].cash == 0.0


def test_purchase_that_cash_cannot_pay_at_all_is_refused_at_the_fill() -> None:
    """One share at 10 was accepted with 15; it opens at 20: refused as cash, gone."""
    run = run_scripts(history(market("AAA", [10, 20, 10])), {"AAA": "1"}, quantity(1), cash=15.0)
    assert run.fills == []
    assert [(r.breach, r.lots) for r in run.refusals] == [("cash", 1)]


def test_purchase_is_cut_at_acceptance_to_what_cash_pays_at_the_close() -> None:
    """1,000 pays for 99 at 10 x 1.01 = 10.1 (999.9); the open at 5 would pay for 100, but only 99 were accepted."""
    run = run_scripts(history(market("AAA", [10, 5, 5])), {"AAA": "1"}, quantity(100), cash=1_000.0, costs=Costs(0.01, 0.0))
    assert [f.quantity for f in run.fills] == [99.0]
    assert [(r.breach, r.lots) for r in run.refusals] == [("cash", 1)]


def test_a_sale_accepted_at_the_same_close_does_not_pay_for_a_purchase() -> None:
    """All 1,000 is in AAA; on bar 2 AAA is left and BBB wanted: pending sales count 0, so BBB is refused and not asked again."""
    past = history(market("AAA", [10.0] * 5), market("BBB", [10.0] * 5))
    run = run_scripts(past, {"AAA": "1 . 0", "BBB": ". . 1"}, quantity(100), cash=1_000.0)
    assert [(f.symbol, f.side) for f in run.fills] == [("AAA", "buy"), ("AAA", "sell")]
    assert [(r.symbol, r.breach, r.lots) for r in run.refusals] == [("BBB", "cash", 100)]


def test_fixed_fraction_sizes_on_the_equity_of_the_close() -> None:
    """Bar 0 closes at 10: 0.5 x 1,000 / 10 = 50 bought at 10. Bar 2: out at 20, equity 1,500; again 0.5 x 1,500 / 20 = 37."""
    past = history(market("AAA", [10, 10, 20, 20, 20], [10, 20, 20, 20, 20]))
    run = run_scripts(past, {"AAA": "1 0 . 1"}, fraction(0.5), cash=1_000.0)
    assert [(f.side, f.quantity) for f in run.fills] == [("buy", 50.0), ("sell", 50.0), ("buy", 37.0)]
