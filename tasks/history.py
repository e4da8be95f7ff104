"""Bars and corporate actions as the history a run trades: from a file or from the database."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from msgspec import structs

from domain.errors import DataError, InputError
from domain.local_scale import LONG_HOLE
from domain.market import AssetClass, Instrument, Timeframe
from domain.quality import FLAGGED, FUTURE, IMPROBABLE, MISSING, SPLIT, iso
from domain.sessions import session_dates, within
from domain.symbol_changes import concerning, joined_by_changes, renamed_actions, with_predecessors
from domain.timeline import History, merged
from tasks.coarser import made_coarser

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from domain.market import Bars, CorporateAction
    from domain.quality import Finding, Quarantined
    from domain.symbol_changes import SymbolChange
    from tasks.database.connection import Database
    from tasks.market_data.files import FileBars


@dataclass(frozen=True, slots=True)
class Loaded:
    """A history and what a person must know of it."""

    history: History
    warnings: tuple[str, ...] = ()


def parse_date(text: str | None, option: str) -> date | None:
    """Return an ISO date; raise InputError naming ``option`` for anything else."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text[:20]!r} is no date: write it as YYYY-MM-DD, such as 2020-01-31") from None


def check_dates(start: date | None, end: date | None) -> None:
    """Raise InputError where ``start`` lies after ``end``."""
    if start is not None and end is not None and start > end:
        raise InputError(f"start {start} lies after end {end}: swap them")


def from_file(
    path: Path,
    symbols: Sequence[str] | None,
    timeframe: Timeframe | None,
    dates: tuple[date | None, date | None] = (None, None),
    asset_class: AssetClass = AssetClass.EQUITY,
    actions: Path | None = None,
    *,
    zone: str | None = None,
    now: int | None = None,
    finer: bool = False,
) -> Loaded:
    """Return the bars of a file, with the actions of another; raise DataError or InputError where they cannot be used.

    ``zone`` declares what times without an offset mean. A ``timeframe`` coarser than the file's has its bars resampled; with
    ``finer`` the history keeps those of the file too.
    Bars later than ``now`` (UTC microseconds, the machine's clock where None) are left out with a warning.
    """
    from tasks.market_data.files import (  # noqa: PLC0415 - pyarrow is needed for files alone
        load,
        read_actions,
        read_symbol_changes,
        unread_actions,
    )

    present = _present(now)
    effective = merged(read_actions(actions)) if actions is not None else ()
    changes = read_symbol_changes(actions) if actions is not None else []
    earlier = with_predecessors(symbols or (), changes)
    found = load(path, symbols, *dates, asset_class=asset_class, zone=zone, now=present, actions=effective, earlier=earlier)
    frame = timeframe or found.timeframe
    if frame.length < found.timeframe.length:
        raise InputError(f"{path} holds {found.timeframe.name} bars: --timeframe {frame.name} cannot be finer")
    if not found.checked.bars:
        first = found.findings[0]
        raise DataError(f"{path} has no bar that can be true, the first finding: row {first.row} {first.kind}, {first.detail}")
    _check_most(found, path, asset_class)
    series, names = joined_by_changes(found.checked.bars, changes, symbols or ())
    instruments = tuple(Instrument.of(bars.symbol, asset_class) for bars in series)
    known = _known_actions(renamed_actions(effective, names, changes), dates[1], present)
    history, notes = _history(instruments, series, frame, known, finer=finer)
    notes += _change_notes(names)
    splits = _suspected_splits(found.findings, effective) if asset_class is AssetClass.EQUITY else []
    warnings = _split_warnings(splits)
    if actions is not None:
        warnings += unread_actions(actions, [instrument.symbol for instrument in instruments])
    return Loaded(history, (*warnings, *_row_warnings(found, str(path)), *_doubts(found, str(path), splits), *notes))


def _check_most(found: FileBars, path: Path, asset_class: AssetClass) -> None:
    """Raise DataError where more rows of a file break a rule than can be true: such a file is not what it was taken for."""
    untrue = _untrue(found)
    kept = sum(len(bars) for bars in found.checked.bars)
    if len(untrue) > kept:
        kinds = ", ".join(kind for kind, _ in Counter(kind for row in untrue for kind in row.kinds).most_common(3))
        raise DataError(
            f"{len(untrue)} of {len(untrue) + kept} rows of {path} break a rule of bars of {asset_class.value}: {kinds}. "
            f"Is it another --asset-class? ./pi5 check-data lists the rows"
        )


def _known_actions(actions: Iterable[CorporateAction], end: date | None, present: int) -> tuple[CorporateAction, ...]:
    """Return each action up to the last day of a run: before it comes, no bar is known to be the last before a delisting."""
    today = iso(present)[:10]
    last = today if end is None else min(today, end.isoformat())
    return merged(action for action in actions if action.ex_date <= last)


def _change_notes(names: Mapping[str, str]) -> list[str]:
    """Return one note for each symbol whose bars a run has under another."""
    return [f"bars and actions of {old} until it changed its symbol are those of {new}" for old, new in sorted(names.items())]


def _present(now: int | None) -> int:
    """Return ``now``, or the machine's time in UTC microseconds."""
    return time.time_ns() // 1000 if now is None else now


def _untrue(found: FileBars) -> list[Quarantined]:
    """Return the rows of a file that break a rule, those of a time to come aside."""
    return [row for row in found.checked.quarantined if FUTURE not in row.kinds]


def _row_warnings(found: FileBars, source: str) -> list[str]:
    """Return what a person must know of the rows of a file that are not as they should be."""
    warnings = []
    future = [f"{row.symbol} {iso(row.time)}" for row in found.checked.quarantined if FUTURE in row.kinds]
    if future:
        warnings.append(_future_warning(future, source))
    untrue = _untrue(found)
    if untrue:
        kinds = sorted({kind for row in untrue for kind in row.kinds})
        warnings.append(f"{len(untrue)} rows of {source} break a rule and are left out: {', '.join(kinds)}")
    # Holes are told by symbol, from the bars a run really gets.
    flagged = Counter(finding.kind for finding in found.findings if finding.kind in FLAGGED - IMPROBABLE - {MISSING})
    if flagged:
        counts = ", ".join(f"{kind} {count}" for kind, count in sorted(flagged.items()))
        warnings.append(f"rows of {source} are used although found unusual: {counts}; ./pi5 check-data lists them")
    return warnings


def _suspected_splits(findings: Sequence[Finding], declared: Iterable[CorporateAction]) -> list[Finding]:
    """Return the bars that open as they would after a split that nobody declared, not those of a declared one without a trace."""
    days = [(action.symbol, date.fromisoformat(action.ex_date)) for action in declared if action.action == "split"]

    def explained(finding: Finding) -> bool:
        day = date.fromisoformat(iso(finding.time)[:10])  # its bar may come some days after the ex-date
        return any(
            symbol == finding.symbol and timedelta(0) <= day - ex_date <= timedelta(microseconds=LONG_HOLE)
            for symbol, ex_date in days
        )

    return [finding for finding in findings if finding.kind == SPLIT and not explained(finding)]


def _split_warnings(splits: Sequence[Finding]) -> list[str]:
    """Return one warning for each symbol of suspected splits, by day."""
    days: dict[str, list[str]] = {}
    for finding in splits:
        days.setdefault(finding.symbol, []).append(iso(finding.time)[:10])
    return [
        f"{symbol} opens as after a split on {', '.join(found[:5])}{' ...' if len(found) > 5 else ''}: see --actions"
        for symbol, found in sorted(days.items())
    ]


def _doubts(found: FileBars, source: str, told: Sequence[Finding]) -> list[str]:
    """Return a warning of the bars that look wrong and are used, but for those ``told`` by day."""
    kinds = Counter(finding.kind for finding in found.findings if finding.kind in IMPROBABLE)
    kinds.subtract(finding.kind for finding in told)
    counts = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()) if count)
    return [f"bars of {source} look wrong and are used as they are: {counts}; ./pi5 check-data lists them"] if counts else []


def _future_warning(bars: Sequence[str], source: str) -> str:
    """Name the bars and not the present, so that a back-test done twice says the same."""
    shown = ", ".join(bars[:3]) + (" ..." if len(bars) > 3 else "")
    return f"{len(bars)} bars of {source} begin after the present and are left out: {shown}"


def from_database(
    database: Database,
    symbols: Sequence[str],
    timeframe: Timeframe,
    dates: tuple[date | None, date | None] = (None, None),
    asset_class: AssetClass = AssetClass.EQUITY,
    *,
    now: int | None = None,
    finer: bool = False,
) -> Loaded:
    """Return the stored bars of ``symbols`` with their corporate actions; raise DataError where there are none.

    Bars of a share from before it had its symbol are under that. Where a symbol has only finer bars than ``timeframe``, the
    coarsest of them are resampled, and with ``finer`` kept; only coarser ones are an InputError.
    An instrument the database does not know is one of ``asset_class``. Bars later than ``now`` (UTC microseconds, the
    machine's clock where None) are left out with a warning.
    """
    from tasks.database.bars import (  # noqa: PLC0415 - psycopg is needed here alone
        read_actions,
        read_instruments,
        read_symbol_changes,
    )

    changes = read_symbol_changes(database)
    wanted = sorted(with_predecessors(symbols, changes))
    known, present = read_instruments(database, wanted), _present(now)
    instruments = {symbol: known.get(symbol, Instrument.of(symbol, asset_class)) for symbol in wanted}
    found, future, warnings = [], [], []
    for symbol in wanted:
        read, doubt = _read(database, symbol, timeframe, asked=symbol in symbols)
        stored = between(structs.replace(read, calendar=instruments[symbol].calendar), instruments[symbol], dates)
        past = int(np.searchsorted(stored.time, present, side="right"))
        future += [f"{symbol} {iso(moment)}" for moment in stored.time[past:].tolist()]
        warnings += doubt
        found += [stored.slice(0, past)] if past else []
    alike, notes = _of_one_length(found, instruments, changes, timeframe)
    series, names = joined_by_changes(alike, changes, symbols)
    missing = sorted({*symbols} - {bars.symbol for bars in series} - names.keys())
    if missing:
        raise DataError(f"there are no {timeframe.name} bars of {missing[0]} in the database: load some with ./pi5 ingest")
    actions = _known_actions(renamed_actions(read_actions(database, wanted), names, changes), dates[1], present)
    history, more = _history(tuple(instruments[bars.symbol] for bars in series), series, timeframe, actions, finer=finer)
    told = [_future_warning(future, "the database")] if future else []
    return Loaded(history, (*told, *warnings, *notes, *more, *_change_notes(names)))


def _of_one_length(
    series: Sequence[Bars], instruments: Mapping[str, Instrument], changes: Sequence[SymbolChange], timeframe: Timeframe
) -> tuple[list[Bars], list[str]]:
    """Return the series, those of one share that differ in length made bars of ``timeframe``, and what to know of them."""
    shares = {bars.symbol: _share(bars.symbol, changes) for bars in series} if changes else {}
    uneven = [
        bars
        for bars in series
        if any(bars.timeframe != other.timeframe and other.symbol in shares.get(bars.symbol, ()) for other in series)
    ]
    if not uneven:
        return list(series), []
    made, notes = made_coarser(uneven, [instruments[bars.symbol] for bars in uneven], timeframe)
    coarser = {bars.symbol: bars for bars in made}
    return [one for bars in series if len(one := coarser.get(bars.symbol, bars))], notes


def _share(symbol: str, changes: Sequence[SymbolChange]) -> set[str]:
    """Return every symbol that the share of ``symbol`` has at some time."""
    return {name for change in concerning([symbol], changes) for name in (change.symbol, change.successor)}


def _read(database: Database, symbol: str, timeframe: Timeframe, *, asked: bool) -> tuple[Bars, list[str]]:
    """Return the stored bars of ``timeframe``, else those of the coarsest finer one; none where nothing is stored.

    Only coarser ones are an InputError for a symbol that was ``asked`` for, for one that a share had before a warning.
    """
    from tasks.database.bars import last_bar_times, read_bars  # noqa: PLC0415 - psycopg is needed here alone

    bars = read_bars(database, symbol, timeframe)
    if len(bars):
        return bars, []
    stored = [Timeframe.parse(last.timeframe) for last in last_bar_times(database) if last.symbol == symbol]
    finer = [one for one in stored if one.length < timeframe.length]
    if finer:
        return read_bars(database, symbol, max(finer, key=lambda one: one.length)), []
    names = ", ".join(one.name for one in sorted(stored, key=lambda one: one.length))
    if stored and asked:
        raise InputError(f"the database holds {names} bars of {symbol}: --timeframe {timeframe.name} cannot be finer")
    return bars, [f"bars of {symbol} before it changed its symbol are {names} ones: left out"] if stored else []


def between(bars: Bars, instrument: Instrument, dates: tuple[date | None, date | None]) -> Bars:
    """Return the bars whose session date lies between ``dates``, both included."""
    inside = np.flatnonzero(within(session_dates(bars.time, bars.timeframe, instrument.calendar), *dates))
    return bars.slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else bars.slice(0, 0)


def splits_only_stored(history: History, database: Database) -> list[str]:
    """Return one warning for each symbol with a split between its bars that the database has and ``history`` has not."""
    from tasks.database.bars import read_actions, read_symbol_changes  # noqa: PLC0415 - psycopg is needed here alone

    applied = {(action.symbol, action.ex_date) for action in history.actions if action.action == "split"}
    own, changes = [one.symbol for one in history.instruments], read_symbol_changes(database)
    names = {old: symbol for symbol in own for old in with_predecessors([symbol], changes) if old == symbol or old not in own}
    renamed = renamed_actions(read_actions(database, list(names)), names, changes)
    stored = [action for action in renamed if action.action == "split"]
    warnings = []
    for instrument, bars in zip(history.instruments, history.bars, strict=True):
        days = session_dates(bars.time[[0, -1]], bars.timeframe, instrument.calendar).astype("datetime64[D]").astype(str)
        left_out = sorted(
            f"{action.value:g} on {action.ex_date}"
            for action in stored
            if action.symbol == bars.symbol and days[0] < action.ex_date <= days[1] and (bars.symbol, action.ex_date) not in applied
        )
        if left_out:
            warnings.append(
                f"{bars.symbol} has a split in the database that --bars does not take: {', '.join(left_out)}, see --actions"
            )
    return warnings


def until_delisting(
    bars: Sequence[Bars], instruments: Sequence[Instrument], actions: Sequence[CorporateAction]
) -> tuple[list[Bars], list[str]]:
    """Return the bars before each symbol's delisting, and a warning of those behind it: nobody could trade there."""
    kept, warnings = [], []
    for one, instrument in zip(bars, instruments, strict=True):
        ends = [action.ex_date for action in actions if action.action == "delisting" and action.symbol == one.symbol]
        dates = [date.fromisoformat(end) for end in ends]
        before = between(one, instrument, (None, min(dates) - timedelta(days=1))) if dates else one
        if not len(before):  # it ended before its first bar: these are another's
            before = one
        if len(before) < len(one):
            warnings.append(f"{len(one) - len(before)} bars of {one.symbol} on or after its delisting on {min(dates)} are left out")
        kept.append(before)
    return kept, warnings


def _history(
    instruments: tuple[Instrument, ...],
    bars: Sequence[Bars],
    timeframe: Timeframe,
    actions: tuple[CorporateAction, ...],
    *,
    finer: bool,
) -> tuple[History, list[str]]:
    """Return the bars as a history of ``timeframe``, and what a person must know where they were finer.

    With ``finer`` the history keeps them, where there are any.
    """
    made, warnings = made_coarser(bars, instruments, timeframe)
    made, gone = until_delisting(made, instruments, actions)
    warnings += gone
    kept = [(instrument, one) for instrument, one in zip(instruments, made, strict=True) if len(one)]
    if not kept:
        raise DataError(f"there is no complete {timeframe.name} bar from {bars[0].timeframe.name} bars: give more bars")
    symbols = {instrument.symbol for instrument, _ in kept}
    effective = tuple(action for action in actions if action.symbol in symbols)
    warnings += [
        f"no bar of {one.symbol} has volume, so nothing of it can fill" for _, one in kept if not np.any(one.volume != 0.0)
    ]
    fine = tuple(one for one in bars if one.symbol in symbols) if finer and any(one.timeframe != timeframe for one in bars) else ()
    return History(tuple(one for one, _ in kept), tuple(one for _, one in kept), timeframe, effective, fine), warnings
