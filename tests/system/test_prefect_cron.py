"""The real server on each database it may use: our deployments are accepted, and a cron schedule makes runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest

from tasks import orchestration
from tasks.settings import Schedules
from tests.prefect_server import PrefectServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import DatabaseServer

pytestmark = [pytest.mark.prefect, pytest.mark.system]

SCHEDULE_SECONDS = 90


@pytest.fixture(scope="module")
def server(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server that keeps its runs in SQLite beside the embedded PostgreSQL, in PostgreSQL beside a full one."""
    name = database_server.create()
    made = PrefectServer(tmp_path_factory.mktemp("prefect"), database_server.url(name), embedded=database_server.kind == "embedded")
    try:
        made.start()
        yield made
    finally:
        made.kill()
        database_server.drop(f"{name}_prefect")
        database_server.drop(name)


def ask(server: PrefectServer, path: str, body: dict[str, object]) -> list[dict[str, object]]:
    """Return what the server lists."""
    user, _, password = orchestration.sign_in(server.installation).partition(":")
    answer = httpx.post(server.orchestrator.url + path, json=body, auth=(user, password), timeout=10)
    answer.raise_for_status()
    found: list[dict[str, object]] = answer.json()
    return found


def test_one_minute_cron_of_our_deployments_gets_its_runs_scheduled(server: PrefectServer, database_server: DatabaseServer) -> None:
    """Some versions of the server's own dependencies start, answer, and never schedule anything; a schedule off stays off."""
    database = orchestration.server_environment(server.installation, server.database_url)["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    assert database.startswith("sqlite" if database_server.kind == "embedded" else "postgresql+asyncpg")
    wanted = {"timezone": "America/New_York", "ingest": "* * * * *", "backtest": "off", "daily_report": "30 19 * * 1-5"}
    schedules = Schedules.model_validate(wanted)
    for _ in range(2):
        orchestration.deploy(server.installation, schedules, server.environment)
    deployed = {item["name"]: item["id"] for item in ask(server, "/deployments/filter", {})}
    assert set(deployed) == {"ingest", "backtest", "daily-report", "replay"}
    end = time.monotonic() + SCHEDULE_SECONDS
    while True:
        runs = ask(server, "/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}})
        of = [run["deployment_id"] for run in runs]
        if deployed["ingest"] in of and deployed["daily-report"] in of:
            break
        assert time.monotonic() < end, f"no run was scheduled in {SCHEDULE_SECONDS} s: {server.log.read_text()[-2000:]}"
        time.sleep(1)
    assert deployed["backtest"] not in of
    assert deployed["replay"] not in of


def test_server_refuses_whoever_is_not_signed_in_and_every_other_origin(server: PrefectServer) -> None:
    """Its API holds block secrets: no page in a browser here and no other user may call it."""
    open_call = httpx.post(f"{server.orchestrator.url}/block_documents/filter", json={"include_secrets": True}, timeout=10)
    assert open_call.status_code == 401
    preflight = httpx.options(
        f"{server.orchestrator.url}/block_documents/filter",
        headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"},
        timeout=10,
    )
    assert preflight.headers.get("access-control-allow-origin") not in {"*", "http://evil.example"}
