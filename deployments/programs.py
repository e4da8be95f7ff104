"""The programs of an installation beside its database."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from deployments.processes import Program
from domain.errors import ConfigurationError, InputError
from tasks import orchestration
from tasks.system_database import database_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.settings import Installation

REFUSALS: Final = frozenset({InputError.exit_code, ConfigurationError.exit_code})
"""How a session ends whose configuration or arguments cannot be used: a restart changes neither."""


def programs(installation: Installation, environment: Mapping[str, str]) -> dict[str, Program]:
    """Return them by name; ``environment`` is what all of them start with."""
    client = {**environment, **orchestration.client_environment(installation), "MALLOC_ARENA_MAX": "2"}
    server = {**environment, **orchestration.server_environment(installation, database_url(installation))}
    python = (sys.executable, "-m")
    prefect = (*python, "prefect")
    port = str(installation.prefect_port)
    return {
        program.name: program
        for program in (
            Program("prefect", (*prefect, "server", "start", "--host", "127.0.0.1", "--port", port), server),
            Program("worker", (*prefect, "worker", "start", "--pool", orchestration.POOL, "--type", "process"), client),
            Program("session", (*python, "flows.trade_session"), client, finishes=True, refusals=REFUSALS, patience=8.0),
            Program("web", (*python, "dashboards.server"), client),
        )
    }
