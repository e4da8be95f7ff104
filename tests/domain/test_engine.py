"""The event engine: what commands do, what it refuses to believe, and that its journal is its state."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from typing import TYPE_CHECKING

import msgspec
import numba
import pytest
from generated import order_runs, runs
from histories import HOURLY, MONDAY, OrderScript, fraction, history, market, quantity, run_alike, run_spec, scripted, stream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.commands import Flatten, Halt, Resume, Stop
from domain.engine import Engine, client_order_id
from domain.errors import InvariantViolated
from domain.events import (
    BarsClosed,
    BarsOpened,
    CorporateActionApplied,
    EquityMarked,
    JournalEvent,
    LimitBreached,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    OrderRejected,
    OrderRequested,
    RunFinished,
    RunStarted,
    SignalRaised,
    TradingHalted,
)
from domain.liquidity import flows_of
from domain.market import DAY, HOUR, CorporateAction, Side
from domain.orders import Status
from domain.rules.fills import OrderType
from domain.rules.limits import Limits
from domain.strategy import Wish
from domain.targets import StreamedTargets
from domain.timeline import market_events
from tasks.brokers.paper import PaperBroker

if TYPE_CHECKING:
    from domain.commands import AnyCommand
    from domain.events import MarketEvent
    from domain.run import RunSpec
    from domain.timeline import History

RUNS = st.one_of(runs(), order_runs())
EXAMPLES = 60 if numba.config.DISABLE_JIT else 200
slow = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
COMMANDS = st.sampled_from([Halt("test"), Resume("test"), Flatten("test"), Stop("test")])


class Desk:
    """An engine with its paper broker, fed event by event, writing a journal."""

    def __init__(self, spec: RunSpec, past: History | None = None) -> None:
        self.spec = spec
        self.engine = Engine(spec, "desk", StreamedTargets(spec))
        self.broker = PaperBroker(spec, None if past is None else flows_of(past))
        self.journal: list[JournalEvent] = []

    def step(self, event: MarketEvent) -> list[JournalEvent]:
        """Take a market event and write down what follows."""
        out = self.broker.step(self.engine, event)
        self.journal += out
        return out

    def command(self, command: AnyCommand, time: int = 0) -> list[JournalEvent]:
        """Carry out a command and write down what follows."""
        out = self.engine.command(command, time)
        self.journal += out
        return out

    def restored(self) -> Engine:
        """Return a new engine made from the journal as it is stored."""
        engine = Engine(self.spec, "desk", StreamedTargets(self.spec))
        engine.restore(msgspec.json.decode(msgspec.json.encode(self.journal), type=list[JournalEvent]))
        return engine


def desk(opens: list[float], script: str, shares: float = 100, **options: object) -> tuple[Desk, list[MarketEvent]]:
    """Return a desk for one scripted symbol AAA and its market events: open, close, open, close, ..."""
    volume = options.pop("volume", 1e9)
    past = history(market("AAA", opens, volume=volume))
    return Desk(scripted(past, {"AAA": script}, quantity(shares), **options)), list(market_events(past))


def kinds(events: list[JournalEvent]) -> list[str]:
    """Return the names of the events, the marks left out."""
    return [type(event).__name__ for event in events if not isinstance(event, EquityMarked)]


# One decision


def test_a_target_becomes_signal_request_and_acceptance_and_fills_at_the_next_open() -> None:
    """The order of events of one decision."""
    one, (first_open, first_close, second_open, *_) = desk([10, 11, 12], "1")
    assert one.step(first_open) == []
    closed = one.step(first_close)
    assert kinds(closed) == ["SignalRaised", "OrderRequested", "OrderAccepted"]
    request = closed[2]
    assert isinstance(request, OrderRequested)
    assert (request.side, request.lots, request.order_type, request.time_in_force) == (Side.BUY, 100, "market", "gtc")
    (fill,) = one.step(second_open)
    assert isinstance(fill, OrderFilled)
    assert (fill.order_id, fill.lots, fill.price, fill.filled_lots) == (request.order_id, 100, 11.0, 100)
    assert one.engine.working == {}


def test_order_ids_follow_from_the_decision_alone() -> None:
    """r1-, six letters of the strategy, 20 of base32 of the hash of account, strategy, symbol, bar, ordinal and leg."""
    made = client_order_id("acc", "momentum_trend", "SPY", 1_614_556_800_000_000, 0, "target")
    key = "acc\x1fmomentum_trend\x1fSPY\x1f1614556800000000\x1f0\x1ftarget"
    assert made == "r1-moment-" + b32encode(hashlib.sha256(key.encode()).digest()).decode().lower()[:20]
    assert len(made) <= 40


def test_order_ids_stand_in_an_address_as_they_are() -> None:
    """The plus sign of strategies that share a symbol would be read as a space there; their names still tell ids apart."""
    made = client_order_id("acc", "rsi+momentum", "SPY", 1, 0, "target")
    assert made.startswith("r1-rsi_mo-")
    assert made != client_order_id("acc", "rsi_momentum", "SPY", 1, 0, "target")


def test_each_part_of_a_decision_changes_its_order_id() -> None:
    """Accounts, strategies, symbols, bars, ordinals and legs never share an id."""
    plain = ("acc", "rsi", "SPY", 1, 0, "target")
    other = ("bcc", "rsx", "IWM", 2, 1, "flatten")
    ids = {client_order_id(*((*plain[:i], other[i], *plain[i + 1 :]))) for i in range(6)}
    assert len(ids | {client_order_id(*plain)}) == 7


def test_a_partial_fill_leaves_the_rest_working() -> None:
    """25 of 60 in a bar of 1,000 shares."""
    one, events = desk([10] * 3, "1", 60, volume=1_000, volume_limit=0.025)
    for event in events[:3]:
        one.step(event)
    order = one.engine.working["AAA"]
    assert (order.status, order.filled_lots, order.open_lots) == (Status.PARTIALLY_FILLED, 25, 35)


def test_entries_of_one_close_count_those_before_them_beside_what_is_held() -> None:
    """400 AAA held for 40,000 of 100,000, then 400 BBB and 400 CCC wanted at once: 60,000 - 40,000 pay 200 CCC at 100."""
    past = history(*(market(symbol, [100.0] * 4) for symbol in ("AAA", "BBB", "CCC")))
    run = run_alike(scripted(past, {"AAA": "1", "BBB": ". 1", "CCC": ". 1"}, quantity(400)), past)
    assert [(fill.symbol, fill.quantity) for fill in run.fills] == [("AAA", 400.0), ("BBB", 400.0), ("CCC", 200.0)]
    (refusal,) = run.refusals
    assert (refusal.symbol, refusal.breach, refusal.lots, refusal.bound) == ("CCC", "cash", 200, 20_000.0)
    assert refusal.time == MONDAY + DAY


# Commands


def test_halt_withdraws_entries_and_refuses_new_ones_until_resume() -> None:
    """The open order is withdrawn and refused, a new target refused once; after resume it is planned at the next close."""
    one, events = desk([10] * 5, "1 0 1")
    one.step(events[0])
    one.step(events[1])
    assert kinds(one.command(Halt("a person said so"))) == ["TradingHalted", "OrderCancelled", "OrderRefused"]
    assert one.engine.halted
    assert kinds([out for event in events[2:6] for out in one.step(event)]) == ["SignalRaised", "SignalRaised", "OrderRefused"]
    refused = [(event.breach, event.lots, event.side) for event in one.journal if isinstance(event, OrderRefused)]
    assert refused == [("halted", 100, Side.BUY)] * 2
    assert kinds(one.step(events[6]) + one.step(events[7])) == []
    assert kinds(one.command(Resume("go on"))) == ["TradingResumed"]
    assert kinds(one.step(events[8]) + one.step(events[9])) == ["OrderRequested", "OrderAccepted"]


def test_an_entry_withdrawn_by_a_halt_comes_back_after_resume() -> None:
    """Its target still stands: the next close plans it again."""
    one, events = desk([10] * 4, "1")
    one.step(events[0])
    one.step(events[1])
    one.command(Halt("x"))
    assert kinds(one.step(events[2]) + one.step(events[3])) == []
    one.command(Resume("y"))
    assert kinds(one.step(events[4]) + one.step(events[5]) + one.step(events[6])) == [
        "OrderRequested",
        "OrderAccepted",
        "OrderFilled",
    ]


def test_halt_lets_exits_pass_and_leaves_open_exits_alone() -> None:
    """The sale asked for before the halt still fills."""
    one, events = desk([10] * 4, "1 0")
    for event in events[:4]:
        one.step(event)
    assert kinds(one.command(Halt("x"))) == ["TradingHalted"]
    assert kinds(one.step(events[4])) == ["OrderFilled"]
    assert one.engine.portfolio.held == []


def test_halt_withdraws_a_short_entry() -> None:
    """From flat a sale opens a position as a purchase does."""
    one, events = desk([10] * 4, "-1", margin=True, borrow_rate=0.0)
    one.step(events[0])
    one.step(events[1])
    assert kinds(one.command(Halt("x"))) == ["TradingHalted", "OrderCancelled", "OrderRefused"]
    assert kinds([out for event in events[2:] for out in one.step(event)]) == []


def test_halt_leaves_of_a_turn_to_short_the_sale_of_what_is_held() -> None:
    """100 held, 200 to be sold: 100 still are, the other 100 are refused."""
    one, events = desk([10] * 4, "1 -1", margin=True, borrow_rate=0.0)
    for event in events[:4]:
        one.step(event)
    halted, amended, refused = one.command(Halt("x"))
    assert isinstance(amended, OrderAmended)
    assert isinstance(refused, OrderRefused)
    assert (kinds([halted]), amended.lots) == (["TradingHalted"], 100)
    assert (refused.breach, refused.side, refused.lots) == ("halted", Side.SELL, 100)
    (fill,) = one.step(events[4])
    assert isinstance(fill, OrderFilled)
    assert (fill.side, fill.lots) == (Side.SELL, 100)
    assert one.engine.portfolio.held == []


@pytest.mark.parametrize(("held", "sold"), [(0, 0), (60, 60), (100, 100)])
def test_halt_leaves_of_an_own_order_what_reduces_the_position(held: int, sold: int) -> None:
    """A limit of 11 to sell 100 is met on bar 2: what is held, nothing from flat."""
    past = history(market("AAA", [10.0] * 4, highs=[10, 10, 12, 10]))
    orders = {0: [Wish(Side.BUY, held)] if held else [], 1: [Wish(Side.SELL, 100, OrderType.LIMIT, 11.0)]}
    one = Desk(run_spec(past, {"AAA": OrderScript(orders)}, quantity(1), margin=True, borrow_rate=0.0), past)
    events = list(market_events(past))
    for event in events[:4]:
        one.step(event)
    one.command(Halt("x"))
    later = [out for event in events[4:] for out in one.step(event)]
    assert sum(event.lots for event in later if isinstance(event, OrderFilled)) == sold
    assert one.engine.portfolio.held == []


def test_halt_refuses_entries_but_takes_exits_decided_later() -> None:
    """Held through the halt, sold on target."""
    one, events = desk([10] * 5, "1 . 0")
    for event in events[:3]:
        one.step(event)
    one.command(Halt("x"))
    later = [out for event in events[3:7] for out in one.step(event)]
    assert kinds(later) == ["SignalRaised", "OrderRequested", "OrderAccepted", "OrderFilled"]


def test_halt_twice_is_one_halt() -> None:
    """The second says nothing new."""
    one, _ = desk([10] * 3, "1")
    assert kinds(one.command(Halt("x"))) == ["TradingHalted"]
    assert one.command(Halt("y")) == []


def test_flatten_sells_everything_with_its_own_reason_and_refuses_entries() -> None:
    """Two positions are sold at the next open, reason flatten; what targets stand buys nothing."""
    past = history(market("AAA", [10.0] * 5), market("BBB", [20.0] * 5))
    one = Desk(scripted(past, {"AAA": "1", "BBB": "1"}, quantity(100)))
    events = list(market_events(past))
    for event in events[:4]:
        one.step(event)
    assert kinds(one.command(Flatten("enough"), 5)) == ["TradingHalted", "OrderRequested", "OrderRequested"]
    fills = [event for event in one.step(events[4]) if isinstance(event, OrderFilled)]
    assert [(fill.symbol, fill.side, fill.lots, fill.reason) for fill in fills] == [
        ("AAA", Side.SELL, 100, "flatten"),
        ("BBB", Side.SELL, 100, "flatten"),
    ]
    assert kinds([out for event in events[5:] for out in one.step(event)]) == []
    assert one.engine.portfolio.cash == 100_000.0


def test_flatten_replaces_an_exit_that_is_open() -> None:
    """One order a symbol: the reduction to half is withdrawn for the sale of all."""
    one, events = desk([10] * 5, "1 0.5")
    for event in events[:4]:
        one.step(event)
    assert kinds(one.command(Flatten("x"))) == ["TradingHalted", "OrderCancelled", "OrderRequested"]
    one.step(events[4])
    assert one.engine.portfolio.held == []


def test_a_later_target_does_not_replace_a_flatten() -> None:
    """Volume leaves part of the flatten open; the target of half the position changes nothing about leaving."""
    one, events = desk([10] * 12, "1 . . . . 0.5", 100, volume=1_000, volume_limit=0.025)
    for event in events[:10]:
        one.step(event)
    one.command(Flatten("x"))
    for event in events[10:]:
        one.step(event)
    assert one.engine.portfolio.held == []
    assert {event.reason for event in one.journal if isinstance(event, OrderFilled) and event.side is Side.SELL} == {"flatten"}


def test_two_flattens_at_one_bar_have_two_ids() -> None:
    """An id is never used twice, even where the same decision is taken again."""
    one, events = desk([10] * 4, "1")
    for event in events[:4]:
        one.step(event)
    first, second = one.command(Flatten("x")), one.command(Flatten("y"))
    assert kinds(second) == ["OrderCancelled", "OrderRequested"]
    ids = [event.order_id for event in first + second if isinstance(event, OrderRequested)]
    assert len(set(ids)) == 2


def test_stop_changes_nothing_in_the_core() -> None:
    """Ending a session is the session's business."""
    one, _ = desk([10] * 3, "1")
    assert one.command(Stop("x")) == []


def test_resume_lifts_a_drawdown_and_counts_it_from_there() -> None:
    """Peak 100,000, 20 % lost. After the resume at 80,000 an entry passes; the next breach lies 10 % below 80,000."""
    one, events = desk([100, 100, 80, 80, 80, 75, 72, 70], "1 . 0.9 1", 1_000, limits=Limits(max_drawdown=0.1))
    for event in events[:8]:
        one.step(event)
    assert [event.breach for event in one.journal if isinstance(event, OrderRefused)] == ["max_drawdown"]
    one.command(Resume("looked at it"))
    bought = [out for event in events[8:12] for out in one.step(event)]
    assert kinds(bought) == ["OrderRequested", "OrderAccepted", "OrderFilled"]  # at 75: 76,000 equity at most 5 % below
    breaches = [event for event in one.journal if isinstance(event, LimitBreached)]
    assert [event.value for event in breaches] == [pytest.approx(0.2)]
    for event in events[12:]:
        one.step(event)
    again = [event for event in one.journal if isinstance(event, LimitBreached)][1:]
    assert [event.breach for event in again] == ["max_drawdown"]
    assert again[0].value > 0.1


def test_a_drawdown_after_a_resume_is_seen_within_the_same_session() -> None:
    """Hour by hour: 20 % lost, resumed at 80,000 and never higher: 71,000 is 11.25 % below it, one more breach."""
    past = history(market("AAA", [100, 100, 80, 79, 71, 71], timeframe=HOURLY, start=MONDAY + 12 * HOUR))
    one = Desk(scripted(past, {"AAA": "1"}, quantity(1_000), limits=Limits(max_drawdown=0.1)))
    events = list(market_events(past))
    for event in events[:6]:
        one.step(event)
    one.command(Resume("x"))
    for event in events[6:]:
        one.step(event)
    breaches = [event.value for event in one.journal if isinstance(event, LimitBreached)]
    assert breaches == [pytest.approx(0.2), pytest.approx(0.1125)]


def test_resume_does_not_lift_a_daily_loss() -> None:
    """It ends with its session's last bar; resuming a halt in between neither ends it nor moves what it counts from."""
    one, events = desk([100, 100, 95, 95], "1 . 0.5", 500, limits=Limits(daily_loss_limit=0.02))
    for event in events[:6]:
        one.step(event)
    before = one.engine._watch
    assert before.daily_breach
    one.command(Halt("x"))
    one.command(Resume("y"))
    after = one.engine._watch
    assert (after.session, after.base, after.daily_breach) == (before.session, before.base, before.daily_breach)


def test_each_limit_reports_its_own_value() -> None:
    """One close breaches both: 5 % of the day (50 held at 100 to 90, of 10,000), 5 % of the peak too, but of another base."""
    one, events = desk([100, 100, 110, 96], "1", 50, cash=10_000.0, limits=Limits(daily_loss_limit=0.05, max_drawdown=0.06))
    for event in events:
        one.step(event)
    values = {event.breach: event.value for event in one.journal if isinstance(event, LimitBreached)}
    assert values == {"daily_loss_limit": pytest.approx(1 - 9_800 / 10_500), "max_drawdown": pytest.approx(1 - 9_800 / 10_500)}


# What it refuses to believe


def working() -> tuple[Desk, OrderRequested]:
    """Return a desk with one accepted order for 100 AAA."""
    one, events = desk([10] * 3, "1")
    one.step(events[0])
    out = one.step(events[1])
    return one, next(event for event in out if isinstance(event, OrderRequested))


def fill_of(request: OrderRequested, lots: int, total: int) -> OrderFilled:
    """Return a fill of ``lots`` that makes ``total``."""
    return OrderFilled(9, request.order_id, "AAA", request.strategy, request.side, lots, 10.0, 0.0, "target", total, 9)


def test_a_fill_of_an_unknown_order_halts() -> None:
    """The books would no longer be the broker's."""
    one, request = working()
    with pytest.raises(InvariantViolated, match="not open here"):
        one.engine.handle(msgspec.structs.replace(fill_of(request, 1, 1), order_id="r1-other-0"))


def test_more_filled_than_ordered_halts() -> None:
    """101 of 100."""
    one, request = working()
    with pytest.raises(InvariantViolated, match="filled 101 of 100"):
        one.engine.handle(fill_of(request, 101, 101))


def test_a_fill_reported_twice_is_booked_once() -> None:
    """The position moves only when the order's total grows."""
    one, request = working()
    one.engine.handle(fill_of(request, 40, 40))
    one.engine.handle(fill_of(request, 40, 40))
    assert one.engine.portfolio.position("AAA").lots == 40
    assert one.engine.portfolio.cash == 99_600.0


def test_acceptance_after_acceptance_halts() -> None:
    """The table has no such step."""
    one, request = working()
    with pytest.raises(InvariantViolated, match="cannot go from accepted to accepted"):
        one.engine.handle(OrderAccepted(9, request.order_id))


def test_a_rejected_order_is_gone() -> None:
    """The broker's final no leaves nothing open and nothing held."""
    one, request = working()
    one.engine.handle(OrderRejected(9, request.order_id, "broker"))
    assert one.engine.working == {}
    assert one.engine.portfolio.held == []


def test_a_second_open_order_of_a_symbol_halts() -> None:
    """One decision, one order."""
    one, request = working()
    with pytest.raises(InvariantViolated, match="open order already"):
        one.engine.restore([request])


# The journal is the state


def stepped(one: Desk, past: History, commands: dict[int, AnyCommand]) -> list[tuple[int, str]]:
    """Run the whole history with commands before some events; return length of the journal and state after each step."""
    points = []
    for number, event in enumerate(market_events(past)):
        if number in commands:
            one.command(commands[number], event.time)
        one.step(event)
        points.append((len(one.journal), one.engine.state_hash()))
    return points


@slow
@given(RUNS, st.dictionaries(st.integers(0, 30), COMMANDS, max_size=3))
def test_folding_the_journal_gives_the_state_at_every_point(
    drawn: tuple[RunSpec, History], commands: dict[int, AnyCommand]
) -> None:
    """Whatever happened, commands too: a stored journal, read up to any step, restores the state after that step."""
    spec, past = drawn
    one = Desk(spec, past)
    points = stepped(one, past, commands)
    stored = msgspec.json.decode(msgspec.json.encode(one.journal), type=list[JournalEvent])
    folded, done = Engine(spec, "desk", StreamedTargets(spec)), 0
    for length, state in points:
        folded.restore(stored[done:length])
        done = length
        assert folded.state_hash() == state


@slow
@given(RUNS, st.integers(0, 40), st.dictionaries(st.integers(0, 30), COMMANDS, max_size=3))
def test_a_run_killed_anywhere_goes_on_as_if_it_never_was(
    drawn: tuple[RunSpec, History], killed: int, commands: dict[int, AnyCommand]
) -> None:
    """Restored from its journal and shown the bars it had seen, a new engine writes the same rest of the journal."""
    spec, past = drawn
    whole = Desk(spec, past)
    stepped(whole, past, commands)
    first, events = Desk(spec, past), list(market_events(past))
    for number, event in enumerate(events[:killed]):
        if number in commands:
            first.command(commands[number], event.time)
        first.step(event)
    second = Desk(spec, past)
    second.engine = first.restored()
    for event in events[:killed]:
        second.engine.observe(event)
    for number, event in enumerate(events[killed:], start=killed):
        if number in commands:
            second.command(commands[number], event.time)
        second.step(event)
    assert first.journal + second.journal == whole.journal


@slow
@given(RUNS, st.dictionaries(st.integers(0, 30), COMMANDS, max_size=3))
def test_equity_is_always_explained(drawn: tuple[RunSpec, History], commands: dict[int, AnyCommand]) -> None:
    """equity = cash + held at marks, and equity - initial cash = realised + unrealised - fees + flows, at every close."""  # noqa: D403
    spec, past = drawn
    one = Desk(spec, past)
    for number, event in enumerate(market_events(past)):
        if number in commands:
            one.command(commands[number], event.time)
        out = one.step(event)
        book = one.engine.portfolio
        held = sum(book.quantity(symbol) * book.marks[symbol] for symbol in book.held)
        assert book.equity == pytest.approx(book.cash + held, rel=1e-12)
        explained = book.realised + book.unrealised - book.fees + book.flows
        assert book.equity - spec.initial_cash == pytest.approx(explained, abs=1e-9 * max(1.0, book.equity, spec.initial_cash))
        for marked in (e for e in out if isinstance(e, EquityMarked)):
            assert (marked.equity, marked.cash) == (book.equity, book.cash)


@slow
@given(RUNS, st.integers(0, 20))
def test_no_limit_and_no_halt_blocks_an_exit(drawn: tuple[RunSpec, History], halted: int) -> None:
    """Whatever the limits are and whenever trading is halted: a target of 0 with something held is an order to leave all of it."""
    spec, past = drawn
    one = Desk(spec, past)
    for number, event in enumerate(market_events(past)):
        if number == halted:
            one.command(Halt("x"))
        out = one.step(event)  # nothing fills after the decisions of a close: what is held after it was held at them
        held = {symbol: position.lots for symbol, position in one.engine.portfolio.positions.items()}
        asked = {e.symbol: e.side * e.lots for e in out if isinstance(e, OrderRequested) and e.place < 0}
        for signal in (e for e in out if isinstance(e, SignalRaised)):
            lots = held.get(signal.symbol, 0)
            if lots and signal.target == 0.0:
                assert asked[signal.symbol] == -lots
            elif lots * signal.target < 0.0:
                assert asked[signal.symbol] * lots <= -lots * lots  # a turn may go on past the exit
                if not spec.margin:
                    assert asked[signal.symbol] == -lots


def test_a_split_is_in_the_journal_and_restores_position_and_order() -> None:
    """25 of 100 held when 2 for 1 comes: 50 held, 150 open, in the restored engine too."""
    bars = market("AAA", [100, 100, 50, 50], volume=[1_000, 1_000, 0, 0])
    past = history(bars, actions=[CorporateAction("AAA", "2021-03-03", "split", 2.0)])
    live = stream(scripted(past, {"AAA": "1"}, quantity(100), volume_limit=0.025), past)
    applied = [event for event in live.journal if isinstance(event, CorporateActionApplied)]
    assert len(applied) == 1
    engine = Engine(live.engine.spec, "test", StreamedTargets(live.engine.spec))
    engine.restore(live.journal)
    assert engine.portfolio.position("AAA").lots == 50
    assert engine.working["AAA"].open_lots == 150


def test_begin_and_end_of_a_run_leave_the_state_alone() -> None:
    """Both are for the record."""
    one, _ = desk([10] * 3, "1")
    before = one.engine.state_hash()
    one.engine.restore([RunStarted(0, "desk", "1", 1.0, None, ""), RunFinished(1, "feed ended"), LimitBreached(1, "x", 0.0, 0.0)])
    assert one.engine.state_hash() == before


@pytest.mark.parametrize("event", [TradingHalted(1, "x"), SignalRaised(1, 1, "AAA", "s", 1.0), EquityMarked(1, 1, 1, 5.0, 5.0)])
def test_what_decides_later_is_in_the_hash(event: JournalEvent) -> None:
    """Halt, standing target and equity change the fingerprint."""
    one, _ = desk([10] * 3, "1")
    before = one.engine.state_hash()
    one.engine.restore([event])
    assert one.engine.state_hash() != before


def test_an_opening_without_orders_or_actions_says_nothing() -> None:
    """Most openings are silent, also where several symbols open."""
    past = history(market("AAA", [10.0] * 3), market("BBB", [10.0] * 3))
    one = Desk(scripted(past, {"AAA": ".", "BBB": "."}, fraction(0.1)))
    outs = [(event, one.step(event)) for event in market_events(past)]
    assert all(out == [] for event, out in outs if isinstance(event, BarsOpened))
    assert all(len(out) == 1 for event, out in outs if isinstance(event, BarsClosed))
    assert not [event for event in one.journal if isinstance(event, OrderCancelled)]
