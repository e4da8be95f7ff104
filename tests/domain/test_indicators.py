"""Indicators against written-out loops, and what they load."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.indicators import crossed_above, ema, momentum, rsi, sma

if TYPE_CHECKING:
    from domain.strategy import Series

values = st.lists(st.sampled_from([0.1, 0.2, 0.3, 1.1, 33.333, 1e6 + 0.7]), max_size=60).map(
    lambda given: np.array(given, np.float64)
)
lengths = st.integers(1, 20)


def written_out_sma(closes: list[float], length: int) -> list[float]:
    """Return the average as the contract words it: the window added one by one, oldest first, divided by its length."""
    averages = [float("nan")] * len(closes)
    for end in range(length, len(closes) + 1):
        total = closes[end - length]
        for value in closes[end - length + 1 : end]:
            total += value
        averages[end - 1] = total / length
    return averages


@given(closes=values, length=lengths)
def test_sma_equals_the_written_out_loop_to_the_bit(closes: Series, length: int) -> None:
    """No other order of addition is hidden in the vectorised average."""
    assert np.array_equal(sma(closes, length), written_out_sma(closes.tolist(), length), equal_nan=True)


@pytest.mark.parametrize("length", [1, 2, 30, 200])
def test_sma_is_exact_across_its_blocks(length: int) -> None:
    """Series longer than a block of the implementation have no seam."""
    closes = np.cumsum(np.random.default_rng(1).normal(size=20_000)) + 100.0
    assert np.array_equal(sma(closes, length), written_out_sma(closes.tolist(), length), equal_nan=True)


@given(closes=values, length=lengths)
def test_momentum_equals_the_written_out_loop_to_the_bit(closes: Series, length: int) -> None:
    """The return is that over the length, from the two closes alone."""
    expected = [closes[i] / closes[i - length] - 1.0 if i >= length else np.nan for i in range(len(closes))]
    assert np.array_equal(momentum(closes, length), expected, equal_nan=True)


def test_ema_is_seeded_with_the_mean_of_its_first_values() -> None:
    """Hand-computed: seed 2, then weight 1/2 for each new value."""
    assert ema(np.array([1.0, 2.0, 3.0, 6.0, 0.0]), 3).tolist()[2:] == [2.0, 4.0, 2.0]


def test_rsi_follows_wilder() -> None:
    """Hand-computed for two periods: gains and losses averaged with weight 1/2 after the first mean."""
    strength = rsi(np.array([10.0, 11.0, 10.5, 12.5]), 2)
    # mean gain 0.5, loss 0.25; then gain (0.5 + 2) / 2 = 1.25, loss 0.125
    assert strength.tolist()[2:] == pytest.approx([100 * 0.5 / 0.75, 100 * 1.25 / 1.375], rel=1e-14)


@pytest.mark.parametrize("indicator", [sma, ema, rsi, momentum])
def test_too_few_values_give_as_many_nan(indicator: object) -> None:
    """A series shorter than the window has no value yet, and no error."""
    for count in range(5):
        result = indicator(np.ones(count), 5)  # type: ignore[operator] # one of the four above
        assert len(result) == count
        assert np.isnan(result).all()


@pytest.mark.parametrize("indicator", [sma, ema, rsi, momentum])
def test_indicator_leaves_its_input_alone(indicator: object) -> None:
    """A read-only series serves, so none is written into."""
    closes = np.cumsum(np.random.default_rng(2).normal(size=100)) + 50.0
    closes.flags.writeable = False
    assert np.isfinite(indicator(closes, 5)[5:]).all()  # type: ignore[operator] # one of the four above


def test_strided_values_are_taken_as_they_are() -> None:
    """A view that skips values, such as a column of a table, gives what its copy gives."""
    table = np.cumsum(np.random.default_rng(3).normal(size=(100, 3)), axis=0) + 50.0
    for indicator in (sma, ema, rsi, momentum):
        assert np.array_equal(indicator(table[:, 1], 7), indicator(table[:, 1].copy(), 7), equal_nan=True)


def test_cross_counts_from_a_tie_and_not_while_standing_above() -> None:
    """A cross is above now and not above on the bar before; a missing value is no cross."""
    first = np.array([np.nan, 2.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.5])
    other = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert crossed_above(first, other).tolist() == [False, False, False, False, True, False, False, True]
    assert crossed_above(first[:0], other[:0]).tolist() == []


@pytest.mark.parametrize("before", ["", "import pandas;", "import talib;"])
def test_indicators_load_without_what_the_live_process_does_not_need(before: str) -> None:
    """Neither pandas nor numba is imported for them; TA-Lib's package works before and after, and agrees."""
    program = f"""
import sys; {before}
import numpy as np
from domain import indicators
assert "numba" not in sys.modules
assert ("pandas" in sys.modules) == {bool(before)}
closes = np.cumsum(np.random.default_rng(4).normal(size=300)) + 50.0
import pandas, talib
from talib import stream
assert talib.RSI(closes, 14)[-1] == indicators.rsi(closes, 14)[-1] == stream.RSI(closes, 14).value
assert isinstance(talib.EMA(pandas.Series(closes), 5), pandas.Series)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
