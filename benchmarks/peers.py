"""Other programs beside this one, on the same bars, with the same crossover, in the same hour: bars and runs a CPU second.

Each trades one unit at 5 basis points from the cross of the faster average above the slower one to the cross below. What each does
beside that differs: the event engine here checks five limits at every order and gives each order an id and a journal of events.
"""

from __future__ import annotations

import logging
import os
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import made_run
import numpy as np
from made_run import PAIRS
from measure import cpu_seconds, show, show_machine

from domain.indicators import sma
from domain.kernel import simulate
from domain.run import RunSpec
from domain.sweep import sweep
from domain.targets import target_arrays
from domain.timeline import schedule
from strategies.moving_average_crossover import MovingAverageCrossover
from tasks.backtest import run_events

if TYPE_CHECKING:
    from domain.market import Bars
    from domain.timeline import History

BARS = 100_000
FAST, SLOW = 10, 30
COMMISSION = 0.0005
CASH = 1_000_000.0


def ours(past: History) -> None:
    """Show both drivers of this system."""
    spec = made_run.spec(past)
    show("this event engine, five limits", past.size / cpu_seconds(lambda: run_events(spec, past), 3), "bars/CPU s")
    plan = schedule(past)

    def whole() -> None:
        simulate(spec, past, target_arrays(spec, past), plan)

    whole()
    show("this kernel, targets included, five limits", past.size / cpu_seconds(whole, 5), "bars/CPU s")


def frame(bars: Bars) -> Any:
    """Return bars as the frame that other programs read."""
    import pandas as pd  # noqa: PLC0415 - the figures above need no pandas

    columns = {name.capitalize(): getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame(columns, index=pd.to_datetime(bars.time, unit="us"))


def backtesting_py(bars: Bars) -> None:
    """Show backtesting.py."""
    from backtesting import Backtest, Strategy  # noqa: PLC0415 - optional

    class Crossover(Strategy):  # type: ignore[misc]  # untyped
        def init(self) -> None:
            self.fast = self.I(sma, bars.close, FAST)
            self.slow = self.I(sma, bars.close, SLOW)

        def next(self) -> None:
            if self.fast[-1] > self.slow[-1]:
                if not self.position:
                    self.buy(size=1)
            elif self.position:
                self.position.close()

    run = Backtest(frame(bars), Crossover, cash=CASH, commission=COMMISSION, finalize_trades=True)
    show("backtesting.py", len(bars) / cpu_seconds(run.run), "bars/CPU s")


def backtrader(bars: Bars) -> None:
    """Show backtrader."""
    import backtrader as bt  # noqa: PLC0415 - optional

    class Crossover(bt.Strategy):  # type: ignore[misc]  # untyped
        def __init__(self) -> None:
            self.fast = bt.indicators.SMA(self.data.close, period=FAST)
            self.slow = bt.indicators.SMA(self.data.close, period=SLOW)

        def next(self) -> None:
            if self.fast[0] > self.slow[0]:
                if not self.position:
                    self.buy(size=1)
            elif self.position:
                self.close()

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(CASH)
    cerebro.broker.setcommission(COMMISSION)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame(bars)))
    cerebro.addstrategy(Crossover)
    show("backtrader", len(bars) / cpu_seconds(cerebro.run), "bars/CPU s")


def vectorbt(bars: Bars) -> None:
    """Show vectorbt's compiled simulation: one run, then 1,000 pairs over ten years of days."""
    import pandas as pd  # noqa: PLC0415 - as above
    import vectorbt as vbt  # noqa: PLC0415 - optional

    def run(columns: Any, fast: Any, slow: Any) -> Any:
        above = fast > slow
        entries, exits = above & ~above.shift(1, fill_value=False), ~above & above.shift(1, fill_value=False)
        return vbt.Portfolio.from_signals(
            columns["Close"], entries.shift(1, fill_value=False), exits.shift(1, fill_value=False), price=columns["Open"],
            size=1.0, fees=COMMISSION, init_cash=CASH, freq="1min",
        )  # fmt: skip

    minutes = frame(bars)

    def once() -> None:
        fast, slow = pd.Series(sma(bars.close, FAST), minutes.index), pd.Series(sma(bars.close, SLOW), minutes.index)
        run(minutes, fast, slow).value()

    once()  # compiles
    show("vectorbt, signals and averages included", len(bars) / cpu_seconds(once, 5), "bars/CPU s")
    days = made_run.portfolio(symbols=1).bars[0]
    daily = frame(days)
    averages = {length: sma(days.close, length) for pair in PAIRS for length in pair.values()}

    def many() -> None:
        fast, slow = (
            pd.DataFrame(np.column_stack([averages[pair[name]] for pair in PAIRS]), daily.index) for name in ("fast", "slow")
        )
        found = run(daily, fast, slow)
        found.total_return(), found.sharpe_ratio(), found.max_drawdown()

    show("vectorbt, the same pairs, averages given, three measures", len(PAIRS) / cpu_seconds(many, 2), "runs/CPU s")


def our_sweep() -> None:
    """Show this system's sweep of the same pairs."""
    past = made_run.portfolio(symbols=1)
    spec = RunSpec(made_run.spec(past).assignments, past.instruments, past.timeframe)
    sweep(spec, past, MovingAverageCrossover, PAIRS[:1])
    seconds = cpu_seconds(lambda: sweep(spec, past, MovingAverageCrossover, PAIRS), 5)
    show("this sweep, averages and all measures included", len(PAIRS) / seconds, "runs/CPU s")


def main() -> None:
    """Measure what is installed."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ["TQDM_DISABLE"] = "1"  # backtesting.py draws a bar of its progress
    show_machine()
    past = made_run.history(BARS)
    ours(past)
    our_sweep()
    for name, peer in (("backtesting", backtesting_py), ("backtrader", backtrader), ("vectorbt", vectorbt)):
        if find_spec(name) is None:
            print(f"{name} is not here: see benchmarks/README.md")
        else:
            peer(past.bars[0])


if __name__ == "__main__":
    main()
