"""The check between feed and engine: clean bars pass untouched, untrue ones are withheld, and each finding is told once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from histories import history, market

from domain.market import DAY, CorporateAction
from domain.timeline import market_events
from tasks.session_quality import FeedCheck

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.events import MarketEvent
    from domain.timeline import History


class Told:
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def __call__(self, event_type: str, level: str, message: str, metadata: Mapping[str, Any]) -> None:
        """Keep one event."""
        assert (event_type, level) == ("DataQuality", "warning")
        assert metadata["kind"] in message
        self.messages.append(message)


def made(past: History, feed: str = "replay") -> tuple[FeedCheck, Told]:
    """Return a check for a feed of ``past`` and what it tells."""
    told = Told()
    spec = SimpleNamespace(timeframe=past.timeframe, instruments=past.instruments)
    return FeedCheck(SimpleNamespace(spec=spec, history=past, feed=feed), told), told  # type: ignore[arg-type]  # what it reads of a plan


def wobble(count: int) -> list[float]:
    """Return closes that go up and down by a percent."""
    return [100.0 + (n % 3) for n in range(count)]


def test_clean_feed_passes_untouched() -> None:
    """Every event is the same object: a replay of stored bars changes nothing."""
    past = history(market("AAA", wobble(60)), market("BBB", wobble(60)))
    check, told = made(past)
    events = list(market_events(past))
    assert all(check.passed(event) is event for event in events)
    assert told.messages == []


def test_untrue_bar_goes_no_further_at_its_open_and_close_and_the_others_do() -> None:
    """A crossed bar of AAA is withheld; BBB's of the same instant passes."""
    past = history(market("AAA", wobble(60)), market("BBB", wobble(60)))
    check, told = made(past)
    when = int(past.bars[0].time[50])
    seen = [check.passed(broken(event, when)) for event in market_events(past)]
    times = [bar.time for event in seen if event for bar in event.bars if bar.symbol == "AAA"]
    assert when not in times
    assert len(times) == 2 * 59
    assert sum(bar.symbol == "BBB" for event in seen if event for bar in event.bars) == 2 * 60
    withheld, hole = told.messages
    assert "AAA" in withheld
    assert "withheld: high_low_crossed" in withheld
    assert "missing_bars, 1 bars are missing before it" in hole


def test_event_of_withheld_bars_alone_is_left_out() -> None:
    """The engine sees no empty instant."""
    past = history(market("AAA", wobble(60)))
    check, _ = made(past)
    when = int(past.bars[0].time[50])
    seen = [check.passed(broken(event, when)) for event in market_events(past)]
    assert seen.count(None) == 2


def test_improbable_bar_passes_and_is_told_once() -> None:
    """Nor is it told again after a restart: what an earlier life saw is not new."""
    closes = wobble(60)
    past = history(market("AAA", [*closes[:50], 160.0, *closes[51:]]))
    check, told = made(past)
    events = list(market_events(past))
    assert all(check.passed(event) is event for event in events)
    assert told.messages
    assert len(told.messages) == len(set(told.messages))
    again, silent = made(past)
    assert all(again.passed(event, is_new=False) is event for event in events)
    assert silent.messages == []


def test_doubted_bar_is_marked_at_its_opening_and_close_on_a_feed_of_the_present_alone() -> None:
    """With what was measured, log(1.6), and its bound; it goes up and comes back. A replay stays equal to its back-test."""
    closes = wobble(60)
    past = history(market("AAA", [*closes[:50], 160.0, *closes[51:]]), market("BBB", closes))
    check, _ = made(past, "yahoo")
    passed = [check.passed(event) for event in market_events(past)]
    marked = [event for event in passed if event and event.doubted]
    assert [event.bars[0].time for event in marked] == [int(past.bars[0].time[n]) for n in (50, 50, 51, 51)]
    assert {mark.symbol for event in marked for mark in event.doubted} == {"AAA"}
    assert all(mark.value > mark.bound > 0.0 for event in marked for mark in event.doubted)
    trusted, _ = made(past, "replay:bars.csv")
    assert all(trusted.passed(event) is event for event in market_events(past))


def test_marks_follow_from_the_bars_alone() -> None:
    """A session that was killed and sees the bars again finds the marks it had, at whatever bar it goes on."""
    closes = wobble(60)
    past = history(market("AAA", [*closes[:50], 160.0, *closes[51:]]))
    whole, again = made(past, "yahoo")[0], made(past, "yahoo")[0]
    marks = [whole.passed(event) for event in market_events(past)]
    assert [again.passed(event, is_new=number > 100) for number, event in enumerate(market_events(past))] == marks


def test_change_of_unit_is_withheld_on_a_feed_of_the_present_alone() -> None:
    """Stored bars were examined with hindsight."""
    closes = wobble(60)
    past = history(market("AAA", [*closes[:50], 10_000.0, *closes[51:]]))
    for feed, withheld in (("yahoo", 2), ("replay", 0)):
        check, _ = made(past, feed)
        assert [check.passed(event) for event in market_events(past)].count(None) == withheld


def test_split_on_the_day_of_a_withheld_bar_takes_effect_with_the_next_one() -> None:
    """And only then, so that shares and prices change together; a delisting with a withheld last bar is left to a person."""
    closes = wobble(60)
    halved = [close / 2.0 if n >= 50 else close for n, close in enumerate(closes)]
    when = market("AAA", closes).time
    split_on, gone_on = (str(np.datetime64(int(time), "us").astype("datetime64[D]")) for time in (when[50], when[59] + DAY))
    actions = [CorporateAction("AAA", split_on, "split", 2.0), CorporateAction("AAA", gone_on, "delisting", 1.0)]
    past = history(market("AAA", halved), market("BBB", closes), actions=actions)
    check, _ = made(past, "yahoo")
    seen = [check.passed(broken(broken(event, int(when[50])), int(when[59]))) for event in market_events(past)]
    acted = [(event.bars, event.actions) for event in seen if event and event.actions]
    assert [[bar.time for bar in bars if bar.symbol == "AAA"] for bars, _ in acted] == [[int(when[51])]]
    assert [found for _, found in acted] == [(actions[0],)]


def broken(event: MarketEvent, when: int) -> MarketEvent:
    """Return the event with AAA's bar of ``when`` crossed, whether it opens or closes."""
    bars = tuple(
        msgspec.structs.replace(bar, high=bar.low, low=bar.high * 2.0) if (bar.symbol, bar.time) == ("AAA", when) else bar
        for bar in event.bars
    )
    return msgspec.structs.replace(event, bars=bars)
