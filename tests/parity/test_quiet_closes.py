"""Closes at which nothing can be decided come together: what they leave is what each of them, one by one, would have left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from histories import HOURLY, MONDAY, Protected, history, market, quantity, run_alike, run_spec, scripted
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.engine import Engine
from domain.errors import InvariantViolated
from domain.events import BarsClosed, BarsOpened, EquityMarked, LimitBreached
from domain.market import DAY, HOUR, CorporateAction
from domain.rules.limits import Limits
from domain.strategy import Exits
from domain.targets import ComputedTargets, StreamedTargets
from domain.timeline import QuietCloses, market_events
from tasks.backtest import run_events
from tasks.brokers.paper import PaperBroker

if TYPE_CHECKING:
    from domain.events import JournalEvent
    from domain.run import RunSpec
    from domain.timeline import History


@dataclass
class Told:
    """What one walk over a history left: equities by bar, other events, the engine, and how many closes were passed over."""

    engine: Engine
    marks: list[tuple[int, int, float]] = field(default_factory=list)
    events: list[JournalEvent] = field(default_factory=list)
    passed: int = 0

    def note(self, events: list[JournalEvent]) -> None:
        """Sort events into marks and others."""
        for event in events:
            if isinstance(event, EquityMarked):
                self.marks.append((event.bar_time, event.session, event.equity))
            else:
                self.events.append(event)


def walk(spec: RunSpec, past: History, *, together: bool) -> Told:
    """Walk an engine and a broker over a history, quiet closes together or one by one."""
    engine, broker = Engine(spec, "test", ComputedTargets(spec, past)), PaperBroker(spec)
    told = Told(engine)
    for event in market_events(past, engine if together else None):
        if isinstance(event, QuietCloses):
            breaches: list[JournalEvent] = []
            equities, closings = engine.pass_over(event, breaches), event.closings
            bars = slice(event.first, event.end)
            told.marks += zip(closings.bar_time[bars], closings.session[bars], equities, strict=True)
            told.events += breaches
            told.passed += len(equities)
        else:
            told.note(broker.step(engine, event))
    return told


def assert_alike(spec: RunSpec, past: History) -> Told:
    """Assert that both ways leave the same, and return the one that passes over closes."""
    one, other = walk(spec, past, together=True), walk(spec, past, together=False)
    assert one.marks == other.marks
    assert one.events == other.events
    assert one.engine.state_hash() == other.engine.state_hash()
    assert one.engine.portfolio.marks == other.engine.portfolio.marks
    assert one.engine._before == other.engine._before
    assert one.engine.bar_time == other.engine.bar_time
    return one


WORDS = st.sampled_from([*"......", "1", "0", "0.5", "0.5"])
LIMITS = st.sampled_from(
    [
        None,
        Limits(daily_loss_limit=0.02),
        Limits(max_drawdown=0.03),
        Limits(daily_loss_limit=0.01, max_drawdown=0.1, max_position_size=0.5),
        Limits(price_collar=0.05),
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    moves=st.lists(st.sampled_from([0.0, 0.5, -0.5, 3.0, -4.0, 0.1]), min_size=3, max_size=60),
    words=st.lists(WORDS, max_size=60),
    limits=LIMITS,
    shares=st.sampled_from([10.0, 400.0]),
    split=st.sampled_from([None, 1, 2, 5]),
)
def test_passing_over_closes_leaves_what_closing_each_leaves(
    moves: list[float], words: list[str], limits: Limits | None, shares: float, split: int | None
) -> None:
    """Any walk of prices and targets, across sessions, with limits that are met in the middle and splits that come between."""
    prices = [100.0]
    for move in moves:
        prices.append(max(prices[-1] + move, 1.0))
    bars = market("AAA", prices, timeframe=HOURLY)
    bars.time[:] = [MONDAY + day * DAY + (15 + hour) * HOUR for day in range(12) for hour in range(6)][: len(prices)]
    actions = [] if split is None else [CorporateAction("AAA", f"2021-03-0{1 + split}", "split", 2.0)]
    past = history(bars, actions=actions)
    assert_alike(scripted(past, {"AAA": " ".join(words)}, quantity(shares), limits=limits), past)


def test_only_what_can_be_decided_is_told_bar_by_bar() -> None:
    """Bought after the second bar of six, left after the fifth: two closes with a decision, two openings with an order."""
    past = history(market("AAA", [10.0, 11, 12, 13, 14, 15]))
    spec = scripted(past, {"AAA": ". 1 1 . 0 ."}, quantity(1))
    engine, broker, kinds = Engine(spec, "test", ComputedTargets(spec, past)), PaperBroker(spec), []
    for event in market_events(past, engine):
        kinds.append((type(event), event.end - event.first if isinstance(event, QuietCloses) else 1))
        if isinstance(event, QuietCloses):
            engine.pass_over(event, [])
        else:
            broker.step(engine, event)
    decided = [(BarsClosed, 1), (BarsOpened, 1)]
    assert kinds == [(QuietCloses, 1), *decided, (QuietCloses, 2), *decided, (QuietCloses, 1)]


def test_an_opening_is_told_of_the_symbols_that_something_comes_of() -> None:
    """Of three symbols BBB is bought on Tuesday and left on Thursday; CCC pays a dividend on Wednesday."""
    bars = [market(symbol, [10.0] * 5) for symbol in ("AAA", "BBB", "CCC")]
    past = history(*bars, actions=[CorporateAction("CCC", "2021-03-03", "dividend", 0.1)])
    spec = scripted(past, {"AAA": "", "BBB": "1 . 0", "CCC": ""}, quantity(1))
    engine, broker, opened = Engine(spec, "test", ComputedTargets(spec, past)), PaperBroker(spec), []
    for event in market_events(past, engine):
        if isinstance(event, BarsOpened):
            opened.append((event.time // DAY - MONDAY // DAY, [bar.symbol for bar in event.bars]))
        assert not isinstance(event, QuietCloses)
        broker.step(engine, event)
    assert opened == [(1, ["BBB"]), (2, ["CCC"]), (3, ["BBB"])]
    assert_alike(spec, past)


def test_a_limit_met_in_the_middle_is_told_where_it_was_met() -> None:
    """1,000 shares at 100 of 100,000: the fourth close, 94, is 6 % under the peak; nothing is decided there or after it."""
    past = history(market("AAA", [100.0, 100, 98, 94, 93, 99]))
    spec = scripted(past, {"AAA": "1"}, quantity(1_000), limits=Limits(max_drawdown=0.05))
    told = assert_alike(spec, past)
    (breach,) = [event for event in told.events if isinstance(event, LimitBreached)]
    assert (breach.time // DAY, breach.breach) == (MONDAY // DAY + 3, "max_drawdown")
    assert breach.value == pytest.approx(0.06)
    assert told.passed == 5
    assert run_alike(spec, past).drawdown_breached


def test_a_delisting_and_a_dividend_end_what_is_passed_over() -> None:
    """Bars of Monday to Friday: 0.5 on 100 shares on Wednesday, settled on Friday at 14 less a tenth; two closes are quiet."""
    actions = [CorporateAction("AAA", "2021-03-03", "dividend", 0.5), CorporateAction("AAA", "2021-03-06", "delisting", 0.1)]
    past = history(market("AAA", [10.0, 11, 12, 13, 14]), actions=actions)
    told = assert_alike(scripted(past, {"AAA": "1"}, quantity(100)), past)
    assert told.passed == 2
    assert told.engine.portfolio.cash == pytest.approx(100_000 - 1_100 + 50 + 1_260)


@pytest.mark.parametrize(("closes", "held"), [([10.0, 10, 10, 11, 12], 1), ([10.0, 10, 10, 10, 12], 0)])
def test_a_price_collar_compares_with_the_close_before_also_where_that_was_passed_over(closes: list[float], held: int) -> None:
    """Wanted at the fifth of six closes, after four quiet ones: 12 is within 15 % of 11, and too far from 10."""
    past = history(market("AAA", [10.0] * 6, [*closes, 12.0]))
    spec = scripted(past, {"AAA": ". . . . 1"}, quantity(1), limits=Limits(price_collar=0.15))
    told = assert_alike(spec, past)
    assert told.passed >= 4
    assert told.engine.portfolio.position("AAA").lots == held
    run_alike(spec, past)


def test_runs_that_remember_returns_pass_over_none() -> None:
    """A cluster is told by the returns of sixty closes."""
    past = history(market("AAA", [10.0] * 5))
    spec = scripted(past, {"AAA": "1"}, quantity(1), limits=Limits(max_cluster_exposure=0.5))
    assert assert_alike(spec, past).passed == 0


def test_an_entry_that_waits_is_planned_at_every_close() -> None:
    """The day's loss refuses the second entry: until the next session each close may be the one that lets it in."""
    bars = market("AAA", [100.0, 100, 90, 90, 90, 90, 90, 90], timeframe=HOURLY)
    bars.time[:] = [MONDAY + day * DAY + (15 + hour) * HOUR for day in range(2) for hour in range(4)]
    past = history(bars)
    spec = scripted(past, {"AAA": "0.5 . . 1"}, quantity(1_000), limits=Limits(daily_loss_limit=0.02))
    told = assert_alike(spec, past)
    assert told.engine.portfolio.position("AAA").lots == 1_000
    run_alike(spec, past)


def test_who_is_asked_bar_by_bar_is_never_passed_over() -> None:
    """A stream has to see each bar: it knows of no quiet close, and refuses to miss any."""
    past = history(market("AAA", [10.0] * 3))
    spec = scripted(past, {"AAA": "1"}, quantity(1))
    engine = Engine(spec, "test", StreamedTargets(spec))
    assert [type(event) for event in market_events(past, engine)] == [BarsClosed] * 3
    with pytest.raises(InvariantViolated, match="2 closes"):
        StreamedTargets(spec).pass_over(2)


def test_several_symbols_and_timed_exits_are_told_bar_by_bar() -> None:
    """Where another symbol may need the cash, or a position has its time, every close counts."""
    both = history(market("AAA", [10.0] * 4), market("BBB", [10.0] * 4))
    assert assert_alike(scripted(both, {"AAA": "1", "BBB": "1"}, quantity(1)), both).passed == 0
    past = history(market("AAA", [10.0] * 6))
    timed = run_spec(past, {"AAA": Protected("1", Exits(bars=2))}, quantity(1))
    assert assert_alike(timed, past).passed == 0
    assert [fill.reason for fill in run_events(timed, past).fills] == ["target", "time_exit"]
