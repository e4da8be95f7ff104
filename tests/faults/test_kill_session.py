"""A session that is killed at any instant ends as one that never was."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from tasks import registry
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


def kill_and_finish(
    url: str, configuration: Path, chance: random.Random, strategies: Path | None = None, feed: str | None = None
) -> str:
    """Kill a session again and again, let a last one end, and return the line it prints.

    On a machine that does much else the poll can miss its moment and a session end before its kill; the first half never does.
    """
    for kill in range(KILLS):
        process = sessions.start(url, configuration, "max", strategies, feed)
        wait_for(url, journalled(url) + chance.randint(1, 2 * BARS // KILLS), process)
        time.sleep(chance.random() * 0.01)
        process.kill()
        output, _ = process.communicate()
        if process.returncode == 0 and kill >= KILLS // 2:
            return output.splitlines()[-1]
        assert process.returncode == -9, f"the session ended before it could be killed: {output}"
    process = sessions.start(url, configuration, "max", strategies, feed)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output.splitlines()[-1]


def test_session_killed_at_random_instants_ends_with_the_hashes_of_one_never_killed(url: str, configuration: Path) -> None:
    """Kill -9 anywhere loses nothing and repeats nothing: the journal decides where a restart goes on."""
    expected = sessions.expected(load_settings(configuration, {})).document
    assert expected["fills"] > 50, "too little happens for the test to mean something"
    last = kill_and_finish(url, configuration, random.Random(20240229))  # noqa: S311 - a test repeats its chance
    assert last == f"finished {expected['ledger_sha256']} {expected['equity_sha256']}"
    with psycopg.connect(url) as connection:
        runs = connection.execute("SELECT state, ledger_sha256, equity_sha256 FROM runs").fetchall()
        epochs = connection.execute("SELECT epoch FROM writers").fetchone()
        fills = connection.execute("SELECT count(*), count(DISTINCT (order_id, filled_lots)) FROM fills").fetchone()
    assert runs == [("finished", expected["ledger_sha256"], expected["equity_sha256"])]
    assert epochs is not None
    assert epochs[0] > 1, "no life wrote after another"
    assert fills == (expected["fills"], expected["fills"])


def test_killed_session_with_resting_orders_ends_as_the_backtest_and_as_one_never_killed(
    url: str, embedded_server: DatabaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops, limits, trailing stops and brackets that rest when the process dies rest where they were in its next life.

    A session that ends has compared its state with the folded journal.
    """
    monkeypatch.setattr(registry, "_installed", lambda: sessions.RESTING_STRATEGIES)
    configuration = sessions.write_configuration(tmp_path, sessions.write_bars(tmp_path / "bars.csv", BARS), sessions.RESTING)
    expected = sessions.expected(load_settings(configuration, {}))
    reasons = {fill["reason"] for fill in expected.fills}
    assert {"target", "stop_loss", "take_profit", "trailing_stop"} <= reasons, "too little happens for the test to mean something"
    never_killed = sessions.start(
        embedded_server.url(other := embedded_server.create()), configuration, "max", sessions.RESTING_STRATEGIES
    )
    output, _ = never_killed.communicate(timeout=120)
    embedded_server.drop(other)
    last = kill_and_finish(url, configuration, random.Random(20251126), sessions.RESTING_STRATEGIES)  # noqa: S311 - as above
    hashes = f"{expected.document['ledger_sha256']} {expected.document['equity_sha256']}"
    assert last == output.splitlines()[-1] == f"finished {hashes}"
    with psycopg.connect(url) as connection:
        left = connection.execute(
            "SELECT count(*) FROM orders WHERE status = 'partially_filled' AND filled_lots >= lots"
        ).fetchone()
        kinds = dict(connection.execute("SELECT order_type, count(*) FROM orders GROUP BY 1").fetchall())
    assert left == (0,)
    assert kinds.keys() >= {"market", "limit", "stop", "trailing_stop"}


def test_killed_session_with_shared_symbols_ends_as_the_backtest(url: str, tmp_path: Path) -> None:
    """What stands of each strategy is in no journal: each life finds it again in the bars, however long ago it was said."""
    configuration = sessions.write_configuration(tmp_path, sessions.write_bars(tmp_path / "bars.csv", BARS), sessions.SHARED)
    expected = sessions.expected(load_settings(configuration, {})).document
    assert expected["assumptions"]["shared_symbols"].keys() == {"IBM", "SPY"}
    assert expected["fills"] > 50, "too little happens for the test to mean something"
    last = kill_and_finish(url, configuration, random.Random(20261018))  # noqa: S311 - as above
    assert last == f"finished {expected['ledger_sha256']} {expected['equity_sha256']}"
    with psycopg.connect(url) as connection:
        owners = {table: connection.execute(f"SELECT DISTINCT strategy FROM {table}").fetchall() for table in ("orders", "fills")}  # noqa: S608 - two names of ours
        lives = connection.execute("SELECT epoch FROM writers").fetchone()
    assert lives is not None
    assert lives[0] > 1, "no life wrote after another"
    names = ["buy_and_hold", "moving_average_crossover+rsi_mean_reversion"]
    assert {table: sorted(name for (name,) in rows) for table, rows in owners.items()} == {"orders": names, "fills": names}


def refusals(url: str) -> list[tuple[str, str]]:
    """Return time and symbol of every entry refused for data in doubt, in the order of the journal."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT payload ->> 'time', payload ->> 'symbol' FROM journal WHERE payload ->> 'breach' = 'doubted_data' ORDER BY seq"
        ).fetchall()


def test_killed_session_refuses_the_entries_that_one_never_killed_refuses_for_bars_in_doubt(
    url: str, embedded_server: DatabaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doubt follows from the bars and the refusal is in the journal: no life forgets what another one found."""
    monkeypatch.setattr(registry, "_installed", lambda: sessions.RESTING_STRATEGIES)
    bars = sessions.write_bars(tmp_path / "bars.csv", BARS)
    for symbol in ("IBM", "QQQ", "SPY"):
        sessions.make_spikes(bars, symbol, 9)
    configuration = sessions.write_configuration(tmp_path, bars, sessions.RESTING)
    other = embedded_server.url(name := embedded_server.create())
    never_killed = sessions.start(other, configuration, "max", sessions.RESTING_STRATEGIES, sessions.PRESENT)
    output, _ = never_killed.communicate(timeout=120)
    refused = refusals(other)
    embedded_server.drop(name)
    assert len(refused) > 20, "too little is refused for the test to mean something"
    chance = random.Random(20260118)  # noqa: S311 - as above
    last = kill_and_finish(url, configuration, chance, sessions.RESTING_STRATEGIES, sessions.PRESENT)
    assert last == output.splitlines()[-1]
    assert refusals(url) == refused
    trusted = sessions.expected(load_settings(configuration, {})).document
    assert last != f"finished {trusted['ledger_sha256']} {trusted['equity_sha256']}", "the doubt changed nothing"


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
