"""What a run trades and by which rules: the one description both drivers and every command share."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite, nan
from typing import TYPE_CHECKING, Final
from zlib import crc32

from msgspec import Struct

from domain.errors import InputError, nearest, repeated
from domain.market import DAY, HOUR, AssetClass, Instrument, Timeframe
from domain.performance import periods_a_year
from domain.regulation import INITIAL_MARGIN, MAINTENANCE_MARGIN
from domain.rules.chance import NO_CHANCE, Chance
from domain.rules.costs import Costs
from domain.rules.exits import ExitRules, Grid, is_any
from domain.rules.fills import VOLUME_SHARE_DAILY, VOLUME_SHARE_INTRADAY, VOLUME_SHARE_OFF, PathMode
from domain.rules.limits import Limits
from domain.rules.margin import NO_MARGIN, MarginTable
from domain.rules.planning import Shorting
from domain.rules.sizing import Sizing, SizingRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.strategy import Strategy

DEFAULT_FRACTION: Final = 0.95
NO_LIMITS: Final = Limits()
DEFAULT_COSTS: Final = Costs()


def _equity_margin() -> MarginTable:
    """Return what equities must be backed with by the newest rows of Regulation T and FINRA rule 4210(c); older ones are equal."""
    kept = MAINTENANCE_MARGIN[-1]
    return MarginTable(INITIAL_MARGIN[-1].share, kept.long, kept.short, kept.short_per_share, kept.low_price, kept.low_per_share)


EQUITY_MARGIN: Final = _equity_margin()
"""The margin of equities; other asset classes are paid in full."""

_SESSION: Final = 6.5 * HOUR
_MEASURED: Final = {SizingRule.VOLATILITY_TARGET, SizingRule.KELLY, SizingRule.RISK_PARITY}


@dataclass(frozen=True, slots=True)
class Assignment:
    """A strategy trading a symbol; a symbol has one, and several strategies share it as one ``domain.shared.SharedSymbol``."""

    symbol: str
    strategy_name: str
    strategy: Strategy
    sizing: Sizing

    @property
    def exits(self) -> ExitRules:
        """The strategy's exits as the rules take them."""
        return self.strategy.exits.rules()


class SymbolTerms(Struct, frozen=True, gc=False):
    """What fixes the trading of one symbol beside its bars: the sizing, exits, grid, margin and borrowing that apply to it.

    ``borrow_rate`` is a year's, NaN where unknown; ``shorting`` a ``Shorting``; ``volume_share`` 0 for no rule.
    """

    sizing: Sizing
    exits: ExitRules
    grid: Grid
    lots_per_unit: int
    volume_share: float
    margin: MarginTable
    borrow_rate: float
    shorting: int


@dataclass(frozen=True, slots=True)
class RunSpec:
    """Everything that fixes a run beside its bars.

    ``assignments`` are in code-point order of their symbols. ``limits`` None switches risk management off. ``volume_limit`` is
    the share of a bar's volume our fills may take: None for the default of asset class and bar size, 0 for no rule. ``margin``
    makes it a margin account; a symbol may be sold short there where ``borrow_rates`` knows it, or ``borrow_rate`` is given.
    ``regulatory_fees`` adds what US regulators take of sales of equities. ``touch_probability`` is that of a limit which the price
    touches and does not trade through, drawn from ``seed``.
    """

    assignments: tuple[Assignment, ...]
    instruments: tuple[Instrument, ...]
    timeframe: Timeframe
    initial_cash: float = 100_000.0
    costs: Costs = DEFAULT_COSTS
    limits: Limits | None = None
    volume_limit: float | None = None
    path: PathMode = PathMode.WORST
    margin: bool = False
    borrow_rate: float | None = None
    borrow_rates: Mapping[str, float] = field(default_factory=dict)
    regulatory_fees: bool = False
    touch_probability: float = 0.0
    seed: int = 0

    def chance(self, symbol: str, time: int) -> Chance:
        """Return the chance of touched limits of a symbol in the bar that starts at ``time``."""
        if self.touch_probability == 0.0:
            return NO_CHANCE
        return Chance(self.touch_probability, self.seed, crc32(symbol.encode()), time)

    def __post_init__(self) -> None:
        symbols = [assignment.symbol for assignment in self.assignments]
        if not symbols:
            raise InputError("a run needs at least one symbol: name them with --symbols")
        if twice := repeated(symbols):
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

    def terms(self, index: int) -> SymbolTerms:
        """Return what applies to the symbol of ``assignments[index]``."""
        assignment, instrument = self.assignments[index], self.instruments[index]
        rate = self.borrow_rates.get(assignment.symbol, self.borrow_rate)
        shorting = Shorting.CASH_ACCOUNT
        if self.margin:
            shorting = Shorting.NO_BORROW if rate is None else Shorting.ALLOWED
        equity = instrument.asset_class is AssetClass.EQUITY
        return SymbolTerms(
            assignment.sizing,
            assignment.exits,
            Grid(round(1.0 / instrument.tick), round(1.0 / instrument.tick_below_one)),
            instrument.lots_per_unit,
            self.volume_share(instrument),
            (EQUITY_MARGIN if equity else MarginTable()) if self.margin else NO_MARGIN,
            nan if rate is None else rate,
            shorting.value,
        )

    @property
    def has_exits(self) -> bool:
        """Whether a position is protected by orders of its own, or left after a time."""
        return any(is_any(assignment.exits) for assignment in self.assignments)

    @property
    def is_measured(self) -> bool:
        """Whether sizes or limits look at returns of the past."""
        limits = self.limits or NO_LIMITS
        return (
            any(assignment.sizing.rule in _MEASURED for assignment in self.assignments)
            or isfinite(limits.max_cluster_exposure)
            or isfinite(limits.max_value_at_risk)
        )

    def bars_a_year(self, instrument: Instrument) -> float:
        """Return the bars of a year of full sessions, by which volatility is scaled."""
        return periods_a_year([instrument.asset_class]) * bars_a_session(self.timeframe, instrument.calendar)

    @property
    def annual_periods(self) -> int:
        """Trading days a year, as ``domain.performance.periods_a_year`` counts them."""
        return periods_a_year(instrument.asset_class for instrument in self.instruments)


def bars_a_session(timeframe: Timeframe, calendar: str) -> int:
    """Return the bars of a full session: for XNYS 1 daily, 7 hourly (stamped on the full hour), 390 a minute."""
    if timeframe.is_daily:
        return 1
    if calendar == "XNYS":
        return -int(-_SESSION // timeframe.length)
    return DAY // timeframe.length


_UNVALUED: Final = {SizingRule.RISK_PARITY}


def parse_sizing(text: str | None, symbols: int) -> Sizing:
    """Return the sizing written as ``rule:value``, such as ``fixed_fraction:0.2``; None gives 0.95 / ``symbols`` of the equity."""
    if text is None:
        return Sizing(SizingRule.FIXED_FRACTION.value, DEFAULT_FRACTION / symbols)
    rules = {rule.name.lower(): rule for rule in SizingRule}
    name, _, number = text.partition(":")
    if name not in rules:
        raise InputError(f"sizing {name!r} is unknown: {nearest(name, rules)}allowed are {', '.join(rules)}")
    if rules[name] in _UNVALUED:
        if number:
            raise InputError(f"sizing {text!r} is not allowed: {name} takes no value")
        return Sizing(rules[name].value, 1.0)
    try:
        value = float(number)
    except ValueError:
        raise InputError(f"sizing {text!r} needs a number: write {name}:VALUE, such as fixed_fraction:0.2") from None
    if not (value > 0.0 and isfinite(value)):
        raise InputError(f"sizing {text!r} is not allowed: the value must be a positive number")
    return Sizing(rules[name].value, value)
