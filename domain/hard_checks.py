"""Checks for bars that cannot be true: what no market does, so that one broken rule is proof enough.

``TIME_CHECKS`` look at times; of the rows that pass, ``ROW_CHECKS`` look at each one and ``PRESENCE_CHECKS`` for those not there;
``SEQUENCE_CHECKS`` compare the rows that passed all. The kinds are the names in data-quality reports. What is merely improbable
is the business of ``domain.statistical_checks``; ``domain.examination`` applies all of them in their order.
"""

from __future__ import annotations

from bisect import bisect_right
from math import ceil, log
from typing import TYPE_CHECKING, Final

import numpy as np

from domain.market import DAY, AssetClass
from domain.quality import FUTURE, MISSING, NO_TIME, REPEATED, Check, Mark, Series, iso
from domain.sessions import Gap, find_gaps, is_session, on_calendar, regular_hours, session_dates, session_hours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

_PRICES: Final = ("open", "high", "low", "close")
_MISTAKEN_UNIT_UNTIL: Final = 31 * DAY
_FIRST_DAILY: Final = -170 * 365 * DAY  # about 1800, before any exchange's records
_FIRST_INTRADAY: Final = 10 * 365 * DAY  # about 1980, before any vendor's
_FIRST_UNCOUNTABLE: Final = 2.0**63
_FEW_ROWS: Final = 2
_MANY_BEHIND: Final = 3  # rows that would be late, for each that is dated too late
_FEW_SINGLE: Final = 20
_USUAL_SINGLE: Final = 0.002  # of the bars
_SHORT_HOLE: Final = 10  # bars: a longer hole is none of chance
_THIN: Final = 0.05
_MOST_ABSENT: Final = 0.5
_MONDAY: Final = 4  # 1970-01-05 was a Monday
_USUALLY_BOTH: Final = 0.8
_LATE_REPORTS: Final = 0.5  # of a usual bar's volume


def _timestamps(series: Series) -> Iterator[Mark]:
    """Mark times that cannot be read, come from a mistaken unit or lie in the future."""
    time = series.time
    yield Mark(time == NO_TIME, "bad_timestamp", lambda _: "the time cannot be read")
    # Seconds, milliseconds and nanoseconds taken for one another land in January 1970: no bar there is believed.
    mistaken = (time >= 0) & (time < _MISTAKEN_UNIT_UNTIL)
    first = _FIRST_DAILY if series.timeframe.is_daily else _FIRST_INTRADAY
    ancient = (time < first) & (time != NO_TIME) & ~mistaken
    yield Mark(ancient, "implausible_timestamp", lambda at: f"{iso(int(time[at]))} is before there were such bars")
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
    """Mark rows that arrive after a later bar, and single ones dated so late that many after them would be late instead.

    Of rows that all come newest first the first is marked; those of a bar that is there already are none of its business.
    """
    key = _bar_keys(series)
    if np.all(key[1:] >= key[:-1]):
        return
    if len(key) > _FEW_ROWS and np.all(key[1:] <= key[:-1]):
        yield Mark(np.arange(len(key)) == 0, "out_of_order", lambda _: f"all {len(key)} rows arrive newest first")
        return
    bars = np.sort(np.unique(key, return_index=True)[1])
    early = np.zeros(len(key), np.bool_)
    early[bars] = _early(key[bars])
    reached = np.maximum.accumulate(np.where(early, np.iinfo(np.int64).min, key))
    late, latest = np.zeros(len(key), np.bool_), np.maximum.accumulate(np.where(early, NO_TIME, series.time))
    late[bars] = (key < reached)[bars]

    def placed(at: int) -> str:
        if late[at]:
            return f"arrived after the bar of {iso(int(latest[at]))}"
        return f"arrived before the bar of {iso(int(series.time[at:][~early[at:]][0]))}"

    yield Mark(early | late, "out_of_order", placed)


def _early(key: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the rows that are dated too late: few against the rows behind them that come before their date."""
    early = ~_in_order(key) & (key >= np.maximum.accumulate(key))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], early, [False]]).astype(np.int8)))
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        behind = int(np.count_nonzero(key[end:] < key[end - 1]))
        early[first:end] = behind >= _MANY_BEHIND * (end - first)
    return early


def _in_order(key: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the longest run of rows whose keys never fall, those that arrived earlier before others as long.

    Rows no earlier than all before and no later than all behind them belong to it; of the others it is found by patience sorting
    (Fredman, 1975), from the last row on.
    """
    kept: NDArray[np.bool_] = (key >= np.maximum.accumulate(key)) & (key <= np.minimum.accumulate(key[::-1])[::-1])
    rest = np.flatnonzero(~kept)
    if not len(rest):
        return kept
    tails: list[int] = []  # the last key of the best run of each length, negated: from the last row on keys never rise
    last: list[int] = []  # the row it ends with
    before = np.full(len(rest), -1, np.int64)
    negated = (-key[rest]).tolist()
    for place, value in enumerate(reversed(negated)):
        length = bisect_right(tails, value)
        before[place] = last[length - 1] if length else -1
        if length == len(tails):
            tails.append(value)
            last.append(place)
        else:
            tails[length], last[length] = value, place
    place = last[-1]
    while place >= 0:
        kept[rest[len(rest) - 1 - place]] = True
        place = int(before[place])
    return kept


def _calendar(series: Series) -> Iterator[Mark]:
    """Mark bars on days without a session, and regular bars after the close of a half-day."""
    calendar, timeframe, time = series.instrument.calendar, series.timeframe, series.time
    yield Mark(~on_calendar(time, timeframe, calendar), "off_calendar", lambda _: f"{calendar} has no session then")
    if calendar == "XNYS" and not timeframe.is_daily:
        days = session_dates(time, timeframe, calendar)
        closes, (opens, usual_closes) = session_hours(days)[1], regular_hours(days)
        extended = np.any((time + timeframe.length <= opens) | (time >= usual_closes))
        # Where a series holds extended hours, trading rightly goes on after an early close.
        late = (time >= closes) & (time < usual_closes) & ~extended & _is_trading(series, time < closes)
        yield Mark(late, "after_early_close", lambda at: f"the session closed at {iso(int(closes[at]))}")


def _is_trading(series: Series, before: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which bars have more volume than the late reports of trades that follow a close."""
    volume = series.column("volume")
    usual = volume[before & (volume > 0.0)]
    return ~(volume < _LATE_REPORTS * np.median(usual)) if len(usual) else np.ones(len(volume), np.bool_)


def _completeness(series: Series) -> Iterator[Mark]:
    """Mark the first row after each hole."""
    order = np.argsort(series.time, kind="stable")
    gaps = _worth_telling(find_gaps(series.time[order], series.timeframe, series.instrument.calendar), series)
    gaps += _missing_at_weekends(series)
    after = order[np.searchsorted(series.time[order], [gap.last for gap in gaps], side="right")] if gaps else order[:0]
    gap_before = dict(zip(after.tolist(), gaps, strict=True))
    marked = np.zeros(len(series), np.bool_)
    marked[after] = True
    yield Mark(marked, MISSING, lambda at: _describe(gap_before[at]))


def _worth_telling(gaps: list[Gap], series: Series) -> list[Gap]:
    """Return the gaps without those as short as chance makes them where short bars without a trade or a quote are usual.

    Of n bars of which a share p is absent by chance, runs of k and more are expected n p^k times: those expected once are not told.
    """
    single = sum(gap.missing == 1 for gap in gaps)
    if series.timeframe.is_daily or single < max(_FEW_SINGLE, _USUAL_SINGLE * len(series)):
        return gaps
    absent = sum(gap.missing for gap in gaps if gap.missing <= _SHORT_HOLE)
    share = min(absent / (absent + len(series)), _MOST_ABSENT)
    if share < _THIN:
        return [gap for gap in gaps if gap.missing > 1]
    longest = max(1, ceil(log(len(series)) / -log(share)) - 1)
    return [gap for gap in gaps if gap.missing > longest]


def _missing_at_weekends(series: Series) -> list[Gap]:
    """Return Sundays or Mondays without a bar of daily currencies that usually have both: the calendar counts them as one."""
    if series.instrument.calendar != "FX" or not series.timeframe.is_daily:
        return []
    days = np.unique(series.time // DAY)
    mondays = np.arange(days[0], days[-1] + 1, dtype=np.int64)
    mondays = mondays[(mondays % 7 == _MONDAY) & (mondays > days[0]) & is_session(mondays, "FX")]
    monday, sunday = np.isin(mondays, days), np.isin(mondays - 1, days)
    if len(mondays) == 0 or np.mean(monday & sunday) < _USUALLY_BOTH:
        return []
    absent = [*(mondays[monday & ~sunday] - 1).tolist(), *mondays[sunday & ~monday].tolist()]
    return [Gap(day * DAY, day * DAY, 1) for day in sorted(absent)]


def _describe(gap: Gap) -> str:
    """Return a gap for a person."""
    return f"{gap.missing} bars are missing before it, from {iso(gap.first)} to {iso(gap.last)}"


TIME_CHECKS: Final[Sequence[Check]] = (_timestamps,)
ROW_CHECKS: Final[Sequence[Check]] = (_price_values, _price_range, _volume)
PRESENCE_CHECKS: Final[Sequence[Check]] = (_completeness,)
SEQUENCE_CHECKS: Final[Sequence[Check]] = (_duplicates, _order, _calendar)
