"""What every benchmark shares: made-up bars, CPU seconds, the line that is printed."""

from __future__ import annotations

import math
import resource
import time
from typing import TYPE_CHECKING

import numpy as np

from domain.market import Bars, Timeframe
from domain.new_york import day_of
from domain.sessions import expected_bars

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = Timeframe.parse("1m")
_FIRST = day_of(2012, 1, 3)


def minute_bars(count: int, symbol: str = "MADE", seed: int = 0) -> Bars:
    """Return ``count`` minute bars on the sessions of New York from 2012 on: a random walk of about 16 % a year, never below 1."""
    days = math.ceil(count / 380 * 366 / 250) + 10
    times = expected_bars(_FIRST, _FIRST + days, MINUTE, "XNYS")[:count]
    if len(times) < count:
        raise ValueError(f"{days} days have {len(times)} minutes, fewer than {count}")
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.0005, count)) * 0.5)
    opened = np.concatenate(([100.0], close[:-1]))
    spread = np.abs(random.normal(0.0, 0.0003, count)) + 1e-4
    high, low = np.maximum(opened, close) * (1.0 + spread), np.minimum(opened, close) * (1.0 - spread)
    volume = np.rint(random.lognormal(10.0, 1.0, count))
    columns = (np.round(column, 4) for column in (opened, high, low, close))
    return Bars(symbol, MINUTE, times, *columns, volume)


def cpu_seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Return the least CPU time of this process that ``work`` took."""
    return min(_timed(work, time.process_time) for _ in range(repeats))


def wall_seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Return the least time on the clock that ``work`` took, other processes included."""
    return min(_timed(work, time.perf_counter) for _ in range(repeats))


def _timed(work: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return clock() - start


def show_machine() -> None:
    """Print what a counted loop of Python costs here, so that figures of two machines, or of two hours, can be compared."""
    steps = 2_000_000
    show("this machine: a step of a counted loop in Python", cpu_seconds(lambda: _count(steps), repeats=5) / steps * 1e9, "ns")


def _count(steps: int) -> int:
    total = 0
    for step in range(steps):
        total += step
    return total


def peak_megabytes() -> float:
    """Return the most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(what: str, figure: float, unit: str, *, at_least: float | None = None, below: float | None = None) -> None:
    """Print a figure beside what is asked of it."""
    asked = (
        "" if at_least is None and below is None else f"at least {at_least:,.0f}" if at_least is not None else f"under {below:,g}"
    )
    met = (at_least is None or figure >= at_least) and (below is None or figure < below)
    digits = 0 if figure >= 1000 else 2
    print(f"{what:<58} {figure:>16,.{digits}f} {unit:<10} {asked:<22}{'' if not asked else 'ok' if met else 'MISSED'}", flush=True)
