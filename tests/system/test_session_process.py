"""The session's process beside a real Prefect server that dies, and without one: trading never notices."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tasks.settings import load_settings
from tests import sessions
from tests.prefect_server import PrefectServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import DatabaseServer

pytestmark = [pytest.mark.prefect, pytest.mark.system]

BARS = 120
SPEED = 8


@pytest.fixture
def server(embedded_server: DatabaseServer, tmp_path: Path) -> Iterator[PrefectServer]:
    """An installation whose session takes about 15 s, its Prefect server not started yet."""
    name = embedded_server.create()
    sessions.write_configuration(tmp_path, sessions.write_bars(tmp_path / "bars.csv", BARS), speed=SPEED)
    made = PrefectServer(tmp_path, embedded_server.url(name), embedded=True)
    yield made
    made.kill()
    embedded_server.drop(name)


@contextmanager
def session(server: PrefectServer) -> Iterator[subprocess.Popen[bytes]]:
    """The session's process as the supervisor starts it."""
    log = (server.installation.data / "session.out").open("ab")
    process = subprocess.Popen([sys.executable, "-m", "flows.trade_session"], env=server.environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        log.close()


def one(server: PrefectServer, query: str) -> Any:
    """Return the first value that ``query`` gives, or None."""
    with psycopg.connect(server.database_url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def closes(server: PrefectServer) -> int:
    """Return how many closes are journalled."""
    return int(one(server, "SELECT count(*) FROM journal WHERE type = 'EquityMarked'"))


def flow_runs(server: PrefectServer) -> list[str]:
    """Return the flow runs that the run row knows."""
    return list(one(server, "SELECT prefect_runs FROM runs ORDER BY created_at DESC LIMIT 1") or [])


def until(happened: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for it; fail with ``what`` did not happen."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def assert_finished_as_the_backtest(server: PrefectServer) -> None:
    """The run's fingerprints are those of the event back-test."""
    expected = sessions.expected(load_settings(server.installation.config, {})).document
    assert one(server, "SELECT state FROM runs") == "finished"
    assert one(server, "SELECT ledger_sha256 FROM runs") == expected["ledger_sha256"]
    assert one(server, "SELECT equity_sha256 FROM runs") == expected["equity_sha256"]


def test_session_goes_on_while_the_server_is_dead_and_reports_when_it_is_back(server: PrefectServer) -> None:
    """Kill -9 of session and server: the first flow run becomes Crashed, the second Completed, the ledger that of no kill."""
    server.start()
    with session(server) as first:
        until(lambda: flow_runs(server) and closes(server) > 10, "the session trades and its flow run is known")
        crashed = flow_runs(server)[0]
        assert server.orchestrator.state(crashed) == "RUNNING"
        first.kill()
    with session(server) as second:
        until(lambda: len(set(flow_runs(server)) - {crashed}) == 1, "the second life has a flow run of its own")
        (running,) = set(flow_runs(server)) - {crashed}
        assert server.orchestrator.state(crashed) == "CRASHED"
        server.kill()
        before = closes(server)
        time.sleep(2)
        assert closes(server) >= before + SPEED, "the session waits for the server"
        until(lambda: one(server, "SELECT state FROM runs") == "finished", "the session ends without the server")
        assert second.poll() is None, "it left without reporting"
        server.start()
        assert second.wait(120) == 0
        assert server.orchestrator.state(running) == "COMPLETED"
    assert flow_runs(server) == []
    assert_finished_as_the_backtest(server)


def test_session_stops_and_starts_without_a_server_and_is_shown_once_there_is_one(server: PrefectServer) -> None:
    """The server dead: SIGTERM ends the session cleanly within 10 s, the next trades at once, and a later server learns of both."""
    server.start()
    with session(server) as first:
        until(lambda: flow_runs(server) and closes(server) > 5, "the session trades and its flow run is known")
        server.kill()
        began = time.monotonic()
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
        assert time.monotonic() - began < 10
        assert one(server, "SELECT state FROM runs") == "stopped"
        stopped_at = closes(server)
    assert stopped_at < BARS
    with session(server) as second:
        until(lambda: closes(server) > stopped_at, "the second life goes on where the first stopped", 30)
        server.start()
        assert second.wait(120) == 0
    assert_finished_as_the_backtest(server)
    runs = server.orchestrator.recent_runs("trade-session")
    assert len(runs) == 2
    assert runs[0][1] == "COMPLETED"
    assert runs[1][1] in {"CRASHED", "COMPLETED"}, "the first life's run is left open"


def test_configuration_that_is_refused_is_one_line_and_exit_78(server: PrefectServer) -> None:
    """The supervisor's log says which field, without a traceback."""
    server.installation.config.write_text("session: {speed: backwards}\n", encoding="utf-8")
    with session(server) as process:
        assert process.wait(60) == 78
    said = (server.installation.data / "session.out").read_text()
    assert "session.speed" in said
    assert "Traceback" not in said
