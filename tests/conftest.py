"""Real databases and the shared data for every test.

``database`` and ``database_url`` come twice: from the embedded PostgreSQL, and from a real TimescaleDB (marker ``timescale``).
Each test module gets a fresh database with the whole schema, cloned from a template.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import settings

from tasks.database import migrate
from tasks.database.connection import Database
from tasks.database.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("suite", derandomize=True)  # each run of the suite draws the same; benchmarks/parity.py draws anew
settings.load_profile("suite")

ROOT = Path(__file__).parents[1]
TIMESCALE_TOOL = ROOT / "tests/tools/timescale-dev"


def unavailable(reason: str) -> None:
    """Skip the test for want of ``reason``; in CI nothing may be missing, so there it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (never skipped with CI=true)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of wide data and oracles beside the checkout; tests that need it are skipped where it is absent."""
    path = Path(os.environ.get("PI5_SHARED") or ROOT.parent / "shared")
    if not (path / "data").is_dir():
        pytest.skip(f"no shared data in {path}: set PI5_SHARED")
    return path


@dataclass
class DatabaseServer:
    """A server on which tests make databases: ``admin`` is a URL with ``{name}`` for the database."""

    kind: str
    pattern: str
    template: str = field(default_factory=lambda: f"pi5_test_{os.getpid()}_template")
    numbers: count[int] = field(default_factory=count)

    def url(self, name: str = "postgres") -> str:
        """Return the URL of the database ``name``."""
        return self.pattern.format(name=name)

    def execute(self, statement: str) -> None:
        """Run a statement for the whole server."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def make_template(self) -> None:
        """Make the database with the whole schema that the others are cloned from."""
        self.execute(f"CREATE DATABASE {self.template}")
        migrate.up(Database(self.url(self.template), application="tests"))
        # TimescaleDB's scheduler sits in every database that admits sessions, and a database in use cannot be cloned.
        self.execute(f"ALTER DATABASE {self.template} ALLOW_CONNECTIONS false")
        self.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{self.template}'")  # noqa: S608 - our own name

    def create(self, *, migrated: bool = True) -> str:
        """Create a database, with the schema or empty, and return its name."""
        name = f"pi5_test_{os.getpid()}_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {self.template}" if migrated else ""))
        return name

    def drop(self, name: str) -> None:
        """Drop the database ``name`` whoever still uses it."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def drop_abandoned(self) -> None:
        """Drop the databases of test runs that were killed."""
        with psycopg.connect(self.url()) as connection:
            names = [row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'pi5\\_test\\_%'")]
        for name in names:
            if not Path(f"/proc/{name.split('_')[2]}").exists():
                self.drop(name)


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[DatabaseServer]:
    """An embedded PostgreSQL for the whole run, without fsync; its folder is short and open to the server's user."""
    folder = Path(tempfile.mkdtemp(prefix="pi5-test-"))
    folder.chmod(0o755)
    settings = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}
    server = EmbeddedServer(folder / "database", settings=settings)
    try:
        server.start()
        made = DatabaseServer("embedded", server.url_of("{name}"))
        made.make_template()
        yield made
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def timescale_server() -> Iterator[DatabaseServer]:
    """A real TimescaleDB, started without Docker and kept on disk between runs; several runs may share it."""
    folder = Path(os.environ.get("PI5_TIMESCALE_DIR", "/var/tmp/pi5-timescale"))  # noqa: S108 - checked by the tool
    with contextlib.ExitStack() as stack:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context(folder.with_name(folder.name + ".users").open("a"))
        fcntl.flock(lock, fcntl.LOCK_SH)
        started = subprocess.run([TIMESCALE_TOOL, "start", folder], check=False, capture_output=True, text=True)
        if started.returncode != 0:
            unavailable(f"no TimescaleDB: {started.stderr.strip().splitlines()[-1]}")
        made = DatabaseServer("timescale", started.stdout.strip().rpartition("/")[0] + "/{name}")
        made.drop_abandoned()
        made.make_template()
        yield made
        made.drop(made.template)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the last one switches it off
            subprocess.run([TIMESCALE_TOOL, "stop", folder], check=False, capture_output=True)


@pytest.fixture(scope="session", params=["embedded", pytest.param("timescale", marks=pytest.mark.timescale)])
def database_server(request: pytest.FixtureRequest) -> DatabaseServer:
    """Each kind of server in turn."""
    server: DatabaseServer = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture(scope="module")
def database_url(database_server: DatabaseServer) -> Iterator[str]:
    """The URL of a fresh database with the whole schema, for this module; for tests that start processes."""
    name = database_server.create()
    yield database_server.url(name)
    database_server.drop(name)


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    """A fresh database with the whole schema, for this module."""
    made = Database(database_url, application="tests")
    yield made
    made.close()


@pytest.fixture(scope="module")
def embedded_url(embedded_server: DatabaseServer) -> Iterator[str]:
    """As ``database_url``, on the embedded server alone, for tests to which the kind of server means nothing."""
    name = embedded_server.create()
    yield embedded_server.url(name)
    embedded_server.drop(name)


@pytest.fixture(scope="module")
def embedded_database(embedded_url: str) -> Iterator[Database]:
    """As ``database``, on the embedded server alone."""
    made = Database(embedded_url, application="tests")
    yield made
    made.close()


@pytest.fixture
def empty_database(database_server: DatabaseServer) -> Iterator[Database]:
    """A database without any table, for one test."""
    name = database_server.create(migrated=False)
    made = Database(database_server.url(name), application="tests")
    yield made
    made.close()
    database_server.drop(name)
