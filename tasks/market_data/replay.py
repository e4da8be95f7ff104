"""Stored bars as a feed: the events of a history, one instant of closing bars after another, at a pace."""

from __future__ import annotations

import asyncio
import time
from math import isinf
from typing import TYPE_CHECKING, Final

from domain.errors import InputError
from domain.events import BarsClosed
from domain.timeline import CLOSE, OPEN, market_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from domain.events import BarsOpened
    from domain.timeline import History

type Cursor = tuple[int, int]
"""A place in a feed: an instant in UTC microseconds, and ``CLOSE`` or ``OPEN``."""

_EVENTS_WITHOUT_A_PAUSE: Final = 1_000


class ReplayFeed:
    """Yields the events of ``history`` behind ``after``, ``speed`` instants of closing bars a second; infinity does not wait.

    A reader that is slower than the pace is waited for, and what was missed is not hurried after. ``clock`` (seconds) and
    ``sleep`` are those of the machine unless a simulation gives its own.
    """

    def __init__(
        self,
        history: History,
        speed: float = 1.0,
        after: Cursor | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not speed > 0.0:
            raise InputError(f"speed {speed} is not allowed: instants of bars a second above 0, or infinity")
        self._history = history
        self._interval = 0.0 if isinf(speed) else 1.0 / speed
        self._after = after
        self._clock = clock
        self._sleep = sleep

    async def __aiter__(self) -> AsyncIterator[BarsOpened | BarsClosed]:
        """Start behind ``after``, with the first closing bars one interval from now."""
        due = self._clock() + self._interval
        for number, event in enumerate(market_events(self._history)):
            if self._after is not None and cursor_of(event) <= self._after:
                continue
            if self._interval and isinstance(event, BarsClosed):
                await self._sleep(max(0.0, due - self._clock()))
                due = max(due, self._clock()) + self._interval
            elif number % _EVENTS_WITHOUT_A_PAUSE == 0:
                await self._sleep(0.0)
            yield event


def cursor_of(event: BarsOpened | BarsClosed) -> Cursor:
    """Return the place of an event in its feed."""
    return event.time, CLOSE if isinstance(event, BarsClosed) else OPEN
