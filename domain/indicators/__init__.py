"""Technical indicators on arrays: each value from its own and earlier bars only, NaN until there are enough of them.

Windowed ones (``windowed``) depend on the values of their window alone, recursive ones (``recursive``) on every bar since the
first. A strategy calls both the same way, on all bars in a back-test and on the last ones live, where a ``Memory`` knows the
rest. ``docs/indicators.md`` lists them.
"""

from domain.indicators.memory import Memory
from domain.indicators.pandas_ta_frames import pandas_ta_indicator
from domain.indicators.recursive import (
    Macd,
    SuperTrend,
    accumulation_distribution,
    adx,
    atr,
    dema,
    ema,
    kama,
    macd,
    minus_di,
    obv,
    parabolic_sar,
    plus_di,
    rsi,
    supertrend,
    tema,
)
from domain.indicators.signals import at_crosses, crossed_above, crossed_below
from domain.indicators.windowed import (
    Channel,
    Stochastic,
    bollinger_bands,
    commodity_channel_index,
    difference,
    donchian_channel,
    highest,
    lowest,
    momentum,
    rate_of_change,
    sma,
    standard_deviation,
    stochastic,
    true_range,
    williams_r,
    wma,
)

__all__ = [
    "Channel",
    "Macd",
    "Memory",
    "Stochastic",
    "SuperTrend",
    "accumulation_distribution",
    "adx",
    "at_crosses",
    "atr",
    "bollinger_bands",
    "commodity_channel_index",
    "crossed_above",
    "crossed_below",
    "dema",
    "difference",
    "donchian_channel",
    "ema",
    "highest",
    "kama",
    "lowest",
    "macd",
    "minus_di",
    "momentum",
    "obv",
    "pandas_ta_indicator",
    "parabolic_sar",
    "plus_di",
    "rate_of_change",
    "rsi",
    "sma",
    "standard_deviation",
    "stochastic",
    "supertrend",
    "tema",
    "true_range",
    "williams_r",
    "wma",
]
