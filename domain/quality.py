"""Rows as they arrived, what is found wrong with them, and their division into good and quarantined ones.

Nothing is clipped and nothing is lost: a row that breaks a rule is kept, with its reasons, beside the good ones. A check is a
function from a ``Series`` (one symbol's rows as columns) to marks; those of ``domain.hard_checks`` say what cannot be true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from domain.market import Bars, CorporateAction, Instrument, Timeframe

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_TIME: Final = -(2**63)
"""The time of a row whose own cannot be read."""

REPEATED: Final = "duplicate_exact"
"""The kind of a row that says nothing new: it is counted and dropped."""

FUTURE: Final = "future_timestamp"
"""The kind of a bar that begins after the present."""

MISSING: Final = "missing_bars"
"""The kind of the first row after a hole."""

BAD_SYMBOL: Final = "bad_symbol"
"""The kind of a row whose symbol can be none: it belongs to no instrument."""

SPLIT: Final = "split_unadjusted"
"""The kind of a bar at whose opening the level changes as after a split that nobody declared."""

DIVIDEND_TWICE: Final = "dividend_adjusted_twice"
"""The kind of an ex-date on which more is taken out of the prices than its dividend."""

IMPROBABLE: Final = frozenset({"spike", "drop", SPLIT, DIVIDEND_TWICE, "stale_price", "volume_zero", "volume_outlier"})
"""Kinds of rows that may be true after all: somebody must look, nothing is taken away."""

FLAGGED: Final = IMPROBABLE | {"out_of_order", "off_calendar", "after_early_close", MISSING}
"""Kinds whose rows stay good; out-of-order ones are sorted."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Bars of many symbols in arrival order, as columns of equal length.

    ``code`` indexes ``symbols``; ``time`` is int64 UTC microseconds or ``NO_TIME``; the others float64, NaN where empty.
    ``place`` is where each row stood in its source, from 0, None where that is its index. ``refused`` are rows that belong to
    no symbol; they stay whatever is taken. ``adjusted`` are a vendor's adjusted closes, for checks alone, None where it has none.
    """

    symbols: tuple[str, ...]
    code: NDArray[np.int64]
    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    place: NDArray[np.int64] | None = None
    refused: tuple[Quarantined, ...] = ()
    adjusted: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.time)

    def arrived(self, at: int) -> int:
        """Return where the row at an index stood in its source."""
        return at if self.place is None else int(self.place[at])

    def take(self, chosen: NDArray[np.bool_]) -> Rows:
        """Return the chosen rows, in arrival order."""
        return Rows(
            self.symbols,
            self.code[chosen],
            self.time[chosen],
            self.open[chosen],
            self.high[chosen],
            self.low[chosen],
            self.close[chosen],
            self.volume[chosen],
            np.flatnonzero(chosen) if self.place is None else self.place[chosen],
            self.refused,
            None if self.adjusted is None else self.adjusted[chosen],
        )


@dataclass(frozen=True, slots=True)
class Series:
    """The rows of one symbol, in arrival order.

    ``row`` is the position of each in ``rows``; ``now`` (UTC microseconds) bounds the past, None where no future is known;
    ``actions`` are the declared ones of this symbol.
    """

    rows: Rows
    row: NDArray[np.int64]
    instrument: Instrument
    timeframe: Timeframe
    now: int | None
    actions: tuple[CorporateAction, ...] = ()

    def __len__(self) -> int:
        return len(self.row)

    @property
    def time(self) -> NDArray[np.int64]:
        """The starts of the bars."""
        return self.rows.time[self.row]

    def column(self, name: str) -> NDArray[np.float64]:
        """Return the prices or volumes called ``name``."""
        values: NDArray[np.float64] = getattr(self.rows, name)[self.row]
        return values

    def take(self, chosen: NDArray[np.bool_]) -> Series:
        """Return the chosen rows, in arrival order."""
        return replace(self, row=self.row[chosen])

    def in_time_order(self) -> Series:
        """Return the rows by the starts of their bars."""
        return replace(self, row=self.row[np.argsort(self.time, kind="stable")])

    def bars(self) -> Bars:
        """Return the rows as bars in time order."""
        row = self.row[np.argsort(self.time, kind="stable")]
        rows = self.rows
        return Bars(
            self.instrument.symbol,
            self.timeframe,
            rows.time[row],
            rows.open[row],
            rows.high[row],
            rows.low[row],
            rows.close[row],
            rows.volume[row],
            calendar=self.instrument.calendar,
        )


class Mark(NamedTuple):
    """Rows of a series that a check found: a mask, the kind, and the detail of the marked row at an index of the series."""

    rows: NDArray[np.bool_]
    kind: str
    detail: Callable[[int], str]


type Check = Callable[[Series], Iterator[Mark]]


class Finding(NamedTuple):
    """What is wrong with a row: its position on arrival, its time (UTC microseconds or ``NO_TIME``) and the rule's name."""

    row: int
    time: int
    symbol: str
    kind: str
    detail: str


class Quarantined(NamedTuple):
    """A row that is not believed, with the values it came with and its reasons."""

    row: int
    symbol: str
    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    kinds: tuple[str, ...]
    detail: str


class Partition(NamedTuple):
    """Rows after the checks: good ``bars`` by symbol in code-point order, the unbelieved ones, and how many were repeats."""

    bars: tuple[Bars, ...]
    quarantined: tuple[Quarantined, ...]
    repeated: int


def series_of(
    rows: Rows,
    timeframe: Timeframe,
    instruments: Mapping[str, Instrument],
    now: int | None = None,
    actions: Sequence[CorporateAction] = (),
) -> list[Series]:
    """Return the rows of each symbol, in code-point order of the symbols that have any."""
    by_code = np.argsort(rows.code, kind="stable")
    edges = np.searchsorted(rows.code[by_code], np.arange(len(rows.symbols) + 1))
    spans = [by_code[edges[at] : edges[at + 1]] for at in range(len(rows.symbols))]
    found = [
        Series(
            rows,
            span,
            instruments.get(symbol) or Instrument.of(symbol),
            timeframe,
            now,
            tuple(action for action in actions if action.symbol == symbol),
        )
        for symbol, span in zip(rows.symbols, spans, strict=True)
        if len(span)
    ]
    return sorted(found, key=lambda series: series.instrument.symbol)


def apply(checks: Sequence[Check], series: Series) -> list[Finding]:
    """Return what the checks find in one symbol's rows, check after check; no rows need no check."""
    if len(series) == 0:
        return []
    symbol, findings = series.instrument.symbol, []
    for check in checks:
        for mark in check(series):
            marked = np.flatnonzero(mark.rows)
            places = zip(series.row[marked].tolist(), series.time[marked].tolist(), marked.tolist(), strict=True)
            findings += [Finding(row, time, symbol, mark.kind, mark.detail(at)) for row, time, at in places]
    return findings


def without(series: Series, findings: Sequence[Finding]) -> Series:
    """Return the rows that no finding names."""
    if not findings:
        return series
    return series.take(~np.isin(series.row, [finding.row for finding in findings]))


def partition(all_series: Sequence[Series], findings: Sequence[Finding]) -> Partition:
    """Divide the rows by what was found: only the kinds of ``FLAGGED`` leave a row among the good bars."""
    reasons: dict[int, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.kind not in FLAGGED:
            reasons[finding.row].append(finding)
    dropped = np.fromiter(reasons, np.int64, len(reasons))
    good = [series.take(~np.isin(series.row, dropped)).bars() for series in all_series]
    rows = all_series[0].rows if all_series else None
    repeated = [row for row, found in reasons.items() if all(finding.kind == REPEATED for finding in found)]
    unbelieved = sorted(reasons.keys() - set(repeated))
    quarantined = [] if rows is None else _quarantine(rows, unbelieved, reasons)
    return Partition(tuple(bars for bars in good if len(bars)), tuple(quarantined), len(repeated))


def _quarantine(rows: Rows, unbelieved: Sequence[int], reasons: Mapping[int, Sequence[Finding]]) -> Iterator[Quarantined]:
    """Yield rows with their reasons."""
    columns = [column[unbelieved].tolist() for column in (rows.open, rows.high, rows.low, rows.close, rows.volume)]
    for row, open_, high, low, close, volume in zip(unbelieved, *columns, strict=True):
        found = reasons[row]
        kinds = tuple(dict.fromkeys([finding.kind for finding in found]))
        detail = "; ".join([finding.detail for finding in found])
        yield Quarantined(row, found[0].symbol, found[0].time, open_, high, low, close, volume, kinds, detail)


def iso(time: int) -> str:
    """Return UTC microseconds as ISO 8601, for a person."""
    return "unknown" if time == NO_TIME else f"{np.datetime64(time, 'us').astype('datetime64[s]')}Z"
