"""One definition of a strategy for back-test, sweep, replay and live."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from domain.market import Bars

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Bars", "Exits", "Search", "Strategy"]


@dataclass(frozen=True, slots=True)
class Search:
    """The range the optimiser may search for a parameter, both ends included."""

    low: float
    high: float
    step: float | None = None


@dataclass(frozen=True, slots=True)
class Exits:
    """Exits that depend on the position; fractions of the entry price, None for none."""

    stop_loss: float | None = None
    take_profit: float | None = None
    trailing: float | None = None
    bars: int | None = None


@dataclass(frozen=True)
class Strategy:
    """Base of every strategy: a frozen dataclass whose fields are its parameters.

    A subclass lives in ``strategies/<name>.py``; the module's name is the strategy's. Its docstring's first line describes it
    to people.
    """

    exits: ClassVar[Exits] = Exits()

    @property
    def lookback(self) -> int:
        """How many of the last bars decide the same as the whole series."""
        raise NotImplementedError

    @property
    def recursive(self) -> bool:
        """Whether an indicator remembers every bar since the first (EMA, RSI); such a strategy always sees the whole run."""
        return True

    def indicators(self, bars: Bars) -> dict[str, NDArray[np.float64]]:
        """Return named series aligned with ``bars``, for pages and reports; each value from its own and earlier bars only."""
        del bars
        return {}

    def target(self, bars: Bars) -> NDArray[np.float64]:
        """Return the exposure wanted after each bar's close, in [-1, 1]; NaN lets the standing target stand."""
        raise NotImplementedError

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameter values by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
