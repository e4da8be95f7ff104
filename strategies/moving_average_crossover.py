"""Two moving averages crossing."""

from dataclasses import dataclass
from typing import Annotated, Literal

from domain.indicators import at_crosses, ema, sma
from domain.strategy import Bars, Search, Series, Strategy, require


@dataclass(frozen=True)
class MovingAverageCrossover(Strategy):
    """Hold the asset from the cross of its fast average above the slow one to the cross below."""

    fast: Annotated[int, Search(5, 50)] = 10
    slow: Annotated[int, Search(20, 200)] = 30
    average: Literal["sma", "ema"] = "sma"
    short: bool = False

    def check(self) -> None:
        """Refuse a fast average that is not faster."""
        require(self.fast < self.slow, f"parameter fast must be below slow, got fast={self.fast} and slow={self.slow}")

    @property
    def recursive(self) -> bool:
        """Exponential averages remember every bar."""
        return self.average == "ema"

    @property
    def lookback(self) -> int:
        """The slow window and the bar before it; an EMA's weights fall below 2**-53 within 20 of its lengths."""
        return 20 * (self.slow + 1) if self.recursive else self.slow + 1

    def indicators(self, bars: Bars) -> dict[str, Series]:
        """Return both averages."""
        average = ema if self.recursive else sma
        return {"fast": average(bars.close, self.fast), "slow": average(bars.close, self.slow)}

    def target(self, bars: Bars) -> Series:
        """Long at the cross above, flat or short at the cross below."""
        fast, slow = self.indicators(bars).values()
        return at_crosses(fast, slow, 1.0, -1.0 if self.short else 0.0)
