"""The run of a session in the database: found or created, locked, written event by event, and folded again after a crash."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from domain.engine import Engine
from domain.errors import DataError, InvariantViolated
from domain.events import BarsClosed, CorporateActionApplied, EquityMarked, OrderFilled, RunFinished, RunStarted
from domain.ledger import EquityRow, LedgerRow, dataset_id, equity_sha256, ledger_row, ledger_sha256
from domain.liquidity import flows_of
from domain.targets import StreamedTargets
from domain.timeline import CLOSE, OPEN, market_events, schedule
from tasks.brokers.paper import PaperBroker
from tasks.database import journal, runs
from tasks.database.reference import save_instruments
from tasks.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from domain.events import JournalEvent, MarketEvent
    from domain.timeline import History
    from tasks.database.connection import Database
    from tasks.session_plan import SessionPlan
    from tasks.session_quality import FeedCheck

log = get_logger(__name__)

type Cursor = tuple[int, int]


def cursor_of(event: MarketEvent) -> Cursor:
    """Return where ``event`` stands in its feed: its instant, closings before openings."""
    return event.time, CLOSE if isinstance(event, BarsClosed) else OPEN


@dataclass(frozen=True)
class Restored:
    """A session's state as its journal has it, and what of the feed is still to come."""

    engine: Engine
    broker: PaperBroker
    feed: Iterator[MarketEvent]
    cursor: Cursor | None
    finished: bool
    closes: int
    """Instants of closing bars that the journal has answered."""

    total: int
    """All instants of closing bars of the run."""

    begun: tuple[JournalEvent, ...] = ()
    """What was committed now because the run is new; nobody has heard of it yet."""


class Book:
    """One run, held by this process alone: nothing is true before ``append`` has returned."""

    def __init__(self, database: Database, plan: SessionPlan) -> None:
        self._database = database
        self._plan = plan
        save_instruments(database, plan.spec.instruments)
        with runs.exclusive(database, plan.configuration):
            run = self._find_or_create()
            self.run_id, self.account = str(run["run_id"]), str(run["account"])
            self._history = _as_begun(plan.history, run)
            self._writer = journal.Writer(database, self.account)
            self._writer.__enter__()
        self.cursor: Cursor | None = journal.cursor(database, self.run_id)

    def _find_or_create(self) -> dict[str, Any]:
        """Return the unfinished run of this configuration, or a new one; a replay is an account of its own."""
        plan = self._plan
        unfinished = runs.find_unfinished(self._database, plan.configuration)
        if unfinished is not None:
            return unfinished
        run_id = runs.create_run(
            self._database,
            configuration_sha=plan.configuration,
            broker=plan.broker,
            feed=plan.feed,
            account=plan.account,
            strategies=plan.strategies,
            initial_cash=plan.spec.initial_cash,
            first_bar=plan.history.first_time,
            configuration={
                "symbols": plan.symbols,
                "timeframe": plan.spec.timeframe.name,
                "last_bar": plan.history.last_time,
                "dataset_id": plan.dataset,
            },
        )
        created = runs.read_run(self._database, run_id)
        if created is None:
            raise DataError(f"run {run_id} was removed while it began: start it again")
        return created

    def close(self) -> None:
        """Give the account free."""
        self._writer.__exit__(None, None, None)

    def append(self, events: list[JournalEvent], cursor: Cursor, marks: Mapping[str, float] | None = None) -> None:
        """Commit ``events`` and the cursor in one transaction; raise Fenced where another session took over.

        ``marks`` are prices by symbol, for what the tables show of positions.
        """
        self._writer.append(self.run_id, events, cursor, marks)
        self.cursor = cursor

    def restore(self, check: FeedCheck) -> Restored:
        """Return the engine as the journal has it, its series complete, and the feed from the cursor on, through ``check``."""
        plan = self._plan
        engine = Engine(plan.spec, self.account, StreamedTargets(plan.spec))
        events = list(journal.load(self._database, self.run_id))
        is_new = not events
        if is_new:
            first = plan.history.first_time
            started = RunStarted(first, self.account, self.run_id, plan.spec.initial_cash, first, plan.configuration)
            events = [started]
            self.append(events, (first - 1, CLOSE))
        engine.restore(events)
        finished = any(isinstance(event, RunFinished) for event in events)
        feed, closes = self._remaining(engine, check)
        total = schedule(self._history).closings
        begun = tuple(events) if is_new else ()
        return Restored(engine, self._broker(), feed, self.cursor, finished, closes, total, begun)

    def _broker(self) -> PaperBroker:
        """Return the broker that fills on the run's bars; market impact depends on those before."""
        spec = self._plan.spec
        return PaperBroker(spec, flows_of(self._history) if spec.costs.impact > 0.0 else None)

    def _remaining(self, engine: Engine, check: FeedCheck) -> tuple[Iterator[MarketEvent], int]:
        """Show the engine what the journal has answered already; return the rest, and how many closings were answered."""
        feed = market_events(self._history)
        closes = 0
        for event in feed:
            if self.cursor is None or cursor_of(event) > self.cursor:
                coming = map(check.passed, chain((event,), feed))
                return (passed for passed in coming if passed is not None), closes
            passed = check.passed(event, is_new=False)
            if passed is not None:
                engine.observe(passed)
            closes += isinstance(event, BarsClosed)
        return iter(()), closes

    def verify(self, engine: Engine) -> None:
        """Raise InvariantViolated unless folding the journal gives the state in memory."""
        folded = Engine(self._plan.spec, self.account, StreamedTargets(self._plan.spec))
        folded.restore(journal.load(self._database, self.run_id))
        if folded.state_hash() != engine.state_hash():
            raise InvariantViolated(f"run {self.run_id}: the journal does not give the state in memory; see ./pi5 verify")

    def fingerprints(self) -> tuple[str, str]:
        """Return the ledger's and the equity curve's SHA-256, computed from the journal alone."""
        events = list(journal.load(self._database, self.run_id))
        units = {instrument.symbol: instrument.lots_per_unit for instrument in self._plan.spec.instruments}
        return ledger_sha256(_fills(events, units)), equity_sha256(_equity(events))


def _as_begun(history: History, run: Mapping[str, Any]) -> History:
    """Return the bars between the run's first and last, as they were when it began: what came later is another run's."""
    first, last = run["first_bar"], run["configuration"]["last_bar"]
    bars = tuple(
        one.slice(int(one.time.searchsorted(first)), int(one.time.searchsorted(last, side="right"))) for one in history.bars
    )
    begun = replace(history, bars=bars)
    if dataset_id(begun) != run["configuration"]["dataset_id"]:
        log.warning("bars changed since the run began", run=run["run_id"], meaning="it no longer equals a back-test of the bars")
    return begun


def _fills(events: Iterable[JournalEvent], units: dict[str, int]) -> Iterator[LedgerRow]:
    for event in events:
        if isinstance(event, OrderFilled | CorporateActionApplied):
            row = ledger_row(event, units)
            if row is not None:
                yield row


def _equity(events: Iterable[JournalEvent]) -> Iterator[EquityRow]:
    for event in events:
        if isinstance(event, EquityMarked):
            yield EquityRow(event.bar_time, event.equity, event.cash)
