"""In which order bars open and close, when corporate actions take effect, and what strategies see."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numba
import numpy as np
from generated import runs
from histories import DAILY, HOURLY, MONDAY, history, market
from hypothesis import HealthCheck, given, settings

from domain.events import BarsClosed, BarsOpened
from domain.market import DAY, HOUR, MINUTE, AssetClass, CorporateAction
from domain.timeline import actions_by_bar, market_events

if TYPE_CHECKING:
    from domain.run import RunSpec
    from domain.timeline import History

CLASSES = {"BTC-USD": AssetClass.CRYPTO, "EUR-USD": AssetClass.FX}
slow = settings(
    max_examples=50 if numba.config.DISABLE_JIT else 150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def told(past: History) -> list[tuple[str, int, list[str]]]:
    """Return each event as kind, microseconds after MONDAY and symbols."""
    return [
        ("open" if isinstance(event, BarsOpened) else "close", event.time - MONDAY, [bar.symbol for bar in event.bars])
        for event in market_events(past)
    ]


def test_hourly_bars_close_before_the_next_open_at_the_same_instant() -> None:
    """Start and start + length; at each full hour what ends comes before what begins."""
    assert told(history(market("AAA", [1, 2], timeframe=HOURLY))) == [
        ("open", 0, ["AAA"]),
        ("close", HOUR, ["AAA"]),
        ("open", HOUR, ["AAA"]),
        ("close", 2 * HOUR, ["AAA"]),
    ]


def test_bars_of_one_instant_are_one_event_in_symbol_order() -> None:
    """Two symbols, of which one has a hole in the second hour."""
    aaa, bbb = market("AAA", [1, 2], timeframe=HOURLY), market("BBB", [1, 2], timeframe=HOURLY)
    bbb.time[1] += HOUR
    assert told(history(bbb, aaa)) == [
        ("open", 0, ["AAA", "BBB"]),
        ("close", HOUR, ["AAA", "BBB"]),
        ("open", HOUR, ["AAA"]),
        ("close", 2 * HOUR, ["AAA"]),
        ("open", 2 * HOUR, ["BBB"]),
        ("close", 3 * HOUR, ["BBB"]),
    ]


def test_daily_equity_and_crypto_mix_by_their_sessions() -> None:
    """A New York session of winter is 14:30 to 21:00 UTC, a crypto day 00:00 to 24:00, and its close precedes the next open."""
    past = history(market("AAA", [1, 2]), market("BTC-USD", [1, 2]), classes=CLASSES)
    session_open, session_close = 14 * HOUR + 30 * MINUTE, 21 * HOUR
    assert told(past) == [
        ("open", 0, ["BTC-USD"]),
        ("open", session_open, ["AAA"]),
        ("close", session_close, ["AAA"]),
        ("close", DAY, ["BTC-USD"]),
        ("open", DAY, ["BTC-USD"]),
        ("open", DAY + session_open, ["AAA"]),
        ("close", DAY + session_close, ["AAA"]),
        ("close", 2 * DAY, ["BTC-USD"]),
    ]


def test_a_half_day_closes_at_one_in_new_york() -> None:
    """2021-11-26, the day after Thanksgiving: 18:00 UTC."""
    day = int(np.datetime64("2021-11-26").astype("datetime64[us]").astype(np.int64))
    past = history(market("AAA", [1.0], start=day))
    assert [event.time - day for event in market_events(past)] == [14 * HOUR + 30 * MINUTE, 18 * HOUR]


def test_a_mixture_counts_crypto_weekends_to_the_next_session() -> None:
    """Saturday and Sunday count to Monday; alone, crypto has a session every day."""
    btc = market("BTC-USD", [1] * 4, days=[4, 5, 6, 7])  # Friday to Monday
    alone = [event.session for event in market_events(history(btc, classes=CLASSES)) if isinstance(event, BarsClosed)]
    friday = MONDAY // DAY + 4
    assert alone == [friday, friday + 1, friday + 2, friday + 3]
    mixed = market_events(history(btc, market("AAA", [1] * 2, days=[4, 7]), classes=CLASSES))
    sessions = [event.session for event in mixed if isinstance(event, BarsClosed)]
    assert sessions == [friday, friday, friday + 3, friday + 3, friday + 3, friday + 3]


def test_a_mixture_counts_a_crypto_bar_of_a_holiday_to_the_next_session() -> None:
    """Good Friday 2021-04-02 and the weekend count to Monday the 5th."""
    thursday = int(np.datetime64("2021-04-01").astype("datetime64[us]").astype(np.int64))
    past = history(market("BTC-USD", [1] * 5, start=thursday, days=range(5)), market("AAA", [1], start=thursday), classes=CLASSES)
    sessions = [event.session - thursday // DAY for event in market_events(past) if isinstance(event, BarsClosed)]
    assert sessions == [0, 0, 4, 4, 4, 4]


@slow
@given(runs())
def test_events_are_in_time_order_with_closes_first(drawn: tuple[RunSpec, History]) -> None:
    """Any market: no event before an earlier one, closes before opens at an instant, each bar opens once, then closes once."""
    _, past = drawn
    events = list(market_events(past))
    keys = [(event.time, isinstance(event, BarsOpened)) for event in events]
    assert all(earlier < later for earlier, later in pairwise(keys))
    opened = [(bar.symbol, bar.time) for event in events if isinstance(event, BarsOpened) for bar in event.bars]
    closed = [(bar.symbol, bar.time) for event in events if isinstance(event, BarsClosed) for bar in event.bars]
    assert sorted(opened) == sorted(closed) == sorted((one.symbol, int(time)) for one in past.bars for time in one.time)
    seen: set[tuple[str, int]] = set()
    for event in events:
        bars = {(bar.symbol, bar.time) for bar in event.bars}
        assert [bar.symbol for bar in event.bars] == sorted(bar.symbol for bar in event.bars)
        if isinstance(event, BarsOpened):
            seen |= bars
        else:
            assert bars <= seen


def test_long_histories_keep_every_bar() -> None:
    """Events are made in chunks of 16,384: 40,000 bars come out as they are, alone and beside another symbol."""
    closes = np.arange(1.0, 40_001.0)
    one, other = market("AAA", closes, timeframe=HOURLY), market("BBB", closes, timeframe=HOURLY)
    alone = [event.bars[0].close for event in market_events(history(one)) if isinstance(event, BarsClosed)]
    both = [event.bars[1].close for event in market_events(history(one, other)) if isinstance(event, BarsClosed)]
    assert alone == both == closes.tolist()


# Corporate actions


def test_actions_meet_the_first_bar_on_or_after_their_date() -> None:
    """Bars on Monday 1st to Friday 5th and Monday 8th, numbered through the symbols."""
    splits = [CorporateAction("BBB", f"2021-03-{day:02}", "split", 2.0) for day in (1, 2, 6, 8, 9)]
    past = history(market("AAA", [1] * 2), market("BBB", [1] * 6), actions=splits)
    effective = {number: [a.ex_date for a in actions] for number, actions in actions_by_bar(past).items()}
    assert effective == {3: ["2021-03-02"], 7: ["2021-03-06", "2021-03-08"]}


def test_actions_of_one_bar_come_as_split_then_dividend_then_payment() -> None:
    """Whatever the order they are declared in."""
    actions = [
        CorporateAction("AAA", "2021-03-02", "dividend", 0.1, "2021-03-03"),
        CorporateAction("AAA", "2021-03-03", "dividend", 0.2),
        CorporateAction("AAA", "2021-03-03", "split", 2.0),
    ]
    found = actions_by_bar(history(market("AAA", [1] * 3), actions=actions))
    assert [action.action for action in found[2]] == ["split", "dividend", "payment"]


def test_actions_come_with_the_opening_they_precede() -> None:
    """The opening of 2021-03-03 carries its split."""
    split = CorporateAction("AAA", "2021-03-03", "split", 2.0)
    opened = [event for event in market_events(history(market("AAA", [1] * 3), actions=[split])) if isinstance(event, BarsOpened)]
    assert [event.actions for event in opened] == [(), (), (split,)]


def test_history_knows_its_size_and_ends() -> None:
    """Over all symbols, those without bars too."""
    past = history(market("AAA", [1] * 2), market("BBB", [1] * 4), market("CCC", []))
    assert (past.size, past.first_time, past.last_time) == (6, MONDAY, MONDAY + 3 * DAY)
    assert past.timeframe == DAILY
