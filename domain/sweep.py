"""Many parameter sets of a strategy over one history: a back-test each, with its measures, and nothing kept of it but numbers.

The strategy is the one that is back-tested and traded: its ``target`` is asked once for each set, over the whole history. What
the sets share is computed once: bars, schedule, each indicator (``domain.indicators.remembered``). Runs of one symbol in a cash
account without exits, corporate actions and measured returns go through ``domain.sweep_loop``, all others through
``domain.kernel.simulate`` one by one. Which way a run goes shows in its time alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from domain.adjustment import adjust_forward
from domain.errors import DataError, InputError
from domain.indicators.remembered import remembering
from domain.kernel import fee_columns, flow_columns, simulate
from domain.market import AssetClass
from domain.performance import downside_of, equity_points, growth_of, measure, ratio, sharpe_of, sortino_of
from domain.rules.costs import Costs
from domain.rules.exits import is_any
from domain.rules.fills import Reason
from domain.rules.limits import Limits
from domain.run import NO_LIMITS
from domain.strategy import Strategy, checked_target, read_only, shaped_target
from domain.sweep_loop import Market, Rulebook, run_rows
from domain.timeline import schedule
from domain.trades import FillRow, round_trips, splits_met

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from domain.market import Bars
    from domain.run import RunSpec
    from domain.strategy import Series
    from domain.timeline import History, Schedule

METRICS: Final = (
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "win_rate",
    "exposure",
)
"""The measures of a sweep, under the names of ``domain.performance.measure``; of the best run a back-test tells the rest."""

_ROWS: Final = 32  # target series run together: many for one call, few enough for the caches
_LEAST_POINTS: Final = 3  # two returns: with fewer there are measures that are undefined, which compiled code does not tell apart


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What each parameter set gave, in the order they were given: arrays of one value a set.

    ``final_equity`` is in the account's currency, ``fills`` and closed ``trades`` are counts. ``metrics`` has an array for each of
    ``METRICS``, fractions where ``domain.performance`` has fractions, NaN where a measure is undefined or infinite.
    """

    final_equity: NDArray[np.float64]
    fills: NDArray[np.int64]
    trades: NDArray[np.int64]
    metrics: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.final_equity)


def sweep(spec: RunSpec, history: History, strategy: type[Strategy], parameter_sets: Sequence[Mapping[str, Any]]) -> SweepResult:
    """Run ``strategy`` with each of ``parameter_sets`` over ``history`` and return what each gave.

    ``spec`` fixes everything but the strategy, which takes the place of its assignments' strategies, on every symbol with the same
    parameters. A parameter set has values by name, defaults for the rest. Each result is to the bit that of
    ``domain.kernel.simulate`` and ``domain.performance.measure`` on the run by itself.

    Raises InputError before anything runs: for no bars, a parameter that is unknown or refused (the message names the set, from 0),
    a strategy that places its own orders or cannot decide on bars of this size. Raises DataError where a strategy fails or
    returns what is no target.
    """
    strategies = _created(spec, history, strategy, parameter_sets)
    runs = _Runs(spec, history, len(strategies))
    with remembering():
        for place, one in enumerate(strategies):
            runs.add(place, one)
        return runs.result()


def _created(
    spec: RunSpec, history: History, strategy: type[Strategy], parameter_sets: Sequence[Mapping[str, Any]]
) -> list[Strategy]:
    """Return the strategies, or refuse."""
    if not history.size:
        raise InputError("a sweep needs bars, and the history has none")
    if strategy.decides_on_events():
        raise InputError(
            f"strategy {strategy.strategy_name()} places its own orders: it cannot be swept, only run by the event engine"
        )
    made: list[Strategy] = []
    for place, parameters in enumerate(parameter_sets):
        try:
            one = strategy.create(parameters)
            one.check_timeframe(spec.timeframe)
        except InputError as error:
            raise InputError(f"parameter set {place}: {error}") from None
        made.append(one)
    return made


class _Runs:
    """The runs of a sweep as they are made: those that can be run together wait in rows."""

    def __init__(self, spec: RunSpec, history: History, count: int) -> None:
        self._spec = spec
        self._history = history
        self._plan = schedule(history)
        self._bars = tuple(read_only(bars) for bars in adjust_forward(history))
        self._sessions = self._plan.session[self._plan.closing_bars()]
        self._together = _together(spec, history, self._plan, self._sessions)
        self._periods = spec.annual_periods
        self._size = history.size
        self._before = None if spec.timeframe.is_daily else spec.initial_cash
        self._returns = len(equity_points(np.zeros(len(self._sessions)), self._sessions, self._before)) - 1
        self._waiting: list[tuple[int, Strategy]] = []
        self._rows = np.empty((_ROWS, self._size if self._together else 0))
        self._counts = np.zeros((count, 2), np.int64)
        self._figures = np.full((count, 1 + len(METRICS)), math.nan)

    def add(self, place: int, strategy: Strategy) -> None:
        """Run a strategy, or let it wait for others."""
        exits = strategy.exits
        if self._together is None or (exits is not Strategy.exits and is_any(exits.rules())):
            self._run_alone(place, strategy)
            return
        self._rows[len(self._waiting)] = _asked(shaped_target, strategy, self._bars[0])
        self._waiting.append((place, strategy))
        if len(self._waiting) == _ROWS:
            self._run_together()

    def result(self) -> SweepResult:
        """Run what waits and return everything."""
        self._run_together()
        figures = np.where(np.isfinite(self._figures), self._figures, math.nan)
        metrics = {name: figures[:, place].copy() for place, name in enumerate(METRICS, 1)}
        return SweepResult(self._figures[:, 0].copy(), self._counts[:, 0].copy(), self._counts[:, 1].copy(), metrics)

    def _run_together(self) -> None:
        if self._together is None or not self._waiting:
            return
        market, book = self._together
        waiting, self._waiting = self._waiting, []
        rows = len(waiting)
        counts, found = np.zeros((rows, 4), np.int64), np.ones((rows, 6))  # ones: a row that says nothing is computed with, too
        with np.errstate(all="ignore"):
            run_rows(self._rows[:rows], market, book, counts, found)
        places = [place for place, _ in waiting]
        self._counts[places] = counts[:, :2]
        self._figures[places] = [self._figures_of(*pair) for pair in zip(counts.tolist(), found.tolist(), strict=True)]
        for row in np.flatnonzero(counts[:, 0] < 0).tolist():
            self._run_alone(*waiting[row])

    def _figures_of(self, counts: list[int], found: list[float]) -> tuple[float, ...]:
        """Return the final equity and ``METRICS`` from a row of ``run_rows``."""
        (_, trades, wins, held), (first, last, mean, deviation, shortfall, depth) = counts, found
        periods = self._periods
        growth = growth_of(first, last, self._returns, periods)
        return (
            last,
            last / self._spec.initial_cash - 1.0,
            growth,
            deviation * math.sqrt(periods),
            sharpe_of(mean, deviation, periods),
            sortino_of(mean, downside_of(shortfall, periods), periods),
            ratio(growth, -depth),
            depth,
            wins / trades if trades else math.nan,
            held / self._size,
        )

    def _run_alone(self, place: int, strategy: Strategy) -> None:
        """Run a strategy through the kernel, as a back-test does."""
        name = strategy.strategy_name()
        assignments = tuple(replace(one, strategy_name=name, strategy=strategy) for one in self._spec.assignments)
        spec = replace(self._spec, assignments=assignments)
        targets = [_asked(checked_target, strategy, bars) for bars in self._bars]
        done = simulate(spec, self._history, targets, self._plan)
        fills = _fill_rows(done.fills, self._history, self._plan)
        trades = round_trips(fills, splits_met(self._history, fills))
        measured = measure(
            equity_points(done.equity, self._sessions, self._before),
            initial_cash=spec.initial_cash,
            periods=self._periods,
            trades=trades,
            fees=math.fsum(fill.fee for fill in fills),
            traded=math.fsum(fill.quantity * fill.price for fill in fills),
            bars=self._size,
            bars_held=done.held_bars,
        )
        self._counts[place] = len(fills), len(trades)
        self._figures[place, 0] = done.equity[-1]
        self._figures[place, 1:] = [math.nan if measured[key] is None else measured[key] for key in METRICS]


def _asked(question: Callable[[Strategy, Bars], Series], strategy: Strategy, bars: Bars) -> Series:
    """Return a strategy's targets; one that changes an indicator's values in place is asked again with values of its own."""
    try:
        return question(strategy, bars)
    except DataError:
        with remembering(0):
            return question(strategy, bars)


def _fill_rows(records: NDArray[Any], history: History, plan: Schedule) -> list[FillRow]:
    """Return the kernel's fills as those that trades are made of."""
    times = np.concatenate([bars.time for bars in history.bars])[records["bar"]].tolist()
    owners = [history.instruments[symbol] for symbol in plan.symbol[records["bar"]].tolist()]
    return [
        FillRow(time, owner.symbol, side, lots / owner.lots_per_unit, price, fee, Reason(reason).code, lots, owner.lots_per_unit)
        for time, owner, (_, side, lots, price, fee, reason) in zip(times, owners, records.tolist(), strict=True)
    ]


def _together(spec: RunSpec, history: History, plan: Schedule, sessions: NDArray[np.int64]) -> tuple[Market, Rulebook] | None:
    """Return what runs of this spec share where they can be run together, exits aside; else None."""
    if len(spec.assignments) > 1 or not plan.alternates or spec.margin or spec.is_measured or history.actions:
        return None
    bars, terms = history.bars[0], spec.terms(0)
    point = equity_points(np.arange(len(bars), dtype=np.float64), sessions).astype(np.int64)
    first_point = not spec.timeframe.is_daily
    if len(point) + first_point < _LEAST_POINTS:
        return None
    levied = spec.regulatory_fees and spec.instruments[0].asset_class is AssetClass.EQUITY
    fees = fee_columns(charged=levied)
    market = Market(bars.open, bars.close, bars.volume, plan.session, point, flow_columns(spec, history), *fees)
    book = Rulebook(
        terms.sizing,
        Costs(*map(float, spec.costs)),
        Limits(*map(float, spec.limits or NO_LIMITS)),
        spec.limits is not None,
        terms.lots_per_unit,
        terms.volume_share,
        float(spec.initial_cash),
        first_point,
    )
    return market, book
