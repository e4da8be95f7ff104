"""Bring bars in: fetch, check, store, symbol by symbol.

Annotations are evaluated, not postponed: Prefect makes the form of the parameters from them.
"""

import asyncio
from datetime import date
from typing import Any, Literal
from uuid import UUID

from prefect import flow, task
from prefect.artifacts import (
    acreate_link_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Failed
from prefect.tasks import exponential_backoff

from flows.retrying import DELAY_SECONDS, JITTER, database_away, provider_failed
from flows.scheduling import stale
from tasks import ingest, ingest_events, ingest_job, jobs
from tasks.ingest_report import SymbolReport

fetch = task(
    name="fetch",
    task_run_name="fetch-{symbol}",
    retries=3,
    retry_delay_seconds=exponential_backoff(backoff_factor=5),
    retry_jitter_factor=JITTER,
    retry_condition_fn=provider_failed,
    cache_policy=NO_CACHE,
    tags=["provider"],
)(ingest.fetch_symbol)
fetch_file = task(name="fetch-file", cache_policy=NO_CACHE)(ingest.fetch_file_rows)
check = task(name="check", cache_policy=NO_CACHE)(ingest.check)
store = task(
    name="store",
    retries=2,
    retry_delay_seconds=DELAY_SECONDS,
    retry_jitter_factor=JITTER,
    retry_condition_fn=database_away,
    cache_policy=NO_CACHE,
)(ingest.store)
fill_gaps = task(
    name="fill-gaps",
    retries=2,
    retry_delay_seconds=DELAY_SECONDS,
    retry_jitter_factor=JITTER,
    retry_condition_fn=database_away,
    cache_policy=NO_CACHE,
    tags=["provider"],
)(ingest.fill_gaps)


@flow(name="ingest", flow_run_name="ingest-{provider}")
async def ingest_bars(
    provider: Literal["yahoo", "file"] = "yahoo",
    symbols: list[str] | None = None,
    timeframe: Literal["1d", "1h", "30m", "15m", "5m", "1m"] | None = None,
    start: date | None = None,
    end: date | None = None,
    path: str | None = None,
    actions: str | None = None,
) -> list[dict[str, Any]] | State[Any]:
    """Fetch bars, check every row, and store them; rows that cannot be true go to the quarantine with the reason.

    Args:
        provider: Where bars come from; file reads the file named by path.
        symbols: Symbols to fetch; empty for those of the configured strategies, or all of the file.
        timeframe: Length of a bar; empty for daily bars, or what the file holds.
        start: First session; empty to begin where the stored bars end.
        end: Last session; empty for all there is.
        path: CSV or Parquet file on this machine, for provider file.
        actions: CSV of its corporate actions; empty for corporate_actions.csv beside it, where there is one.
    """
    outdated = await stale()
    if outdated is not None:
        return outdated
    with jobs.workspace("ingest") as place:
        wanted = ingest_job.request(place, provider, symbols, timeframe, (start, end), path, actions)
        source = ingest_events.source_of(wanted.path, provider)
        with ingest_events.failures_recorded(place.database, source):
            reports = await (_from_file(place, wanted) if wanted.path else _from_provider(place, wanted))
        await asyncio.to_thread(ingest_events.record, place.database, source, reports)
    rows = ingest_job.rows(reports)
    await acreate_table_artifact(table=rows, key="ingest", description="What became of each symbol's rows")
    await acreate_link_artifact(link=jobs.dashboard_url(), link_text="Dashboard", key="dashboard")
    missed = [row for row in rows if row["error"]]
    if missed:
        return Failed(message="; ".join(f"{row['symbol']}: {row['error']}" for row in missed[:5]))
    return rows


async def _from_file(place: jobs.Workspace, wanted: ingest.Request) -> list[SymbolReport]:
    bar = await _progress()
    now = ingest.clock()
    fetched = await asyncio.to_thread(fetch_file, place.database, wanted)
    checked = await asyncio.to_thread(check, fetched, now)
    reports: list[SymbolReport] = []
    for done, one in enumerate(checked, start=1):
        reports.append(await asyncio.to_thread(store, place.database, one))
        await aupdate_progress_artifact(bar, 100.0 * done / len(checked))
    return reports


async def _from_provider(place: jobs.Workspace, wanted: ingest.Request) -> list[SymbolReport]:
    """Fetch and store one symbol after the other; one that fails leaves the others."""
    now = ingest.clock()
    symbols = wanted.symbols or ()
    bar = await _progress()
    reports: list[SymbolReport] = []
    for done, symbol in enumerate(symbols, start=1):
        fetched = await asyncio.to_thread(jobs.attempt, fetch, place.database, wanted, symbol, now)
        if isinstance(fetched, Exception):
            reports.append(ingest_job.failed(symbol, wanted, fetched))
        else:
            checked = await asyncio.to_thread(check, fetched, now)
            stored = [await asyncio.to_thread(store, place.database, one) for one in checked]
            reports += [await asyncio.to_thread(fill_gaps, place.database, wanted, one, now) for one in stored]
        await aupdate_progress_artifact(bar, 100.0 * done / len(symbols))
    return reports


async def _progress() -> UUID:
    return await acreate_progress_artifact(progress=0.0, key="ingest-progress", description="Share of the symbols")
