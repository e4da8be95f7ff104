"""Bars of one symbol that overlap in time: walked by time, not by number."""

from __future__ import annotations

import numpy as np
from histories import HOURLY, MONDAY, fraction, history, market, run_scripts, stream
from histories import scripted as spec_of
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import BarsClosed, BarsOpened, OrderFilled, OrderRequested
from domain.market import HOUR, MINUTE, Bars
from domain.timeline import market_events

START = MONDAY + 15 * HOUR


def overlapping(symbol: str, starts: list[int], opens: list[float] | None = None) -> Bars:
    """Return hourly bars starting these minutes after START; by default opening at 100, 101, 102, ..."""
    made = market(symbol, opens or [100.0 + number for number in range(len(starts))], timeframe=HOURLY)
    made.time[:] = START + np.array(starts) * MINUTE
    return made


def test_events_of_one_overlapping_symbol_are_in_time_order() -> None:
    """Starts +0, +30 and +90 min: the second bar opens while the first is under way."""
    events = list(market_events(history(overlapping("AAA", [0, 30, 90]))))
    told = [(isinstance(event, BarsOpened), (event.time - START) // MINUTE) for event in events]
    assert told == [(True, 0), (True, 30), (False, 60), (False, 90), (True, 90), (False, 150)]


def test_nothing_fills_before_its_decision_on_overlapping_bars() -> None:
    """Decided at the first close, +60 min: filled at the open of +90, not at that of +30."""
    past = history(overlapping("AAA", [0, 30, 90]))
    run = run_scripts(past, {"AAA": "1"}, fraction(0.5))
    assert [(fill.time - START, fill.price) for fill in run.fills] == [(90 * MINUTE, 102.0)]
    journal = stream(spec_of(past, {"AAA": "1"}, fraction(0.5)), past).journal
    asked = {event.order_id: event.time for event in journal if isinstance(event, OrderRequested)}
    filled = [event for event in journal if isinstance(event, OrderFilled)]
    assert [(asked[event.order_id] - START, event.time - START) for event in filled] == [(60 * MINUTE, 90 * MINUTE)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([10, 30, 45, 60, 90, 150]), st.floats(50.0, 150.0)), min_size=2, max_size=12),
    st.lists(st.sampled_from([".", "1", "0", "0.5"]), max_size=12),
)
def test_an_idle_second_symbol_changes_nothing(rows: list[tuple[int, float]], script: list[str]) -> None:
    """One overlapping symbol alone is walked as it is beside a second one that never trades."""
    starts = np.cumsum([step for step, _ in rows]).tolist()
    one = overlapping("AAA", starts, [price for _, price in rows])
    idle = overlapping("BBB", starts)
    alone = run_scripts(history(one), {"AAA": " ".join(script)}, fraction(0.5), volume_limit=0.1)
    beside = run_scripts(history(one, idle), {"AAA": " ".join(script), "BBB": "."}, fraction(0.5), volume_limit=0.1)
    assert alone.fills == beside.fills
    assert alone.equity == beside.equity
    times = [event.time for event in market_events(history(one))]
    assert times == sorted(times)
    closed = {int(event.bars[0].time): event.time for event in market_events(history(one)) if isinstance(event, BarsClosed)}
    assert all(any(done <= fill.time for done in closed.values()) for fill in alone.fills)
