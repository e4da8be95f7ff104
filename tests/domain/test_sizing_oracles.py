"""Sizes of the literature that ``size`` works out; the weights behind them are in rules/test_moments.py."""

import pytest
from peers import cases

from domain.rules.moments import Trips, kelly_weight, volatility_weight
from domain.rules.sizing import Sizing, SizingRule, size

CASES = cases("sizing")


def test_risk_of_a_trade_is_spread_over_the_distance_of_its_stop() -> None:
    """1 % of 100,000 at a risk of 2 a share: 500 shares."""
    case = CASES["fixed_fractional"]
    given = case["setting"]
    distance = (given["entry"] - given["stop"]) / given["entry"]
    made = size(Sizing(SizingRule.RISK_PER_TRADE.value, given["risk"]), 1.0, given["equity"], given["entry"], 0.0, 1, distance)
    assert made.lots == case["expected"]


def test_volatility_target_becomes_shares() -> None:
    """10 % wanted of an asset of 25 %: 0.4 of 100,000 at 40 are 1,000 shares."""
    case = CASES["vol_target"]
    given = case["setting"]
    weight = volatility_weight(given["target"], given["asset_vol"], 1)
    made = size(Sizing(SizingRule.VOLATILITY_TARGET.value, given["target"]), 1.0, given["equity"], given["price"], 0.0, 1, weight)
    assert made.lots == case["expected"]["qty"]


def test_kelly_weight_grows_as_chan_says() -> None:
    """At f of his excess mean and deviation, a tenth of it taken here to stay below 1, g = rf + f m - f^2 s^2 / 2 is 13.14 %."""
    case = CASES["kelly_continuous_spy"]
    mean, deviation = case["setting"]["excess_mean"], case["setting"]["stdev"]
    f = 10.0 * kelly_weight(0.1, Trips(253, mean, deviation**2 * 252), 1)
    growth = case["setting"]["rf"] + f * mean - (f * deviation) ** 2 / 2.0
    assert growth == pytest.approx(case["expected"]["growth"], abs=case["tolerance"]["growth"])
