"""The Prefect server from outside: its settings, its sign-in, its health, and requests for runs.

Everything here speaks plain HTTP, so that the CLI, the web process and the trading session need none of Prefect's own import.
A server that does not answer raises ``ProviderError`` within the timeout; nothing waits for it.
"""

from __future__ import annotations

import base64
import logging
import os
import re
import secrets
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx
import yaml

from domain.errors import DataError, ProviderError
from tasks.database.connection import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks.settings import Installation, Schedules

POOL: Final = "pi5"
JOBS: Final = "jobs"
SESSIONS: Final = "sessions"
"""The work pool; its queue for jobs, one heavy child at a time; its queue for sessions started in the Prefect UI."""

INGEST: Final = "ingest"
"""The deployment that asks market data providers."""

PREFECT_FILE: Final = Path(__file__).resolve().parent.parent / "prefect.yaml"
USER: Final = "pi5"
ANSWER_SECONDS: Final = 2.0
_BUSY_PAUSES: Final = (0.1, 0.3, 0.6, 1.0, 2.0)
"""Seconds between requests while the server answers 503: its database was busy, nothing was done, it wants to be asked again."""

_LINES: Final = 200
_SOON: Final = timedelta(minutes=2)
_FAILED: Final = re.compile(r"Task run failed with exception: \w+\((['\"])(.*?)\1\)(?: - .*)?$", re.DOTALL)

_UNREACHABLE: Final = "the Prefect server at {url} does not answer ({error}): see ./pi5 logs prefect"


def api_url(installation: Installation) -> str:
    """Return the address of the server's API."""
    return f"http://127.0.0.1:{installation.prefect_port}/api"


def ui_url(installation: Installation) -> str:
    """Return the address of the Prefect UI."""
    return f"http://127.0.0.1:{installation.prefect_port}"


def sign_in(installation: Installation) -> str:
    """Return ``user:password`` of the Prefect UI and API, made at the first call and kept in the data directory (0600)."""
    return f"{USER}:{_kept(installation, 'prefect-password', lambda: secrets.token_urlsafe(18))}"


def _kept(installation: Installation, name: str, make: Callable[[], str]) -> str:
    """Return the secret called ``name``; of several processes that make it at once, all return the same."""
    folder = Path(installation.data) / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        draft = folder / f".{name}-{os.getpid()}-{secrets.token_hex(4)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first; its secret counts
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii").strip()


def server_database_url(installation: Installation, database_url: str) -> str:
    """Return the URL of the server's own database: ``<name>_prefect`` beside ours, made where it is missing, or a SQLite file.

    Prefect's schema needs the extension pg_trgm. The embedded PostgreSQL has no extensions, and not every user may create a
    database: there the server keeps its runs in the data directory.
    """
    own = f"{urlsplit(database_url).path.strip('/')}_prefect"
    if installation.database_url is None or not _make_database(database_url, own):
        folder = Path(installation.data) / "prefect"
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite+aiosqlite:///{folder / 'server.db'}"
    parts = urlsplit(database_url)
    # asyncpg calls libpq's sslmode ssl; an empty host (a socket in the query) must keep its slashes.
    query = f"?{parts.query.replace('sslmode=', 'ssl=')}" if parts.query else ""
    return f"postgresql+asyncpg://{parts.netloc}/{own}{query}"


def _make_database(database_url: str, name: str) -> bool:
    """Create the server's database where it is missing; return whether the server can use it."""
    with Database(database_url, application="prefect").connect(autocommit=True) as connection:
        offered = "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'"
        known = "SELECT count(*) FROM pg_database WHERE datname = %s"
        allowed = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        if connection.execute(offered).fetchone() != (1,):
            return False
        if connection.execute(known, (name,)).fetchone() == (1,):
            return True
        if connection.execute(allowed).fetchone() != (True,):
            return False
        connection.execute(f'CREATE DATABASE "{name.replace(chr(34), "")}"'.encode())
        return True


def client_environment(installation: Installation) -> dict[str, str]:
    """Return the environment of every process that runs flows or asks the server."""
    home = str(Path(installation.data) / "prefect")
    return {
        "PREFECT_HOME": home,
        "PREFECT_PROFILES_PATH": str(Path(home) / "profiles.toml"),
        "PREFECT_API_URL": api_url(installation),
        "PREFECT_UI_URL": ui_url(installation),
        "PREFECT_API_AUTH_STRING": sign_in(installation),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # a script without a server must fail, not boot a hidden one
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_CLI_COLORS": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "DO_NOT_TRACK": "1",
    }


def server_environment(installation: Installation, database_url: str) -> dict[str, str]:
    """Return the environment of the Prefect server: loopback, signed in, small and tidy.

    The database at ``database_url`` must be up; see ``server_database_url`` for what the server makes of it.
    """
    key = _kept(installation, "prefect-encryption-key", lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return client_environment(installation) | {
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(installation.prefect_port),
        "PREFECT_SERVER_API_AUTH_STRING": sign_in(installation),
        # The default answers every origin, so that any page in a browser here could call the API.
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ui_url(installation),
        "PREFECT_SERVER_ENCRYPTION_KEY": key,  # else it lies in the database that it protects
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": server_database_url(installation, database_url),
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "3",
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "2",
        # Leases in memory die with the server, and every limited run is crashed minutes after its restart.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # By default runs are kept for ever: 22 KB a task run.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "P30D",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "MALLOC_ARENA_MAX": "2",
    }


class UnknownRun(ProviderError):
    """The server does not know what it was asked for; its database may be a new one."""


class Orchestrator:
    """Asks one installation's Prefect server."""

    def __init__(self, url: str, auth: str | None) -> None:
        self.url = url
        user, _, password = (auth or "").partition(":")
        self._auth = httpx.BasicAuth(user, password) if auth else None

    @classmethod
    def of(cls, installation: Installation) -> Orchestrator:
        """Return the one of ``installation``."""
        return cls(api_url(installation), sign_in(installation))

    def answers(self, timeout: float = ANSWER_SECONDS) -> bool:
        """Whether the server is there and healthy."""
        try:
            return bool(self._request("GET", "/health", timeout=timeout))
        except ProviderError:
            return False

    def version(self, timeout: float = ANSWER_SECONDS) -> str:
        """Return the server's version."""
        return str(self._request("GET", "/admin/version", timeout=timeout))

    def run_deployment(self, name: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Ask for a run of the deployment ``flow/deployment``; return the flow run's id."""
        deployment = self._request("GET", f"/deployments/name/{name}")
        body = {"parameters": dict(parameters or {}), "state": {"type": "SCHEDULED"}}
        return str(self._request("POST", f"/deployments/{deployment['id']}/create_flow_run", body)["id"])

    def state(self, flow_run_id: str) -> str:
        """Return the state type of a run: SCHEDULED, PENDING, RUNNING, COMPLETED, FAILED, CRASHED, CANCELLED ..."""
        return str(self._request("GET", f"/flow_runs/{flow_run_id}")["state_type"])

    def failures(self, flow_run_id: str) -> dict[str, str]:
        """Return the first failure of each task run of a flow run, by task run, those that are tried again included.

        The worker sends its logs every few seconds, which is when a failure shows here.
        """
        wanted = {"flow_run_id": {"any_": [flow_run_id]}, "level": {"ge_": logging.INFO}}
        found: dict[str, str] = {}
        for line in self._request("POST", "/logs/filter", {"logs": wanted, "sort": "TIMESTAMP_ASC", "limit": _LINES}):
            if failed := _FAILED.match(line["message"]):
                found.setdefault(str(line["task_run_id"]), failed[2])
        return found

    def settle_jobs(self) -> int:
        """Give the jobs a final state that an ended worker left running, for each holds the place of the next; return how many.

        To be called while there is no worker.
        """
        left = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}
        body = {"work_pool_queues": {"name": {"any_": [JOBS]}}, "flow_runs": left, "limit": _LINES}
        runs = [run["id"] for run in self._request("POST", "/flow_runs/filter", body)]
        for flow_run in runs:
            self.set_state(flow_run, "CRASHED", "its worker ended")
        return len(runs)

    def skip_due(self, deployment: str) -> int:
        """Cancel the runs of ``deployment`` that its schedule has made due already or within two minutes; return how many."""
        soon = (datetime.now(UTC) + _SOON).isoformat()
        waiting = {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": {"before_": soon}}
        body = {"deployments": {"name": {"any_": [deployment]}}, "flow_runs": waiting, "limit": _LINES}
        due = [run["id"] for run in self._request("POST", "/flow_runs/filter", body) if run["auto_scheduled"]]
        for flow_run in due:
            self.set_state(flow_run, "CANCELLED", "the system was started without a connection")
        return len(due)

    def recent_runs(self, flow: str, limit: int = 20) -> list[tuple[str, str]]:
        """Return id and state type of the latest runs of ``flow``, newest first."""
        body = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC", "limit": limit}
        return [(run["id"], run["state_type"]) for run in self._request("POST", "/flow_runs/filter", body)]

    def set_state(self, flow_run_id: str, state: str, message: str) -> None:
        """Report what became of a run whose process could not."""
        body = {"state": {"type": state, "name": state.capitalize(), "message": message}, "force": True}
        self._request("POST", f"/flow_runs/{flow_run_id}/set_state", body)

    def settle(self, flow_run_id: str, state: str, message: str) -> bool:
        """Give a run its final state unless it has one, or the server does not know it; return whether it was open."""
        try:
            if self.state(flow_run_id) in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
                return False
        except UnknownRun:
            return False
        self.set_state(flow_run_id, state, message)
        return True

    def prepare(self) -> None:
        """Create the work pool and its queues where they are missing."""
        wanted = {"work_pools": {"name": {"any_": [POOL]}}}
        if not self._request("POST", "/work_pools/filter", wanted):
            self._request("POST", "/work_pools/", {"name": POOL, "type": "process", "description": "Jobs of this machine"})
        queues = {queue["name"] for queue in self._request("POST", f"/work_pools/{POOL}/queues/filter", {})}
        for name, limit in ((JOBS, 1), (SESSIONS, None)):
            if name not in queues:
                self._request("POST", f"/work_pools/{POOL}/queues", {"name": name, "concurrency_limit": limit})

    def _request(self, method: str, path: str, body: Any = None, timeout: float = 10.0) -> Any:
        try:
            for pause in (*_BUSY_PAUSES, None):
                answer = httpx.request(method, self.url + path, json=body, auth=self._auth, timeout=timeout, trust_env=False)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or pause is None:
                    break
                time.sleep(pause)
            answer.raise_for_status()
            return answer.json() if answer.content else None
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                raise UnknownRun(f"the Prefect server knows nothing at {path}") from error
            said = f"{error.response.status_code} {error.response.text[:200]}"
            raise ProviderError(f"the Prefect server refused {method} {path}: {said}") from error
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderError(_UNREACHABLE.format(url=self.url, error=error)) from error


def deployment_file(folder: Path, schedules: Schedules, *, offline: bool = False) -> Path:
    """Write prefect.yaml with the schedules of the configuration into ``folder``; return its path.

    ``offline`` switches off the schedule of the deployment that asks a provider.
    """
    document = yaml.safe_load(PREFECT_FILE.read_text(encoding="utf-8"))
    for deployment in document["deployments"]:
        if "schedules" not in deployment:
            continue
        cron = getattr(schedules, deployment["name"].replace("-", "_"))
        if offline and deployment["name"] == INGEST:
            cron = None
        # An absent list leaves what the server has, so a schedule switched off stays there, inactive.
        change = {"active": False} if cron is None else {"active": True, "cron": cron, "timezone": schedules.timezone}
        deployment["schedules"] = [schedule | change for schedule in deployment["schedules"]]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "prefect.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def deploy(installation: Installation, schedules: Schedules, environment: Mapping[str, str], *, offline: bool = False) -> None:
    """Create the pool and all deployments; idempotent. Raise DataError with the tool's last line where it refuses.

    ``offline`` leaves no schedule that asks a provider.
    """
    Orchestrator.of(installation).prepare()
    path = deployment_file(Path(installation.run), schedules, offline=offline)
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(path)]
    done = subprocess.run(  # noqa: S603 - our own interpreter and file
        command,
        env={**environment, **client_environment(installation)},
        cwd=PREFECT_FILE.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise DataError(f"the deployments were refused: {''.join(last)}; run {' '.join(command[2:])} to see it all")
