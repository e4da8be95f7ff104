"""What risk management allows. A limit can refuse or cut an entry; nothing here can touch an exit.

Each limit is a field of ``Limits``, a member of ``Breach`` and a line in ``bound_by_limits`` or ``watch``.
"""

from enum import IntEnum
from math import inf
from typing import NamedTuple

from domain.rules.accounting import value_of, whole_lots
from domain.rules.rule import rule


class Breach(IntEnum):
    """Why an order, or a part of it, was refused; the codes of ``OrderRefused``."""

    NONE = 0
    CASH = 1
    SHORT_NOT_ALLOWED = 2
    MISSING_INPUT = 3
    BELOW_LOT = 4
    MAX_POSITION_SIZE = 5
    MAX_GROSS_EXPOSURE = 6
    DAILY_LOSS_LIMIT = 7
    MAX_DRAWDOWN = 8
    HALTED = 9

    @property
    def code(self) -> str:
        """The name in events and JSON; that of the setting where there is one."""
        return self.name.lower()


class Limits(NamedTuple):
    """Bounds as fractions of the equity; infinity switches one off."""

    max_position_size: float = inf
    max_gross_exposure: float = inf
    daily_loss_limit: float = inf
    max_drawdown: float = inf


class Watch(NamedTuple):
    """The account's state that limits look at.

    ``base`` is the equity at the last close of the session before ``session``; the breaches are ``Breach`` values or 0: the
    daily one ends with its session, the drawdown one stands until a person resumes. An equity above ``floor`` breaches nothing
    new.
    """

    session: int
    base: float
    peak: float
    daily_breach: int
    drawdown_breach: int
    floor: float


_A_HAIR_ABOVE = 1.0 + 1e-12  # the floor only says where to look; the quotients decide

UNWATCHED = Watch(-1, 0.0, 0.0, 0, 0, -inf)
"""The state before the first close; ``base`` and ``peak`` are the initial cash."""


class Bounded(NamedTuple):
    """Lots that limits leave, and the last limit that cut them: its ``Breach``, the value met and the bound."""

    lots: int
    breach: int
    value: float
    bound: float


@rule
def watch(state: Watch, limits: Limits, session: int, previous_equity: float, equity: float) -> Watch:
    """Return the state after a close: a new session measures from the equity before it, a new peak raises the mark."""
    base, daily = state.base, state.daily_breach
    if session != state.session:
        base, daily = previous_equity, 0
    elif equity <= state.peak and equity > state.floor:
        return state
    peak = equity if equity > state.peak else state.peak
    drawdown = state.drawdown_breach
    if daily == 0 and base > 0.0 and equity / base - 1.0 <= -limits.daily_loss_limit:
        daily = Breach.DAILY_LOSS_LIMIT.value
    if drawdown == 0 and peak > 0.0 and equity / peak - 1.0 <= -limits.max_drawdown:
        drawdown = Breach.MAX_DRAWDOWN.value
    floor = -inf
    if daily == 0:
        floor = base * (1.0 - limits.daily_loss_limit) * _A_HAIR_ABOVE
    if drawdown == 0 and peak * (1.0 - limits.max_drawdown) * _A_HAIR_ABOVE > floor:
        floor = peak * (1.0 - limits.max_drawdown) * _A_HAIR_ABOVE
    return Watch(session, base, peak, daily, drawdown, floor)


@rule
def bound_by_limits(
    wanted: int, held: int, price: float, equity: float, other_exposure: float, lots_per_unit: int, limits: Limits
) -> Bounded:
    """Cut ``wanted`` lots (same sign as the position they make) to position share and gross exposure.

    ``other_exposure`` is the absolute value of every other position and open entry. What is held already is never cut.
    """
    sign = 1 if wanted > 0 else -1
    most, kept = abs(wanted), held * sign if held * sign > 0 else 0
    bounded = Bounded(wanted, 0, 0.0, 0.0)
    share = limits.max_position_size
    if value_of(most, price, lots_per_unit) > share * equity:
        value = value_of(most, price, lots_per_unit) / equity
        most = max(whole_lots(share * equity / price, lots_per_unit), kept)
        bounded = Bounded(sign * most, Breach.MAX_POSITION_SIZE.value, value, share)
    gross = limits.max_gross_exposure
    if other_exposure + value_of(most, price, lots_per_unit) > gross * equity:
        value = (other_exposure + value_of(most, price, lots_per_unit)) / equity
        room = gross * equity - other_exposure
        most = max(whole_lots(room / price, lots_per_unit) if room > 0.0 else 0, kept)
        bounded = Bounded(sign * most, Breach.MAX_GROSS_EXPOSURE.value, value, gross)
    return bounded
