"""Quantities from targets, by hand."""

from fractions import Fraction
from math import floor, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.accounting import whole_lots
from domain.rules.sizing import Size, Sizing, SizingRule, size

QUANTITY = SizingRule.FIXED_QUANTITY.value
FRACTION = SizingRule.FIXED_FRACTION.value
BITCOIN = 100_000_000


def test_fixed_quantity_is_its_number_times_the_target() -> None:
    """100 x 0.5 are 50 shares, whatever equity and price are."""
    assert size(Sizing(QUANTITY, 100.0), 0.5, 1.0, 999.0, 0.001, 1) == Size(50, 50.0, missing=False)


def test_fixed_fraction_leaves_room_for_the_costs() -> None:
    """0.95 x 1 x 100,000 / (50 x 1.001) = 1898.10..: 1898 whole shares."""
    made = size(Sizing(FRACTION, 0.95), 1.0, 100_000.0, 50.0, 0.001, 1)
    assert made.lots == 1898
    assert made.units == pytest.approx(95_000.0 / 50.05, rel=1e-15)


def test_crypto_is_sized_in_its_smallest_lots() -> None:
    """0.5 x 1,000 / 30,000 = 0.016666.. coins are 1,666,666 lots of 1e-8."""
    assert size(Sizing(FRACTION, 0.5), 1.0, 1_000.0, 30_000.0, 0.0, BITCOIN).lots == 1_666_666


def test_a_short_target_is_rounded_towards_zero_too() -> None:
    """-0.5 x 15 = -7.5: seven lots short, not eight."""
    assert size(Sizing(QUANTITY, 15.0), -0.5, 1.0, 1.0, 0.0, 1) == Size(-7, -7.5, missing=False)


def test_a_quantity_that_misses_a_whole_lot_by_rounding_is_whole() -> None:
    """0.29 x 1e8 is 28,999,999.999999996 in float64, meant are 29,000,000; (1 + 2^-50) gives it back."""
    assert 0.29 * 1e8 < 29_000_000
    assert size(Sizing(QUANTITY, 0.29), 1.0, 1.0, 1.0, 0.0, BITCOIN).lots == 29_000_000


def test_a_quantity_really_below_a_whole_lot_is_not_rounded_up() -> None:
    """What is missing is more than 2^-50 of the quantity: 28.999999 stays 28."""
    assert size(Sizing(QUANTITY, 28.999999), 1.0, 1.0, 1.0, 0.0, 1).lots == 28


@given(st.floats(0.0, 1e9), st.sampled_from([1, BITCOIN]))
def test_whole_lots_follow_the_definition(units: float, lots_per_unit: int) -> None:
    """It is floor(|q| x U x (1 + 2^-50)), each product rounded once as float64 does."""
    product = units * lots_per_unit * (1.0 + 2.0**-50)
    assert whole_lots(units, lots_per_unit) == floor(Fraction(product))


def test_target_zero_asks_for_nothing_even_without_a_price() -> None:
    """Leaving needs no input: no price and no equity do not block it."""
    assert size(Sizing(FRACTION, 0.95), 0.0, nan, nan, 0.001, 1) == Size(0, 0.0, missing=False)


@pytest.mark.parametrize(
    ("equity", "price", "value"),
    [(nan, 1.0, 1.0), (0.0, 1.0, 1.0), (-5.0, 1.0, 1.0), (1.0, nan, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, inf)],
)
def test_a_missing_input_gives_size_zero_and_says_so(equity: float, price: float, value: float) -> None:
    """Without equity, price or a finite rule nothing can be sized."""
    assert size(Sizing(FRACTION, value), 1.0, equity, price, 0.0, 1) == Size(0, 0.0, missing=True)
