"""What a run counts beside its ledger: breaches of limits by session, what a resume lifts, fills that volume cut."""

from __future__ import annotations

import pytest
from histories import HOURLY, MONDAY, history, market, quantity, run_scripts, scripted, stream

from domain.commands import Resume
from domain.engine import Engine
from domain.events import LimitBreached, OrderFilled, OrderRefused
from domain.market import DAY, HOUR
from domain.rules.limits import Limits
from domain.targets import StreamedTargets
from domain.timeline import History, market_events
from tasks.brokers.paper import PaperBroker


def hourly(closes: list[list[float]]) -> History:
    """Return hourly bars of AAA, one list of closes a day from 15:00 UTC, each opening where the last closed."""
    flat = [price for day in closes for price in day]
    bars = market("AAA", [flat[0], *flat[:-1]], flat, timeframe=HOURLY)
    bars.time[:] = [MONDAY + day * DAY + (15 + hour) * HOUR for day, prices in enumerate(closes) for hour in range(len(prices))]
    return history(bars)


def test_a_breach_of_the_daily_loss_is_told_once_each_session() -> None:
    """Two bad days in a row, a quiet one, and one that falls and then makes a new peak: three reports, each of its own loss."""
    past = hourly([[100, 100, 100, 100], [94, 93, 92], [86, 85, 84], [84, 84, 84], [79, 101, 102]])
    live = stream(scripted(past, {"AAA": "1"}, quantity(1_000), limits=Limits(daily_loss_limit=0.05)), past)
    told = [event for event in live.journal if isinstance(event, LimitBreached)]
    assert {event.breach for event in told} == {"daily_loss_limit"}
    assert [event.time // DAY - MONDAY // DAY for event in told] == [1, 2, 4]
    assert [event.value for event in told] == pytest.approx([6 / 100, 6 / 92, 5 / 84])


def test_resume_lifts_the_drawdown_but_not_the_loss_of_the_day() -> None:
    """Both are met on the second day. After a resume entries are refused for the day's loss alone; the next day they pass."""
    past = hourly([[100, 100, 100], [80, 80, 80], [80, 80, 80]])
    limits = Limits(daily_loss_limit=0.05, max_drawdown=0.1)
    spec = scripted(past, {"AAA": "1 . . . 0.5 1"}, quantity(1_000), limits=limits)
    engine, broker = Engine(spec, "test", StreamedTargets(spec)), PaperBroker(spec)
    refused, bought = [], []
    for number, event in enumerate(market_events(past)):
        if number == 8:  # after the first bar of the second day
            assert engine._watch.daily_breach
            assert engine._watch.drawdown_breach
            before = engine._watch
            engine.command(Resume("looked at it"), event.time)
            assert engine._watch.drawdown_breach == 0
            assert engine._watch.peak == pytest.approx(80_000.0)
            assert (engine._watch.base, engine._watch.daily_breach) == (before.base, before.daily_breach)
        for out in broker.step(engine, event):
            if isinstance(out, OrderRefused):
                refused.append((out.time // DAY - MONDAY // DAY, out.breach))
            elif isinstance(out, OrderFilled) and out.side > 0:
                bought.append(out.time // DAY - MONDAY // DAY)
    assert refused == [(1, "daily_loss_limit")]
    assert bought == [0, 2]


def test_only_fills_that_volume_cut_short_count_as_limited() -> None:
    """200 wanted, 100 a bar: of four bars one has no volume and fills nothing, one cuts, one fills the rest."""
    bars = market("AAA", [10.0] * 6, volume=[1_000, 0, 0, 1_000, 1_000, 1_000])
    run = run_scripts(history(bars), {"AAA": "1"}, quantity(200), volume_limit=0.1)
    assert [fill.quantity for fill in run.fills] == [100.0, 100.0]
    assert run.volume_limited == 1


def test_an_order_that_never_fills_cuts_no_fill() -> None:
    """No volume at all: nothing is filled, so no fill was cut, and the share stays between 0 and 1."""
    run = run_scripts(history(market("AAA", [10.0] * 6, volume=0)), {"AAA": "1"}, quantity(200), volume_limit=0.1)
    assert (len(run.fills), run.volume_limited) == (0, 0)


def test_a_symbol_that_waits_does_not_count_with_the_fills_of_another() -> None:
    """AAA is filled whole in each bar while BBB waits for volume: no fill was cut."""
    aaa, bbb = market("AAA", [10.0] * 6), market("BBB", [10.0] * 6, volume=0)
    run = run_scripts(history(aaa, bbb), {"AAA": "1 0 1 0", "BBB": "1"}, quantity(10), volume_limit=0.1)
    assert (len(run.fills), run.volume_limited) == (4, 0)
