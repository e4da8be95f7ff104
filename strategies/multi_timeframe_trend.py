"""Crosses taken with the larger trend."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from domain.indicators import crossed_above, sma
from domain.strategy import COARSER, FINEST, Bars, Search, Series, Strategy, Timeframe, check_coarser, require, resample

DAY = COARSER["1d"].length


@dataclass(frozen=True)
class MultiTimeframeTrend(Strategy):
    """Hold the asset from a cross of its averages to the cross back, entered while a coarser timeframe is above its own.

    A cross that comes while the last complete bar of ``filter_timeframe`` is not above its average is not taken, nor later:
    the next cross is. The cross below leaves whatever the filter says.
    """

    fast: Annotated[int, Search(5, 50)] = 10
    slow: Annotated[int, Search(20, 200)] = 30
    filter_timeframe: Literal["5m", "15m", "30m", "1h", "4h", "1d", "1w"] = "1w"
    filter_period: Annotated[int, Search(2, 50)] = 4

    def check(self) -> None:
        """Refuse a fast average that is not faster."""
        require(self.fast < self.slow, f"parameter fast must be below slow, got fast={self.fast} and slow={self.slow}")

    def check_timeframe(self, timeframe: Timeframe) -> None:
        """Refuse bars that ``filter_timeframe`` cannot be made of."""
        check_coarser(timeframe, COARSER[self.filter_timeframe], "parameter filter_timeframe")

    @property
    def recursive(self) -> bool:
        """The filter forgets what lies before the lookback."""
        return False

    @property
    def lookback(self) -> int:
        """Enough bars of the shortest size."""
        return self.lookback_of(FINEST)

    def lookback_of(self, timeframe: Timeframe) -> int:
        """Return the slow window and the filter's: a session may have four times the bars of its regular hours, and a night."""
        length = COARSER[self.filter_timeframe].length
        span = DAY + (self.filter_period + 1) * max(length, min(4 * length, DAY))
        return self.slow + 1 + span // timeframe.length

    def indicators(self, bars: Bars) -> dict[str, Series]:
        """Return both averages, and close and average of the last complete bar of the filter's timeframe."""
        close, average = self._filter(bars)
        fast, slow = sma(bars.close, self.fast), sma(bars.close, self.slow)
        return {"fast": fast, "slow": slow, "filter_close": close, "filter_average": average}

    def target(self, bars: Bars) -> Series:
        """Long at the cross above while the filter holds, flat at the cross below."""
        fast, slow, close, average = self.indicators(bars).values()
        taken = crossed_above(fast, slow) & (close > average)
        return np.where(taken, 1.0, np.where(crossed_above(slow, fast), 0.0, np.nan))

    def _filter(self, bars: Bars) -> tuple[Series, Series]:
        """Return the last complete coarser close at each bar and its average, NaN where that began before the lookback."""
        coarse = resample(bars, COARSER[self.filter_timeframe])
        complete = coarse.complete_at()
        close = np.append(np.nan, coarse.bars.close)
        average = np.append(np.nan, sma(coarse.bars.close, self.filter_period))
        lookback = self.lookback_of(bars.timeframe)
        oldest = np.append(-lookback, coarse.last)[np.maximum(complete + 1 - self.filter_period, 0)]
        reached = np.arange(len(bars)) - oldest < lookback
        return close[complete], np.where(reached, average[complete], np.nan)
