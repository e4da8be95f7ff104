"""What trading cost, by symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.ledger import LedgerRow


class Cost(NamedTuple):
    """Of one symbol: number of fills, money bought and sold, fees paid, and what slippage took, all in the account's currency."""

    fills: int = 0
    traded: float = 0.0
    fees: float = 0.0
    slippage: float = 0.0

    def plus(self, other: Cost) -> Cost:
        """Return both together."""
        fills, traded = self.fills + other.fills, self.traded + other.traded
        return Cost(fills, traded, self.fees + other.fees, self.slippage + other.slippage)


def costs_by_symbol(fills: Iterable[LedgerRow], slippage_rate: float) -> dict[str, Cost]:
    """Return the costs of each symbol that traded.

    ``slippage_rate`` is a fraction: a fill's price is that of the market x (1 + rate) for a buy, x (1 - rate) for a sell. Fills by
    corporate actions have none.
    """
    found: dict[str, Cost] = {}
    for fill in fills:
        rate = 0.0 if fill.reason == "corporate_action" else slippage_rate
        value = fill.quantity * fill.price
        slipped = value * rate / (1.0 + rate if fill.side == "buy" else 1.0 - rate)
        found[fill.symbol] = found.get(fill.symbol, Cost()).plus(Cost(1, value, fill.fee, slipped))
    return found
