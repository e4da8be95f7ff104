"""What a source of bars gives, whoever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import date

    from domain.market import CorporateAction, Instrument, Timeframe
    from domain.quality import Rows
    from domain.symbol_changes import SymbolChange


@dataclass(frozen=True, slots=True)
class Fetched:
    """Rows as they arrived, prices raw, and the corporate actions and changes of symbols that came with them.

    ``source`` names where from.
    """

    rows: Rows
    timeframe: Timeframe
    instruments: tuple[Instrument, ...]
    actions: tuple[CorporateAction, ...]
    source: str
    changes: tuple[SymbolChange, ...] = ()


class Provider(Protocol):
    """A source of bars by symbol."""

    name: str

    def fetch(self, instrument: Instrument, timeframe: Timeframe, start: date | None, end: date | None, now: int) -> Fetched:
        """Return the finished bars of the sessions from ``start`` to ``end``, both included; None is as far as there are any.

        ``now`` is the time in UTC microseconds: a bar that closes later is not finished. Raises ProviderError where the
        provider fails or has nothing, which may be tried again; InputError or DataError for what it can never give.
        """
        ...
