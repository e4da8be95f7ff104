"""The loop around the engine: bars in, decisions committed, then told to whoever listens.

The journal comes first: what follows from one market event is committed in one transaction, with the place in the feed, before
anything else happens. So a process killed at any instant restarts where its journal ends, by the same path as a first start.
No orchestrator is needed here.
"""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from domain.commands import Stop
from domain.errors import TradingError
from domain.event_bus import EventBus
from domain.events import BarsClosed, OrderAccepted, OrderRequested, RunFinished
from tasks.database import commands, runs
from tasks.database.connection import UNAVAILABLE
from tasks.log import get_logger
from tasks.session_book import Book, Restored, cursor_of
from tasks.session_observers import Recorder, log_event, report_failure
from tasks.session_quality import FeedCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.engine import Engine
    from domain.events import JournalEvent
    from tasks.database.connection import Database
    from tasks.session_plan import SessionPlan

POLL_SECONDS: Final = 1.0
"""Commands arrive by NOTIFY; the poll is the net below it."""

HEARTBEAT_SECONDS: Final = 2.0
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 10.0

log = get_logger(__name__)

type Observers = Mapping[str, Callable[[JournalEvent], None]]


@dataclass(frozen=True)
class Outcome:
    """How a session ended; the fingerprints are those of its whole journal, None where it was only stopped."""

    run_id: str
    account: str
    state: str
    instants: int
    equity: float
    ledger_sha256: str | None = None
    equity_sha256: str | None = None


class Session:
    """Trades one plan until its feed ends, somebody stops it, or another session takes over."""

    def __init__(self, plan: SessionPlan, database: Database, observers: Observers | None = None) -> None:
        self.plan = plan
        self.run_id: str | None = None
        self.done = 0
        """Instants of closing bars behind us, over all lives of the run."""
        self.total = 0
        self._database = database
        self._recorder = Recorder(database)
        self._bus: EventBus[JournalEvent] = EventBus(report_failure)
        self._bus.subscribe("log", log_event)
        self._bus.subscribe("system_events", self._recorder)
        for name, observer in (observers or {}).items():
            self._bus.subscribe(name, observer)
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._next_poll = 0.0
        self._wait = _FIRST_WAIT

    @property
    def progress(self) -> float:
        """The share of the feed behind us, between 0 and 1."""
        return self.done / self.total if self.total else 0.0

    def stop(self, reason: str = "asked to") -> None:
        """Finish the current instant, write the clean stop, and return; the run can be continued later."""
        log.info("session stopping", reason=reason)
        self._stopping.set()
        self._wake.set()

    async def run(self) -> Outcome:
        """Trade; raise AlreadyRunning, Fenced or InvariantViolated where it must not go on.

        A database that went away stops everything until it is back; then the session locks, loads and goes on.
        """
        delivery = asyncio.create_task(self._bus.run())
        for name, reason in self.plan.unusable:
            log.error("strategy does not trade", strategy=name, reason=reason)
            message = f"strategy {name} does not trade: {reason}"
            self._recorder.record("StrategyRefused", "error", message, {"strategy": name, "reason": reason})
        try:
            return await self._live_on()
        finally:
            self._bus.close()
            await delivery
            await asyncio.to_thread(self._recorder.close)

    async def _live_on(self) -> Outcome:
        while True:
            try:
                return await self._live()
            except UNAVAILABLE as error:
                log.warning("database away", error=str(error).strip(), again_in_seconds=self._wait)
                if self._stopping.is_set():
                    return Outcome(self.run_id or "", "", "stopped", self.done, self.plan.spec.initial_cash)
            await self._pause(self._wait)
            self._wait = min(2.0 * self._wait, _LONGEST_WAIT)

    async def _live(self) -> Outcome:
        """Trade until the end or until the database goes away."""
        book = await asyncio.to_thread(Book, self._database, self.plan)
        self.run_id = book.run_id
        helpers = [asyncio.create_task(self._heartbeat(book.run_id)), asyncio.create_task(self._listen())]
        try:
            restored = await asyncio.to_thread(book.restore, FeedCheck(self.plan, self._recorder.record))
            self.done, self.total = restored.closes, restored.total
            log.info("session trading", run=book.run_id, account=book.account, instants_done=self.done, of=self.total)
            for event in restored.begun:
                await self._bus.publish(event)
            return await self._trade(book, restored)
        except UNAVAILABLE:
            raise
        except TradingError as error:
            self._recorder.record(type(error).__name__, "error", str(error), {"run_id": book.run_id})
            raise
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await asyncio.to_thread(book.close)

    async def _trade(self, book: Book, restored: Restored) -> Outcome:
        engine = restored.engine
        await self._show_state(book, engine)
        if not restored.finished:
            if not await self._follow(book, restored):
                return await self._stopped(book, engine)
            end = RunFinished(book.cursor[0] if book.cursor else 0, "the feed ended")
            await self._commit(book, [end], book.cursor or (0, 0))
        return await self._finished(book, engine)

    async def _follow(self, book: Book, restored: Restored) -> bool:
        """Take the feed event by event; return whether it ended, False where the session was stopped before."""
        engine = restored.engine
        place = restored.cursor or (0, 0)
        due = time.monotonic()
        for event in restored.feed:
            if isinstance(event, BarsClosed):
                due = max(due + 1.0 / self.plan.speed, time.monotonic() - 1.0 / self.plan.speed)
                await self._until(due, book, engine, place)
            if self._stopping.is_set():
                return False
            place = cursor_of(event)
            followed = restored.broker.step(engine, event)
            if followed:
                await self._commit(book, followed, place, {bar.symbol: bar.close for bar in event.bars})
            self.done += isinstance(event, BarsClosed)
        return True

    async def _commit(
        self, book: Book, events: list[JournalEvent], place: tuple[int, int], marks: Mapping[str, float] | None = None
    ) -> None:
        await asyncio.to_thread(book.append, events, place, marks)
        self._wait = _FIRST_WAIT
        for event in events:
            await self._bus.publish(event)

    # What people want

    async def _until(self, due: float, book: Book, engine: Engine, place: tuple[int, int]) -> None:
        """Wait until ``due``, obeying commands as they come."""
        while not self._stopping.is_set():
            now = time.monotonic()
            if self._wake.is_set() or now >= self._next_poll:
                self._wake.clear()
                self._next_poll = now + POLL_SECONDS
                await self._obey(book, engine, place)
                continue
            if now >= due:
                return
            await self._pause(min(due, self._next_poll) - now)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but wake for a command or a stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _obey(self, book: Book, engine: Engine, place: tuple[int, int]) -> None:
        for wish in await asyncio.to_thread(commands.pending, self._database, book.account):
            followed = engine.command(wish.command, place[0])
            requested = [event for event in followed if isinstance(event, OrderRequested)]
            for request in requested:  # the paper broker's book is the journal: a committed intent is an accepted order
                followed += engine.handle(OrderAccepted(place[0], request.order_id, request.order_id))
            if followed:
                await self._commit(book, followed, place)
            await asyncio.to_thread(commands.done, self._database, wish.id, f"{len(followed)} events")
            if isinstance(wish.command, Stop):
                self.stop(wish.command.reason)
            await self._show_state(book, engine)

    async def _listen(self) -> None:
        """Wake the loop when a command is asked for."""
        while True:
            with suppress(*UNAVAILABLE):
                async for _ in self._database.notifications(commands.CHANNEL):
                    self._wake.set()
            await asyncio.sleep(POLL_SECONDS)

    # How it ends, and what is seen meanwhile

    async def _show_state(self, book: Book, engine: Engine) -> None:
        await asyncio.to_thread(runs.set_state, self._database, book.run_id, "halted" if engine.halted else "trading")

    async def _stopped(self, book: Book, engine: Engine) -> Outcome:
        await asyncio.to_thread(book.verify, engine)
        await asyncio.to_thread(runs.set_state, self._database, book.run_id, "stopped")
        log.info("session stopped", run=book.run_id, instants=self.done)
        return Outcome(book.run_id, book.account, "stopped", self.done, engine.portfolio.equity)

    async def _finished(self, book: Book, engine: Engine) -> Outcome:
        await asyncio.to_thread(book.verify, engine)
        ledger, equity = await asyncio.to_thread(book.fingerprints)
        await asyncio.to_thread(runs.finish, self._database, book.run_id, ledger, equity)
        log.info("session finished", run=book.run_id, instants=self.done, ledger_sha256=ledger, equity_sha256=equity)
        return Outcome(book.run_id, book.account, "finished", self.done, engine.portfolio.equity, ledger, equity)

    async def _heartbeat(self, run_id: str) -> None:
        while True:
            try:
                await asyncio.to_thread(runs.heartbeat, self._database, run_id)
            except UNAVAILABLE as error:
                log.warning("no heartbeat", error=str(error).strip())
            await asyncio.sleep(HEARTBEAT_SECONDS)


async def run_with_signals(session: Session) -> Outcome:
    """Run ``session``; SIGTERM and SIGINT stop it cleanly. The main thread's loop only."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, session.stop, signal.Signals(number).name)
    try:
        return await session.run()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def trade(plan: SessionPlan, database: Database, observers: Observers | None = None) -> Outcome:
    """Trade ``plan`` in this process to its end, without an orchestrator; what ``./pi5 trade`` does."""

    async def main() -> Outcome:
        return await run_with_signals(Session(plan, database, observers))

    return asyncio.run(main())
