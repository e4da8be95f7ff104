"""Orders that a strategy places itself: what it asks for, what it sees when it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from numbers import Integral, Real
from types import NoneType
from typing import TYPE_CHECKING, Final

from domain.errors import DataError
from domain.market import Side
from domain.rules.fills import OrderType, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.market import Bars
    from domain.orders import Order
    from domain.strategy import Strategy

_NEEDS_LIMIT: Final = {OrderType.LIMIT, OrderType.STOP_LIMIT}
_NEEDS_STOP: Final = {OrderType.STOP, OrderType.STOP_LIMIT}
_AT_ONCE: Final = {TimeInForce.IOC, TimeInForce.FOK}


@dataclass(frozen=True, slots=True)
class Wish:
    """An order that a strategy wants: ``quantity`` > 0 in units, prices as traded.

    ``trail`` is the fraction that a trailing stop keeps from the best price. ``children`` come to life with this order's fills, lot
    for lot, to leave what it entered: a stop and a limit of one ``group`` make it a bracket. Open orders of one ``group`` (above 0)
    shrink each other by what they fill. ``tag`` is a number of the strategy's own, for ``Cancel``.
    """

    side: Side
    quantity: float
    type: OrderType = OrderType.MARKET
    limit: float | None = None
    stop: float | None = None
    trail: float | None = None
    force: TimeInForce = TimeInForce.GTC
    group: int = 0
    tag: int = 0
    children: tuple[Wish, ...] = ()

    def check(self, who: str) -> None:
        """Raise DataError, naming the strategy ``who``, where the order cannot be placed."""
        self._check_types(who)
        said = f"{who} asked for {self.type.code} {self.side.name.lower()} {self.quantity!r}"
        if not (isfinite(self.quantity) and self.quantity > 0.0):
            raise DataError(f"{said}: a quantity is a number above 0")
        for name, price, needed in (
            ("limit", self.limit, self.type in _NEEDS_LIMIT),
            ("stop", self.stop, self.type in _NEEDS_STOP),
            ("trail", self.trail, self.type is OrderType.TRAILING_STOP),
        ):
            if needed != (price is not None) or (price is not None and not (isfinite(price) and price > 0.0)):
                raise DataError(f"{said} with {name} {price!r}: {'a number above 0' if needed else 'none'} belongs there")
        if self.trail is not None and self.trail >= 1.0:
            raise DataError(f"{said} with trail {self.trail!r}: a fraction below 1 belongs there")
        if self.force in _AT_ONCE and self.type not in {OrderType.MARKET, OrderType.LIMIT}:
            raise DataError(f"{said} as {self.force.code}: that is for market and limit orders")
        for child in self.children:
            child._check_types(who)  # noqa: SLF001 - of its own kind
            if child.children or child.type in {OrderType.MARKET, OrderType.MARKET_ON_CLOSE} or child.force in _AT_ONCE:
                raise DataError(f"{said} with a child of type {child.type.code}: children are limits and stops without children")
            if child.side == self.side:
                raise DataError(f"{said} with a child that {child.side.name.lower()}s too: a child leaves what its parent entered")
            child.check(who)

    def _check_types(self, who: str) -> None:
        for name, kinds, allowed in (
            ("side", Side, "Side.BUY or Side.SELL"),
            ("type", OrderType, "a member of OrderType"),
            ("force", TimeInForce, "a member of TimeInForce"),
            ("quantity", Real, "a number"),
            ("limit", (Real, NoneType), "a number or None"),
            ("stop", (Real, NoneType), "a number or None"),
            ("trail", (Real, NoneType), "a number or None"),
            ("group", Integral, "a whole number"),
            ("tag", Integral, "a whole number"),
            ("children", tuple, "a tuple of Wish"),
        ):
            value = getattr(self, name)
            if not isinstance(value, kinds) or (isinstance(value, tuple) and not all(isinstance(one, Wish) for one in value)):
                raise DataError(f"{who} asked for an order with {name} {value!r}: {allowed} belongs there")


@dataclass(frozen=True, slots=True)
class Cancel:
    """The open orders of a symbol with this ``tag`` are to be withdrawn."""

    tag: int


@dataclass(frozen=True, slots=True)
class View:
    """What a strategy sees of one symbol after a close.

    ``bars`` are all since the run's first, adjusted forward; a price as traded is an adjusted one / ``factor``. ``quantity`` is
    held, signed, in units, at ``average_price``; ``orders`` are open. ``equity`` and ``cash`` are the account's.
    """

    bars: Bars
    factor: float
    quantity: float
    average_price: float
    orders: Sequence[Order] = field(default_factory=tuple)
    equity: float = 0.0
    cash: float = 0.0


def checked_wishes(strategy: Strategy, view: View) -> Sequence[Wish | Cancel]:
    """Return what ``strategy.on_bars`` asks for; raise DataError, naming strategy, symbol and reason, where it cannot be used."""
    who = f"strategy {strategy.strategy_name()} on {view.bars.symbol}"
    try:
        wishes = list(strategy.on_bars(view))
    except (Exception, SystemExit) as error:
        raise DataError(f"{who} failed: {type(error).__name__}: {error}") from error
    for wish in wishes:
        if isinstance(wish, Wish):
            wish.check(who)
        elif not isinstance(wish, Cancel):
            raise DataError(f"{who} must return a list of Wish and Cancel, got {type(wish).__name__}")
    return wishes
