"""Indicators of pandas-ta by name: aligned, blind to the future, refused where unknown or looking ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from domain import indicators
from domain.errors import InputError
from domain.indicators import Memory, pandas_ta_indicator
from domain.market import Bars, Timeframe

SAMPLE: list[tuple[str, dict[str, Any]]] = [
    ("rsi", {"length": 14}),
    ("bbands", {"length": 20}),
    ("supertrend", {}),
    ("ichimoku", {}),
    ("dpo", {}),
    ("adx", {}),
    ("vwap", {}),
    ("mfi", {}),
    ("hma", {"length": 16}),
    ("aroon", {"length": 5, "offset": 2}),
    ("psar", {}),
    ("kdj", {}),
]


def bars(count: int) -> Bars:
    """Return hourly bars around a random walk, read-only as a strategy sees them."""
    random = np.random.default_rng(6)
    close = np.cumsum(random.normal(size=400)) + 100.0
    rows = [close - 0.1, close + random.random(400), close - random.random(400), close, np.rint(1e5 * random.random(400)) + 1.0]
    columns = [row[:count] for row in rows]
    for column in columns:
        column.flags.writeable = False
    return Bars("MADE", Timeframe.parse("1h"), np.arange(count, dtype=np.int64) * 3_600_000_000, *columns)


@pytest.mark.parametrize(("name", "parameters"), SAMPLE)
def test_named_indicator_is_blind_to_the_future(name: str, parameters: dict[str, Any]) -> None:
    """Cut off anywhere, even before there is a value: the same columns, and what came before stands to the bit."""
    whole = pandas_ta_indicator(name, bars(400), **parameters)
    assert any(np.isfinite(values[-1]) for values in whole.values())
    for count in (0, 2, 5, 80, 230, 399):
        part = pandas_ta_indicator(name, bars(count), **parameters)
        assert list(part) == list(whole)
        for column, values in part.items():
            assert values.dtype == np.float64
            assert np.array_equal(values, whole[column][:count], equal_nan=True), column


def test_named_indicator_is_the_one_of_the_field() -> None:
    """Where this package has the same indicator, the values agree."""
    past = bars(400)
    (strength,) = pandas_ta_indicator("rsi", past, length=14).values()
    assert np.array_equal(strength, indicators.rsi(past.close, 14), equal_nan=True)
    lower, middle, upper, *_ = pandas_ta_indicator("bbands", past, length=20, ddof=0).values()
    for theirs, ours in zip((upper, middle, lower), indicators.bollinger_bands(past.close, 20), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("rsii", {}, "'rsii' is unknown: did you mean 'rsi'"),
        ("long_run", {}, "'long_run' is unknown"),
        ("zigzag", {}, "looks ahead: its last legs"),
        ("tos_stdevall", {}, "looks ahead: its lines"),
        ("vhm", {}, "looks ahead: it divides"),
        ("dpo", {"centered": True}, "parameter centered of pandas-ta indicator 'dpo' is always False"),
        ("ichimoku", {"include_chikou": True}, "is always False"),
        ("rsi", {"offset": -1}, "offset -1 of pandas-ta indicator 'rsi' looks ahead"),
        ("rsi", {"lenght": 3}, "parameter lenght of pandas-ta indicator 'rsi' is unknown: did you mean 'length'"),
        ("rsi", {"close": 3}, "parameter close of pandas-ta indicator 'rsi' is unknown"),
        ("ema", {"length": 5_000}, "'ema' has no value on 2000 bars"),
    ],
)
def test_what_cannot_be_computed_or_looks_ahead_is_refused(name: str, parameters: dict[str, Any], message: str) -> None:
    """By name, with the nearest where there is one."""
    with pytest.raises(InputError, match=message):
        pandas_ta_indicator(name, bars(50), **parameters)


def test_live_it_sees_the_whole_run() -> None:
    """No memory stands in for bars it was not shown."""
    shown = []
    memory = Memory()

    def definition(first: int, count: int) -> float:
        shown.append(count - first)
        (average,) = pandas_ta_indicator("ema", bars(count).slice(first, count), length=9).values()
        return float(average[-1])

    (expected,) = pandas_ta_indicator("ema", bars(303), length=9).values()
    for count in (301, 302, 303):
        assert memory.evaluate(lambda first, count=count: definition(first, count), count, 20) == expected[count - 1]
    assert shown == [301, 302, 303]
