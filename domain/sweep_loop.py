"""The compiled passes of a sweep: many target series over one symbol in a cash account, and the moments of their curves.

A run here asks the rules in the order in which ``domain.kernel_loop`` does, without what such a run cannot meet: other symbols,
corporate actions, margin, orders that rest, measured returns. It writes no ledger. No rule of trading stands here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from domain.compilation import compiled
from domain.rules.accounting import Position, apply_fill, value_of
from domain.rules.costs import Costs, Levies, Liquidity, cost_rate
from domain.rules.fills import simulate_market_fill, volume_allowance
from domain.rules.limits import Barred, Exposure, Limits, Watch, barred_account, barred_symbol, watch
from domain.rules.planning import Account, Plan, Shorting, enters, plan_order
from domain.rules.regulatory import row_in_force
from domain.rules.sizing import Sizing, size

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ONE, _TWO, _THREE, _FOUR, _FIVE, _SIX, _SEVEN, _EIGHT, _BLOCK = map(np.uintp, (1, 2, 3, 4, 5, 6, 7, 8, 128))
_CASH_ACCOUNT: Final = Shorting.CASH_ACCOUNT.value


class Market(NamedTuple):
    """The bars of the symbol as traded, and what is known at each.

    ``point`` are the numbers of the bars whose equity is a point of the measures; ``flow`` is ``domain.liquidity.liquidity``, empty
    where no impact is charged. The four columns of fees are ``domain.regulation.FeeRows``, empty where none are charged.
    """

    open: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    session: NDArray[np.int64]
    point: NDArray[np.int64]
    flow: NDArray[np.float64]
    fee_since: NDArray[np.int64]
    fee_sec: NDArray[np.float64]
    fee_taf: NDArray[np.float64]
    fee_cap: NDArray[np.float64]


class Rulebook(NamedTuple):
    """What fixes the trading beside the bars; ``first_point`` says whether the initial cash is the first point."""

    sizing: Sizing
    costs: Costs
    limits: Limits
    limited: bool
    lots_per_unit: int
    volume_share: float
    initial_cash: float
    first_point: bool


class Tally(NamedTuple):
    """The fills so far, closed trades and those that made money, and the money of the trade under way."""

    fills: int
    trades: int
    wins: int
    paid: float
    received: float
    fees: float


class Holding(NamedTuple):
    """What the account has: cash, the position, the signed lots still open of its order, and what its fills came to."""

    cash: float
    position: Position
    pending: int
    tally: Tally


class Moments(NamedTuple):
    """Mean, sample standard deviation and mean squared shortfall of returns, and the depth of the deepest fall of the points."""

    mean: float
    deviation: float
    shortfall: float
    depth: float


@compiled
def _levies(market: Market, session: int) -> Levies:
    """Return what regulators charge on sales in a session."""
    row = row_in_force(market.fee_since, session)
    return Levies(market.fee_sec[row], market.fee_taf[row], market.fee_cap[row]) if row >= 0 else Levies(0.0, 0.0, 0.0)


@compiled
def _booked(tally: Tally, side: int, value: float, fee: float, after: int) -> Tally:
    """Count a fill of ``value`` that leaves ``after`` lots; a cash account is never short, so a sale leaves what was bought."""
    paid, received, fees = tally.paid, tally.received, tally.fees + fee
    if side > 0:
        paid += value
    else:
        received += value
    if after != 0:
        return Tally(tally.fills + 1, tally.trades, tally.wins, paid, received, fees)
    won = 1 if (received - paid) - fees > 0.0 else 0
    return Tally(tally.fills + 1, tally.trades + 1, tally.wins + won, 0.0, 0.0, 0.0)


@compiled
def _filled(holding: Holding, point: float, volume: float, levies: Levies, flow: Liquidity, book: Rulebook) -> Holding:
    """Fill the open order at an opening, as far as it can."""
    units, side = book.lots_per_unit, 1 if holding.pending > 0 else -1
    wanted, position, cash, tally = holding.pending * side, holding.position, holding.cash, holding.tally
    allowed = volume_allowance(volume, book.volume_share, units)
    fill = simulate_market_fill(side, wanted, point, allowed, cash, book.costs, levies, flow, units)
    if fill.lots > 0:
        booking = apply_fill(position, side, fill.lots, fill.price, fill.fee, units)
        position, cash = booking.position, cash + booking.cash
        tally = _booked(tally, side, value_of(fill.lots, fill.price, units), fill.fee, position.lots)
    return Holding(cash, position, side * (wanted - fill.lots - fill.cut_lots), tally)


@compiled
def _next_change(target: NDArray[np.float64], bar: int, standing: float) -> int:
    """Return the first bar from ``bar`` on whose target is another than ``standing``, else the last one."""
    last = len(target) - 1
    while bar < last and not (target[bar] < standing or target[bar] > standing):  # neither is NaN
        bar += 1
    return bar


@compiled
def _mark(holding: Holding, close: NDArray[np.float64], first: int, last: int, units: int, equity: NDArray[np.float64]) -> int:
    """Write the equity at the closes from ``first`` to ``last``, and return how many of them hold."""
    if holding.position.lots == 0:
        equity[first : last + 1] = holding.cash
        return 0
    quantity = float(holding.position.lots) / units
    for bar in range(first, last + 1):
        equity[bar] = holding.cash + quantity * close[bar]
    return last + 1 - first


@compiled
def _planned(holding: Holding, standing: float, equity: float, mark: float, barred: Barred, book: Rulebook) -> Plan:
    """Return the order that takes the position to what the standing target asks for."""
    rate, units = cost_rate(book.costs), book.lots_per_unit
    wanted = size(book.sizing, standing, equity, mark, rate, units, np.nan)
    alone = Exposure(holding.cash, 0.0, 0.0, 0.0, 0.0, 0.0)
    account = Account(equity, alone, 0.0, barred, _CASH_ACCOUNT, 0.0, wanted.lots, 0.0)
    return plan_order(wanted, holding.position.lots, mark, rate, units, book.limits, account)


@compiled
def _run(  # noqa: C901, PLR0912 - the order of a bar's steps, as in the kernel
    target: NDArray[np.float64], market: Market, book: Rulebook, equity: NDArray[np.float64], counts: NDArray[np.int64]
) -> bool:
    """Run one series of targets, write its equity and its counts, and return whether every target is one."""
    open_, close, volume, session_of = market.open, market.close, market.volume, market.session
    has_impact, has_levies = len(market.flow) > 0, len(market.fee_since) > 0
    flow, levies = Liquidity(0.0, np.inf), Levies(0.0, 0.0, 0.0)
    previous = book.initial_cash
    holding = Holding(previous, Position(0, 0.0, 0.0), 0, Tally(0, 0, 0, 0.0, 0.0, 0.0))
    watched = Watch(-1, previous, previous, 0, 0, -np.inf)
    standing, deferred, entries, session, held, bar = 0.0, False, 0, -1, 0, 0
    while bar < len(target):
        if holding.pending != 0:
            if has_impact:
                flow = Liquidity(market.flow[bar, 0], market.flow[bar, 1])
            if has_levies:
                levies = _levies(market, session_of[bar])
            holding = _filled(holding, open_[bar], volume[bar], levies, flow, book)
        last = bar if holding.pending != 0 or deferred else _next_change(target, bar, standing)
        held += _mark(holding, close, bar, last, book.lots_per_unit, equity)
        if book.limited:
            for marked in range(bar, last + 1):
                watched = watch(watched, book.limits, session_of[marked], previous, equity[marked])
                previous = equity[marked]
        bar = last + 1
        if target[last] < standing or target[last] > standing:
            standing, deferred = target[last], False
            if not -1.0 <= standing <= 1.0:
                return False
        elif not deferred:
            continue
        if session_of[last] != session:
            session, entries = session_of[last], 0
        before = close[last - 1] if last > 0 else 0.0
        barred = barred_account(watched, book.limits, equity[last], 0.0)
        barred = barred_symbol(barred, book.limits, entries, close[last], before)
        plan = _planned(holding, standing, equity[last], close[last], barred, book)
        holding = Holding(holding.cash, holding.position, plan.lots, holding.tally)  # in place of what was still open
        if plan.lots != 0:
            deferred = False
            if enters(holding.position.lots, plan.lots):
                entries += 1
        if plan.breach != 0 and not (plan.again and deferred):
            deferred = plan.again
    tally = holding.tally
    counts[0], counts[1], counts[2], counts[3] = tally.fills, tally.trades, tally.wins, held
    return True


@compiled
def pairwise_sum(values: NDArray[np.float64]) -> float:
    """Return the sum of ``values``, added in the order of ``np.sum``: blocks of 128 with eight sums each, halves of more."""
    count = np.uintp(len(values))  # places without sign: compiled code need not look for negative ones
    if count > _BLOCK:
        half = count // _TWO
        half -= half % _EIGHT
        total: float = pairwise_sum(values[:half]) + pairwise_sum(values[half:])
        return total
    total = 0.0
    whole = np.uintp(0)
    if count >= _EIGHT:
        whole = count - count % _EIGHT
        a, b, c, d = values[0], values[1], values[2], values[3]
        e, f, g, h = values[4], values[5], values[6], values[7]
        for i in range(_EIGHT, whole, _EIGHT):
            a, b, c, d = a + values[i], b + values[i + _ONE], c + values[i + _TWO], d + values[i + _THREE]
            e, f, g, h = e + values[i + _FOUR], f + values[i + _FIVE], g + values[i + _SIX], h + values[i + _SEVEN]
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(whole, count):
        total += values[i]
    return total


@compiled
def _depth(points: NDArray[np.float64]) -> float:
    """Return the minimum of point / peak - 1 for positive points: the lowest point under each peak is all that can be it."""
    peak, lowest, depth = points[0], points[0], 0.0
    for point in points:
        if point > peak:
            if lowest < peak:
                depth = min(depth, lowest / peak - 1.0)
            peak = lowest = point
        lowest = min(lowest, point)
    return float(min(depth, lowest / peak - 1.0))


@compiled
def _moments(points: NDArray[np.float64], scratch: NDArray[np.float64]) -> Moments:
    """Return the moments of a curve's simple returns as NumPy computes them; ``scratch`` has two rows as long as the returns."""
    returns, terms = scratch[0], scratch[1]
    count = len(returns)
    for i in range(count):
        returns[i] = points[i + 1] / points[i] - 1.0
    mean = pairwise_sum(returns) / count
    for i in range(count):
        terms[i] = (returns[i] - mean) * (returns[i] - mean)
    deviation = np.sqrt(pairwise_sum(terms) / (count - 1))
    for i in range(count):
        below = min(returns[i], 0.0)
        terms[i] = below * below
    return Moments(mean, deviation, pairwise_sum(terms) / count, _depth(points))


@compiled
def run_rows(
    targets: NDArray[np.float64],
    market: Market,
    book: Rulebook,
    counts: NDArray[np.int64],
    figures: NDArray[np.float64],
) -> None:
    """Run each row of ``targets`` by itself.

    ``counts`` gets fills, closed trades, those that made money and bars that hold; ``figures`` the first and the last point and the
    ``Moments``. Where a target is none, or a curve is not of positive finite points, fills are -1 and the row says nothing.
    """
    equity = np.empty(targets.shape[1])
    first = 1 if book.first_point else 0
    points = np.empty(len(market.point) + first)
    if first == 0 and len(points) == len(equity):
        points = equity  # every bar is one
    if first == 1:
        points[0] = book.initial_cash
    scratch = np.empty((2, len(points) - 1))
    for row in range(len(targets)):
        fine = _run(targets[row], market, book, equity, counts[row])
        if not fine:
            counts[row, 0] = -1
            continue
        if len(points) != len(equity) or first == 1:
            for place in range(len(market.point)):
                points[first + place] = equity[market.point[place]]
        moments = _moments(points, scratch)
        if not (np.isfinite(moments.mean) and np.isfinite(moments.deviation) and moments.depth > -1.0):
            counts[row, 0] = -1
            continue
        figures[row, 0], figures[row, 1] = points[0], points[-1]
        figures[row, 2], figures[row, 3], figures[row, 4], figures[row, 5] = moments
