"""What ``./pi5 up`` brings up, in which order, and what it does on the first run.

Nothing waits longer than it must: the page needs the database alone, and a session whose bars are stored does not wait for
Prefect.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from deployments.database_process import DatabaseProcess
from deployments.processes import Child
from deployments.programs import programs
from domain.errors import DataError, ProviderError
from tasks.orchestration import INGEST, Orchestrator, deploy, sign_in, ui_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from deployments.processes import Program
    from deployments.supervisor import Supervisor
    from tasks.settings import Installation, Settings

SHIPPED: Final = Path(__file__).resolve().parent / "data"
PREPARATION: Final = [sys.executable, "-m", "deployments.preparation"]
RUN_SECONDS: Final = 600.0
_POLL: Final = 0.5
_RETRY: Final = 10.0
_OVER: Final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def refuse_taken_ports(installation: Installation) -> None:
    """Raise DataError where a port of this installation cannot be listened on, naming the variable that sets it."""
    for variable, port in (("PI5_WEB_PORT", installation.web_port), ("PI5_PREFECT_PORT", installation.prefect_port)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise DataError(f"port {port} cannot be used ({error.strerror}): free it, or set {variable} to another") from None


class BringUp:
    """The way up of one installation; ``say`` gets a line for each thing that is there."""

    def __init__(
        self, supervisor: Supervisor, installation: Installation, settings: Settings, say: Callable[[str], None], *, offline: bool
    ) -> None:
        self._supervisor = supervisor
        self._installation = installation
        self._settings = settings
        self._say = say
        self._offline = offline
        self._orchestrator = Orchestrator.of(installation)
        self._programs: dict[str, Program] = {}
        self._began = time.monotonic()

    async def run(self) -> None:
        """Start everything; return when the first run's work is done. Raise TradingError where the system cannot be."""
        if self._installation.database_url is None:
            await self._supervisor.start(DatabaseProcess(self._installation))
        prepared = json.loads(await self._supervisor.once(PREPARATION, "up"))
        self._tell(f"database ready{_listed(', applied', prepared['applied'])}")
        self._programs = programs(self._installation, self._supervisor.environment)
        await self._start("prefect")
        await self._start("web")
        page = asyncio.create_task(self._announce_page())
        can_trade = not prepared["missing"]
        if can_trade:
            await self._start_session()
        await self._orchestrate()
        if not can_trade:
            await self._load_bars(prepared["missing"])
            await self._start_session()
        await self._backtest(prepared["untested"])
        await page
        self._tell("everything is up; Ctrl-C stops it")

    async def _start(self, name: str) -> None:
        await self._supervisor.start(Child(self._programs[name], self._installation.logs / f"{name}.out"))

    async def _start_session(self) -> None:
        if self._settings.system.environment == "research":
            self._tell("no session: the configuration says system.environment research")
        elif not self._settings.enabled:
            self._tell("no session: no strategy is enabled in the configuration")
        else:
            await self._start("session")
            self._tell("session started")

    async def _announce_page(self) -> None:
        address = f"http://127.0.0.1:{self._installation.web_port}"
        await _until(lambda: _answers(f"{address}/"))
        self._tell(f"dashboard   {address}")

    async def _orchestrate(self) -> None:
        """Wait for the Prefect server, give it a worker and the deployments.

        A refusal is told and tried again: pages and trading go on without.
        """
        await _until(self._orchestrator.answers)
        await asyncio.to_thread(self._orchestrator.prepare)
        await asyncio.to_thread(self._orchestrator.settle_jobs)
        if self._offline:
            # What a schedule made due while the machine was off would ask a provider as soon as there is a worker.
            await asyncio.to_thread(self._orchestrator.skip_due, INGEST)
        await self._start("worker")
        user, _, _ = sign_in(self._installation).partition(":")
        place = self._installation.data / "secrets" / "prefect-password"
        self._tell(f"Prefect UI  {ui_url(self._installation)}  to sign in, paste what this prints: echo {user}:$(cat {place})")
        while True:
            try:
                environment = self._supervisor.environment
                await asyncio.to_thread(deploy, self._installation, self._settings.schedules, environment, offline=self._offline)
            except (ProviderError, DataError) as error:
                self._tell(f"{error}; trying again in {_RETRY:g} s")
                await asyncio.sleep(_RETRY)
            else:
                return

    async def _load_bars(self, symbols: list[str]) -> None:
        """Load real bars through the ingest deployment; where nothing comes, say so and try again later."""
        source = "the files shipped with the project" if self._offline else self._settings.data_providers.primary
        while True:
            self._tell(f"loading bars from {source}")
            for parameters in self._ingests(symbols):
                await self._job("ingest/ingest", parameters)
            prepared = json.loads(await self._supervisor.once(PREPARATION, "up"))
            if not prepared["missing"]:
                return
            self._tell(f"no bars of {', '.join(prepared['missing'])}: the session waits, the next try is in 5 minutes")
            await asyncio.sleep(300.0)

    def _ingests(self, symbols: list[str]) -> list[dict[str, Any]]:
        """Return the parameters of each ingest run: one for each timeframe; of the shipped files all their symbols."""
        wanted: dict[str, set[str]] = {}
        for entry in self._settings.enabled:
            wanted.setdefault(entry.timeframe, set()).update(set(entry.symbols) & set(symbols))
        if self._offline:
            return [{"provider": "file", "path": str(SHIPPED / f"equity_{timeframe}.parquet")} for timeframe in sorted(wanted)]
        return [{"symbols": sorted(names), "timeframe": timeframe} for timeframe, names in sorted(wanted.items()) if names]

    async def _backtest(self, strategies: list[str]) -> None:
        """Back-test each strategy as a run of its own, one after the other: each is heavy."""
        done: dict[bool, list[str]] = {True: [], False: []}
        for name in strategies:
            done[await self._job("backtest/backtest", {"strategies": [name]})].append(name)
        if done[True]:
            self._tell(f"back-tested {', '.join(done[True])}")
        if done[False]:
            self._tell(f"not back-tested {', '.join(done[False])}: ./pi5 backtest NAME says why")

    async def _job(self, deployment: str, parameters: dict[str, Any]) -> bool:
        """Run a deployment to its end and tell where it did not complete; return whether it did."""
        until = time.monotonic() + RUN_SECONDS
        flow_run = state = ""
        told: set[str] = set()
        while state not in _OVER and time.monotonic() < until:
            try:
                if not flow_run:
                    flow_run = await asyncio.to_thread(self._orchestrator.run_deployment, deployment, parameters)
                state = await asyncio.to_thread(self._orchestrator.state, flow_run)
                await self._tell_failures(flow_run, told, asks_provider=deployment == "ingest/ingest" and not self._offline)
            except ProviderError:
                await asyncio.sleep(_POLL)  # the server is being started again
            await asyncio.sleep(_POLL)
        if state != "COMPLETED":
            self._tell(f"{deployment} {json.dumps(parameters)}: {state or 'not started'}, see the run in the Prefect UI")
        return state == "COMPLETED"

    async def _tell_failures(self, flow_run: str, told: set[str], *, asks_provider: bool) -> None:
        """Tell each failure of ``flow_run`` once, while others are still tried; a run that tries again takes minutes to end."""
        for task_run, reason in (await asyncio.to_thread(self._orchestrator.failures, flow_run)).items():
            if task_run not in told:
                told.add(task_run)
                self._tell(f"failed: {reason}")
                if len(told) == 1 and asks_provider:
                    self._tell("without a connection, end this and run ./pi5 up --offline: it uses the bars shipped")

    def _tell(self, text: str) -> None:
        self._say(f"[{time.monotonic() - self._began:5.1f} s] {text}")


async def _until(answered: Callable[[], bool]) -> None:
    """Ask, in a thread, until the answer is yes."""
    while not await asyncio.to_thread(answered):  # noqa: ASYNC110 another process sets no event
        await asyncio.sleep(_POLL)


def _listed(introduction: str, names: list[str]) -> str:
    return f"{introduction} {', '.join(names)}" if names else ""


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
