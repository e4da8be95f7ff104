"""The shape of the configuration: what may be set, of which type, within which bounds.

Each field says in ``Allowed`` what a person may write; ``tasks.settings`` puts it into the message that refuses anything else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PrivateAttr, Strict, WrapValidator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from domain.errors import InputError, repeated
from domain.market import Timeframe, parse_symbol
from domain.rules.costs import Costs
from domain.rules.limits import Limits
from domain.run import parse_sizing
from tasks.cron import check_cron


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a field accepts, in words that continue ``allowed is``."""

    text: str


def _off_or(value: Any, inner: Callable[[Any], Any]) -> Any:
    """Turn the word ``off`` into None and leave everything else, null included, to the field's own check."""
    if value == "off":
        return None
    if value is None:
        raise ValueError("switch it off with the word off")
    return inner(value)


def _none_or(value: Any, inner: Callable[[Any], Any]) -> Any:
    return None if value == "none" else inner(value)


def _max_or(value: Any, inner: Callable[[Any], Any]) -> Any:
    return math.inf if value == "max" else inner(value)


def _passing[T: str | None](check: Callable[[str], object]) -> Callable[[T], T]:
    """Return a validator that refuses what ``check`` refuses, with its message; None passes."""

    def validate(value: T) -> T:
        try:
            if value is not None:
                check(value)
        except InputError as error:
            raise ValueError(str(error)) from None
        return value

    return validate


def _symbol(value: str) -> str:
    try:
        return parse_symbol(value)
    except InputError as error:
        raise ValueError(str(error)) from None


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"{value[:60]!r} is no time zone of the IANA database: write for example America/New_York") from None
    return value


def _feed(value: str) -> str:
    kind, separator, path = value.partition(":")
    if kind in {"yahoo", "alpaca"}:
        raise ValueError(f"{kind} is not there yet: allowed is replay, or replay:PATH for the bars of a file")
    if kind != "replay" or (separator and not path):
        raise ValueError(f"{value[:60]!r} is unknown: allowed is replay, or replay:PATH for the bars of a file")
    return value


def _parameters(value: Mapping[str, Any]) -> Mapping[str, Any]:
    for name, given in value.items():
        plain = isinstance(given, bool | int | str) or (isinstance(given, float) and math.isfinite(given))
        if not plain:
            raise ValueError(f"{name} is {str(given)[:60]}: allowed is a finite number, true, false or a word")
    return MappingProxyType(dict(value))


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    if twice := repeated(value):
        raise ValueError(f"{', '.join(twice)} stands twice: name each symbol once")
    return value


_FRACTION: Final = "a number above 0 and at most 1 (0.3 is 30 %), or the word off"
_LOSS: Final = "a number above 0 and below 1 (0.03 is 3 %), or the word off"
_BPS: Final = "a number from 0 to 1000 basis points (5 is 0.05 %)"

Share = Annotated[float | None, Strict(), Field(gt=0, le=1, allow_inf_nan=False), WrapValidator(_off_or), Allowed(_FRACTION)]
Gross = Annotated[
    float | None,
    Strict(),
    Field(gt=0, le=4, allow_inf_nan=False),
    WrapValidator(_off_or),
    Allowed("a number above 0 and at most 4 (1.0 is all of the equity), or the word off"),
]
Loss = Annotated[float | None, Strict(), Field(gt=0, lt=1, allow_inf_nan=False), WrapValidator(_off_or), Allowed(_LOSS)]
Amount = Annotated[
    float | None,
    Strict(),
    Field(gt=0, le=1e15, allow_inf_nan=False),
    WrapValidator(_off_or),
    Allowed("a number above 0, or the word off"),
]
Count = Annotated[
    int | None, Strict(), Field(ge=1, le=1_000_000), WrapValidator(_off_or), Allowed("a whole number from 1, or the word off")
]
Correlation = Annotated[
    float, Strict(), Field(gt=0, le=1, allow_inf_nan=False), Allowed("a correlation above 0 and at most 1, such as 0.7")
]
Rate = Annotated[
    float | None,
    Strict(),
    Field(ge=0, le=10, allow_inf_nan=False),
    WrapValidator(_off_or),
    Allowed("a fraction a year from 0 to 10 (0.03 is 3 %), or the word off"),
]
KnownRate = Annotated[float, Strict(), Field(ge=0, le=10, allow_inf_nan=False), Allowed("a fraction a year from 0 to 10")]
Money = Annotated[float, Strict(), Field(ge=0, le=1e9, allow_inf_nan=False), Allowed("an amount of money from 0")]
BasisPoints = Annotated[float, Strict(), Field(ge=0, le=1000, allow_inf_nan=False), Allowed(_BPS)]
Cash = Annotated[float, Strict(), Field(gt=0, le=1e12, allow_inf_nan=False), Allowed("a number above 0 and at most 1e12")]
Speed = Annotated[
    float,
    Strict(),
    Field(gt=0, le=1e6, allow_inf_nan=False),
    WrapValidator(_max_or),
    Allowed("bars a second, a number above 0 and at most 1e6, or the word max"),
]
Flag = Annotated[bool, Strict(), Allowed("true or false")]
Word = Annotated[str, Strict(), Field(pattern=r"^[a-z][a-z0-9_]{0,39}$"), Allowed("a name of a-z, 0-9 and _, at most 40 long")]
Symbol = Annotated[str, Strict(), AfterValidator(_symbol), Allowed("a symbol such as BRK.B")]
Symbols = Annotated[
    tuple[Symbol, ...],
    Field(min_length=1, max_length=500),
    AfterValidator(_distinct),
    Allowed("a list of at least one symbol, such as [SPY, QQQ]"),
]
Frame = Annotated[str, Strict(), AfterValidator(_passing(Timeframe.parse)), Allowed("a timeframe such as 1d")]
Parameters = Annotated[
    Mapping[str, Any],
    AfterValidator(_parameters),
    PlainSerializer(dict),
    Allowed("names with values, such as {fast: 10, slow: 30}"),
]
SizingText = Annotated[
    str | None,
    Strict(),
    AfterValidator(_passing(lambda text: parse_sizing(text, 1))),
    Allowed("fixed_fraction:F, fixed_quantity:Q, risk_per_trade:R, volatility_target:V, kelly:C or risk_parity"),
]
Cron = Annotated[
    str | None,
    Strict(),
    WrapValidator(_off_or),
    AfterValidator(_passing(check_cron)),
    Allowed('five fields in quotes, such as "30 18 * * 1-5", or the word off'),
]
Zone = Annotated[str, Strict(), AfterValidator(_zone), Allowed("a time zone such as America/New_York")]
Feed = Annotated[str, Strict(), AfterValidator(_feed), Allowed("replay, or replay:PATH for the bars of a file")]


class Section(BaseModel):
    """A part of the configuration: immutable, and no key but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class System(Section):
    """The installation as a whole."""

    environment: Literal["paper", "live", "research"]
    log_level: Literal["debug", "info", "warning", "error"]


class Session(Section):
    """The trading session of ``up``; ``speed`` in bars a second, infinity for as fast as it goes."""

    feed: Feed
    speed: Speed
    initial_cash: Cash


class Broker(Section):
    """Where orders go, under which account name the books are kept, and what type the account is."""

    name: Literal["paper"]
    account: Word
    type: Literal["cash", "margin"] = "cash"


class StrategyEntry(Section):
    """One strategy, and the symbols it trades, alone unless ``shared``. ``sizing`` None is the default share of the equity."""

    name: Word
    enabled: Flag = True
    symbols: Symbols
    timeframe: Frame = "1d"
    parameters: Parameters = Field(default_factory=lambda: MappingProxyType({}))
    sizing: SizingText = None
    shared: Flag = False


class RiskManagement(Section):
    """Bounds as fractions of the equity; None where switched off."""

    max_position_size: Share
    max_gross_exposure: Gross
    daily_loss_limit: Loss
    max_drawdown: Loss
    max_net_exposure: Gross = None
    max_concentration: Share = None
    max_cluster_exposure: Gross = None
    cluster_correlation: Correlation = 0.7
    max_order_size: Amount = None
    max_order_notional: Amount = None
    price_collar: Loss = None
    max_order_rate: Count = None
    max_value_at_risk: Loss = None

    def limits(self) -> Limits:
        """Return the bounds as the trading rules take them."""
        return Limits(**{name: math.inf if bound is None else bound for name, bound in self.model_dump().items()})


class DataProviders(Section):
    """Where bars come from; ``backup`` None where there is none."""

    primary: Literal["yahoo"]
    backup: Annotated[Literal["yahoo"] | None, WrapValidator(_none_or), Allowed("none: there is no second provider yet")]


class CostSettings(Section):
    """What trading costs: basis points of the notional, amounts of money, the coefficient of market impact, borrow rates a year."""

    commission_bps: BasisPoints
    slippage_bps: BasisPoints
    half_spread_bps: BasisPoints = 0.0
    commission_per_unit: Money = 0.0
    commission_per_trade: Money = 0.0
    commission_minimum: Money = 0.0
    commission_maximum_bps: Annotated[BasisPoints | None, WrapValidator(_off_or), Allowed(f"{_BPS}, or the word off")] = None
    impact: Annotated[float, Strict(), Field(ge=0, le=10, allow_inf_nan=False), Allowed("a number from 0 to 10")] = 0.0
    regulatory_fees: Flag = False
    borrow_rate: Rate = None
    borrow_rates: Annotated[Mapping[Symbol, KnownRate], PlainSerializer(dict)] = Field(default_factory=lambda: MappingProxyType({}))

    def rates(self) -> Costs:
        """Return the costs as the trading rules take them."""
        most = math.inf if self.commission_maximum_bps is None else self.commission_maximum_bps / 1e4
        return Costs(
            self.commission_bps / 1e4,
            self.slippage_bps / 1e4,
            self.half_spread_bps / 1e4,
            self.commission_per_unit,
            self.commission_per_trade,
            self.commission_minimum,
            most,
            self.impact,
        )


class Schedules(Section):
    """Cron expressions in the zone ``timezone``; None for never."""

    timezone: Zone
    ingest: Cron
    backtest: Cron
    daily_report: Cron


class Settings(BaseSettings):
    """The whole configuration: typed, validated, immutable. ``tasks.settings.load_settings`` makes it."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    system: System
    session: Session
    broker: Broker
    strategies: tuple[StrategyEntry, ...]
    risk_management: RiskManagement
    data_providers: DataProviders
    costs: CostSettings
    schedules: Schedules

    _origins: dict[tuple[str | int, ...], str] = PrivateAttr(default_factory=dict)

    @property
    def origins(self) -> Mapping[tuple[str | int, ...], str]:
        """The file and line, or the variable, of each value that was written anywhere."""
        return MappingProxyType(self._origins)

    def remember(self, origins: Mapping[tuple[str | int, ...], str]) -> None:
        """Keep where the values came from; for the loader."""
        self._origins.update(origins)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the merged layers alone: the library's own environment source ignores unknown names and converts types."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @property
    def enabled(self) -> tuple[StrategyEntry, ...]:
        """The strategies that trade, in the order of the file."""
        return tuple(entry for entry in self.strategies if entry.enabled)
