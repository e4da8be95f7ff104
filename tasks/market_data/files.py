"""Bars and corporate actions from files, checked and filtered."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Final

import numpy as np

from domain.errors import DataError, InputError
from domain.examination import examine
from domain.market import DAY, HOUR, TIMEFRAMES, AssetClass, CorporateAction, Instrument, parse_symbol
from domain.quality import NO_TIME
from domain.sessions import session_dates, within
from domain.symbol_changes import SymbolChange, check_changes, concerning
from tasks.market_data.input_files import check_is_file
from tasks.market_data.provider import Fetched
from tasks.market_data.tables import check_header, read_rows
from tasks.market_data.times import steps_of, usual_step

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from domain.market import Bars, Timeframe
    from domain.quality import Finding, Partition, Rows

ACTIONS: Final = ("split", "dividend", "delisting")
_SYMBOL_CHANGE: Final = "symbol_change"
_ACTION_COLUMNS: Final = ("symbol", "ex_date", "action", "value")
_MOST_SPLIT: Final = 10_000.0
_MANY_STEPS: Final = 10


@dataclass(frozen=True, slots=True)
class FileBars:
    """What a file holds: its timeframe, the rows divided into good bars and others, and everything found, by row."""

    timeframe: Timeframe
    checked: Partition
    findings: tuple[Finding, ...]


def read_file(
    path: Path,
    symbols: Collection[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    *,
    asset_class: AssetClass = AssetClass.EQUITY,
    instruments: Mapping[str, Instrument] | None = None,
    zone: str | None = None,
) -> list[Bars]:
    """Return the good bars of a CSV or Parquet file by symbol, in code-point order; ``load`` tells about the other rows."""
    loaded = load(path, symbols, start, end, asset_class=asset_class, instruments=instruments, zone=zone)
    if not loaded.checked.bars:
        raise DataError(f"{path} has no bar that can be true, the first finding: {loaded.findings[0]}")
    return list(loaded.checked.bars)


def load(
    path: Path,
    symbols: Collection[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    *,
    asset_class: AssetClass = AssetClass.EQUITY,
    instruments: Mapping[str, Instrument] | None = None,
    timeframe: Timeframe | None = None,
    zone: str | None = None,
    now: int | None = None,
    actions: Sequence[CorporateAction] = (),
    earlier: Collection[str] = (),
) -> FileBars:
    """Read, filter and check the bars of a file.

    ``symbols`` None takes all; those of ``earlier``, which may be missing, come with them. ``start`` and ``end`` are session
    dates, both included. An instrument not in ``instruments`` is one of ``asset_class``. ``timeframe`` None infers it. ``zone``
    declares what times without an offset mean. ``now`` (UTC microseconds) makes later bars findings; declared splits among
    ``actions`` are none. Raises DataError for a file that cannot be used or has nothing asked for.
    """
    fetched = fetch(
        path,
        symbols,
        start,
        end,
        asset_class=asset_class,
        instruments=instruments,
        timeframe=timeframe,
        zone=zone,
        earlier=earlier,
    )
    known = {instrument.symbol: instrument for instrument in fetched.instruments}
    checked, findings = examine(fetched.rows, fetched.timeframe, known, now, actions)
    return FileBars(fetched.timeframe, checked, tuple(findings))


def fetch(
    path: Path,
    symbols: Collection[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    *,
    asset_class: AssetClass = AssetClass.EQUITY,
    instruments: Mapping[str, Instrument] | None = None,
    timeframe: Timeframe | None = None,
    zone: str | None = None,
    actions: Path | None = None,
    earlier: Collection[str] = (),
) -> Fetched:
    """Return the rows of a file in arrival order, unchecked, with what the file ``actions`` has of their symbols.

    The other arguments and errors are those of ``load``.
    """
    rows = read_rows(path, symbols, zone, earlier)
    known = {symbol: (instruments or {}).get(symbol) or Instrument.of(symbol, asset_class) for symbol in rows.symbols}
    frame = timeframe or infer_timeframe(rows, str(path))
    rows = _between(rows, frame, known, start, end)
    if len(rows) == 0:
        raise DataError(f"{path} has no bars from {start or 'its start'} to {end or 'its end'}: ask for other dates")
    present = [known[rows.symbols[code]] for code in np.unique(rows.code)]
    there = [instrument.symbol for instrument in present]
    events = read_actions(actions, there) if actions is not None else []
    changes = concerning(there, read_symbol_changes(actions)) if actions is not None else []
    return Fetched(rows, frame, tuple(present), tuple(events), f"file:{path.name}", tuple(changes))


def _own_length(steps: NDArray[np.int64]) -> Timeframe | None:
    """Return the length of one symbol's bars where they are many and all keep it, by the day or within it."""
    if len(steps) < _MANY_STEPS:
        return None
    if np.all(2 * steps > DAY):
        return TIMEFRAMES["1d"]
    step = usual_step([steps])
    return next((one for one in TIMEFRAMES.values() if one.length == step and not one.is_daily), None)


def infer_timeframe(rows: Rows, source: str) -> Timeframe:
    """Return the timeframe whose length most neighbouring bars keep; raise DataError where there is none.

    Where no symbol has two bars, bars on a full hour are daily ones.
    """
    steps = [steps_of(rows.time[rows.code == code]) for code in range(len(rows.symbols))]
    step = usual_step(steps)
    by_day = 2 * abs(step - DAY) < DAY  # changes of the clock and mixed stamps move a day by some hours
    for symbol, own in zip(rows.symbols, map(_own_length, steps), strict=True):
        if own is not None and own.is_daily != by_day:
            raise DataError(
                f"{source}: {symbol} has {own.name} bars, most others lie {step / 60e6:g} minutes apart: "
                "give the bars of each length as a file of their own"
            )
    single_days = step == 0 and bool(np.all(rows.time[rows.time != NO_TIME] % HOUR == 0))
    if single_days or by_day:
        return TIMEFRAMES["1d"]
    for timeframe in TIMEFRAMES.values():
        if timeframe.length == step:
            return timeframe
    raise DataError(f"{source}: bars lie {step / 60e6:g} minutes apart; allowed timeframes are {', '.join(TIMEFRAMES)}")


def read_actions(path: Path, symbols: Collection[str] | None = None) -> list[CorporateAction]:
    """Return the splits, cash dividends and delistings of a CSV file, of the given symbols or all, by symbol and date.

    ``read_symbol_changes`` returns its changes of symbols, and ``unread_actions`` tells what else the file holds. Raises DataError
    for a file or a row that cannot be used.
    """
    chosen = [
        _action(row, f"{path} line {line}")
        for line, row in _action_rows(path)
        if row["action"] in ACTIONS and (symbols is None or row["symbol"] in symbols)
    ]
    return sorted(chosen, key=lambda action: (action.symbol, action.ex_date, ACTIONS.index(action.action)))


def read_symbol_changes(path: Path) -> list[SymbolChange]:
    """Return the changes of symbols in a CSV file of actions, whose ``value`` is the new symbol, in order of their dates."""
    changes = []
    for line, row in _action_rows(path):
        if row["action"] != _SYMBOL_CHANGE:
            continue
        try:
            ex_date = _date(row, "ex_date").isoformat()
            changes.append(SymbolChange(ex_date, parse_symbol(row["symbol"]), parse_symbol(row["value"])))
        except InputError as error:
            raise DataError(f"{path} line {line}: {error}") from error
    check_changes(changes, str(path))
    return sorted(changes)


def unread_actions(path: Path, symbols: Collection[str] | None = None) -> list[str]:
    """Return a note for each row of a file of actions, of the given symbols or all, that is no action known here."""
    known = (*ACTIONS, _SYMBOL_CHANGE)
    return [
        f"{path} line {line}: action {row['action']!r} of {row['symbol']} is not applied; known are {', '.join(known)}"
        for line, row in _action_rows(path)
        if row["action"] not in known and (symbols is None or row["symbol"] in symbols)
    ]


def _action_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a file of actions with their line numbers."""
    check_is_file(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restval="")
            check_header(reader.fieldnames or [], _ACTION_COLUMNS, path)
            rows = [(reader.line_num, row) for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no CSV file of corporate actions: {error}") from error
    for line, row in rows:
        if surplus := row.get(None):  # what DictReader calls the fields beyond the header
            expected = len(row) - 1
            raise DataError(
                f"{path} line {line}: {expected + len(surplus)} fields where the header names {expected}; "
                "numbers are written with a point, such as 0.25"
            )
    return rows


def _action(row: Mapping[str, str], where: str) -> CorporateAction:
    """Return one row as an action; raise DataError where it is none."""
    try:
        symbol, ex_date = parse_symbol(row["symbol"]), _date(row, "ex_date")
        pay_date = _date(row, "pay_date") if row.get("pay_date") else None
    except InputError as error:
        raise DataError(f"{where}: {error}") from error
    try:
        value = float(row["value"])
    except ValueError:
        raise DataError(f"{where}: value {row['value']!r} of a {row['action']} is no number: write it as 0.25 or 2") from None
    if row["action"] == "delisting":
        if not 0.0 <= value <= 1.0:
            raise DataError(f"{where}: value {value} of a delisting is the haircut on the last price, a fraction from 0 to 1")
    elif not (isfinite(value) and value > 0.0):
        raise DataError(f"{where}: value {value} of a {row['action']} must be above 0")
    elif row["action"] == "split" and not 1.0 / _MOST_SPLIT <= value <= _MOST_SPLIT:
        raise DataError(
            f"{where}: value {value} of a split is new shares for an old one, from {1.0 / _MOST_SPLIT} to {_MOST_SPLIT}"
        )
    if pay_date is not None and pay_date < ex_date:
        raise DataError(f"{where}: pay_date {pay_date} lies before ex_date {ex_date}, when it is decided who is paid")
    return CorporateAction(symbol, ex_date.isoformat(), row["action"], value, pay_date.isoformat() if pay_date else None)


def _date(row: Mapping[str, str], column: str) -> date:
    """Return the date in a column; raise InputError where it is none."""
    try:
        return date.fromisoformat(row[column])
    except ValueError:
        raise InputError(f"{column} {row[column]!r} is no date: write it as 2021-03-31") from None


def _between(rows: Rows, timeframe: Timeframe, instruments: Mapping[str, Instrument], start: date | None, end: date | None) -> Rows:
    """Return the rows of the sessions from ``start`` to ``end``; those whose time cannot be read stay, to be reported."""
    if start is None and end is None:
        return rows
    inside = rows.time == NO_TIME
    for code, symbol in enumerate(rows.symbols):
        mine = np.flatnonzero((rows.code == code) & ~inside)
        days = session_dates(rows.time[mine], timeframe, instruments[symbol].calendar)
        inside[mine[within(days, start, end)]] = True
    return rows.take(inside)
