"""Back-test strategies on the stored bars, and keep what came out.

Annotations are evaluated, not postponed: Prefect makes the form of the parameters from them.
"""

import asyncio
from datetime import date
from typing import Any, Literal

from prefect import flow, task
from prefect.artifacts import (
    acreate_link_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Failed

from flows.retrying import DELAY_SECONDS, JITTER, database_away
from flows.scheduling import stale
from tasks import jobs

run_one = task(
    name="backtest-strategy",
    task_run_name="{strategy}",
    retries=2,
    retry_delay_seconds=DELAY_SECONDS,
    retry_jitter_factor=JITTER,
    retry_condition_fn=database_away,
    cache_policy=NO_CACHE,
)(jobs.backtest_and_store)


def _run_name() -> str:
    """Return a name that says in the list of runs what was tested."""
    return f"backtest {', '.join(flow_run.parameters.get('strategies') or ['enabled strategies'])}"


@flow(name="backtest", flow_run_name=_run_name, log_prints=False, validate_parameters=True)
async def backtest(
    strategies: list[str] | None = None,
    symbols: list[str] | None = None,
    parameters: dict[str, float | int | bool | str] | None = None,
    start: date | None = None,
    end: date | None = None,
    engine: Literal["kernel", "event"] = "kernel",
) -> list[dict[str, Any]] | State[Any]:
    """Back-test each strategy by itself, with limits and costs of the configuration; one that fails leaves the others.

    Args:
        strategies: Names of strategies; empty for those enabled in the configuration.
        symbols: Symbols to trade; empty for those of the configuration.
        parameters: Values of one strategy's parameters in place of the configured ones.
        start: First session, as 2015-01-02; empty for the first stored bar.
        end: Last session, as 2020-12-31; empty for the last stored bar.
        engine: kernel is the fast compiled loop, event the engine that also trades; both give the same.
    """
    outdated = await stale()
    if outdated is not None:
        return outdated
    names = await asyncio.to_thread(jobs.strategies_to_test, strategies)
    first, last = (each.isoformat() if each else None for each in (start, end))
    wanted = jobs.Wanted(tuple(symbols or ()), parameters or {}, first, last, engine)
    bar = await acreate_progress_artifact(progress=0.0, key="backtest-progress", description="Share of the strategies")
    summaries: list[dict[str, Any]] = []
    failures: list[str] = []
    for done, strategy in enumerate(names, start=1):
        outcome = await asyncio.to_thread(jobs.attempt, run_one, strategy, wanted)
        if isinstance(outcome, Exception):
            failures.append(f"{strategy}: {outcome}")
        else:
            summaries.append(outcome)
        await aupdate_progress_artifact(bar, 100.0 * done / len(names))
    await acreate_table_artifact(table=summaries, key="backtests", description="Back-tests of this run")
    await acreate_link_artifact(link=jobs.dashboard_url(), link_text="Dashboard", key="dashboard")
    return Failed(message="; ".join(failures)) if failures else summaries
