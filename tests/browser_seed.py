"""A session and back-tests in a database, written through the real journal and the real back-tester."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from domain.events import EquityMarked, OrderAccepted, OrderFilled, OrderRequested, RunStarted
from domain.market import DAY, Instrument, Side
from tasks.database import events, reference, results, runs
from tasks.database.journal import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.database.connection import Database

FIRST = int(datetime(2021, 1, 4, 5, tzinfo=UTC).timestamp()) * 1_000_000
CASH = 100_000.0
HOSTILE = '<img src=x onerror="window.hacked=1"> \x1b[31mred\x1b[0m \u202eesrever <script>window.hacked=1</script>'


@dataclass
class Journal:
    """A session that buys, marks and so grows its journal a day at a time."""

    database: Database
    writer: Writer
    run_id: str
    day: int = 0
    cash: float = CASH
    held: dict[str, tuple[int, float]] = field(default_factory=dict)

    def trade(self, symbol: str, shares: int, price: float) -> None:
        """Buy (or sell, with negative ``shares``) on the day that comes, in one transaction."""
        at = FIRST + self.day * DAY
        side = Side.BUY if shares > 0 else Side.SELL
        order = f"{self.run_id}-{symbol}-{self.day}"
        fee = round(abs(shares) * price * 0.0005, 4)
        lots = abs(shares)
        happened = [
            OrderRequested(at, order, symbol, "buy_and_hold", side, lots, "market", None, "gtc", "target", at),
            OrderAccepted(at, order),
            OrderFilled(at, order, symbol, "buy_and_hold", side, lots, price, fee, "target", lots, at),
        ]
        self.cash -= shares * price + fee
        owned, _ = self.held.get(symbol, (0, price))
        self.held[symbol] = (owned + shares, price)
        self.writer.append(self.run_id, happened, (at, 1), {symbol: price})

    def close_day(self, **prices: float) -> float:
        """Mark the day's close at ``prices`` and return the equity."""
        at = FIRST + self.day * DAY
        for symbol, price in prices.items():
            self.held[symbol] = (self.held[symbol][0], price)
        equity = self.cash + sum(shares * price for shares, price in self.held.values())
        mark = EquityMarked(at + DAY // 2, at, at // DAY, equity, self.cash)
        self.writer.append(self.run_id, [mark], (at + DAY // 2, 0), prices)
        self.day += 1
        return equity


@contextmanager
def seed(database: Database) -> Iterator[Journal]:
    """Fill an empty database with thirty days of a session, two back-tests and hostile texts; yield the session's journal."""
    reference.save_instruments(database, [Instrument.of(symbol) for symbol in ("AAPL", "IBM", "SPY")])
    run_id = runs.create_run(
        database,
        configuration_sha="tests",
        broker="paper",
        feed="replay",
        account="paper",
        strategies=["buy_and_hold", "momentum_trend"],
        initial_cash=CASH,
        first_bar=FIRST,
    )
    for strategy, final in (("momentum_trend", 91_000.0), ("buy_and_hold", 123_456.78)):
        save_backtest(database, strategy, final)
    events.record(database, "test", "tests", "warning", HOSTILE)
    account = f"replay-{run_id}"
    with Writer(database, account) as writer:
        journal = Journal(database, writer, run_id)
        writer.append(run_id, [RunStarted(FIRST, account, run_id, CASH, FIRST, "tests")], (FIRST - 1, 0))
        runs.set_state(database, run_id, "trading")
        journal.trade("AAPL", 300, 130.0)
        journal.trade("IBM", 200, 120.0)
        for day in range(30):
            journal.close_day(AAPL=130.0 + (day % 7) * 1.5 - day * 0.2, IBM=120.0 + day * 0.31)
        yield journal


def save_backtest(database: Database, strategy: str, final: float) -> str:
    """Store a back-test whose equity goes straight from the cash to ``final`` with a dip on the way."""
    days = 60
    values = [CASH + (final - CASH) * day / (days - 1) - (5_000.0 if day == 30 else 0.0) for day in range(days)]
    times = [datetime.fromtimestamp(FIRST / 1e6 + day * 86_400, tz=UTC).isoformat() for day in range(days)]
    equity = [{"time": time, "equity": value, "cash": value / 2} for time, value in zip(times, values, strict=True)]
    document = {
        "strategy": strategy,
        "parameters": {},
        "symbols": ["AAPL"],
        "timeframe": "1d",
        "start": times[0],
        "end": times[-1],
        "bars": days,
        "fills": 1,
        "trades": 0,
        "ambiguous_bars": 0,
        "engine": "kernel",
        "initial_cash": CASH,
        "final_equity": values[-1],
        "warnings": [],
        "metrics": {"total_return": values[-1] / CASH - 1, "sharpe": 1.25, "max_drawdown": -0.05},
    }
    fills = [{"time": times[0], "symbol": "AAPL", "side": "buy", "quantity": 1.0, "price": 1.0, "fee": 0.0, "reason": "target"}]
    return results.save_backtest(database, document, fills, [], equity, origin="tests")
