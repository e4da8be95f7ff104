"""Stored back-tests: the document as it was, its fills, trades and equity as rows; and the strategies' performance over time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.csv
from psycopg.rows import dict_row

from domain.errors import DataError, InputError
from tasks.database.values import moment, number, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import psycopg

    from tasks.database.connection import Database

type Row = dict[str, Any]

_COPY_BYTES: Final = 1 << 20

_INSERT: Final = """
INSERT INTO backtests (id, origin, strategy, symbols, timeframe, start_time, end_time, initial_cash, final_equity, total_return,
    sharpe, max_drawdown, document)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_LIST: Final = """
SELECT id, created_at, origin, strategy, symbols, timeframe, start_time AS start, end_time AS "end",
    (document ->> 'bars')::bigint AS bars, (document ->> 'fills')::bigint AS fills, (document ->> 'trades')::bigint AS trades,
    initial_cash::float8 AS initial_cash, final_equity::float8 AS final_equity, total_return, sharpe, max_drawdown
FROM backtests ORDER BY created_at DESC, id LIMIT %s"""

_FILLS: Final = ("time", "symbol", "side", "quantity", "price", "fee", "reason")
_TRADES: Final = (
    *("symbol", "side", "quantity", "entry_time", "entry_price", "exit_time", "exit_price", "fees", "pnl"),
    *("return", "reason"),
)
_EQUITY: Final = ("time", "equity", "cash")
_MEASURES: Final = ("total_return", "sharpe_ratio", "max_drawdown", "win_rate")
_PUT_PERFORMANCE: Final = """
INSERT INTO strategy_performance (time, strategy_name, total_return, sharpe_ratio, max_drawdown, win_rate)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (time, strategy_name) DO UPDATE SET total_return = excluded.total_return, sharpe_ratio = excluded.sharpe_ratio,
    max_drawdown = excluded.max_drawdown, win_rate = excluded.win_rate"""


def save_backtest(
    database: Database,
    document: Mapping[str, Any],
    fills: Sequence[Row],
    trades: Sequence[Row],
    equity: Sequence[Row],
    *,
    origin: str,
) -> str:
    """Store a back-test in one transaction, tell who follows ``backtests``, and return its id.

    ``document`` is the contract's JSON, the rows are those of fills.csv, trades.csv and equity.csv; times are ISO 8601 or UTC
    microseconds. ``origin`` says who ran it. Undefined and infinite numbers become null.
    """
    number_of = uuid4().hex[:12]
    whole = plain(document)
    metrics = whole.get("metrics") or {}
    head = (
        *(number_of, origin, whole["strategy"], json.dumps(whole["symbols"]), whole["timeframe"], whole.get("start")),
        *(whole.get("end"), number(whole.get("initial_cash")), number(whole.get("final_equity"))),
        *(metrics.get("total_return"), metrics.get("sharpe"), metrics.get("max_drawdown"), json.dumps(whole)),
    )
    with database.connect() as connection:
        connection.execute(_INSERT, head)
        _copy(connection, "backtest_fills", number_of, _FILLS, fills)
        _copy(connection, "backtest_trades", number_of, _TRADES, trades)
        _copy(connection, "backtest_equity", number_of, _EQUITY, equity)
        connection.execute("SELECT pg_notify('backtests', %s)", (number_of,))
    return number_of


def list_backtests(database: Database, limit: int = 50) -> list[Row]:
    """Return the heads of the latest back-tests, newest first; times as ISO 8601 text."""
    if limit < 1:
        raise InputError(f"{limit} back-tests cannot be listed: ask for 1 or more")
    return _rows(database, _LIST, limit)


def read_backtest(database: Database, number_of: str) -> Row | None:
    """Return the document of a back-test as it was stored, or None where there is none with this id."""
    with database.connect() as connection:
        row = connection.execute("SELECT document FROM backtests WHERE id = %s", (number_of,)).fetchone()
    return dict(row[0]) if row else None


def read_backtest_rows(database: Database, number_of: str) -> dict[str, list[Row]]:
    """Return ``fills``, ``trades`` and ``equity`` of a back-test as they were given, times as ISO 8601 text."""
    tables = {"fills": _FILLS, "trades": _TRADES, "equity": _EQUITY}
    return {
        name: _rows(
            database,
            f"SELECT {', '.join(map(_as_python, columns))} FROM backtest_{name} WHERE backtest_id = %s ORDER BY number",  # noqa: S608 - names of this module
            number_of,
        )
        for name, columns in tables.items()
    }


def delete_backtest(database: Database, number_of: str) -> bool:
    """Delete a back-test with all its rows and return whether it was there."""
    with database.connect() as connection:
        connection.execute("DELETE FROM backtest_equity WHERE backtest_id = %s", (number_of,))
        return connection.execute("DELETE FROM backtests WHERE id = %s", (number_of,)).rowcount == 1


def save_performance(database: Database, time: int, measures: Mapping[str, Mapping[str, float | None]]) -> None:
    """Store total_return, sharpe_ratio, max_drawdown and win_rate by strategy name at ``time`` (UTC microseconds)."""
    rows = [(moment(time), name, *(number(values.get(measure)) for measure in _MEASURES)) for name, values in measures.items()]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(_PUT_PERFORMANCE, rows)


def _copy(
    connection: psycopg.Connection[tuple[Any, ...]],
    table: str,
    number_of: str,
    columns: Sequence[str],
    rows: Sequence[Row],
) -> None:
    if not rows:
        return
    data: dict[str, Any] = {"backtest_id": pa.repeat(number_of, len(rows)), "number": pa.array(range(1, len(rows) + 1))}
    for name in columns:
        try:
            values = [row[name] for row in rows]
        except KeyError:
            raise DataError(f"a row for {table} has no {name!r}: it needs {', '.join(columns)}") from None
        if name.endswith("time"):
            values = [moment(value) if isinstance(value, int) else value for value in values]
        data[name] = pa.array(values, from_pandas=True)
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(pa.table(data), sink, pa.csv.WriteOptions(include_header=False))
    text = memoryview(sink.getvalue())
    names = ", ".join(f'"{name}"' for name in data)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT csv)".encode()) as copy:
        for start in range(0, len(text), _COPY_BYTES):
            copy.write(text[start : start + _COPY_BYTES])


def _as_python(column: str) -> str:
    """Return the expression that reads a NUMERIC column as float8."""
    exact = {"quantity", "price", "fee", "entry_price", "exit_price", "fees", "pnl", "equity", "cash"}
    return f'"{column}"::float8 AS "{column}"' if column in exact else f'"{column}"'


def _rows(database: Database, query: str, *values: object) -> list[Row]:
    with database.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query.encode(), values).fetchall()
    return [{name: _iso(value) for name, value in row.items()} for row in rows]


def _iso(value: Any) -> Any:
    stamp: datetime | None = value if hasattr(value, "isoformat") else None
    return value if stamp is None else stamp.isoformat()
