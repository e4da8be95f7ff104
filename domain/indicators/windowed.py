"""Indicators with a window: each value depends on the last ``length`` values alone, to the bit.

Arguments are float64 arrays in time order, none is changed, and a length in bars, 1 or more (InputError). Results are aligned
with them. There is no value, NaN, until the window is full, and while a value in it is missing: a gap ends when it has left
the window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.indicators.remembered import remembered
from domain.indicators.windows import extreme, in_order, nothing_yet, over_windows, window_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Series = NDArray[np.float64]


class Channel(NamedTuple):
    """Three lines around a price."""

    upper: NDArray[np.float64]
    middle: NDArray[np.float64]
    lower: NDArray[np.float64]


class Stochastic(NamedTuple):
    """The smoothed position in the range, 0 to 100, and its average."""

    k: NDArray[np.float64]
    d: NDArray[np.float64]


@remembered
def sma(values: Series, length: int) -> Series:
    """Return the simple moving average: the sum of the last ``length`` values, oldest first, divided by ``length``.

    Warm-up: ``length`` - 1 bars without a value.
    """
    return window_sums(values, length) / length


@remembered
def wma(values: Series, length: int) -> Series:
    """Return the linearly weighted moving average: weights 1 (oldest) to ``length``, divided by their sum.

    Source: TA-Lib WMA. Warm-up: ``length`` - 1 bars.
    """
    weights = np.arange(1.0, length + 1.0)[:, None]
    return over_windows(values, length, lambda windows: in_order(windows * weights)) / (0.5 * length * (length + 1))


@remembered
def standard_deviation(values: Series, length: int) -> Series:
    """Return the population standard deviation: root of the mean squared distance from the window's mean.

    Source: TA-Lib STDDEV. The distances are taken from the window's oldest value first, so that a constant window gives 0.
    Warm-up: ``length`` - 1 bars.
    """

    def deviation(windows: Series) -> Series:
        distances = _from_mean(windows)
        result: Series = np.sqrt(in_order(distances * distances) / length)
        return result

    return over_windows(values, length, deviation)


@remembered
def bollinger_bands(values: Series, length: int = 20, deviations: float = 2.0) -> Channel:
    """Return the simple moving average and the lines ``deviations`` population standard deviations above and below it.

    Source: J. Bollinger, Bollinger on Bollinger Bands (2001); TA-Lib BBANDS. Warm-up: ``length`` - 1 bars.
    """
    middle, width = sma(values, length), deviations * standard_deviation(values, length)
    return Channel(middle + width, middle, middle - width)


@remembered
def highest(values: Series, length: int) -> Series:
    """Return the largest of the last ``length`` values, this one included. Source: TA-Lib MAX. Warm-up: ``length`` - 1 bars."""
    return extreme(values, length, np.maximum)


@remembered
def lowest(values: Series, length: int) -> Series:
    """Return the smallest of the last ``length`` values, this one included. Source: TA-Lib MIN. Warm-up: ``length`` - 1 bars."""
    return extreme(values, length, np.minimum)


@remembered
def donchian_channel(high: Series, low: Series, length: int = 20) -> Channel:
    """Return the highest high, the lowest low and the middle between them, over ``length`` bars, this one included.

    A close is never above the upper line of its own bar: for a breakout compare with the line of the bar before.
    Source: R. Donchian's four-week rule. Warm-up: ``length`` - 1 bars.
    """
    upper, lower = highest(high, length), lowest(low, length)
    return Channel(upper, (upper + lower) / 2.0, lower)


@remembered
def momentum(values: Series, length: int) -> Series:
    """Return the simple return over ``length`` bars: value / value ``length`` bars ago - 1. Warm-up: ``length`` bars."""
    result, _ = nothing_yet(values, length + 1)
    if length < len(values):
        result[length:] = values[length:] / values[: len(values) - length] - 1.0
    return result


@remembered
def rate_of_change(values: Series, length: int = 10) -> Series:
    """Return the return over ``length`` bars in per cent: 100 x ``momentum``. Source: TA-Lib ROC. Warm-up: ``length`` bars."""
    return 100.0 * momentum(values, length)


@remembered
def difference(values: Series, length: int = 10) -> Series:
    """Return value - value ``length`` bars ago, in its unit. Source: TA-Lib MOM. Warm-up: ``length`` bars."""
    result, _ = nothing_yet(values, length + 1)
    if length < len(values):
        result[length:] = values[length:] - values[: len(values) - length]
    return result


@remembered
def commodity_channel_index(high: Series, low: Series, close: Series, length: int = 20) -> Series:
    """Return (p - mean) / (0.015 x mean absolute distance from the mean), with p = (high + low + close) / 3; 0 where p is constant.

    Source: D. Lambert, Commodities (October 1980); TA-Lib CCI. Warm-up: ``length`` - 1 bars.
    """

    def index(windows: Series) -> Series:
        distances = _from_mean(windows)
        mean_distance = in_order(np.abs(distances)) / length
        result: Series = np.divide(distances[-1], 0.015 * mean_distance, out=0.0 * mean_distance, where=mean_distance != 0.0)
        return result

    return over_windows((high + low + close) / 3.0, length, index)


@remembered
def williams_r(high: Series, low: Series, close: Series, length: int = 14) -> Series:
    """Return -100 x (highest high - close) / (highest high - lowest low), -100 to 0; NaN where there is no range.

    Source: L. Williams (1973); TA-Lib WILLR, which gives 0 there. Warm-up: ``length`` - 1 bars.
    """
    top, bottom = highest(high, length), lowest(low, length)
    return -100.0 * _share(top - close, top - bottom)


@remembered
def stochastic(high: Series, low: Series, close: Series, length: int = 14, smooth: int = 3, average: int = 3) -> Stochastic:
    """Return the close's position in the range of ``length`` bars, 0 to 100, as a simple average over ``smooth`` bars, and its own.

    k = sma(100 x (close - lowest low) / (highest high - lowest low), smooth), NaN where there is no range; d = sma(k, average).
    Source: G. Lane; TA-Lib STOCH, which gives 0 there. Warm-up: ``length`` + ``smooth`` - 2 bars for k, ``average`` - 1 more for d.
    """
    top, bottom = highest(high, length), lowest(low, length)
    k = sma(100.0 * _share(close - bottom, top - bottom), smooth)
    return Stochastic(k, sma(k, average))


@remembered
def true_range(high: Series, low: Series, close: Series) -> Series:
    """Return the largest of high - low, abs(high - close before) and abs(low - close before). Warm-up: 1 bar.

    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib TRANGE.
    """
    result = np.full(len(close), np.nan)
    before = close[:-1]
    result[1:] = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    return result


def _from_mean(windows: Series) -> Series:
    """Return each value's distance from the mean of its window, exactly 0 in a constant one."""
    from_oldest = windows - windows[0]
    result: Series = from_oldest - in_order(from_oldest) / len(windows)
    return result


def _share(part: Series, of: Series) -> Series:
    """Return part / of, NaN where ``of`` is 0: a price that stood still lies nowhere in its range, and decides nothing."""
    result: Series = np.divide(part, of, out=np.full(len(of), np.nan), where=of != 0.0)
    return result
