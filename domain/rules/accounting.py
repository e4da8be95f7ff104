"""What fills, splits and dividends do to the books."""

from math import floor
from typing import Final, NamedTuple

from domain.rules.costs import Costs, commission
from domain.rules.rule import rule, to_cents_of_a_cent

_EXACT: Final = 1.0 + 2.0**-50  # a quotient that misses a whole lot by rounding alone still counts as whole
_NO_FRACTION: Final = 1e-9

MOST_LOTS: Final = 2**62
"""More lots than any order can have: what counts beyond it would not fit the 64 bits of compiled code."""


class Position(NamedTuple):
    """Signed ``lots`` held at ``average_price``; ``realised`` is the P&L of what was closed, before fees."""

    lots: int = 0
    average_price: float = 0.0
    realised: float = 0.0


class Booking(NamedTuple):
    """A position after a fill, and the cash that moved."""

    position: Position
    cash: float


class Split(NamedTuple):
    """A position after a split, and the cash paid in lieu of a fraction of a lot."""

    position: Position
    cash: float


@rule
def whole_lots(units: float, lots_per_unit: int) -> int:
    """Return the whole lots in ``units`` (not negative), at most ``MOST_LOTS``."""
    lots = units * lots_per_unit * _EXACT
    return floor(lots) if lots < MOST_LOTS else MOST_LOTS


@rule
def value_of(lots: int, price: float, lots_per_unit: int) -> float:
    """Return the signed value of ``lots`` at ``price``."""
    return float(lots) / lots_per_unit * price  # float first: compiled and interpreted round large integers alike then


@rule
def money_for(lots: int, price: float, costs: Costs, lots_per_unit: int) -> float:
    """Return what buying ``lots`` at ``price`` takes of the cash, commission included."""
    notional = value_of(lots, price, lots_per_unit)
    return notional + commission(float(lots) / lots_per_unit, notional, costs)


@rule
def affordable_lots(lots: int, price: float, cash: float, costs: Costs, lots_per_unit: int) -> int:
    """Return the most of ``lots`` that ``cash`` pays for at ``price`` with its fee; cash never goes below zero."""
    if money_for(lots, price, costs, lots_per_unit) <= cash:
        return lots
    paid, unpaid = 0, lots  # halving the range between them: where lots are tiny, a fee's last decimal is worth millions of lots
    while unpaid - paid > 1:
        tried = (paid + unpaid) // 2
        if money_for(tried, price, costs, lots_per_unit) <= cash:
            paid = tried
        else:
            unpaid = tried
    return paid


@rule
def apply_fill(position: Position, side: int, lots: int, price: float, paid_fee: float, lots_per_unit: int) -> Booking:
    """Book ``lots`` bought or sold: increase, reduce, close or flip.

    The average price is that of the open quantity without fees; fees leave the cash only.
    """
    change = side * lots
    after = position.lots + change
    cash = -value_of(change, price, lots_per_unit) - paid_fee
    if position.lots == 0 or (position.lots > 0) == (change > 0):
        held = abs(position.lots)
        average = (position.average_price * held + price * lots) / (held + lots) if held else price
        return Booking(Position(after, average, position.realised), cash)
    closed = lots if lots < abs(position.lots) else abs(position.lots)
    sign = 1 if position.lots > 0 else -1
    realised = position.realised + value_of(sign * closed, price - position.average_price, lots_per_unit)
    if after == 0:
        return Booking(Position(0, 0.0, realised), cash)
    average = position.average_price if (after > 0) == (position.lots > 0) else price
    return Booking(Position(after, average, realised), cash)


@rule
def split_lots(lots: int, ratio: float) -> int:
    """Return the whole lots that ``lots`` (not negative) become where ``ratio`` new ones replace an old one."""
    return floor(lots * ratio * _EXACT)


@rule
def apply_split(position: Position, ratio: float, opening_price: float, lots_per_unit: int) -> Split:
    """Replace each lot by ``ratio`` lots at ``price / ratio``; a fraction is paid in cash at the opening print."""
    sign = 1 if position.lots > 0 else -1
    lots = split_lots(abs(position.lots), ratio)
    fraction = abs(position.lots) * ratio - lots
    average = position.average_price / ratio
    if fraction <= _NO_FRACTION:
        return Split(Position(sign * lots, average if lots else 0.0, position.realised), 0.0)
    units = sign * fraction / lots_per_unit
    cash = to_cents_of_a_cent(units * opening_price)
    realised = position.realised + (cash - units * average)
    return Split(Position(sign * lots, average if lots else 0.0, realised), cash)


@rule
def is_receivable(cash: float, has_pay_date: bool) -> bool:
    """Return whether a dividend waits for its pay date: what a long position is paid; a short owes it on the ex-date."""
    return has_pay_date and cash > 0.0


@rule
def delisting_price(lots: int, close: float, haircut: float) -> float:
    """Return what a position of ``lots`` in a delisted share is settled at: the last price less a ``haircut`` (a fraction).

    A short position is settled at the last price: a haircut never helps.
    """
    return close * (1.0 - haircut) if lots > 0 else close


@rule
def dividend_cash(lots: int, per_unit: float, lots_per_unit: int) -> float:
    """Return the cash dividend on ``lots``: received when long, owed when short."""
    return to_cents_of_a_cent(value_of(lots, per_unit, lots_per_unit))
