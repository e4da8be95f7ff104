"""Bars in doubt: nothing is opened on them, what leaves a position passes, and the marks on the events decide alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numba
import pytest
from generated import runs
from histories import OrderScript, Scripted, history, market, quantity, run_spec, scripted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.engine import Engine
from domain.events import DoubtedBar, JournalEvent, OrderCancelled, OrderFilled, OrderRefused, OrderRequested
from domain.liquidity import flows_of
from domain.market import Side
from domain.rules.fills import OrderType
from domain.strategy import Cancel, Wish
from domain.targets import StreamedTargets
from domain.timeline import market_events
from tasks.brokers.paper import PaperBroker

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from domain.events import MarketEvent
    from domain.run import RunSpec
    from domain.timeline import History

EXAMPLES = 60 if numba.config.DISABLE_JIT else 200
slow = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def starts(past: History, doubted: Mapping[str, Collection[int]]) -> dict[str, set[int]]:
    """Return the starts of the bars of these numbers, as far as there are such."""
    return {one.symbol: {int(one.time[n]) for n in doubted.get(one.symbol, ()) if n < len(one)} for one in past.bars}


def marked(past: History, doubted: Mapping[str, Collection[int]]) -> list[MarketEvent]:
    """Return the events of ``past`` with the bars of these numbers in doubt, at their opening and their close."""
    times = starts(past, doubted)
    return [
        msgspec.structs.replace(
            event, doubted=tuple(DoubtedBar(bar.symbol, 0.4, 0.1) for bar in event.bars if bar.time in times[bar.symbol])
        )
        for event in market_events(past)
    ]


def run(spec: RunSpec, past: History, events: Sequence[MarketEvent]) -> list[JournalEvent]:
    """Return what an engine with its paper broker writes of the events."""
    engine, broker = Engine(spec, "test", StreamedTargets(spec)), PaperBroker(spec, flows_of(past))
    return [out for event in events for out in broker.step(engine, event)]


def bar_numbers(past: History) -> dict[int, int]:
    """Return the number of each bar of the first symbol by its start."""
    return {int(time): number for number, time in enumerate(past.bars[0].time)}


def traded(opens: Sequence[float], script: str, doubted: Collection[int], **options: object) -> tuple[list[str], list[str]]:
    """Return fills and refusals of 100 shares of AAA by a script, each with the number of its bar."""
    past = history(market("AAA", opens))
    spec = scripted(past, {"AAA": script}, quantity(100), **options)
    journal, numbers = run(spec, past, marked(past, {"AAA": doubted})), bar_numbers(past)
    fills = [f"{numbers[e.bar_time]}: {e.side * e.lots}" for e in journal if isinstance(e, OrderFilled)]
    refusals = [f"{numbers[e.bar_time]}: {e.breach} {e.lots}" for e in journal if isinstance(e, OrderRefused)]
    return fills, refusals


def test_entry_decided_on_a_doubted_close_waits_for_the_first_close_without_doubt() -> None:
    """Bars 1 and 2 are in doubt: one refusal, planned anew at the close of bar 3, filled on bar 4."""
    assert traded([10.0] * 6, ". 1 . . . .", {1, 2}) == (["4: 100"], ["1: doubted_data 100"])


def test_entry_that_waits_is_forgotten_with_its_target() -> None:
    """The target is 0 again when the doubt ends."""
    assert traded([10.0] * 6, ". 1 0 . . .", {1, 2}) == ([], ["1: doubted_data 100"])


def test_refusal_tells_what_was_measured_and_its_bound() -> None:
    """As the mark on the bar has them."""
    past = history(market("AAA", [10.0] * 4))
    spec = scripted(past, {"AAA": "1"}, quantity(100))
    (refusal,) = (e for e in run(spec, past, marked(past, {"AAA": {0}})) if isinstance(e, OrderRefused))
    assert (refusal.breach, refusal.side, refusal.lots, refusal.value, refusal.bound) == ("doubted_data", Side.BUY, 100, 0.4, 0.1)


def test_order_that_waits_is_not_filled_on_a_doubted_bar() -> None:
    """Decided at the close of bar 0; bar 1 is in doubt, so it fills on bar 3, after the next close without doubt."""
    assert traded([10.0] * 6, "1 . . . . .", {1}) == (["3: 100"], ["0: doubted_data 100"])


def test_exit_is_decided_and_filled_on_doubted_bars() -> None:
    """Bought on bar 1, sold by the close of bar 2 at the opening of bar 3, both in doubt."""
    assert traded([10.0] * 6, "1 . 0 . . .", {2, 3}) == (["1: 100", "3: -100"], [])


@pytest.mark.parametrize(
    ("doubted", "expected"),
    [
        ({2}, (["1: 100", "3: -100", "4: -100"], ["2: doubted_data 100"])),
        ({3}, (["1: 100", "3: -100", "5: -100"], ["2: doubted_data 100"])),
    ],
)
def test_turn_leaves_the_position_and_opens_nothing(doubted: set[int], expected: tuple[list[str], list[str]]) -> None:
    """From long to short at the close of bar 2, which is in doubt, or to be filled on one that is."""
    assert traded([10.0] * 7, "1 . -1 . . . .", doubted, margin=True, borrow_rate=0.03) == expected


def test_other_symbols_trade_on() -> None:
    """AAA's bar is in doubt, BBB's of the same instant is not."""
    past = history(market("AAA", [10.0] * 4), market("BBB", [10.0] * 4))
    spec = scripted(past, {"AAA": "1", "BBB": "1"}, quantity(100))
    filled = [(e.symbol, e.time) for e in run(spec, past, marked(past, {"AAA": {0}})) if isinstance(e, OrderFilled)]
    assert [symbol for symbol, _ in sorted(filled, key=lambda one: one[1])] == ["BBB", "AAA"]


ENTRY = Wish(Side.BUY, 100.0, OrderType.LIMIT, limit=9.0, children=(Wish(Side.SELL, 100.0, OrderType.STOP, stop=8.0),))


def orders(script: Mapping[int, Sequence[Wish | Cancel]], doubted: Collection[int], **options: object) -> list[JournalEvent]:
    """Return what is written of a strategy's own orders on eight bars that open at 10 and reach down to 9 and up to 11."""
    past = history(market("AAA", [10.0] * 8, highs=11.0, lows=8.9))
    spec = run_spec(past, {"AAA": OrderScript(script)}, quantity(1), **options)
    return run(spec, past, marked(past, {"AAA": doubted}))


def test_resting_entry_is_withdrawn_with_its_children_before_a_doubted_bar_reaches_it() -> None:
    """By the engine, before its broker looks at the bar; the refusal says why."""
    past = history(market("AAA", [10.0] * 3, highs=11.0, lows=8.9))
    spec = run_spec(past, {"AAA": OrderScript({0: [ENTRY]})}, quantity(1))
    opened, closed, opening, *_ = marked(past, {"AAA": {1}})
    engine, broker = Engine(spec, "test", StreamedTargets(spec)), PaperBroker(spec)
    assert sum(isinstance(event, OrderRequested) for event in [*broker.step(engine, opened), *broker.step(engine, closed)]) == 2
    told = engine.handle(opening)
    assert [type(event) for event in told] == [OrderCancelled, OrderRefused, OrderCancelled]
    assert not engine.resting


def test_own_order_is_refused_at_a_doubted_close_and_its_strategy_asks_again() -> None:
    """The exit that it places at another doubted close fills on a third."""
    enter, leave = Wish(Side.BUY, 100.0, OrderType.LIMIT, limit=9.0), Wish(Side.SELL, 100.0, OrderType.LIMIT, limit=10.5)
    journal = orders({0: [enter], 1: [enter], 4: [leave]}, {0, 4, 5})
    assert [event.breach for event in journal if isinstance(event, OrderRefused)] == ["doubted_data"]
    assert [event.side for event in journal if isinstance(event, OrderFilled)] == [Side.BUY, Side.SELL]


def test_own_order_that_turns_the_position_is_cut_to_the_exit() -> None:
    """Long 100, and a sell of 300 rests when the doubt comes."""
    journal = orders(
        {0: [Wish(Side.BUY, 100.0)], 2: [Wish(Side.SELL, 300.0, OrderType.LIMIT, limit=10.5)]}, {3}, margin=True, borrow_rate=0.0
    )
    assert [event.side * event.lots for event in journal if isinstance(event, OrderFilled)] == [100, -100]
    assert [event.lots for event in journal if isinstance(event, OrderRefused)] == [200]


DOUBTED = st.dictionaries(st.sampled_from(["AAA", "BBB", "CCC", "BTC-USD", "EUR-USD"]), st.sets(st.integers(0, 13)), max_size=5)


@slow
@given(runs(), DOUBTED)
def test_nothing_is_opened_on_a_doubted_bar(drawn: tuple[RunSpec, History], doubted: dict[str, set[int]]) -> None:
    """No fill on one makes a position larger or turns it, and no order asked for at its close does."""
    spec, past = drawn
    times = starts(past, doubted)
    engine, broker = Engine(spec, "test", StreamedTargets(spec)), PaperBroker(spec, flows_of(past))
    for event in marked(past, doubted):
        held = {bar.symbol: engine.portfolio.position(bar.symbol).lots for bar in event.bars}
        for told in broker.step(engine, event):
            if isinstance(told, OrderFilled):
                before, held[told.symbol] = held[told.symbol], held[told.symbol] + told.side * told.lots
                if told.bar_time in times[told.symbol]:
                    assert before * held[told.symbol] >= 0
                    assert abs(held[told.symbol]) < abs(before)
            elif isinstance(told, OrderRequested) and told.place < 0 and told.bar_time in times[told.symbol]:
                assert told.side * held[told.symbol] < 0
                assert told.lots <= abs(held[told.symbol])
            elif not isinstance(told, OrderRefused) and hasattr(told, "action"):
                held[told.action.symbol] = told.lots_after


@slow
@given(runs(), DOUBTED, st.integers(0, 40))
def test_run_killed_anywhere_goes_on_with_its_doubts(
    drawn: tuple[RunSpec, History], doubted: dict[str, set[int]], killed: int
) -> None:
    """Its journal and the same marked bars give the rest of the journal and the state of a run never killed."""
    spec, past = drawn
    events, broker = marked(past, doubted), PaperBroker(spec, flows_of(past))
    whole, first, second = (Engine(spec, "test", StreamedTargets(spec)) for _ in range(3))
    journal = [out for event in events for out in broker.step(whole, event)]
    written = [out for event in events[:killed] for out in broker.step(first, event)]
    second.restore(msgspec.json.decode(msgspec.json.encode(written), type=list[JournalEvent]))
    for event in events[:killed]:
        second.observe(event)
    rest = [out for event in events[killed:] for out in PaperBroker(spec, flows_of(past)).step(second, event)]
    assert written + rest == journal
    assert second.state_hash() == whole.state_hash()


def test_bars_without_doubt_are_those_of_the_backtest() -> None:
    """An event with no mark is the event it was."""
    past = history(market("AAA", [10.0, 11.0, 12.0]))
    assert marked(past, {}) == list(market_events(past))
    spec = run_spec(past, {"AAA": Scripted("1")}, quantity(1))
    assert run(spec, past, marked(past, {})) == run(spec, past, list(market_events(past)))
