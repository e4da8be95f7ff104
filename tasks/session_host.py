"""A session in the main thread, followed from elsewhere: a flow run, a reporter that waits for the server to come back."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from domain.errors import AlreadyRunning, ProviderError, TradingError
from tasks.database import runs
from tasks.database.connection import UNAVAILABLE
from tasks.log import get_logger
from tasks.orchestration import Orchestrator
from tasks.session import Outcome, Session, run_with_signals
from tasks.session_plan import SessionPlan, plan_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.database.connection import Database
    from tasks.jobs import Workspace

__all__ = ["AlreadyRunning", "Hosted", "Reporter", "current", "hosting", "serve"]

RETRY_SECONDS: Final = 5.0
LINGER_SECONDS: Final = 600.0
"""How long a finished session's process waits for the server to take its report."""

DEAD_AFTER: Final = timedelta(seconds=30)
"""A session without a heartbeat for so long is dead."""

LEAVE_SECONDS: Final = 3.0
"""The same for a session that was told to stop."""

log = get_logger(__name__)
_CURRENT: ContextVar[Hosted | None] = ContextVar("hosted_session", default=None)


def current() -> Hosted | None:
    """Return the session that this context follows."""
    return _CURRENT.get()


@contextmanager
def hosting(hosted: Hosted) -> Iterator[None]:
    """Let the flow that is called inside follow ``hosted``."""
    token = _CURRENT.set(hosted)
    try:
        yield
    finally:
        _CURRENT.reset(token)


class Hosted:
    """A session and the promise of its outcome, safe to share between threads."""

    def __init__(self, plan: SessionPlan, database: Database) -> None:
        self.plan = plan
        self.flow_run_id: str | None = None
        self._database = database
        self._session: Session | None = None
        self._future: Future[Outcome] = Future()

    @property
    def progress(self) -> float:
        """The share of the feed behind us, between 0 and 1."""
        return self._session.progress if self._session else 0.0

    @property
    def done(self) -> bool:
        """Whether the session has ended, however it did."""
        return self._future.done()

    @property
    def result(self) -> Outcome | BaseException | None:
        """The outcome or the error of a session that has ended."""
        if not self.done:
            return None
        return self._future.exception() or self._future.result()

    async def trade(self) -> Outcome:
        """Run the session in this loop, SIGTERM and SIGINT stopping it; followers get what it returns or raises."""
        self._session = Session(self.plan, self._database)
        try:
            outcome = await run_with_signals(self._session)
        except BaseException as error:
            self._future.set_exception(error)
            raise
        self._future.set_result(outcome)
        return outcome

    def stop(self, reason: str) -> None:
        """Stop the session cleanly where it runs; from its own loop alone."""
        if self._session is not None and not self.done:
            self._session.stop(reason)

    async def outcome(self) -> Outcome:
        """Wait for the end from any loop; a follower that is cancelled does not touch the session."""
        return await asyncio.shield(asyncio.wrap_future(self._future))

    async def note_flow_run(self, flow_run_id: str) -> None:
        """Remember which flow run shows this session, so that a later life can close it."""
        self.flow_run_id = flow_run_id
        while self._run_id is None and not self.done:  # noqa: ASYNC110 - the session is in another thread's loop
            await asyncio.sleep(0.1)
        if self._run_id is not None:
            await asyncio.to_thread(runs.add_flow_run, self._database, self._run_id, flow_run_id)

    @property
    def _run_id(self) -> str | None:
        return self._session.run_id if self._session is not None else None

    def close_earlier(self, orchestrator: Orchestrator) -> None:
        """Give the flow runs of sessions that are no more their final state; their processes could not."""
        while self._run_id is None and not self.done:
            time.sleep(0.1)
        for run in runs.with_open_flow_runs(self._database):
            ended = run["state"] in {"finished", "stopped"}
            # An earlier life of our own run is over, for we hold its account; another session's run may be alive.
            if not ended and run["run_id"] != self._run_id and datetime.now(UTC) - run["heartbeat_at"] < DEAD_AFTER:
                continue
            message = f"run {run['run_id']} is {run['state']}; the process that showed it ended unreported"
            for flow_run_id in run["prefect_runs"]:
                if flow_run_id != self.flow_run_id:
                    orchestrator.settle(flow_run_id, "COMPLETED" if ended else "CRASHED", message)
                    runs.remove_flow_run(self._database, run["run_id"], flow_run_id)

    def forget_flow_run(self) -> None:
        """Note that the flow run has its final state."""
        if self._run_id is not None and self.flow_run_id is not None:
            runs.remove_flow_run(self._database, self._run_id, self.flow_run_id)


class Reporter(threading.Thread):
    """Shows a session as a flow run whenever the server is there; never waited for by the session.

    ``follow`` runs the flow, which ends with the session; it may raise any of ``failures``, and then the server is asked again
    every five seconds. A session that ended meanwhile is reported all the same.
    """

    def __init__(
        self, hosted: Hosted, orchestrator: Orchestrator, follow: Callable[[Hosted], None], failures: tuple[type[Exception], ...]
    ) -> None:
        super().__init__(name="reporter", daemon=True)
        self._hosted = hosted
        self._orchestrator = orchestrator
        self._follow = follow
        self._failures: tuple[type[Exception], ...] = (ProviderError, *UNAVAILABLE, *failures)
        self._leave = threading.Event()

    def run(self) -> None:
        """Report until the flow run has its final state."""
        while not self._leave.is_set():
            if self._orchestrator.answers() and self._report():
                return
            self._leave.wait(RETRY_SECONDS)

    def finish(self, seconds: float, leave: threading.Event) -> bool:
        """Wait at most ``seconds`` for the report, less where ``leave`` is set; return whether it was made."""
        end = time.monotonic() + seconds
        while self.is_alive() and time.monotonic() < end and not leave.is_set():
            self.join(0.1)
        self._leave.set()
        return not self.is_alive()

    def _report(self) -> bool:
        try:
            self._hosted.close_earlier(self._orchestrator)
            if self._hosted.flow_run_id is None or not self._hosted.done:
                self._follow(self._hosted)
            self._close_own()
        except self._failures as error:
            log.warning("session not reported", error=f"{type(error).__name__}: {error}"[:200], again_in_seconds=RETRY_SECONDS)
            return False
        return True

    def _close_own(self) -> None:
        """Make sure that the flow run has its final state: a flow that could not report its end is reported for."""
        result = self._hosted.result
        state = "COMPLETED" if isinstance(result, Outcome) else "FAILED"
        message = f"run {result.run_id} {result.state}" if isinstance(result, Outcome) else str(result)
        self._orchestrator.settle(str(self._hosted.flow_run_id), state, message)
        self._hosted.forget_flow_run()


def serve(place: Workspace, follow: Callable[[Hosted], None], failures: tuple[type[Exception], ...]) -> int:
    """Trade the configured session in this, the main, thread, reported beside it by ``follow``; return the exit code.

    Nothing that happens to the report changes it: 0 where the session finished or was stopped, else its own error is raised.
    """
    hosted = Hosted(plan_session(place.settings, place.database), place.database)
    reporter = Reporter(hosted, Orchestrator.of(place.installation), follow, failures)
    reporter.start()
    leave = threading.Event()
    try:
        outcome = asyncio.run(hosted.trade())
    except TradingError:
        reporter.finish(LEAVE_SECONDS, leave)
        raise
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leave.set())
    reporter.finish(LINGER_SECONDS if outcome.state == "finished" else LEAVE_SECONDS, leave)
    return 0


def exit_code(main: Callable[[], int]) -> int:
    """Return what ``main`` returns; an error that a person can act on is one line on stderr and its exit code."""
    try:
        return main()
    except TradingError as error:
        log.warning("session ended", error=str(error), exit_code=error.exit_code)
        sys.stderr.write(f"{error}\n")
        return error.exit_code
