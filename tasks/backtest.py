"""One back-test: from what a caller asks for to the contract's document, by either driver."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from domain.errors import InvariantViolated
from domain.events import BarsOpened, EquityMarked, LimitBreached, OrderFilled, OrderRefused
from domain.ledger import EquityCurve, LedgerRow
from domain.market import Side
from domain.rules.fills import Reason
from domain.rules.limits import Breach
from domain.targets import ComputedTargets, target_arrays
from domain.timeline import market_events, schedule
from tasks.backtest_document import document_of, equity_rows, fill_rows, trade_rows, trades_of
from tasks.backtest_input import MOST_BARS, assemble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from domain.events import JournalEvent
    from domain.run import RunSpec
    from domain.timeline import History
    from tasks.database.connection import Database
    from tasks.settings import Settings

_BATCH: Final = 512  # closes between two looks at the clock and the columns


@dataclass(frozen=True)
class BacktestRequest:
    """What one back-test is about; None leaves a value to ``settings``, and without them to the default.

    ``parameters`` are those of a single strategy, as text or values. ``bars`` and ``actions`` are files; without ``bars`` the
    database is read. ``start`` and ``end`` are ISO dates, inclusive, by session. ``volume_limit`` 0 switches the volume rule off.
    """

    strategies: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    symbols: tuple[str, ...] = ()
    bars: Path | None = None
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
    engine: Literal["kernel", "event"] = "kernel"
    seed: int = 0
    settings: Settings | None = None


class Refusal(NamedTuple):
    """An order, or a part of one, that was not placed; ``time`` is the start of the bar it was decided or filled on."""

    time: int
    symbol: str
    breach: str
    lots: int
    value: float
    bound: float


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
    held_bars: int
    volume_limited: int
    drawdown_breached: bool


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
    if request.engine == "event":
        run = run_events(prepared.spec, prepared.history, progress)
    else:
        run = run_kernel(prepared.spec, prepared.history)
    trades = trades_of(run)
    document = document_of(request, prepared, run, trades)
    return BacktestResult(document, fill_rows(run), trade_rows(trades), equity_rows(run), run)


def run_kernel(spec: RunSpec, history: History) -> Run:
    """Run the compiled driver."""
    from domain.kernel import simulate  # noqa: PLC0415 - numba costs a second to import, the event driver needs none of it

    plan = schedule(history)
    raw = simulate(spec, history, target_arrays(spec, history), plan)
    times = np.concatenate([bars.time for bars in history.bars])
    symbols = [instrument.symbol for instrument in spec.instruments]
    units = [instrument.lots_per_unit for instrument in spec.instruments]
    fills = [
        LedgerRow(time, symbols[s], Side(side).name.lower(), lots / units[s], price, fee, Reason(reason).code)
        for time, s, side, lots, price, fee, reason in zip(
            times[raw.fill_bar].tolist(),
            plan.symbol[raw.fill_bar].tolist(),
            raw.fill_side.tolist(),
            raw.fill_lots.tolist(),
            raw.fill_price.tolist(),
            raw.fill_fee.tolist(),
            raw.fill_reason.tolist(),
            strict=True,
        )
    ]
    refusals = [
        Refusal(time, symbols[s], Breach(breach).code, lots, value, bound)
        for time, s, breach, lots, value, bound in zip(
            times[raw.refused_bar].tolist(),
            plan.symbol[raw.refused_bar].tolist(),
            raw.refused_breach.tolist(),
            raw.refused_lots.tolist(),
            raw.refused_value.tolist(),
            raw.refused_bound.tolist(),
            strict=True,
        )
    ]
    closing = plan.closing_bars()
    equity = EquityCurve(times[closing].tolist(), raw.equity, raw.cash)
    sessions = array("q", plan.session[closing].tolist())
    return Run(
        spec,
        history,
        fills,
        array("q", raw.fill_lots.tolist()),
        equity,
        sessions,
        refusals,
        int(raw.held_bars),
        int(raw.volume_limited),
        bool(raw.drawdown_breached),
    )


def run_events(spec: RunSpec, history: History, progress: Callable[[float], None] | None = None) -> Run:
    """Run the event engine with the paper broker over the same history."""
    from domain.engine import Engine  # noqa: PLC0415 - the kernel's path needs neither
    from tasks.brokers.paper import PaperBroker  # noqa: PLC0415

    engine, broker = Engine(spec, "backtest", ComputedTargets(spec, history)), PaperBroker(spec)
    units = {instrument.symbol: instrument.lots_per_unit for instrument in spec.instruments}
    record = _Record(units)
    step, held, limited = broker.step, engine.portfolio.held, 0
    marks: list[EquityMarked] = []
    for event in market_events(history, engine.working):
        answers = step(engine, event)
        if type(event) is BarsOpened:
            record.take(answers)
            limited += sum(type(out) is OrderFilled and out.symbol in engine.working for out in answers)
            continue
        marked = answers[0]
        if type(marked) is not EquityMarked:
            raise InvariantViolated(f"a close was answered by {type(marked).__name__} before its equity was marked")
        marks.append(marked)
        if len(answers) > 1:
            record.take(answers)
        if held:
            for bar in event.bars:
                record.held += bar.symbol in held
        if len(marks) == _BATCH:
            record.mark(marks)
            if progress is not None:
                progress(min(len(record.sessions) / history.size, 1.0))
    record.mark(marks)
    return Run(
        spec,
        history,
        record.fills,
        record.fill_lots,
        record.equity,
        record.sessions,
        record.refusals,
        record.held,
        limited,
        record.drawdown,
    )


class _Record:
    """What a run of events leaves behind, in the columns both drivers share."""

    def __init__(self, units: Mapping[str, int]) -> None:
        self.fills: list[LedgerRow] = []
        self.fill_lots = array("q")
        self.equity = EquityCurve()
        self.sessions = array("q")
        self.refusals: list[Refusal] = []
        self.held = 0
        self.drawdown = False
        self._units = units

    def mark(self, events: list[EquityMarked]) -> None:
        """Note the equity after closes and forget ``events``."""
        self.equity.time.extend([event.bar_time for event in events])
        self.equity.equity.extend([event.equity for event in events])
        self.equity.cash.extend([event.cash for event in events])
        self.sessions.extend([event.session for event in events])
        events.clear()

    def take(self, events: list[JournalEvent]) -> None:
        """Note the fills, refusals and breaches among ``events``."""
        for event in events:
            if type(event) is OrderFilled:
                quantity = event.lots / self._units[event.symbol]
                side = event.side.name.lower()
                self.fills.append(LedgerRow(event.bar_time, event.symbol, side, quantity, event.price, event.fee, event.reason))
                self.fill_lots.append(event.lots)
            elif type(event) is OrderRefused:
                self.refusals.append(Refusal(event.bar_time, event.symbol, event.breach, event.lots, event.value, event.bound))
            elif type(event) is LimitBreached:
                self.drawdown = self.drawdown or event.breach == Breach.MAX_DRAWDOWN.code
