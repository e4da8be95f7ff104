"""When a task is tried again: where somebody else failed and may be back soon, never where trying again gives the same."""

from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from tasks import ingest_job, jobs

JITTER = 0.5
"""The share by which a wait varies, so that tasks that failed together do not come back together."""

DELAY_SECONDS = 5.0


def provider_failed(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a fetch failed for a reason that may pass."""
    return ingest_job.is_worth_retrying(state.result(raise_on_failure=False))


def database_away(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a step failed because the database was away; it may be back."""
    return jobs.is_database_away(state.result(raise_on_failure=False))
