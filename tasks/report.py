"""What an account and its strategies did, computed from the run's journal and the bars it traded."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.errors import DataError
from domain.events import CorporateActionApplied, EquityMarked, OrderFilled, RunStarted
from domain.market import Timeframe
from domain.performance import equity_points, max_drawdown, periods_a_year, sharpe, simple_returns, win_rate
from domain.rules.fills import Reason
from domain.trades import FillRow, SplitRow, round_trips
from tasks.database import journal, runs
from tasks.database.results import save_performance
from tasks.history import from_database, from_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.events import JournalEvent
    from domain.timeline import History
    from tasks.database.connection import Database
    from tasks.session import Outcome


@dataclass(frozen=True)
class StrategyReport:
    """One strategy's part of an account: returns are fractions of the account's initial cash, None where undefined."""

    strategy: str
    total_return: float
    sharpe_ratio: float | None
    max_drawdown: float
    win_rate: float | None
    trades: int


@dataclass(frozen=True)
class DailyReport:
    """The account at ``time``, the start of its last bar in UTC microseconds, and the strategies' parts of it."""

    run_id: str
    time: int
    equity: float
    cash: float
    strategies: tuple[StrategyReport, ...]
    markdown: str


@dataclass
class _Book:
    """One strategy's symbols: what they hold and what they cost, so that its P&L can be marked at every close."""

    cash: float = 0.0
    lots: dict[str, int] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)
    fills: list[FillRow] = field(default_factory=list)
    splits: list[SplitRow] = field(default_factory=list)


def strategy_reports(events: Sequence[JournalEvent], history: History, strategies: Iterable[str]) -> tuple[StrategyReport, ...]:
    """Return the part of each of ``strategies`` in a run, by name; P&L of fills, dividends and marks, each its own symbols.

    A strategy that traded is reported even where it is not among ``strategies``.
    """
    units = {instrument.symbol: instrument.lots_per_unit for instrument in history.instruments}
    closes = {
        (bars.symbol, time): close
        for bars in history.bars
        for time, close in zip(bars.time.tolist(), bars.close.tolist(), strict=True)
    }
    traded = (event.strategy for event in events if isinstance(event, OrderFilled))
    books = {name: _Book() for name in (*strategies, *traded)}  # all from the first session on, so that their curves are as long
    owners: dict[str, _Book] = {}
    marks: dict[str, float] = {}
    sessions: list[int] = []
    initial = 0.0
    for event in events:
        if isinstance(event, RunStarted):
            initial = event.cash
        elif isinstance(event, OrderFilled):
            owners[event.symbol] = book = books[event.strategy]
            _fill(book, event, units[event.symbol])
        elif isinstance(event, CorporateActionApplied):
            _act(owners.get(event.action.symbol), event, units[event.action.symbol])
        elif isinstance(event, EquityMarked):
            sessions.append(event.session)
            marks |= {symbol: closes[symbol, event.bar_time] for symbol in units if (symbol, event.bar_time) in closes}
            for book in books.values():
                value = sum(lots / units[symbol] * marks[symbol] for symbol, lots in book.lots.items() if lots)
                book.curve.append(initial + book.cash + value)
    return tuple(_measured(name, books[name], sessions, initial, history) for name in sorted(books))


def _fill(book: _Book, event: OrderFilled, units: int) -> None:
    quantity = event.lots / units
    book.lots[event.symbol] = book.lots.get(event.symbol, 0) + event.side * event.lots
    book.cash -= event.side * quantity * event.price + event.fee
    side = int(event.side)
    row = FillRow(event.bar_time, event.symbol, side, quantity, event.price, event.fee, event.reason, event.lots, units)
    book.fills.append(row)


def _act(book: _Book | None, event: CorporateActionApplied, units: int) -> None:
    if book is None:
        return
    action = event.action
    if action.action != "dividend" or action.pay_date is None:  # one with a pay date is paid by an event of its own
        book.cash += event.cash
    if action.action == "delisting":
        book.lots[action.symbol], side = 0, -1 if event.lots_before > 0 else 1
        lots, price = abs(event.lots_before), event.opening_price
        reason = Reason.CORPORATE_ACTION.code
        book.fills.append(FillRow(event.bar_time, action.symbol, side, lots / units, price, 0.0, reason, lots, units))
    if action.action == "split":
        book.lots[action.symbol] = event.lots_after
        after = event.lots_after / units
        book.splits.append(SplitRow(event.bar_time, action.symbol, action.value, after, event.cash, event.lots_after))


def _measured(name: str, book: _Book, sessions: list[int], initial: float, history: History) -> StrategyReport:
    if not sessions:
        return StrategyReport(name, 0.0, None, 0.0, None, 0)
    before = None if history.timeframe.is_daily else initial
    points = equity_points(np.array(book.curve), np.array(sessions, np.int64), before)
    periods = periods_a_year(instrument.asset_class for instrument in history.instruments)
    trades = round_trips(book.fills, book.splits)
    return StrategyReport(
        name,
        float(points[-1]) / initial - 1.0,
        _defined(sharpe(simple_returns(points), periods)),
        max_drawdown(points).depth,
        _defined(win_rate(trades)),
        len(trades),
    )


def _defined(value: float) -> float | None:
    return value if np.isfinite(value) else None


def daily_report(database: Database, run_id: str | None = None) -> DailyReport:
    """Write each strategy's performance in a run into ``strategy_performance`` and return the report.

    Idempotent: a row is known by the run's last bar and the strategy. ``run_id`` None takes the latest run; raise DataError
    where there is none, or it has no equity yet.
    """
    run = runs.read_run(database, run_id) if run_id else runs.current_run(database)
    if run is None:
        raise DataError(f"there is no run {run_id}" if run_id else "no session has run yet: start one with ./pi5 up or ./pi5 trade")
    events = list(journal.load(database, run["run_id"]))
    marked = [event for event in events if isinstance(event, EquityMarked)]
    if not marked:
        raise DataError(f"run {run['run_id']} has seen no bar close yet: report it later")
    last = marked[-1]
    reports = strategy_reports(events, _history(database, run), run["strategies"])
    save_performance(database, last.bar_time, {one.strategy: asdict(one) for one in reports})
    text = _markdown(run, last, marked[0], reports)
    return DailyReport(run["run_id"], last.bar_time, last.equity, last.cash, reports, text)


def _history(database: Database, run: dict[str, Any]) -> History:
    """Return the bars of the run's feed."""
    _, _, path = run["feed"].partition(":")
    configuration = run["configuration"]
    symbols, timeframe = configuration["symbols"], Timeframe.parse(configuration["timeframe"])
    loaded = from_file(Path(path), symbols, timeframe) if path else from_database(database, symbols, timeframe)
    return loaded.history


def _markdown(run: dict[str, Any], last: EquityMarked, first: EquityMarked, reports: Iterable[StrategyReport]) -> str:
    day = np.datetime64(last.session, "D")
    rows = "\n".join(
        f"| {one.strategy} | {one.total_return:.2%} | {_number(one.sharpe_ratio)} | {one.max_drawdown:.2%} "
        f"| {_number(one.win_rate)} | {one.trades} |"
        for one in reports
    )
    return (
        f"# Account {run['account']} on {day}\n\n"
        f"Run {run['run_id']}, {run['state']}, since {np.datetime64(first.session, 'D')}. "
        f"Equity {last.equity:,.2f}, cash {last.cash:,.2f}.\n\n"
        "Each strategy's part is its profit or loss as a fraction of the account's initial cash.\n\n"
        "| strategy | part of the return | Sharpe | max drawdown | win rate | trades |\n"
        "|---|---:|---:|---:|---:|---:|\n"
        f"{rows}\n"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def session_markdown(outcome: Outcome) -> str:
    """Return how a session ended, to be read in the Prefect UI."""
    lines = [
        f"# Session {outcome.state}",
        "",
        f"Run {outcome.run_id}, account {outcome.account}.",
        f"Equity {outcome.equity:,.2f} after {outcome.instants} closes in this life.",
    ]
    if outcome.ledger_sha256:
        lines += ["", f"Ledger `{outcome.ledger_sha256}`", "", f"Equity curve `{outcome.equity_sha256}`"]
    return "\n".join(lines) + "\n"
