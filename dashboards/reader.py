"""Reads the database for the pages: one transaction a time, the equity only from where it stopped."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from dashboards.equity import EquityBuffer, Mark
from dashboards.snapshot import Account, Snapshot
from tasks.database import pages

if TYPE_CHECKING:
    from psycopg import Connection

    from dashboards.snapshot import Row

ORDERS_SHOWN: Final = 60
FILLS_SHOWN: Final = 60
BACKTESTS_SHOWN: Final = 40
EVENTS_SHOWN: Final = 40
_INSTANT: Final = timedelta(microseconds=1)  # a close at midnight belongs to the day that it ends
STANDING_BREACH: Final = "max_drawdown"  # the others end with their session day


class SnapshotReader:
    """Builds snapshots; remembers the equity curve of the run it read last."""

    def __init__(self) -> None:
        self._run_id = ""
        self._curve = EquityBuffer(0.0)
        self._after: datetime | None = None
        self._last_bar: datetime | None = None
        self._seq = 0
        self._standing: Row | None = None

    def read(self, connection: Connection[Any]) -> Snapshot:
        """Return the state of the database now, as one moment of it; raises psycopg.Error."""
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            run = pages.newest_run(connection)
            snapshot = Snapshot(
                read_at=time.time(),
                backtests=tuple(pages.newest_backtests(connection, BACKTESTS_SHOWN)),
                events=tuple(pages.newest_events(connection, EVENTS_SHOWN)),
            )
            if run is None:
                return snapshot
            self._follow(connection, run)
            run_id = run["run_id"]
            return replace(
                snapshot,
                run={**run, "last_bar": self._last_bar},
                account=self._account(run),
                curve=tuple(self._curve.points()),
                standing_limit=self._standing,
                positions=tuple(pages.open_positions(connection, run_id)),
                orders=tuple(pages.newest_orders(connection, run_id, ORDERS_SHOWN)),
                open_orders=pages.open_order_count(connection, run_id),
                fills=tuple(pages.newest_fills(connection, run_id, FILLS_SHOWN)),
            )

    def _follow(self, connection: Connection[Any], run: Row) -> None:
        """Take the marks made since the last reading; begin anew with another run."""
        if run["run_id"] != self._run_id:
            self._run_id, self._after, self._last_bar = run["run_id"], None, None
            self._curve = EquityBuffer(run["initial_cash"])
            self._seq, self._standing = 0, None
        for at, bar_time, equity, cash in pages.equity_marks(connection, self._run_id, self._after):
            self._curve.extend((_mark(at - _INSTANT, equity, cash),))
            self._after, self._last_bar = at, bar_time.astimezone(UTC)

        happened, self._seq = pages.turns(connection, self._run_id, self._seq)
        for row in happened:
            if row["type"] == "TradingResumed":
                self._standing = None
            elif row["payload"].get("breach") == STANDING_BREACH:
                self._standing = {"time": row["time"], "value": row["payload"]["value"], "bound": row["payload"]["bound"]}

    def _account(self, run: Row) -> Account | None:
        last = self._curve.last
        if last is None or self._curve.deepest is None:
            return None
        return Account(
            equity=last.equity,
            cash=last.cash,
            initial_cash=run["initial_cash"],
            session_day=last.session,
            day_change=last.equity - self._curve.previous_close,
            day_return=self._curve.day_return,
            total_return=self._curve.total_return,
            drawdown=self._curve.drawdown,
            deepest_drawdown=self._curve.deepest.drawdown,
        )


def _mark(at: datetime, equity: float, cash: float) -> Mark:
    """Return a mark of the curve; its session day is the UTC date."""
    moment = at.astimezone(UTC)
    return Mark(round(moment.timestamp() * 1000), moment.strftime("%Y-%m-%d"), equity, cash)


def read_backtest_curve(connection: Connection[Any], backtest_id: str) -> Row | None:
    """Return the head of a stored back-test with the ``points`` of its equity, or None when there is none."""
    with connection.transaction():
        head = pages.backtest_head(connection, backtest_id)
        if head is None:
            return None
        buffer = EquityBuffer(head["initial_cash"])
        buffer.extend(_mark(*mark) for mark in pages.backtest_marks(connection, backtest_id))
        return {**head, "points": tuple(buffer.points())}
