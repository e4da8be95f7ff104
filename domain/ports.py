"""What the core needs from the outside, as protocols; adapters in ``tasks`` fulfil them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from domain.engine import Engine
    from domain.events import BarsClosed, BarsOpened, JournalEvent
    from domain.market import Bars, Timeframe


class Broker(Protocol):
    """Holds orders and reports what became of them."""

    def step(self, engine: Engine, event: BarsOpened | BarsClosed) -> list[JournalEvent]:
        """Give a market event to the engine, carry its orders, and return all that followed, in order."""
        ...


class BarFeed(Protocol):
    """Yields what the market does, in time order, closings before openings at one instant."""

    def __aiter__(self) -> AsyncIterator[BarsOpened | BarsClosed]:
        """Start from the feed's first event."""
        ...


class BarHistory(Protocol):
    """Stored bars of one symbol."""

    def read(self, symbol: str, timeframe: Timeframe, start: int | None, end: int | None) -> Bars:
        """Return the bars whose start lies in [``start``, ``end``) microseconds."""
        ...


class Journal(Protocol):
    """The record that trading is restored from."""

    def append(self, run_id: str, events: list[JournalEvent], cursor: tuple[int, int]) -> None:
        """Commit ``events`` and the place in the feed they answer, in one transaction, before anybody hears of them."""
        ...

    def load(self, run_id: str) -> Iterator[JournalEvent]:
        """Yield everything committed for a run, in order."""
        ...


class Notifier(Protocol):
    """Tells a person."""

    def notify(self, level: str, message: str) -> None:
        """Deliver ``message``, or record that it could not be delivered."""
        ...
