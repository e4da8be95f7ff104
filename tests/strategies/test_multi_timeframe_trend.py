"""Crosses taken with a coarser timeframe: against a plain reading of the rule, at its edges, live as in a back-test."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from histories import fraction, history, market, real_bars, run_alike, run_spec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.errors import InputError
from domain.market import DAY, HOUR, MINUTE, TIMEFRAMES, AssetClass, Bars
from domain.strategy import checked_target
from strategies.multi_timeframe_trend import MultiTimeframeTrend
from tasks.backtest import BacktestRequest, run_backtest

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

DATA = Path(__file__).parents[1] / "data"
(BAC,) = real_bars("equity_1m")
(BITCOIN,) = real_bars("crypto_1h")
SPY = next(bars for bars in real_bars("equity_1d") if bars.symbol == "SPY")


def mean(values: list[float]) -> float:
    """Return the average, values added one by one."""
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def plain(
    strategy: MultiTimeframeTrend, bars: Bars, key: Callable[[datetime], Hashable], ends: Callable[[datetime], bool]
) -> list[float]:
    """Return the targets by a plain loop.

    ``key`` names the coarse bar of a bar that starts then, None outside sessions; ``ends`` says whether a bar that starts then
    is the last of it.
    """
    closes = bars.close.tolist()
    complete: list[float] = []
    current: tuple[Hashable, float] | None = None
    targets = []
    for index, time in enumerate(bars.time.tolist()):
        start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
        name = key(start)
        if name is not None:
            if current is not None and current[0] != name:
                complete.append(current[1])
            current = name, closes[index]
            if ends(start):
                complete.append(closes[index])
                current = None
        period = strategy.filter_period
        holds = len(complete) >= period and complete[-1] > mean(complete[-period:])
        targets.append(_crossed(strategy, closes[: index + 1], holds=holds))
    return targets


def _crossed(strategy: MultiTimeframeTrend, closes: list[float], *, holds: bool) -> float:
    if len(closes) <= strategy.slow:
        return math.nan
    fast, slow = mean(closes[-strategy.fast :]), mean(closes[-strategy.slow :])
    fast_before, slow_before = mean(closes[-strategy.fast - 1 : -1]), mean(closes[-strategy.slow - 1 : -1])
    if fast > slow and fast_before <= slow_before and holds:
        return 1.0
    return 0.0 if fast < slow and fast_before >= slow_before else math.nan


def test_hourly_bars_with_a_daily_filter_follow_the_rule() -> None:
    """3,000 hours of BTC-USD: the day is over with the hour that starts at 23:00 UTC."""
    strategy = MultiTimeframeTrend(fast=5, slow=20, filter_timeframe="1d", filter_period=5)
    expected = plain(strategy, BITCOIN, lambda start: start.date(), lambda start: start.hour == 23)
    found = checked_target(strategy, BITCOIN)
    np.testing.assert_array_equal(found, expected)
    unfiltered = np.count_nonzero(found == 1.0), np.count_nonzero(found == 0.0)
    assert 10 < unfiltered[0] < unfiltered[1]


def test_minutes_with_an_hourly_filter_follow_the_rule() -> None:
    """BAC's minutes, pre- and post-market among them: hours of the regular session alone, the first from 09:30 New York."""
    strategy = MultiTimeframeTrend(fast=5, slow=20, filter_timeframe="1h", filter_period=4)

    def hour(start: datetime) -> Hashable:
        minutes = start.hour * 60 + start.minute
        return (start.date(), start.hour) if 13 * 60 + 30 <= minutes < 20 * 60 else None

    expected = plain(strategy, BAC, hour, lambda start: start.minute == 59)
    found = checked_target(strategy, BAC)
    np.testing.assert_array_equal(found, expected)
    assert 10 < np.count_nonzero(found == 1.0) < np.count_nonzero(found == 0.0)


def test_daily_bars_with_a_weekly_filter_know_at_fridays_close_that_the_week_is_over() -> None:
    """Ten years of SPY; a week ends with its last session: Thursday before Good Friday."""
    sessions = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time) for time in SPY.time.tolist()]
    weeks = [start.isocalendar()[:2] for start in sessions]
    last = {start for start, week, after in zip(sessions, weeks, [*weeks[1:], None], strict=True) if week != after}
    strategy = MultiTimeframeTrend(fast=5, slow=20, filter_period=10)
    expected = plain(strategy, SPY, lambda start: start.isocalendar()[:2], lambda start: start in last)
    found = checked_target(strategy, SPY)
    np.testing.assert_array_equal(found, expected)
    assert 5 < np.count_nonzero(found == 1.0) < np.count_nonzero(found == 0.0)


# Weeks from 2021-03-01: rising closes make the filter hold, the last days make the crosses.
FALLING = [30.0 - day for day in range(15)]
RISING = [10.0 + day for day in range(15)]


def crosses(closes: list[float]) -> list[tuple[int, float]]:
    """Return the decisions of fast 1 over slow 2 under the average of two weeks, by day."""
    target = checked_target(MultiTimeframeTrend(fast=1, slow=2, filter_period=2), market("AAA", closes))
    return [(int(day), float(target[day])) for day in np.flatnonzero(~np.isnan(target))]


def test_cross_while_the_filter_is_off_is_not_taken_later() -> None:
    """After three falling weeks a cross on Tuesday does nothing, nor does Friday's close above the average; the next cross does."""
    assert crosses([*FALLING, 14, 16, 20, 24, 28, 29, 28, 30]) == [(20 + 1, 0.0), (22, 1.0)]


def test_cross_while_the_filter_holds_is_taken_and_left_at_the_cross_below() -> None:
    """Down on the third Monday, up on Tuesday; the filter has no say in leaving."""
    assert crosses([*RISING, 20, 25, 26, 10]) == [(15, 0.0), (16, 1.0), (18, 0.0)]


def test_close_exactly_on_its_average_is_not_above_it() -> None:
    """Two weeks that end at the same price: no cross is taken."""
    assert crosses([9, 9, 9, 9, 10, 9, 9, 9, 9, 10, 8, 12]) == [(5, 0.0), (10, 0.0)]


@pytest.mark.parametrize(("bars", "coarse"), [(BITCOIN, "1h"), (BITCOIN, "30m"), (SPY, "1d"), (SPY, "5m")])
def test_filter_that_is_not_coarser_is_refused(bars: Bars, coarse: str) -> None:
    """Before a run begins, and by the decision itself; both sizes are named."""
    strategy = MultiTimeframeTrend(filter_timeframe=coarse)
    with pytest.raises(InputError, match=f"{bars.timeframe.name} bars cannot be resampled to {coarse}"):
        strategy.check_timeframe(bars.timeframe)
    with pytest.raises(InputError, match=f"{bars.timeframe.name} bars cannot be resampled to {coarse}"):
        checked_target(strategy, bars)


def test_back_test_with_a_filter_that_is_not_coarser_is_refused() -> None:
    """As wrong usage, before anything runs."""
    request = BacktestRequest(("multi_timeframe_trend",), {"filter_timeframe": "1d"}, ("SPY",), bars=DATA / "equity_1d.parquet")
    with pytest.raises(
        InputError, match="1d bars cannot be resampled to 1d: parameter filter_timeframe must be coarser, allowed is 1w"
    ):
        run_backtest(request)


@pytest.mark.parametrize(("bars", "kind"), [(BAC, AssetClass.EQUITY), (BITCOIN, AssetClass.CRYPTO)])
def test_live_decides_as_the_back_test(bars: Bars, kind: AssetClass) -> None:
    """Kernel, engine and bars one by one give the same ledger, on minutes with extended hours and on hours of a coin."""
    part = bars.slice(0, 1500)
    past = history(part, classes={part.symbol: kind})
    strategy = MultiTimeframeTrend(fast=5, slow=20, filter_timeframe="4h", filter_period=2)
    assert run_alike(run_spec(past, {part.symbol: strategy}, fraction(0.5)), past).fills


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    coarse=st.sampled_from(["5m", "15m", "30m"]),
    period=st.integers(1, 3),
    calendar=st.sampled_from(["XNYS", "24/7"]),
)
def test_window_that_begins_inside_a_coarse_bar_decides_as_the_whole(seed: int, coarse: str, period: int, calendar: str) -> None:
    """Minutes with holes over four days, few price levels: the last bars alone decide the same at every bar tried."""
    random = np.random.default_rng(seed)
    kept = random.random(4 * DAY // MINUTE) < random.choice([0.02, 0.3, 1.0])
    time = (int(np.datetime64("2021-03-01", "us").astype(np.int64)) + np.arange(len(kept)) * MINUTE)[kept]
    close = random.integers(1, 6, len(time)).astype(np.float64)
    bars = Bars("MADE", TIMEFRAMES["1m"], time, close, close, close, close, close, calendar=calendar)
    strategy = MultiTimeframeTrend(fast=1, slow=3, filter_timeframe=coarse, filter_period=period)
    whole, lookback = checked_target(strategy, bars), strategy.lookback_of(bars.timeframe)
    for index in random.integers(0, len(bars), 20).tolist():
        window = bars.slice(max(0, index + 1 - lookback), index + 1)
        np.testing.assert_array_equal(checked_target(strategy, window)[-1], whole[index])


def test_lookback_covers_the_filter_on_real_bars() -> None:
    """Once there are enough coarse bars, the filter never lacks one: not overnight, not over a weekend."""
    for bars, coarse in ((BAC, "5m"), (BAC, "1h"), (BITCOIN, "1d"), (BITCOIN, "1w"), (SPY, "1w")):
        average = MultiTimeframeTrend(filter_timeframe=coarse).indicators(bars)["filter_average"]
        known = np.flatnonzero(~np.isnan(average))
        assert len(known)
        assert known[-1] - known[0] + 1 == len(known) == len(bars) - known[0]


def test_filter_reaches_no_further_than_the_lookback() -> None:
    """A symbol that trades once a session: its daily bars lie apart as far as the lookback admits, and no further."""
    strategy = MultiTimeframeTrend(fast=1, slow=2, filter_timeframe="5m", filter_period=3)
    lookback = strategy.lookback_of(TIMEFRAMES["1m"])
    night = np.arange(lookback) * MINUTE + int(np.datetime64("2021-03-06", "us").astype(np.int64))  # a weekend: in no session
    friday = int(np.datetime64("2021-03-05T15:00", "us").astype(np.int64)) + np.arange(3) * HOUR
    time = np.concatenate([friday, night])
    close = np.arange(len(time)) + 1.0
    bars = Bars("MADE", TIMEFRAMES["1m"], time, close, close, close, close, close)
    average = strategy.indicators(bars)["filter_average"]
    assert np.count_nonzero(~np.isnan(average)) == lookback - 2 - 1
    assert np.isnan(average[-1])
    assert not np.isnan(strategy.indicators(replace(bars, calendar="24/7"))["filter_average"][-1])
