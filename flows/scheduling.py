"""What every scheduled flow asks first: whether a later slot of its own schedule is due already.

After a pause of the machine all missed slots start at once. Only the latest due one has anything to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
)
from prefect.context import FlowRunContext
from prefect.states import Completed
from prefect.types import DateTime

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun, State


async def stale() -> State[None] | None:
    """Return the final state of a scheduled run whose successor is due, None for a run that has work to do."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None or not run.auto_scheduled or run.expected_start_time is None:
        return None
    later = await _due_after(run)
    if not later:
        return None
    slot = run.expected_start_time.isoformat(timespec="minutes")
    return Completed(name="Stale", message=f"the slot of {slot} was missed, and {later} later ones are due: nothing done")


async def _due_after(run: FlowRun) -> int:
    """Return how many scheduled runs of the same deployment were due after ``run`` and before now."""
    if run.deployment_id is None or run.expected_start_time is None:
        return 0
    due = FlowRunFilterExpectedStartTime(after_=run.expected_start_time, before_=DateTime.now("UTC"))
    async with get_client() as client:
        found = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(expected_start_time=due, id=FlowRunFilterId(not_any_=[run.id])),
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[run.deployment_id])),
            limit=100,
        )
    slot = run.expected_start_time
    return sum(bool(other.auto_scheduled and other.expected_start_time and other.expected_start_time > slot) for other in found)
