"""Every public indicator with what is promised of it; a test asserts that none is missing here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from domain import indicators as ours

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from domain.strategy import Series

    type Columns = NDArray[np.float64]
    """High, low, close and volume, shape (4, bars)."""


@dataclass(frozen=True)
class Case:
    """A call of an indicator; ``warm_up`` bars without a value for each output; the ``window`` it depends on, None for all bars."""

    compute: Callable[[Columns], Series | tuple[Series, ...]]
    warm_up: tuple[int, ...]
    window: int | None = None

    def __call__(self, columns: Columns) -> NDArray[np.float64]:
        """Return one row an output."""
        return np.atleast_2d(self.compute(columns))


CASES = {
    "sma": Case(lambda bars: ours.sma(bars[2], 7), (6,), 7),
    "wma": Case(lambda bars: ours.wma(bars[2], 5), (4,), 5),
    "standard_deviation": Case(lambda bars: ours.standard_deviation(bars[2], 6), (5,), 6),
    "bollinger_bands": Case(lambda bars: ours.bollinger_bands(bars[2], 5, 2.0), (4, 4, 4), 5),
    "highest": Case(lambda bars: ours.highest(bars[0], 11), (10,), 11),
    "lowest": Case(lambda bars: ours.lowest(bars[1], 7), (6,), 7),
    "donchian_channel": Case(lambda bars: ours.donchian_channel(bars[0], bars[1], 6), (5, 5, 5), 6),
    "momentum": Case(lambda bars: ours.momentum(bars[2], 4), (4,), 5),
    "rate_of_change": Case(lambda bars: ours.rate_of_change(bars[2], 3), (3,), 4),
    "difference": Case(lambda bars: ours.difference(bars[2], 3), (3,), 4),
    "commodity_channel_index": Case(lambda bars: ours.commodity_channel_index(*bars[:3], 6), (5,), 6),
    "williams_r": Case(lambda bars: ours.williams_r(*bars[:3], 5), (4,), 5),
    "stochastic": Case(lambda bars: ours.stochastic(*bars[:3], 5, 3, 2), (6, 7), 8),
    "true_range": Case(lambda bars: ours.true_range(*bars[:3]), (1,), 2),
    "ema": Case(lambda bars: ours.ema(bars[2], 5), (4,)),
    "dema": Case(lambda bars: ours.dema(bars[2], 4), (6,)),
    "tema": Case(lambda bars: ours.tema(bars[2], 4), (9,)),
    "kama": Case(lambda bars: ours.kama(bars[2], 6), (6,)),
    "rsi": Case(lambda bars: ours.rsi(bars[2], 5), (5,)),
    "macd": Case(lambda bars: ours.macd(bars[2], 3, 6, 4), (8, 8, 8)),
    "atr": Case(lambda bars: ours.atr(*bars[:3], 5), (5,)),
    "adx": Case(lambda bars: ours.adx(*bars[:3], 4), (7,)),
    "plus_di": Case(lambda bars: ours.plus_di(*bars[:3], 4), (4,)),
    "minus_di": Case(lambda bars: ours.minus_di(*bars[:3], 4), (4,)),
    "parabolic_sar": Case(lambda bars: ours.parabolic_sar(*bars[:2]), (1,)),
    "supertrend": Case(lambda bars: ours.supertrend(*bars[:3], 5, 2.0), (5, 5)),
    "obv": Case(lambda bars: ours.obv(*bars[2:]), (0,)),
    "accumulation_distribution": Case(lambda bars: ours.accumulation_distribution(*bars), (0,)),
}
NOT_INDICATORS = {"at_crosses", "crossed_above", "crossed_below", "pandas_ta_indicator"}
"""Public functions that answer with something else, and have tests of their own."""


def random_columns(count: int, seed: int) -> Columns:
    """Return bars around a random walk."""
    random = np.random.default_rng(seed)
    close = np.cumsum(random.normal(size=count)) + 100.0
    return np.array([close + random.random(count), close - random.random(count), close, np.rint(1e5 * random.random(count))])
