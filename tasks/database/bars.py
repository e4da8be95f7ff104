"""Bars into the database by COPY, and out of it as arrays.

Prices are NUMERIC in the table and float64 in arrays: each float is stored as the shortest decimal that is that float, so
nothing changes on the way.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import psycopg
from psycopg import sql

from domain.errors import DataError, InputError
from domain.market import Bars, Timeframe
from tasks.database.copying import Rows, columns_of, rows_of
from tasks.database.reference import (
    read_actions,
    read_gaps,
    read_instruments,
    read_quarantine,
    read_symbol_changes,
    save_actions,
    save_gaps,
    save_instruments,
    save_quarantine,
    save_symbol_changes,
)
from tasks.database.values import EPOCH, microseconds, moment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tasks.database.connection import Database

    type _Connection = psycopg.Connection[tuple[Any, ...]]

__all__ = [
    "BarStatistics",
    "LastBar",
    "UpsertCount",
    "bar_statistics",
    "last_bar_times",
    "last_bars",
    "read_actions",
    "read_bars",
    "read_gaps",
    "read_instruments",
    "read_quarantine",
    "read_symbol_changes",
    "save_actions",
    "save_gaps",
    "save_instruments",
    "save_quarantine",
    "save_symbol_changes",
    "upsert_bars",
]

_ROWS_A_BATCH: Final = 200_000
_COPY_BYTES: Final = 1 << 20
_WAIT_FOR_OTHER: Final = "10min"
_COLUMNS: Final = "symbol, timeframe, time, open, high, low, close, volume, source"

# One writer of bars at a time: two could both believe that a bar is new.
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('market_data', 0))"
_ANY: Final = """
SELECT EXISTS (SELECT FROM market_data
WHERE symbol = %(symbol)s AND timeframe = %(timeframe)s AND time BETWEEN %(first)s AND %(last)s)"""
# Only new and changed rows reach the table: an unchanged one is neither locked nor written to the log.
_UPSERT: Final = f"""
WITH stored AS (
    INSERT INTO market_data AS m ({_COLUMNS})
    SELECT s.symbol, s.timeframe, s.time, s.open, s.high, s.low, s.close, s.volume, s.source
    FROM staging AS s LEFT JOIN (
        SELECT * FROM market_data
        WHERE symbol = %(symbol)s AND timeframe = %(timeframe)s AND time BETWEEN %(first)s AND %(last)s) AS old USING (time)
    WHERE old.time IS NULL OR (old.open, old.high, old.low, old.close, old.volume)
        IS DISTINCT FROM (s.open, s.high, s.low, s.close, s.volume)
    ON CONFLICT (symbol, timeframe, time) DO UPDATE SET open = excluded.open, high = excluded.high, low = excluded.low,
        close = excluded.close, volume = excluded.volume, source = excluded.source
    RETURNING xmax = 0 AS new)
SELECT count(*) FILTER (WHERE new), count(*) FILTER (WHERE NOT new) FROM stored"""  # noqa: S608 - column names of this module

_BARS: Final = """
SELECT time, open::float8, high::float8, low::float8, close::float8, coalesce(volume::float8, 'NaN') FROM market_data
WHERE symbol = {} AND timeframe = {}"""
_NEWEST: Final = _BARS.format("%s", "%s") + " AND time >= %s ORDER BY time DESC LIMIT %s"

_PUT_SERIES: Final = """
INSERT INTO bar_series AS kept (symbol, timeframe, bars, first_time, last_time)
VALUES (%(symbol)s, %(timeframe)s, %(inserted)s, %(first)s, %(last)s)
ON CONFLICT (symbol, timeframe) DO UPDATE SET bars = kept.bars + excluded.bars,
    first_time = least(kept.first_time, excluded.first_time), last_time = greatest(kept.last_time, excluded.last_time)"""
_ENDS: Final = "SELECT first_time, last_time FROM bar_series WHERE symbol = %s AND timeframe = %s"
_LAST_TIMES: Final = "SELECT symbol, timeframe, last_time FROM bar_series ORDER BY symbol, timeframe"
_STATISTICS: Final = "SELECT coalesce(sum(bars), 0)::bigint, count(DISTINCT symbol), max(last_time) FROM bar_series"

_DAYS_A_SESSION: Final = 1.6  # with weekends and holidays
_TIME_A_BAR: Final = 6  # of a bar's own length, with nights and weekends
_SPARE: Final = timedelta(days=10)


class UpsertCount(NamedTuple):
    """What became of the bars given."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def plus(self, other: UpsertCount) -> UpsertCount:
        """Return the sums."""
        return UpsertCount(self.inserted + other.inserted, self.updated + other.updated, self.unchanged + other.unchanged)


class LastBar(NamedTuple):
    """The start of the last bar of a series in UTC microseconds."""

    symbol: str
    timeframe: str
    time: int


class BarStatistics(NamedTuple):
    """How many bars of how many symbols are stored, and when the last one starts (None where there is none)."""

    rows: int
    symbols: int
    last: datetime | None


def upsert_bars(database: Database, bars: Iterable[Bars], source: str) -> UpsertCount:
    """Store ``bars`` of any symbols in one transaction; equal bars stay, changed ones go to ``bar_revisions`` first.

    Raises DataError, storing nothing, where times do not increase or a bar is none (high below low, a price of 0 or less, NaN).
    """
    count = UpsertCount()
    try:
        with database.connect() as connection:
            connection.execute(f"SET LOCAL lock_timeout = '{_WAIT_FOR_OTHER}'".encode())
            connection.execute(_ALONE)
            connection.execute("CREATE TEMP TABLE staging (LIKE market_data INCLUDING DEFAULTS) ON COMMIT DROP")
            for series in bars:
                if (np.diff(series.time) <= 0).any():
                    raise DataError(f"bars of {series.symbol} are not in time order, or one time comes twice: sort them first")
                for first in range(0, len(series), _ROWS_A_BATCH):
                    count = count.plus(_store(connection, series.slice(first, first + _ROWS_A_BATCH), source))
    except psycopg.errors.CheckViolation as error:
        raise DataError(
            f"a bar cannot be stored, high, low and prices contradict each other: {error.diag.message_detail}"
        ) from None
    return count


def read_bars(database: Database, symbol: str, timeframe: Timeframe, start: int | None = None, end: int | None = None) -> Bars:
    """Return the bars that start from ``start`` to before ``end`` (UTC microseconds), in time order; none where there are none."""
    query = sql.SQL(_BARS).format(sql.Literal(symbol), sql.Literal(timeframe.name))
    if start is not None:
        query += sql.SQL(" AND time >= {}").format(sql.Literal(moment(start)))
    if end is not None:
        query += sql.SQL(" AND time < {}").format(sql.Literal(moment(end)))
    return _fetch(database, query + sql.SQL(" ORDER BY time"), symbol, timeframe)


def last_bars(database: Database, symbol: str, timeframe: Timeframe, count: int) -> Bars:
    """Return the last ``count`` bars in time order, fewer where fewer are stored."""
    if count < 1:
        raise InputError(f"{count} bars cannot be read: ask for 1 or more")
    with database.pooled() as connection, connection.cursor(binary=True) as cursor:
        ends = cursor.execute(_ENDS, (symbol, timeframe.name)).fetchone()
        first, last = ends or (EPOCH, EPOCH)
        # Planning all chunks of a hypertable takes longer than the answer: look in the last ones first.
        start = max(first, last - _usual_span(timeframe, count))
        rows = cursor.execute(_NEWEST, (symbol, timeframe.name, start, count)).fetchall()
        if len(rows) < count and start > first:
            rows = cursor.execute(_NEWEST, (symbol, timeframe.name, first, count)).fetchall()
    if not rows:
        return Bars.empty(symbol, timeframe)
    time, *columns = zip(*reversed(rows), strict=True)
    times = np.array([microseconds(value) for value in time], np.int64)
    opens, highs, lows, closes, volumes = (np.array(column, np.float64) for column in columns)
    return Bars(symbol, timeframe, times, opens, highs, lows, closes, volumes)


def _usual_span(timeframe: Timeframe, count: int) -> timedelta:
    """Return how long ``count`` bars usually take; a guess that is checked."""
    bars = (
        timedelta(days=count * _DAYS_A_SESSION)
        if timeframe.is_daily
        else timedelta(microseconds=count * timeframe.length * _TIME_A_BAR)
    )
    return bars + _SPARE


def last_bar_times(database: Database) -> list[LastBar]:
    """Return the last bar of each series, by symbol and timeframe."""
    with database.pooled() as connection:
        rows = connection.execute(_LAST_TIMES).fetchall()
    return [LastBar(symbol, timeframe, microseconds(time)) for symbol, timeframe, time in rows]


def bar_statistics(database: Database) -> BarStatistics:
    """Return what is stored."""
    with database.pooled() as connection:
        row = connection.execute(_STATISTICS).fetchone()
    return BarStatistics(*row) if row else BarStatistics(0, 0, None)


def _store(connection: _Connection, bars: Bars, source: str) -> UpsertCount:
    rows = rows_of(bars, source)
    span = {
        "symbol": bars.symbol,
        "timeframe": bars.timeframe.name,
        "first": moment(int(bars.time[0])),
        "last": moment(int(bars.time[-1])),
    }
    count = _insert(connection, rows, span, len(bars))
    connection.execute(_PUT_SERIES, {**span, "inserted": count.inserted})
    return count


def _insert(connection: _Connection, rows: Rows, span: dict[str, Any], given: int) -> UpsertCount:
    row = connection.execute(_ANY, span).fetchone()
    if row and not row[0]:
        _copy(connection, "market_data", rows)  # nothing to compare with: straight in, three times as fast
        return UpsertCount(inserted=given)
    _copy(connection, "staging", rows)
    counted = connection.execute(_UPSERT, span).fetchone()
    connection.execute("TRUNCATE staging")
    inserted, updated = counted or (0, 0)
    return UpsertCount(inserted, updated, given - inserted - updated)


def _copy(connection: _Connection, table: str, rows: Rows) -> None:
    statement = f"COPY {table} ({_COLUMNS}) FROM STDIN (FORMAT {rows.format})"
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for start in range(0, len(rows.data), _COPY_BYTES):
            copy.write(rows.data[start : start + _COPY_BYTES])


def _fetch(database: Database, query: sql.Composable, symbol: str, timeframe: Timeframe) -> Bars:
    data = bytearray()
    with (
        database.pooled() as connection,
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)) as copy,
    ):
        for row in copy:
            data += row
    time, (opens, highs, lows, closes, volumes) = columns_of(data)
    return Bars(symbol, timeframe, time, opens, highs, lows, closes, volumes)
