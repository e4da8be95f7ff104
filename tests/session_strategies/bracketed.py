"""A strategy that places its own orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.strategy import Cancel, OrderType, Side, Strategy, View, Wish

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Bracketed(Strategy):
    """Bids below the market, each bid with a stop, a limit and a trailing stop that cancel each other."""

    def on_bars(self, view: View) -> Sequence[Wish | Cancel]:
        """Bid anew while nothing is held."""
        if view.quantity:
            return []
        close = float(view.bars.close[-1]) / view.factor
        children = (
            Wish(Side.SELL, 10.0, OrderType.STOP, stop=close * 0.97, group=1),
            Wish(Side.SELL, 10.0, OrderType.LIMIT, limit=close * 1.015, group=1),
            Wish(Side.SELL, 10.0, OrderType.TRAILING_STOP, trail=0.02, group=1),
        )
        return [Cancel(7), Wish(Side.BUY, 10.0, OrderType.LIMIT, limit=close * 0.997, tag=7, children=children)]
