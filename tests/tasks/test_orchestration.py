"""What we tell the Prefect server, and what we make of its silence."""

from __future__ import annotations

import stat
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import yaml

from domain.errors import ProviderError
from tasks import orchestration
from tasks.installation import Installation
from tasks.orchestration import Orchestrator
from tasks.settings import Schedules, shipped_settings
from tests.prefect_server import free_port

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    """An installation with nothing in it."""
    return Installation(tmp_path, free_port(), free_port())


def test_sign_in_is_made_once_by_however_many_ask_and_only_its_owner_reads_it(place: Installation) -> None:
    """Every process of an installation signs in with the same secret."""
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: orchestration.sign_in(place), range(32)))
    assert len(found) == 1
    user, _, password = found.pop().partition(":")
    assert user == "pi5"
    assert len(password) >= 20
    files = list((place.data / "secrets").iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600]
    assert stat.S_IMODE((place.data / "secrets").stat().st_mode) == 0o700


def test_two_installations_have_different_secrets(tmp_path: Path) -> None:
    """Nothing is shared between data directories."""
    one, two = (Installation(tmp_path / name, 18000, 18001) for name in ("one", "two"))
    assert orchestration.sign_in(one) != orchestration.sign_in(two)


def test_server_listens_on_the_loopback_alone_signed_in_with_an_own_key(place: Installation) -> None:
    """The server's defaults are an open store of secrets; ours are not."""
    environment = orchestration.server_environment(place, "postgresql://pi5@/pi5?host=%2Fsocket")
    assert environment["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    assert environment["PREFECT_SERVER_API_AUTH_STRING"] == environment["PREFECT_API_AUTH_STRING"]
    assert environment["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == orchestration.ui_url(place)
    assert len(environment["PREFECT_SERVER_ENCRYPTION_KEY"]) == 44
    assert environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == f"sqlite+aiosqlite:///{place.data}/prefect/server.db"
    assert "filesystem" in environment["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"]


def test_server_that_is_not_there_is_known_within_two_seconds(place: Installation) -> None:
    """Nobody waits for the server; a request says where to look."""
    orchestrator = Orchestrator.of(place)
    began = time.monotonic()
    assert not orchestrator.answers()
    with pytest.raises(ProviderError, match="does not answer"):
        orchestrator.run_deployment("ingest/ingest")
    assert time.monotonic() - began < 3.0


def test_deployed_schedules_are_those_of_the_configuration(tmp_path: Path) -> None:
    """prefect.yaml gives shape and defaults, the configuration the times; one switched off is deployed inactive."""
    given = {"timezone": "Europe/London", "ingest": "1 2 * * *", "backtest": "off", "daily_report": "3 4 * * *"}
    path = orchestration.deployment_file(tmp_path, Schedules.model_validate(given))
    found = {item["name"]: item.get("schedules") for item in yaml.safe_load(path.read_text())["deployments"]}
    assert (found["ingest"][0]["cron"], found["ingest"][0]["timezone"]) == ("1 2 * * *", "Europe/London")
    assert found["backtest"][0]["active"] is False
    assert found["daily-report"][0]["cron"] == "3 4 * * *"
    assert found["replay"] is None


def test_shipped_schedules_and_prefect_yaml_say_the_same() -> None:
    """Who reads prefect.yaml sees the times that are in force until the configuration changes them."""
    document = yaml.safe_load(orchestration.PREFECT_FILE.read_text())
    schedules = shipped_settings().schedules
    for item in document["deployments"]:
        for schedule in item.get("schedules", ()):
            assert schedule["cron"] == getattr(schedules, item["name"].replace("-", "_"))
            assert schedule["timezone"] == schedules.timezone


def test_every_deployment_is_dotted_pulls_nothing_and_only_jobs_are_limited() -> None:
    """A limited session would be crashed minutes after a restart of the server; a pull would load other modules."""
    document = yaml.safe_load(orchestration.PREFECT_FILE.read_text())
    assert document["pull"] == []
    for item in document["deployments"]:
        assert ":" not in item["entrypoint"]
        limited = "concurrency_limit" in item
        assert limited == (item["work_pool"]["work_queue_name"] == orchestration.JOBS)
        assert item["entrypoint"] != "flows.trade_session.trade_session" or not limited


def test_offline_no_schedule_asks_a_provider_and_the_others_stay(tmp_path: Path) -> None:
    """The ingest is deployed switched off and the rest as configured; a later start with a connection switches it on again."""
    schedules = shipped_settings().schedules
    active: dict[bool, dict[str, bool]] = {}
    for offline in (True, False):
        document = yaml.safe_load(orchestration.deployment_file(tmp_path, schedules, offline=offline).read_text())
        active[offline] = {
            item["name"]: schedule["active"] for item in document["deployments"] for schedule in item.get("schedules", ())
        }
    assert active[True] == {"ingest": False, "backtest": True, "daily-report": True}
    assert active[False] == {"ingest": True, "backtest": True, "daily-report": True}
