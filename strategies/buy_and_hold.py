"""The yardstick."""

from dataclasses import dataclass

import numpy as np

from domain.strategy import Bars, Series, Strategy


@dataclass(frozen=True)
class BuyAndHold(Strategy):
    """Buy the asset after its first bar and keep it."""

    @property
    def recursive(self) -> bool:
        """Nothing is remembered."""
        return False

    @property
    def lookback(self) -> int:
        """Any bar will do."""
        return 1

    def target(self, bars: Bars) -> Series:
        """Long, always."""
        return np.ones(len(bars))
