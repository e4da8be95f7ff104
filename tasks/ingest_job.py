"""The steps of the ingest flow around ``tasks.ingest``: what to fetch by default, and rows a person reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from domain.errors import InputError, ProviderError
from domain.market import Timeframe
from tasks.ingest import Request
from tasks.ingest_report import SymbolReport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from domain.errors import TradingError
    from tasks.jobs import Workspace


ACTIONS_NAME: Final = "corporate_actions.csv"


def request(
    place: Workspace,
    provider: str,
    symbols: Sequence[str] | None,
    timeframe: str | None,
    dates: tuple[date | None, date | None],
    path: str | None,
    actions: str | None = None,
) -> Request:
    """Return what to bring in; without symbols those of the configuration's strategies, or all of a file.

    ``actions`` None takes ``corporate_actions.csv`` beside the file where it is there. InputError for a file without path.
    """
    if provider == "file" and not path:
        raise InputError("provider file needs the path of a file of bars")
    beside = Path(path).with_name(ACTIONS_NAME) if path else None
    given = Path(actions) if actions else beside if beside is not None and beside.is_file() else None
    configured = sorted({symbol for entry in place.settings.enabled for symbol in entry.symbols})
    return Request(
        provider=provider,
        symbols=tuple(symbols) if symbols else None if path else tuple(configured),
        timeframe=Timeframe.parse(timeframe) if timeframe else None,
        start=dates[0],
        end=dates[1],
        path=Path(path) if path else None,
        actions=given,
    )


def is_worth_retrying(error: object) -> bool:
    """Whether trying again may help: somebody else failed."""
    return isinstance(error, ProviderError)


def failed(symbol: str, wanted: Request, error: TradingError) -> SymbolReport:
    """Return the report of a symbol that could not be fetched."""
    return SymbolReport(symbol, wanted.timeframe.name if wanted.timeframe else "1d", error=str(error))


def rows(reports: Sequence[SymbolReport]) -> list[dict[str, Any]]:
    """Return one row a symbol for people."""
    return [
        {
            "symbol": one.symbol,
            "found": one.found,
            "inserted": one.inserted,
            "updated": one.updated,
            "unchanged": one.unchanged,
            "quarantined": sum(one.quarantined.values()),
            "gaps": one.gaps,
            "last": one.last or "",
            "error": one.error or "",
        }
        for one in reports
    ]
