"""Errors put into clean bars on purpose, one kind at a time and labelled: what a data-quality check is measured with.

The recipe is that of the data-quality challenge (kinds, magnitudes, 1 % of the rows spread evenly over the kinds), on any bars
and from any seed. Nothing here is known to the checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from domain.market import DAY, HOUR, Timeframe
from domain.new_york import local_day
from domain.quality import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from domain.market import Bars
    from domain.quality import Finding

PRICES: Final = ("open", "high", "low", "close")
RATIOS: Final = (2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 0.5, 0.1, 0.05)
_YEAR: Final = 365 * DAY
_LEAST: Final = ((60_000_000, 0.03), (300_000_000, 0.04), (HOUR, 0.06), (DAY, 0.12))
_APART: Final = 6  # bars between two errors
_LONGEST: Final = 48  # bars an error may take
_WINDOW: Final = 60
_ROWS_A_SHIFTED_DAY: Final = 6000


class Label(NamedTuple):
    """An error that was put in: its kind and the rows it made, as positions on arrival."""

    kind: str
    symbol: str
    rows: tuple[int, ...]


class Score(NamedTuple):
    """How a detector did: caught and put in, by kind; rows flagged without cause, and the rows that had no error near."""

    caught: dict[str, int]
    injected: dict[str, int]
    named: int
    false_rows: tuple[int, ...]
    clean_rows: int

    @property
    def recall(self) -> float:
        """The share of errors caught."""
        return sum(self.caught.values()) / max(1, sum(self.injected.values()))

    @property
    def false_rate(self) -> float:
        """Rows flagged without cause, of all that have no error near."""
        return len(self.false_rows) / max(1, self.clean_rows)


@dataclass
class _Draft:
    """One symbol's rows on the way to be dirty: ``order`` is the arrival key, ``dropped`` rows do not arrive."""

    symbol: str
    columns: dict[str, NDArray[np.float64]]
    time: NDArray[np.int64]
    order: NDArray[np.float64]
    dropped: NDArray[np.bool_]
    sigma: NDArray[np.float64]
    least: float
    extra: list[tuple[int, float]]
    labels: list[tuple[str, list[int]]]
    daily: bool
    random: np.random.Generator


def inject(all_bars: Sequence[Bars], seed: int, rate: float = 0.01) -> tuple[Rows, list[Label]]:
    """Return the rows of ``all_bars`` as they would arrive with ``rate`` of them wrong, and what is wrong with them."""
    random = np.random.default_rng(seed)
    drafts = [_dirty(bars, rate, random) for bars in all_bars]
    return _joined(drafts)


def least_move(timeframe: Timeframe) -> float:
    """Return the least move of a spike: 12 % daily, 6 % hourly, 4 % in 5 minutes, 3 % in a minute; others between them."""
    lengths, moves = zip(*_LEAST, strict=True)
    return float(np.interp(np.log(timeframe.length), np.log(lengths), moves))


def _dirty(bars: Bars, rate: float, random: np.random.Generator) -> _Draft:
    columns = {name: getattr(bars, name).copy() for name in (*PRICES, "volume")}
    returns = np.abs(np.diff(np.log(bars.close), prepend=np.log(bars.close[0])))
    draft = _Draft(
        bars.symbol, columns, bars.time.copy(), np.arange(len(bars), dtype=float), np.zeros(len(bars), np.bool_),
        1.4826 * _rolling_median(returns), least_move(bars.timeframe), [], [], bars.timeframe.is_daily, random,
    )  # fmt: skip
    taken = np.zeros(len(bars), np.bool_)
    taken[:_WINDOW] = taken[-_WINDOW:] = True
    _shifted_days(draft, taken, bars.timeframe)
    kinds = [kind for kind in _KINDS if kind.startswith("volume") <= bool(np.isfinite(bars.volume).all())]
    if not draft.daily:
        kinds.remove("timezone_shift")
    for number in range(round(rate * len(bars))):
        if number % len(kinds) == 0:
            random.shuffle(kinds)
        _put(draft, kinds[number % len(kinds)], taken)
    return draft


def _put(draft: _Draft, kind: str, taken: NDArray[np.bool_]) -> None:
    """Put one error of a kind in at a free place, if there is one."""
    at = _free(taken, draft.random)
    if at is not None:
        rows = _KINDS[kind](draft, at)
        draft.labels.append((kind, rows))
        taken[max(0, at - _APART) : max(rows) + _APART] = True


def _rolling_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(values, (_WINDOW // 2, _WINDOW - _WINDOW // 2 - 1), mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, _WINDOW), axis=1)


def _free(taken: NDArray[np.bool_], random: np.random.Generator) -> int | None:
    for _ in range(200):
        at = int(random.integers(len(taken)))
        if not taken[at : at + _LONGEST].any():
            return at
    return None


def _shifted_days(draft: _Draft, taken: NDArray[np.bool_], timeframe: Timeframe) -> None:
    """Shift whole local days of intraday bars by the hours of a mistaken zone."""
    if timeframe.is_daily:
        return
    days = local_day(draft.time)
    whole = np.unique(days)[2:-2]
    for _ in range(min(max(1, len(days) // _ROWS_A_SHIFTED_DAY), len(whole) // 3)):
        rows = np.flatnonzero(days == draft.random.choice(whole))
        if taken[rows].any() or len(rows) < 5:
            continue
        hours = int(draft.random.choice([-5, -4, 4, 5]))
        draft.time[rows] += hours * HOUR
        # Collisions with the neighbouring day belong to the error.
        near = np.arange(max(0, rows[0] - 5), min(len(days), rows[-1] + 1 + max(0, hours) * HOUR // timeframe.length))
        draft.labels.append(("timezone_shift", near.tolist()))
        taken[max(0, rows[0] - _APART) : rows[-1] + 5 * HOUR // timeframe.length + _APART] = True


def _size(draft: _Draft, at: int) -> float:
    return float(max(15.0 * draft.sigma[at], draft.least) * draft.random.uniform(1.0, 2.0))


def _move(draft: _Draft, at: int, sign: float) -> list[int]:
    """Move the whole bar, its extreme or its close."""
    factor = np.exp(sign * _size(draft, at))
    columns, extreme = draft.columns, "high" if sign > 0 else "low"
    mode = draft.random.choice(["bar", "extreme", "close"])
    if mode == "bar":
        for name in PRICES:
            columns[name][at] *= factor
    elif mode == "extreme":
        columns[extreme][at] *= factor
    else:
        columns["close"][at] *= factor
        bound = max if sign > 0 else min
        columns[extreme][at] = bound(columns[extreme][at], columns["close"][at])
    return [at]


def _one_price(draft: _Draft, at: int, change: Callable[[float], float]) -> list[int]:
    name = str(draft.random.choice(PRICES))
    draft.columns[name][at] = change(float(draft.columns[name][at]))
    return [at]


def _crossed(draft: _Draft, at: int) -> list[int]:
    high, low = draft.columns["high"], draft.columns["low"]
    if high[at] == low[at]:
        high[at] *= 1.001
    high[at], low[at] = low[at], high[at]
    return [at]


def _outside(draft: _Draft, at: int, name: str) -> list[int]:
    by = float(draft.random.uniform(0.2, 1.0) * max(3.0 * draft.sigma[at], 2e-4))
    side = bool(draft.random.integers(2))
    draft.columns[name][at] = draft.columns["high"][at] * (1.0 + by) if side else draft.columns["low"][at] * (1.0 - by)
    return [at]


def _repeat(draft: _Draft, at: int, factor: float) -> list[int]:
    draft.extra.append((at, factor))
    return [at, -at - 1]


def _conflict(draft: _Draft, at: int) -> list[int]:
    by = max(3.0 * float(draft.sigma[at]), 1e-3)
    return _repeat(draft, at, 1.0 + by * float(draft.random.choice([-1.0, 1.0])))


def _late(draft: _Draft, at: int) -> list[int]:
    draft.order[at] += int(draft.random.integers(1, 6)) + 0.5
    return [at]


def _hole(draft: _Draft, at: int) -> list[int]:
    size = 1 if draft.daily else int(draft.random.integers(2, 6))
    draft.dropped[at : at + size] = True
    return [at + size]


def _stale(draft: _Draft, at: int) -> list[int]:
    size = int(draft.random.integers(5, 9) if draft.daily else draft.random.integers(12, 25))
    for name in PRICES:
        draft.columns[name][at : at + size] = draft.columns["close"][at]
    draft.columns["volume"][at : at + size] = draft.columns["volume"][at]
    return list(range(at, at + size))


def _volume(draft: _Draft, at: int, change: Callable[[float], float]) -> list[int]:
    draft.columns["volume"][at] = change(float(draft.columns["volume"][at]))
    return [at]


def _outlier(draft: _Draft, at: int) -> list[int]:
    volume = draft.columns["volume"]
    usual = max(float(volume[at]), float(np.median(volume[max(0, at - _WINDOW) : at + 1])), 1.0)
    return _volume(draft, at, lambda _: float(np.round(usual * draft.random.uniform(100.0, 1000.0))))


def _scaled(draft: _Draft, at: int, size: int, factor: float) -> list[int]:
    for name in PRICES:
        draft.columns[name][at : at + size] *= factor
    return list(range(at, at + size))


def _split(draft: _Draft, at: int) -> list[int]:
    size = int(draft.random.integers(15, 40))
    _scaled(draft, at, size, 1.0 / float(draft.random.choice(RATIOS)))
    return [at, at + size]


def _day_shift(draft: _Draft, at: int) -> list[int]:
    draft.time[at] += int(draft.random.choice([-19, -14, -10, -5, 5, 9, 13])) * HOUR
    return [at]


def _future(draft: _Draft, at: int) -> list[int]:
    draft.time[at] += int(draft.random.integers(30, 60)) * _YEAR
    return [at]


def _unit(draft: _Draft, at: int) -> list[int]:
    return _scaled(draft, at, int(draft.random.integers(1, 6)), float(draft.random.choice([100.0, 0.01])))


_KINDS: Final[dict[str, Callable[[_Draft, int], list[int]]]] = {
    "spike": lambda draft, at: _move(draft, at, 1.0),
    "drop": lambda draft, at: _move(draft, at, -1.0),
    "zero_price": lambda draft, at: _one_price(draft, at, lambda _: 0.0),
    "negative_price": lambda draft, at: _one_price(draft, at, lambda value: -value),
    "nan_price": lambda draft, at: _one_price(draft, at, lambda _: float("nan")),
    "high_low_crossed": _crossed,
    "open_outside_range": lambda draft, at: _outside(draft, at, "open"),
    "close_outside_range": lambda draft, at: _outside(draft, at, "close"),
    "duplicate_exact": lambda draft, at: _repeat(draft, at, 1.0),
    "duplicate_conflicting": _conflict,
    "out_of_order": _late,
    "missing_bars": _hole,
    "stale_price": _stale,
    "volume_zero": lambda draft, at: _volume(draft, at, lambda _: 0.0),
    "volume_negative": lambda draft, at: _volume(draft, at, lambda value: -value if value else -1.0),
    "volume_outlier": _outlier,
    "split_unadjusted": _split,
    "timezone_shift": _day_shift,
    "unit_error_100x": _unit,
    "future_timestamp": _future,
}


def _joined(drafts: Sequence[_Draft]) -> tuple[Rows, list[Label]]:
    """Return all rows in arrival order, symbol after symbol, and the labels by their final positions."""
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (*PRICES, "volume")}
    times, codes, labels, offset = [], [], [], 0
    for code, draft in enumerate(drafts):
        again = np.array([at for at, _ in draft.extra], np.int64)
        source = np.concatenate([np.flatnonzero(~draft.dropped), again])
        factor = np.concatenate([np.ones(int((~draft.dropped).sum())), [by for _, by in draft.extra]])
        repeated = np.concatenate([np.zeros(int((~draft.dropped).sum())), np.ones(len(again))])
        order = np.lexsort((repeated, draft.order[source]))
        source, factor, repeated = source[order], factor[order], repeated[order]
        place = {
            (-int(at) - 1 if twice else int(at)): offset + n for n, (at, twice) in enumerate(zip(source, repeated, strict=True))
        }
        for kind, rows in draft.labels:
            labels.append(Label(kind, draft.symbol, tuple(place[row] for row in rows if row in place)))
        for name in PRICES:
            parts[name].append(draft.columns[name][source] * factor)
        parts["volume"].append(draft.columns["volume"][source])
        times.append(draft.time[source])
        codes.append(np.full(len(source), code, np.int64))
        offset += len(source)
    columns = (np.concatenate(parts[name]) for name in (*PRICES, "volume"))
    return Rows(tuple(draft.symbol for draft in drafts), np.concatenate(codes), np.concatenate(times), *columns), labels


def score(rows: Rows, labels: Iterable[Label], findings: Iterable[Finding]) -> Score:
    """Return what the findings caught: any row of an error or a direct neighbour in the same symbol counts, as in the challenge."""
    flagged: dict[int, set[str]] = {}
    for finding in findings:
        flagged.setdefault(finding.row, set()).add(finding.kind)
    near: set[int] = set()
    caught: dict[str, int] = {}
    injected: dict[str, int] = {}
    named = 0
    for label in labels:
        around = {q for row in label.rows for q in (row - 1, row, row + 1) if 0 <= q < len(rows) and _same(rows, row, q)}
        near |= around
        hit = around & flagged.keys()
        injected[label.kind] = injected.get(label.kind, 0) + 1
        caught[label.kind] = caught.get(label.kind, 0) + bool(hit)
        named += any(label.kind in flagged[row] for row in hit)
    false = tuple(sorted(flagged.keys() - near))
    return Score(caught, injected, named, false, len(rows) - len(near))


def _same(rows: Rows, one: int, other: int) -> bool:
    return bool(rows.code[one] == rows.code[other])
