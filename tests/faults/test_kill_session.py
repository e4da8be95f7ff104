"""A session that is killed at any instant ends as one that never was."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from tasks.database.connection import Database
from tasks.settings import load_settings
from tests import sessions

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import DatabaseServer

KILLS = 8
BARS = 400


@pytest.fixture
def url(embedded_server: DatabaseServer) -> Iterator[str]:
    """A fresh database for one test."""
    name = embedded_server.create()
    yield embedded_server.url(name)
    embedded_server.drop(name)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration of three strategies on 400 real daily bars of three symbols."""
    folder = tmp_path_factory.mktemp("session")
    return sessions.write_configuration(folder, sessions.write_bars(folder / "bars.csv", BARS))


def journalled(url: str) -> int:
    """Return how many records all journals have."""
    with psycopg.connect(url) as connection:
        return int(connection.execute("SELECT count(*) FROM journal").fetchone()[0])  # type: ignore[index]  # count has a row


def wait_for(url: str, records: int, process: subprocess.Popen[str]) -> None:
    """Return once the journal has ``records`` records or the process has ended."""
    end = time.monotonic() + 60
    while journalled(url) < records and process.poll() is None:
        assert time.monotonic() < end, "the session writes nothing"
        time.sleep(0.002)


def test_session_killed_at_random_instants_ends_with_the_hashes_of_one_never_killed(url: str, configuration: Path) -> None:
    """Kill -9 anywhere loses nothing and repeats nothing: the journal decides where a restart goes on."""
    chance = random.Random(20240229)  # noqa: S311 - a test repeats its chance
    expected = sessions.expected(load_settings(configuration, {})).document
    assert expected["fills"] > 50, "too little happens for the test to mean something"
    killed = 0
    while killed < KILLS:
        process = sessions.start(url, configuration)
        wait_for(url, journalled(url) + chance.randint(1, 2 * BARS // KILLS), process)
        time.sleep(chance.random() * 0.01)
        process.kill()
        output, _ = process.communicate()
        assert process.returncode == -9, f"the session ended before it could be killed: {output}"
        killed += 1
    process = sessions.start(url, configuration)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert output.splitlines()[-1] == f"finished {expected['ledger_sha256']} {expected['equity_sha256']}"
    with psycopg.connect(url) as connection:
        runs = connection.execute("SELECT state, ledger_sha256, equity_sha256 FROM runs").fetchall()
        epochs = connection.execute("SELECT epoch FROM writers").fetchone()
        fills = connection.execute("SELECT count(*), count(DISTINCT (order_id, filled_lots)) FROM fills").fetchone()
    assert runs == [("finished", expected["ledger_sha256"], expected["equity_sha256"])]
    assert epochs is not None
    assert epochs[0] > 1, "no life wrote after another"
    assert fills == (expected["fills"], expected["fills"])


def test_second_session_on_the_same_account_exits_7(url: str, configuration: Path) -> None:
    """One session an account: the second says who holds it and changes nothing."""
    first = sessions.start(url, configuration, "20")
    try:
        wait_for(url, 5, first)
        second = sessions.start(url, configuration, "max")
        output, _ = second.communicate(timeout=60)
        assert second.returncode == 7, output
        assert "another session" in output
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()


def test_session_whose_lock_was_taken_over_halts_before_its_next_write(url: str, configuration: Path) -> None:
    """A session that lost its connection, and with it the lock, to another one writes nothing more and exits 7."""
    first = sessions.start(url, configuration, "20")
    try:
        wait_for(url, 5, first)
        database = Database(url, application="tests")
        with database.connect(autocommit=True) as connection:
            connection.execute("UPDATE writers SET epoch = epoch + 1")  # what another session's start does
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pi5 session' "
                "AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
            )
            before = journalled(url)
        output, _ = first.communicate(timeout=60)
        assert first.returncode == 7, output
        assert journalled(url) == before
    finally:
        first.kill()
        first.wait()
