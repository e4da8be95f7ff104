"""Strategies that share a symbol: what may be shared, what they want together, and that a restart changes none of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from generated import Extremes, shared_runs, with_exits
from histories import DAILY, HOURLY, OrderScript, Scripted, fraction, history, market, quantity, run_spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import DataError, InputError
from domain.events import BarsClosed, BarsOpened
from domain.rules.sizing import Sizing, SizingRule, size
from domain.run import Assignment, parse_sizing
from domain.shared import LINEAR, Member, SharedSymbol, owned, standing
from domain.strategy import Exits, Strategy, checked_target, require
from domain.targets import StreamedTargets, target_arrays
from domain.timeline import market_events

if TYPE_CHECKING:
    from domain.market import Bars, Timeframe
    from domain.run import RunSpec
    from domain.strategy import Series
    from domain.timeline import History

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
STOP, WIDER = Exits(stop_loss=0.05), Exits(stop_loss=0.1)


def shared(*scripts: str, weights: tuple[float, ...] = (1.0, 1.0, 1.0)) -> SharedSymbol:
    """Return scripts that share a symbol."""
    members = zip("abc", scripts, weights, strict=False)
    return SharedSymbol(tuple(Member(name, Scripted(script), weight) for name, script, weight in members))


def own(name: str, strategy: Strategy, sizing: Sizing | str = "fixed_fraction:0.1") -> Assignment:
    """Return a strategy's wish to trade AAA."""
    return Assignment("AAA", name, strategy, parse_sizing(sizing, 1) if isinstance(sizing, str) else sizing)


# What they want together


def test_target_that_stands_is_the_last_that_is_a_number() -> None:
    """0 before the first; nothing of nothing."""
    nan = math.nan
    assert standing(np.array([nan, 1.0, nan, nan, 0.0, -1.0, nan])).tolist() == [0.0, 1.0, 1.0, 1.0, 0.0, -1.0, -1.0]
    assert standing(np.array([nan, nan])).tolist() == [0.0, 0.0]
    assert standing(np.empty(0)).tolist() == []


def test_shared_target_is_the_mean_of_what_stands_of_each_weighted_by_size() -> None:
    """1 : 3. Bar 0: 1/4; 1: (1 + 3) / 4; 2: the first leaves, the other stands, 3/4; 3: 0; 4: (-1 + 1.5) / 4."""
    bars = market("AAA", [10.0] * 5)
    together = shared("1 . 0 . -1", ". 1 . 0 0.5", weights=(1.0, 3.0))
    assert checked_target(together, bars).tolist() == [0.25, 1.0, 0.75, 0.0, 0.125]


@given(
    st.lists(
        st.tuples(st.floats(0.0, 1e9, exclude_min=True), st.floats(-1.0, 1.0) | st.sampled_from([-1.0, 1.0])),
        min_size=1,
        max_size=12,
    )
)
def test_no_rounding_takes_the_mean_beyond_one_or_makes_floats_and_arrays_differ(drawn: list[tuple[float, float]]) -> None:
    """Both sums go in one order, in the stream as over a history; ``sum`` would compensate the first alone."""
    weights, targets = zip(*drawn, strict=True)
    together = SharedSymbol(tuple(Member(str(number), Scripted(), weight) for number, weight in enumerate(weights)))
    net = together.net(targets)
    assert abs(net) <= 1.0
    assert together.net([np.array([target]) for target in targets]).tolist() == [net]
    assert all(together.net([sign] * len(weights)) == sign for sign in (1.0, -1.0))


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0])), min_size=2, max_size=8),
    st.sampled_from([1, 100_000_000]),
)
def test_fixed_quantities_together_are_the_sum_of_what_each_would_hold(drawn: list[tuple[int, float]], units: int) -> None:
    """To the lot, whatever the division rounds: 29 of 100 are 29."""
    owners = [own(f"s{number}", Scripted(), quantity(4.0 * fourth)) for number, (fourth, _) in enumerate(drawn)]
    together = owned(owners)
    assert isinstance(together.strategy, SharedSymbol)
    net = together.strategy.net([target for _, target in drawn])
    apart = sum(size(one.sizing, target, 1e5, 10.0, 0.0, units).lots for one, (_, target) in zip(owners, drawn, strict=True))
    assert size(together.sizing, net, 1e5, 10.0, 0.0, units).lots == apart


def test_one_owner_keeps_a_symbol_as_it_is() -> None:
    """A run without shared symbols is what it was."""
    alone = own("a", Scripted("1"), "kelly:0.5")
    assert owned([alone]) is alone


def test_shared_symbol_has_the_names_sizes_and_parameters_of_its_members() -> None:
    """Names joined in their order, values of sizing added up, parameters by strategy, the exits of all."""
    one, other = (with_exits(strategy, STOP) for strategy in (Scripted("1"), Extremes(1.0, 2.0, 0.5)))
    together = owned([own("b", one, fraction(0.1)), own("a", other, fraction(0.2))])
    assert (together.symbol, together.strategy_name, together.sizing) == ("AAA", "b+a", fraction(0.1 + 0.2))
    assert together.strategy.parameters == {"b.script": "1", "a.low": 1.0, "a.high": 2.0, "a.wanted": 0.5}
    assert together.strategy.exits == STOP
    assert not together.strategy.decides_on_events()


def test_shared_symbol_remembers_as_long_as_the_member_that_remembers_longest() -> None:
    """The longest lookback, recursive where one is."""
    windowed, recursive = Member("a", Extremes(), 1.0), Member("b", Scripted(), 1.0)
    assert SharedSymbol((windowed,)).lookback == SharedSymbol((windowed,)).lookback_of(DAILY) == 1
    assert SharedSymbol((windowed, recursive)).lookback == SharedSymbol((windowed, recursive)).lookback_of(DAILY) == 500
    assert not SharedSymbol((windowed, windowed)).recursive
    assert SharedSymbol((windowed, recursive)).recursive


@dataclass(frozen=True)
class OnDays(Scripted):
    """Takes daily bars alone."""

    def check_timeframe(self, timeframe: Timeframe) -> None:
        """Refuse others."""
        require(timeframe.is_daily, "daily bars alone")


def test_bars_that_a_member_refuses_are_refused() -> None:
    """Whichever member it is."""
    together = SharedSymbol((Member("a", Scripted(), 1.0), Member("b", OnDays(), 1.0)))
    together.check_timeframe(DAILY)
    with pytest.raises(InputError, match="daily bars alone"):
        together.check_timeframe(HOURLY)


def test_target_of_a_member_that_is_out_of_range_is_refused_by_its_bar() -> None:
    """2 and -2 would be 0 together: each member keeps its own bounds, over a history and streamed."""
    past = history(market("AAA", [10.0] * 3))
    spec = run_spec(past, {"AAA": shared("0 2", "0 -2")}, fraction(0.1))
    for run in (lambda: target_arrays(spec, past), lambda: streamed(spec, past)):
        with pytest.raises(DataError, match="on AAA must return targets from -1 to 1 or NaN, got 2 at bar 1"):
            run()


# What may be shared


@pytest.mark.parametrize(
    ("owners", "says"),
    [
        ((own("a", Scripted()), own("a", Scripted("1"))), ["AAA: a stands twice"]),
        ((own("a", Scripted()), own("b", OrderScript({}))), ["AAA: b places orders itself", "give it one of its own"]),
        (
            (own("a", with_exits(Scripted(), STOP)), own("b", with_exits(Scripted(), WIDER))),
            ["AAA is shared by a with", "stop_loss=0.05", "and b with", "stop_loss=0.1", "one set of exits"],
        ),
        ((own("a", with_exits(Scripted(), STOP)), own("b", Scripted())), ["one set of exits"]),
        (
            (own("a", Scripted()), own("b", Scripted(), "fixed_quantity:5")),
            [
                "AAA is shared with sizing a fixed_fraction, b fixed_quantity",
                "allowed is one rule for all of fixed_quantity, fixed_fraction, risk_per_trade",
            ],
        ),
        *(
            (
                (own("a", Scripted(), rule), own("b", Scripted(), rule)),
                [f"sizing a {rule.partition(':')[0]}, b", "one rule for all"],
            )
            for rule in ("volatility_target:0.1", "kelly:0.5", "risk_parity")
        ),
    ],
)
def test_what_cannot_be_netted_is_refused_with_what_can(owners: tuple[Assignment, ...], says: list[str]) -> None:
    """Twice the same strategy, orders of one's own, exits that differ, sizes that differ in kind or do not add up."""
    with pytest.raises(InputError) as refused:
        owned(owners)
    assert [text for text in says if text not in str(refused.value)] == []


def test_every_rule_of_sizing_is_known_to_add_up_or_not() -> None:
    """Twice the value of a linear one is twice the size; a rule that is new must be looked at here."""
    for rule in LINEAR:
        once, twice = (size(Sizing(rule.value, value), 1.0, 1e5, 10.0, 0.0, 1, 0.05).lots for value in (0.25, 0.5))
        assert (once, twice) == (0, 0) if rule is SizingRule.FIXED_QUANTITY else 0 < 2 * once == twice
    assert set(SizingRule) - set(LINEAR) == {SizingRule.VOLATILITY_TARGET, SizingRule.KELLY, SizingRule.RISK_PARITY}


# Streamed


def streamed(spec: RunSpec, past: History, asked: Any = lambda _: True) -> list[dict[str, float]]:
    """Return the targets by symbol at each instant of closes that ``asked`` holds for; the others are only shown."""
    source, targets, instants = StreamedTargets(spec), [], 0
    for event in market_events(past):
        if isinstance(event, BarsOpened):
            source.on_open(event)
            continue
        assert isinstance(event, BarsClosed)
        if asked(instants):
            targets.append(dict(zip([bar.symbol for bar in event.bars], source.on_close(event), strict=True)))
        else:
            source.observe(event)
        instants += 1
    return targets


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(shared_runs(), st.lists(st.booleans(), min_size=1, max_size=20))
def test_shared_targets_are_the_computed_ones_wherever_a_stream_is_interrupted(
    drawn: tuple[RunSpec, History], answered: list[bool]
) -> None:
    """Restarted before any bar, or shown any of them without a question: what is decided then is what it always was."""
    spec, past = drawn
    whole = streamed(spec, past)
    for one, targets in zip(spec.assignments, target_arrays(spec, past), strict=True):
        assert repr([instant[one.symbol] for instant in whole if one.symbol in instant]) == repr(targets.tolist())
    for first in range(len(whole)):
        rest = streamed(spec, past, asked=lambda instant, first=first: instant >= first)
        assert repr(rest) == repr(whole[first:])

    def sometimes(instant: int) -> bool:
        return answered[instant % len(answered)]

    assert repr(streamed(spec, past, sometimes)) == repr([one for instant, one in enumerate(whole) if sometimes(instant)])


def test_target_that_fell_out_of_a_window_still_stands_after_a_restart() -> None:
    """Bought above 12 on bar 1, shown up to bar 3, asked at bar 4: a half as ever, though the last bar alone says nothing."""
    past = history(market("AAA", [11.0, 13.0, 11.0, 11.0, 11.0]))
    together = SharedSymbol((Member("a", Extremes(), 1.0), Member("b", Scripted(), 1.0)))
    spec = run_spec(past, {"AAA": together}, fraction(0.1))
    assert streamed(spec, past, lambda instant: instant == 4) == [{"AAA": 0.5}]


def test_members_remember_apart() -> None:
    """Two that are equal in all but their weight, and one beside them: each goes on from its own bars."""
    past = history(market("AAA", [10.0, 13.0, 11.0, 9.0, 11.0, 13.0]))
    pair = Member("a", Extremes(), 1.0), Member("b", Extremes(wanted=0.5), 3.0)
    spec = run_spec(past, {"AAA": SharedSymbol(pair)}, fraction(0.1))
    assert [one["AAA"] for one in streamed(spec, past)] == [0.0, 0.625, 0.625, 0.0, 0.0, 0.625]


def test_whole_series_is_looked_through_once_after_a_restart() -> None:
    """Shown three bars, asked from the fourth on: all of them, then the window alone."""
    seen = []

    class Watched(Extremes):
        def target(self, bars: Bars) -> Series:
            seen.append(len(bars))
            return super().target(bars)

    pair, past = SharedSymbol((Member("a", Watched(), 1.0), Member("b", Scripted(), 1.0))), history(market("AAA", [10.0] * 7))
    spec = run_spec(past, {"AAA": pair}, fraction(0.1))
    streamed(spec, past, lambda instant: instant >= 3)
    assert seen == [4, 1, 1, 1]
