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
    assert size(Sizing(FRACTION, value), 1.0, equity, price, 0.0, 1) == Size(0, 1.0, missing=True)


# Rules that measure


RISK, VOLATILITY, KELLY, PARITY = (
    rule.value for rule in (SizingRule.RISK_PER_TRADE, SizingRule.VOLATILITY_TARGET, SizingRule.KELLY, SizingRule.RISK_PARITY)
)


def test_risk_per_trade_loses_its_share_where_the_stop_is_met() -> None:
    """1 % of 100,000 is 1,000; a stop 5 % below 50 loses 2.50 a share: 400 shares. Half the target, half the shares."""
    assert size(Sizing(RISK, 0.01), 1.0, 100_000.0, 50.0, 0.001, 1, 0.05) == Size(400, pytest.approx(400.0), missing=False)
    assert size(Sizing(RISK, 0.01), -0.5, 100_000.0, 50.0, 0.001, 1, 0.05).lots == -200


@pytest.mark.parametrize("rule", [VOLATILITY, KELLY, PARITY])
def test_a_measured_weight_takes_the_place_of_the_fixed_fraction(rule: int) -> None:
    """0.2 x 100,000 / (50 x 1.001) = 399.6; the rule's own number was used to measure the weight, not again."""
    made = size(Sizing(rule, 0.9), 1.0, 100_000.0, 50.0, 0.001, 1, 0.2)
    assert (made.lots, made.missing) == (399, False)
    assert made == size(Sizing(FRACTION, 0.2), 1.0, 100_000.0, 50.0, 0.001, 1)


@pytest.mark.parametrize("rule", [RISK, VOLATILITY, KELLY, PARITY])
@pytest.mark.parametrize("measured", [nan, inf, -0.1])
def test_a_rule_that_measures_has_no_size_without_its_input(rule: int, measured: float) -> None:
    """No stop, too few returns: size 0, and it says so; leaving needs none."""
    assert size(Sizing(rule, 0.5), 1.0, 100_000.0, 50.0, 0.0, 1, measured) == Size(0, 1.0, missing=True)
    assert size(Sizing(rule, 0.5), 0.0, 100_000.0, 50.0, 0.0, 1, measured) == Size(0, 0.0, missing=False)


def test_a_weight_of_nothing_is_a_size_but_a_stop_at_the_price_is_none() -> None:
    """Kelly may say 0: nothing wanted; no distance to the stop would be an infinite size."""
    assert size(Sizing(KELLY, 0.5), 1.0, 100_000.0, 50.0, 0.0, 1, 0.0) == Size(0, 0.0, missing=False)
    assert size(Sizing(RISK, 0.5), 1.0, 100_000.0, 50.0, 0.0, 1, 0.0) == Size(0, 1.0, missing=True)


def test_rules_that_measure_nothing_need_no_measure() -> None:
    """NaN is no obstacle there."""
    assert size(Sizing(QUANTITY, 7.0), 1.0, 1.0, 1.0, 0.0, 1, nan).lots == 7
