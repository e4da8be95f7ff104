"""From a target to a quantity."""

from enum import IntEnum
from math import isfinite, nan
from typing import Final, NamedTuple

from domain.rules.accounting import whole_lots
from domain.rules.rule import rule


class SizingRule(IntEnum):
    """How a target becomes a quantity."""

    FIXED_QUANTITY = 0
    FIXED_FRACTION = 1
    RISK_PER_TRADE = 2
    VOLATILITY_TARGET = 3
    KELLY = 4
    RISK_PARITY = 5


_FIXED_QUANTITY: Final = SizingRule.FIXED_QUANTITY.value
_FIXED_FRACTION: Final = SizingRule.FIXED_FRACTION.value
_RISK_PER_TRADE: Final = SizingRule.RISK_PER_TRADE.value


class Sizing(NamedTuple):
    """A sizing rule and its number.

    Units for a fixed quantity; a share of the equity for a fixed fraction and for the risk of a trade; an annual volatility; a
    share of the Kelly weight; nothing for risk parity.
    """

    rule: int
    value: float


class Size(NamedTuple):
    """Signed whole lots wanted, the units before rounding, and whether an input was missing: then the lots are 0.

    The units are then the target, which tells the side that is wanted.
    """

    lots: int
    units: float
    missing: bool


@rule
def size(
    sizing: Sizing, target: float, equity: float, price: float, cost_rate: float, lots_per_unit: int, measured: float = nan
) -> Size:
    """Return the quantity that ``target`` (in [-1, 1]) asks for at ``price``.

    ``fixed_quantity``: value x target. ``fixed_fraction``: value x target x equity / (price x (1 + cost rate)).
    ``risk_per_trade``: value x target x equity / (price x ``measured``), the distance of the stop as a fraction of the price.
    The others: ``measured`` is the weight that takes the place of the fixed fraction. NaN is a missing input.
    """
    if target == 0.0:
        return Size(0, 0.0, False)
    if not (isfinite(price) and price > 0.0 and isfinite(equity) and equity > 0.0 and isfinite(sizing.value)):
        return Size(0, target, True)
    units = sizing.value * target
    if sizing.rule == _FIXED_FRACTION:
        units = sizing.value * target * equity / (price * (1.0 + cost_rate))
    elif sizing.rule == _RISK_PER_TRADE:
        if not (isfinite(measured) and measured > 0.0):
            return Size(0, target, True)
        units = sizing.value * target * equity / (price * measured)
    elif sizing.rule != _FIXED_QUANTITY:
        if not (isfinite(measured) and measured >= 0.0):
            return Size(0, target, True)
        units = measured * target * equity / (price * (1.0 + cost_rate))
    lots = whole_lots(abs(units), lots_per_unit)
    return Size(lots if units > 0.0 else -lots, units, False)
