"""What the pages and the interface show, read in one transaction so that the figures belong together.

Rows are dicts of plain Python values: floats for NUMERIC (for reading only, the ledger stays exact in its tables), aware UTC
datetimes, text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from psycopg import Connection

type Row = dict[str, Any]

CHUNK: Final = 10_000  # rows a round trip when a long curve is read

_RUN: Final = """
    SELECT run_id, account, state, broker, feed, strategies, initial_cash::float8 AS initial_cash, created_at AS started_at,
           heartbeat_at, extract(epoch FROM now() - heartbeat_at)::float8 AS silent_seconds, ended_at, detail,
           coalesce(configuration ->> 'currency', 'USD') AS currency
    FROM runs ORDER BY (state IN ('starting', 'trading', 'halted')) DESC, created_at DESC LIMIT 1
"""
_POSITIONS: Final = """
    SELECT symbol, quantity::float8 AS quantity, average_price::float8 AS average_price, current_price::float8 AS current_price,
           unrealized_pnl::float8 AS unrealized_pnl, realized_pnl::float8 AS realized_pnl, last_updated
    FROM positions WHERE run_id = %s AND lots <> 0 ORDER BY symbol
"""
_ORDERS: Final = """
    SELECT order_id::text AS order_id, symbol, side, quantity::float8 AS quantity, order_type, price::float8 AS price,
           stop_price::float8 AS stop_price, status, strategy, created_at, filled_at, filled_price::float8 AS filled_price,
           filled_quantity::float8 AS filled_quantity, fees::float8 AS fees, reason, message
    FROM orders WHERE run_id = %s ORDER BY created_at DESC, order_id LIMIT %s
"""
_OPEN_ORDERS: Final = """
    SELECT count(*) AS open FROM orders WHERE run_id = %s AND status NOT IN ('filled', 'cancelled', 'rejected')
"""
_FILLS: Final = """
    SELECT seq AS key, bar_time AS time, symbol, strategy, side, quantity::float8 AS quantity, price::float8 AS price,
           fee::float8 AS fee, reason
    FROM fills WHERE run_id = %s ORDER BY seq DESC LIMIT %s
"""
_MARKS: Final = """
    SELECT time, bar_time, equity::float8, cash::float8 FROM equity
    WHERE run_id = %s AND time > coalesce(%s::timestamptz, '-infinity') ORDER BY time
"""
# A mixture of calendars closes bars in another order than they began: the latest start keeps the curve's axis going forward.
_BACKTEST_MARKS: Final = """
    SELECT max(time) OVER (ORDER BY number), equity::float8, cash::float8 FROM backtest_equity
    WHERE backtest_id = %s ORDER BY number
"""
_JOURNAL_END: Final = "SELECT coalesce(max(seq), 0) AS seq FROM journal WHERE run_id = %s"
_TURNS: Final = """
    SELECT seq, type, time, payload FROM journal
    WHERE run_id = %s AND seq > %s AND type IN ('LimitBreached', 'TradingHalted', 'TradingResumed') ORDER BY seq
"""
_LAST_MARK: Final = """
    SELECT bar_time AS time, equity::float8 AS equity, cash::float8 AS cash FROM equity WHERE run_id = %s
    ORDER BY equity.time DESC LIMIT 1
"""
# The series are found by steps through the primary key: a DISTINCT would read every bar. The module of the bars has the like,
# but brings the array libraries, 60 MB that the web process does without.
_BARS: Final = """
    WITH RECURSIVE series AS (
        (SELECT symbol, timeframe FROM market_data ORDER BY symbol, timeframe LIMIT 1)
        UNION ALL
        SELECT next.symbol, next.timeframe FROM series CROSS JOIN LATERAL (
            SELECT symbol, timeframe FROM market_data
            WHERE (symbol, timeframe) > (series.symbol, series.timeframe) ORDER BY symbol, timeframe LIMIT 1) AS next)
    SELECT (SELECT count(*) FROM market_data) AS rows, count(DISTINCT symbol) AS symbols, max(latest.time) AS last
    FROM series CROSS JOIN LATERAL (
        SELECT time FROM market_data AS bar WHERE bar.symbol = series.symbol AND bar.timeframe = series.timeframe
        ORDER BY time DESC LIMIT 1) AS latest
"""
_BACKTESTS: Final = """
    SELECT id, created_at, origin, strategy, symbols, timeframe, start_time AS start, end_time AS "end",
           initial_cash::float8 AS initial_cash, final_equity::float8 AS final_equity, total_return, sharpe, max_drawdown,
           (document ->> 'trades')::bigint AS trades
    FROM backtests ORDER BY created_at DESC, id LIMIT %s
"""
_BACKTEST: Final = """
    SELECT id, strategy, symbols, initial_cash::float8 AS initial_cash, final_equity::float8 AS final_equity
    FROM backtests WHERE id = %s
"""
_DOCUMENT: Final = "SELECT id, created_at, origin, document FROM backtests WHERE id = %s"
_EVENTS: Final = """
    SELECT id, "timestamp", event_type, module, level, message, metadata FROM system_events ORDER BY id DESC LIMIT %s
"""


def _rows(connection: Connection[Any], query: str, *values: object) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


def _one(connection: Connection[Any], query: str, *values: object) -> Row | None:
    found = _rows(connection, query, *values)
    return found[0] if found else None


def newest_run(connection: Connection[Any]) -> Row | None:
    """Return the run that trades, else the one begun last, or None before the first."""
    return _one(connection, _RUN)


def open_positions(connection: Connection[Any], run_id: str) -> list[Row]:
    """Return the positions a run holds, by symbol."""
    return _rows(connection, _POSITIONS, run_id)


def newest_orders(connection: Connection[Any], run_id: str, limit: int) -> list[Row]:
    """Return the latest orders of a run, newest first."""
    return _rows(connection, _ORDERS, run_id, limit)


def open_order_count(connection: Connection[Any], run_id: str) -> int:
    """Return how many orders of a run can still trade."""
    return int((_one(connection, _OPEN_ORDERS, run_id) or {"open": 0})["open"])


def newest_fills(connection: Connection[Any], run_id: str, limit: int) -> list[Row]:
    """Return the latest fills of a run, newest first; ``time`` is the start of the bar filled on, ``key`` its journal number."""
    return _rows(connection, _FILLS, run_id, limit)


def equity_marks(
    connection: Connection[Any], run_id: str, after: datetime | None = None
) -> Iterator[tuple[datetime, datetime, float, float]]:
    """Yield ``(time, bar_time, equity, cash)`` of a run's closes in their order, those later than ``after``, a chunk at a time."""
    yield from _chunks(connection, _MARKS, run_id, after)


def backtest_marks(connection: Connection[Any], backtest_id: str) -> Iterator[tuple[datetime, float, float]]:
    """Yield ``(time, equity, cash)`` of a back-test's closes in their order; ``time`` is the latest start of a bar so far."""
    yield from _chunks(connection, _BACKTEST_MARKS, backtest_id)


def _chunks(connection: Connection[Any], query: str, *values: object) -> Iterator[Any]:
    with connection.cursor("marks") as cursor:
        cursor.itersize = CHUNK
        cursor.execute(query.encode(), values)
        yield from cursor


def turns(connection: Connection[Any], run_id: str, after: int) -> tuple[list[Row], int]:
    """Return the halts, resumptions and limits met after journal number ``after``, and the number where the journal ends."""
    end = _one(connection, _JOURNAL_END, run_id) or {"seq": after}
    return _rows(connection, _TURNS, run_id, after), int(end["seq"])


def newest_backtests(connection: Connection[Any], limit: int) -> list[Row]:
    """Return the heads of the latest stored back-tests, newest first."""
    return _rows(connection, _BACKTESTS, limit)


def backtest_head(connection: Connection[Any], backtest_id: str) -> Row | None:
    """Return what names a stored back-test and its money, or None when there is none with this id."""
    return _one(connection, _BACKTEST, backtest_id)


def backtest_document(connection: Connection[Any], backtest_id: str) -> Row | None:
    """Return a stored result with its ``id``, ``created_at``, ``origin`` and ``document``, or None when there is none."""
    return _one(connection, _DOCUMENT, backtest_id)


def newest_events(connection: Connection[Any], limit: int) -> list[Row]:
    """Return the latest system events, newest first."""
    return _rows(connection, _EVENTS, limit)


def last_mark(connection: Connection[Any], run_id: str) -> Row | None:
    """Return the start of the bar (``time``), equity and cash of a run's latest close, or None before the first."""
    return _one(connection, _LAST_MARK, run_id)


def backtest_count(connection: Connection[Any]) -> int:
    """Return how many back-tests are stored."""
    return int((_one(connection, "SELECT count(*) AS stored FROM backtests") or {"stored": 0})["stored"])


def bars_stored(connection: Connection[Any]) -> Row:
    """Return ``rows``, ``symbols`` and the start of the ``last`` bar of all that is stored."""
    return _one(connection, _BARS) or {"rows": 0, "symbols": 0, "last": None}
