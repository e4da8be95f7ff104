"""A margin account: what a position must be backed with, when some of it has to go, and what a loan of shares costs."""

from math import floor
from typing import Final, NamedTuple

from domain.rules.accounting import value_of
from domain.rules.rule import rule, to_cents_of_a_cent

DAYS_A_YEAR: Final = 360.0
"""The year of a borrow fee."""


class MarginTable(NamedTuple):
    """What an instrument must be backed with, in fractions of its value.

    A short position needs ``maintenance_short`` of its value, and at least ``short_a_unit`` a unit; priced below ``low_price``,
    its whole value and at least ``low_a_unit`` a unit.
    """

    initial: float = 1.0
    maintenance_long: float = 1.0
    maintenance_short: float = 1.0
    short_a_unit: float = 0.0
    low_price: float = 0.0
    low_a_unit: float = 0.0


NO_MARGIN = MarginTable(initial=0.0)
"""A cash account: what cash does not pay is not bought."""


@rule
def maintenance_margin(lots: int, price: float, lots_per_unit: int, table: MarginTable) -> float:
    """Return the equity that holding signed ``lots`` at ``price`` asks for."""
    if lots >= 0:
        return value_of(lots, price, lots_per_unit) * table.maintenance_long
    units, value = float(-lots) / lots_per_unit, value_of(-lots, price, lots_per_unit)
    if price < table.low_price:
        least = units * table.low_a_unit
        return value if value > least else least
    needed, least = value * table.maintenance_short, units * table.short_a_unit
    return needed if needed > least else least


@rule
def share_to_keep(equity: float, required: float) -> float:
    """Return which share of every position the equity backs: 1 without a margin call, less with one."""
    if equity >= required:
        return 1.0
    return equity / required if equity > 0.0 else 0.0


@rule
def lots_to_keep(lots: int, share: float) -> int:
    """Return the signed lots that remain when ``share`` of a position is kept, rounded down to a lot."""
    kept = floor(abs(lots) * share)
    return kept if lots > 0 else -kept


@rule
def reduction(lots: int, pending: int, share: float) -> int:
    """Return the signed lots that a margin call orders of a position, 0 where an order under way leaves at least as much."""
    cut = lots_to_keep(lots, share) - lots
    same_way = (cut > 0 and pending >= cut) or (cut < 0 and pending <= cut)  # no product: compiled, that of large lots has no room
    return 0 if same_way else cut


@rule
def borrow_fee(lots: int, mark: float, rate: float, days: int, lots_per_unit: int) -> float:
    """Return the fee for borrowing the shares of a short position over ``days`` calendar days: rate x value / 360 a day."""
    if lots >= 0:
        return 0.0
    return to_cents_of_a_cent(value_of(-lots, mark, lots_per_unit) * rate * days / DAYS_A_YEAR)
