"""Where the engine's targets come from: strategies, asked bar by bar or once for a whole history."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from domain.adjustment import adjust_forward
from domain.errors import InvariantViolated
from domain.indicators import Memory
from domain.market import Bars
from domain.strategy import checked_target, last_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from domain.events import BarsClosed, BarsOpened
    from domain.market import Timeframe
    from domain.run import Assignment, RunSpec
    from domain.timeline import History


class TargetSource(Protocol):
    """Tells the exposure each strategy wants after a close."""

    def on_open(self, event: BarsOpened) -> None:
        """Take note of what changes before these bars open."""
        ...

    def on_close(self, event: BarsClosed) -> Sequence[float]:
        """Return one target for each bar of ``event``, NaN where what stands shall stand; nothing where all of it shall."""
        ...

    def observe(self, event: BarsClosed) -> None:
        """Take the bars without being asked to decide."""
        ...

    def past(self, symbol: str) -> tuple[Bars, float]:
        """Return the bars of a symbol since the run's first, adjusted forward, and the factor of the last of them."""
        ...


def target_arrays(spec: RunSpec, history: History) -> tuple[NDArray[np.float64], ...]:
    """Return each assignment's targets over the whole history, computed from prices adjusted forward."""
    return tuple(
        checked_target(assignment.strategy, bars)
        for assignment, bars in zip(spec.assignments, adjust_forward(history), strict=True)
    )


class ComputedTargets:
    """Targets computed once over a history that is known; strategies see nothing later, so a stream gives the same."""

    def __init__(self, spec: RunSpec, history: History) -> None:
        self._next = {
            assignment.symbol: iter(targets.tolist()).__next__
            for assignment, targets in zip(spec.assignments, target_arrays(spec, history), strict=True)
        }

    def on_open(self, event: BarsOpened) -> None:
        """Do nothing: the splits are in the computed targets."""

    def on_close(self, event: BarsClosed) -> Sequence[float]:
        """Return the computed target of each bar; nothing where a single one stands."""
        if len(event.bars) == 1:
            target = self._next[event.bars[0].symbol]()
            return (target,) if target == target else ()  # noqa: PLR0124 - not NaN
        return [self._next[bar.symbol]() for bar in event.bars]

    def observe(self, event: BarsClosed) -> None:
        """Pass over the bars."""
        self.on_close(event)

    def past(self, symbol: str) -> tuple[Bars, float]:
        """Refuse: who decides on events is streamed."""
        raise InvariantViolated(f"{symbol} is traded by orders of its strategy: its bars are streamed, not computed")


class StreamedTargets:
    """Targets from strategies that see each bar as it closes, as in live trading."""

    def __init__(self, spec: RunSpec) -> None:
        self._series = {
            assignment.symbol: _Series(assignment, spec.timeframe, instrument.calendar)
            for assignment, instrument in zip(spec.assignments, spec.instruments, strict=True)
        }

    def on_open(self, event: BarsOpened) -> None:
        """Adjust what follows for the splits before these bars."""
        for action in event.actions:
            if action.action == "split":
                self._series[action.symbol].factor *= action.value

    def on_close(self, event: BarsClosed) -> Sequence[float]:
        """Ask each strategy for its target at this close."""
        self.observe(event)
        return [self._series[bar.symbol].target() for bar in event.bars]

    def past(self, symbol: str) -> tuple[Bars, float]:
        """Return the bars of a symbol since the run's first, adjusted forward, and the factor of the last of them."""
        series = self._series[symbol]
        return series.bars(0), series.factor

    def observe(self, event: BarsClosed) -> None:
        """Append the bars to their series."""
        for bar in event.bars:
            factor = self._series[bar.symbol].factor
            row = (bar.open * factor, bar.high * factor, bar.low * factor, bar.close * factor, bar.volume / factor)
            self._series[bar.symbol].append(bar.time, row)


class _Series:
    """The bars of one symbol since the run's first, adjusted forward, in arrays that grow."""

    def __init__(self, assignment: Assignment, timeframe: Timeframe, calendar: str) -> None:
        self.factor = 1.0
        self._assignment = assignment
        self._timeframe = timeframe
        self._calendar = calendar
        self._count = 0
        self._columns: tuple[NDArray[Any], ...] = (np.empty(512, np.int64), *(np.empty(512) for _ in range(5)))
        self._shown = self._read_only()
        self._memory = Memory()
        strategy = assignment.strategy
        self._decides = not strategy.decides_on_events()
        self._lookback, self._recursive = strategy.lookback_of(timeframe), strategy.recursive

    def _read_only(self) -> tuple[NDArray[Any], ...]:
        """Return the columns as strategies may see them."""
        views = tuple(column.view() for column in self._columns)
        for view in views:
            view.flags.writeable = False
        return views

    def append(self, time: int, row: tuple[float, float, float, float, float]) -> None:
        """Add one bar."""
        count = self._count
        if count == len(self._columns[0]):
            self._columns = tuple(np.concatenate([column, np.empty_like(column)]) for column in self._columns)
            self._shown = self._read_only()
        times, opens, highs, lows, closes, volumes = self._columns  # written out: this runs at every close
        times[count] = time
        opens[count], highs[count], lows[count], closes[count], volumes[count] = row
        self._count = count + 1

    def target(self) -> float:
        """Return the strategy's target at the last bar: what it decides on the whole run, from its last bars and its memory."""
        if not self._decides:
            return nan
        return self._memory.evaluate(self._target_from, self._count, self._lookback, own_memory=self._recursive)

    def _target_from(self, first: int) -> float:
        return last_target(self._assignment.strategy, self.bars(first))

    def bars(self, first: int) -> Bars:
        """Return the bars from ``first`` on, read-only."""
        rows = slice(first, self._count)
        time, opens, highs, lows, closes, volumes = (column[rows] for column in self._shown)
        return Bars(self._assignment.symbol, self._timeframe, time, opens, highs, lows, closes, volumes, self._calendar)
