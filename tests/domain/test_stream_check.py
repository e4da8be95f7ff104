"""Bars checked one by one: nothing untrue passes, nothing later is needed, and what markets do every day is not doubted."""

from __future__ import annotations

from dataclasses import fields
from math import inf, nan

import msgspec
import numpy as np
import pytest

from domain.market import DAY, MINUTE, TIMEFRAMES, AssetClass, Bar, CorporateAction, Instrument
from domain.new_york import day_of
from domain.stream_check import StreamCheck, _Past

DAILY, MINUTES = TIMEFRAMES["1d"], TIMEFRAMES["1m"]
COIN, SHARE = Instrument.of("X", AssetClass.CRYPTO), Instrument.of("X")
START = day_of(2018, 6, 4) * DAY


def walk(count: int, step: int = DAY, sigma: float = 0.01, seed: int = 3) -> list[Bar]:
    """Return a random walk from 100 whose bars open where the last one closed."""
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, sigma, count)))
    opened = np.concatenate([[100.0], close[:-1]])
    up, down = 1.0 + np.abs(random.normal(0.0, 0.4 * sigma, (2, count)))
    volume = np.rint(random.lognormal(10.0, 0.5, count))
    columns = (opened, np.maximum(opened, close) * up, np.minimum(opened, close) / down, close, volume)
    return [Bar("X", START + n * step, *values) for n, values in enumerate(zip(*(one.tolist() for one in columns), strict=True))]


def fed(check: StreamCheck, bars: list[Bar]) -> None:
    """Show bars of which none is in doubt."""
    for bar in bars:
        assert check.see(bar) == ((), (), ())


def ready(bars: list[Bar], instrument: Instrument = COIN, *, trusted: bool = False) -> StreamCheck:
    """Return a check that has seen ``bars``."""
    check = StreamCheck(DAILY, [instrument], trusted=trusted)
    fed(check, bars)
    return check


def scaled(bar: Bar, factor: float) -> Bar:
    """Return the bar at another level."""
    return Bar(bar.symbol, bar.time, bar.open * factor, bar.high * factor, bar.low * factor, bar.close * factor, bar.volume)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"open": 0.0}, "zero_price"),
        ({"low": -1.0}, "negative_price"),
        ({"close": nan}, "nan_price"),
        ({"high": inf}, "infinite_price"),
        ({"high": 1.0}, "high_low_crossed"),
        ({"open": 1000.0}, "open_outside_range"),
        ({"close": 1.0}, "close_outside_range"),
        ({"volume": -1.0}, "volume_negative"),
        ({"volume": 2.0**63}, "volume_overflow"),
        ({"time": START + 99 * DAY}, "duplicate_conflicting"),
        ({"time": START + 98 * DAY}, "out_of_order"),
        ({"time": START + 500 * DAY}, "future_timestamp"),
    ],
)
def test_untrue_bar_is_withheld_and_forgotten(change: dict[str, float], kind: str) -> None:
    """The bar that comes after it is measured against the last true one."""
    *bars, last = walk(101)
    check = ready(bars)
    verdict = check.see(msgspec.structs.replace(last, **change), now=START + 200 * DAY)
    assert [doubt.kind for doubt in verdict.impossible] == [kind]
    assert check.see(last) == ((), (), ())


def test_same_bar_again_is_withheld() -> None:
    """A reconnected feed repeats its last bar."""
    bars = walk(100)
    assert [doubt.kind for doubt in ready(bars).see(bars[-1]).impossible] == ["duplicate_exact"]


def test_fraction_of_a_share_is_withheld_and_of_a_coin_is_not() -> None:
    """Shares trade whole."""
    bar = Bar("X", START, 10.0, 11.0, 9.0, 10.5, 0.5)
    assert [doubt.kind for doubt in StreamCheck(DAILY, [SHARE]).see(bar).impossible] == ["volume_fractional"]
    assert StreamCheck(DAILY, [COIN]).see(bar) == ((), (), ())


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_bars_in_another_unit_are_withheld_until_they_are_the_level(factor: float) -> None:
    """Five at most: a change that stays is no error of a day. What was stored with hindsight is only doubted."""
    bars = walk(112)
    check = ready(bars[:100])
    kinds = [[doubt.kind for doubt in check.see(scaled(bar, factor)).impossible] for bar in bars[100:106]]
    assert kinds == [["unit_error_100x"]] * 5 + [[]]
    fed(check, [scaled(bar, factor) for bar in bars[106:]])
    verdict = ready(bars[:100], trusted=True).see(scaled(bars[100], factor))
    assert (verdict.impossible, [doubt.kind for doubt in verdict.doubted]) == ((), ["split_unadjusted"])


def test_level_that_comes_back_leaves_no_doubt() -> None:
    """Three bars in another unit, then the old level."""
    bars = walk(104)
    check = ready(bars[:100])
    for bar in bars[100:103]:
        assert check.see(scaled(bar, 100.0)).impossible
    assert check.see(bars[103])[:2] == ((), ())


@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (lambda bar: scaled(bar, 1.25), ["spike"]),
        (lambda bar: scaled(bar, 0.8), ["drop"]),
        (lambda bar: scaled(bar, 0.5), ["split_unadjusted"]),
        (lambda bar: msgspec.structs.replace(bar, high=bar.high * 1.3), ["spike"]),
        (lambda bar: msgspec.structs.replace(bar, low=bar.low * 0.7), ["drop"]),
        (lambda bar: msgspec.structs.replace(bar, low=bar.low * 0.7, close=bar.low * 0.7), ["drop"]),
        (lambda bar: msgspec.structs.replace(bar, volume=0.0), ["volume_zero"]),
        (lambda bar: msgspec.structs.replace(bar, volume=bar.volume * 500.0), ["volume_outlier"]),
    ],
)
def test_improbable_bar_is_doubted_and_passes(make: object, kinds: list[str]) -> None:
    """It may be true: it is the past of the next bar, and only entries wait."""
    bars = walk(101)
    check = ready(bars[:100])
    verdict = check.see(make(bars[100]))  # type: ignore[operator]  # a function of a bar
    assert (verdict.impossible, [doubt.kind for doubt in verdict.doubted]) == ((), kinds)
    assert all(doubt.value >= doubt.bound for doubt in verdict.doubted)


def test_declared_split_is_not_doubted() -> None:
    """Once: the ex-date is 2018-09-12, the hundredth day."""
    bars = walk(120)
    check = StreamCheck(DAILY, [COIN], [CorporateAction("X", "2018-09-12", "split", 4.0)])
    fed(check, [*bars[:100], *(scaled(bar, 0.25) for bar in bars[100:])])


def test_feed_that_stands_still_is_doubted_from_the_fourth_day() -> None:
    """Equal in every value, volume too."""
    bars = walk(100)
    check = ready(bars)
    again = [msgspec.structs.replace(bars[-1], time=bars[-1].time + n * DAY, open=bars[-1].close) for n in range(1, 6)]
    level = [msgspec.structs.replace(bar, high=bar.close, low=bar.close) for bar in again]
    assert [[doubt.kind for doubt in check.see(bar).doubted] for bar in level] == [[], [], [], ["stale_price"], ["stale_price"]]


def test_hole_is_told_and_doubts_nothing() -> None:
    """Two days are missing."""
    bars = walk(103)
    check = ready(bars[:100])
    verdict = check.see(msgspec.structs.replace(bars[102], open=bars[99].close, low=min(bars[102].low, bars[99].close)))
    assert [(doubt.kind, doubt.detail[:19]) for doubt in verdict.told] == [("missing_bars", "2 bars are missing ")]


def test_opening_after_a_night_may_lie_far_from_the_close_of_a_minute() -> None:
    """A gap of 5 % over night is no error of a minute bar; within the session it is doubted."""
    bars = walk(60, MINUTE, 0.0005)
    check = StreamCheck(MINUTES, [COIN])
    fed(check, bars[:59])
    later = msgspec.structs.replace(scaled(bars[59], 1.05), time=bars[59].time + 16 * 60 * MINUTE)
    assert check.see(later).doubted == ()
    other = StreamCheck(MINUTES, [COIN])
    fed(other, bars[:59])
    assert [doubt.kind for doubt in other.see(scaled(bars[59], 1.05)).doubted] == ["spike"]


def test_random_walks_are_not_doubted_and_memory_stays_bounded() -> None:
    """Three thousand bars, and 64 values remembered."""
    check = ready(walk(3000, sigma=0.02))
    past = check._past["X"]
    assert max(len(getattr(past, one.name)) for one in fields(_Past) if hasattr(getattr(past, one.name), "maxlen")) == 64


def test_nothing_later_changes_a_verdict() -> None:
    """The verdicts of the first half are the same whatever follows."""
    bars = walk(400)
    bars[150] = scaled(bars[150], 1.3)
    whole, half = (StreamCheck(DAILY, [COIN]) for _ in range(2))
    assert [whole.see(bar) for bar in bars][:200] == [half.see(bar) for bar in bars[:200]]
