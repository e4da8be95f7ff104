"""Checks of bars one by one as they close, with no look ahead and bounded memory a symbol.

What cannot be true is found as in ``domain.hard_checks``; what is improbable is measured in what was usual in the last bars.
Without the way back that tells an error from a move (``domain.statistical_checks``), an improbable bar is only doubted, for as
long as it is the last one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf, isfinite, log, sqrt
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from domain.local_scale import MOST_BUSY, NEWS, NORMAL, RANGE, least_move
from domain.market import AssetClass
from domain.quality import FUTURE, MISSING, SPLIT, iso
from domain.sessions import find_gaps, session_dates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.market import Bar, CorporateAction, Instrument, Timeframe

_REMEMBERED: Final = 64
_FEWEST: Final = 20  # bars from which on something is usual
_REFRESH: Final = 8  # bars between two looks at what is usual
_SIGMAS: Final = 9.0
_OUTLIER: Final = 50.0
_LEAST_SPLIT: Final = log(1.4)
_HUNDRED: Final = log(100.0)
_UNIT_TOLERANCE: Final = 0.25
_UNIT_BARS: Final = 5
_FIRST_UNCOUNTABLE: Final = 2.0**63


class Doubt(NamedTuple):
    """What is wrong with a bar: the kind, as in data-quality reports, and the detail.

    ``value`` is what was measured where that has a ``bound``: a log move, times the usual volume, or equal bars.
    """

    kind: str
    detail: str
    value: float = 0.0
    bound: float = 0.0


class Verdict(NamedTuple):
    """A bar after its check: ``impossible`` ones must not be used, ``doubted`` ones justify no entry, ``told`` is for people."""

    impossible: tuple[Doubt, ...] = ()
    doubted: tuple[Doubt, ...] = ()
    told: tuple[Doubt, ...] = ()


@dataclass
class _Past:
    """What is remembered of one symbol."""

    instrument: Instrument
    splits: list[tuple[int, float]]
    time: int | None = None
    values: tuple[float, ...] = ()
    close: float = 0.0
    returns: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    ranges: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    volumes: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    sigma: float = inf
    volume: float = 0.0
    seen: int = 0
    equal: int = 1
    withheld: int = 0


class StreamCheck:
    """Looks at each bar of each symbol once, in the order of the feed.

    ``trusted`` bars were examined with hindsight when they were stored: a change of unit among them is doubted, not withheld.
    """

    def __init__(
        self,
        timeframe: Timeframe,
        instruments: Sequence[Instrument],
        actions: Sequence[CorporateAction] = (),
        *,
        trusted: bool = False,
    ) -> None:
        self._timeframe = timeframe
        self._least = least_move(timeframe)
        self._trusted = trusted
        self._past: Mapping[str, _Past] = {one.symbol: _Past(one, _splits(one.symbol, actions)) for one in instruments}

    def see(self, bar: Bar, now: int | None = None) -> Verdict:
        """Return what is wrong with ``bar``; one that is not impossible becomes the past. ``now`` is UTC microseconds."""
        past = self._past[bar.symbol]
        impossible = tuple(_untrue(bar, past, now))
        if not impossible:
            self._split(bar, past)
            impossible = tuple(self._other_unit(bar, past))
        if impossible:
            return Verdict(impossible)
        verdict = Verdict((), tuple(self._improbable(bar, past)), tuple(self._holes(bar, past)))
        _remember(bar, past)
        return verdict

    def _split(self, bar: Bar, past: _Past) -> None:
        """Take the declared splits up to the session of ``bar`` out of the close before it."""
        if past.splits and past.time is not None:
            day = int(session_dates(np.array([bar.time]), self._timeframe, past.instrument.calendar)[0])
            while past.splits and past.splits[0][0] <= day:
                past.close /= past.splits.pop(0)[1]

    def _other_unit(self, bar: Bar, past: _Past) -> list[Doubt]:
        """Withhold bars at a hundred times the last close, or a hundredth, until so many come that it is the new level."""
        if past.time is None or self._trusted:
            return []
        if abs(abs(log(bar.open / past.close)) - _HUNDRED) > _UNIT_TOLERANCE or past.withheld >= _UNIT_BARS:
            past.withheld = 0
            return []
        past.withheld += 1
        return [Doubt("unit_error_100x", f"open {bar.open} is {bar.open / past.close:.4g} times the last close {past.close}")]

    def _improbable(self, bar: Bar, past: _Past) -> list[Doubt]:
        if past.seen < _FEWEST:
            return []
        ratio = max(bar.volume / past.volume if past.volume > 0.0 and isfinite(bar.volume) else 1.0, 1.0)
        busy = sqrt(ratio if ratio > NEWS else min(ratio, MOST_BUSY**2))
        bound = max(self._least, _SIGMAS * past.sigma * busy)
        return [*self._gaps(bar, past, bound), *_moves(bar, bound), *_volumes(bar, past), *_stale(bar, past, self._timeframe)]

    def _gaps(self, bar: Bar, past: _Past, bound: float) -> list[Doubt]:
        gap = log(bar.open / past.close)
        ratio = bar.open / past.close
        if abs(gap) >= max(_LEAST_SPLIT, bound):
            detail = f"opens at {ratio:.4g} times the last close, and no split was declared"
            return [Doubt(SPLIT, detail, abs(gap), max(_LEAST_SPLIT, bound))]
        follows = past.time is not None and (self._timeframe.is_daily or bar.time - past.time <= 2 * self._timeframe.length)
        if follows and abs(gap) >= bound:
            return [Doubt("spike" if gap > 0.0 else "drop", f"opens at {ratio:.4g} times the last close", abs(gap), bound)]
        return []

    def _holes(self, bar: Bar, past: _Past) -> list[Doubt]:
        if past.time is None or bar.time - past.time <= self._timeframe.length:
            return []
        gaps = find_gaps(np.array([past.time, bar.time], np.int64), self._timeframe, past.instrument.calendar)
        missing = sum(gap.missing for gap in gaps)
        return [Doubt(MISSING, f"{missing} bars are missing before it, from {iso(gaps[0].first)}")] if missing else []


def _splits(symbol: str, actions: Sequence[CorporateAction]) -> list[tuple[int, float]]:
    """Return the declared splits of ``symbol`` as days since 1970 and ratios, by day."""
    mine = [action for action in actions if action.action == "split" and action.symbol == symbol]
    return sorted((int(np.datetime64(action.ex_date, "D").astype(np.int64)), action.value) for action in mine)


def _untrue(bar: Bar, past: _Past, now: int | None) -> list[Doubt]:
    """Return the rules that ``bar`` breaks."""
    prices = {"open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close}
    found = [Doubt(_price_kind(price), f"{name} is {price}") for name, price in prices.items() if not 0.0 < price < inf]
    if found:
        return found
    if bar.high < bar.low:
        found.append(Doubt("high_low_crossed", f"high {bar.high} is below low {bar.low}"))
    else:
        outside = [name for name in ("open", "close") if not bar.low <= prices[name] <= bar.high]
        found += [
            Doubt(f"{name}_outside_range", f"{name} {prices[name]} is not within {bar.low} and {bar.high}") for name in outside
        ]
    if bar.volume < 0.0:
        found.append(Doubt("volume_negative", f"volume is {bar.volume}"))
    if bar.volume >= _FIRST_UNCOUNTABLE:
        found.append(Doubt("volume_overflow", f"volume is {bar.volume}"))
    if past.instrument.asset_class is AssetClass.EQUITY and isfinite(bar.volume) and bar.volume != int(bar.volume):
        found.append(Doubt("volume_fractional", f"volume is {bar.volume}: shares trade whole"))
    return found + _misplaced(bar, past, now)


def _price_kind(price: float) -> str:
    if price == 0.0:
        return "zero_price"
    return "negative_price" if -inf < price < 0.0 else "infinite_price" if abs(price) == inf else "nan_price"


def _misplaced(bar: Bar, past: _Past, now: int | None) -> list[Doubt]:
    """Return what is wrong with the time of ``bar``: a feed goes forward, and not beyond the present."""
    if now is not None and bar.time > now:
        return [Doubt(FUTURE, f"{iso(bar.time)} is after {iso(now)}")]
    if past.time is None or bar.time > past.time:
        return []
    if bar.time < past.time:
        return [Doubt("out_of_order", f"arrived after the bar of {iso(past.time)}")]
    same = past.values == (bar.open, bar.high, bar.low, bar.close, bar.volume)
    return [Doubt("duplicate_exact" if same else "duplicate_conflicting", "its bar was there already")]


def _moves(bar: Bar, bound: float) -> list[Doubt]:
    """Return moves within the bar that are improbable: of its close, or of a high or low beyond its body."""
    body = log(bar.close / bar.open)
    if abs(body) >= bound:
        detail = f"close is {bar.close / bar.open:.4g} times the open"
        return [Doubt("spike" if body > 0.0 else "drop", detail, abs(body), bound)]
    top, bottom = max(bar.open, bar.close), min(bar.open, bar.close)
    up, down = log(bar.high / top), log(bottom / bar.low)
    found = []
    if up >= bound:
        found.append(Doubt("spike", f"high is {bar.high / top:.4g} times open and close", up, bound))
    if down >= bound:
        found.append(Doubt("drop", f"low is {bar.low / bottom:.4g} times open and close", down, bound))
    return found


def _volumes(bar: Bar, past: _Past) -> list[Doubt]:
    if past.volume <= 0.0:
        return []
    if bar.volume == 0.0:
        return [Doubt("volume_zero", "volume is 0 where the bars before had some")]
    if bar.volume >= _OUTLIER * past.volume:
        ratio = bar.volume / past.volume
        return [Doubt("volume_outlier", f"volume is {ratio:,.0f} times the usual", ratio, _OUTLIER)]
    return []


def _stale(bar: Bar, past: _Past, timeframe: Timeframe) -> list[Doubt]:
    same = past.values == (bar.open, bar.high, bar.low, bar.close, bar.volume)
    least = 4 if timeframe.is_daily else 6
    equal = past.equal + 1
    return [Doubt("stale_price", f"{equal} bars equal in every value", equal, least)] if same and equal >= least else []


def _remember(bar: Bar, past: _Past) -> None:
    """Make ``bar`` the past, and now and then look again at what is usual."""
    values = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    past.equal = past.equal + 1 if values == past.values else 1
    if past.time is not None:
        past.returns.append(abs(log(bar.close / past.close)))
    past.ranges.append(log(bar.high / bar.low))
    if isfinite(bar.volume):
        past.volumes.append(bar.volume)
    past.time, past.values, past.close = bar.time, values, bar.close
    past.seen += 1
    if past.seen % _REFRESH == _FEWEST % _REFRESH and past.seen >= _FEWEST:
        past.sigma = max(NORMAL * median(past.returns), median(past.ranges) / RANGE, 1e-5)
        past.volume = median(past.volumes) if past.volumes else 0.0
