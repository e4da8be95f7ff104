"""What the account and its strategies did: a row for each strategy, and a report to read.

Annotations are evaluated, not postponed: Prefect makes the form of the parameters from them.
"""

import asyncio
from dataclasses import asdict
from typing import Any

from prefect import flow, task
from prefect.artifacts import acreate_link_artifact, acreate_markdown_artifact, acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from flows.retrying import DELAY_SECONDS, JITTER, database_away
from flows.scheduling import stale
from tasks import jobs

write_performance = task(
    name="write-performance",
    retries=2,
    retry_delay_seconds=DELAY_SECONDS,
    retry_jitter_factor=JITTER,
    retry_condition_fn=database_away,
    cache_policy=NO_CACHE,
)(jobs.report_day)


@flow(name="daily-report", flow_run_name="daily-report")
async def daily_report(run_id: str | None = None) -> dict[str, Any] | State[None]:
    """Write the performance of a trading run into ``strategy_performance`` and a report in Markdown.

    Args:
        run_id: The trading run to report; empty for the latest.
    """
    outdated = await stale()
    if outdated is not None:
        return outdated
    result = await asyncio.to_thread(write_performance, run_id)
    await acreate_markdown_artifact(markdown=result.markdown, key="daily-report", description="Account and strategies")
    table = [asdict(one) for one in result.strategies]
    await acreate_table_artifact(table=table, key="strategy-performance", description="Each strategy's part of the account")
    await acreate_link_artifact(link=jobs.dashboard_url(), link_text="Dashboard", key="dashboard")
    return {"run_id": result.run_id, "equity": result.equity, "strategies": len(result.strategies)}
