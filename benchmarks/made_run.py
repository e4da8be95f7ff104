"""The runs of the engine benchmarks: a crossover 10/30 at default costs and with limits, on one symbol or on a hundred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from measure import MINUTE, minute_bars

from domain.market import DAY, Bars, Instrument, Timeframe
from domain.rules.costs import Costs
from domain.rules.limits import Limits
from domain.run import Assignment, RunSpec, parse_sizing
from domain.sessions import sessions
from domain.strategy import Exits
from domain.timeline import History
from strategies.moving_average_crossover import MovingAverageCrossover

if TYPE_CHECKING:
    from domain.strategy import Strategy

DAILY = Timeframe.parse("1d")
LIMITS = Limits(max_position_size=0.3, max_gross_exposure=1.0, daily_loss_limit=0.03, max_drawdown=0.25, max_order_notional=1e6)

PAIRS = [{"fast": fast, "slow": slow} for fast in range(5, 30) for slow in range(30, 230, 5)]
"""What a sweep of the crossover tries."""


@dataclass(frozen=True)
class GuardedCrossover(MovingAverageCrossover):
    """A crossover whose every position has a stop-loss and a take-profit."""

    exits = Exits(stop_loss=0.002, take_profit=0.003)


def history_of(bars: Bars) -> History:
    """Return a history of one made-up share."""
    return History((Instrument.of(bars.symbol),), (bars,), MINUTE)


def history(count: int) -> History:
    """Return a history of ``count`` minute bars."""
    return history_of(minute_bars(count))


def portfolio(symbols: int = 100, days: int = 2_520) -> History:
    """Return a history of daily bars of many made-up shares: seeded random walks on New York's sessions."""
    dates = sessions(14_000, 14_000 + 2 * days, "XNYS")[:days]
    random = np.random.default_rng(7)
    bars = []
    for number in range(symbols):
        close = 100.0 * np.exp(np.cumsum(random.normal(0.0002, 0.015, days)))
        opened = np.r_[100.0, close[:-1]] * (1.0 + random.normal(0.0, 0.002, days))
        high, low = np.maximum(opened, close) * 1.003, np.minimum(opened, close) * 0.997
        volume = random.uniform(1e6, 5e6, days).round()
        bars.append(Bars(f"S{number:03d}", DAILY, dates * DAY, opened, high, low, close, volume))
    return History(tuple(Instrument.of(one.symbol) for one in bars), tuple(bars), DAILY)


def spec(past: History, strategy: Strategy | None = None) -> RunSpec:
    """Return what is run on ``past``: one share a trade on one symbol, so little that no limit ends it; else equal shares."""
    chosen = strategy or MovingAverageCrossover(fast=10, slow=30)
    one = len(past.instruments) == 1
    sizing = parse_sizing("fixed_quantity:1", 1) if one else parse_sizing(None, len(past.instruments))
    assignments = tuple(
        Assignment(instrument.symbol, "moving_average_crossover", chosen, sizing) for instrument in past.instruments
    )
    return RunSpec(assignments, past.instruments, past.timeframe, 1_000_000.0, Costs(), LIMITS)
