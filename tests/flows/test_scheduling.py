"""Scheduled runs that were missed: only the latest due slot does anything."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.flow_engine import run_flow_async
from prefect.types import DateTime

from flows.scheduling import stale

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun, State

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]


@flow(name="scheduled-job")
async def job() -> str | State[Any]:
    """Do something, unless a later slot is due."""
    outdated = await stale()
    return outdated if outdated is not None else "done"


async def hourly(name: str, hours: int) -> tuple[UUID, list[FlowRun]]:
    """Return an hourly deployment and the runs of the last ``hours`` hours as the server's scheduler makes them, oldest first."""
    now = DateTime.now("UTC")
    every = IntervalSchedule(interval=timedelta(hours=1), anchor_date=now - timedelta(hours=100, minutes=5))
    async with get_client() as client:
        made = await client.create_deployment(
            await client.create_flow(job), name, schedules=[DeploymentScheduleCreate(schedule=every, active=True)]
        )
        span = {"start_time": str(now - timedelta(hours=hours)), "end_time": str(now), "max_runs": hours}
        (await client._client.post(f"/deployments/{made}/schedule", json=span)).raise_for_status()
        found = await client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[made])))
    due = sorted((run for run in found if run.expected_start_time <= now), key=lambda run: run.expected_start_time)
    assert len(due) == hours
    assert all(run.auto_scheduled for run in due)
    return made, due


async def final(run: FlowRun) -> State[Any]:
    """Run the job as ``run`` and return its final state."""
    state: State[Any] = await run_flow_async(job, flow_run=run, parameters={}, return_type="state")
    return state


async def test_of_all_missed_slots_only_the_latest_works() -> None:
    """After a downtime the server starts every missed slot at once; the earlier ones end Completed and named Stale."""
    _, runs = await hourly("missed", 3)
    states = [await final(run) for run in runs]
    assert [state.name for state in states] == ["Stale", "Stale", "Completed"]
    assert all(state.is_completed() for state in states)


async def test_run_that_a_person_asked_for_is_never_stale() -> None:
    """Only the schedule's own runs are dropped."""
    deployment, _ = await hourly("asked", 2)
    async with get_client() as client:
        asked = await client.create_flow_run_from_deployment(deployment)
    assert (await final(asked)).name == "Completed"


async def test_slots_of_another_deployment_do_not_count() -> None:
    """Each schedule is judged by itself."""
    _, mine = await hourly("mine", 3)
    _, other = await hourly("other", 1)
    assert other[-1].expected_start_time > mine[0].expected_start_time
    assert [(await final(run)).name for run in (mine[-1], other[-1])] == ["Completed", "Completed"]


async def test_flow_outside_any_deployment_is_never_stale() -> None:
    """A flow called in a process, as tests and people do, just runs."""
    assert await job() == "done"
