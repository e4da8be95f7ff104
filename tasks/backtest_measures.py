"""What a back-test's document says of the run against the market, and of its deepest fall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from domain.adjustment import adjust_forward
from domain.benchmark import compare
from domain.performance import equity_points, longest_drawdown, max_drawdown
from domain.quality import iso
from domain.timeline import schedule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.backtest import Run

BENCHMARK: Final = "buy and hold of the run's symbols in equal parts, at prices adjusted for splits, without dividends or costs"


def benchmark_of(run: Run) -> dict[str, Any]:
    """Return the benchmark's own measures and the run's against it, None where one is undefined."""
    return {"name": BENCHMARK, **compare(points_of(run), _benchmark_points(run), run.spec.annual_periods)}


def drawdown_of(run: Run) -> dict[str, Any]:
    """Return the deepest fall with the bars it peaked, turned and recovered at, and the most sessions below an earlier peak.

    The bars are the last ones of their sessions; a peak at the initial cash has the first session's. ``recovery`` is None where
    the run ends below the peak.
    """
    points = points_of(run)
    worst = max_drawdown(points)
    times = np.asarray(run.equity.time, np.int64)[_last_of_sessions(run)]
    if len(points) > len(times):
        times = np.concatenate([times[:1], times])  # the initial cash, before the first bar
    places = {"peak": worst.peak, "trough": worst.trough, "recovery": worst.recovery}
    told = {name: None if place is None else iso(int(times[place])) for name, place in places.items()}
    return {"depth": worst.depth, **told, "longest_sessions": longest_drawdown(points)}


def points_of(run: Run) -> NDArray[np.float64]:
    """Return the equity points the measures are of, after the initial cash where bars are shorter than a day."""
    before = None if run.spec.timeframe.is_daily else run.spec.initial_cash
    return equity_points(np.array(run.equity.equity), np.array(run.sessions, np.int64), before)


def _last_of_sessions(run: Run) -> NDArray[np.bool_]:
    sessions = np.array(run.sessions, np.int64)
    last: NDArray[np.bool_] = np.diff(sessions, append=sessions[-1:] + 1) != 0
    return last


def _benchmark_points(run: Run) -> NDArray[np.float64]:
    """Return the benchmark's worth at the run's points, 1 at the first.

    Each symbol is bought where the points begin: at its first close, or at its first open where bars are shorter than a day.
    Until its first bar its part is cash.
    """
    daily = run.spec.timeframe.is_daily
    at = np.array(run.sessions, np.int64)[_last_of_sessions(run)]
    session = schedule(run.history).session
    worth, offset = np.zeros(len(at)), 0
    for bars in adjust_forward(run.history):
        bought = bars.close[0] if daily else bars.open[0]
        last = np.searchsorted(session[offset : offset + len(bars)], at, side="right") - 1
        worth += np.where(last < 0, 1.0, bars.close[last] / bought)
        offset += len(bars)
    worth /= len(run.history.bars)
    return worth if daily else np.concatenate([[1.0], worth])
