"""Technical indicators on arrays: each value from its own and earlier bars only, NaN until there are enough of them.

Windowed ones depend on the values of their window alone, added one by one in float64, oldest first: a running or pairwise sum
carries the rounding of bars long gone and decides differently at exact ties. Recursive ones remember every bar since the first
and come from TA-Lib. Arguments are float64 arrays in time order and a length in bars; none is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from domain.indicators.memory import Memory, recursive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Series = NDArray[np.float64]

__all__ = ["Memory", "crossed_above", "ema", "momentum", "rsi", "sma"]

_BLOCK: Final = 8192  # outputs added up at a time: accumulator and inputs stay in the first-level cache


def sma(values: Series, length: int) -> Series:
    """Return the simple moving average: the sum of the last ``length`` values, oldest first, divided by ``length``."""
    result = np.full(len(values), np.nan)
    for start in range(length - 1, len(values), _BLOCK):
        stop = min(start + _BLOCK, len(values))
        total = values[start - length + 1 : stop - length + 1].copy()
        for age in range(length - 2, -1, -1):
            total += values[start - age : stop - age]
        np.divide(total, length, out=result[start:stop])
    return result


def momentum(values: Series, length: int) -> Series:
    """Return the simple return over ``length`` bars: value / value ``length`` bars ago - 1."""
    result = np.full(len(values), np.nan)
    if length < len(values):
        result[length:] = values[length:] / values[:-length] - 1.0
    return result


def ema(values: Series, length: int) -> Series:
    """Return the exponential moving average with weight 2 / (length + 1), seeded with the mean of the first ``length``."""
    result: Series = recursive("EMA", (values,), length)[0]
    return result


def rsi(values: Series, length: int) -> Series:
    """Return Wilder's relative strength index, 0 to 100, for ``length`` >= 2; 0 where no value ever moved."""
    result: Series = recursive("RSI", (values,), length)[0]
    return result


def crossed_above(first: Series, second: Series) -> NDArray[np.bool_]:
    """Return where ``first`` is above ``second`` and was not on the bar before; False where a value is missing."""
    crossed = np.zeros(len(first), np.bool_)
    crossed[1:] = (first[1:] > second[1:]) & (first[:-1] <= second[:-1])
    return crossed
