"""A trading session as one flow run.

Production: the supervisor starts ``main`` in a process of its own. The session trades in the main thread and needs no Prefect;
the flow runs in a thread beside it and only follows, so that nothing Prefect does, or fails to do, reaches the loop. Prefect UI:
the worker runs the same flow from its deployment, and then the flow hosts the session.

Annotations are evaluated, not postponed: Prefect makes the form of the parameters from them.
"""

import asyncio
import logging
import os
import sys
from contextlib import suppress
from typing import Annotated, Literal

import httpx
from prefect import flow, tags
from prefect.artifacts import (
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    aupdate_progress_artifact,
)
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from tasks import jobs, log, report, session_host
from tasks.session_host import AlreadyRunning, Hosted
from tasks.session_plan import plan_session

PROGRESS_SECONDS = 10.0
LAST_SECONDS = 2.0

FAILURES = (httpx.HTTPError, PrefectException, RuntimeError, OSError)
"""What Prefect raises where its server is away, answers nonsense or refuses."""


@flow(name="trade-session", flow_run_name="trade-{feed}", retries=0)
async def trade_session(
    strategies: list[str] | None = None,
    symbols: list[str] | None = None,
    feed: str = "replay",
    speed: Annotated[float, Field(gt=0)] | Literal["max"] | None = None,
    initial_cash: Annotated[float, Field(gt=0)] | None = None,
) -> State[None]:
    """Trade on paper until the feed ends; a session that was killed goes on where its journal ends.

    Args:
        strategies: Names of strategies; empty for those enabled in the configuration.
        symbols: Symbols to trade; empty for those of the configuration.
        feed: replay for the stored bars, replay:PATH for those of a file.
        speed: Bars a second, or max; empty for the configured speed.
        initial_cash: Cash at the start; empty for the configured amount.
    """
    hosted = session_host.current()
    if hosted is not None:
        return await _shown(hosted)
    wishes = jobs.wishes(strategies, symbols, feed, speed, initial_cash)
    with jobs.workspace("replay") as place:
        plan = await asyncio.to_thread(plan_session, place.settings, place.database, wishes)
        own = Hosted(plan, place.database)
        trading = asyncio.create_task(own.trade())
        try:
            return await _shown(own)
        finally:
            own.stop("its flow run ended")
            await asyncio.wait([trading])


async def _shown(hosted: Hosted) -> State[None]:
    """Show the session in the Prefect UI until it ends; return how it did."""
    showing = asyncio.create_task(_show(hosted))
    try:
        outcome = await hosted.outcome()
    except AlreadyRunning as error:
        return Completed(name="AlreadyRunning", message=str(error))
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
    with suppress(*FAILURES):
        await acreate_markdown_artifact(markdown=report.session_markdown(outcome), key="session", description="How it ended")
    return Completed(name=outcome.state.capitalize(), message=f"run {outcome.run_id} after {outcome.instants} instants")


async def _show(hosted: Hosted) -> None:
    """Keep a link and a progress bar on the flow run; whatever fails here is not the session's business."""
    await hosted.note_flow_run(str(flow_run.id))
    await acreate_link_artifact(link=jobs.dashboard_url(), link_text="Dashboard", key="dashboard")
    bar = await acreate_progress_artifact(progress=0.0, key="session-progress", description="Share of the feed behind us")
    try:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            await aupdate_progress_artifact(bar, 100.0 * hosted.progress)
    finally:
        async with asyncio.timeout(LAST_SECONDS):
            await aupdate_progress_artifact(bar, 100.0 * hosted.progress)


def follow(hosted: Hosted) -> None:
    """Run the flow in this thread, beside the session, until both have ended."""

    async def run() -> None:
        await trade_session(list(hosted.plan.strategies), list(hosted.plan.symbols), hosted.plan.feed, return_state=True)

    with session_host.hosting(hosted), tags("trading"):
        asyncio.run(run())


def main() -> int:
    """Run the session of the configuration, as the supervisor's session process; return its exit code."""
    with jobs.workspace("session") as place:
        log.configure("session", place.installation.logs, place.settings.system.log_level)
        return session_host.serve(place, follow, FAILURES)


if __name__ == "__main__":
    code = session_host.exit_code(main)
    logging.shutdown()
    sys.stdout.flush()
    # Prefect's own exit waits minutes for a server that is away; everything that matters is committed.
    os._exit(code)
