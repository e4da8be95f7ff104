"""What fill model 1 promises of every fill, on markets and runs drawn at random.

By the event engine alone: that the kernel does the same is what the other tests of this folder say. Each property names the
assumptions under which it holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numba
import numpy as np
import pytest
from generated import BOUNDS, order_runs, runs, walked_orders, wishes
from histories import OrderScript, Protected, Scripted, history, market, quantity, run_spec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import structs

from domain.engine import Engine
from domain.events import BorrowCharged, CorporateActionApplied, EquityMarked, OrderFilled
from domain.liquidity import flows_of
from domain.market import Side
from domain.rules.costs import Costs
from domain.rules.fills import PathMode
from domain.targets import StreamedTargets
from domain.timeline import History, market_events
from domain.wishes import Cancel, Wish
from tasks.backtest import run_events
from tasks.brokers.paper import PaperBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from domain.events import JournalEvent
    from domain.market import Bars
    from domain.run import RunSpec
    from domain.strategy import Strategy
    from domain.wishes import View
    from tasks.backtest import Run

type Drawn = tuple[RunSpec, History]

NO_FRICTION = Costs(0.001)
A_LOT = 1e9
TEN_THOUSANDTH = 1e-4
ANY_RUN = st.one_of(runs(), order_runs())
ONE_WAY = st.sampled_from([PathMode.OHLC, PathMode.OLHC, PathMode.NEAREST])


def checked(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the settings of a property over so many drawn runs, a quarter of them where compilation is off."""
    examples = examples // 4 if numba.config.DISABLE_JIT else examples
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(max_examples=examples, deadline=None, suppress_health_check=slow)


def with_strategies(spec: RunSpec, change: Callable[[Strategy], Strategy]) -> RunSpec:
    """Return the run with every strategy changed."""
    return replace(spec, assignments=tuple(replace(one, strategy=change(one.strategy)) for one in spec.assignments))


def held_after(run: Run) -> dict[str, list[int]]:
    """Return the lots held of each symbol after each of its fills, where nothing splits."""
    held: dict[str, list[int]] = {}
    for fill, lots in zip(run.fills, run.fill_lots, strict=True):
        before = held.setdefault(fill.symbol, [0])[-1]
        held[fill.symbol].append(before + (lots if fill.side == "buy" else -lots))
    return held


@checked(120)
@given(ANY_RUN)
def test_no_fill_lies_outside_the_range_of_its_bar(drawn: Drawn) -> None:
    """Spread, slippage and impact aside, the price was one that the bar traded at: low <= price <= high."""
    spec, past = drawn
    run = run_events(replace(spec, costs=NO_FRICTION), past)
    ranges = {(one.symbol, int(one.time[i])): (one.low[i], one.high[i]) for one in past.bars for i in range(len(one))}
    for fill in run.fills:
        if fill.reason == "corporate_action":
            continue  # a delisted position, settled at a haircut
        low, high = ranges[fill.symbol, fill.time]
        assert low <= fill.price <= high, fill


@checked(120)
@given(ANY_RUN)
def test_no_fill_happens_on_a_bar_without_volume(drawn: Drawn) -> None:
    """Nothing traded there, so we did not either."""
    spec, past = drawn
    empty = {(one.symbol, int(time)) for one in past.bars for time in one.time[one.volume == 0.0]}
    traded = [fill for fill in run_events(spec, past).fills if fill.reason != "corporate_action"]
    assert [fill for fill in traded if (fill.symbol, fill.time) in empty] == []


def silent_from(strategy: Strategy, bar: int) -> Strategy:
    """Return the strategy that decides nothing new from the close of ``bar`` on."""
    if isinstance(strategy, OrderScript):
        return OrderScript({at: orders for at, orders in strategy.orders.items() if at < bar}, strategy.exits)
    assert isinstance(strategy, Scripted)
    return Protected(" ".join(strategy.script.split()[:bar]), strategy.exits)


@checked(120)
@given(ANY_RUN, st.integers(0, 12))
def test_no_fill_comes_before_its_decision_can_act(drawn: Drawn, bar: int) -> None:
    """Whatever a symbol's closes from bar N on decide, its fills on bar N and before are the same."""
    spec, past = drawn
    name = past.bars[0].symbol
    times = past.bars[0].time
    until = int(times[min(bar, len(times) - 1)])
    first = replace(spec.assignments[0], strategy=silent_from(spec.assignments[0].strategy, bar))
    silenced = replace(spec, assignments=(first, *spec.assignments[1:]))
    whole, cut = (
        [fill for fill in run_events(one, past).fills if fill.symbol == name and fill.time <= until] for one in (spec, silenced)
    )
    assert whole == cut
    assert bar > 0 or cut == []


@checked(150)
@given(ANY_RUN)
def test_a_cash_account_never_owes_money_or_shares(drawn: Drawn) -> None:
    """Cash >= 0 at every close, lots >= 0 after every fill; no commission here takes more than a sale brings."""
    spec, past = drawn
    run = run_events(replace(spec, margin=False), replace(past, actions=()))
    assert all(row.cash >= 0.0 for row in run.equity)
    assert all(lots >= 0 for held in held_after(run).values() for lots in held)


@st.composite
def lone_orders(draw: st.DrawFn) -> tuple[Bars, OrderScript]:
    """Draw bars of one symbol and one order without children over them."""
    spec, past = draw(runs())
    del spec
    wish = replace(draw(wishes()), children=(), group=0)
    return past.bars[0], OrderScript({draw(st.integers(0, 3)): [wish]})


@checked(200)
@given(lone_orders(), st.sampled_from([0.025, 0.1, 1.0]), st.sampled_from([1.0, 1.5, 3.0, 100.0]), ONE_WAY)
def test_more_volume_never_leaves_less_of_an_order_filled(
    drawn: tuple[Bars, OrderScript], share: float, factor: float, path: PathMode
) -> None:
    """One order alone, cash without end, every volume times a factor >= 1: after each bar at least as much is filled.

    One order, as several share a bar's volume; one way through the bar, as ``worst`` may choose another way for another quantity;
    the same bars without volume, as those trigger nothing.
    """
    bars, script = drawn

    def filled(volume: float) -> list[float]:
        past = history(structs.replace(bars, volume=bars.volume * volume))
        options = {"cash": 1e12, "margin": True, "borrow_rate": 0.0, "volume_limit": share, "path": path}
        fills = run_events(run_spec(past, {bars.symbol: script}, quantity(1.0), **options), past).fills
        return [sum(fill.quantity for fill in fills if fill.time <= time) for time in bars.time.tolist()]

    assert all(more >= less for less, more in zip(filled(1.0), filled(factor), strict=True))


@checked(120)
@given(runs(), st.sampled_from([0.0, 0.0001, 0.002]), st.sampled_from([0.0001, 0.003, 0.05]), st.sampled_from([1.0, 7.5, 250.0]))
def test_a_wider_spread_never_improves_the_final_equity(drawn: Drawn, narrow: float, more: float, units: float) -> None:
    """Fixed quantities of targets, cash without end, no limits, no exits: the same fills at worse prices.

    A fee is rounded to a ten-thousandth, so that each fill can gain as much by rounding. Commissions take less than all of a price.
    """
    spec, past = drawn
    spec = with_strategies(spec, lambda one: Scripted(one.script) if isinstance(one, Scripted) else one)
    sized = tuple(replace(one, sizing=quantity(units)) for one in spec.assignments)
    spec = replace(spec, assignments=sized, limits=None, initial_cash=A_LOT)
    close, wide = (
        run_events(replace(spec, costs=spec.costs._replace(half_spread_rate=rate)), past) for rate in (narrow, narrow + more)
    )
    assert [fill[:4] for fill in close.fills] == [fill[:4] for fill in wide.fills]
    for one, other in zip(close.fills, wide.fills, strict=True):
        worse = (other.price - one.price) * (1 if one.side == "buy" else -1)
        assert worse > 0.0 or (worse == 0.0 and one.reason == "corporate_action")  # what is settled has no spread
    assert wide.equity[-1].equity <= close.equity[-1].equity + TEN_THOUSANDTH * len(close.fills) + 1e-6


@checked(120)
@given(runs(), BOUNDS)
def test_a_limit_never_blocks_an_exit(drawn: Drawn, bounds: object) -> None:
    """Whatever the limits, a target of 0 leaves nothing at the next open that trades; a reversal leaves nothing of the old side.

    Volume without end, so that one open is enough; nothing splits, so that fills alone make the position.
    """
    spec, past = drawn
    assume(all(len(one) >= 3 for one in past.bars))
    liquid = tuple(structs.replace(one, volume=np.full(len(one), A_LOT)) for one in past.bars)
    past = replace(past, bars=liquid, actions=())
    scripts = {}
    for one in past.bars:
        strategy = spec.assignments[[a.symbol for a in spec.assignments].index(one.symbol)].strategy
        assert isinstance(strategy, Scripted)
        words = (strategy.script.split() + ["."] * len(one))[: len(one) - 2]
        scripts[one.symbol] = words
    limited = replace(spec, limits=bounds, volume_limit=0.0, margin=True, borrow_rate=0.0)

    def last_held(word: str) -> dict[str, int]:
        assigned = tuple(replace(a, strategy=Scripted(" ".join([*scripts[a.symbol], word]))) for a in limited.assignments)
        return {symbol: held[-1] for symbol, held in held_after(run_events(replace(limited, assignments=assigned), past)).items()}

    assert not any(last_held("0").values())
    assert all(lots >= 0 for lots in last_held("1").values())
    assert all(lots <= 0 for lots in last_held("-1").values())


@dataclass(frozen=True)
class Leaving(OrderScript):
    """Places what its script says, but at one close only a market order of all that is held."""

    def __init__(self, script: OrderScript, bar: int) -> None:
        super().__init__(script.orders, script.exits)
        object.__setattr__(self, "bar", bar)

    def on_bars(self, view: View) -> Sequence[Wish | Cancel]:
        """Return the order that leaves, or those of the script."""
        if len(view.bars) - 1 != self.bar:
            return super().on_bars(view)
        return [Wish(Side.SELL if view.quantity > 0 else Side.BUY, abs(view.quantity))] if view.quantity else []


@checked(120)
@given(st.one_of(order_runs(), st.integers(0, 10**9).map(walked_orders)), BOUNDS, st.integers(1, 11))
def test_a_limit_never_blocks_an_exit_of_a_strategy_s_own_either(drawn: Drawn, bounds: object, bar: int) -> None:
    """Whatever limits, margin calls and other orders there are: a market order of all that is held is ordered whole."""
    spec, past = drawn
    spec = replace(spec, limits=bounds, assignments=tuple(replace(a, strategy=Leaving(a.strategy, bar)) for a in spec.assignments))
    asked = {one.symbol: int(one.time[bar]) for one in past.bars if len(one) > bar}
    refusals = [one for one in run_events(spec, past).refusals if one.time == asked.get(one.symbol) and one.breach != "cash"]
    assert [one for one in refusals if one.breach not in {"margin_call", "below_lot"}] == []


class OnlyLeaving(OrderScript):
    """Buys first; then each order is a sale of no more than what is held, whatever rests already."""

    def on_bars(self, view: View) -> Sequence[Wish | Cancel]:
        """Return the script's orders, turned into sales of at most what is held."""
        if len(view.bars) == 1:
            return [Wish(Side.BUY, 100.0)]
        placed = [one for one in super().on_bars(view) if isinstance(one, Cancel) or view.quantity > 0.0]
        return [
            one if isinstance(one, Cancel) else replace(one, side=Side.SELL, quantity=min(one.quantity, view.quantity), children=())
            for one in placed
        ]


@checked(200)
@given(st.integers(0, 10**9).map(walked_orders))
def test_exits_however_many_rest_never_turn_a_position(drawn: Drawn) -> None:
    """Each was there to leave the position, in a margin account too: the first to fill takes it from the others."""
    spec, past = drawn
    kept = replace(past, actions=())
    only = with_strategies(spec, lambda one: OnlyLeaving(one.orders, one.exits))  # type: ignore[attr-defined]
    run = run_events(replace(only, margin=True, borrow_rate=0.1, limits=None, initial_cash=1e6), kept)
    assert all(lots >= 0 for held in held_after(run).values() for lots in held)


def journal_of(spec: RunSpec, past: History) -> tuple[Engine, list[JournalEvent]]:
    """Run the engine as live trading does and return it with all that it wrote."""
    engine, broker = Engine(spec, "test", StreamedTargets(spec)), PaperBroker(spec, flows_of(past))
    return engine, [out for event in market_events(past) for out in broker.step(engine, event)]


@checked(150)
@given(ANY_RUN)
def test_equity_is_explained_to_the_cent_by_what_happened(drawn: Drawn) -> None:
    """Equity - initial cash = realised + unrealised - fees + flows; and cash is the initial cash plus every flow in the journal."""
    spec, past = drawn
    engine, journal = journal_of(spec, past)
    book = engine.portfolio
    units = {instrument.symbol: instrument.lots_per_unit for instrument in spec.instruments}
    cash = spec.initial_cash
    for event in journal:
        if isinstance(event, OrderFilled):
            cash -= event.side * event.lots / units[event.symbol] * event.price + event.fee
        elif isinstance(event, CorporateActionApplied):
            cash += event.cash
        elif isinstance(event, BorrowCharged):
            cash -= event.fee
    last = [event for event in journal if isinstance(event, EquityMarked)][-1]
    scale = max(abs(last.equity), abs(last.cash), spec.initial_cash, sum(abs(book.value(symbol)) for symbol in book.held))
    assert last.cash == pytest.approx(cash, abs=1e-9 * scale)
    assert last.equity == pytest.approx(last.cash + sum(book.value(symbol) for symbol in book.held), abs=1e-9 * scale)
    explained = book.realised + book.unrealised - book.fees + book.flows
    assert last.equity - spec.initial_cash == pytest.approx(explained, abs=1e-9 * scale)


def test_bars_of_a_symbol_alone_are_marked_at_their_close() -> None:
    """100 at 10, marked at 11 and 12: what the identity above is about, once by hand."""
    past = history(market("AAA", [10.0, 10.0, 11.0], [10.0, 11.0, 12.0]))
    engine, journal = journal_of(run_spec(past, {"AAA": Scripted("1")}, quantity(100.0)), past)
    assert [event.equity for event in journal if isinstance(event, EquityMarked)] == [100_000.0, 100_100.0, 100_200.0]
    assert (engine.portfolio.realised, engine.portfolio.unrealised) == (0.0, 200.0)
