"""Several strategies on one symbol of one account: what they want, weighted by their sizes, is one target and one position."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from domain.errors import InputError, repeated
from domain.rules.sizing import Sizing, SizingRule
from domain.run import Assignment
from domain.strategy import Strategy, checked_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.market import Bars, Timeframe
    from domain.strategy import Exits, Series

LINEAR: Final = (SizingRule.FIXED_QUANTITY, SizingRule.FIXED_FRACTION, SizingRule.RISK_PER_TRADE)
"""The rules by which twice the value is twice the quantity: what strategies hold together is the sum of what each would hold."""


class Member(NamedTuple):
    """A strategy that shares a symbol, and the value of its sizing."""

    name: str
    strategy: Strategy
    weight: float


@dataclass(frozen=True)
class SharedSymbol(Strategy):
    """Want the mean of what the members want, each weighted by its size; NaN of one lets its own last target stand.

    ``owned`` makes it. The mean depends on the targets that stand, and so on every bar since the first: who shows a shared
    symbol its last bars alone keeps what stands of each member, and asks ``net``.
    """

    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        """Leave the members as they are: each has checked its own parameters."""

    @property
    def exits(self) -> Exits:  # type: ignore[override]  # the members', not the class's
        """The exits that all members have."""
        return self.members[0].strategy.exits

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of the members, as ``strategy.parameter``."""
        return {f"{one.name}.{key}": value for one in self.members for key, value in one.strategy.parameters.items()}

    def check_timeframe(self, timeframe: Timeframe) -> None:
        """Refuse what a member refuses."""
        for one in self.members:
            one.strategy.check_timeframe(timeframe)

    @property
    def lookback(self) -> int:
        """The longest of the members'."""
        return max(one.strategy.lookback for one in self.members)

    def lookback_of(self, timeframe: Timeframe) -> int:
        """Return the longest of the members'."""
        return max(one.strategy.lookback_of(timeframe) for one in self.members)

    @property
    def recursive(self) -> bool:
        """Whether a member is."""
        return any(one.strategy.recursive for one in self.members)

    def target(self, bars: Bars) -> Series:
        """Return the mean of what stands of each member after each bar."""
        return self.net([standing(checked_target(one.strategy, bars)) for one in self.members])

    def net[T: (float, Series)](self, targets: Sequence[T]) -> T:
        """Return the weighted mean of one target a member, in [-1, 1] as they are.

        Both sums go in the same order, so that rounding, which keeps order, leaves no mean beyond 1. ``sum`` would round floats
        and arrays differently.
        """
        wanted = reduce(add, [one.weight * target for one, target in zip(self.members, targets, strict=True)])
        return wanted / reduce(add, [one.weight for one in self.members])


def standing(targets: Series) -> Series:
    """Return the target that stands at each bar: the last that is a number, 0 before the first."""
    last = np.maximum.accumulate(np.where(np.isnan(targets), -1, np.arange(len(targets))))
    return np.where(last < 0, 0.0, targets[last])


def owned(owners: Sequence[Assignment]) -> Assignment:
    """Return the assignment of a symbol: the one there is, or what those of several strategies come to when they share it.

    Raise InputError where they cannot: netted are targets, by one linear rule of sizing and under the same exits.
    """
    if len(owners) == 1:
        return owners[0]
    symbol, names = owners[0].symbol, [one.strategy_name for one in owners]
    if twice := repeated(names):
        raise InputError(f"{symbol}: {', '.join(twice)} stands twice: a strategy trades a symbol once")
    eventful = [one.strategy_name for one in owners if one.strategy.decides_on_events()]
    if eventful:
        raise InputError(f"{symbol}: {', '.join(eventful)} places orders itself and shares no symbol: give it one of its own")
    _check_exits(owners)
    members = tuple(Member(one.strategy_name, one.strategy, one.sizing.value) for one in owners)
    sizing = Sizing(_rule(owners), reduce(add, [one.weight for one in members]))
    return Assignment(symbol, "+".join(names), SharedSymbol(members), sizing)


def _rule(owners: Sequence[Assignment]) -> int:
    """Return the sizing rule that all have; raise InputError where it differs or is not linear."""
    rules = {one.strategy_name: SizingRule(one.sizing.rule) for one in owners}
    (rule, *others) = set(rules.values())
    if others or rule not in LINEAR:
        given = ", ".join(f"{name} {rule.name.lower()}" for name, rule in rules.items())
        allowed = ", ".join(one.name.lower() for one in LINEAR)
        raise InputError(f"{owners[0].symbol} is shared with sizing {given}: allowed is one rule for all of {allowed}")
    return rule.value


def _check_exits(owners: Sequence[Assignment]) -> None:
    first = owners[0]
    for other in owners[1:]:
        if other.strategy.exits != first.strategy.exits:
            raise InputError(
                f"{first.symbol} is shared by {first.strategy_name} with {first.strategy.exits} and {other.strategy_name} with "
                f"{other.strategy.exits}: one position has one set of exits, give them the same or a symbol each"
            )
