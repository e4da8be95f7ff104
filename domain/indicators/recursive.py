"""Indicators that remember every bar since the first: TA-Lib's, whose definitions and seeds are the field's.

Arguments are float64 arrays in time order, none is changed, and lengths in bars. Results are aligned with them. A bar with a
missing (NaN) or infinite input has no value and is skipped: the recursion goes on with the next bar as if it were not there,
and the warm-up counts the others. What a value is depends on where the series begins; after about 36 lengths (Wilder's
averages) or 18 lengths (exponential ones) the beginning is forgotten to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.indicators.memory import talib_series
from domain.indicators.remembered import remembered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Series = NDArray[np.float64]


class Macd(NamedTuple):
    """The difference of two averages, its own average, and the distance between the two."""

    line: NDArray[np.float64]
    signal: NDArray[np.float64]
    histogram: NDArray[np.float64]


class SuperTrend(NamedTuple):
    """The trailing line, and 1 while it lies below the close, -1 while above."""

    line: NDArray[np.float64]
    direction: NDArray[np.float64]


def _one(name: str, inputs: tuple[Series, ...], *parameters: float) -> Series:
    result: Series = talib_series(name, inputs, *parameters)[0]
    return result


@remembered
def ema(values: Series, length: int) -> Series:
    """Return the exponential moving average with weight 2 / (length + 1), seeded with the mean of the first ``length``.

    Source: TA-Lib EMA. Warm-up: ``length`` - 1 bars.
    """
    return _one("EMA", (values,), length)


@remembered
def dema(values: Series, length: int) -> Series:
    """Return 2 x EMA - EMA of the EMA, for ``length`` >= 2.

    Source: P. Mulloy (1994); TA-Lib DEMA. Warm-up: 2 x (``length`` - 1) bars.
    """
    return _one("DEMA", (values,), length)


@remembered
def tema(values: Series, length: int) -> Series:
    """Return 3 x EMA - 3 x EMA of EMA + EMA of that, for ``length`` >= 2.

    Source: P. Mulloy (1994); TA-Lib TEMA. Warm-up: 3 x (``length`` - 1) bars.
    """
    return _one("TEMA", (values,), length)


@remembered
def kama(values: Series, length: int = 30) -> Series:
    """Return Kaufman's adaptive moving average, for ``length`` >= 2: weights between those of EMA(2) and EMA(30).

    The weight is (e x (2/3 - 2/31) + 2/31) squared, e = abs(change over ``length`` bars) / sum of the absolute changes in them.
    Source: P. Kaufman, Smarter Trading (1995); TA-Lib KAMA. Warm-up: ``length`` bars.
    """
    return _one("KAMA", (values,), length)


@remembered
def rsi(values: Series, length: int = 14) -> Series:
    """Return Wilder's relative strength index, 0 to 100, for ``length`` >= 2; 0 where no value ever moved.

    100 x average gain / (average gain + average loss), averages with weight 1 / ``length`` seeded with a plain mean.
    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib RSI. Warm-up: ``length`` bars.
    """
    return _one("RSI", (values,), length)


@remembered
def macd(values: Series, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Return EMA(fast) - EMA(slow), its EMA(signal) and line - signal, for ``fast`` and ``slow`` >= 2.

    The fast average is seeded so that it begins with the slow one. Source: G. Appel; TA-Lib MACD.
    Warm-up: ``slow`` + ``signal`` - 2 bars for all three.
    """
    return Macd(*talib_series("MACD", (values,), fast, slow, signal))


@remembered
def atr(high: Series, low: Series, close: Series, length: int = 14) -> Series:
    """Return the average true range: Wilder's average of ``true_range``, in the unit of the price.

    Source: J. W. Wilder (1978); TA-Lib ATR. Warm-up: ``length`` bars.
    """
    return _one("ATR", (high, low, close), length)


@remembered
def adx(high: Series, low: Series, close: Series, length: int = 14) -> Series:
    """Return the average directional index, 0 to 100, for ``length`` >= 2: Wilder's average of 100 x abs(+DI - -DI) / (+DI + -DI).

    Source: J. W. Wilder (1978); TA-Lib ADX. Warm-up: 2 x ``length`` - 1 bars.
    """
    return _one("ADX", (high, low, close), length)


@remembered
def plus_di(high: Series, low: Series, close: Series, length: int = 14) -> Series:
    """Return the positive directional indicator, 0 to 100: smoothed upward movement over smoothed true range.

    Source: J. W. Wilder (1978); TA-Lib PLUS_DI. Warm-up: ``length`` bars, 1 for a ``length`` of 1.
    """
    return _one("PLUS_DI", (high, low, close), length)


@remembered
def minus_di(high: Series, low: Series, close: Series, length: int = 14) -> Series:
    """Return the negative directional indicator, 0 to 100: smoothed downward movement over smoothed true range.

    Source: J. W. Wilder (1978); TA-Lib MINUS_DI. Warm-up: ``length`` bars, 1 for a ``length`` of 1.
    """
    return _one("MINUS_DI", (high, low, close), length)


@remembered
def parabolic_sar(high: Series, low: Series, step: float = 0.02, limit: float = 0.2) -> Series:
    """Return Wilder's stop and reverse: a stop that moves to the extreme by ``step`` more each new extreme, up to ``limit``.

    Source: J. W. Wilder (1978); TA-Lib SAR. Warm-up: 1 bar.
    """
    return _one("SAR", (high, low), step, limit)


@remembered
def supertrend(high: Series, low: Series, close: Series, length: int = 10, multiplier: float = 3.0) -> SuperTrend:
    """Return a line ``multiplier`` average true ranges from the middle of the bar, on the side of the trend, which only tightens.

    Source: O. Seban; TA-Lib SUPERTREND. Warm-up: ``length`` bars.
    """
    line, direction = talib_series("SUPERTREND", (high, low, close), length, multiplier)
    direction[np.isnan(line)] = np.nan
    return SuperTrend(line, direction)


@remembered
def obv(close: Series, volume: Series) -> Series:
    """Return the on-balance volume: the first volume, plus the volume of bars closing higher, minus that of bars closing lower.

    Source: J. Granville (1963); TA-Lib OBV. Warm-up: none; no value at all where the volume is unknown, as in FX.
    """
    return _one("OBV", (close, volume))


@remembered
def accumulation_distribution(high: Series, low: Series, close: Series, volume: Series) -> Series:
    """Return the sum of volume x ((close - low) - (high - close)) / (high - low), nothing added for a bar without range.

    Source: M. Chaikin; TA-Lib AD. Warm-up: none; no value at all where the volume is unknown, as in FX.
    """
    return _one("AD", (high, low, close, volume))
