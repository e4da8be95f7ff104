"""Finer bars inside those that are traded: which of them belong to which bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from domain.resampling import parts
from domain.rules.matching import FinerBars

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.timeline import History

_NOTHING: Final = np.empty(0)


def finer_columns(history: History) -> tuple[FinerBars, NDArray[np.int64]]:
    """Return the finer bars of all symbols, symbol after symbol, and where those of each bar begin and end.

    The second is int64 of shape (bars, 2), empty without finer bars. Those that belong to no bar, of extended hours, are left out:
    a bar is walked by what it was made of (``domain.resampling``).
    """
    if not history.finer:
        return FinerBars(*[_NOTHING] * 5), np.empty((0, 2), np.int64)
    walked, places, offset = [], [], 0
    for bars, finer in zip(history.bars, history.finer, strict=True):
        inside, start = parts(finer, bars.timeframe)
        places.append(offset + np.stack([np.searchsorted(start, bars.time, side) for side in ("left", "right")], axis=1))
        walked.append([getattr(finer, name)[inside] for name in FinerBars._fields])
        offset += len(inside)
    return FinerBars(*map(np.concatenate, zip(*walked, strict=True))), np.concatenate(places)
