"""The checks of data quality on a file of bars as it is, without a database."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from domain.examination import found_in
from domain.market import DAY, HOUR, AssetClass, Instrument, Timeframe
from domain.new_york import offset
from domain.quality import NO_TIME, iso
from tasks.market_data.files import infer_timeframe, read_actions
from tasks.market_data.tables import read_adjusted, read_row_ids, read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from domain.quality import Finding, Rows

CLASS_OF: Final = {"XNYS": AssetClass.EQUITY, "24/7": AssetClass.CRYPTO, "FX": AssetClass.FX}
"""The asset class that trades on each calendar."""

_NAMED: Final = re.compile(r"(?:^|[_.\-])(1m|5m|15m|30m|1h|4h|1d)(?=[_.\-]|$)")
_THURSDAY: Final = 4  # 1970-01-01
_EVERY_DAY: Final = 0.05
_SUNDAYS: Final = 0.005
_MANY_HOURS: Final = 20
_SELDOM: Final = 0.01  # of the bars: a day in a wrong zone makes no hour of trading
_MOSTLY: Final = 0.5
_SATURDAY: Final = 6


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What was found in a file, in the order of its rows, and how it was understood.

    ``row_ids`` are the file's own names of its rows, None where it has none; times are UTC microseconds, None where none can
    be read.
    """

    rows: int
    symbols: tuple[str, ...]
    timeframe: Timeframe
    calendars: tuple[str, ...]
    first: int | None
    last: int | None
    actions: int
    findings: tuple[Finding, ...]
    row_ids: list[int | str | None] | None

    def row(self, finding: Finding) -> int | str:
        """Return what the file calls the row of ``finding``, its position from 0 where it calls it nothing."""
        named = None if self.row_ids is None else self.row_ids[finding.row]
        return finding.row if named is None else named

    def records(self) -> list[dict[str, Any]]:
        """Return one record a finding: several kinds on a row are several records."""
        return [
            {
                "row": self.row(finding),
                "time": None if finding.time == NO_TIME else iso(finding.time),
                "symbol": finding.symbol,
                "kind": finding.kind,
                "detail": finding.detail,
            }
            for finding in self.findings
        ]


def check_file(
    path: Path, actions: Path | None = None, calendar: str | None = None, now: int | None = None, zone: str | None = None
) -> CheckedFile:
    """Return what is wrong with the bars of ``path``; declared splits of the file ``actions`` are no errors.

    ``calendar`` None is told by the bars of each symbol. ``now`` is UTC microseconds, the machine's clock where None. ``zone``
    declares what times without an offset mean. Raises DataError for files that cannot be used.
    """
    rows = read_rows(path, zone=zone)
    if declared := (read_actions(actions, rows.symbols) if actions is not None else []):
        rows = with_adjusted(rows, path)
    timeframe = named_timeframe(path.name) or infer_timeframe(rows, str(path))
    calendars = {
        symbol: calendar or likely_calendar(rows.time[mine], rows.volume[mine])
        for symbol, mine in ((symbol, rows.code == code) for code, symbol in enumerate(rows.symbols))
    }
    instruments = {symbol: Instrument.of(symbol, CLASS_OF[known]) for symbol, known in calendars.items()}
    present = time.time_ns() // 1000 if now is None else now
    findings = found_in(rows, timeframe, instruments, present, declared)
    times = rows.time[(rows.time != NO_TIME) & (rows.time <= present)]
    first, last = (int(times.min()), int(times.max())) if len(times) else (None, None)
    return CheckedFile(
        rows=len(rows) + len(rows.refused),
        symbols=rows.symbols,
        timeframe=timeframe,
        calendars=tuple(sorted(set(calendars.values()))),
        first=first,
        last=last,
        actions=len(declared),
        findings=tuple(findings),
        row_ids=read_row_ids(path),
    )


def with_adjusted(rows: Rows, path: Path) -> Rows:
    """Return the rows of a file with its adjusted closes, where it has any."""
    adjusted = read_adjusted(path)
    if adjusted is None:
        return rows
    return replace(rows, adjusted=adjusted if rows.place is None else adjusted[rows.place])


def named_timeframe(name: str) -> Timeframe | None:
    """Return the length of bars that a file's name says, as in ``equity_1d.parquet``; None where it says none or several."""
    named = set(_NAMED.findall(name))
    return Timeframe.parse(named.pop()) if len(named) == 1 else None


def likely_calendar(times: NDArray[np.int64], volumes: NDArray[np.float64]) -> str:
    """Return the calendar on which bars at ``times`` trade: every day of the week, from Sunday on, or New York's sessions.

    A span without a weekend tells by trading round the clock, where New York has 16 hours with the extended ones, or by volumes
    that are no whole numbers of shares; a market without volumes is then that of currencies.
    """
    known = times[times != NO_TIME]
    weekday = (known // DAY + _THURSDAY) % 7
    if not len(weekday):
        return "XNYS"
    sunday, saturday = float(np.mean(weekday == 0)), float(np.mean(weekday == 6))
    if saturday > _EVERY_DAY:
        return "24/7"
    if sunday > _SUNDAYS:
        return "FX"
    first, last = int(known.min()) // DAY, int(known.max()) // DAY
    if (first + _THURSDAY) % 7 + last - first >= _SATURDAY:
        return "XNYS"  # a weekend has passed, and nothing traded on it
    traded = volumes[volumes > 0.0]
    hour = (known + offset(known)) % DAY // HOUR
    round_the_clock = np.count_nonzero(np.bincount(hour, minlength=24) > _SELDOM * len(hour)) >= _MANY_HOURS
    fractional = len(traded) > 0 and float(np.mean(traded % 1.0 != 0.0)) > _MOSTLY
    if round_the_clock or fractional:
        return "24/7" if len(traded) else "FX"
    return "XNYS"
