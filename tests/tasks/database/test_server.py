"""The embedded PostgreSQL through everything that can happen to it and to its owner."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from domain.errors import AlreadyRunning, ConfigurationError, DataError
from tasks.database import postgres
from tasks.database.connection import Database
from tasks.database.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

AS_ROOT = os.geteuid() == 0
OWNER = """
    import sys, time
    from pathlib import Path
    from tasks.database.server import EmbeddedServer
    print(EmbeddedServer(Path(sys.argv[1])).start(), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the server's user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="pi5-server-"))
    folder.chmod(0o755)
    yield folder
    for cluster in folder.rglob("PG_VERSION"):
        postgres.end_leftovers(cluster.parent)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(place: Path) -> Iterator[EmbeddedServer]:
    """A server that is not started yet."""
    made = EmbeddedServer(place / "data")
    yield made
    made.stop()


def processes(server: EmbeddedServer) -> list[int]:
    """What runs in the server's files."""
    return postgres.server_processes(server.data_dir / "cluster")


def gone_within(server: EmbeddedServer, seconds: float) -> bool:
    """Whether every process of the server ends in time."""
    end = time.monotonic() + seconds
    while processes(server) and time.monotonic() < end:
        time.sleep(0.05)
    return not processes(server)


def start_owner(folder: Path) -> subprocess.Popen[str]:
    """Another process that starts the server and then does nothing."""
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), folder], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )
    assert owner.stdout is not None
    assert owner.stdout.readline().startswith("postgresql://")
    return owner


def execute(url: str, statement: str) -> list[tuple]:
    """Rows of a statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_first_start_makes_a_safe_server_and_a_stop_leaves_no_process(server: EmbeddedServer) -> None:
    """Checksums, UTF-8, UTC, code-point order, no TCP, files closed to others; reached by every driver."""
    url = server.start()
    wanted = {
        "data_checksums": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "TimeZone": "UTC",
        "listen_addresses": "",
        "jit": "off",
        "server_encoding": "UTF8",
    }
    found = dict(execute(url, "SELECT name, setting FROM pg_settings"))
    assert {name: found[name] for name in wanted} == wanted
    assert execute(url, "SELECT 'a' < 'B'") == [(False,)]
    for folder in (server.data_dir / "cluster", server.socket_directory):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with Database(url, application="t").engine.connect() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar_one() == "pi5"
    server.create_database("prefect")
    assert asyncio.run(ask_with_asyncpg(server.url_of("prefect", "postgresql+asyncpg"))) == "prefect"
    assert server.pid in processes(server)
    server.stop()
    assert processes(server) == []
    assert not server.running()


async def ask_with_asyncpg(url: str) -> str:
    """The name of the database, asked as a server that uses SQLAlchemy and asyncpg does."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        name = (await connection.execute(text("SELECT current_database()"))).scalar_one()
    await engine.dispose()
    return str(name)


def test_a_killed_owner_leaves_no_process_and_loses_nothing(place: Path, server: EmbeddedServer) -> None:
    """The kernel ends the server with its owner; the next start has every committed row."""
    owner = start_owner(server.data_dir)
    execute(server.url, "CREATE TABLE kept AS SELECT 1 AS a")
    owner.kill()
    owner.wait()
    assert gone_within(server, 20)
    assert execute(server.start(), "SELECT a FROM kept") == [(1,)]


def test_a_killed_server_is_started_again_with_what_was_committed(server: EmbeddedServer) -> None:
    """After kill -9 of the postmaster the same owner starts it again, and the log is replayed."""
    execute(server.start(), "CREATE TABLE kept AS SELECT 1 AS a")
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    while server.pid is not None:
        time.sleep(0.01)
    assert not server.running()
    assert execute(server.start(), "SELECT a FROM kept") == [(1,)]
    assert server.pid != first


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crashed_backend_does_not_end_the_server(server: EmbeddedServer, number: signal.Signals) -> None:
    """PostgreSQL recovers by itself, under the same owner and postmaster."""
    url = server.start()
    before = server.pid
    with psycopg.connect(url) as connection:
        os.kill(connection.info.backend_pid, number)
    end = time.monotonic() + 20
    while not server.running() and time.monotonic() < end:
        time.sleep(0.05)
    assert server.running()
    assert server.pid == before


def test_others_join_and_cannot_stop_it(server: EmbeddedServer) -> None:
    """One process owns the server; a second one uses it, and leaves it running."""
    owner = start_owner(server.data_dir)
    try:
        assert execute(server.start(), "SELECT 1") == [(1,)]
        assert not server.owner
        server.stop()
        assert server.running()
        with pytest.raises(AlreadyRunning, match="another process owns the database"):
            server.start(own=True, timeout=0.3)
    finally:
        owner.terminate()
        owner.wait()


def test_who_waits_for_ownership_gets_it_when_the_owner_dies(server: EmbeddedServer) -> None:
    """The new owner ends what the old one left and starts its own server."""
    owner = start_owner(server.data_dir)
    owner.kill()
    owner.wait()
    server.start(own=True, timeout=60)
    assert server.owner
    assert server.running()


@pytest.mark.parametrize("kind", ["zombie", "stranger", "garbage"])
def test_a_stale_record_of_a_dead_server_is_no_obstacle(server: EmbeddedServer, kind: str) -> None:
    """A zombie or a stranger with the old number is not taken for a running server."""
    server.start()
    server.stop()
    corpse = subprocess.Popen(["true"])  # never waited for before the start: a zombie
    time.sleep(0.2)
    pid = {"zombie": str(corpse.pid), "stranger": str(os.getpid()), "garbage": "\x00?"}[kind]
    record = server.data_dir / "cluster" / "postmaster.pid"
    record.write_text(f"{pid}\n{server.data_dir}/cluster\n1\n5432\n\n\n\n\n")
    server.start()
    assert server.running()
    corpse.wait()


def test_a_live_server_without_owner_is_stopped_and_replaced(server: EmbeddedServer) -> None:
    """Whoever started it, it must not be two on one set of files."""
    server.start()
    server.stop()
    user = postgres.server_user(server.data_dir / "cluster", server.data_dir)
    orphan = subprocess.Popen([*user.prefix, postgres.wheel_programs() / "postgres", "-D", server.data_dir / "cluster"], cwd="/")
    while not server.running():
        time.sleep(0.05)
    server.start()
    assert orphan.wait(5) == 0  # it was asked to stop, not killed
    assert server.pid in processes(server)


@pytest.mark.parametrize("name", ["with space", 'quote\'s "and" %41, comma', "ü" * 20, "long" * 40])
def test_any_path_will_do(place: Path, name: str) -> None:
    """Spaces, quotes, and paths beyond the limit of a socket's name."""
    server = EmbeddedServer(place / name / "data")
    (place / name).mkdir()
    try:
        assert execute(server.start(), "SELECT 1") == [(1,)]
        assert len(os.fsencode(server.socket_directory / ".s.PGSQL.5432")) <= 100
    finally:
        server.stop()
        if not server.socket_directory.is_relative_to(place):
            server.socket_directory.rmdir()


def test_a_database_of_another_version_is_refused(server: EmbeddedServer) -> None:
    """Files of an older PostgreSQL are left as they are."""
    server.start()
    server.stop()
    (server.data_dir / "cluster" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ConfigurationError, match=r"of PostgreSQL 16, the installed one is 18\."):
        server.start()


def test_a_server_that_does_not_start_says_why(place: Path) -> None:
    """The last words of the server's log are in the message, and nothing is left locked."""
    server = EmbeddedServer(place / "data", settings={"shared_buffers": "nonsense"})
    with pytest.raises(DataError, match=r"did not start: .*shared_buffers"):
        server.start()
    assert not server.owner
    again = EmbeddedServer(place / "data")
    again.start()
    again.stop()


def test_files_of_somebody_else_are_not_overwritten(server: EmbeddedServer) -> None:
    """A folder that holds files but no database is left alone."""
    cluster = server.data_dir / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="holds files but no database"):
        server.start()
    assert (cluster / "thesis.txt").read_text() == "mine"


@pytest.mark.skipif(not AS_ROOT, reason="needs root: becomes another user")
def test_as_root_the_server_runs_as_another_user(server: EmbeddedServer) -> None:
    """No process of the server has root's rights."""
    server.start()
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in processes(server)} == {
        postgres.server_user(server.data_dir / "cluster", server.data_dir).uid
    }


@pytest.mark.skipif(not AS_ROOT, reason="needs root: closes a folder to the server's user")
def test_below_a_closed_folder_it_runs_or_says_what_to_do(place: Path) -> None:
    """A folder with mode 0700 above the data is passed by right, or refused with the way out; its mode stays."""
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedServer(closed / "data")
    told = ""
    try:
        assert execute(server.start(), "SELECT 1") == [(1,)]
    except ConfigurationError as error:
        told = str(error)  # root of a container without that right
    finally:
        server.stop()
    assert not told or ("cannot reach" in told and "PI5_DATA" in told)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="needs root: closes a folder to the server's user")
def test_programs_out_of_reach_are_copied_beside_the_data(place: Path) -> None:
    """An environment below root's home serves too."""
    closed = place / "home"
    closed.mkdir(mode=0o700)
    installation = postgres.wheel_programs().parent
    package = installation.parent.name
    shutil.copytree(installation, closed / package / installation.name, ignore=shutil.ignore_patterns("include", "*.a"))
    shutil.copytree(installation.parents[1] / f"{package}.libs", closed / f"{package}.libs")
    server = EmbeddedServer(place / "data", programs=closed / package / installation.name / "bin")
    try:
        assert execute(server.start(), "SELECT 1") == [(1,)]
        assert list(server.data_dir.glob("postgresql-18.*/**/bin/postgres"))
    finally:
        server.stop()


@pytest.mark.skipif(not AS_ROOT, reason="needs root: becomes another user")
def test_an_ordinary_user_needs_nothing_special(place: Path) -> None:
    """The same program works for a user without any rights."""
    folder = place / "theirs"
    folder.mkdir()
    shutil.chown(folder, "nobody")
    script = "import sys; from pathlib import Path; from tasks.database.server import EmbeddedServer as E\n"
    script += "s = E(Path(sys.argv[1])); print(s.start()); print(s.running()); s.stop(); print(s.running())"
    # The interpreter may lie below root's home: reach it by right, as the user all the same.
    become = next(
        (user for user in postgres.candidates("nobody") if user.run(sys.executable, "-c", "import psycopg").returncode == 0), None
    )
    if become is None:
        pytest.skip("the environment is out of an ordinary user's reach")
    ran = subprocess.run(
        [*become.prefix, sys.executable, "-c", script, folder / "data"],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3], env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert ran.stdout.splitlines()[1:] == ["True", "False"]
