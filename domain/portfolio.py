"""The books of one account: cash, positions, marks; equity is always cash plus what is held at its marks."""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

from domain.rules.accounting import Position, apply_fill, value_of

if TYPE_CHECKING:
    from domain.events import CorporateActionApplied, OrderFilled
    from domain.market import Instrument

FLAT = Position()


class Portfolio:
    """Cash and positions of one account, changed by fills and corporate actions alone.

    Money is in the account's currency, quantities in lots. ``flows`` are dividends and other cash that no trade explains, so
    that equity - initial cash = realised + unrealised - fees + flows.
    """

    def __init__(self, cash: float, instruments: tuple[Instrument, ...]) -> None:
        self.initial_cash = cash
        self.cash = cash
        self.fees = 0.0
        self.flows = 0.0
        self.lots_per_unit = {instrument.symbol: instrument.lots_per_unit for instrument in instruments}
        self.positions: dict[str, Position] = {}
        self.marks: dict[str, float] = {}
        self.held: list[str] = []

    def position(self, symbol: str) -> Position:
        """Return the position in ``symbol``, flat where there was none."""
        return self.positions.get(symbol, FLAT)

    def quantity(self, symbol: str) -> float:
        """Return the units held of ``symbol``."""
        return self.position(symbol).lots / self.lots_per_unit[symbol]

    def value(self, symbol: str) -> float:
        """Return the signed value held in ``symbol`` at its mark."""
        return value_of(self.position(symbol).lots, self.marks[symbol], self.lots_per_unit[symbol])

    @property
    def equity(self) -> float:
        """Cash plus every position at its mark, added in code-point order of the symbols."""
        equity = self.cash
        for symbol in self.held:
            equity += value_of(self.positions[symbol].lots, self.marks[symbol], self.lots_per_unit[symbol])
        return equity

    @property
    def realised(self) -> float:
        """P&L of everything closed, before fees."""
        return sum(position.realised for position in self.positions.values())

    @property
    def unrealised(self) -> float:
        """P&L of everything held at its marks."""
        return sum(
            value_of(position.lots, self.marks[symbol] - position.average_price, self.lots_per_unit[symbol])
            for symbol, position in self.positions.items()
            if position.lots
        )

    def book_fill(self, fill: OrderFilled) -> tuple[Position, Position]:
        """Book one fill and return the position before and after it."""
        symbol, fee = fill.symbol, fill.fee
        before = self.position(symbol)
        after, cash = apply_fill(before, fill.side, fill.lots, fill.price, fee, self.lots_per_unit[symbol])
        self.cash += cash
        self.fees += fee
        self.marks.setdefault(symbol, fill.price)
        self._hold(symbol, before, after)
        return before, after

    def pay(self, fee: float) -> None:
        """Pay what no trade and no corporate action explains, such as a borrow fee."""
        self.cash -= fee
        self.flows -= fee

    def book_action(self, applied: CorporateActionApplied, position: Position) -> None:
        """Book a corporate action: the position after it and the cash that came with it."""
        self.cash += applied.cash
        if applied.action.action not in {"split", "delisting"}:  # their cash comes for a position, whose result is realised
            self.flows += applied.cash
        self._hold(applied.action.symbol, self.position(applied.action.symbol), position)

    def _hold(self, symbol: str, before: Position, position: Position) -> None:
        self.positions[symbol] = position
        if position.lots and not before.lots:
            insort(self.held, symbol)
        elif before.lots and not position.lots:
            self.held.remove(symbol)
