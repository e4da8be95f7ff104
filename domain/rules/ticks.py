"""Our own prices on the exchange's grid."""

from math import floor
from typing import Final

from domain.rules.rule import rint, rule

_NEAR: Final = 1e-6  # a price that misses a tick by this share of a tick stands on it


@rule
def to_tick(price: float, ticks: float, ticks_below_one: float, up: bool) -> float:
    """Return ``price`` moved up or down to the next tick; a price on a tick stays.

    ``ticks`` is how many ticks make one unit of the currency, ``ticks_below_one`` the same for prices below 1.
    """
    grid = ticks if price >= 1.0 else ticks_below_one
    steps = price * grid
    near = rint(steps)
    if abs(steps - near) <= _NEAR:
        return near / grid
    whole = float(floor(steps))
    return (whole + 1.0) / grid if up else whole / grid


@rule
def stop_on_tick(side: int, price: float, ticks: float, ticks_below_one: float) -> float:
    """Return a stop price on the grid, moved against us: up for a buy, down for a sell."""
    return to_tick(price, ticks, ticks_below_one, side > 0)


@rule
def limit_on_tick(side: int, price: float, ticks: float, ticks_below_one: float) -> float:
    """Return a limit price on the grid, harder to reach and never beyond what was asked: down for a buy, up for a sell."""
    return to_tick(price, ticks, ticks_below_one, side < 0)
