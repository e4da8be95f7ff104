"""The embedded database as one of the supervised processes."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Final

from tasks.system_database import embedded_server

if TYPE_CHECKING:
    from tasks.settings import Installation

_START_SECONDS: Final = 120.0
_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 10.0


class DatabaseProcess:
    """The PostgreSQL that this installation owns; its kernel-made bond to the supervisor is made by its own adapter."""

    name: Final = "database"
    finished: Final = False
    refused: Final = False
    exit_code: Final = None

    def __init__(self, installation: Installation) -> None:
        self._server = embedded_server(installation)
        self.log = self._server.log
        self.since = 0.0
        self.restarts = -1
        self._delay = _FIRST_DELAY
        self._one_at_a_time = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The server's pid while it runs."""
        return self._server.pid

    async def start(self) -> None:
        """Start the server, or wait for the process that owns it to give it up; raise TradingError where it cannot start."""
        self.restarts += 1
        await asyncio.to_thread(self._start)
        self.since = time.time()
        self._delay = _FIRST_DELAY

    def next_delay(self) -> float:
        """Return the seconds to wait before the next start."""
        delay, self._delay = self._delay, min(self._delay * 2, _LONGEST_DELAY)
        return delay

    async def end(self) -> None:
        """End the server: every session is ended, everything is on disk."""
        await asyncio.to_thread(self._stop)

    def _start(self) -> None:
        with self._one_at_a_time:
            self._server.start(own=True, timeout=_START_SECONDS)

    def _stop(self) -> None:
        with self._one_at_a_time:
            self._server.stop()
