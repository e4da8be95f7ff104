"""Live: from the close of a bar to the orders of several strategies on every symbol; and indicators over arrays.

Live figures are CPU time of the thread beside time on the clock, which other processes of a busy machine lengthen. They are taken
before numba is loaded, as a live session does without it; arrays are computed with it, as in a sweep.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

import numpy as np
from made_run import LIMITS
from measure import MINUTE, minute_bars, show, wall_seconds

from domain import indicators as ours
from domain.engine import Engine
from domain.events import BarsClosed, BarsOpened, OrderRequested
from domain.market import Instrument
from domain.run import Assignment, RunSpec, parse_sizing
from domain.shared import owned
from domain.targets import StreamedTargets
from tasks.brokers.paper import PaperBroker
from tasks.registry import create

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.events import JournalEvent
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


def wanted_by(number: int, symbol: str) -> Assignment:
    """Return the assignment of a symbol to one of the strategies, a fifth of an equal share of the account each."""
    name, parameters = STRATEGIES[number]
    share = parse_sizing(f"fixed_fraction:{0.95 / SYMBOLS / len(STRATEGIES)}", SYMBOLS)
    return Assignment(symbol, "_".join([name, *parameters.values()]), create(name, parameters), share)


def opened_and_closed(history: list[Bars], index: int) -> tuple[BarsOpened, BarsClosed]:
    """Return the opening and the close of one bar of every symbol."""
    bars = tuple(bars.bar(index) for bars in history)
    return BarsOpened(bars[0].time, bars, (), 0), BarsClosed(bars[0].time + MINUTE.length, 0, bars)


def milliseconds(work: Callable[[BarsClosed], object], events: list[BarsClosed]) -> tuple[list[float], list[float]]:
    """Return what ``work`` takes for each close: of CPU, and on the clock."""
    used, passed = [], []
    for event in events:
        start, started = time.perf_counter(), time.thread_time()
        work(event)
        used.append(1000.0 * (time.thread_time() - started))
        passed.append(1000.0 * (time.perf_counter() - start))
    return used, passed


def live() -> None:
    """Measure what a close costs: each strategy's decisions alone, then those of all, with the orders that come of them."""
    symbols = [f"S{number:03}" for number in range(SYMBOLS)]
    history = [minute_bars(HISTORY + DECIDED, symbol, seed) for seed, symbol in enumerate(symbols)]
    events = [opened_and_closed(history, index) for index in range(HISTORY + DECIDED)]
    instruments = tuple(map(Instrument.of, symbols))
    for number, (name, parameters) in enumerate(STRATEGIES):
        source = StreamedTargets(RunSpec(tuple(wanted_by(number, symbol) for symbol in symbols), instruments, MINUTE))
        for _, closed in events[: HISTORY - 1]:
            source.observe(closed)
        used, _ = milliseconds(source.on_close, [closed for _, closed in events[HISTORY - 1 :]])
        what = " ".join(["live,", name, *parameters.values()])
        show(what, 1000.0 * float(np.median(used)) / SYMBOLS, "us CPU")
    shared = tuple(owned([wanted_by(number, symbol) for number in range(len(STRATEGIES))]) for symbol in symbols)
    spec = RunSpec(shared, instruments, MINUTE, 1_000_000.0, limits=LIMITS)
    engine, broker = Engine(spec, "live", StreamedTargets(spec)), PaperBroker(spec)
    for opened, closed in events[: HISTORY - 1]:
        engine.observe(opened)
        engine.observe(closed)
    gc.collect()
    gc.freeze()
    used, passed, orders = [], [], 0
    for opened, closed in events[HISTORY - 1 :]:
        broker.step(engine, opened)
        answered: list[JournalEvent] = []
        (cpu,), (clock,) = milliseconds(lambda event, answered=answered: answered.extend(broker.step(engine, event)), [closed])  # type: ignore[misc]
        used.append(cpu)
        passed.append(clock)
        orders += sum(isinstance(event, OrderRequested) for event in answered)
    show("live, all strategies, first decision after a restart", used[0], "ms CPU")
    what = f"live, {len(STRATEGIES)} strategies on {SYMBOLS} symbols, a bar,"
    show("orders a bar", orders / len(used), "")
    show(f"{what} median", float(np.median(used[1:])), "ms CPU")
    show(f"{what} p99", float(np.quantile(used[1:], 0.99)), "ms CPU", below=25)
    show(f"{what} p99", float(np.quantile(passed[1:], 0.99)), "ms", below=25)


def arrays() -> None:
    """Measure indicators over ten years of daily bars, compiled where they can be, as in a sweep."""
    import domain.kernel  # noqa: F401, PLC0415 - loads numba

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
    """Measure what is live, then arrays."""
    live()
    arrays()


if __name__ == "__main__":
    main()
