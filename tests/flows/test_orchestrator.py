"""What ``up`` asks a real Prefect server: which fetches failed so far, and to leave missed slots out."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
from prefect.states import Running
from prefect.types import DateTime

from domain.errors import ProviderError
from tasks.orchestration import JOBS, POOL, SESSIONS, Orchestrator

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]


def orchestrator() -> Orchestrator:
    """Return one that asks the tests' server."""
    return Orchestrator(str(PREFECT_API_URL.value()), None)


@task(retries=1, retry_delay_seconds=0.1)
def fetch(symbol: str) -> None:
    """Fail as a provider does without a network."""
    raise ProviderError(f"Yahoo failed for {symbol}: it's away")


@flow
def fetches() -> str:
    """Return the id of this run, in which two fetches failed and were tried again."""
    for symbol in ("SPY", "QQQ"):
        fetch(symbol, return_state=True)
    return str(flow_run.id)


def test_each_failed_fetch_is_known_once_while_it_is_tried_again() -> None:
    """The reason of every failed task run, once, however often it was tried."""
    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: True}):
        run = fetches()
    until = time.monotonic() + 20.0
    while len(found := orchestrator().failures(run)) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    assert sorted(found.values()) == ["Yahoo failed for QQQ: it's away", "Yahoo failed for SPY: it's away"]


@flow(name="provider-job")
async def job() -> None:
    """Stand for what would ask a provider."""


async def test_due_slots_are_cancelled_and_later_ones_and_requests_stay() -> None:
    """What a schedule made due while the machine was off is left out; what a person asks for and the coming slots are not."""
    now = DateTime.now("UTC")
    every = IntervalSchedule(interval=timedelta(hours=1), anchor_date=now - timedelta(hours=100, minutes=5))
    async with get_client() as client:
        schedule = DeploymentScheduleCreate(schedule=every, active=True)
        made = await client.create_deployment(await client.create_flow(job), "provider-job", schedules=[schedule])
        span = {"start_time": str(now - timedelta(hours=2)), "end_time": str(now + timedelta(hours=2)), "max_runs": 4}
        (await client._client.post(f"/deployments/{made}/schedule", json=span)).raise_for_status()
        asked = await client.create_flow_run_from_deployment(made)
        assert await asyncio.to_thread(orchestrator().skip_due, "provider-job") == 2
        runs = await client.read_flow_runs()
    states: dict[str, set[str]] = {"due": set(), "coming": set(), "asked for": set()}
    for run in runs:
        if run.deployment_id == made and run.state and run.expected_start_time:
            kind = "asked for" if run.id == asked.id else "due" if run.expected_start_time < now else "coming"
            states[kind].add(str(run.state.name))
    assert states == {"due": {"Cancelled"}, "coming": {"Scheduled"}, "asked for": {"Scheduled"}}


async def test_jobs_of_an_ended_worker_give_up_their_place_and_sessions_do_not() -> None:
    """A job that was running when its worker ended is Crashed at the next start, so that the next one need not wait for it."""
    await asyncio.to_thread(orchestrator().prepare)
    states: dict[str, str] = {}
    async with get_client() as client:
        runs = {}
        for queue in (JOBS, SESSIONS):
            made = await client.create_deployment(
                await client.create_flow(job), f"left-{queue}", work_pool_name=POOL, work_queue_name=queue
            )
            runs[queue] = await client.create_flow_run_from_deployment(made, state=Running())
        assert await asyncio.to_thread(orchestrator().settle_jobs) == 1
        for queue, run in runs.items():
            states[queue] = str((await client.read_flow_run(run.id)).state_type).rpartition(".")[2]
    assert states == {JOBS: "CRASHED", SESSIONS: "RUNNING"}
