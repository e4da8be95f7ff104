"""Round trips: from the fills of a run to trades, each from flat to flat in one symbol."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.rules.accounting import Position, apply_split
from domain.timeline import actions_by_bar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.timeline import History

_FINEST: Final = 100_000_000  # lots a unit where a fill does not say: the finest of any asset class


class FillRow(NamedTuple):
    """A fill: ``time_us`` the start of the bar filled on, ``side`` 1 for a buy and -1 for a sell, ``quantity`` > 0 in units.

    ``lots`` is the quantity as the books count it, in ``lots_per_unit``: beyond 2**53 lots ``quantity`` alone is rounded, and
    flat could not be told. None counts ``quantity`` itself.
    """

    time_us: int
    symbol: str
    side: int
    quantity: float
    price: float
    fee: float
    reason: str
    lots: int | None = None
    lots_per_unit: int = _FINEST


class SplitRow(NamedTuple):
    """A split before the fills of the bar starting at ``time_us``: ``ratio`` new units for an old one.

    ``quantity_after`` is what the position became, signed, and ``cash`` what a fraction was paid with; None and 0 where nothing was
    rounded. ``lots_after`` is the same in lots, where the books know it.
    """

    time_us: int
    symbol: str
    ratio: float
    quantity_after: float | None = None
    cash: float = 0.0
    lots_after: int | None = None


@dataclass(frozen=True, slots=True)
class Trade:
    """A closed round trip, in units and prices as they were at its end (after splits on the way).

    ``side`` is 1 for long and -1 for short, ``quantity`` all that was entered, prices are averages weighted by quantity,
    ``fees`` those of all its fills. ``pnl`` = side x quantity x (exit_price - entry_price) - fees, without dividends;
    ``return_on_entry`` = pnl / (quantity x entry_price). ``reason`` is that of the closing fill.
    """

    symbol: str
    side: int
    quantity: float
    entry_time: int
    entry_price: float
    exit_time: int
    exit_price: float
    fees: float
    pnl: float
    return_on_entry: float
    reason: str


@dataclass(slots=True)
class _Open:
    """A trade under way: ``held`` lots left of ``entered``, and the money of both directions."""

    symbol: str
    side: int
    entry_time: int
    lots_per_unit: int
    held: int = 0
    entered: float = 0.0
    paid: float = 0.0
    received: float = 0.0
    fees: float = 0.0

    def closed(self, time_us: int, reason: str) -> Trade:
        quantity = self.entered / self.lots_per_unit
        pnl = self.side * (self.received - self.paid) - self.fees
        entry, leave = self.paid / quantity, self.received / quantity
        return Trade(
            self.symbol, self.side, quantity, self.entry_time, entry, time_us, leave, self.fees, pnl, pnl / self.paid, reason
        )


@dataclass(slots=True)
class _Book:
    """The trades of a run as its fills come in."""

    open: dict[str, _Open] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)

    def fill(self, row: FillRow) -> None:
        lots = _in_lots(row.quantity, row.lots_per_unit) if row.lots is None else row.lots
        standing = self.open.get(row.symbol)
        closing = min(lots, standing.held) if standing and standing.side != row.side else 0
        if standing and closing:
            share = closing / lots
            standing.held -= closing
            standing.received += row.quantity * share * row.price
            standing.fees += row.fee * share
            self._close_if_flat(standing, row.time_us, row.reason)
        if lots > closing:
            share = (lots - closing) / lots
            entered = self.open.setdefault(row.symbol, _Open(row.symbol, row.side, row.time_us, row.lots_per_unit))
            entered.held += lots - closing
            entered.entered += lots - closing
            entered.paid += row.quantity * share * row.price
            entered.fees += row.fee * share

    def split(self, row: SplitRow) -> None:
        standing = self.open.get(row.symbol)
        if standing is None:
            return
        if row.lots_after is not None:
            standing.held = abs(row.lots_after)
        elif row.quantity_after is not None:
            standing.held = _in_lots(abs(row.quantity_after), standing.lots_per_unit)
        else:
            standing.held = round(standing.held * row.ratio)
        standing.entered *= row.ratio
        standing.received += standing.side * row.cash
        self._close_if_flat(standing, row.time_us, "corporate_action")

    def _close_if_flat(self, standing: _Open, time_us: int, reason: str) -> None:
        if standing.held == 0:
            self.trades.append(standing.closed(time_us, reason))
            del self.open[standing.symbol]


def round_trips(fills: Iterable[FillRow], splits: Iterable[SplitRow] = ()) -> list[Trade]:
    """Return the closed trades in the order of their ends; what is open at the end is no trade.

    ``fills`` are in booking order. A fill through zero closes one trade and opens the next, its fee shared by quantity; additions
    and reductions in between belong to the trade. Dividends are not part of it.
    """
    book = _Book()
    rows: list[FillRow | SplitRow] = [*splits, *fills]
    for row in sorted(rows, key=lambda item: item.time_us):  # stable: splits of a bar before its fills, those in booking order
        if isinstance(row, FillRow):
            book.fill(row)
        else:
            book.split(row)
    return book.trades


def splits_met(history: History, fills: Iterable[FillRow]) -> list[SplitRow]:
    """Return what each split did to the position that met it, by walking ``fills``, in booking order with their lots."""
    effective = actions_by_bar(history)
    if not effective:
        return []
    moved: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for fill in fills:
        lots = _in_lots(fill.quantity, fill.lots_per_unit) if fill.lots is None else fill.lots
        moved[fill.symbol].append((fill.time_us, fill.side * lots))
    met, offset = [], 0
    for instrument, bars in zip(history.instruments, history.bars, strict=True):
        held, waiting, units = 0, list(reversed(moved[bars.symbol])), instrument.lots_per_unit
        for number in sorted(number for number in effective if offset <= number < offset + len(bars)):
            index = number - offset
            while waiting and waiting[-1][0] < bars.time[index]:
                held += waiting.pop()[1]
            for action in effective[number]:
                if action.action == "split" and held:
                    split = apply_split(Position(held), action.value, float(bars.open[index]), units)
                    held = split.position.lots
                    met.append(SplitRow(int(bars.time[index]), bars.symbol, action.value, held / units, split.cash, held))
        offset += len(bars)
    return met


def _in_lots(quantity: float, lots_per_unit: int) -> int:
    whole = int(quantity)
    return whole * lots_per_unit if whole == quantity else round(quantity * lots_per_unit)
