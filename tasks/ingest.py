"""Bars into the database: fetched, checked, stored, their holes recorded. Done twice, it changes nothing.

``fetch_file_rows`` or ``fetch_symbol``, ``check`` and ``store`` are apart so that a flow can repeat the one that failed;
``ingest`` is all of them in a row.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec import structs

from domain.errors import DataError, InputError, ProviderError
from domain.examination import examine
from domain.market import DAY, TIMEFRAMES, AssetClass, Instrument, Timeframe
from domain.new_york import at_local
from domain.quality import BAD_SYMBOL, FLAGGED, NO_TIME, REPEATED, Quarantined, iso
from domain.sessions import find_gaps, session_dates
from domain.symbol_changes import check_changes, concerning
from tasks import ingest_events, ingest_gaps
from tasks.database.bars import last_bars, read_bars, upsert_bars
from tasks.database.reference import (
    read_instruments,
    read_symbol_changes,
    save_actions,
    save_instruments,
    save_quarantine,
    save_symbol_changes,
)
from tasks.ingest_report import NO_SYMBOL, IngestReport, SymbolReport, first_findings
from tasks.market_data import open_provider
from tasks.market_data.files import fetch as fetch_file

if TYPE_CHECKING:
    from pathlib import Path

    from domain.market import Bars, CorporateAction
    from domain.symbol_changes import SymbolChange
    from tasks.database.connection import Database
    from tasks.market_data.provider import Fetched, Provider

_VALUES: Final = ("open", "high", "low", "close", "volume")
_SHIPPED_ACTIONS: Final = "corporate_actions.csv"
_DAILY: Final = TIMEFRAMES["1d"]
_EPOCH: Final = date(1970, 1, 1)
_OVERLAP: Final = timedelta(days=7)  # late corrections of a vendor come within days


@dataclass(frozen=True, slots=True)
class Request:
    """What to bring in: from the file ``path``, else from the provider called ``provider``.

    ``symbols`` None takes all of a file. ``timeframe`` None is inferred from a file, and 1d from a provider. Dates are session
    dates, both included. ``zone`` is that of times in the file without an offset. ``asset_class`` is that of symbols the database
    does not know; ``actions`` is a file of them.
    """

    provider: str = "yahoo"
    symbols: tuple[str, ...] | None = None
    timeframe: Timeframe | None = None
    start: date | None = None
    end: date | None = None
    path: Path | None = None
    zone: str | None = None
    actions: Path | None = None
    asset_class: AssetClass = AssetClass.EQUITY
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """One symbol after the checks: ``bars`` None where none of its rows can be true.

    ``instrument`` None stands for the rows that have no symbol. ``examples`` are the first findings of each kind.
    """

    instrument: Instrument | None
    timeframe: Timeframe
    source: str
    found: int
    bars: Bars | None
    quarantined: tuple[Quarantined, ...]
    flagged: dict[str, int]
    repeated: int
    actions: tuple[CorporateAction, ...]
    examples: dict[str, list[str]]
    changes: tuple[SymbolChange, ...] = ()


def ingest(database: Database, request: Request, *, now: int | None = None, provider: Provider | None = None) -> IngestReport:
    """Bring in what ``request`` names and report; ``now`` is UTC microseconds, the machine's clock where None.

    A symbol that fails leaves the others. Raises DataError or ProviderError where nothing at all could be stored, InputError
    for a request that names neither a file nor symbols.
    """
    present = clock() if now is None else now
    with ingest_events.failures_recorded(database, ingest_events.source_of(request.path, request.provider)):
        report = _from_file(database, request, present) if request.path else _from_provider(database, request, present, provider)
    ingest_events.record(database, report.source, report.symbols)
    return report.or_raise(ProviderError if request.path is None else DataError)


def _from_file(database: Database, request: Request, now: int) -> IngestReport:
    fetched = fetch_file_rows(database, request)
    return IngestReport(fetched.source, tuple(store(database, one) for one in check(fetched, now)))


def _from_provider(database: Database, request: Request, now: int, provider: Provider | None) -> IngestReport:
    if not request.symbols:
        raise InputError("nothing to ingest: name symbols, or a file of bars")
    source = provider or open_provider(request.provider, request.cache)
    reports: list[SymbolReport] = []
    for symbol in sorted(set(request.symbols)):
        try:
            fetched = fetch_symbol(database, request, symbol, now, source)
            reports += [fill_gaps(database, request, store(database, one), now, source) for one in check(fetched, now)]
        except (ProviderError, DataError) as error:
            reports.append(SymbolReport(symbol, (request.timeframe or _DAILY).name, error=str(error)))
    return IngestReport(source.name, tuple(reports))


def ingest_shipped(database: Database, folder: Path, *, now: int | None = None) -> list[IngestReport]:
    """Bring in every ``<asset class>_<timeframe>.parquet`` of ``folder`` with its corporate actions, as a first start does."""
    actions = folder / _SHIPPED_ACTIONS
    return [
        ingest(database, Request(path=path, actions=actions, asset_class=AssetClass(path.stem.partition("_")[0])), now=now)
        for path in sorted(folder.glob("*.parquet"))
    ]


def fetch_file_rows(database: Database, request: Request) -> Fetched:
    """Return the rows of the request's file, of the instruments the database knows or those of its asset class.

    Raises DataError for changes of symbols that cannot be beside those that are stored.
    """
    if request.path is None:
        raise InputError("the request names no file")
    known = read_instruments(database)
    fetched = fetch_file(
        request.path,
        request.symbols,
        request.start,
        request.end,
        asset_class=request.asset_class,
        instruments=known,
        timeframe=request.timeframe,
        zone=request.zone,
        actions=request.actions,
    )
    if fetched.changes:
        standing = {change.symbol: change for change in (*read_symbol_changes(database), *fetched.changes)}
        check_changes(list(standing.values()), f"{request.actions}, with what is stored,")
    return fetched


def fetch_symbol(database: Database, request: Request, symbol: str, now: int, provider: Provider | None = None) -> Fetched:
    """Return a provider's rows of one symbol; raise ProviderError where it fails, which may be tried again.

    Without a start it goes on a week before the last stored bar, or takes all there is where none is stored.
    """
    source = provider or open_provider(request.provider, request.cache)
    timeframe = request.timeframe or _DAILY
    instrument = read_instruments(database, [symbol]).get(symbol) or Instrument.of(symbol, request.asset_class)
    start = request.start
    if start is None and len(last := last_bars(database, symbol, timeframe, 1)):
        start = _EPOCH + timedelta(days=int(session_dates(last.time, timeframe, instrument.calendar)[0])) - _OVERLAP
    return source.fetch(instrument, timeframe, start, request.end, now)


def check(fetched: Fetched, now: int) -> list[Checked]:
    """Divide the rows of each symbol into bars and quarantined ones; pure."""
    known = {instrument.symbol: instrument for instrument in fetched.instruments}
    divided, findings = examine(fetched.rows, fetched.timeframe, known, now, fetched.actions)
    bars = {one.symbol: one for one in divided.bars}
    checked = []
    for symbol, instrument in sorted(known.items()):
        mine = [finding for finding in findings if finding.symbol == symbol]
        good = bars.get(symbol)
        checked.append(
            Checked(
                instrument,
                fetched.timeframe,
                fetched.source,
                found=int(np.count_nonzero(fetched.rows.code == fetched.rows.symbols.index(symbol))),
                bars=None if good is None else _stamped(good, instrument),
                quarantined=tuple(row for row in divided.quarantined if row.symbol == symbol),
                flagged=dict(Counter(finding.kind for finding in mine if finding.kind in FLAGGED)),
                repeated=sum(finding.kind == REPEATED for finding in mine),
                actions=tuple(action for action in fetched.actions if action.symbol == symbol),
                examples=first_findings(mine),
                changes=tuple(concerning([symbol], fetched.changes)),
            )
        )
    refused = fetched.rows.refused
    if refused:
        examples = first_findings([finding for finding in findings if finding.kind == BAD_SYMBOL])
        checked.append(Checked(None, fetched.timeframe, fetched.source, len(refused), None, refused, {}, 0, (), examples))
    return checked


def store(database: Database, checked: Checked) -> SymbolReport:
    """Store one symbol's bars, actions and quarantined rows, and all holes of its series; what is stored already stays.

    Of rows without a symbol there is nothing but the quarantine.
    """
    instrument, timeframe = checked.instrument, checked.timeframe
    save_quarantine(database, [record for row in checked.quarantined for record in _quarantine_records(row, checked)])
    outcome = SymbolReport(
        instrument.symbol if instrument else NO_SYMBOL,
        timeframe.name,
        found=checked.found,
        repeated=checked.repeated,
        quarantined=dict(Counter(kind for row in checked.quarantined for kind in row.kinds)),
        flagged=checked.flagged,
        examples=checked.examples,
    )
    if instrument is None:
        return outcome
    if checked.bars is None:
        return replace(outcome, error=f"none of {checked.found} rows can be true: see the quarantine")
    save_instruments(database, [instrument])
    save_actions(database, checked.actions, checked.source)
    save_symbol_changes(database, checked.changes, checked.source)
    count = upsert_bars(database, [checked.bars], checked.source)
    stored = read_bars(database, instrument.symbol, timeframe).time
    gaps = find_gaps(stored, timeframe, instrument.calendar)
    ingest_gaps.record(database, instrument, timeframe, gaps, checked.source)
    return replace(
        outcome,
        **count._asdict(),
        gaps=len(gaps),
        missing=sum(gap.missing for gap in gaps),
        first=iso(int(stored[0])),
        last=iso(int(stored[-1])),
    )


def fill_gaps(
    database: Database, request: Request, report: SymbolReport, now: int, provider: Provider | None = None
) -> SymbolReport:
    """Ask the provider once more for each new hole of a stored series; what it does not have stays recorded with its answer."""
    if report.error is not None or report.gaps == 0:
        return report
    source = provider or open_provider(request.provider, request.cache)
    timeframe = Timeframe.parse(report.timeframe)
    instrument = read_instruments(database, [report.symbol])[report.symbol]
    for hole in ingest_gaps.unasked(database, instrument, timeframe):
        answer = f"{source.name} has none"
        try:
            fetched = source.fetch(instrument, timeframe, hole.first, hole.last, now)
            for one in check(fetched, now):
                report = _with_repair(report, store(database, one))
        except (ProviderError, DataError) as error:
            answer = str(error)
        ingest_gaps.answered(database, instrument, timeframe, hole, answer, now)
    return report


def _with_repair(report: SymbolReport, repair: SymbolReport) -> SymbolReport:
    """Return the report of an ingest with what a second request brought."""
    if repair.error is not None:
        return report
    return replace(
        report,
        inserted=report.inserted + repair.inserted,
        updated=report.updated + repair.updated,
        repaired=report.repaired + repair.inserted,
        gaps=repair.gaps,
        missing=repair.missing,
    )


def clock() -> int:
    """Return the machine's time in UTC microseconds."""
    return time.time_ns() // 1000


def _stamped(bars: Bars, instrument: Instrument) -> Bars:
    """Return daily bars stamped as all stored ones are, 00:00 New York or 00:00 UTC, so that a session has one bar."""
    if not bars.timeframe.is_daily:
        return bars
    if instrument.calendar == "XNYS":
        return structs.replace(bars, time=at_local(session_dates(bars.time, bars.timeframe, "XNYS"), 0))
    return structs.replace(bars, time=bars.time // DAY * DAY)


def _quarantine_records(row: Quarantined, checked: Checked) -> list[dict[str, Any]]:
    """Return one record a reason; the values as they came."""
    base = {
        "source": checked.source,
        "symbol": row.symbol,
        "timeframe": checked.timeframe.name,
        "time": None if row.time == NO_TIME else row.time,
        "row": row.row,
        "detail": row.detail,
        "raw": {name: getattr(row, name) for name in _VALUES},
    }
    return [base | {"kind": kind} for kind in row.kinds]
