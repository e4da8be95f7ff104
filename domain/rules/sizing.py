"""From a target to a quantity."""

from enum import IntEnum
from math import isfinite
from typing import NamedTuple

from domain.rules.accounting import whole_lots
from domain.rules.rule import rule


class SizingRule(IntEnum):
    """How a target becomes a quantity."""

    FIXED_QUANTITY = 0
    FIXED_FRACTION = 1


class Sizing(NamedTuple):
    """A sizing rule and its number: units for a fixed quantity, a share of the equity for a fixed fraction."""

    rule: int
    value: float


class Size(NamedTuple):
    """Signed whole lots wanted, the units before rounding, and whether an input was missing (then the lots are 0)."""

    lots: int
    units: float
    missing: bool


@rule
def size(sizing: Sizing, target: float, equity: float, price: float, cost_rate: float, lots_per_unit: int) -> Size:
    """Return the quantity that ``target`` (in [-1, 1]) asks for at ``price``.

    ``fixed_quantity``: value x target. ``fixed_fraction``: value x target x equity / (price x (1 + cost rate)).
    """
    if target == 0.0:
        return Size(0, 0.0, False)
    if not (isfinite(price) and price > 0.0 and isfinite(equity) and equity > 0.0 and isfinite(sizing.value)):
        return Size(0, 0.0, True)
    units = sizing.value * target
    if sizing.rule == SizingRule.FIXED_FRACTION.value:
        units = sizing.value * target * equity / (price * (1.0 + cost_rate))
    lots = whole_lots(abs(units), lots_per_unit)
    return Size(lots if units > 0.0 else -lots, units, False)
