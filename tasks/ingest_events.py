"""What a person must see of an ingest: one system event where rows were refused, bars are missing, or a symbol failed."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from domain.errors import DataError, ProviderError
from tasks.database import events
from tasks.database.connection import UNAVAILABLE
from tasks.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tasks.database.connection import Database
    from tasks.ingest_report import SymbolReport

MODULE: Final = "ingest"
_NAMED: Final = 20  # symbols a list of them shows

_TEXTS: Final = {"failed": "symbols failed", "quarantined": "findings in quarantine", "gaps": "gaps"}

log = get_logger(__name__)


def source_of(path: Path | None, provider: str) -> str:
    """Return what an ingest of the file ``path``, else from ``provider``, is called before anything was read."""
    return path.name if path is not None else provider


def record(database: Database, source: str, reports: Sequence[SymbolReport]) -> None:
    """Store the event of an ingest from ``source``: an error where a symbol failed, else a warning; none where all is well."""
    found = _metadata(source, reports)
    told = [f"{found[name]} {text}" for name, text in _TEXTS.items() if found[name]]
    if told:
        level = "error" if found["failed"] else "warning"
        _store(database, "IngestFindings", level, f"ingest from {source}: {', '.join(told)}", found)


@contextmanager
def failures_recorded(database: Database, source: str) -> Iterator[None]:
    """Store an event where the ingest inside ends with DataError or ProviderError, which goes on."""
    try:
        yield
    except (DataError, ProviderError) as error:
        _store(database, "IngestFailed", "error", f"ingest from {source}: {error}", {"source": source, "error": str(error)})
        raise


def _metadata(source: str, reports: Sequence[SymbolReport]) -> dict[str, Any]:
    """Return counts over all symbols, the kinds of refused rows, and the first symbols of each."""
    kinds: Counter[str] = Counter()
    for one in reports:
        kinds.update(one.quarantined)
    failed = {one.symbol: one.error for one in reports if one.error is not None}
    return {
        "source": source,
        "symbols": len(reports),
        "failed": len(failed),
        "errors": dict(list(failed.items())[:_NAMED]),
        "quarantined": kinds.total(),
        "kinds": dict(kinds),
        "quarantined_symbols": [one.symbol for one in reports if one.quarantined][:_NAMED],
        "gaps": sum(one.gaps for one in reports),
        "missing": sum(one.missing for one in reports),
        "gap_symbols": [one.symbol for one in reports if one.gaps][:_NAMED],
    }


def _store(database: Database, event_type: str, level: str, message: str, metadata: dict[str, Any]) -> None:
    """Store the event; a database that is away does not change the ingest's own outcome."""
    try:
        events.record(database, event_type, MODULE, level, message, metadata)
    except UNAVAILABLE as error:
        log.warning("system event not stored", event_type=event_type, message=message, error=str(error).strip())
