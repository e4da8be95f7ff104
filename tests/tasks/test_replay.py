"""Stored bars as a feed: all events, in order, at the pace asked for, from any place in the middle."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from domain.errors import InputError
from domain.events import BarsClosed
from domain.market import Instrument
from domain.timeline import History, market_events
from tasks.market_data.files import read_actions, read_file
from tasks.market_data.replay import ReplayFeed, cursor_of

if TYPE_CHECKING:
    from domain.events import BarsOpened

SHIPPED = Path(__file__).parents[2] / "deployments/data"


@pytest.fixture(scope="module")
def history() -> History:
    """Three equities with their actions over some months of 2014."""
    bars = read_file(SHIPPED / "equity_1d.parquet", ["AAPL", "IBM", "SPY"], date(2014, 5, 1), date(2014, 9, 30))
    actions = tuple(read_actions(SHIPPED / "corporate_actions.csv", ["AAPL", "IBM", "SPY"]))
    return History(tuple(Instrument.of(one.symbol) for one in bars), tuple(bars), bars[0].timeframe, actions)


async def taken(feed: ReplayFeed) -> list[BarsOpened | BarsClosed]:
    """Return all events of a feed."""
    return [event async for event in feed]


class Wall:
    """A clock that only sleeping and reading events moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.slept.append(seconds)
        self.now += seconds


async def test_feed_without_a_pace_yields_the_events_of_the_history(history: History) -> None:
    """What a replay trades is what a back-test trades."""
    assert await taken(ReplayFeed(history, inf)) == list(market_events(history))


async def test_feed_resumes_behind_any_place(history: History) -> None:
    """The events up to a place and those behind it are all events, whether the place is an opening or a closing."""
    events = list(market_events(history))
    for place in (0, 1, 2, 57, 58, len(events) - 1):
        assert await taken(ReplayFeed(history, inf, cursor_of(events[place]))) == events[place + 1 :]


async def test_bars_close_at_the_pace_and_open_at_once(history: History) -> None:
    """Four instants of closing bars a second; openings wait for nothing."""
    wall = Wall()
    closes = 0
    async for event in ReplayFeed(history, 4.0, clock=wall, sleep=wall.sleep):
        closes += isinstance(event, BarsClosed)
        assert wall.now == pytest.approx(100.0 + closes * 0.25)
    assert closes == len({event.time for event in market_events(history) if isinstance(event, BarsClosed)})


async def test_slow_reader_is_not_hurried_after(history: History) -> None:
    """Ten seconds lost stay lost: the pace goes on from there."""
    wall = Wall()
    times = []
    async for event in ReplayFeed(history, 1.0, clock=wall, sleep=wall.sleep):
        if isinstance(event, BarsClosed):
            times.append(wall.now)
            wall.now += 10.0 if len(times) == 3 else 0.2
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[:2] == pytest.approx([1.0, 1.0])
    assert gaps[2] == pytest.approx(10.0)
    assert gaps[3:] == pytest.approx([1.0] * len(gaps[3:]))


@pytest.mark.parametrize("speed", [0.0, -1.0, nan])
def test_speed_that_is_none_is_refused(history: History, speed: float) -> None:
    """A feed that would never come is no feed."""
    with pytest.raises(InputError, match="speed"):
        ReplayFeed(history, speed)
