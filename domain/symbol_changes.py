"""A share that goes on under another symbol: one series of bars, under its last symbol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import structs

from domain.sessions import session_dates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.market import Bars, CorporateAction

_COLUMNS: Final = ("time", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, order=True)
class SymbolChange:
    """From the session ``ex_date`` (ISO) on, what traded as ``symbol`` trades as ``successor``."""

    ex_date: str
    symbol: str
    successor: str


def with_predecessors(symbols: Iterable[str], changes: Sequence[SymbolChange]) -> set[str]:
    """Return ``symbols`` and every symbol that one of them had before."""
    found = set(symbols)
    while True:
        earlier = {change.symbol for change in changes if change.successor in found} - found
        if not earlier:
            return found
        found |= earlier


def joined_by_changes(series: Sequence[Bars], changes: Sequence[SymbolChange]) -> tuple[list[Bars], dict[str, str]]:
    """Return the bars with those of each changed symbol under its successor, by symbol, and what each of them was renamed to.

    The bars before the ex-date are the old symbol's, those from it on the new one's. A symbol whose successor has no bars keeps
    its name.
    """
    found, names = {bars.symbol: bars for bars in series}, {}
    for change in sorted(changes):
        old, new = found.get(change.symbol), found.get(change.successor)
        if old is None or new is None:
            continue
        before, after = old.slice(0, _first(old, change.ex_date)), new.slice(_first(new, change.ex_date), len(new))
        columns = {name: np.concatenate([getattr(before, name), getattr(after, name)]) for name in _COLUMNS}
        found[change.successor] = structs.replace(new, **columns)
        del found[change.symbol]
        names[change.symbol] = change.successor
    return [found[symbol] for symbol in sorted(found)], {old: _last(new, names) for old, new in names.items()}


def renamed_actions(actions: Iterable[CorporateAction], names: dict[str, str]) -> tuple[CorporateAction, ...]:
    """Return the actions under the symbols that their shares have now."""
    return tuple(structs.replace(action, symbol=names.get(action.symbol, action.symbol)) for action in actions)


def _last(symbol: str, names: dict[str, str]) -> str:
    while symbol in names:
        symbol = names[symbol]
    return symbol


def _first(bars: Bars, date: str) -> int:
    """Return the place of the first bar of the session ``date`` or later."""
    dates = session_dates(bars.time, bars.timeframe, bars.calendar)
    return int(np.searchsorted(dates, np.datetime64(date, "D").astype(np.int64)))
