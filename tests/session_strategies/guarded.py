"""A strategy whose positions are protected by orders of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from domain.strategy import Bars, Exits, Series, Strategy


@dataclass(frozen=True)
class Guarded(Strategy):
    """Long after a higher close and short after a lower one, with all four exits."""

    exits: ClassVar[Exits] = Exits(stop_loss=0.012, take_profit=0.02, trailing=0.015, bars=6)

    @property
    def recursive(self) -> bool:
        """Two closes decide."""
        return False

    @property
    def lookback(self) -> int:
        """Two closes decide."""
        return 2

    def target(self, bars: Bars) -> Series:
        """Return the sign of the change."""
        return np.sign(np.diff(bars.close, prepend=bars.close[:1])).astype(np.float64)
