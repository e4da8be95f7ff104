"""What sizing and limits measure of a portfolio before they decide: weights, and lots within a value at risk."""

from math import inf, nan
from typing import Any, Final

from domain.rules.accounting import value_of
from domain.rules.limits import worst_lots
from domain.rules.moments import (
    RETURNS,
    Trips,
    covariance,
    equal_risk_weights,
    kelly_weight,
    portfolio_value_at_risk,
    volatility_weight,
)
from domain.rules.rule import rule
from domain.rules.sizing import Sizing, SizingRule

RISK_CUTOFF: Final = 0.05
"""The share of scenarios beyond the value at risk."""


@rule
def weight_of(sizing: Sizing, stop_loss: float, volatility: float, trips: Trips, parity: float, symbols: int) -> float:
    """Return what ``size`` takes as measured: the stop's distance or a weight, NaN where the input is missing."""
    if sizing.rule == SizingRule.RISK_PER_TRADE.value:
        return stop_loss
    if sizing.rule == SizingRule.VOLATILITY_TARGET.value:
        return volatility_weight(sizing.value, volatility, symbols)
    if sizing.rule == SizingRule.KELLY.value:
        return kelly_weight(sizing.value, trips, symbols)
    return parity


@rule
def parity_weights(windows: Any, known: Any, n: int, covariances: Any, compact: Any, weights: Any) -> None:
    """Write the equal-risk weights of the symbols whose window is ``known``; NaN for the others, and where there are none.

    ``windows`` is n x 60, ``covariances`` (n x n) and ``compact`` (n) are room for the calculation.
    """
    count = 0
    for i in range(n):
        weights[i] = nan
        if known[i]:
            place = 0
            for j in range(i + 1):
                if known[j]:
                    value = covariance(windows[i], windows[j], RETURNS)
                    covariances[count, place] = value
                    covariances[place, count] = value
                    place += 1
            count += 1
    if not equal_risk_weights(covariances, count, compact):
        return
    count = 0
    for i in range(n):
        if known[i]:
            weights[i] = compact[count]
            count += 1


@rule
def worst_value(lots: int, buys: int, sells: int, price: float, lots_per_unit: int) -> float:
    """Return the signed value of a position at the worst of its open orders."""
    return value_of(worst_lots(lots, buys, sells), price, lots_per_unit)


@rule
def risk_with(
    windows: Any, values: Any, n: int, symbol: int, lots: int, price: float, lots_per_unit: int, equity: float, scratch: Any
) -> float:
    """Return the value at risk, as a fraction of the equity, where ``symbol`` held signed ``lots``."""
    values[symbol] = value_of(lots, price, lots_per_unit)
    if not equity > 0.0:
        return inf
    return portfolio_value_at_risk(windows, values, n, RISK_CUTOFF, scratch) / equity


@rule
def lots_within_risk(
    windows: Any,
    values: Any,
    n: int,
    symbol: int,
    wanted: int,
    kept: int,
    price: float,
    lots_per_unit: int,
    equity: float,
    bound: float,
    scratch: Any,
) -> tuple[int, float]:
    """Return the most lots, from ``kept`` to ``wanted``, whose value at risk is within ``bound``, and the risk of all of them.

    Found by halving: the lots returned are within the bound, or those kept already. ``values[symbol]`` is overwritten.
    """
    sign = 1 if wanted > 0 else -1
    risk = risk_with(windows, values, n, symbol, wanted, price, lots_per_unit, equity, scratch)
    most, beyond = abs(kept), abs(wanted)
    if risk <= bound:
        return beyond, risk
    while beyond - most > 1:
        tried = most + (beyond - most) // 2
        if risk_with(windows, values, n, symbol, sign * tried, price, lots_per_unit, equity, scratch) <= bound:
            most = tried
        else:
            beyond = tried
    return most, risk
