"""Where the engine's targets come from: strategies, asked bar by bar or once for a whole history."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from domain.adjustment import adjust_forward
from domain.errors import InvariantViolated
from domain.indicators import Memory
from domain.market import Bars
from domain.shared import SharedSymbol, standing
from domain.strategy import checked_target, last_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from domain.events import BarsClosed, BarsOpened
    from domain.market import Timeframe
    from domain.run import RunSpec
    from domain.strategy import Strategy
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

    def quiet_until(self, number: int) -> int:
        """Return the number of the first bar, from ``number`` on, at whose close a target may change; ``number`` if unknown."""
        ...

    def pass_over(self, count: int) -> None:
        """Take note that ``count`` closes passed without being asked for."""
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
        arrays = target_arrays(spec, history)
        self._alone, self._passed = memoryview(arrays[0]), 0
        """The targets of a single symbol, and how many of them are left behind."""
        self._changes, self._change = (_changes(arrays[0]) if len(arrays) == 1 else []), 0
        self._next: dict[str, Iterator[float]] = {}
        if not self._changes:
            pairs = zip(spec.assignments, arrays, strict=True)
            self._next = {assignment.symbol: iter(targets.tolist()) for assignment, targets in pairs}
        self._next_of_all = zip(*self._next.values(), strict=True)

    def on_open(self, event: BarsOpened) -> None:
        """Do nothing: the splits are in the computed targets."""

    def on_close(self, event: BarsClosed) -> Sequence[float]:
        """Return the computed target of each bar; nothing where a single one stands."""
        if self._changes:
            target = self._alone[self._passed]
            self._passed += 1
            return (target,) if target == target else ()  # noqa: PLR0124 - not NaN
        if len(event.bars) == len(self._next):  # both in code-point order
            return next(self._next_of_all)
        return [next(self._next[bar.symbol]) for bar in event.bars]

    def observe(self, event: BarsClosed) -> None:
        """Pass over the bars."""
        self.on_close(event)

    def quiet_until(self, number: int) -> int:
        """Return the number of the first bar, from ``number`` on, at whose close a single symbol's target changes."""
        changes = self._changes
        if not changes:
            return number
        while changes[self._change] < number:
            self._change += 1
        return changes[self._change]

    def pass_over(self, count: int) -> None:
        """Leave ``count`` targets of a single symbol behind."""
        self._passed += count

    def past(self, symbol: str) -> tuple[Bars, float]:
        """Refuse: who decides on events is streamed."""
        raise InvariantViolated(f"{symbol} is traded by orders of its strategy: its bars are streamed, not computed")


def _changes(targets: NDArray[np.float64]) -> list[int]:
    """Return at which bars the standing target changes, 0 being the first, and the number of bars."""
    told = np.flatnonzero(~np.isnan(targets))
    values = targets[told]
    return [*told[values != np.r_[0.0, values[:-1]]].tolist(), len(targets)]


class StreamedTargets:
    """Targets from strategies that see each bar as it closes, as in live trading."""

    def __init__(self, spec: RunSpec) -> None:
        self._series: dict[str, _Series] = {}
        self._newest: dict[str, Callable[[], float]] = {}
        self._sharing: dict[str, _SharedDecision] = {}
        for assignment, instrument in zip(spec.assignments, spec.instruments, strict=True):
            symbol, strategy = assignment.symbol, assignment.strategy
            self._series[symbol] = series = _Series(symbol, spec.timeframe, instrument.calendar)
            if isinstance(strategy, SharedSymbol):
                self._sharing[symbol] = shared = _SharedDecision(strategy, series)
                self._newest[symbol] = shared.newest
            else:
                self._newest[symbol] = _decision(strategy, series)
        self._most_sharing = max((len(one.members) for one in self._sharing.values()), default=0)

    def on_open(self, event: BarsOpened) -> None:
        """Adjust what follows for the splits before these bars."""
        for action in event.actions:
            if action.action == "split":
                self._series[action.symbol].factor *= action.value

    def on_close(self, event: BarsClosed) -> Sequence[float]:
        """Ask each strategy for its target at this close."""
        self.observe(event)
        for member in range(self._most_sharing):  # strategy by strategy: its code and arrays stay in the processor's caches
            for bar in event.bars:
                if bar.symbol in self._sharing:
                    self._sharing[bar.symbol].ask(member)
        return [self._newest[bar.symbol]() for bar in event.bars]

    def quiet_until(self, number: int) -> int:
        """Return ``number``: a strategy that is asked bar by bar may change its target at any of them."""
        return number

    def pass_over(self, count: int) -> None:
        """Refuse: no bar may be missing from a stream."""
        raise InvariantViolated(f"{count} closes were passed over, which streamed targets must see")

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

    def __init__(self, symbol: str, timeframe: Timeframe, calendar: str) -> None:
        self.factor = 1.0
        self.timeframe = timeframe
        self.count = 0
        self._symbol = symbol
        self._calendar = calendar
        self._columns: tuple[NDArray[Any], ...] = (np.empty(512, np.int64), *(np.empty(512) for _ in range(5)))
        self._shown = self._read_only()

    def _read_only(self) -> tuple[NDArray[Any], ...]:
        """Return the columns as strategies may see them."""
        views = tuple(column.view() for column in self._columns)
        for view in views:
            view.flags.writeable = False
        return views

    def append(self, time: int, row: tuple[float, float, float, float, float]) -> None:
        """Add one bar."""
        count = self.count
        if count == len(self._columns[0]):
            self._columns = tuple(np.concatenate([column, np.empty_like(column)]) for column in self._columns)
            self._shown = self._read_only()
        times, opens, highs, lows, closes, volumes = self._columns  # written out: this runs at every close
        times[count] = time
        opens[count], highs[count], lows[count], closes[count], volumes[count] = row
        self.count = count + 1

    def bars(self, first: int) -> Bars:
        """Return the bars from ``first`` on, read-only."""
        count, (times, opens, highs, lows, closes, volumes) = self.count, self._shown  # written out: this runs at every decision
        return Bars(
            self._symbol,
            self.timeframe,
            times[first:count],
            opens[first:count],
            highs[first:count],
            lows[first:count],
            closes[first:count],
            volumes[first:count],
            self._calendar,
        )


def _decision(strategy: Strategy, series: _Series) -> Callable[[], float]:
    """Return what tells the target of ``strategy`` at the last bar of ``series``: always NaN where it places its own orders."""
    return (lambda: nan) if strategy.decides_on_events() else _Decision(strategy, series).newest


class _Decision:
    """What one strategy decides on a series that grows."""

    def __init__(self, strategy: Strategy, series: _Series) -> None:
        self._strategy = strategy
        self._series = series
        self._memory = Memory()
        self._lookback, self._recursive = strategy.lookback_of(series.timeframe), strategy.recursive

    def newest(self) -> float:
        """Return the target at the last bar: what is decided on the whole run, from its last bars and the memory."""
        return self._memory.evaluate(self._target_from, self._series.count, self._lookback, own_memory=self._recursive)

    def _target_from(self, first: int) -> float:
        return last_target(self._strategy, self._series.bars(first))

    def standing(self) -> float:
        """Return the target that stands at the last bar, looked for in the whole series; what comes next is decided from there."""
        count = self._series.count
        return self._memory.evaluate(self._standing_from, count, count, own_memory=self._recursive)

    def _standing_from(self, first: int) -> float:
        return standing(checked_target(self._strategy, self._series.bars(first))).item(-1)


class _SharedDecision:
    """What the strategies of a shared symbol decide: each remembers for itself, and its own target stands where it says NaN.

    Bars that came without a question, as after a restart, may have changed any of these targets: they are looked up anew.
    """

    def __init__(self, strategy: SharedSymbol, series: _Series) -> None:
        self.members = [_Decision(one.strategy, series) for one in strategy.members]
        self._strategy = strategy
        self._series = series
        self._standing = [0.0] * len(self.members)
        self._decided = 0  # bars that the standing targets have taken into account

    def ask(self, member: int) -> None:
        """Ask one of the strategies for its target at the last bar, where the standing targets know all bars before."""
        if member < len(self.members) and self._decided == self._series.count - 1:
            target = self.members[member].newest()
            if target == target:  # noqa: PLR0124 - not NaN
                self._standing[member] = target

    def newest(self) -> float:
        """Return the net target at the last bar, for which each strategy was asked."""
        if self._decided != self._series.count - 1:
            self._standing = [one.standing() for one in self.members]
        self._decided = self._series.count
        return self._strategy.net(self._standing)
