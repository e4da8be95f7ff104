"""Checks for bars that are improbable: what a vendor's error looks like and a market's move does not.

A market that moves stays where it went, or comes back over several bars and with trading. An error comes and goes in one piece: a
level that is left and regained by gaps of the same size, a close that the next opening ignores, a wick that no neighbour comes
near and no volume explains. Distances are in log price and measured in what is usual around the bar (``domain.local_scale``).
The series is in time order, and no bar in it breaks a rule of ``domain.hard_checks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from domain.local_scale import NEWS, NORMAL, RANGE, Local, local
from domain.market import DAY
from domain.quality import SPLIT, Mark, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from domain.quality import Check

UNIT: Final = "unit_error_100x"
STALE: Final = "stale_price"

_RATIOS: Final = np.log([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50])
_HUNDRED: Final = float(np.log(100.0))
_UNIT_TOLERANCE: Final = 0.25
_UNIT_BARS: Final = 5  # or a day of bars: for so long a vendor quotes in another unit
_LEAST_SPLIT: Final = float(np.log(1.4))

_GAP_SIGMAS: Final = 7.0
_CLOSE_SIGMAS: Final = 8.0
_WICK_SIGMAS: Final = 9.0
_CALM_WICK_SIGMAS: Final = 5.0
_USUAL_VOLUME: Final = 1.5
_AGREEMENT: Final = 0.35
"""The share of a move by which its way back may differ from it."""

_SHORT: Final = 3  # bars: a level that is left for no longer is a spike or a drop
_LONG: Final = 400  # bars: a level that is regained later is the market's
_CALM_SIGMAS: Final = 8.0
_UNKNOWN_SIGMAS: Final = 15.0
_QUIET_RANGE: Final = 4.0
_QUIET_SHARE: Final = 0.25
"""The share of a move that the bar behind it may span: one who splits shares does not make them busy."""
_NEWS_VOLUME: Final = 5.0


class _Level(NamedTuple):
    """Bars from ``first`` to before ``after`` at another level: ``move`` in log price, ``after`` None where it never came back."""

    first: int
    after: int | None
    move: float


def _levels(series: Series, around: Local) -> Iterator[Mark]:
    """Mark bars at a level that is left as it was reached: by a gap. Mistaken units, undeclared splits, spikes and drops."""
    size = len(series)
    marked: dict[str, NDArray[np.bool_]] = {kind: np.zeros(size, np.bool_) for kind in (UNIT, SPLIT, "spike", "drop")}
    move = np.zeros(size)
    unit_reach = max(_UNIT_BARS, DAY // series.timeframe.length)
    for level in _found_levels(around, unit_reach):
        kind = _kind_of(level, around, unit_reach)
        if kind is None:
            continue
        after = level.first + 1 if level.after is None else level.after
        rows = [level.first, after] if kind == SPLIT and level.after is not None else range(level.first, after)
        marked[kind][rows] = True
        move[rows] = level.move
    for at in around.undone:
        if not marked[SPLIT][at]:
            marked[SPLIT][at] = True
            move[at] = 0.0
    for kind, rows_of_kind in marked.items():
        yield Mark(rows_of_kind, kind, lambda at: _level_detail(float(move[at])))


def _level_detail(move: float) -> str:
    if move == 0.0:
        return "a split was declared here that the prices do not show: they seem to be adjusted already"
    return f"all prices are {np.exp(move):.4g} times those before and after, and nothing was declared"


def _found_levels(around: Local, unit_reach: int) -> list[_Level]:
    """Return the levels left by a gap: each gap with the first back of its size, short ones first, then those without."""
    sizes = np.abs(around.gap)
    free = np.flatnonzero(sizes >= np.maximum(around.least, _GAP_SIGMAS * around.sigma)).tolist()
    found = []
    for reach, least in ((_SHORT, 0.0), (max(_LONG, unit_reach), _LEAST_SPLIT)):
        used: set[int] = set()
        for number, first in enumerate(free):
            if first in used or sizes[first] < least:
                continue
            after = _way_back(around, free, number, reach, used)
            if after is not None:
                used |= {first, after}
                found.append(_Level(first, after, float(around.gap[first])))
        free = [at for at in free if at not in used]
    return found + [_Level(first, None, float(around.gap[first])) for first in free if not _of_close(around, first)]


def _way_back(around: Local, gaps: Sequence[int], number: int, reach: int, used: set[int]) -> int | None:
    """Return the first later gap within ``reach`` bars, not ``used`` yet, that undoes the one called ``number``."""
    first = gaps[number]
    move = float(around.gap[first])
    for at in range(number + 1, len(gaps)):
        after = gaps[at]
        if after - first > reach:
            return None
        noise = _AGREEMENT * abs(move) if reach == _SHORT else max(4.0 * float(around.sigma[after]), 0.05)
        back = float(around.gap[after])
        if after not in used and back * move < 0.0 and abs(back + move) <= noise:
            return after
    return None


def _of_close(around: Local, at: int) -> bool:
    """Return whether a gap only comes back from a close that left its own bar."""
    body, gap = float(around.close[at - 1] - around.open[at - 1]), float(around.gap[at])
    return body * gap < 0.0 and abs(body + gap) <= _AGREEMENT * abs(gap)


def _kind_of(level: _Level, around: Local, unit_reach: int) -> str | None:
    """Return what a level is, None where it is the market's. A change that stays may be an undeclared split of any ratio."""
    move, first = level.move, level.first
    hundred = abs(abs(move) - _HUNDRED) < _UNIT_TOLERANCE
    if level.after is None:
        return SPLIT if hundred or _is_quiet_split(move, first, around) else None
    size = level.after - first
    if hundred and size <= unit_reach:
        return UNIT
    if size <= _SHORT:
        believed = bool(around.volume[first] > NEWS) or not _is_apart(level, around)
        return None if believed else ("spike" if move > 0.0 else "drop")
    far = abs(move) >= max(_LEAST_SPLIT, 10.0 * float(around.sigma[first]))
    return SPLIT if far and not (_is_news(first, around) and _is_news(level.after, around)) else None


def _is_news(at: int, around: Local) -> bool:
    """Return whether a bar traded so much that its move may be true: in shares and in money, as a split changes one of them."""
    return bool(min(around.volume[at], around.money[at]) > _NEWS_VOLUME)


def _is_apart(level: _Level, around: Local) -> bool:
    """Return whether no price of the bars touches those of the bars before and after."""
    rows, sides = slice(level.first, level.after), [level.first - 1, level.after or 0]
    if level.move > 0.0:
        return bool(around.low[rows].min() > around.high[sides].max())
    return bool(around.high[rows].max() < around.low[sides].min())


def _is_quiet_split(move: float, at: int, around: Local) -> bool:
    """Return whether the price opens by the ratio of a split, and on that bar nothing happens that would explain a crash.

    A market that falls by a third overnight trades many times its volume: where usual volume is known, less of a move is needed.
    """
    sigma = float(around.sigma[at])
    near = float(np.abs(_RATIOS - abs(move)).min())
    width = float(around.high[at] - around.low[at])
    quiet = width <= max(_QUIET_RANGE * RANGE * sigma, _QUIET_SHARE * abs(move))
    least = _UNKNOWN_SIGMAS if np.isnan(around.volume[at]) else _CALM_SIGMAS
    return (
        abs(move) >= max(_LEAST_SPLIT, least * sigma)
        and near <= min(0.03 + 2.0 * sigma, 0.12)
        and quiet
        and not _is_news(at, around)
    )


def _closes(around: Local) -> Iterator[Mark]:
    """Mark a close far from its bar's open that the next opening ignores, and an open that neither side of it knows."""
    body = around.close - around.open
    back = np.concatenate([around.gap[1:], np.zeros(1)])
    total = np.concatenate([around.open[1:] - around.open[:-1], np.zeros(1)])
    far = np.minimum(np.abs(body), np.abs(back)) >= around.bound(_CLOSE_SIGMAS)
    returns = np.abs(total) <= _AGREEMENT * np.abs(body)
    edge = np.where(body > 0.0, around.high - around.close, around.close - around.low)
    wrong = far & returns & (edge <= 0.1 * np.abs(body))
    for kind, side in (("spike", body > 0.0), ("drop", body < 0.0)):
        yield Mark(
            wrong & side,
            kind,
            lambda at: f"close is {np.exp(body[at]):.4g} times the open and the next bar opens {np.exp(back[at]):.4g} times that",
        )


def _opens(around: Local) -> Iterator[Mark]:
    """Mark an open far from the last close to which its own bar comes back: it is alone at the edge of the bar."""
    body = around.close - around.open
    far = np.minimum(np.abs(around.gap), np.abs(body)) >= around.bound(_CLOSE_SIGMAS)
    returns = np.abs(around.gap + body) <= _AGREEMENT * np.abs(around.gap)
    edge = np.where(body < 0.0, around.high - around.open, around.open - around.low)
    wrong = far & returns & (edge <= 0.1 * np.abs(body))
    for kind, side in (("spike", body < 0.0), ("drop", body > 0.0)):
        yield Mark(
            wrong & side,
            kind,
            lambda at: f"open is {np.exp(around.gap[at]):.4g} times the last close and {np.exp(-body[at]):.4g} times its own",
        )


def _wicks(around: Local) -> Iterator[Mark]:
    """Mark a high or low that neither its own bar nor its neighbours come near, with no volume to explain it.

    A market that went there and back traded on the way: where it traded no more than usual, less is beyond belief.
    """
    calm = np.maximum(around.least, _CALM_WICK_SIGMAS * around.sigma)
    bound = np.where(around.volume <= _USUAL_VOLUME, calm, around.bound(_WICK_SIGMAS))
    top, bottom = np.maximum(around.open, around.close), np.minimum(around.open, around.close)
    up = around.high - np.maximum(top, _neighbours(around.high, np.maximum))
    down = np.minimum(bottom, _neighbours(around.low, np.minimum)) - around.low
    spike = (around.high - top >= bound) & (up >= 0.6 * bound)
    drop = (bottom - around.low >= bound) & (down >= 0.6 * bound)
    yield Mark(spike, "spike", lambda at: f"high is {np.exp(up[at]):.4g} times every price around it")
    yield Mark(drop, "drop", lambda at: f"low is {np.exp(-down[at]):.4g} times every price around it")


def _neighbours(values: NDArray[np.float64], combine: np.ufunc) -> NDArray[np.float64]:
    """Return the larger or smaller of the two values beside each."""
    before = np.concatenate([values[:1], values[:-1]]) if len(values) else values
    after = np.concatenate([values[1:], values[-1:]])
    before, after = before.copy(), after.copy()
    if len(values) > 1:
        before[0], after[-1] = values[1], values[-2]
    result: NDArray[np.float64] = combine(before, after)
    return result


_MOST_ZEROS: Final = 0.02
_FEW_STILL: Final = 0.001
_BESIDE_STILL: Final = 0.1  # a market with bars of one trade has about as many without any
_HALF: Final = 0.5
_STALE_DAILY: Final = 4
_STALE_INTRADAY: Final = 6
_STALE_CHANCE: Final = 1e-3
_MOST_MARKED: Final = 40  # bars of one run: a feed that stood still for a year is one fact, not a million


def _stale(series: Series, idle: NDArray[np.bool_]) -> Iterator[Mark]:
    """Mark runs of bars equal in every value, volume too, longer than chance makes them in this series.

    Where no trade is usual, bars without one say nothing: see ``_volumes``.
    """
    same = ~idle[1:] if idle.mean() > _MOST_ZEROS else np.ones(max(len(series) - 1, 0), np.bool_)
    for name in ("open", "high", "low", "close", "volume"):
        values = series.column(name)
        same &= (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2] + 1
    least = _least_run(len(series), len(starts), daily=series.timeframe.is_daily)
    marked = np.zeros(len(series), np.bool_)
    length = np.zeros(len(series), np.int64)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start >= least:
            marked[start : min(end, start + _MOST_MARKED)] = True
            length[start:end] = end - start
    yield Mark(marked, STALE, lambda at: f"one of {length[at]} bars equal in every value")


def _least_run(bars: int, runs: int, *, daily: bool) -> int:
    """Return the length from which a run is no chance, where ``runs`` of two or more equal bars are usual in ``bars``."""
    chance = max(runs / max(bars, 1), 1e-6)
    usual = 1 + int(np.ceil(np.log(_STALE_CHANCE / max(bars, 1)) / np.log(min(chance, 0.5))))
    return max(_STALE_DAILY if daily else _STALE_INTRADAY, min(usual, 10 if not daily else 5))


_OUTLIER: Final = (50.0, 80.0)
_OUTLIER_SIGMAS: Final = 4.4
_OUTLIER_EXTENDED: Final = 1000.0  # one block makes the volume of an hour before the opening
_LONE: Final = 8.0


def _idle(series: Series) -> NDArray[np.bool_]:
    """Return the bars without any trade: no volume and one price."""
    idle: NDArray[np.bool_] = (series.column("volume") == 0.0) & (series.column("high") == series.column("low"))
    return idle


def _volumes(series: Series, around: Local, idle: NDArray[np.bool_]) -> Iterator[Mark]:
    """Mark volumes of 0 where trading never stops, and volumes far beyond those around."""
    volume = series.column("volume")
    zero = (volume == 0.0) & ~idle
    # Where others have one price too, bars of a single trade, there are bars without any.
    still = np.mean((volume > 0.0) & (series.column("high") == series.column("low")))
    told = zero if zero.mean() < _HALF else np.zeros(len(zero), np.bool_)
    if idle.mean() <= _MOST_ZEROS and (still <= _FEW_STILL or idle.mean() <= _BESIDE_STILL * still):
        told = told | idle
    yield Mark(told, "volume_zero", lambda _: "volume is 0 where every other bar has some")
    known = np.nan_to_num(volume, nan=0.0)
    beside = np.maximum(_neighbours(known, np.maximum), 1e-12)
    ratio = np.nan_to_num(around.volume, nan=0.0)
    bound = np.where(around.regular, _least_outlier(ratio), _OUTLIER_EXTENDED)
    wrong = (ratio >= bound) & (known >= _LONE * beside)
    yield Mark(wrong, "volume_outlier", lambda at: f"volume is {ratio[at]:,.0f} times the median around it")


def _least_outlier(ratio: NDArray[np.float64]) -> float:
    """Return how many times the usual volume is beyond belief: more where volume varies more, by its robust log deviation."""
    logs = np.log(ratio[ratio > 0.0])
    deviation = NORMAL * float(np.median(np.abs(logs))) if len(logs) else 0.0
    return float(np.clip(np.exp(_OUTLIER_SIGMAS * deviation), *_OUTLIER))


def _improbable(series: Series) -> Iterator[Mark]:
    """Mark what is improbable for what is usual around it."""
    around = local(series)
    yield from _levels(series, around)
    yield from _closes(around)
    yield from _opens(around)
    yield from _wicks(around)
    idle = _idle(series)
    yield from _stale(series, idle)
    yield from _volumes(series, around, idle)


STATISTICAL_CHECKS: Final[Sequence[Check]] = (_improbable,)
