"""What is traded and what its prices look like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from domain.errors import InputError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
"""Durations in microseconds, the unit of every time in the domain."""

_PAIR = re.compile(r"[A-Z0-9]+[-/]([A-Z]{3,5})|[A-Z]{3}([A-Z]{3})(?:=X)?")
_NO_CURRENCY = {"PERP", "SWAP"}
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.\-/=^]{0,19}")


class AssetClass(StrEnum):
    """The kinds of instruments; each has its own calendar, lot and tick."""

    EQUITY = "equity"
    CRYPTO = "crypto"
    FX = "fx"


class Side(IntEnum):
    """The direction of an order or a fill, as the sign of its quantity."""

    BUY = 1
    SELL = -1


@dataclass(frozen=True, slots=True)
class Timeframe:
    """The length of a bar. ``1d`` is a session of the instrument's calendar, not 24 hours; ``1w`` the sessions from a Monday on."""

    name: str
    length: int

    @property
    def is_daily(self) -> bool:
        """Whether a bar is one session."""
        return self.length == DAY

    @classmethod
    def parse(cls, name: str) -> Timeframe:
        """Return the timeframe called ``name``; raise InputError for any other."""
        try:
            return TIMEFRAMES[name]
        except KeyError:
            allowed = ", ".join(TIMEFRAMES)
            raise InputError(f"timeframe {name!r} is unknown: {nearest(name, TIMEFRAMES)}allowed are {allowed}") from None


TIMEFRAMES: Final = {
    name: Timeframe(name, length)
    for name, length in {
        "1m": MINUTE,
        "5m": 5 * MINUTE,
        "15m": 15 * MINUTE,
        "30m": 30 * MINUTE,
        "1h": HOUR,
        "4h": 4 * HOUR,
        "1d": DAY,
    }.items()
}
"""What bars are stored and traded as."""

WEEKLY: Final = Timeframe("1w", WEEK)
"""Bars that others are looked at in, never stored or traded: a year of them is not the year of ``performance``."""


class Instrument(msgspec.Struct, frozen=True):
    """What the rules must know of a symbol.

    ``lots_per_unit`` is how many of the smallest tradable quantities make one unit (1 share, 1e8 for crypto).
    """

    symbol: str
    asset_class: AssetClass = AssetClass.EQUITY
    calendar: str = "XNYS"
    currency: str = "USD"
    lots_per_unit: int = 1
    tick: float = 0.01
    tick_below_one: float = 0.0001

    @classmethod
    def of(cls, symbol: str, asset_class: AssetClass = AssetClass.EQUITY, currency: str | None = None) -> Instrument:
        """Return the instrument with the conventions of its asset class.

        ``currency`` None is the quote currency in the symbol of a crypto or FX pair, such as EUR-USD, and USD otherwise.
        """
        currency = currency or quote_currency(symbol, asset_class)
        if asset_class is AssetClass.CRYPTO:
            return cls(symbol, asset_class, "24/7", currency, 100_000_000, 0.01, 1e-8)
        if asset_class is AssetClass.FX:
            return cls(symbol, asset_class, "FX", currency, 1, 1e-5, 1e-5)
        return cls(symbol, asset_class, "XNYS", currency)


def quote_currency(symbol: str, asset_class: AssetClass) -> str:
    """Return the currency a pair is quoted in by its name; USD for equities and for names that do not say."""
    if asset_class is AssetClass.EQUITY:
        return "USD"
    pair = _PAIR.fullmatch(symbol)
    quote = (pair[1] or pair[2]) if pair else "USD"
    return "USD" if quote in _NO_CURRENCY else quote


def parse_symbol(text: str) -> str:
    """Return ``text`` as a symbol in upper case; raise InputError where it cannot be one."""
    symbol = text.strip().upper()
    if not _SYMBOL.fullmatch(symbol):
        raise InputError(
            f"symbol {text[:40]!r} is not valid: 1 to 20 of A-Z 0-9 . - / = ^, beginning with a letter or digit, such as BRK.B"
        )
    return symbol


class Bar(msgspec.Struct, frozen=True, gc=False):
    """One bar as traded: ``time`` its start in UTC microseconds, prices raw, ``volume`` NaN where unknown."""

    symbol: str
    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class CorporateAction(msgspec.Struct, frozen=True):
    """A change of what a share is.

    ``ex_date`` and ``pay_date`` are ISO dates. ``action`` is ``split`` (``value`` new shares per old), ``dividend``
    (``value`` cash per share) or ``delisting`` (``value`` the haircut on the last price, a fraction).
    """

    symbol: str
    ex_date: str
    action: str
    value: float
    pay_date: str | None = None


class Bars(msgspec.Struct, frozen=True):
    """Bars of one symbol as columns of equal length, in time order.

    ``time`` is int64 UTC microseconds of the bars' starts; the others are float64, ``volume`` with NaN for unknown.
    ``calendar`` is that of the instrument. A struct, as a live session makes one of them a decision.
    """

    symbol: str
    timeframe: Timeframe
    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    calendar: str = "XNYS"

    def __len__(self) -> int:
        return len(self.time)

    def slice(self, start: int, stop: int) -> Bars:
        """Return the bars ``start`` to ``stop`` (exclusive), sharing memory."""
        return Bars(
            self.symbol,
            self.timeframe,
            self.time[start:stop],
            self.open[start:stop],
            self.high[start:stop],
            self.low[start:stop],
            self.close[start:stop],
            self.volume[start:stop],
            calendar=self.calendar,
        )

    def bar(self, index: int) -> Bar:
        """Return bar ``index`` as a value."""
        return Bar(
            self.symbol,
            int(self.time[index]),
            float(self.open[index]),
            float(self.high[index]),
            float(self.low[index]),
            float(self.close[index]),
            float(self.volume[index]),
        )

    @classmethod
    def empty(cls, symbol: str, timeframe: Timeframe, calendar: str = "XNYS") -> Bars:
        """Return no bars of ``symbol``."""
        none = np.empty(0, np.float64)
        return cls(symbol, timeframe, np.empty(0, np.int64), none, none, none, none, none, calendar=calendar)
