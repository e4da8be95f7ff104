"""Exits that depend on the position: where they lie, and what a fill does to them."""

from math import nan
from typing import Final, NamedTuple

from domain.rules.accounting import Position
from domain.rules.rule import rule
from domain.rules.ticks import limit_on_tick, stop_on_tick

STOP_LOSS: Final = 0
TAKE_PROFIT: Final = 1
TRAILING: Final = 2
PROTECTIVE: Final = 3
"""The places of a position's protective orders, and how many there are: always the first of its symbol's resting orders."""


class ExitRules(NamedTuple):
    """Fractions of the average entry price, or of the best price since for ``trailing``; NaN for none; ``bars`` 0 for none."""

    stop_loss: float = nan
    take_profit: float = nan
    trailing: float = nan
    bars: int = 0


NO_EXITS = ExitRules()


class Grid(NamedTuple):
    """Ticks a unit of the currency, and the same for prices below 1."""

    ticks: float
    ticks_below_one: float


@rule
def is_any(exits: ExitRules) -> bool:
    """Return whether there is an exit at all."""
    return exits.stop_loss > 0.0 or exits.take_profit > 0.0 or exits.trailing > 0.0 or exits.bars > 0


@rule
def opens(before: int, after: int) -> bool:
    """Return whether going from ``before`` to ``after`` lots opens a position or turns it."""
    return after != 0 and (before == 0 or (before > 0) != (after > 0))


@rule
def half_tick(price: float, grid: Grid) -> float:
    """Return half a tick at ``price``: by how much a limit must be traded through."""
    return 0.5 / grid.ticks if price >= 1.0 else 0.5 / grid.ticks_below_one


@rule
def stop_loss_price(position: Position, exits: ExitRules, grid: Grid) -> float:
    """Return the stop price of the stop-loss: the average entry price less its fraction (plus it for a short), NaN for none."""
    sign = 1 if position.lots > 0 else -1
    if exits.stop_loss != exits.stop_loss:
        return nan
    return stop_on_tick(-sign, position.average_price * (1.0 - sign * exits.stop_loss), grid.ticks, grid.ticks_below_one)


@rule
def take_profit_price(position: Position, exits: ExitRules, grid: Grid) -> float:
    """Return the limit price of the take-profit: the average entry price plus its fraction (less it for a short), NaN for none."""
    sign = 1 if position.lots > 0 else -1
    if exits.take_profit != exits.take_profit:
        return nan
    return limit_on_tick(-sign, position.average_price * (1.0 + sign * exits.take_profit), grid.ticks, grid.ticks_below_one)


@rule
def trailing_price(side: int, watermark: float, trail: float, grid: Grid) -> float:
    """Return the stop price of a trailing order of ``side`` below (a sell) or above (a buy) its watermark."""
    return stop_on_tick(side, watermark * (1.0 + side * trail), grid.ticks, grid.ticks_below_one)


@rule
def best_price(side: int, watermark: float, point: float) -> float:
    """Return the watermark after ``point``: the highest price for a sell, the lowest for a buy."""
    return point if side * (watermark - point) > 0.0 else watermark


@rule
def time_is_up(bars_held: int, exits: ExitRules) -> bool:
    """Return whether a position held over ``bars_held`` closes is to be left."""
    return exits.bars > 0 and bars_held >= exits.bars


@rule
def target_after_exit(pending: int, side: int, lots: int) -> int:
    """Return the signed lots left of a target order after a protective order of ``side`` filled ``lots``.

    One that leaves the position too is shrunk by as much; one that would enter again is withdrawn.
    """
    if pending * side <= 0:
        return 0
    left = pending * side - lots
    return side * left if left > 0 else 0
