"""One back-test: from what a caller asks for to the contract's document, by either driver."""

from __future__ import annotations

import gc
import threading
from array import array
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple

import numpy as np

from domain.events import (
    BarAmbiguous,
    BarsOpened,
    BorrowCharged,
    CorporateActionApplied,
    EquityMarked,
    LimitBreached,
    OrderFilled,
    OrderRefused,
)
from domain.ledger import EquityCurve, LedgerRow, ledger_row
from domain.liquidity import flows_of
from domain.market import Side
from domain.rules.fills import Reason
from domain.rules.limits import Breach
from domain.targets import ComputedTargets, StreamedTargets, target_arrays
from domain.timeline import QuietCloses, market_events, schedule
from tasks.backtest_document import document_of, equity_rows, fill_rows, trade_rows, trades_of
from tasks.backtest_input import MOST_BARS, assemble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from domain.engine import Engine
    from domain.events import JournalEvent
    from domain.kernel import Script
    from domain.run import RunSpec
    from domain.timeline import History, Schedule
    from tasks.database.connection import Database
    from tasks.settings import Settings

_BATCH: Final = 512  # bars between two words of progress


@dataclass(frozen=True)
class BacktestRequest:
    """What one back-test is about; None leaves a value to ``settings``, and without them to the default.

    ``parameters`` are those of a single strategy, as text or values. ``bars`` and ``actions`` are files, ``zone`` is that of times
    in ``bars`` without an offset; without ``bars`` the database is read. ``start`` and ``end`` are ISO dates, inclusive, by
    session. ``volume_limit`` 0 switches the volume rule off.
    Without ``engine`` the kernel runs, and the event engine where a strategy places its own orders. ``shared`` lets several
    strategies trade one symbol, as ``shared`` of all of them in ``settings`` does.
    """

    strategies: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    symbols: tuple[str, ...] = ()
    bars: Path | None = None
    zone: str | None = None
    actions: Path | None = None
    timeframe: str | None = None
    start: str | None = None
    end: str | None = None
    cash: float | None = None
    commission_bps: float | None = None
    slippage_bps: float | None = None
    volume_limit: float | None = None
    sizing: str | None = None
    limits: bool = False
    asset_class: str | None = None
    path: str | None = None
    account: str | None = None
    borrow_rate: float | None = None
    engine: Literal["kernel", "event"] | None = None
    seed: int = 0
    touch_probability: float | None = None
    settings: Settings | None = None
    shared: bool = False


class Refusal(NamedTuple):
    """An order, or a part of one, that was not placed; ``time`` is the start of the bar it was decided or filled on."""

    time: int
    symbol: str
    breach: str
    lots: int
    value: float
    bound: float


class Ambiguity(NamedTuple):
    """A bar in which the order of its extremes decided: cash and position at its close, the high first and the low first.

    The lower one was booked.
    """

    time: int
    symbol: str
    high_first: float
    low_first: float


@dataclass(frozen=True)
class Run:
    """What a driver did with a history: the same from both. ``fill_lots`` are the integer lots of each fill."""

    spec: RunSpec
    history: History
    fills: list[LedgerRow]
    fill_lots: array[int]
    equity: EquityCurve
    sessions: array[int]
    refusals: list[Refusal]
    ambiguities: list[Ambiguity]
    held_bars: int
    volume_limited: int
    drawdown_breached: bool
    borrow_fees: float = 0.0


@dataclass(frozen=True)
class BacktestResult:
    """``document`` is the contract's JSON; the rows are those of fills.csv, trades.csv and equity.csv; ``run`` has the bars too."""

    document: dict[str, Any]
    fills: list[dict[str, Any]]
    trades: list[dict[str, Any]]
    equity: list[dict[str, Any]]
    run: Run = field(compare=False, repr=False)


def run_backtest(
    request: BacktestRequest,
    *,
    database: Database | None = None,
    progress: Callable[[float], None] | None = None,
    now: int | None = None,
    most_bars: int = MOST_BARS,
) -> BacktestResult:
    """Run one back-test; the request, its files and the database's bars alone fix the result.

    The clock decides one thing: bars that begin after ``now`` (UTC microseconds, the machine's time where None) are left out,
    with a warning. Raises InputError before anything runs where an argument cannot be used or there are more than ``most_bars``,
    DataError where bars or a strategy cannot. ``progress`` is told the share done, between 0 and 1, by the event driver.

    Bars of a file take their actions from ``request.actions`` alone, so that a file gives the same result on every machine;
    where a ``database`` is given too, a split that stands only there is a warning. ``./pi5 backtest --bars`` gives none: a
    database is not started for it.
    """
    prepared = assemble(request, database, now=now, most_bars=most_bars)
    if prepared.engine == "event":
        run = run_events(prepared.spec, prepared.history, progress)
    else:
        run = run_kernel(prepared.spec, prepared.history)
    trades = trades_of(run)
    document = document_of(request, prepared, run, trades)
    return BacktestResult(document, fill_rows(run), trade_rows(trades), equity_rows(run), run)


def run_kernel(spec: RunSpec, history: History, script: Script | None = None) -> Run:
    """Run the compiled driver; ``script`` are orders by the number of the bar at whose close they are placed."""
    from domain.kernel import simulate  # noqa: PLC0415 - numba costs a second to import, the event driver needs none of it

    plan = schedule(history)
    raw = simulate(spec, history, target_arrays(spec, history), plan, script)
    times = history.columns.time
    symbols = [instrument.symbol for instrument in spec.instruments]
    units = [instrument.lots_per_unit for instrument in spec.instruments]
    curve, dates = _curve(history, plan, raw.equity, raw.cash)
    return Run(
        spec=spec,
        history=history,
        fills=[
            LedgerRow(time, symbols[s], Side(side).name.lower(), lots / units[s], price, fee, Reason(reason).code)
            for time, s, (_, side, lots, price, fee, reason) in zip(
                times[raw.fills["bar"]].tolist(), plan.symbol[raw.fills["bar"]].tolist(), raw.fills.tolist(), strict=True
            )
        ],
        fill_lots=array("q", raw.fills["lots"].tolist()),
        equity=curve,
        sessions=dates,
        refusals=[
            Refusal(time, symbols[s], Breach(breach).code, lots, value, bound)
            for time, (_, s, lots, breach, value, bound) in zip(
                times[raw.refusals["bar"]].tolist(), raw.refusals.tolist(), strict=True
            )
        ],
        ambiguities=[
            Ambiguity(time, symbols[s], high_first, low_first)
            for time, s, (_, high_first, low_first) in zip(
                times[raw.ambiguous["bar"]].tolist(),
                plan.symbol[raw.ambiguous["bar"]].tolist(),
                raw.ambiguous.tolist(),
                strict=True,
            )
        ],
        held_bars=int(raw.held_bars),
        volume_limited=int(raw.volume_limited),
        drawdown_breached=bool(raw.drawdown_breached),
        borrow_fees=float(raw.borrow_fees),
    )


def run_events(spec: RunSpec, history: History, progress: Callable[[float], None] | None = None) -> Run:
    """Run the event engine with the paper broker over the same history."""
    from domain.engine import Engine  # noqa: PLC0415 - the kernel's path needs neither
    from tasks.brokers.paper import Finer, PaperBroker  # noqa: PLC0415

    eventful = any(assignment.strategy.decides_on_events() for assignment in spec.assignments)
    engine = Engine(spec, "backtest", StreamedTargets(spec) if eventful else ComputedTargets(spec, history))
    broker = PaperBroker(spec, flows_of(history) if spec.costs.impact > 0.0 else None, Finer.of(history))
    record = _Record({instrument.symbol: instrument.lots_per_unit for instrument in spec.instruments})
    step, held, symbols = broker.step, engine.portfolio.held, len(spec.instruments)
    plan, closed, due = schedule(history), 0, _BATCH
    with nullcontext() if eventful else _CollectorPaused():
        for event in market_events(history, None if spec.margin else engine, plan):
            if isinstance(event, QuietCloses):
                record.pass_over(event, engine)
                closed += event.end - event.first
            else:
                record.take(step(engine, event))
                if isinstance(event, BarsOpened):
                    continue
                bars = event.bars
                closed += len(bars)
                if held:
                    record.held += len(held) if len(bars) == symbols else sum(bar.symbol in held for bar in bars)
            if progress is not None and closed >= due:
                progress(closed / history.size)
                due = closed + _BATCH
    if progress is not None:
        progress(1.0)
    curve, dates = _curve(history, plan, record.equity, record.cash())
    return Run(
        spec=spec,
        history=history,
        fills=record.fills,
        fill_lots=record.fill_lots,
        equity=curve,
        sessions=dates,
        refusals=record.refusals,
        ambiguities=record.ambiguities,
        held_bars=record.held,
        volume_limited=record.limited,
        drawdown_breached=record.drawdown,
        borrow_fees=record.borrow_fees,
    )


class _CollectorPaused:
    """No cycles are looked for in this process meanwhile: events make none, and the search takes a twentieth of a run.

    A strategy that is asked bar by bar may make some. Of runs in several threads the last one turns the collector on again.
    """

    _lock: ClassVar = threading.Lock()
    _running = 0
    _was_on = True

    def __enter__(self) -> None:
        with self._lock:
            if _CollectorPaused._running == 0:
                _CollectorPaused._was_on = gc.isenabled()
                gc.disable()
            _CollectorPaused._running += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            _CollectorPaused._running -= 1
            if _CollectorPaused._running == 0 and _CollectorPaused._was_on:
                gc.enable()


def _curve(history: History, plan: Schedule, equity: Iterable[float], cash: Iterable[float]) -> tuple[EquityCurve, array[int]]:
    """Return the equity curve, each close dated by its first bar, and the session of each point."""
    closing = plan.closing_bars()
    times, dates = array("q", history.columns.time[closing].tobytes()), array("q", plan.session[closing].tobytes())
    return EquityCurve(times, equity, cash), dates


class _Record:
    """What a run of events leaves behind, in the columns both drivers share."""

    def __init__(self, units: Mapping[str, int]) -> None:
        self.fills: list[LedgerRow] = []
        self.fill_lots = array("q")
        self.equity = array("d")
        """After each close, of one bar or of several that close together."""
        self._cash, self._closes = array("d"), array("q")  # what was there, and after how many closes in a row
        self.refusals: list[Refusal] = []
        self.ambiguities: list[Ambiguity] = []
        self.held = 0
        self.limited = 0
        self.borrow_fees = 0.0
        self.drawdown = False
        self._units = units

    def cash(self) -> array[float]:
        """Return the cash after each close."""
        return array("d", np.repeat(self._cash, self._closes).tobytes())

    def pass_over(self, closes: QuietCloses, engine: Engine) -> None:
        """Let the engine pass over closes, and note the equity after each and the events among them."""
        out: list[JournalEvent] = []
        equities = engine.pass_over(closes, out)
        self.equity.fromlist(equities)
        self._cash.append(engine.portfolio.cash)
        self._closes.append(len(equities))
        if engine.portfolio.held:
            self.held += len(equities)
        if out:
            self.take(out)

    def take(self, events: Iterable[JournalEvent]) -> None:
        """Note the marks, fills, refusals, fees and breaches among ``events``."""
        takers = self._takers
        for event in events:
            taker = takers.get(type(event))
            if taker is not None:
                taker(self, event)

    def _mark(self, event: EquityMarked) -> None:
        self.equity.append(event.equity)
        self._cash.append(event.cash)
        self._closes.append(1)

    def _fill(self, event: OrderFilled) -> None:
        self._book(event, event.lots)
        self.limited += event.open_lots > 0

    def _refuse(self, event: OrderRefused) -> None:
        self.refusals.append(Refusal(event.bar_time, event.symbol, event.breach, event.lots, event.value, event.bound))

    def _act(self, event: CorporateActionApplied) -> None:
        self._book(event, abs(event.lots_before))

    def _doubt(self, event: BarAmbiguous) -> None:
        self.ambiguities.append(Ambiguity(event.bar_time, event.symbol, event.high_first, event.low_first))

    def _lend(self, event: BorrowCharged) -> None:
        self.borrow_fees += event.fee

    def _breach(self, event: LimitBreached) -> None:
        self.drawdown = self.drawdown or event.breach == Breach.MAX_DRAWDOWN.code

    def _book(self, event: OrderFilled | CorporateActionApplied, lots: int) -> None:
        row = ledger_row(event, self._units)
        if row is not None:
            self.fills.append(row)
            self.fill_lots.append(lots)

    _takers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        EquityMarked: _mark,
        OrderFilled: _fill,
        OrderRefused: _refuse,
        CorporateActionApplied: _act,
        BarAmbiguous: _doubt,
        BorrowCharged: _lend,
        LimitBreached: _breach,
    }
