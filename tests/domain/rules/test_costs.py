"""Fees and the price of trading, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.costs import Costs, cost_rate, fee
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


def test_fee_is_the_rate_on_the_notional_in_ten_thousandths() -> None:
    """100 shares at 119.36 and 0.1 % cost 11.936; 1 share at 33.3333 and 5 bps 0.01666665, booked as 0.0167."""
    assert fee(100 * 119.36, Costs(0.001)) == 11.936
    assert fee(33.3333, Costs(0.0005)) == 0.0167


def test_a_purchase_costs_commission_and_slippage_above_its_price() -> None:
    """Sizing and the check at acceptance add both: 5 bps and 10 bps are 15."""
    assert cost_rate(Costs(0.0005, 0.001)) == 0.0015
