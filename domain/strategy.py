"""One definition of a strategy for back-test, sweep, replay and live."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf, nan
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from domain.errors import DataError, InputError, TradingError
from domain.market import Bars, Side, Timeframe
from domain.parameters import Between, Search, known, parameters_of
from domain.resampling import COARSER, FINEST, check_coarser, resample
from domain.rules.exits import ExitRules
from domain.rules.fills import OrderType, TimeInForce
from domain.wishes import Cancel, View, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

__all__ = [
    "COARSER",
    "FINEST",
    "Bars",
    "Between",
    "Cancel",
    "Exits",
    "OrderType",
    "Search",
    "Series",
    "Side",
    "Strategy",
    "TimeInForce",
    "Timeframe",
    "View",
    "Wish",
    "check_coarser",
    "checked_target",
    "last_target",
    "require",
    "resample",
]

type Series = NDArray[np.float64]
"""Values aligned with bars, NaN where there is none."""

DEFAULT_LOOKBACK: Final = 500
_FLOAT64: Final = np.dtype(np.float64)


@dataclass(frozen=True, slots=True)
class Exits:
    """Exits that depend on the position, None for none.

    ``stop_loss`` and ``take_profit`` are fractions of the average entry price, ``trailing`` one of the best price since the entry;
    ``bars`` leaves at the open after so many closes. Raises InputError for a value that is none.
    """

    stop_loss: float | None = None
    take_profit: float | None = None
    trailing: float | None = None
    bars: int | None = None

    def __post_init__(self) -> None:
        for name, below in (("stop_loss", 1.0), ("take_profit", inf), ("trailing", 1.0)):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < below:
                raise InputError(f"exit {name} must be a fraction above 0 and below {below:g}, such as 0.05, got {value!r}")
        if self.bars is not None and not (isinstance(self.bars, int) and self.bars >= 1):
            raise InputError(f"exit bars must be a whole number of at least 1, got {self.bars!r}")

    def rules(self) -> ExitRules:
        """Return them as the trading rules take them."""
        return ExitRules(_fraction(self.stop_loss), _fraction(self.take_profit), _fraction(self.trailing), self.bars or 0)


def _fraction(value: float | None) -> float:
    return nan if value is None else float(value)


@dataclass(frozen=True)
class Strategy:
    """Base of every strategy: a frozen dataclass whose fields are its parameters.

    A subclass lives in ``strategies/<name>.py``; the module's name is the strategy's. Its docstring's first line describes it
    to people. Parameters are int, float, bool, str or a Literal of texts, each with a default; ``Annotated`` adds their
    ``Search`` range and, where it differs from the usual one, the ``Between`` they may lie in. Creating a strategy checks types
    and bounds, then calls ``check``; all raise InputError.
    """

    exits: ClassVar[Exits] = Exits()
    """What leaves a position whatever the target says; where it depends on parameters, a property of the subclass."""

    def __post_init__(self) -> None:
        for parameter in parameters_of(type(self)):
            # The one moment a frozen parameter is set: 30 for a float becomes 30.0.
            object.__setattr__(self, parameter.name, parameter.check(getattr(self, parameter.name)))
        self.check()

    def check(self) -> None:
        """Refuse parameters that contradict each other, with ``require``; types and bounds are checked already."""

    def check_timeframe(self, timeframe: Timeframe) -> None:
        """Refuse bars of a size the strategy cannot decide on; asked before a run begins. Raises InputError."""

    @property
    def lookback(self) -> int:
        """How many of the last bars, of whatever size, decide the same as the whole series; the warm-up of a live session."""
        return DEFAULT_LOOKBACK

    def lookback_of(self, timeframe: Timeframe) -> int:
        """Return ``lookback`` for bars of this size, where a strategy that looks at coarser ones needs fewer of them."""
        del timeframe
        return self.lookback

    @property
    def recursive(self) -> bool:
        """Whether the strategy remembers every bar since the first, by indicators that do (EMA, RSI) or by itself.

        False promises decisions equal to the bit from the last ``lookback`` bars alone. True promises the same once the
        recursive functions of ``domain.indicators`` have their memory: live, a strategy that calls some of them sees its last
        ``lookback`` bars, and their values as from the run's first bar. One that calls none always sees the whole run.
        """
        return True

    def indicators(self, bars: Bars) -> dict[str, Series]:
        """Return named series aligned with ``bars``, for pages and reports; each value from its own and earlier bars only."""
        del bars
        return {}

    def target(self, bars: Bars) -> Series:
        """Return the exposure wanted after each bar's close, in [-1, 1]; NaN lets the standing target stand, here always."""
        return np.full(len(bars), np.nan)

    def on_bars(self, view: View) -> Sequence[Wish | Cancel]:
        """Return the orders to place and withdraw after a close, for a strategy that decides on events instead of targets.

        One that overrides this has a ``target`` of NaN throughout, runs in the event engine alone, and is asked for each of its
        symbols at each of their closes.
        """
        del view
        return ()

    @classmethod
    def decides_on_events(cls) -> bool:
        """Return whether the strategy places its own orders; the kernel is not offered for it then."""
        return cls.on_bars is not Strategy.on_bars

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameter values by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def strategy_name(cls) -> str:
        """Return the name people use: that of the module the class stands in."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def description(cls) -> str:
        """Return the first line of the class's own docstring, without a full stop; empty where there is none."""
        text = (cls.__doc__ or "").strip()
        generated = text.startswith(f"{cls.__name__}(")  # what dataclass writes where a class has none
        return "" if generated or not text else text.splitlines()[0].rstrip(".")

    @classmethod
    def create(cls, given: Mapping[str, Any]) -> Self:
        """Return the strategy with these parameters, defaults for the rest; raise InputError for one unknown or refused."""
        known(cls, cls.strategy_name(), given)
        return cls(**given)

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> dict[str, Any]:
        """Return parameters written as text, as ``--param fast=10`` gives them, as values; raise InputError as ``create``."""
        specs = known(cls, cls.strategy_name(), given)
        return {name: specs[name].parse(text) for name, text in given.items()}


def require(condition: bool, message: str) -> None:  # noqa: FBT001 the condition reads as the sentence it is
    """Raise InputError with ``message`` unless ``condition`` holds."""
    if not condition:
        raise InputError(message)


def checked_target(strategy: Strategy, bars: Bars) -> Series:
    """Return ``strategy.target(bars)``: one float64 in [-1, 1] or NaN for each bar.

    The strategy sees the bars read-only. Raise DataError, naming strategy, symbol and reason, where it fails or returns
    anything else; a caller drops the whole answer, never a part of it.
    """
    target = shaped_target(strategy, read_only(bars))
    refused = ~((np.abs(target) <= 1.0) | np.isnan(target))
    if refused.any():
        first = int(refused.argmax())
        raise _out_of_range(strategy, bars, target[first], first)
    return target


def last_target(strategy: Strategy, bars: Bars) -> float:
    """Return the last of ``strategy.target(bars)``, NaN or in [-1, 1], for bars that are read-only already; raise DataError.

    The targets before it were looked at when they were the last.
    """
    target = shaped_target(strategy, bars).item(-1)
    if abs(target) > 1.0:
        raise _out_of_range(strategy, bars, target, len(bars) - 1)
    return target


def shaped_target(strategy: Strategy, bars: Bars) -> Series:
    """Return ``strategy.target(bars)``, a float64 for each bar, for bars that are read-only already.

    Raise DataError as ``checked_target`` does; whether the values are targets is not asked here.
    """
    try:
        target = strategy.target(bars)
    except TradingError:
        raise
    except (Exception, SystemExit) as error:
        raise DataError(f"{_who(strategy, bars)} failed: {type(error).__name__}: {error}") from error
    if type(target) is not np.ndarray or target.dtype != _FLOAT64:
        given = f"array of {target.dtype}" if isinstance(target, np.ndarray) else type(target).__name__
        raise DataError(f"{_who(strategy, bars)} must return a numpy array of float64, got {given}")
    if target.shape != (len(bars),):
        raise DataError(f"{_who(strategy, bars)} must return one target for each of {len(bars)} bars, got shape {target.shape}")
    return target


def _out_of_range(strategy: Strategy, bars: Bars, target: float, index: int) -> DataError:
    return DataError(f"{_who(strategy, bars)} must return targets from -1 to 1 or NaN, got {target:g} at bar {index}")


def _who(strategy: Strategy, bars: Bars) -> str:
    return f"strategy {strategy.strategy_name()} on {bars.symbol}"


def read_only(bars: Bars) -> Bars:
    """Return the bars with columns that cannot be written to; the same bars where they are so already."""
    columns = {name: getattr(bars, name) for name in ("time", "open", "high", "low", "close", "volume")}
    if not any(column.flags.writeable for column in columns.values()):
        return bars
    columns = {name: column.view() for name, column in columns.items()}
    for column in columns.values():
        column.flags.writeable = False
    return structs.replace(bars, **columns)
