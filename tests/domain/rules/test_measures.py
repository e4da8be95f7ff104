"""What sizing and limits measure, by hand."""

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.measures import lots_within_risk, parity_weights, risk_with, weight_of, worst_value
from domain.rules.moments import NO_TRIPS, RETURNS, Trips
from domain.rules.sizing import Sizing, SizingRule

RULES = {rule: Sizing(rule.value, 0.5) for rule in SizingRule}


def test_each_rule_measures_its_own() -> None:
    """Stop 5 %, volatility 2.0 against a target of 0.5 on 2 symbols, parity 0.3; Kelly has too few trips: 0.02."""
    given_ = (0.05, 2.0, NO_TRIPS, 0.3, 2)
    assert weight_of(RULES[SizingRule.RISK_PER_TRADE], *given_) == 0.05
    assert weight_of(RULES[SizingRule.VOLATILITY_TARGET], *given_) == 0.125
    assert weight_of(RULES[SizingRule.KELLY], *given_) == 0.02
    assert weight_of(RULES[SizingRule.RISK_PARITY], *given_) == 0.3


def test_kelly_takes_the_trips() -> None:
    """Half of 0.01 / (0.58 / 29 = 0.02) is 0.25, over 2 symbols 0.125."""
    weight = weight_of(RULES[SizingRule.KELLY], nan, nan, Trips(30, 0.01, 0.58), nan, 2)
    assert weight == pytest.approx(0.125, rel=1e-12)


def test_a_missing_measure_is_nan() -> None:
    """No stop, no volatility, no window."""
    for rule in (SizingRule.RISK_PER_TRADE, SizingRule.VOLATILITY_TARGET, SizingRule.RISK_PARITY):
        assert isnan(weight_of(RULES[rule], nan, nan, NO_TRIPS, nan, 2))


def weights(windows: np.ndarray, known: list[bool]) -> np.ndarray:
    """Return the parity weights of these windows."""
    n = len(windows)
    out = np.zeros(n)
    parity_weights(windows, np.array(known), n, np.zeros((n, n)), np.zeros(n), out)
    return out


WAVE = np.tile([0.01, -0.01, 0.01, -0.01], RETURNS // 4)
OTHER_WAVE = np.tile([0.01, 0.01, -0.01, -0.01], RETURNS // 4)
"""Uncorrelated with the first: the products sum to 0."""


def test_uncorrelated_symbols_weigh_by_the_inverse_of_their_volatility() -> None:
    """One moves three times as much: 3/4 and 1/4."""
    assert weights(np.array([WAVE, 3.0 * OTHER_WAVE]), [True, True]) == pytest.approx([0.75, 0.25], abs=1e-9)


def test_a_symbol_without_a_window_has_no_weight_and_leaves_the_others_theirs() -> None:
    """The unknown one in the middle is NaN; the others divide the whole."""
    made = weights(np.array([WAVE, np.full(RETURNS, nan), 3.0 * OTHER_WAVE]), [True, False, True])
    assert isnan(made[1])
    assert made[[0, 2]] == pytest.approx([0.75, 0.25], abs=1e-9)


def test_nothing_known_weighs_nothing() -> None:
    """And a symbol that does not move makes parity impossible."""
    assert np.isnan(weights(np.array([WAVE, OTHER_WAVE]), [False, False])).all()
    assert np.isnan(weights(np.array([WAVE, np.zeros(RETURNS)]), [True, True])).all()


@pytest.mark.parametrize(
    ("lots", "buys", "sells", "value"),
    [(10, 0, 0, 50.0), (10, 5, 8, 75.0), (10, 0, 30, -100.0), (-10, 5, 0, -50.0), (0, 4, 4, 20.0), (-4, 8, 0, 20.0)],
)
def test_the_worst_of_open_orders_is_the_larger_position(lots: int, buys: int, sells: int, value: float) -> None:
    """At 5; of equals the long one."""
    assert worst_value(lots, buys, sells, 5.0, 1) == value


def falling(share: float) -> np.ndarray:
    """Return windows of one symbol that loses ``share`` in a tenth of all bars, and a second that never moves."""
    returns = np.zeros((2, RETURNS))
    returns[0, : RETURNS // 10] = -share
    return returns


def test_value_at_risk_of_a_symbol_is_that_of_its_lots() -> None:
    """The loss beyond 5 % of the scenarios is 10 % of 200 x 50, of 100,000: 1 %. A short gains then."""
    values, scratch = [999.0, 0.0], np.zeros(RETURNS)
    assert risk_with(falling(0.1), values, 2, 0, 200, 50.0, 1, 100_000.0, scratch) == pytest.approx(0.01, abs=1e-15)
    assert values[0] == 10_000.0
    assert risk_with(falling(0.1), values, 2, 0, -200, 50.0, 1, 100_000.0, scratch) == 0.0


def within(wanted: int, kept: int, bound: float) -> tuple[int, float]:
    """Return the lots of the falling symbol within a bound, at 50 in 100,000."""
    return lots_within_risk(falling(0.1), [0.0, 0.0], 2, 0, wanted, kept, 50.0, 1, 100_000.0, bound, np.zeros(RETURNS))


def test_lots_within_a_risk_are_the_most_of_them() -> None:
    """Each lot risks 0.00005: 0.00501 allows 100 of 400, whose whole risk is 0.02."""
    assert within(400, 0, 0.00501) == (100, pytest.approx(0.02))
    assert within(100, 0, 0.00501) == (100, pytest.approx(0.005))


@pytest.mark.parametrize("equity", [0.0, -1.0])
def test_the_risk_of_an_account_without_equity_is_beyond_any_bound(equity: float) -> None:
    """A share of nothing: none of the lots are within it."""
    values = [0.0, 0.0]
    assert lots_within_risk(falling(0.1), values, 2, 0, 10, 0, 50.0, 1, equity, 0.5, np.zeros(RETURNS)) == (0, np.inf)


def test_what_is_held_stays_beyond_any_risk() -> None:
    """150 kept though 100 would be allowed."""
    assert within(400, 150, 0.00501)[0] == 150


def test_a_short_that_gains_in_the_fall_is_free() -> None:
    """All of it."""
    assert within(-400, 0, 0.0) == (400, 0.0)


@given(st.integers(1, 5_000), st.integers(0, 500), st.floats(0.0, 0.3))
def test_halving_finds_what_counting_would(wanted: int, kept: int, bound: float) -> None:
    """One lot more would be beyond the bound, unless all were allowed; fewer than kept are never returned."""
    kept = min(kept, wanted)
    most, risk = within(wanted, kept, bound)
    assert kept <= most <= wanted
    assert risk == pytest.approx(wanted * 0.00005, rel=1e-9, abs=1e-15)
    if most > kept:
        assert within(most, 0, bound)[1] <= bound
    if most < wanted:
        assert within(most + 1, 0, bound)[1] > bound
