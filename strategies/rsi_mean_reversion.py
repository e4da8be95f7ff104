"""Buying what fell too fast."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from domain.indicators import rsi
from domain.strategy import Bars, Between, Search, Series, Strategy, require


@dataclass(frozen=True)
class RsiMeanReversion(Strategy):
    """Hold the asset from its relative strength index falling below a low until it rises above a high."""

    period: Annotated[int, Between(2, 10_000), Search(2, 30)] = 14
    low: Annotated[float, Between(0, 100), Search(10, 40)] = 30.0
    high: Annotated[float, Between(0, 100), Search(45, 80)] = 55.0

    def check(self) -> None:
        """Refuse thresholds that would buy and sell on the same bar."""
        require(self.low <= self.high, f"parameter low must not be above high, got low={self.low:g} and high={self.high:g}")

    @property
    def lookback(self) -> int:
        """After 36 periods Wilder's weights are below 2**-52: 500 bars for 14."""
        return -(-500 * self.period // 14)

    def indicators(self, bars: Bars) -> dict[str, Series]:
        """Return the index."""
        return {"rsi": rsi(bars.close, self.period)}

    def target(self, bars: Bars) -> Series:
        """Long below the low, flat above the high."""
        strength = rsi(bars.close, self.period)
        return np.where(strength < self.low, 1.0, np.where(strength > self.high, 0.0, np.nan))
