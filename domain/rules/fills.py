"""What an exchange would do with an order on a bar (fill model 1)."""

from enum import IntEnum
from math import floor
from typing import Final, NamedTuple

from domain.rules.accounting import MOST_LOTS, affordable_lots, value_of
from domain.rules.costs import Costs, fee
from domain.rules.rule import rule

UNLIMITED: Final = MOST_LOTS
"""The allowance where there is no volume rule."""

VOLUME_SHARE_DAILY: Final = 0.025
VOLUME_SHARE_INTRADAY: Final = 0.10
VOLUME_SHARE_OFF: Final = 0.0


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
def market_price(point: float, side: int, slippage_rate: float) -> float:
    """Return the price of a market order at ``point``: slippage is always against us."""
    return point * (1.0 + side * slippage_rate)


@rule
def simulate_fill(side: int, lots: int, point: float, allowance: int, cash: float, costs: Costs, lots_per_unit: int) -> Fill:
    """Fill a market order of ``lots`` at ``point``, within the bar's ``allowance`` and, for a buy, within ``cash``.

    What the volume leaves stays open; what cash cannot pay is cut from the order.
    """
    price = market_price(point, side, costs.slippage_rate)
    filled = lots if lots < allowance else allowance
    cut = 0
    if side > 0 and filled > 0:
        paid = affordable_lots(filled, price, cash, costs, lots_per_unit)
        if paid < filled:
            cut = lots - paid
            filled = paid
    return Fill(filled, price, fee(value_of(filled, price, lots_per_unit), costs), cut)
