"""A bounded, ordered bus inside one process: nothing is dropped, a full bus makes the publisher wait."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_CAPACITY: Final = 65_536
_BATCH: Final = 1_024  # events delivered before other coroutines get a turn


class EventBus[E]:
    """Delivers every event to the core first, then to each observer, in the order of publication.

    An observer that raises is reported by ``on_failure(name, event, error)`` and goes on receiving; the others notice nothing.
    A core that raises stops the bus: ``run`` raises its error and so does every later ``publish``.
    """

    def __init__(
        self,
        on_failure: Callable[[str, E, Exception], None],
        core: Callable[[E], None] | None = None,
        capacity: int = DEFAULT_CAPACITY,
    ) -> None:
        self._core = core
        self._on_failure = on_failure
        self._capacity = capacity
        self._observers: list[tuple[str, Callable[[E], None]]] = []
        self._events: deque[E] = deque()
        self._arrived = asyncio.Event()
        self._drained = asyncio.Event()
        self._closed = False
        self._error: Exception | None = None

    def __len__(self) -> int:
        return len(self._events)

    def subscribe(self, name: str, observer: Callable[[E], None]) -> None:
        """Deliver every later event to ``observer`` too; ``name`` stands in reports of its failures."""
        self._observers.append((name, observer))

    async def publish(self, event: E) -> None:
        """Put ``event`` at the end; wait while the bus is full. Raises the core's error once it has failed."""
        while len(self._events) >= self._capacity and self._error is None:
            self._drained.clear()
            await self._drained.wait()
        if self._error is not None:
            raise self._error
        if not self._events:
            self._arrived.set()
        self._events.append(event)

    async def run(self) -> None:
        """Deliver until ``close`` was called and everything published before it is delivered."""
        while self._events or not self._closed:
            if not self._events:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            self._deliver(min(len(self._events), _BATCH))
            self._drained.set()
            if self._error is not None:
                raise self._error
            await asyncio.sleep(0)

    def close(self) -> None:
        """Let ``run`` end once the bus is empty."""
        self._closed = True
        self._arrived.set()

    def _deliver(self, count: int) -> None:
        for _ in range(count):
            event = self._events.popleft()
            if self._core is not None:
                try:
                    self._core(event)
                except Exception as error:  # noqa: BLE001 - whatever the core raises halts everything
                    self._error = error
                    return
            for name, observer in self._observers:
                try:
                    observer(event)
                except Exception as error:  # noqa: BLE001 - an observer may fail in any way without harm to trading
                    self._on_failure(name, event, error)
