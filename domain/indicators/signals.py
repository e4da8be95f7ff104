"""Where two series cross."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
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
