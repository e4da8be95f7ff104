"""What a run trades and by which rules: the one description both drivers and every command share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from domain.errors import InputError, nearest
from domain.market import AssetClass, Instrument, Timeframe
from domain.performance import periods_a_year
from domain.rules.costs import Costs
from domain.rules.fills import VOLUME_SHARE_DAILY, VOLUME_SHARE_INTRADAY, VOLUME_SHARE_OFF
from domain.rules.limits import Limits
from domain.rules.sizing import Sizing, SizingRule

if TYPE_CHECKING:
    from domain.strategy import Strategy

DEFAULT_FRACTION: Final = 0.95
NO_LIMITS: Final = Limits()
DEFAULT_COSTS: Final = Costs()


@dataclass(frozen=True, slots=True)
class Assignment:
    """A strategy trading a symbol; a symbol has one owner."""

    symbol: str
    strategy_name: str
    strategy: Strategy
    sizing: Sizing


@dataclass(frozen=True, slots=True)
class RunSpec:
    """Everything that fixes a run beside its bars.

    ``assignments`` are in code-point order of their symbols. ``limits`` None switches risk management off. ``volume_limit`` is
    the share of a bar's volume our fills may take: None for the default of asset class and bar size, 0 for no rule.
    """

    assignments: tuple[Assignment, ...]
    instruments: tuple[Instrument, ...]
    timeframe: Timeframe
    initial_cash: float = 100_000.0
    costs: Costs = DEFAULT_COSTS
    limits: Limits | None = None
    volume_limit: float | None = None

    def __post_init__(self) -> None:
        symbols = [assignment.symbol for assignment in self.assignments]
        if not symbols:
            raise InputError("a run needs at least one symbol: name them with --symbols")
        twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
        if twice:
            raise InputError(f"{', '.join(twice)}: a symbol is traded by one strategy, but several are assigned to it")
        if symbols != sorted(symbols) or symbols != [instrument.symbol for instrument in self.instruments]:
            raise InputError(f"assignments and instruments must be the same symbols in code-point order, got {symbols}")
        currencies = sorted({instrument.currency for instrument in self.instruments})
        if len(currencies) > 1:
            raise InputError(f"all symbols of one account are quoted in its currency, got a mixture of {', '.join(currencies)}")
        if not self.initial_cash > 0.0 or self.initial_cash == float("inf"):
            raise InputError(f"initial cash {self.initial_cash} is not allowed: it must be a positive number")

    def volume_share(self, instrument: Instrument) -> float:
        """Return the share of a bar's volume that fills in ``instrument`` may take; 0 for no rule."""
        if self.volume_limit is not None:
            return self.volume_limit
        if instrument.asset_class is not AssetClass.EQUITY:
            return VOLUME_SHARE_OFF
        return VOLUME_SHARE_DAILY if self.timeframe.is_daily else VOLUME_SHARE_INTRADAY

    @property
    def annual_periods(self) -> int:
        """Trading days a year, as ``domain.performance.periods_a_year`` counts them."""
        return periods_a_year(instrument.asset_class for instrument in self.instruments)


_LATER: Final = ("risk_per_trade", "volatility_target", "kelly", "risk_parity")


def parse_sizing(text: str | None, symbols: int) -> Sizing:
    """Return the sizing written as ``rule:value``, such as ``fixed_fraction:0.2``; None gives 0.95 / ``symbols`` of the equity."""
    if text is None:
        return Sizing(SizingRule.FIXED_FRACTION.value, DEFAULT_FRACTION / symbols)
    rules = {rule.name.lower(): rule for rule in SizingRule}
    name, _, number = text.partition(":")
    if name in _LATER:
        raise InputError(f"sizing {name!r} is not there yet: allowed are {', '.join(rules)}")
    if name not in rules:
        raise InputError(f"sizing {name!r} is unknown: {nearest(name, rules)}allowed are {', '.join(rules)}")
    try:
        value = float(number)
    except ValueError:
        raise InputError(f"sizing {text!r} needs a number: write {name}:VALUE, such as fixed_fraction:0.2") from None
    if not 0.0 < value < float("inf"):
        raise InputError(f"sizing {text!r} is not allowed: the value must be a positive number")
    return Sizing(rules[name].value, value)
