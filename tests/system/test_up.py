"""``./pi5 up`` as a whole: one installation through its first run, kills in the middle of a session, and its next starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from deployments import guardian
from tasks.orchestration import sign_in
from tasks.settings import Installation
from tasks.system_database import embedded_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

STRATEGIES = ("moving_average_crossover", "rsi_mean_reversion", "momentum_trend", "buy_and_hold")
PROCESSES = ("database", "prefect", "worker", "session", "web")
PI5 = (sys.executable, "-m", "deployments.cli")
PAGE_FIRST, PAGE_LATER, STOP = 60.0, 25.0, 25.0
"""Seconds to the answering page at the first and at a later start, and to the end of everything."""


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually[T](look: Callable[[], T], seconds: float) -> T:
    """Return what ``look`` returns once it is true; fail where it is not in time."""
    until = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.2)
    return seen


@dataclass
class House:
    """One installation on free ports, and the ``up`` that runs over it."""

    data: Path
    web: int = field(default_factory=free_port)
    prefect: int = field(default_factory=free_port)
    up: subprocess.Popen[bytes] | None = None

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of its commands."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PI5", "PREFECT", "DATABASE_URL"))}
        ports = {"PI5_WEB_PORT": str(self.web), "PI5_PREFECT_PORT": str(self.prefect)}
        return kept | ports | {"PI5_DATA": str(self.data)} | settings

    @property
    def printed(self) -> str:
        """What ``up`` has printed over all its lives."""
        return (self.data.parent / "up.txt").read_text()

    def start(self, speed: str) -> float:
        """Start ``up --offline``; return the seconds until the page answers."""
        began = time.monotonic()
        with (self.data.parent / "up.txt").open("ab") as output:
            environment = self.environment(PI5__SESSION__SPEED=speed)
            self.up = subprocess.Popen(
                [*PI5, "up", "--offline"], stdout=output, stderr=output, env=environment, start_new_session=True
            )
        eventually(self.page, 90.0)
        return time.monotonic() - began

    def page(self) -> bool:
        """Whether the page answers."""
        assert self.up is not None
        assert self.up.poll() is None, self.printed
        try:
            return httpx.get(f"http://127.0.0.1:{self.web}/", timeout=5.0).status_code == 200
        except httpx.HTTPError:
            return False

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this installation."""
        return subprocess.run(
            [*PI5, *argv], capture_output=True, text=True, env=self.environment(), check=False, cwd=self.data.parent
        )

    def status(self) -> dict[str, Any]:
        """Return the status document."""
        return dict(json.loads(self.run("status", "--json").stdout))

    def process(self, name: str) -> dict[str, Any] | None:
        """Return what the status says of one process."""
        return next((row for row in self.status()["processes"] if row["name"] == name), None)

    def flow_runs(self, flow: str) -> list[dict[str, Any]]:
        """Return the flow runs of ``flow`` that the Prefect server knows."""
        user, _, password = sign_in(Installation(self.data)).partition(":")
        wanted = {"flows": {"name": {"any_": [flow]}}, "limit": 100}
        address = f"http://127.0.0.1:{self.prefect}/api/flow_runs/filter"
        return list(httpx.post(address, json=wanted, auth=(user, password), timeout=10.0).json())

    def session(self) -> dict[str, Any]:
        """Return the session's part of the status from the running web process; empty while there is none."""
        return dict(httpx.get(f"http://127.0.0.1:{self.web}/api/system/status", timeout=10.0).json()["session"] or {})

    def alive(self) -> list[int]:
        """Return the processes of this installation that live."""
        return [pid for pid in guardian.supervised(self.data) if guardian.is_alive(pid)]

    def everything_is_up(self, times: int) -> bool:
        """Whether ``up`` has said ``times`` times that everything is."""
        assert self.up is not None
        assert self.up.poll() is None, self.printed
        return self.printed.count("everything is up") == times


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """An installation that is not there yet; as root PostgreSQL is another user, who must be able to pass through."""
    place = Path(tempfile.mkdtemp(prefix="pi5-up-", dir="/tmp"))
    place.chmod(0o711)
    house = House(place / "data")
    yield house
    if house.up is not None:
        house.up.kill()
        house.up.wait()
    guardian.end_all(house.data)
    shutil.rmtree(place)


@dataclass
class FirstRun:
    """What was seen of the first run."""

    page_seconds: float
    status: dict[str, Any]
    second: subprocess.CompletedProcess[str]
    backtests: list[dict[str, Any]]
    flow_runs: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    finished: tuple[str, str]
    reference: dict[str, Any]
    exit_code: int
    stop_seconds: float
    left: list[int]


def hashes(house: House) -> tuple[str, str]:
    """Return ledger and equity hash of the session that finished last, from its log."""
    lines = [json.loads(line) for line in (house.data / "logs/session.log").read_text().splitlines()]
    last = [line for line in lines if line["event"] == "session finished"][-1]
    return last["ledger_sha256"], last["equity_sha256"]


def end(house: House, number: signal.Signals) -> float:
    """Send ``number`` to ``up``; return the seconds until it was gone."""
    assert house.up is not None
    began = time.monotonic()
    house.up.send_signal(number)
    house.up.wait(60.0)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def first(house: House) -> FirstRun:
    """The first run, unattended: bars, back-tests, a session to its end; then Ctrl-C."""
    page = house.start("max")
    second = house.run("up")
    eventually(lambda: house.everything_is_up(1), 180.0)
    eventually(lambda: house.session().get("state") == "finished", 60.0)
    sessions = eventually(lambda: [run for run in house.flow_runs("trade-session") if run["state_type"] == "COMPLETED"], 30.0)
    config = ("--config", str(house.data / "config.yaml"))
    replayed = house.run("backtest", ",".join(STRATEGIES), *config, "--limits", "on", "--engine", "event", "--json")
    status = house.status()
    flow_runs = house.flow_runs("backtest")
    backtests = json.loads(house.run("results", "--json").stdout)
    seconds = end(house, signal.SIGINT)
    assert house.up is not None
    return FirstRun(
        page, status, second, backtests, flow_runs, sessions, hashes(house), json.loads(replayed.stdout), house.up.returncode,
        seconds, house.alive(),
    )  # fmt: skip


def test_first_run_shows_a_page_within_a_minute(first: FirstRun) -> None:
    """The page answers while the rest is still on its way."""
    assert first.page_seconds < PAGE_FIRST


def test_first_run_stores_real_bars_and_one_backtest_of_each_strategy(first: FirstRun) -> None:
    """Bars come in through the ingest flow, and each strategy's back-test is a completed flow run with a stored result."""
    assert first.status["bars"]["rows"] > 20_000
    assert first.status["bars"]["symbols"] >= len(STRATEGIES)
    stored = [row["strategy"] for row in first.backtests if row["origin"] != "cli"]
    assert sorted(stored) == sorted(STRATEGIES)
    done = [run for run in first.flow_runs if run["state_type"] == "COMPLETED"]
    assert sorted(run["parameters"]["strategies"][0] for run in done) == sorted(STRATEGIES)


def test_the_session_ends_with_the_hashes_of_the_event_backtest(first: FirstRun) -> None:
    """The replay's ledger and equity are those of a back-test by the event engine on the same bars and configuration."""
    assert first.status["session"]["state"] == "finished"
    assert first.finished == (first.reference["ledger_sha256"], first.reference["equity_sha256"])
    assert first.reference["fills"] > 0
    assert len(first.sessions) == 1


def test_status_names_every_process_with_its_memory(first: FirstRun) -> None:
    """The document of the contract while everything runs; the session's process is gone once it has finished."""
    rows = {row["name"]: row for row in first.status["processes"]}
    assert set(rows) == set(PROCESSES) - {"session"}
    assert all(row["pid"] and row["since"].endswith("+00:00") and row["restarts"] == 0 for row in rows.values())
    assert 100 < sum(row["pss_mb"] for row in rows.values()) < 1200
    assert (first.status["prefect"]["reachable"], first.status["database"]["kind"]) == (True, "embedded")


def test_a_second_up_says_so_and_exits_7(first: FirstRun) -> None:
    """Nothing is disturbed: one line on stderr that names the process and the way to end it."""
    assert first.second.returncode == 7
    assert re.fullmatch(r"\./pi5: this installation is up already \(process \d+\): end it with \./pi5 down\n", first.second.stderr)


def test_ctrl_c_ends_everything_cleanly(first: FirstRun) -> None:
    """SIGINT ends every process in time, with exit code 0, and leaves none."""
    assert (first.exit_code, first.left) == (0, [])
    assert first.stop_seconds < STOP


@dataclass
class Killed:
    """What was seen of a run whose processes were killed one after the other, and at last its supervisor."""

    page_seconds: float
    restarted: dict[str, bool]
    bars_while_prefect_was_away: tuple[str, str]
    session_runs: list[dict[str, Any]]
    noted: list[str]
    left: list[int]


@pytest.fixture(scope="module")
def killed(house: House, first: FirstRun) -> Killed:
    """A later start with a slow session; kill -9 of each process in its middle, then of ``up`` itself."""
    page = house.start("20")
    eventually(lambda: house.session().get("state") == "trading", 30.0)
    eventually(lambda: house.everything_is_up(2), 90.0)
    known = {run["id"] for run in first.sessions}
    eventually(lambda: [run for run in house.flow_runs("trade-session") if run["id"] not in known], 30.0)
    restarted = {}
    away = ("", "")
    for name in PROCESSES:
        before = eventually(partial(house.process, name), 30.0)
        assert before is not None
        os.kill(before["pid"], signal.SIGKILL)
        if name == "prefect":
            before_it = house.session()["last_bar"]
            eventually(partial(trades_after, house, before_it), 5.0)
            away = (before_it, house.session()["last_bar"])
        restarted[name] = eventually(partial(is_again, house, name, before), 40.0)
    eventually(lambda: house.status()["prefect"]["reachable"], 40.0)
    eventually(house.page, 30.0)
    bar = str(eventually(lambda: house.session().get("last_bar"), 30.0))
    eventually(partial(trades_after, house, bar), 30.0)
    runs = eventually(lambda: [r for r in house.flow_runs("trade-session") if r["state_type"] == "RUNNING"], 40.0)
    noted = eventually(partial(noted_restarts, house), 20.0)
    end(house, signal.SIGKILL)
    eventually(lambda: not house.alive(), 15.0)
    return Killed(page, restarted, away, runs, noted, house.alive())


def noted_restarts(house: House) -> list[str]:
    """Return which processes the system events say were started again, once they name every one of them."""
    with psycopg.connect(embedded_server(Installation(house.data)).url) as connection:
        rows = connection.execute("SELECT message FROM system_events WHERE event_type = 'process_restarted'").fetchall()
    names = {message.split()[0] for (message,) in rows}
    return sorted(names) if names >= set(PROCESSES) else []


def trades_after(house: House, bar: str) -> bool:
    """Whether the session has marked a bar later than ``bar``."""
    return bool(house.session().get("last_bar", "") > bar)


def is_again(house: House, name: str, before: dict[str, Any]) -> bool:
    """Whether a process has another pid and one restart more than ``before``."""
    now = house.process(name)
    return bool(now and now["pid"] != before["pid"] and now["restarts"] > before["restarts"])


def test_a_later_start_shows_its_page_within_25_seconds(killed: Killed) -> None:
    """With everything built and stored the page is there soon."""
    assert killed.page_seconds < PAGE_LATER


def test_each_killed_process_comes_back(killed: Killed) -> None:
    """Killed in the middle of a session, each process is started again, and the system events say so."""
    assert killed.restarted == dict.fromkeys(PROCESSES, True)
    assert killed.noted == sorted(PROCESSES)


def test_the_session_trades_while_prefect_is_away_and_reports_when_it_is_back(killed: Killed) -> None:
    """The session needs no Prefect server; its flow run is Running again once there is one."""
    before, during = killed.bars_while_prefect_was_away
    assert during > before
    assert len(killed.session_runs) == 1


def test_killing_up_itself_leaves_no_process(killed: Killed) -> None:
    """Kill -9 of the supervisor ends database, server, worker with its jobs, session and web within seconds."""
    assert killed.left == []


def test_after_kills_the_session_resumes_and_ends_with_the_same_hashes(house: House, first: FirstRun, killed: Killed) -> None:
    """The next ``up`` goes on where the journal ends; ledger and equity are those of the session never killed. Then ``down``."""
    assert killed.left == []
    house.start("max")
    eventually(lambda: house.session().get("state") == "finished", 90.0)
    assert house.session()["last_bar"] == first.status["session"]["last_bar"]
    assert hashes(house) == first.finished
    done = house.run("down")
    assert (done.returncode, done.stdout) == (0, "everything is stopped\n")
    assert house.up is not None
    assert (house.up.wait(5.0), house.alive()) == (0, [])
