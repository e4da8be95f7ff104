"""Where two series cross."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Series = NDArray[np.float64]


def crossed_above(first: Series, second: Series) -> NDArray[np.bool_]:
    """Return where ``first`` is above ``second`` and was not on the bar before; False where a value is missing."""
    crossed: NDArray[np.bool_] = first > second
    crossed[1:] &= first[:-1] <= second[:-1]
    crossed[:1] = False
    return crossed


def crossed_below(first: Series, second: Series) -> NDArray[np.bool_]:
    """Return where ``first`` is below ``second`` and was not on the bar before; False where a value is missing."""
    return crossed_above(second, first)


def at_crosses(first: Series, second: Series, above: float, below: float) -> Series:
    """Return ``above`` where ``first`` crosses above ``second``, ``below`` where it crosses below, else NaN: a target that stands.

    One compiled pass in a process that has numba loaded, as back-tests and sweeps have; the values are the same without.
    """
    values = np.empty(len(first))
    compiled = _compiled_crosses() if "numba" in sys.modules else None
    if compiled is None:
        values.fill(np.nan)
        values[crossed_above(first, second)] = above
        values[crossed_below(first, second)] = below
    else:
        compiled(first, second, above, below, values)
    return values


@functools.cache
def _compiled_crosses() -> Callable[..., None] | None:
    numba: Any = sys.modules["numba"]
    return None if numba.config.DISABLE_JIT else numba.njit(cache=True, error_model="numpy")(_crosses)


def _crosses(first: Series, second: Series, above: float, below: float, values: Series) -> None:
    """Write what ``at_crosses`` returns."""
    values[:1] = np.nan
    for bar in range(1, len(values)):
        rose = (first[bar] > second[bar]) & (first[bar - 1] <= second[bar - 1])
        fell = (first[bar] < second[bar]) & (first[bar - 1] >= second[bar - 1])
        values[bar] = above if rose else (below if fell else np.nan)
