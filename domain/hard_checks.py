"""Checks for bars that cannot be true: what no market does, so that one broken rule is proof enough.

``TIME_CHECKS`` look at times; of the rows that pass, ``ROW_CHECKS`` look at each one and ``PRESENCE_CHECKS`` for those not there;
``SEQUENCE_CHECKS`` compare the rows that passed all. The kinds are the names in data-quality reports. Detecting the merely
improbable is a further list of checks of the same shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from domain.market import DAY, AssetClass, Instrument, Timeframe
from domain.quality import (
    BAD_SYMBOL,
    FUTURE,
    MISSING,
    NO_TIME,
    REPEATED,
    Check,
    Finding,
    Mark,
    Partition,
    Rows,
    Series,
    apply,
    iso,
    partition,
    series_of,
    without,
)
from domain.sessions import Gap, find_gaps, on_calendar, regular_hours, session_dates, session_hours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

_PRICES: Final = ("open", "high", "low", "close")
_MISTAKEN_UNIT_UNTIL: Final = 31 * DAY
_FIRST_UNCOUNTABLE: Final = 2.0**63


def hard_checks(rows: Rows, timeframe: Timeframe, instruments: Mapping[str, Instrument], now: int | None = None) -> list[Finding]:
    """Return what cannot be true in ``rows``, by row; an instrument not given is an equity. See ``examine`` for the division."""
    return examine(rows, timeframe, instruments, now)[1]


def examine(
    rows: Rows, timeframe: Timeframe, instruments: Mapping[str, Instrument], now: int | None = None
) -> tuple[Partition, list[Finding]]:
    """Return the rows divided into good and quarantined ones, and every finding in the order of the rows.

    Rows are numbered as in their source; those refused before, for their symbol, are among the quarantined.
    """
    all_series = series_of(rows, timeframe, instruments, now)
    findings = [finding for series in all_series for finding in _examine_series(series)]
    findings.sort(key=lambda finding: finding.row)
    divided = partition(all_series, findings)
    findings = [finding._replace(row=rows.arrived(finding.row)) for finding in findings]
    quarantined = [row._replace(row=rows.arrived(row.row)) for row in divided.quarantined]
    if rows.refused:
        findings += [Finding(row.row, row.time, row.symbol, BAD_SYMBOL, row.detail) for row in rows.refused]
        findings.sort(key=lambda finding: finding.row)
        quarantined = sorted([*quarantined, *rows.refused], key=lambda row: row.row)
    return divided._replace(quarantined=tuple(quarantined)), findings


def _examine_series(series: Series) -> list[Finding]:
    """Return the findings of one symbol: of times, of single rows and holes, then of what is believed in its order."""
    times = apply(TIME_CHECKS, series)
    timed = without(series, times)
    single = apply(ROW_CHECKS, timed)
    believed = without(timed, single)
    return times + single + apply(PRESENCE_CHECKS, timed) + apply(SEQUENCE_CHECKS, believed)


def _timestamps(series: Series) -> Iterator[Mark]:
    """Mark times that cannot be read, come from a mistaken unit or lie in the future."""
    time = series.time
    yield Mark(time == NO_TIME, "bad_timestamp", lambda _: "the time cannot be read")
    # Seconds, milliseconds and nanoseconds taken for one another land in January 1970: no bar there is believed.
    mistaken = (time >= 0) & (time < _MISTAKEN_UNIT_UNTIL)
    yield Mark(mistaken, "implausible_timestamp", lambda at: f"{iso(int(time[at]))} looks like an epoch in another unit")
    if series.now is not None:
        limit = series.now
        yield Mark(time > limit, FUTURE, lambda at: f"{iso(int(time[at]))} is after {iso(limit)}")


def _price_values(series: Series) -> Iterator[Mark]:
    """Mark prices that are missing, infinite, zero or negative."""
    prices = np.vstack([series.column(name) for name in _PRICES])
    tests = {
        "nan_price": np.isnan(prices),
        "infinite_price": np.isinf(prices),
        "zero_price": prices == 0.0,
        "negative_price": (prices < 0.0) & np.isfinite(prices),
    }
    for kind, failed in tests.items():
        yield Mark(failed.any(axis=0), kind, _naming(prices, failed))


def _naming(prices: NDArray[np.float64], failed: NDArray[np.bool_]) -> Callable[[int], str]:
    """Return a detail that names the prices of a row that failed."""
    return lambda at: ", ".join(f"{_PRICES[n]} is {prices[n, at]}" for n in np.flatnonzero(failed[:, at]))


def _price_range(series: Series) -> Iterator[Mark]:
    """Mark bars whose high lies below their low, else whose open or close lies outside of the two."""
    high, low = series.column("high"), series.column("low")
    crossed = high < low
    yield Mark(crossed, "high_low_crossed", lambda at: f"high {high[at]} is below low {low[at]}")
    for name in ("open", "close"):
        price = series.column(name)
        outside = ~crossed & ((price > high) | (price < low))
        yield Mark(outside, f"{name}_outside_range", _outside(name, price, low, high))


def _outside(name: str, price: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> Callable[[int], str]:
    """Return a detail that names a price and the range it left."""
    return lambda at: f"{name} {price[at]} is not within low {low[at]} and high {high[at]}"


def _volume(series: Series) -> Iterator[Mark]:
    """Mark volumes that cannot be counted. A missing one is unknown, and only shares come whole."""
    volume = series.column("volume")
    yield Mark(volume < 0.0, "volume_negative", lambda at: f"volume is {volume[at]}")
    yield Mark(volume >= _FIRST_UNCOUNTABLE, "volume_overflow", lambda at: f"volume is {volume[at]}")
    if series.instrument.asset_class is AssetClass.EQUITY:
        broken = np.isfinite(volume) & (volume != np.floor(volume))
        yield Mark(broken, "volume_fractional", lambda at: f"volume is {volume[at]}: shares trade whole")


def _duplicates(series: Series) -> Iterator[Mark]:
    """Mark every further row of a bar: with the same values it says nothing new, with others it is a later version."""
    key = _bar_keys(series)
    order = np.argsort(key, kind="stable")
    begins = np.concatenate([[True], key[order][1:] != key[order][:-1]])
    first = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    same = np.ones(len(order), np.bool_)
    for name in (*_PRICES, "volume"):
        values = series.column(name)
        same &= (values[order] == values[first]) | (np.isnan(values[order]) & np.isnan(values[first]))
    repeats, versions = np.zeros(len(key), np.bool_), np.zeros(len(key), np.bool_)
    repeats[order], versions[order] = ~begins & same, ~begins & ~same
    original = np.empty(len(key), np.int64)
    original[order] = series.row[first]
    arrived = series.rows.arrived
    yield Mark(repeats, REPEATED, lambda at: f"repeats row {arrived(original[at])}")
    yield Mark(versions, "duplicate_conflicting", lambda at: f"row {arrived(original[at])} has other values for this bar")


def _bar_keys(series: Series) -> NDArray[np.int64]:
    """Return what identifies each bar: its start, or the day of a daily one, however that is stamped."""
    if not series.timeframe.is_daily:
        return series.time
    if series.instrument.calendar == "XNYS":
        return session_dates(series.time, series.timeframe, "XNYS")
    return series.time // DAY


def _order(series: Series) -> Iterator[Mark]:
    """Mark rows that arrive after a later bar."""
    key = _bar_keys(series)
    late, latest = key < np.maximum.accumulate(key), np.maximum.accumulate(series.time)
    yield Mark(late, "out_of_order", lambda at: f"arrived after the bar of {iso(int(latest[at]))}")


def _calendar(series: Series) -> Iterator[Mark]:
    """Mark bars on days without a session, and regular bars after the close of a half-day."""
    calendar, timeframe, time = series.instrument.calendar, series.timeframe, series.time
    yield Mark(~on_calendar(time, timeframe, calendar), "off_calendar", lambda _: f"{calendar} has no session then")
    if calendar == "XNYS" and not timeframe.is_daily:
        days = session_dates(time, timeframe, calendar)
        closes, (opens, usual_closes) = session_hours(days)[1], regular_hours(days)
        extended = np.any((time + timeframe.length <= opens) | (time >= usual_closes))
        # Where a series holds extended hours, trading rightly goes on after an early close.
        late = (time >= closes) & (time < usual_closes) & ~extended
        yield Mark(late, "after_early_close", lambda at: f"the session closed at {iso(int(closes[at]))}")


def _completeness(series: Series) -> Iterator[Mark]:
    """Mark the first row after each hole."""
    order = np.argsort(series.time, kind="stable")
    gaps = find_gaps(series.time[order], series.timeframe, series.instrument.calendar)
    after = order[np.searchsorted(series.time[order], [gap.last for gap in gaps], side="right")] if gaps else order[:0]
    gap_before = dict(zip(after.tolist(), gaps, strict=True))
    marked = np.zeros(len(series), np.bool_)
    marked[after] = True
    yield Mark(marked, MISSING, lambda at: _describe(gap_before[at]))


def _describe(gap: Gap) -> str:
    """Return a gap for a person."""
    return f"{gap.missing} bars are missing before it, from {iso(gap.first)} to {iso(gap.last)}"


TIME_CHECKS: Final[Sequence[Check]] = (_timestamps,)
ROW_CHECKS: Final[Sequence[Check]] = (_price_values, _price_range, _volume)
PRESENCE_CHECKS: Final[Sequence[Check]] = (_completeness,)
SEQUENCE_CHECKS: Final[Sequence[Check]] = (_duplicates, _order, _calendar)
