"""Bars made up for tests: arbitrary floats that obey the shape of a bar."""

from __future__ import annotations

import numpy as np

from domain.market import MINUTE, Bars, Timeframe


def random_bars(symbol: str, timeframe: Timeframe, start: int, count: int, *, step: int = MINUTE, seed: int = 1) -> Bars:
    """Return ``count`` bars from ``start`` on, the same for the same ``seed``; a tenth of the volumes are unknown."""
    chance = np.random.default_rng(seed).random((count, 5))  # row by row: fewer bars are the first of more bars
    middle = 10.0 ** (12.0 * chance[:, 0] - 6.0)
    body = middle[:, None] * (0.9 + 0.2 * chance[:, 1:3])
    low, high = body.min(axis=1) * 0.99, body.max(axis=1) * 1.01
    volume = np.where(chance[:, 3] < 0.1, np.nan, np.round(1e6 * chance[:, 4], 3))
    time = start + step * np.arange(count, dtype=np.int64)
    return Bars(symbol, timeframe, time, body[:, 0].copy(), high, low, body[:, 1].copy(), volume)
