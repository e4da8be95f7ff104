"""Indicators against written-out loops, and what they load."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import indicators as ours
from domain.indicators import crossed_above, crossed_below, ema, momentum, rsi, sma, windows

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


@pytest.mark.parametrize("count", [0, 1, 29, 30, 31, 127, 128, 129, 5_000])
@pytest.mark.parametrize("length", [1, 2, 30])
def test_compiled_and_plain_sums_are_equal_to_the_bit(count: int, length: int) -> None:
    """Whether numba is there changes the time a long pass takes and nothing else."""
    closes = np.cumsum(np.random.default_rng(count).normal(size=count)) * 0.1 + 33.333
    plain = windows.over_windows(closes, length, windows.in_order)
    assert (windows._compiled_sums() is None) == numba.config.DISABLE_JIT
    sums = np.full(count, np.nan)
    if count >= length:
        (windows._compiled_sums() or windows._sums)(closes, np.uintp(length), sums[length - 1 :])
    assert np.array_equal(sums, plain, equal_nan=True)
    assert np.array_equal(windows.window_sums(closes, length), plain, equal_nan=True)


@given(closes=values, length=lengths)
def test_momentum_equals_the_written_out_loop_to_the_bit(closes: Series, length: int) -> None:
    """The return is that over the length, from the two closes alone."""
    expected = [closes[i] / closes[i - length] - 1.0 if i >= length else np.nan for i in range(len(closes))]
    assert np.array_equal(momentum(closes, length), expected, equal_nan=True)


def last(*lines: Series) -> list[float]:
    """Return the last value of each line."""
    return [float(line[-1]) for line in lines]


def columns(*rows: tuple[float, ...]) -> list[Series]:
    """Return the columns of bars given as rows."""
    return list(np.array(rows, np.float64).T)


def test_windowed_indicators_of_closes_by_hand() -> None:
    """Each with its arithmetic."""
    assert last(ours.wma(np.array([1.0, 2.0, 4.0]), 3)) == [(1 * 1.0 + 2 * 2.0 + 3 * 4.0) / 6.0]
    # mean 5, squared distances 9 1 1 1 0 0 4 16, mean of them 4
    assert last(ours.standard_deviation(np.array([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 8)) == [2.0]
    bands = ours.bollinger_bands(np.array([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 8, 1.5)
    assert last(*bands) == [5.0 + 1.5 * 2.0, 5.0, 5.0 - 1.5 * 2.0]
    assert ours.highest(np.array([3.0, 1.0, 2.0, 5.0, 4.0]), 3).tolist()[2:] == [3.0, 5.0, 5.0]
    assert ours.lowest(np.array([3.0, 1.0, 2.0, 5.0, 4.0]), 3).tolist()[2:] == [1.0, 1.0, 2.0]
    assert last(ours.momentum(np.array([80.0, 90.0, 100.0]), 2)) == [0.25]
    assert last(ours.rate_of_change(np.array([80.0, 90.0, 100.0]), 2)) == [25.0]
    assert last(ours.difference(np.array([80.0, 90.0, 100.0]), 2)) == [20.0]


def test_windowed_indicators_of_bars_by_hand() -> None:
    """Highest high 12, lowest low 8 over the last two bars; then 12 and 9."""
    high, low, close = columns((10.0, 8.0, 9.0), (12.0, 9.0, 11.0), (12.0, 10.0, 12.0))
    assert last(*ours.donchian_channel(high, low, 3)) == [12.0, 10.0, 8.0]
    assert ours.williams_r(high, low, close, 2).tolist()[1:] == [-25.0, 0.0]  # -100 x (12 - 11) / 4, -100 x (12 - 12) / 3
    assert last(*ours.stochastic(high, low, close, 2, 2, 1)) == [87.5, 87.5]  # mean of 75 and 100
    assert ours.true_range(high, low, close).tolist()[1:] == [3.0, 2.0]  # 12 - 9 before, 12 - 10
    flat = np.array([1.0, 2.0, 3.0])
    assert last(ours.commodity_channel_index(flat, flat, flat, 3)) == pytest.approx([100.0])  # (3 - 2) / (0.015 x 2 / 3)


def test_price_that_stands_still_decides_nothing() -> None:
    """0.1 added up twenty times is not 2.0, yet a constant has no deviation, no index, and no place in its range."""
    still = np.full(40, 0.1)
    assert last(ours.standard_deviation(still, 20), ours.commodity_channel_index(still, still, still, 20)) == [0.0, 0.0]
    assert np.isnan(last(ours.williams_r(still, still, still, 14), *ours.stochastic(still, still, still))).all()


def test_averages_of_a_straight_line_lie_behind_it_by_half_their_length() -> None:
    """EMA(n) of 1, 2, 3 ... seeded with the mean is (n - 1) / 2 behind from its first value on; DEMA and TEMA are not."""
    line = np.arange(1.0, 13.0)
    assert ema(line, 5).tolist()[4:] == [index - 1.0 for index in range(4, 12)]
    assert ours.dema(line, 3).tolist()[4:] == pytest.approx(line[4:])
    assert ours.tema(line, 3).tolist()[6:] == pytest.approx(line[6:])
    assert last(*ours.macd(line, 2, 4, 3)) == pytest.approx([1.5 - 0.5, 1.0, 0.0])
    # all movement in one direction: weight (2 / 3) squared, from the close before the first value
    assert ours.kama(line[:4], 2).tolist()[2:] == pytest.approx([2 + 4 / 9, 2 + 4 / 9 + 4 / 9 * (4 - 2 - 4 / 9)])


def test_wilders_indicators_by_hand() -> None:
    """Each bar one higher, two wide: true range 2, upward movement 1, downward 0."""
    close = np.arange(10.0, 22.0)
    rising = (close + 1.0, close - 1.0, close)
    assert last(ours.atr(*rising, 3), ours.plus_di(*rising, 3), ours.minus_di(*rising, 3), ours.adx(*rising, 3)) == [
        2.0,
        50.0,
        0.0,
        100.0,
    ]
    high, low, close = columns((10.0, 9.0, 9.5), (11.0, 9.0, 10.0), (14.0, 10.0, 12.0), (13.0, 12.0, 12.0))
    assert ours.atr(high, low, close, 2).tolist()[2:] == [(2.0 + 4.0) / 2.0, (3.0 * 1.0 + 1.0) / 2.0]


def test_trend_followers_change_sides() -> None:
    """Below the closes while these rise, above while they fall."""
    close = np.concatenate([np.arange(50.0, 80.0), np.arange(80.0, 40.0, -2.0)])
    high, low = close + 1.0, close - 1.0
    line, direction = ours.supertrend(high, low, close, 5, 2.0)
    stop = ours.parabolic_sar(high, low)
    assert (direction[29], direction[-1]) == (1.0, -1.0)
    for follower in (line, stop):
        assert follower[29] < close[29]
        assert follower[-1] > close[-1]
    assert ours.parabolic_sar(*columns((10.0, 9.0), (11.0, 10.0), (12.0, 11.0), (13.0, 12.0))).tolist()[1:3] == [
        9.0,
        9.0 + 0.02 * (11.0 - 9.0),
    ]


def test_volume_indicators_by_hand() -> None:
    """On-balance volume adds, passes over and takes away; accumulation weighs by the place of the close in the bar."""
    close, volume = columns((1.0, 10.0), (2.0, 5.0), (2.0, 7.0), (1.0, 3.0))
    assert ours.obv(close, volume).tolist() == [10.0, 15.0, 15.0, 12.0]
    high, low, close, volume = columns((3.0, 1.0, 2.5, 100.0), (2.0, 2.0, 2.0, 50.0), (4.0, 2.0, 2.0, 20.0))
    assert ours.accumulation_distribution(high, low, close, volume).tolist() == [50.0, 50.0, 30.0]


def test_unknown_volume_gives_no_value() -> None:
    """As on currency pairs."""
    close, unknown = np.arange(5.0), np.full(5, np.nan)
    assert np.isnan(ours.obv(close, unknown)).all()
    assert np.isnan(ours.accumulation_distribution(close, close, close, unknown)).all()


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
    assert crossed_below(other, first).tolist() == crossed_above(first, other).tolist()
    assert crossed_above(first[:0], other[:0]).tolist() == []


@pytest.mark.parametrize("before", ["", "import pandas;", "import talib;"])
def test_indicators_load_without_what_the_live_process_does_not_need(before: str) -> None:
    """Neither pandas nor numba is imported for them; TA-Lib's package works before and after, and agrees."""
    program = f"""
import sys; {before}
import numpy as np
from domain import indicators
assert not {{"numba", "pandas_ta"}} & sys.modules.keys()
assert ("pandas" in sys.modules) == {bool(before)}
indicators.sma(np.ones(100_000), 30)
assert "numba" not in sys.modules
closes = np.cumsum(np.random.default_rng(4).normal(size=300)) + 50.0
import pandas, talib
from talib import stream
assert talib.RSI(closes, 14)[-1] == indicators.rsi(closes, 14)[-1] == stream.RSI(closes, 14).value
assert isinstance(talib.EMA(pandas.Series(closes), 5), pandas.Series)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
