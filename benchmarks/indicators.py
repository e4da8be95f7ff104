"""Indicators over arrays, and live: from the close of a bar to the decisions of every strategy on every symbol."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

import numpy as np
from measure import MINUTE, minute_bars, show

from domain.events import BarsClosed
from domain.market import Instrument
from domain.run import Assignment, RunSpec, parse_sizing
from domain.targets import StreamedTargets
from tasks.registry import create

if TYPE_CHECKING:
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


def live(sources: list[StreamedTargets], events: list[BarsClosed]) -> list[float]:
    """Return the milliseconds from each close to all decisions."""
    took = []
    for event in events:
        start = time.perf_counter()
        for one in sources:
            one.on_close(event)
        took.append(1000.0 * (time.perf_counter() - start))
    return took


def main() -> None:
    """Measure each strategy after the history, then all of them together."""
    symbols = [f"S{number:03}" for number in range(SYMBOLS)]
    history = [minute_bars(HISTORY + DECIDED, symbol, seed) for seed, symbol in enumerate(symbols)]
    events = [closed(history, index) for index in range(HISTORY + DECIDED)]
    sources = [source(name, dict(parameters), symbols) for name, parameters in STRATEGIES]
    for event in events[: HISTORY - 1]:
        for one in sources:
            one.observe(event)
    show("all strategies, first decision after a restart", live(sources, events[HISTORY - 1 : HISTORY])[0], "ms")
    gc.collect()
    gc.freeze()
    for (name, parameters), one in zip(STRATEGIES, sources, strict=True):
        median = float(np.median(live([one], events[HISTORY : HISTORY + DECIDED // 3])))
        show(f"{name} {' '.join(map(str, parameters.values()))}, {SYMBOLS} symbols, a bar, median", median, "ms")
    took = live(sources, events[HISTORY + DECIDED // 3 :])
    show(f"{len(sources)} strategies on {SYMBOLS} symbols, a bar, median", float(np.median(took)), "ms")
    show(f"{len(sources)} strategies on {SYMBOLS} symbols, a bar, p99", float(np.quantile(took, 0.99)), "ms", below=25)


if __name__ == "__main__":
    main()
