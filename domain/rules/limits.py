"""What risk management allows. A limit can refuse or cut an entry; nothing here can touch an exit.

Each limit is a field of ``Limits``, a member of ``Breach`` and a line: in ``bound_by_limits`` where it cuts an order, in ``watch``
or ``barred_symbol`` where it refuses entries for a time (``planning.is_planned_again``). The value at risk is measured in
``rules.measures`` and cut in ``planning``.
"""

from dataclasses import dataclass
from enum import IntEnum
from math import inf, sqrt
from typing import Any, Final, NamedTuple

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
    BORROW_UNAVAILABLE = 10
    MARGIN = 11
    MARGIN_CALL = 12
    MAX_NET_EXPOSURE = 13
    MAX_CONCENTRATION = 14
    MAX_CLUSTER_EXPOSURE = 15
    MAX_ORDER_SIZE = 16
    MAX_ORDER_NOTIONAL = 17
    PRICE_COLLAR = 18
    MAX_ORDER_RATE = 19
    MAX_VALUE_AT_RISK = 20
    DOUBTED_DATA = 21

    @property
    def code(self) -> str:
        """The name in events and JSON; that of the setting where there is one."""
        return self.name.lower()


class Limits(NamedTuple):
    """Bounds as fractions of the equity where nothing else is said; infinity switches one off.

    ``max_concentration`` bounds the Herfindahl index of the positions' shares of the equity (the sum of their squares).
    ``max_cluster_exposure`` bounds what is held together of symbols whose returns correlate by ``cluster_correlation`` or more.
    ``max_order_size`` is in units and ``max_order_notional`` in the account's currency, both of one entry. ``price_collar`` is how
    far, as a fraction, a price may lie from the one before. ``max_order_rate`` counts the entries of a session.
    ``max_value_at_risk`` bounds the 95 % value at risk over one bar, by historical simulation of 60 returns.
    """

    max_position_size: float = inf
    max_gross_exposure: float = inf
    daily_loss_limit: float = inf
    max_drawdown: float = inf
    max_net_exposure: float = inf
    max_concentration: float = inf
    max_cluster_exposure: float = inf
    cluster_correlation: float = 0.7
    max_order_size: float = inf
    max_order_notional: float = inf
    price_collar: float = inf
    max_order_rate: float = inf
    max_value_at_risk: float = inf


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
    if session == state.session and state.floor < equity <= state.peak:
        return state
    base, daily = previous_equity, 0
    if session == state.session:
        base, daily = state.base, state.daily_breach
    peak = equity if equity > state.peak else state.peak
    drawdown = state.drawdown_breach
    if daily == 0 and base > 0.0 and equity <= base * (1.0 - limits.daily_loss_limit):
        daily = Breach.DAILY_LOSS_LIMIT.value
    if drawdown == 0 and peak > 0.0 and equity <= peak * (1.0 - limits.max_drawdown):
        drawdown = Breach.MAX_DRAWDOWN.value
    floor = -inf
    if daily == 0:
        floor = base * (1.0 - limits.daily_loss_limit)
    if drawdown == 0 and peak * (1.0 - limits.max_drawdown) > floor:
        floor = peak * (1.0 - limits.max_drawdown)
    return Watch(session, base, peak, daily, drawdown, floor)


class Exposure(NamedTuple):
    """The rest of the account with every open order at its worst, in the account's currency.

    ``spendable`` is cash less open buys with their costs; ``gross`` the sum of absolute values, ``highest`` and ``lowest`` the net
    value if all buys, or all sells, fill; ``squares`` the sum of squared values; ``margin`` the initial margin.
    """

    spendable: float
    gross: float = 0.0
    highest: float = 0.0
    lowest: float = 0.0
    squares: float = 0.0
    margin: float = 0.0


class Barred(NamedTuple):
    """Why every entry is refused: a ``Breach`` or 0, the value met and its bound."""

    breach: int
    value: float
    bound: float


NOTHING_BARRED = Barred(0, 0.0, 0.0)

_POSITION: Final = Breach.MAX_POSITION_SIZE.value
_GROSS: Final = Breach.MAX_GROSS_EXPOSURE.value
_NET: Final = Breach.MAX_NET_EXPOSURE.value
_CLUSTER: Final = Breach.MAX_CLUSTER_EXPOSURE.value


@dataclass(slots=True)
class Share:
    """What a symbol takes of the account, its open orders at their worst: fields as in ``Exposure``, ``reserved`` by open buys."""

    reserved: float = 0.0
    value: float = 0.0
    highest: float = 0.0
    lowest: float = 0.0
    margin: float = 0.0


type Shares = Any
"""Shares by symbol: a mapping, in kernels an array of records."""


@rule
def worst_lots(lots: int, buys: int, sells: int) -> int:
    """Return the larger of the positions that a symbol may come to: all its open buys filled, or all its sells."""
    high, low = lots + buys, lots - sells
    return high if abs(high) >= abs(low) else low


@rule
def weigh(
    share: Share, lots: int, buys: int, sells: int, price: float, buy_price: float, lots_per_unit: int, initial: float
) -> None:
    """Write the share of a symbol that holds ``lots`` and has open orders that may buy ``buys`` and sell ``sells`` lots."""
    highest = lowest = value_of(lots + buys, price, lots_per_unit)
    value = abs(highest)
    if buys != 0 or sells != 0:
        lowest = value_of(lots - sells, price, lots_per_unit)
        value = abs(value_of(worst_lots(lots, buys, sells), price, lots_per_unit))
    share.reserved = value_of(buys, buy_price, lots_per_unit) if buys > 0 else 0.0
    share.value, share.highest, share.lowest, share.margin = value, highest, lowest, value * initial


@rule
def rest_of_account(cash: float, shares: Shares, listed: Any, own: Any) -> Exposure:
    """Return the exposure of the symbols ``listed``, in their order, without ``own``."""
    spendable, gross, highest, lowest, squares, margin = cash, 0.0, 0.0, 0.0, 0.0, 0.0
    for symbol in listed:
        if symbol == own:
            continue
        share = shares[symbol]
        spendable -= share.reserved
        gross += share.value
        highest += share.highest
        lowest += share.lowest
        squares += share.value * share.value
        margin += share.margin
    return Exposure(spendable, gross, highest, lowest, squares, margin)


@rule
def reserve(exposure: Exposure, money: float) -> Exposure:
    """Take money that is promised already off what can be spent."""
    return Exposure(
        exposure.spendable - money, exposure.gross, exposure.highest, exposure.lowest, exposure.squares, exposure.margin
    )


@rule
def barred_account(state: Watch, limits: Limits, equity: float, required: float) -> Barred:
    """Return what bars the whole account from entries: a margin call, the drawdown, the day's loss, or nothing.

    ``required`` is the equity that a margin call asked for, 0 where there is none.
    """
    if required > 0.0:
        return Barred(Breach.MARGIN_CALL.value, equity, required)
    if state.drawdown_breach != 0:
        return Barred(state.drawdown_breach, 1.0 - equity / state.peak, limits.max_drawdown)
    if state.daily_breach != 0:
        return Barred(state.daily_breach, 1.0 - equity / state.base, limits.daily_loss_limit)
    return NOTHING_BARRED


@rule
def barred_symbol(account: Barred, limits: Limits, entries: int, price: float, before: float) -> Barred:
    """Return what bars a symbol: what bars the account, the session's ``entries``, or a price far from the one ``before``."""
    if account.breach != 0:
        return account
    if entries >= limits.max_order_rate:
        return Barred(Breach.MAX_ORDER_RATE.value, entries + 1.0, limits.max_order_rate)
    if before > 0.0 and abs(price - before) > limits.price_collar * before:
        return Barred(Breach.PRICE_COLLAR.value, abs(price / before - 1.0), limits.price_collar)
    return account


@rule
def lots_for(money: float, price: float, lots_per_unit: int) -> int:
    """Return the whole lots that ``money`` is worth at ``price``, none for nothing."""
    return whole_lots(money / price, lots_per_unit) if money > 0.0 else 0


@rule
def bound_by_limits(
    wanted: int,
    held: int,
    price: float,
    equity: float,
    exposure: Exposure,
    cluster: float,
    lots_per_unit: int,
    limits: Limits,
) -> Bounded:
    """Cut ``wanted`` lots (same sign as the position they make) to every limit on size. What is held already is never cut.

    ``cluster`` is what is held of other symbols that move together with this one.
    """
    sign = 1 if wanted > 0 else -1
    kept = held * sign if held * sign > 0 else 0
    bounded = Bounded(wanted, 0, 0.0, 0.0)
    bounded = cut_to(bounded, 0.0, limits.max_position_size, _POSITION, kept, price, equity, lots_per_unit)
    bounded = cut_to(bounded, exposure.gross, limits.max_gross_exposure, _GROSS, kept, price, equity, lots_per_unit)
    if limits.max_net_exposure < inf:
        net = exposure.highest if sign > 0 else -exposure.lowest
        bounded = cut_to(bounded, net, limits.max_net_exposure, _NET, kept, price, equity, lots_per_unit)
    if limits.max_cluster_exposure < inf:
        bounded = cut_to(bounded, cluster, limits.max_cluster_exposure, _CLUSTER, kept, price, equity, lots_per_unit)
    if limits.max_concentration < inf:
        bounded = cut_to_concentration(bounded, exposure.squares, kept, price, equity, lots_per_unit, limits)
    if limits.max_order_size < inf or limits.max_order_notional < inf:
        bounded = cut_to_order(bounded, kept, price, lots_per_unit, limits)
    return bounded


@rule
def cut_to(
    bounded: Bounded, other: float, bound: float, breach: int, kept: int, price: float, equity: float, lots_per_unit: int
) -> Bounded:
    """Cut to what leaves the position and ``other`` together within ``bound``, a fraction of the equity, as is the value met."""
    value = other + value_of(abs(bounded.lots), price, lots_per_unit)
    money = bound * equity
    if not value > money:
        return bounded
    sign = 1 if bounded.lots > 0 else -1
    most = lots_for(money - other, price, lots_per_unit)
    return Bounded(sign * (most if most > kept else kept), breach, value / equity, bound)


@rule
def cut_to_concentration(
    bounded: Bounded, squares: float, kept: int, price: float, equity: float, lots_per_unit: int, limits: Limits
) -> Bounded:
    """Cut to a Herfindahl index of the positions' shares of the equity within its bound."""
    sign = 1 if bounded.lots > 0 else -1
    value = value_of(abs(bounded.lots), price, lots_per_unit)
    index = (squares + value * value) / (equity * equity)
    if not index > limits.max_concentration:
        return bounded
    left = limits.max_concentration * equity * equity - squares
    most = lots_for(sqrt(left), price, lots_per_unit) if left > 0.0 else 0
    return Bounded(sign * (most if most > kept else kept), Breach.MAX_CONCENTRATION.value, index, limits.max_concentration)


@rule
def cut_to_order(bounded: Bounded, kept: int, price: float, lots_per_unit: int, limits: Limits) -> Bounded:
    """Cut the entry, what comes on top of ``kept``, to the largest order in units and in money."""
    sign = 1 if bounded.lots > 0 else -1
    entry = abs(bounded.lots) - kept
    units = float(entry) / lots_per_unit
    if units > limits.max_order_size:
        entry = whole_lots(limits.max_order_size, lots_per_unit)
        bounded = Bounded(sign * (kept + entry), Breach.MAX_ORDER_SIZE.value, units, limits.max_order_size)
    money = value_of(entry, price, lots_per_unit)
    if money > limits.max_order_notional:
        entry = lots_for(limits.max_order_notional, price, lots_per_unit)
        bounded = Bounded(sign * (kept + entry), Breach.MAX_ORDER_NOTIONAL.value, money, limits.max_order_notional)
    return bounded
