"""From a target to an order or a refusal with its reason: exits pass, entries meet sizing, limits and cash."""

from typing import NamedTuple

from domain.rules.accounting import value_of, whole_lots
from domain.rules.limits import Breach, Limits, bound_by_limits
from domain.rules.rule import rule
from domain.rules.sizing import Size


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

    ``spendable`` is cash less open buys at their marks plus costs; ``other_exposure`` the absolute value of the other positions
    and their open entries; ``state_breach`` the ``Breach`` that refuses every entry, or 0, with its value and bound.
    """

    equity: float
    spendable: float
    other_exposure: float
    state_breach: int
    state_value: float
    state_bound: float
    shorts_allowed: bool


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
def plan_order(
    wanted: Size, held: int, price: float, cost_rate: float, lots_per_unit: int, limits: Limits, account: Account
) -> Plan:
    """Return the order that takes the position from ``held`` to ``wanted`` lots, cut to what limits and cash allow.

    The part that reduces the position always passes.
    """
    if wanted.missing:
        return Plan(0, Breach.MISSING_INPUT.value, 0, 0.0, 0.0, True)
    if wanted.lots == 0 and wanted.units != 0.0 and held == 0:
        return Plan(0, Breach.BELOW_LOT.value, 0, abs(wanted.units), 1.0 / lots_per_unit, False)
    opposite = (wanted.lots < 0 < held) or (held < 0 < wanted.lots)
    if not opposite and abs(wanted.lots) <= abs(held):
        return Plan(wanted.lots - held, 0, 0, 0.0, 0.0, False)
    kept = 0 if opposite else held
    entry = wanted.lots - kept
    if entry < 0 and not account.shorts_allowed:
        return Plan(kept - held, Breach.SHORT_NOT_ALLOWED.value, -entry, wanted.units, 0.0, False)
    if account.state_breach != 0:
        return Plan(kept - held, account.state_breach, abs(entry), account.state_value, account.state_bound, True)
    bounded = bound_by_limits(wanted.lots, kept, price, account.equity, account.other_exposure, lots_per_unit, limits)
    lots, breach, value, bound = bounded.lots - held, bounded.breach, bounded.value, bounded.bound
    if lots > 0:
        paid = max(payable_lots(lots, price, cost_rate, account.spendable, lots_per_unit), -held)  # covering a short passes whole
        if paid < lots:
            breach, value, bound = Breach.CASH.value, value_of(lots, price * (1.0 + cost_rate), lots_per_unit), account.spendable
            lots = paid
    return Plan(lots, breach, abs(wanted.lots - held - lots), value, bound, False)
