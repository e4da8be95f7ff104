"""The run of the engine benchmarks: one symbol, a crossover 10/30, one share a trade, default costs, every limit on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure import MINUTE, minute_bars

from domain.market import Instrument
from domain.rules.costs import Costs
from domain.rules.limits import Limits
from domain.run import Assignment, RunSpec, parse_sizing
from domain.timeline import History
from tasks.registry import create

if TYPE_CHECKING:
    from domain.market import Bars


def history_of(bars: Bars) -> History:
    """Return a history of one made-up share."""
    return History((Instrument.of(bars.symbol),), (bars,), MINUTE)


def history(count: int) -> History:
    """Return a history of ``count`` minute bars."""
    return history_of(minute_bars(count))


def spec(past: History) -> RunSpec:
    """Return what is run on ``past``; so little is risked that no limit ends the trading, and every limit is looked at."""
    name = "moving_average_crossover"
    symbol = past.instruments[0].symbol
    assignment = Assignment(symbol, name, create(name, {"fast": 10, "slow": 30}), parse_sizing("fixed_quantity:1", 1))
    limits = Limits(max_position_size=0.3, max_gross_exposure=1.0, daily_loss_limit=0.03, max_drawdown=0.25)
    return RunSpec((assignment,), past.instruments, MINUTE, 1_000_000.0, Costs(), limits)
