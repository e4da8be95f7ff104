"""Passes over every window of a series, in the order of time: what windowed indicators are made of.

A window's result depends on its own values alone. Sums are added one by one in float64, oldest first: a running or pairwise sum
carries the rounding of bars long gone, or another order, and decides differently at exact ties.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Series = NDArray[np.float64]
    type Windows = NDArray[np.float64]

_FLOAT64: Final = np.dtype(np.float64)
_CELLS: Final = 2**15  # of windows looked at together: what is computed of them stays in the second-level cache
_AT_LEAST: Final = 1024  # windows at a time, so that a call on a row of them does its work many times over
_SUMS: Final = 8192  # at a time where nothing is kept of windows but their sums: these stay in the second-level cache
_FEW: Final = 64  # windows for which one call that adds slowly is over before as many fast calls as a window is long
_WORTH_COMPILING: Final = 2**14  # additions; fewer are over before compiled code is found
_LANES: Final = np.uintp(128)  # sums that grow side by side in the first-level cache


def over_windows(values: Series, length: int, compute: Callable[[Windows], Series], at_least: int = _AT_LEAST) -> Series:
    """Return ``compute`` of each window of ``length`` values, aligned with its newest; NaN before the first is full.

    ``compute`` gets read-only windows of shape (length, some), a column a window, the oldest value on top, and returns one value
    for each; ``at_least`` so many at a time.
    """
    values = np.ascontiguousarray(values, np.float64)
    result, count = nothing_yet(values, length)
    if 0 < count <= _FEW:
        result[length - 1 :] = compute(_windows(values, length, count))
    elif count > 0:
        windows = _windows(values, length, count)
        some = max(at_least, _CELLS // length)
        for start in range(0, count, some):
            stop = min(start + some, count)
            result[length - 1 + start : length - 1 + stop] = compute(windows[:, start:stop])
    return result


def _windows(values: Series, length: int, count: int) -> Windows:
    windows: Windows = np.ndarray((length, count), _FLOAT64, values, 0, (8, 8))
    windows.flags.writeable = False  # they overlap
    return windows


def in_order(terms: Windows) -> Series:
    """Return the sum of each column, added one by one from the top: numpy defines accumulation that way, but not its sums."""
    if terms.shape[1] <= _FEW:
        sums: Series = np.add.accumulate(terms, axis=0)[-1]
        return sums
    total: Series = terms[0].copy()
    for row in terms[1:]:
        total += row
    return total


def window_sums(values: Series, length: int) -> Series:
    """Return the sum of each window, oldest value first.

    Long passes run compiled in a process that has numba loaded, as back-tests have; none loads it for this, which would cost
    the live session a second and 90 MB. The additions and their order are the same.
    """
    compiled = _compiled_sums() if "numba" in sys.modules and len(values) * length >= _WORTH_COMPILING else None
    if compiled is None:
        return over_windows(values, length, in_order, _SUMS)
    values = np.ascontiguousarray(values, np.float64)
    result, count = nothing_yet(values, length)
    if count > 0:
        compiled(values, np.uintp(length), result[length - 1 :])
    return result


def extreme(values: Series, length: int, larger: np.ufunc) -> Series:
    """Return the extreme of each window by ``larger``, np.maximum or np.minimum; an extreme has no rounding, so no order.

    The extreme of 2, 4, 8 ... values is that of two overlapping halves.
    """
    values = np.ascontiguousarray(values, np.float64)
    result, count = nothing_yet(values, length)
    if count > 0:
        best, width = values, 1
        while width < length:
            step = min(width, length - width)
            best = larger(best[:-step], best[step:])
            width += step
        result[length - 1 :] = best
    return result


def nothing_yet(values: Series, length: int) -> tuple[Series, int]:
    """Return an array for the results, NaN where no window is full yet, and the number of full ones; raise InputError for none."""
    if length < 1:
        raise InputError(f"a window of {length} values is not allowed: its length must be 1 or more")
    result = np.empty(len(values))
    result[: length - 1] = np.nan
    return result, len(values) - length + 1


@functools.cache
def _compiled_sums() -> Callable[..., None] | None:
    numba: Any = sys.modules["numba"]
    return None if numba.config.DISABLE_JIT else numba.njit(cache=True, error_model="numpy")(_sums)


def _sums(values: Series, length: np.uintp, sums: Series) -> None:
    """Write the sum of each window into ``sums``; indices without sign need no check for negative ones, which would cost half."""
    count = np.uintp(len(sums))
    for start in range(np.uintp(0), count, _LANES):
        stop = min(np.uintp(start + _LANES), count)
        for i in range(start, stop):
            sums[i] = values[i]
        for age in range(np.uintp(1), length):
            for i in range(start, stop):
                sums[i] += values[i + age]
