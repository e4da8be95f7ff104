"""A share that goes on under another symbol: one series of bars, under its last symbol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import structs

from domain.errors import DataError, repeated
from domain.sessions import session_dates

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from domain.market import Bars, CorporateAction

_COLUMNS: Final = ("time", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, order=True)
class SymbolChange:
    """From the session ``ex_date`` (ISO) on, what traded as ``symbol`` trades as ``successor``."""

    ex_date: str
    symbol: str
    successor: str


def check_changes(changes: Sequence[SymbolChange], source: str) -> None:
    """Raise DataError where a symbol of ``source`` changes more than once, or comes back to what it was."""
    after = {change.symbol: change.successor for change in changes}
    if len(after) < len(changes):
        twice = repeated([change.symbol for change in changes])
        raise DataError(f"{source} changes the symbol {', '.join(twice)} more than once: keep the true row")
    for first in after:
        way = [first]
        while (symbol := after.get(way[-1])) is not None and symbol not in way:
            way.append(symbol)
        if symbol == first:
            raise DataError(f"{source} changes symbols in a circle, {' to '.join([*way, first])}: leave the last change out")


def concerning(symbols: Iterable[str], changes: Sequence[SymbolChange]) -> list[SymbolChange]:
    """Return the changes of the shares that had one of ``symbols`` at any time."""
    reached = set(symbols)
    while True:
        found = [change for change in changes if change.symbol in reached or change.successor in reached]
        more = {symbol for change in found for symbol in (change.symbol, change.successor)} - reached
        if not more:
            return found
        reached |= more


def with_predecessors(symbols: Iterable[str], changes: Sequence[SymbolChange]) -> set[str]:
    """Return ``symbols`` and every symbol that one of them had before."""
    found = set(symbols)
    while True:
        earlier = {change.symbol for change in changes if change.successor in found} - found
        if not earlier:
            return found
        found |= earlier


def joined_by_changes(
    series: Sequence[Bars], changes: Sequence[SymbolChange], wanted: Collection[str] = ()
) -> tuple[list[Bars], dict[str, str]]:
    """Return the bars with those of each changed symbol under its last successor, by symbol, and what each was renamed to.

    The bars before the ex-date are the old symbol's, those from it on the new one's. A symbol after which no bars come keeps its
    name, unless the bars of its successor are ``wanted``.
    """
    found, names = {bars.symbol: bars for bars in series}, {}
    there, after = {*found, *wanted}, {change.symbol: change for change in changes}
    for change in sorted(changes):
        old = found.get(change.symbol)
        if old is None or change.successor in names or not _goes_on(change, there, after):
            continue
        new = found.get(change.successor) or structs.replace(old.slice(0, 0), symbol=change.successor)
        before, rest = old.slice(0, _first(old, change.ex_date)), new.slice(_first(new, change.ex_date), len(new))
        columns = {name: np.concatenate([getattr(before, name), getattr(rest, name)]) for name in _COLUMNS}
        found[change.successor] = structs.replace(new, **columns)
        del found[change.symbol]
        names[change.symbol] = change.successor
    return [found[symbol] for symbol in sorted(found) if len(found[symbol])], {old: _last(new, names) for old, new in names.items()}


def renamed_actions(
    actions: Iterable[CorporateAction], names: Mapping[str, str], changes: Iterable[SymbolChange]
) -> tuple[CorporateAction, ...]:
    """Return the actions under the symbols that their shares have now, ``names`` as ``joined_by_changes`` returns them.

    Actions of a renamed symbol after the day of its change are those of another share, as its bars are, and left out. Those of
    the successor before that day are the share's: providers list a share's past under its symbol of today.
    """
    last_days = {change.symbol: change.ex_date for change in changes if names.get(change.symbol, change.symbol) != change.symbol}
    own = [action for action in actions if action.ex_date <= last_days.get(action.symbol, action.ex_date)]
    return tuple(structs.replace(action, symbol=names.get(action.symbol, action.symbol)) for action in own)


def _goes_on(change: SymbolChange, there: Collection[str], after: Mapping[str, SymbolChange]) -> bool:
    """Return whether bars come after a change, under its successor or what that changed to later."""
    while change.successor not in there:
        following = after.get(change.successor)
        if following is None or following <= change:
            return False
        change = following
    return True


def _last(symbol: str, names: dict[str, str]) -> str:
    while symbol in names:
        symbol = names[symbol]
    return symbol


def _first(bars: Bars, date: str) -> int:
    """Return the place of the first bar of the session ``date`` or later."""
    dates = session_dates(bars.time, bars.timeframe, bars.calendar)
    return int(np.searchsorted(dates, np.datetime64(date, "D").astype(np.int64)))
