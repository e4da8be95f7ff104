"""Finer bars inside those that are traded: which of them belong to which bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from domain.rules.matching import FinerBars
from domain.sessions import instants
from domain.timeline import columns_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.timeline import History

_NOTHING: Final = np.empty(0)


def finer_columns(history: History) -> tuple[FinerBars, NDArray[np.int64]]:
    """Return the finer bars of all symbols, symbol after symbol, and where those of each bar begin and end.

    The second is int64 of shape (bars, 2), empty without finer bars. A finer bar belongs to the bar between whose opening and
    closing it starts.
    """
    if not history.finer:
        return FinerBars(*[_NOTHING] * 5), np.empty((0, 2), np.int64)
    places, offset = [], 0
    for bars, finer in zip(history.bars, history.finer, strict=True):
        opens, closes = instants(bars.time, bars.timeframe, bars.calendar)
        places.append(offset + np.stack([np.searchsorted(finer.time, opens), np.searchsorted(finer.time, closes)], axis=1))
        offset += len(finer)
    return FinerBars(*columns_of(history.finer, FinerBars._fields)), np.concatenate(places)
