"""Fewer points for a drawing, without losing what the eye looks for: the highest and the lowest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    type Series = NDArray[np.float64]

_MUCH: Final = 12.0


def spans_much(values: Series) -> bool:
    """Whether positive values span so much, highest / lowest, that only a logarithmic scale shows them."""
    low = float(values.min())
    return low > 0.0 and float(values.max()) > _MUCH * low


def extremes(values: Series, most: int) -> NDArray[np.int64]:
    """Return the indices to draw of ``values``, ascending: all where there are no more than ``most``.

    Otherwise the first, the last, and the lowest and the highest of each of about ``most`` / 2 equal stretches, so that a drawing
    with a stretch a pixel looks as with all points. ``most`` is at least 4; at most ``most`` indices come back.
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    width = -(-count // ((most - 2) // 2))
    stretches = -(-count // width)
    padded = np.full(stretches * width, values[-1])
    padded[:count] = values
    table = padded.reshape(stretches, width)
    begin = np.arange(stretches) * width
    lowest, highest = begin + table.argmin(axis=1), begin + table.argmax(axis=1)
    chosen = np.concatenate([[0], lowest, highest, [count - 1]])
    drawn: NDArray[np.int64] = np.unique(np.minimum(chosen, count - 1))
    return drawn


def extremes_of_all(columns: Sequence[Series], most: int) -> NDArray[np.int64]:
    """Return the indices to draw of columns of one length that share their points: the extremes of each, at most ``most``."""
    count = len(columns[0])
    if count <= most:
        return np.arange(count)
    drawn: NDArray[np.int64] = np.unique(np.concatenate([extremes(column, most // len(columns)) for column in columns]))
    return drawn
