"""From a target to an order or a refusal with its reason: exits pass, entries meet sizing, limits, margin and cash."""

from enum import IntEnum
from math import inf
from typing import Final, NamedTuple

from domain.rules.accounting import value_of, whole_lots
from domain.rules.book import NO_GROUP, Book, OwnLots, reducing_lots
from domain.rules.exits import PROTECTIVE
from domain.rules.limits import Barred, Bounded, Breach, Exposure, Limits, bound_by_limits, lots_for
from domain.rules.rule import rule
from domain.rules.sizing import Size

_MISSING: Final = Breach.MISSING_INPUT.value


class Shorting(IntEnum):
    """Whether a symbol may be sold short: the account has to allow it, and a borrow rate to be known."""

    ALLOWED = 0
    CASH_ACCOUNT = 1
    NO_BORROW = 2


class Plan(NamedTuple):
    """Signed ``lots`` to order, and what was refused: ``Breach`` or 0, lots, the value met and its bound.

    ``again`` says that the entry is planned anew at each close while its target stands.
    """

    lots: int
    breach: int
    refused: int
    value: float
    bound: float
    again: bool


class Account(NamedTuple):
    """What planning must know of the account beside the symbol.

    ``exposure`` is the rest of it, open orders at their worst; ``cluster`` the part of that which moves with the symbol;
    ``barred`` what refuses every entry. ``shorting`` is a ``Shorting``; ``initial`` the initial margin rate, 0 in a cash account.
    ``risk_lots`` are the most lots, long or short, that the value at risk allows, at ``risk`` where the order were whole, infinite
    where it cannot be told.
    """

    equity: float
    exposure: Exposure
    cluster: float
    barred: Barred
    shorting: int
    initial: float
    risk_lots: int
    risk: float


@rule
def below_lot(units: float, lots_per_unit: int) -> Plan:
    """Return the refusal of a size that is less than a lot."""
    return Plan(0, Breach.BELOW_LOT.value, 0, units, 1.0 / lots_per_unit, False)


@rule
def payable_lots(lots: int, price: float, cost_rate: float, spendable: float, lots_per_unit: int) -> int:
    """Return the most of ``lots`` that ``spendable`` cash pays at ``price`` plus costs."""
    each = price * (1.0 + cost_rate)
    if value_of(lots, each, lots_per_unit) <= spendable:
        return lots
    if spendable <= 0.0:
        return 0
    most = whole_lots(spendable / each, lots_per_unit)
    most = most if most < lots else lots
    while most > 0 and value_of(most, each, lots_per_unit) > spendable:
        most -= 1
    return most


@rule
def is_planned_again(breach: int) -> bool:
    """Return whether an entry refused for this is planned anew at each close while its target stands: what bars it may pass."""
    return breach in (
        Breach.MISSING_INPUT.value,
        Breach.DAILY_LOSS_LIMIT.value,
        Breach.MAX_DRAWDOWN.value,
        Breach.HALTED.value,
        Breach.MARGIN_CALL.value,
        Breach.PRICE_COLLAR.value,
        Breach.MAX_ORDER_RATE.value,
        Breach.DOUBTED_DATA.value,
    )


@rule
def plan_order(  # noqa: C901 - one rule after the other, in the order in which they cut
    wanted: Size, held: int, price: float, cost_rate: float, lots_per_unit: int, limits: Limits, account: Account
) -> Plan:
    """Return the order that takes the position from ``held`` to ``wanted`` lots, cut to what limits, margin and cash allow.

    The part that reduces the position always passes.
    """
    if wanted.missing:
        turns = (wanted.units < 0.0 and held > 0) or (wanted.units > 0.0 and held < 0)
        return Plan(-held if turns else 0, _MISSING, 0, 0.0, 0.0, is_planned_again(_MISSING))
    if wanted.lots == 0 and wanted.units != 0.0 and held == 0:
        return below_lot(abs(wanted.units), lots_per_unit)
    opposite = (wanted.lots < 0 < held) or (held < 0 < wanted.lots)
    if not opposite and abs(wanted.lots) <= abs(held):
        return Plan(wanted.lots - held, 0, 0, 0.0, 0.0, False)
    kept = 0 if opposite else held
    entry = wanted.lots - kept
    if entry < 0 and account.shorting != Shorting.ALLOWED.value:
        breach = Breach.SHORT_NOT_ALLOWED.value
        if account.shorting == Shorting.NO_BORROW.value:
            breach = Breach.BORROW_UNAVAILABLE.value
        return Plan(kept - held, breach, -entry, wanted.units, 0.0, False)
    if account.barred.breach != 0:
        barred = account.barred
        return Plan(kept - held, barred.breach, abs(entry), barred.value, barred.bound, is_planned_again(barred.breach))
    if not account.equity > 0.0:  # shares of nothing say nothing
        return Plan(kept - held, _MISSING, abs(entry), account.equity, 0.0, is_planned_again(_MISSING))
    if limits.max_value_at_risk < inf and account.risk == inf:
        return Plan(kept - held, _MISSING, abs(entry), 0.0, 0.0, is_planned_again(_MISSING))
    bounded = bound_by_limits(wanted.lots, kept, price, account.equity, account.exposure, account.cluster, lots_per_unit, limits)
    if limits.max_value_at_risk < inf:
        bounded = bound_by_risk(bounded, kept, account, limits)
    if account.initial > 0.0:
        bounded = bound_by_margin(bounded, kept, price, cost_rate, lots_per_unit, account)
    lots, breach, value, bound = bounded.lots - held, bounded.breach, bounded.value, bounded.bound
    if lots > 0 and account.initial == 0.0:
        paid = payable_lots(lots, price, cost_rate, account.exposure.spendable, lots_per_unit)
        paid = max(paid, -held)  # covering a short passes whole
        if paid < lots:
            breach, value = Breach.CASH.value, value_of(lots, price * (1.0 + cost_rate), lots_per_unit)
            lots, bound = paid, account.exposure.spendable
    return Plan(lots, breach, abs(wanted.lots - held - lots), value, bound, False)


@rule
def bound_by_risk(bounded: Bounded, kept: int, account: Account, limits: Limits) -> Bounded:
    """Cut to the lots that the value at risk allows."""
    if abs(bounded.lots) <= account.risk_lots:
        return bounded
    sign = 1 if bounded.lots > 0 else -1
    most = account.risk_lots if account.risk_lots > abs(kept) else abs(kept)
    return Bounded(sign * most, Breach.MAX_VALUE_AT_RISK.value, account.risk, limits.max_value_at_risk)


@rule
def bound_by_margin(bounded: Bounded, kept: int, price: float, cost_rate: float, lots_per_unit: int, account: Account) -> Bounded:
    """Cut the entry to what the equity backs with its initial margin, costs counted; Regulation T for equities."""
    sign = 1 if bounded.lots > 0 else -1
    entry = abs(bounded.lots - kept)
    room = account.equity - account.exposure.margin - value_of(abs(kept), price, lots_per_unit) * account.initial
    each = price * (account.initial + cost_rate)
    if value_of(entry, each, lots_per_unit) <= room:
        return bounded
    most = lots_for(room, each, lots_per_unit)
    return Bounded(kept + sign * most, Breach.MARGIN.value, value_of(entry, each, lots_per_unit), room)


@rule
def kept_lots(wanted: int, held: int) -> int:
    """Return the part of the position that ``wanted`` lots keep: all of it in the same direction, else nothing."""
    return held if (wanted > 0) == (held > 0) else 0


@rule
def enters(held: int, lots: int) -> bool:
    """Return whether an order of signed ``lots`` opens or adds to a position, in whole or in part."""
    return abs(held + lots) > abs(held) or (held > 0 > held + lots) or (held < 0 < held + lots)


class Parts(NamedTuple):
    """An order's signed lots that leave the position, those that enter one, and the lots from which the entry is planned."""

    leaving: int
    entering: int
    base: int


@rule
def parts_of_wish(lots: int, held: int, own: OwnLots) -> Parts:
    """Divide a strategy's own order of signed ``lots``: what reduces the position of ``held`` lots leaves it, whatever else rests.

    The rest enters, planned from the position as it were had every order of its side filled: each order finds the limits as those
    before it left them.
    """
    side = 1 if lots > 0 else -1
    leaving = side * reducing_lots(side, abs(lots), held)
    kept = held if side * held > 0 else 0
    return Parts(leaving, lots - leaving, kept + own.buys if side > 0 else kept - own.sells)


@rule
def plan_wish(parts: Parts, price: float, cost_rate: float, lots_per_unit: int, limits: Limits, account: Account) -> Plan:
    """Return what is ordered of a strategy's own order: what leaves the position passes, the rest is planned at ``price``."""
    if parts.entering == 0:
        return Plan(parts.leaving, 0, 0, 0.0, 0.0, False)
    wanted = parts.base + parts.entering
    size = Size(wanted, float(wanted) / lots_per_unit, False)
    plan = plan_order(size, parts.base, price, cost_rate, lots_per_unit, limits, account)
    return Plan(parts.leaving + plan.lots, plan.breach, plan.refused, plan.value, plan.bound, plan.again)


@rule
def reserved_money(book: Book, first: int, last: int, group: int, mark: float, cost_rate: float, lots_per_unit: int) -> float:
    """Return what the symbol's own open buys take of the cash with costs, each at its price; those of ``group`` are left out."""
    money = 0.0
    for slot in range(first + PROTECTIVE, last):
        order = book[slot]
        if order.side > 0 and order.lots > 0 and (group == NO_GROUP or order.group != group):
            each = price_of_wish(order.side, order.limit, order.stop, mark) * (1.0 + cost_rate)
            money += value_of(order.lots, each, lots_per_unit)
    return money


@rule
def price_of_wish(side: int, limit: float, stop: float, mark: float) -> float:
    """Return the price at which a strategy's own order is planned: its limit, else its stop, else the mark; 0 is none.

    An order that the market has passed already fills there: a stop to buy below the mark and a limit to sell below it are
    planned at the mark.
    """
    if limit > 0.0:
        return limit if side > 0 or limit > mark else mark
    if stop > 0.0:
        return stop if side < 0 or stop > mark else mark
    return mark
