"""Who hears of what a session did: the log, and ``system_events`` for what a person must see."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import msgspec

from domain.events import (
    BorrowCharged,
    CorporateActionApplied,
    LimitBreached,
    MarginCalled,
    OrderFilled,
    OrderRefused,
    OrderRejected,
    OrderRequested,
    RunFinished,
    RunStarted,
    TradingHalted,
    TradingResumed,
)
from tasks.database import events
from tasks.database.connection import UNAVAILABLE
from tasks.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.events import JournalEvent
    from tasks.database.connection import Database

MODULE: Final = "session"

_SHOWN: Final[Mapping[type[Any], tuple[str, str]]] = {
    RunStarted: ("info", "run started"),
    RunFinished: ("info", "run finished"),
    LimitBreached: ("warning", "limit breached"),
    MarginCalled: ("warning", "margin called"),
    BorrowCharged: ("info", "borrowing charged"),
    TradingHalted: ("warning", "trading halted"),
    TradingResumed: ("info", "trading resumed"),
    OrderRejected: ("warning", "order rejected"),
}
"""What a person must see, with its level."""

_LOGGED: Final[Mapping[type[Any], str]] = {
    OrderRequested: "order requested",
    OrderFilled: "order filled",
    OrderRefused: "order refused",
    CorporateActionApplied: "corporate action applied",
}

log = get_logger(__name__)


def log_event(event: JournalEvent) -> None:
    """Write a line for what a person may want to follow."""
    fields = {key: value for key, value in msgspec.to_builtins(event).items() if key != "type"}
    if type(event) in _LOGGED:
        log.info(_LOGGED[type(event)], **fields)
    elif type(event) in _SHOWN:
        level, message = _SHOWN[type(event)]
        getattr(log, level)(message, **fields)


class Recorder:
    """Writes rare events to ``system_events`` in their order, in a thread of its own; a missing database loses none of the run."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = ThreadPoolExecutor(1, "system-events")

    def __call__(self, event: JournalEvent) -> None:
        """Record ``event`` where a person must see it."""
        shown = _SHOWN.get(type(event))
        if shown is not None:
            level, message = shown
            self.record(type(event).__name__, level, message, msgspec.to_builtins(event))

    def record(self, event_type: str, level: str, message: str, metadata: Mapping[str, Any]) -> None:
        """Write one row, soon; where the database is away the log alone has it."""
        self._writer.submit(self._write, event_type, level, message, dict(metadata))

    def close(self) -> None:
        """Wait until everything is written."""
        self._writer.shutdown()

    def _write(self, event_type: str, level: str, message: str, metadata: dict[str, Any]) -> None:
        try:
            events.record(self._database, event_type, MODULE, level, message, metadata)
        except UNAVAILABLE as error:
            log.warning("system event not stored", event_type=event_type, message=message, error=str(error).strip())


def report_failure[E](name: str, event: E, error: Exception) -> None:
    """Say that an observer failed; trading does not notice."""
    log.error("observer failed", observer=name, event_type=type(event).__name__, error=repr(error))
