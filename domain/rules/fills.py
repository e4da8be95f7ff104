"""What an exchange would do with one order at one point of a bar (fill model 1)."""

from enum import IntEnum
from math import floor
from typing import Final, NamedTuple

from domain.rules.accounting import MOST_LOTS, affordable_lots, value_of
from domain.rules.costs import Costs, Levies, Liquidity, commission, friction
from domain.rules.regulatory import regulatory_fee
from domain.rules.rule import rule

UNLIMITED: Final = MOST_LOTS
"""The allowance where there is no volume rule."""

_ROUNDING: Final = 2.0**-50  # of a price: more than the difference of two prices is rounded by

VOLUME_SHARE_DAILY: Final = 0.025
VOLUME_SHARE_INTRADAY: Final = 0.10
VOLUME_SHARE_OFF: Final = 0.0


class OrderType(IntEnum):
    """How an order waits for its price."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3
    TRAILING_STOP = 4
    MARKET_ON_CLOSE = 5

    @property
    def code(self) -> str:
        """The name in journals and JSON."""
        return self.name.lower()


class TimeInForce(IntEnum):
    """How long an order waits: until cancelled, to the session's close, or for the first opening, all of it or what there is."""

    GTC = 0
    DAY = 1
    IOC = 2
    FOK = 3

    @property
    def code(self) -> str:
        """The name in journals and JSON."""
        return self.name.lower()


class Reason(IntEnum):
    """Why an order was placed; the closed list of the ledger."""

    TARGET = 0
    STOP_LOSS = 1
    TAKE_PROFIT = 2
    TRAILING_STOP = 3
    TIME_EXIT = 4
    LIQUIDATION = 5
    CORPORATE_ACTION = 6
    FLATTEN = 7

    @property
    def code(self) -> str:
        """The name in ledgers and JSON."""
        return self.name.lower()


class PathMode(IntEnum):
    """Which way a bar is taken between its open and its close."""

    WORST = 0
    OHLC = 1
    OLHC = 2
    NEAREST = 3
    FINER = 4

    @property
    def code(self) -> str:
        """The name in options and JSON."""
        return self.name.lower()


class Fill(NamedTuple):
    """What one order got at one point: ``cut_lots`` were withdrawn because cash does not pay for them."""

    lots: int
    price: float
    fee: float
    cut_lots: int


@rule
def volume_allowance(volume: float, share: float, lots_per_unit: int) -> int:
    """Return how many lots may trade in a bar of ``volume`` units: at most ``share`` of it, nothing where it is 0.

    NaN volume is unknown, as in FX: then there is no volume rule. A ``share`` of 0 switches the rule off.
    """
    if volume != volume:  # noqa: PLR0124 - the NaN test that compiled and interpreted code share
        return UNLIMITED
    if volume <= 0.0:
        return 0
    if share <= 0.0:
        return UNLIMITED
    lots = share * volume * lots_per_unit
    return floor(lots) if lots < UNLIMITED else UNLIMITED


@rule
def market_price(point: float, side: int, rate: float) -> float:
    """Return the price of a market order at ``point``: spread, slippage and impact, together ``rate``, are always against us."""
    return point * (1.0 + side * rate)


@rule
def stop_is_met(side: int, stop: float, point: float) -> bool:
    """Return whether the price at ``point`` is at or through a stop: at or above it for a buy, at or below it for a sell."""
    return side * (point - stop) >= 0.0


@rule
def stop_point(side: int, stop: float, point: float) -> float:
    """Return where a stop acts that the price meets coming from ``point``: the stop, or the point if it lies through it (a gap)."""
    return point if stop_is_met(side, stop, point) else stop


@rule
def limit_is_met(side: int, limit: float, point: float, half_tick: float) -> bool:
    """Return whether trading at ``point`` is through a limit, by more than half a tick: a mere touch does not fill.

    Half a tick is not more than itself, however the difference of the two prices was rounded.
    """
    return side * (limit - point) > half_tick + limit * _ROUNDING


@rule
def limit_is_touched(side: int, limit: float, point: float) -> bool:
    """Return whether trading at ``point`` is at a limit or through it."""
    return side * (limit - point) >= 0.0


@rule
def limit_price(side: int, limit: float, point: float) -> float:
    """Return the price of a limit order met at ``point``: the point where that is better (a gap in our favour), else the limit."""
    return point if side * (limit - point) > 0.0 else limit


@rule
def fee_of(side: int, lots: int, price: float, costs: Costs, levies: Levies, lots_per_unit: int) -> float:
    """Return the whole fee of a fill: commission, and on sales what regulators take."""
    units, notional = float(lots) / lots_per_unit, value_of(lots, price, lots_per_unit)
    if lots == 0:
        return 0.0
    paid = commission(units, notional, costs)
    return paid if side > 0 else paid + regulatory_fee(notional, units, levies.sec_rate, levies.taf_rate, levies.taf_cap)


@rule
def fee_within(charged: float, money: float) -> float:
    """Return a sale's fee, at most the ``money`` there is: an exit passes, and the cash of a cash account stays at 0 or above."""
    if charged <= money:
        return charged
    return floor(money * 10_000.0) / 10_000.0 if money > 0.0 else 0.0


@rule
def simulate_fill(
    side: int, lots: int, price: float, allowance: int, cash: float, costs: Costs, levies: Levies, lots_per_unit: int
) -> Fill:
    """Fill ``lots`` at ``price``, within the bar's ``allowance`` and, for a buy, within ``cash``.

    What the volume leaves stays open; what cash cannot pay is cut from the order. A sale's fee never takes more than there is.
    """
    filled = lots if lots < allowance else allowance
    charged = fee_of(side, filled, price, costs, levies, lots_per_unit)
    money = value_of(filled, price, lots_per_unit)
    if side < 0:
        return Fill(filled, price, fee_within(charged, money + cash), 0)
    if filled == 0 or money + charged <= cash:
        return Fill(filled, price, charged, 0)
    paid = affordable_lots(filled, price, cash, costs, lots_per_unit)
    return Fill(paid, price, fee_of(side, paid, price, costs, levies, lots_per_unit), lots - paid)


@rule
def simulate_market_fill(
    side: int,
    lots: int,
    point: float,
    allowance: int,
    cash: float,
    costs: Costs,
    levies: Levies,
    liquidity: Liquidity,
    lots_per_unit: int,
) -> Fill:
    """Fill a market order of ``lots`` at ``point``: as ``simulate_fill``, at the price that its size moves against us."""
    traded = lots if lots < allowance else allowance
    price = market_price(point, side, friction(costs, float(traded) / lots_per_unit, liquidity))
    return simulate_fill(side, lots, price, allowance, cash, costs, levies, lots_per_unit)
