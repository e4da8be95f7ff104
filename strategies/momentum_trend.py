"""Following what rose."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from domain.indicators import momentum
from domain.strategy import Bars, Search, Series, Strategy


@dataclass(frozen=True)
class MomentumTrend(Strategy):
    """Hold the asset while it stands above its price of some time ago."""

    period: Annotated[int, Search(20, 250)] = 90

    @property
    def recursive(self) -> bool:
        """Two closes decide."""
        return False

    @property
    def lookback(self) -> int:
        """This close and the one a period ago."""
        return self.period + 1

    def indicators(self, bars: Bars) -> dict[str, Series]:
        """Return the return over the period."""
        return {"momentum": momentum(bars.close, self.period)}

    def target(self, bars: Bars) -> Series:
        """Long above zero, flat below."""
        change = momentum(bars.close, self.period)
        return np.where(change > 0.0, 1.0, np.where(change < 0.0, 0.0, np.nan))
