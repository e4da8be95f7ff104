"""Fees and the price of trading, by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.costs import Costs, Liquidity, commission, cost_rate, friction
from domain.rules.rule import rint, to_cents_of_a_cent


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        (0.03125, 0.0312),  # 312.5 -> 312, even: rounding up would give 0.0313
        (0.09375, 0.0938),  # 937.5 -> 938, even
        (0.15625, 0.1562),  # 1562.5 -> 1562
        (-0.03125, -0.0312),
        (1.23456, 1.2346),
        (1.23454, 1.2345),
        (0.0, 0.0),
    ],
)
def test_money_rounds_half_to_even_at_the_fourth_decimal(amount: float, rounded: float) -> None:
    """A tie goes to the even neighbour, anything else to the nearer one."""
    assert to_cents_of_a_cent(amount) == rounded


@given(st.floats(-(2.0**50), 2.0**50))
def test_rint_is_numpys(x: float) -> None:
    """The written-out rounding gives the bits of the library's."""
    assert rint(x) == np.rint(x)


def test_commission_is_the_rate_on_the_notional_in_ten_thousandths() -> None:
    """100 shares at 119.36 and 0.1 % cost 11.936; 1 share at 33.3333 and 5 bps 0.01666665, booked as 0.0167."""
    assert commission(100.0, 100 * 119.36, Costs(0.001)) == 11.936
    assert commission(1.0, 33.3333, Costs(0.0005)) == 0.0167


def test_a_purchase_costs_commission_slippage_and_half_the_spread_above_its_price() -> None:
    """Sizing and the check at acceptance add them: 5, 10 and 20 bps are 35; what depends on the size is left out."""
    assert cost_rate(Costs(0.0005, 0.001)) == 0.0015
    assert cost_rate(Costs(0.0005, 0.001, 0.002, per_unit=1.0, least=5.0, impact=1.0)) == pytest.approx(0.0035, abs=1e-15)


def test_commission_adds_rate_units_and_trade() -> None:
    """1,000 units at 20: 10 bps are 20, half a cent a unit 5, 1 a trade: 26."""
    assert commission(1_000.0, 20_000.0, Costs(0.001, per_unit=0.005, per_trade=1.0)) == 26.0


def test_commission_has_a_least_and_a_most() -> None:
    """Half a cent a unit, at least 1, at most 1 % of the notional: 1,000 units 5, 100 units 1, 10 units at 5 only 0.5."""
    costs = Costs(0.0, per_unit=0.005, least=1.0, most_rate=0.01)
    assert commission(1_000.0, 20_000.0, costs) == 5.0
    assert commission(100.0, 2_000.0, costs) == 1.0
    assert commission(10.0, 50.0, costs) == 0.5


def test_commission_is_rounded_after_its_bounds() -> None:
    """1 % of 1.23456 is 0.0123456, booked as 0.0123."""
    assert commission(1.0, 1.23456, Costs(0.0, least=1.0, most_rate=0.01)) == 0.0123


def test_friction_is_slippage_and_half_the_spread_where_size_does_not_matter() -> None:
    """10 and 20 bps, whatever is traded."""
    costs = Costs(0.0, 0.001, 0.002)
    assert friction(costs, 1e9, Liquidity(0.02, 1.0)) == pytest.approx(0.003, abs=1e-15)


def test_impact_grows_with_the_square_root_of_the_share_of_the_volume() -> None:
    """0.5 x 2 % x sqrt(10,000 / 1,000,000) = 0.001 on top of 10 bps; four times the order, twice the impact."""
    costs = Costs(0.0, 0.001, impact=0.5)
    assert friction(costs, 10_000.0, Liquidity(0.02, 1e6)) == pytest.approx(0.002, abs=1e-15)
    assert friction(costs, 40_000.0, Liquidity(0.02, 1e6)) == pytest.approx(0.003, abs=1e-15)


@pytest.mark.parametrize("volume", [5_000.0, 10_000.0, 0.0, math.nan])
def test_an_order_of_the_whole_volume_or_of_an_unknown_one_counts_as_all_of_it(volume: float) -> None:
    """0.5 x 2 % x 1."""
    assert friction(Costs(0.0, impact=0.5), 10_000.0, Liquidity(0.02, volume)) == 0.01


def test_no_order_moves_the_price_by_more_than_half() -> None:
    """10 x 30 % would be 3; slippage still comes on top."""
    assert friction(Costs(0.0, 0.001, impact=10.0), 1.0, Liquidity(0.3, 1.0)) == 0.501


def test_no_units_have_no_impact() -> None:
    """Nothing traded."""
    assert friction(Costs(0.0, impact=0.5), 0.0, Liquidity(0.02, 1e6)) == 0.0
