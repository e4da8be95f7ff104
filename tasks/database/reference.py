"""What belongs to bars: instruments, corporate actions, rows that were refused, and stretches that are missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import dict_row

from domain.errors import InputError
from domain.market import AssetClass, CorporateAction, Instrument
from domain.symbol_changes import SymbolChange
from tasks.database.values import moment, number, plain, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tasks.database.connection import Database

type Row = dict[str, Any]

_PUT_INSTRUMENT: Final = """
INSERT INTO instruments (symbol, asset_class, calendar, currency, lots_per_unit, tick, tick_below_one)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (symbol) DO UPDATE SET asset_class = excluded.asset_class, calendar = excluded.calendar, currency = excluded.currency,
    lots_per_unit = excluded.lots_per_unit, tick = excluded.tick, tick_below_one = excluded.tick_below_one"""
_PUT_ACTION: Final = """
INSERT INTO corporate_actions (symbol, ex_date, action, value, pay_date, source) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (symbol, ex_date, action) DO UPDATE SET value = excluded.value, pay_date = excluded.pay_date,
    source = excluded.source"""
# A symbol changes once: a row read again, or its correction, takes the place of the first.
_PUT_CHANGE: Final = """
INSERT INTO corporate_actions (symbol, ex_date, action, value, successor, source) VALUES (%s, %s, 'symbol_change', 1, %s, %s)
ON CONFLICT (symbol) WHERE action = 'symbol_change' DO UPDATE SET ex_date = excluded.ex_date, successor = excluded.successor,
    source = excluded.source"""
_PUT_QUARANTINE: Final = """
INSERT INTO quarantine (source, symbol, timeframe, time, "row", kind, detail, raw)
VALUES (%(source)s, %(symbol)s, %(timeframe)s, %(time)s, %(row)s, %(kind)s, %(detail)s, %(raw)s)
ON CONFLICT ON CONSTRAINT quarantine_once DO NOTHING"""
_PUT_GAP: Final = """
INSERT INTO data_gaps (symbol, timeframe, gap_start, gap_end, missing, detail)
VALUES (%(symbol)s, %(timeframe)s, %(start)s, %(end)s, %(missing)s, %(detail)s)
ON CONFLICT (symbol, timeframe, gap_start) DO UPDATE SET gap_end = excluded.gap_end, missing = excluded.missing,
    detail = excluded.detail"""

_QUARANTINE_DEFAULTS: Final[Mapping[str, Any]] = {
    "source": "",
    "symbol": "",
    "timeframe": "",
    "time": None,
    "row": None,
    "kind": None,
    "detail": "",
    "raw": {},
}
_GAP_DEFAULTS: Final[Mapping[str, Any]] = {
    "symbol": None,
    "timeframe": None,
    "start": None,
    "end": None,
    "missing": 1,
    "detail": "",
}


def save_instruments(database: Database, instruments: Iterable[Instrument]) -> None:
    """Store or replace instruments by symbol."""
    rows = [
        (i.symbol, str(i.asset_class), i.calendar, i.currency, i.lots_per_unit, number(i.tick), number(i.tick_below_one))
        for i in instruments
    ]
    _execute(database, _PUT_INSTRUMENT, rows)


def read_instruments(database: Database, symbols: Sequence[str] | None = None) -> dict[str, Instrument]:
    """Return the known ones of ``symbols`` (None for all) by symbol."""
    query = (
        "SELECT symbol, asset_class, calendar, currency, lots_per_unit, tick::float8, tick_below_one::float8 FROM instruments "
        "WHERE %(all)s OR symbol = ANY(%(symbols)s) ORDER BY symbol"
    )
    with database.connect() as connection:
        rows = connection.execute(query, {"all": symbols is None, "symbols": list(symbols or ())}).fetchall()
    return {row[0]: Instrument(row[0], AssetClass(row[1]), *row[2:]) for row in rows}


def save_actions(database: Database, actions: Iterable[CorporateAction], source: str) -> None:
    """Store or replace corporate actions by symbol, ex-date and kind."""
    _execute(database, _PUT_ACTION, [(a.symbol, a.ex_date, a.action, number(a.value), a.pay_date, source) for a in actions])


def read_actions(database: Database, symbols: Sequence[str]) -> list[CorporateAction]:
    """Return the corporate actions of ``symbols`` by ex-date, symbol and kind; ``read_symbol_changes`` has their changes."""
    query = (
        "SELECT symbol, ex_date, action, value::float8, pay_date FROM corporate_actions "
        "WHERE symbol = ANY(%s) AND action <> 'symbol_change' ORDER BY ex_date, symbol, action"
    )
    with database.connect() as connection:
        rows = connection.execute(query, (list(symbols),)).fetchall()
    return [
        CorporateAction(symbol, ex_date.isoformat(), action, value, pay_date.isoformat() if pay_date else None)
        for symbol, ex_date, action, value, pay_date in rows
    ]


def save_symbol_changes(database: Database, changes: Iterable[SymbolChange], source: str) -> None:
    """Store or replace changes of symbols by the old symbol."""
    _execute(database, _PUT_CHANGE, [(change.symbol, change.ex_date, change.successor, source) for change in changes])


def read_symbol_changes(database: Database) -> list[SymbolChange]:
    """Return all changes of symbols by ex-date and old symbol."""
    query = "SELECT ex_date, symbol, successor FROM corporate_actions WHERE action = 'symbol_change' ORDER BY ex_date, symbol"
    with database.connect() as connection:
        rows = connection.execute(query).fetchall()
    return [SymbolChange(ex_date.isoformat(), symbol, successor) for ex_date, symbol, successor in rows]


def save_quarantine(database: Database, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep refused rows with the reason: ``kind`` is needed; ``source, symbol, timeframe, time, row, detail, raw`` are optional.

    ``time`` is in UTC microseconds; ``raw`` is the row as it came. The same row of the same source is kept once.
    """
    _execute(database, _PUT_QUARANTINE, [_filled(row, _QUARANTINE_DEFAULTS, ("kind",)) for row in rows])


def read_quarantine(database: Database, symbol: str | None = None, limit: int = 1000) -> list[Row]:
    """Return refused rows, newest first: the columns of the table, ``time`` as a datetime."""
    return _read(
        database,
        'SELECT id, found_at, source, symbol, timeframe, time, "row", kind, detail, raw FROM quarantine '
        "WHERE %(symbol)s::text IS NULL OR symbol = %(symbol)s ORDER BY id DESC LIMIT %(limit)s",
        {"symbol": symbol, "limit": limit},
    )


def save_gaps(database: Database, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep stretches without bars: ``symbol, timeframe, start, end`` are needed, ``missing`` (bars) and ``detail`` optional.

    ``start`` and ``end`` are UTC microseconds, ``end`` exclusive.
    """
    _execute(database, _PUT_GAP, [_filled(row, _GAP_DEFAULTS, ("symbol", "timeframe", "start", "end")) for row in rows])


def replace_gaps(database: Database, symbol: str, timeframe: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep ``rows`` as all the gaps of a series: those filled meanwhile disappear."""
    values = [_filled(row, _GAP_DEFAULTS, ("symbol", "timeframe", "start", "end")) for row in rows]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM data_gaps WHERE symbol = %s AND timeframe = %s", (symbol, timeframe))
        cursor.executemany(_PUT_GAP, values)


def read_gaps(database: Database, symbol: str | None = None) -> list[Row]:
    """Return the gaps by symbol, timeframe and time: the columns of the table."""
    return _read(
        database,
        "SELECT symbol, timeframe, gap_start, gap_end, missing, detail, found_at FROM data_gaps "
        "WHERE %(symbol)s::text IS NULL OR symbol = %(symbol)s ORDER BY symbol, timeframe, gap_start",
        {"symbol": symbol},
    )


def _filled(row: Mapping[str, Any], defaults: Mapping[str, Any], needed: tuple[str, ...]) -> Row:
    unknown = sorted(row.keys() - defaults.keys())
    missing = [name for name in needed if row.get(name) is None]
    if unknown or missing:
        raise InputError(f"cannot store a row with {unknown} unknown and {missing} missing: allowed are {', '.join(defaults)}")
    values = {**defaults, **row}
    values = {name: storable(value) if isinstance(value, str) else value for name, value in values.items()}
    for name in ("time", "start", "end"):
        if isinstance(values.get(name), int):
            values[name] = moment(values[name])
    if "raw" in values:
        values["raw"] = json.dumps(plain(values["raw"], spell=True))
    return values


def _execute(database: Database, statement: str, rows: list[Any]) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(statement.encode(), rows)


def _read(database: Database, query: str, values: Mapping[str, Any]) -> list[Row]:
    with database.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()
