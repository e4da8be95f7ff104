"""One thread that follows the journal and keeps the snapshot every page reads.

However many pages are open, the database is asked once. The journal announces itself by NOTIFY; besides, everything is read
again every few seconds, because an announcement can be lost with its connection and not everything is announced.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import psycopg

from dashboards.reader import SnapshotReader, read_backtest_curve
from dashboards.snapshot import Snapshot
from domain.errors import TradingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboards.snapshot import Row
    from tasks.database.connection import Database

SHORTEST_SECONDS: Final = 0.5  # between two readings while the journal grows
LONGEST_SECONDS: Final = 3.0  # between two readings while nothing is announced
RETRY_SECONDS: Final = 1.5
CHANNELS: Final = ("journal", "system_events", "backtests")
ANSWER_LIMIT_MS: Final = 8000  # a query slower than this counts as no answer


class Feed:
    """Follows the database in the background; ``snapshot`` is always the latest, whole and immutable."""

    def __init__(self, database: Database) -> None:
        self.snapshot = Snapshot()
        self._database = database
        self._reader = SnapshotReader()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread has let go of its connection."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def ask[T](self, question: Callable[[psycopg.Connection[Any]], T]) -> T:
        """Return the answer to one question on a connection of its own; raises psycopg.Error or TradingError."""
        with closing(self._database.connect()) as connection:
            return question(connection)

    def backtest(self, backtest_id: str) -> Row | None:
        """Return a stored back-test with the points of its curve, or None when it cannot be read."""
        try:
            return self.ask(lambda connection: read_backtest_curve(connection, backtest_id))
        except (psycopg.Error, TradingError):
            return None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except (psycopg.Error, TradingError) as error:
                self.snapshot = replace(self.snapshot, failure=_reason(error))
                self._stopping.wait(RETRY_SECONDS)

    def _follow(self) -> None:
        """Read whenever the journal announces itself, until the connection fails or the feed stops."""
        with closing(self._database.connect(autocommit=True)) as connection:
            connection.execute(f"SET statement_timeout = {ANSWER_LIMIT_MS}".encode())
            for channel in CHANNELS:
                connection.execute(f"LISTEN {channel}".encode())
            while not self._stopping.is_set():
                began = time.monotonic()
                self.snapshot = self._reader.read(connection)
                self._await_news(connection, began)

    def _await_news(self, connection: psycopg.Connection[Any], began: float) -> None:
        """Return after an announcement, not sooner than SHORTEST_SECONDS after ``began`` and not later than LONGEST_SECONDS."""
        heard = False
        while not self._stopping.is_set():
            elapsed = time.monotonic() - began
            if elapsed >= LONGEST_SECONDS or (heard and elapsed >= SHORTEST_SECONDS):
                return
            for _ in connection.notifies(timeout=SHORTEST_SECONDS / 2):
                heard = True


def _reason(error: Exception) -> str:
    """Return the first line of an error without addresses or secrets: what a person can act on."""
    if isinstance(error, psycopg.errors.QueryCanceled):
        return f"no answer within {ANSWER_LIMIT_MS // 1000} s"
    if isinstance(error, psycopg.errors.UndefinedTable):
        return "its tables are not there yet"
    if isinstance(error, psycopg.OperationalError | TradingError):
        return "it cannot be reached, or the connection was lost"
    return type(error).__name__
