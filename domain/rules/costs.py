"""What trading costs: commission, spread and slippage, market impact, and the levies on sales."""

from math import inf, sqrt
from typing import NamedTuple

from domain.rules.rule import rule, to_cents_of_a_cent


class Costs(NamedTuple):
    """What a fill costs; rates are fractions, 0.0005 is 5 bps.

    The commission of a fill is ``commission_rate`` x notional + ``per_unit`` x units + ``per_trade``, at least ``least`` and at
    most ``most_rate`` x notional. A market order pays ``slippage_rate`` and ``half_spread_rate`` of the price, and ``impact`` x
    daily volatility x sqrt(quantity / average daily volume), always against us.
    """

    commission_rate: float = 0.0005
    slippage_rate: float = 0.0
    half_spread_rate: float = 0.0
    per_unit: float = 0.0
    per_trade: float = 0.0
    least: float = 0.0
    most_rate: float = inf
    impact: float = 0.0


class Levies(NamedTuple):
    """What regulators take of a sale: SEC section 31 on the notional, FINRA's TAF a share up to a cap a trade."""

    sec_rate: float = 0.0
    taf_rate: float = 0.0
    taf_cap: float = 0.0


class Liquidity(NamedTuple):
    """What the impact of an order depends on, known before the bar: daily volatility, and average daily volume in units."""

    volatility: float = 0.0
    daily_volume: float = inf


NO_LEVIES = Levies()
MOST_IMPACT = 0.5
"""No order moves the price by more than half."""
ANY_LIQUIDITY = Liquidity()


@rule
def commission(units: float, notional: float, costs: Costs) -> float:
    """Return the commission of one fill (account currency), rounded half to even to 4 decimals."""
    amount = notional * costs.commission_rate + units * costs.per_unit + costs.per_trade
    amount = max(amount, costs.least)
    if costs.most_rate < inf and amount > notional * costs.most_rate:
        amount = notional * costs.most_rate
    return to_cents_of_a_cent(amount)


@rule
def cost_rate(costs: Costs) -> float:
    """Return what a buy costs above its price, as a fraction: what sizing and the cash check add to the close."""
    return costs.commission_rate + costs.slippage_rate + costs.half_spread_rate


@rule
def friction(costs: Costs, units: float, liquidity: Liquidity) -> float:
    """Return by which fraction a market order of ``units`` moves its price: slippage, half the spread, square-root impact.

    The impact is that of Almgren et al. 2005 with exponent 1/2: k x sigma x sqrt(Q / V), Q / V at most 1. An unknown volume counts
    as that of the order alone.
    """
    rate = costs.slippage_rate + costs.half_spread_rate
    if costs.impact > 0.0:
        share = 1.0
        if units < liquidity.daily_volume:
            share = units / liquidity.daily_volume
        moved = costs.impact * liquidity.volatility * sqrt(share)
        rate += moved if moved < MOST_IMPACT else MOST_IMPACT
    return rate
