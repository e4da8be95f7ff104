"""Indicators over arrays, and live: from the close of a bar to the decisions of every strategy on every symbol.

Live figures are CPU time of the thread beside time on the clock, which other processes of a busy machine lengthen.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

import numpy as np
from measure import MINUTE, minute_bars, show, wall_seconds

import domain.kernel  # noqa: F401 - loads numba, as every sweep has
from domain import indicators as ours
from domain.events import BarsClosed
from domain.market import Instrument
from domain.run import Assignment, RunSpec, parse_sizing
from domain.targets import StreamedTargets
from tasks.registry import create

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.market import Bars

SYMBOLS = 100
HISTORY = 5_000
DECIDED = 300
STRATEGIES = (
    ("rsi_mean_reversion", {}),
    ("moving_average_crossover", {"average": "ema"}),
    ("moving_average_crossover", {}),
    ("momentum_trend", {}),
    ("buy_and_hold", {}),
)


def source(name: str, parameters: dict[str, object], symbols: list[str]) -> StreamedTargets:
    """Return what asks one strategy for its targets on every symbol."""
    strategy, sizing = create(name, parameters), parse_sizing("fixed_quantity:1", 1)
    assignments = tuple(Assignment(symbol, name, strategy, sizing) for symbol in symbols)
    return StreamedTargets(RunSpec(assignments, tuple(map(Instrument.of, symbols)), MINUTE))


def closed(history: list[Bars], index: int) -> BarsClosed:
    """Return the close of one bar of every symbol."""
    bars = tuple(bars.bar(index) for bars in history)
    return BarsClosed(bars[0].time + MINUTE.length, 0, bars)


def live(sources: list[StreamedTargets], events: list[BarsClosed]) -> tuple[list[float], list[float]]:
    """Return the milliseconds from each close to all decisions: of CPU, and on the clock."""
    used, passed = [], []
    for event in events:
        start, started = time.perf_counter(), time.thread_time()
        for one in sources:
            one.on_close(event)
        used.append(1000.0 * (time.thread_time() - started))
        passed.append(1000.0 * (time.perf_counter() - start))
    return used, passed


def arrays() -> None:
    """Measure indicators over ten years of daily bars, compiled where they can be, as in a sweep."""
    bars = minute_bars(2_520)
    high, low, close = bars.high, bars.low, bars.close
    calls: dict[str, Callable[[], object]] = {
        "sma 10": lambda: ours.sma(close, 10),
        "sma 30": lambda: ours.sma(close, 30),
        "sma 200": lambda: ours.sma(close, 200),
        "ema 30": lambda: ours.ema(close, 30),
        "rsi 14": lambda: ours.rsi(close, 14),
        "macd": lambda: ours.macd(close),
        "atr 14": lambda: ours.atr(high, low, close),
        "adx 14": lambda: ours.adx(high, low, close),
        "highest 20": lambda: ours.highest(high, 20),
        "stochastic 14": lambda: ours.stochastic(high, low, close),
        "wma 20": lambda: ours.wma(close, 20),
        "bollinger_bands 20": lambda: ours.bollinger_bands(close),
        "commodity_channel_index 20": lambda: ours.commodity_channel_index(high, low, close),
    }
    for name, call in calls.items():
        call()
        show(f"{name}, 2,520 bars", 1e6 * wall_seconds(call, 500), "us")


def main() -> None:
    """Measure arrays; then each strategy after the history, and all of them together."""
    arrays()
    symbols = [f"S{number:03}" for number in range(SYMBOLS)]
    history = [minute_bars(HISTORY + DECIDED, symbol, seed) for seed, symbol in enumerate(symbols)]
    events = [closed(history, index) for index in range(HISTORY + DECIDED)]
    sources = [source(name, dict(parameters), symbols) for name, parameters in STRATEGIES]
    for event in events[: HISTORY - 1]:
        for one in sources:
            one.observe(event)
    show("live, all strategies, first decision after a restart", live(sources, events[HISTORY - 1 : HISTORY])[0][0], "ms CPU")
    gc.collect()
    gc.freeze()
    for (name, parameters), one in zip(STRATEGIES, sources, strict=True):
        used, _ = live([one], events[HISTORY : HISTORY + DECIDED // 3])
        show(" ".join(["live,", name, *map(str, parameters.values())]), 1000.0 * float(np.median(used)) / SYMBOLS, "us CPU")
    used, passed = live(sources, events[HISTORY + DECIDED // 3 :])
    what = f"live, {len(sources)} strategies on {SYMBOLS} symbols, a bar,"
    show(f"{what} median", float(np.median(used)), "ms CPU")
    show(f"{what} p99", float(np.quantile(used, 0.99)), "ms CPU", below=25)
    show(f"{what} p99", float(np.quantile(passed, 0.99)), "ms", below=25)


if __name__ == "__main__":
    main()
