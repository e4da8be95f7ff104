"""The compiled loop of the kernel: which rule is asked when. No rule of trading stands here.

State lives in records (``domain.kernel_rows``), which compiled functions take by reference; columns of bars stay arrays, and what
is needed of a bar is passed by value: so a call costs next to nothing, and every function stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from domain.compilation import compiled, inlined, prefetch
from domain.market import Side
from domain.rules.accounting import (
    Position,
    apply_fill,
    apply_split,
    delisting_price,
    dividend_cash,
    is_receivable,
    split_lots,
    value_of,
)
from domain.rules.book import (
    NO_GROUP,
    NO_PARENT,
    fit_exits,
    free_place,
    lots_at_worst,
    open_orders,
    own_lots,
    protect,
    reducing_lots,
    release,
    split_orders,
    target_after_fill,
    withdraw,
    withdraw_entries,
)
from domain.rules.chance import Chance
from domain.rules.costs import Costs, Levies, Liquidity, cost_rate
from domain.rules.exits import PROTECTIVE, ExitRules, Grid, opens, time_is_up, trailing_price
from domain.rules.fills import OrderType, Reason, simulate_market_fill, volume_allowance
from domain.rules.limits import (
    Barred,
    Breach,
    Exposure,
    Limits,
    Watch,
    barred_account,
    barred_symbol,
    reserve,
    rest_of_account,
    watch,
    weigh,
)
from domain.rules.margin import MarginTable, borrow_fee, maintenance_margin, reduction, share_to_keep
from domain.rules.matching import (
    FinerBars,
    Range,
    Terms,
    Trading,
    alert_band,
    end_opening,
    end_session,
    match_close,
    match_opening,
    walk_bar,
    walk_finer,
)
from domain.rules.measures import lots_within_risk, parity_weights, weight_of, worst_value
from domain.rules.moments import RETURNS, Trips, add_trip, annual_volatility, cluster_value, round_trip, window
from domain.rules.planning import (
    Account,
    Shorting,
    below_lot,
    enters,
    kept_lots,
    parts_of_wish,
    plan_order,
    plan_wish,
    price_of_wish,
    reserved_money,
)
from domain.rules.regulatory import row_in_force
from domain.rules.sizing import Size, Sizing, SizingRule, size
from domain.timeline import OPEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.kernel_rows import Rows

SPLIT, DIVIDEND, ACCRUAL, PAYMENT = 0, 1, 2, 3
TRAILING_STOP: Final = OrderType.TRAILING_STOP.value
_SELL: Final = Side.SELL.value
_BUY: Final = Side.BUY.value


# Which bars a group holds. Of one symbol alone, whose bars open and close in turn, that is known without a look.


@compiled
def _members(start: NDArray[np.uint32], group: int, alone: bool) -> tuple[Any, Any]:  # noqa: FBT001 - as ``loop``
    """Return between which places the members of a group stand."""
    if alone:
        return np.uint32(group), np.uint32(group + 1)
    return start[group], start[group + 1]


@compiled
def _at(
    member: NDArray[np.uint32],
    symbol_at: NDArray[np.uint32],
    place: int,
    alone: bool,  # noqa: FBT001
) -> tuple[Any, Any]:
    """Return the bar at a place and its symbol."""
    if alone:
        return np.uint32(place // 2), np.uint32(0)
    return member[place], symbol_at[place]


# What holds for a symbol


@compiled
def _exits(fixed: Any) -> ExitRules:
    return ExitRules(fixed.stop_loss, fixed.take_profit, fixed.trailing, fixed.exit_bars)


@compiled
def _grid(fixed: Any) -> Grid:
    return Grid(fixed.ticks, fixed.ticks_below_one)


@compiled
def _margin_table(fixed: Any) -> MarginTable:
    return MarginTable(
        fixed.initial, fixed.maintenance_long, fixed.maintenance_short, fixed.short_a_unit, fixed.low_price, fixed.low_a_unit
    )


@compiled
def _position(state: Any) -> Position:
    return Position(state.lots, state.average, state.realised)


@compiled
def _update_levies(
    account: Any,
    since: NDArray[np.int64],
    sec_rate: NDArray[np.float64],
    taf_rate: NDArray[np.float64],
    taf_cap: NDArray[np.float64],
    session: int,
) -> None:
    """Take what regulators charge in a session as what is in force."""
    account.levied_session = session
    row = row_in_force(since, session)
    account.sec_rate = account.taf_rate = account.taf_cap = 0.0
    if row >= 0:
        account.sec_rate, account.taf_rate, account.taf_cap = sec_rate[row], taf_rate[row], taf_cap[row]


@compiled
def _terms(
    account: Any,
    fixed: Any,
    costs: Costs,
    flow: Liquidity,
    margin: bool,  # noqa: FBT001 - as ``loop``
    probability: float,
    seed: int,
    time: int,
) -> Terms:
    """Return what holds for the fills of a symbol in a bar."""
    levies = Levies(0.0, 0.0, 0.0)
    if fixed.levied != 0:
        levies = Levies(account.sec_rate, account.taf_rate, account.taf_cap)
    shorts = fixed.shorting == Shorting.ALLOWED.value
    chance = Chance(probability, seed, fixed.key, time)
    return Terms(costs, levies, flow, fixed.lots_per_unit, _grid(fixed), _exits(fixed), not margin, shorts, chance)


# Fills


@compiled
def _write_fill(row: Any, bar: int, side: int, lots: int, price: float, fee: float, reason: int) -> None:
    row.bar, row.side, row.lots, row.price, row.fee, row.reason = bar, side, lots, price, fee, reason


@compiled
def _write_refusal(row: Any, bar: int, symbol: int, lots: int, breach: int, value: float, bound: float) -> None:
    row.bar, row.symbol, row.lots, row.breach, row.value, row.bound = bar, symbol, lots, breach, value, bound


@compiled
def _fill_target(
    account: Any,
    state: Any,
    terms: Terms,
    side: int,
    bar: int,
    s: int,
    point: float,
    allowed: int,
    fill_row: Any,
    refusal_row: Any,
) -> int:
    """Fill the target order of a symbol at an opening, as far as it can, and return the lots."""
    wanted, units = abs(state.pending), terms.lots_per_unit
    cash = account.cash if terms.cash_account else np.inf
    fill = simulate_market_fill(side, wanted, point, allowed, cash, terms.costs, terms.levies, terms.liquidity, units)
    left = wanted - fill.lots - fill.cut_lots
    if fill.lots > 0:
        booking = apply_fill(_position(state), side, fill.lots, fill.price, fill.fee, units)
        if opens(state.lots, booking.position.lots):
            state.bars_held = 0
        state.lots, state.average, state.realised = booking.position
        account.cash += booking.cash
        _write_fill(fill_row, bar, side, fill.lots, fill.price, fill.fee, state.pending_reason)
        account.fills += 1
        if left > 0:
            account.volume_limited += 1
    if fill.cut_lots > 0:
        value = value_of(fill.cut_lots, fill.price, units)
        _write_refusal(refusal_row, bar, s, fill.cut_lots, Breach.CASH.value, value, account.cash)
        account.refusals += 1
    state.pending = side * left
    if left == 0:
        account.waiting -= 1
    return fill.lots


@compiled
def _settle(account: Any, state: Any, book: Rows, base: int, slots: int) -> None:
    """Count the resting orders of a symbol anew, and find where they can act."""
    now = open_orders(book, base, base + slots)
    account.waiting += now - state.live
    state.live = now
    state.lowest, state.highest = alert_band(book, base, base + slots)


@compiled
def _take(
    account: Any,
    state: Any,
    trading: Trading,
    tape: Rows,
    book: Rows,
    base: int,
    slots: int,
    bar: int,
    s: int,
    lots_per_unit: int,
    fill_rows: Rows,
    refusal_rows: Rows,
) -> None:
    """Book what resting orders did: position and cash, the ledger, and the target order that protective fills shrink."""
    held = state.lots
    for index in range(trading.fills):
        row = tape[index]
        if row.lots > 0:
            _write_fill(fill_rows[account.fills], bar, row.side, row.lots, row.price, row.fee, row.reason)
            account.fills += 1
            if row.left > 0:
                account.volume_limited += 1
            after = held + row.side * row.lots
            if opens(held, after):
                state.bars_held = 0
            held = after
            if state.pending != 0:
                is_exit = state.pending_reason != Reason.TARGET.value
                is_protective = row.slot - base < PROTECTIVE
                state.pending = target_after_fill(state.pending, is_exit, is_protective, row.side, row.lots, held)
                if state.pending == 0:
                    account.waiting -= 1
        if row.cut > 0:
            breach = Breach.CASH.value if row.side > 0 else Breach.SHORT_NOT_ALLOWED.value
            bound = row.cash if row.side > 0 else 0.0
            value = value_of(row.cut, row.price, lots_per_unit)
            _write_refusal(refusal_rows[account.refusals], bar, s, row.cut, breach, value, bound)
            account.refusals += 1
    state.lots, state.average, state.realised = trading.position
    account.cash, state.allowance = trading.cash, trading.allowance
    _settle(account, state, book, base, slots)


@compiled
def _walk(
    account: Any,
    state: Any,
    terms: Terms,
    prices: Range,
    finer: FinerBars,
    inside: int,
    outside: int,
    path: int,
    scripted: bool,  # noqa: FBT001 - as ``loop``
    book: Rows,
    base: int,
    slots: int,
    tape: Rows,
    spare: Rows,
    spare_tape: Rows,
    bar: int,
    s: int,
    fill_rows: Rows,
    refusal_rows: Rows,
    ambiguous_rows: Rows,
) -> None:
    """Take a symbol's resting orders through a bar, by the finer bars from ``inside`` to before ``outside`` where there are any."""
    trading = Trading(_position(state), account.cash, state.allowance, 0)
    if outside > inside:
        walk = walk_finer(book, base, base + slots, finer, inside, outside, trading, terms, tape, spare, spare_tape)
    else:
        walk = walk_bar(book, base, base + slots, prices, path, trading, terms, tape, spare, spare_tape)
    if walk.ambiguous:
        told = ambiguous_rows[account.ambiguous]
        told.bar, told.high_first, told.low_first = bar, walk.high_first, walk.low_first
        account.ambiguous += 1
    if scripted:
        release(book, base, base + slots)
    _take(account, state, walk.trading, tape, book, base, slots, bar, s, terms.lots_per_unit, fill_rows, refusal_rows)


@compiled
def _end_session(
    account: Any,
    state: Any,
    terms: Terms,
    side: int,
    close: float,
    trades: bool,  # noqa: FBT001
    book: Rows,
    base: int,
    slots: int,
    tape: Rows,
    bar: int,
    s: int,
    fill_rows: Rows,
    refusal_rows: Rows,
) -> None:
    """Fill a symbol's orders of ``side`` for the close of its session, and withdraw those that end with it after the purchases."""
    trading = Trading(_position(state), account.cash, state.allowance, 0)
    if trades:
        trading = match_close(book, base, base + slots, side, close, trading, terms, tape)
    if side == _BUY:
        end_session(book, base, base + slots)
    release(book, base, base + slots)
    _take(account, state, trading, tape, book, base, slots, bar, s, terms.lots_per_unit, fill_rows, refusal_rows)


@compiled
def _apply_actions(
    account: Any,
    state: Any,
    actions: Rows,
    action: int,
    point: float,
    lots_per_unit: int,
    receivable: NDArray[np.float64],
    book: Rows,
    base: int,
    slots: int,
) -> None:
    """Apply the corporate actions of a bar that opens at ``point`` to its symbol, one after the other."""
    while action >= 0:
        row = actions[action]
        if row.kind == SPLIT:
            split = apply_split(_position(state), row.value, point, lots_per_unit)
            state.lots, state.average, state.realised = split.position
            account.cash += split.cash
            state.mark /= row.value
            state.before /= row.value
            if state.pending != 0:
                sign = 1 if state.pending > 0 else -1
                state.pending = sign * split_lots(abs(state.pending), row.value)
                if state.pending == 0:
                    account.waiting -= 1
            if slots > 0:
                split_orders(book, base, base + slots, row.value)
                release(book, base, base + slots)
                _settle(account, state, book, base, slots)
        elif row.kind == PAYMENT:
            account.cash += receivable[row.key]
            receivable[row.key] = 0.0
        elif state.lots != 0:
            paid = dividend_cash(state.lots, row.value, lots_per_unit)
            if is_receivable(paid, row.kind == ACCRUAL):
                receivable[row.key] = paid
            else:
                account.cash += paid
        action = row.following


@compiled
def _delist(
    account: Any,
    state: Any,
    bar: int,
    close: float,
    haircut: float,
    lots_per_unit: int,
    book: Rows,
    base: int,
    slots: int,
    fill: Any,
) -> None:
    """Withdraw every order of a symbol whose last bar this is, and settle its position."""
    if state.pending != 0:
        state.pending = 0
        account.waiting -= 1
    for slot in range(base, base + slots):
        withdraw(book[slot])
        book[slot].parent = NO_PARENT
    _settle(account, state, book, base, slots)
    if state.lots == 0:
        return
    side, lots = (_SELL if state.lots > 0 else _BUY), abs(state.lots)
    price = delisting_price(state.lots, close, haircut)
    booking = apply_fill(_position(state), side, lots, price, 0.0, lots_per_unit)
    state.lots, state.average, state.realised = booking.position
    account.cash += booking.cash
    _write_fill(fill, bar, side, lots, price, 0.0, Reason.CORPORATE_ACTION.value)
    account.fills += 1


# The rest of the account, as a decision sees it


@compiled
def _active(states: Rows, active: NDArray[np.int64]) -> int:
    """Write the symbols that hold, have orders, or are to decide, in their order, and return how many they are."""
    count = 0
    for s in range(len(states)):
        state = states[s]
        active[count] = s  # written over unless the symbol counts: a branch for each would be guessed wrong too often
        count += (state.lots | state.pending | state.live | state.due) != 0
    return count


@compiled
def _open_lots(state: Any, book: Rows, base: int, slots: int) -> tuple[int, int]:
    """Return the lots that a symbol's orders may still buy and sell, exits by protective orders aside."""
    buys, sells = 0, 0
    if state.live > 0 and slots > PROTECTIVE:
        buys, sells = lots_at_worst(own_lots(book, base, base + slots, NO_GROUP), state.lots)
    if state.pending > 0:
        buys += state.pending
    else:
        sells -= state.pending
    return buys, sells


@inlined
def _weigh(s: int, rate: float, states: Rows, fixed: Rows, book: Rows, slots: int, shares: Rows) -> None:
    """Write what a symbol takes of the account."""
    buys, sells = _open_lots(states[s], book, s * slots, slots)
    price, units, initial = states[s].mark, fixed[s].lots_per_unit, fixed[s].initial
    weigh(shares[s], states[s].lots, buys, sells, price, price * (1.0 + rate), units, initial)


@compiled
def _weigh_all(rate: float, states: Rows, fixed: Rows, active: NDArray[np.int64], book: Rows, slots: int, shares: Rows) -> int:
    """Write what each symbol takes of the account that can take anything, and return how many they are; see ``_active``."""
    count = _active(states, active)
    for index in range(count):
        _weigh(active[index], rate, states, fixed, book, slots, shares)
    return count


@compiled
def _measure(
    s: int,
    wanted: int,
    base: int,
    price: float,
    equity: float,
    limits: Limits,
    states: Rows,
    fixed: Rows,
    book: Rows,
    slots: int,
    windows: NDArray[np.float64],
    known: NDArray[np.bool_],
    values: NDArray[np.float64],
    scratch: NDArray[np.float64],
) -> tuple[float, int, float]:
    """Return the value of the symbol's cluster, and the lots and the risk that the value at risk allows ``wanted``."""
    symbols = len(states)
    for o in range(symbols):
        buys, sells = _open_lots(states[o], book, o * slots, slots)
        values[o] = 0.0 if o == s else worst_value(states[o].lots, buys, sells, states[o].mark, fixed[o].lots_per_unit)
    cluster, risk_lots, risk = 0.0, wanted, 0.0
    if limits.max_cluster_exposure < np.inf:
        cluster = cluster_value(windows, known, values, symbols, s, limits.cluster_correlation)
    if limits.max_value_at_risk < np.inf:
        units, bound = fixed[s].lots_per_unit, limits.max_value_at_risk
        kept = kept_lots(wanted, base)
        risk_lots, risk = lots_within_risk(windows, values, symbols, s, wanted, kept, price, units, equity, bound, scratch)
    return cluster, risk_lots, risk


@compiled
def _windows(
    closes: NDArray[np.float64], states: Rows, fixed: Rows, windows: NDArray[np.float64], known: NDArray[np.bool_]
) -> None:
    """Write the last 60 returns of every symbol."""
    for s in range(len(states)):
        last = states[s].last_bar
        known[s] = last >= 0 and window(closes, fixed[s].first_bar, last + 1, windows[s])


@compiled
def _maintenance(states: Rows, fixed: Rows) -> float:
    """Return the equity that all positions ask for."""
    required = 0.0
    for s in range(len(states)):
        if states[s].lots != 0:
            required += maintenance_margin(states[s].lots, states[s].mark, fixed[s].lots_per_unit, _margin_table(fixed[s]))
    return required


# The close


@compiled
def _end_trip(state: Any, opened: float, rate: float) -> None:
    """Let a signal of the bar before open and end round trips at the open of this one."""
    state.trip_due = 0
    if state.trip_side != 0:
        gained = round_trip(state.trip_side, state.trip_entry, opened, rate)
        trips = add_trip(Trips(state.trip_count, state.trip_mean, state.trip_squares), gained)
        state.trip_count, state.trip_mean, state.trip_squares = trips
    state.trip_side = 1 if state.standing > 0.0 else (-1 if state.standing < 0.0 else 0)
    state.trip_entry = opened


@compiled
def _is_due(
    account: Any,
    state: Any,
    fixed: Any,
    target: float,
    month: int,
    measured: bool,  # noqa: FBT001
    resting: bool,  # noqa: FBT001
) -> bool:
    """Take a symbol's target where it changed, and order a position out whose time is up.

    Returns whether the symbol is to be sized and ordered; the order that this replaces is withdrawn.
    """
    resized = False
    if measured:
        turned = state.last_month != month and state.last_month != -1  # noqa: PLR1714 - numba compares numbers faster than tuples
        resized = turned and fixed.sizing_rule == SizingRule.RISK_PARITY.value and state.standing != 0.0
        state.last_month = month
    if target == target and target != state.standing:  # noqa: PLR0124 - not NaN
        state.standing = target
        state.deferred = 0
        if measured:
            side = 1 if target > 0.0 else (-1 if target < 0.0 else 0)
            state.trip_due = 1 if side != state.trip_side else 0
    elif resting and state.lots != 0 and state.pending != -state.lots and time_is_up(state.bars_held, _exits(fixed)):
        if state.pending == 0:
            account.waiting += 1
        state.pending, state.pending_reason = -state.lots, Reason.TIME_EXIT.value
        state.deferred = 0
        return False
    elif state.deferred == 0 and not resized:
        return False
    if state.pending != 0:
        state.pending = 0
        account.waiting -= 1
    return True


@compiled
def _size(
    state: Any,
    fixed: Any,
    equity: float,
    rate: float,
    symbols: int,
    measured: bool,  # noqa: FBT001
    returns: NDArray[np.float64],
    parity: float,
) -> None:
    """Write the lots that a symbol's standing target asks for; ``returns`` are its last 60, used where something is measured."""
    sizing = Sizing(fixed.sizing_rule, fixed.sizing_value)
    weight = fixed.stop_loss
    if measured:
        spread = annual_volatility(returns, RETURNS, fixed.bars_a_year)
        trips = Trips(state.trip_count, state.trip_mean, state.trip_squares)
        weight = weight_of(sizing, fixed.stop_loss, spread, trips, parity, symbols)
    wanted = size(sizing, state.standing, equity, state.mark, rate, fixed.lots_per_unit, weight)
    state.wanted_lots, state.wanted_units = wanted.lots, wanted.units
    state.wanted_missing = 1 if wanted.missing else 0


@inlined
def _order(account: Any, state: Any, fixed: Any, rate: float, limits: Limits, known: Account, bar: int, s: int, row: Any) -> None:
    """Plan the order that takes a symbol to the lots it wants; what is refused goes to ``row``."""
    wanted = Size(state.wanted_lots, state.wanted_units, state.wanted_missing != 0)
    order = plan_order(wanted, state.lots, state.mark, rate, fixed.lots_per_unit, limits, known)
    if order.lots != 0:
        state.pending, state.pending_reason = order.lots, Reason.TARGET.value
        account.waiting += 1
        if enters(state.lots, order.lots):
            account.entries += 1
        state.deferred = 0
    if order.breach != 0 and not (order.again and state.deferred != 0):
        _write_refusal(row, bar, s, order.refused, order.breach, order.value, order.bound)
        account.refusals += 1
        state.deferred = 1 if order.again else 0


# Orders of a strategy's own


@compiled
def _cancel_tag(book: Rows, base: int, slots: int, tag: int) -> None:
    """Withdraw the strategy's orders of a tag."""
    for slot in range(base + PROTECTIVE, base + slots):
        if book[slot].tag == tag and (book[slot].lots > 0 or book[slot].parent != NO_PARENT):
            withdraw(book[slot])
            book[slot].parent = NO_PARENT
    release(book, base, base + slots)


@compiled
def _place_line(order: Any, row: Any, lots: int, entering: int, parent: int, mark: float, grid: Grid) -> None:
    """Write an order of a strategy's own to its place; a child waits there without lots for its parent's fills."""
    order.side, order.lots, order.kind = row.side, lots, row.kind
    order.limit, order.stop, order.trail, order.watermark = row.limit, row.stop, row.trail, mark
    order.force, order.group, order.reason, order.tag = row.force, row.group, Reason.TARGET.value, row.tag
    order.parent, order.entering = parent, entering
    if row.kind == TRAILING_STOP and not row.is_child:
        order.stop = trailing_price(row.side, mark, row.trail, grid)


@compiled
def _place_lines(  # noqa: C901 - a line is a withdrawal, a child or an order
    account: Any,
    states: Rows,
    fixed: Rows,
    s: int,
    bar: int,
    line: int,
    lines: Rows,
    rate: float,
    limits: Limits,
    barred: Barred,
    book: Rows,
    slots: int,
    refusal_rows: Rows,
    active: NDArray[np.int64],
    shares: Rows,
    measured: bool,  # noqa: FBT001
    windows: NDArray[np.float64],
    known: NDArray[np.bool_],
    values: NDArray[np.float64],
    scratch: NDArray[np.float64],
) -> None:
    """Plan, place and withdraw the orders that a strategy gave at the close of a bar."""
    state, own, base, parent = states[s], fixed[s], s * slots, NO_PARENT
    listed = active[: _weigh_all(rate, states, fixed, active, book, slots, shares)]
    while line >= 0:
        row = lines[line]
        line = row.following
        if row.cancels:
            _cancel_tag(book, base, slots, row.tag)
            continue
        lots, entering = 0, 0
        if row.is_child:
            if parent == NO_PARENT:
                continue
        else:
            parent = NO_PARENT
            if row.lots == 0:
                small = below_lot(row.quantity, own.lots_per_unit)
                _write_refusal(refusal_rows[account.refusals], bar, s, 0, small.breach, small.value, small.bound)
                account.refusals += 1
                continue
            ordered = row.side * row.lots
            stop = trailing_price(row.side, state.mark, row.trail, _grid(own)) if row.kind == TRAILING_STOP else row.stop
            parts = parts_of_wish(ordered, state.lots, own_lots(book, base, base + slots, row.group))
            price = price_of_wish(row.side, row.limit, stop, state.mark)
            exposure = rest_of_account(account.cash, shares, listed, s)
            reserved = reserved_money(book, base, base + slots, row.group, state.mark, rate, own.lots_per_unit)
            cluster, risk_lots, risk = 0.0, ordered, 0.0
            if measured:
                cluster, risk_lots, risk = _measure(
                    s,
                    parts.base + parts.entering,
                    parts.base,
                    price,
                    account.equity,
                    limits,
                    states,
                    fixed,
                    book,
                    slots,
                    windows,
                    known,
                    values,
                    scratch,
                )
            barring = barred_symbol(barred, limits, account.entries, price, state.mark)
            rest = Account(
                account.equity, reserve(exposure, reserved), cluster, barring, own.shorting, own.initial, risk_lots, risk
            )
            plan = plan_wish(parts, price, rate, own.lots_per_unit, limits, rest)
            if plan.breach != 0:
                _write_refusal(refusal_rows[account.refusals], bar, s, plan.refused, plan.breach, plan.value, plan.bound)
                account.refusals += 1
            lots, entering = abs(plan.lots), abs(plan.lots - parts.leaving)
            if lots == 0:
                continue
            if entering != 0:
                account.entries += 1
        slot = free_place(book, base, base + slots)
        if slot == base + slots:
            account.crowded = 1
            return
        _place_line(book[slot], row, lots, entering, parent, state.mark, _grid(own))
        if not row.is_child:
            parent = slot
    _settle(account, state, book, base, slots)


# Margin


@compiled
def _call_margin(
    account: Any, states: Rows, fixed: Rows, bar: int, book: Rows, slots: int, required: float, refusal_rows: Rows
) -> None:
    """Leave of every order that waits what reduces a position, on a margin call that asks for ``required``."""
    for s in range(len(states)):
        state = states[s]
        side = 1 if state.pending > 0 else -1
        exiting = reducing_lots(side, abs(state.pending), state.lots)
        if abs(state.pending) > exiting:
            row, withdrawn = refusal_rows[account.refusals], abs(state.pending) - exiting
            _write_refusal(row, bar, s, withdrawn, Breach.MARGIN_CALL.value, account.equity, required)
            account.refusals += 1
            if exiting == 0:
                account.waiting -= 1
            state.pending = side * exiting
            state.deferred = 0 if fixed[s].eventful else 1
        if state.live > 0 and slots > PROTECTIVE:
            withdraw_entries(book, s * slots, (s + 1) * slots, state.lots)
            _settle(account, state, book, s * slots, slots)


# Stretches without a decision


@compiled
def _pass_quietly(
    first: int,
    close: NDArray[np.float64],
    target: NDArray[np.float64],
    session_of: NDArray[np.int64],
    equity_curve: NDArray[np.float64],
    cash_curve: NDArray[np.float64],
    watched: Watch,
    limits: Limits,
    limited: bool,  # noqa: FBT001
    account: Any,
    state: Any,
    lots_per_unit: int,
) -> tuple[int, Watch]:
    """Mark one symbol from bar ``first`` on, as long as no target changes and nothing waits; return the first bar not taken.

    With it the watch: the same as bar by bar, without the questions that have no answer here.
    """
    bar, bars, standing = first, len(close), state.standing
    while bar < bars and not (target[bar] == target[bar] and target[bar] != standing):
        bar += 1
    if bar == first:
        return bar, watched
    cash, units = account.cash, float(state.lots) / lots_per_unit
    for passed in range(first, bar):
        equity_curve[passed] = cash + units * close[passed]
        cash_curve[passed] = cash
    if state.lots == 0:
        for passed in range(first, bar):
            equity_curve[passed] = cash
    else:
        account.held_bars += bar - first
    if limited:
        previous = account.equity
        for passed in range(first, bar):
            watched = watch(watched, limits, session_of[passed], previous, equity_curve[passed])
            previous = equity_curve[passed]
    state.before = close[bar - 2] if bar - first > 1 else state.mark
    state.mark, account.equity = close[bar - 1], equity_curve[bar - 1]
    account.closings += bar - first
    if session_of[bar - 1] != account.session:
        account.session = session_of[bar - 1]
        account.entries = 0
    return bar, watched


@compiled
def loop(  # noqa: C901, PLR0911, PLR0912, PLR0915 - the order of a bar's steps, each of them a function
    kind: NDArray[np.int8],
    start: NDArray[np.uint32],
    member: NDArray[np.uint32],
    symbol_at: NDArray[np.uint32],
    session_of: NDArray[np.int64],
    day_of: NDArray[np.int64],
    open_: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    volume: NDArray[np.float64],
    target: NDArray[np.float64],
    first_action: NDArray[np.int64],
    actions: Rows,
    haircut: NDArray[np.float64],
    fixed: Rows,
    signal_open: NDArray[np.float64],
    signal_close: NDArray[np.float64],
    month_of: NDArray[np.int64],
    liquidity: NDArray[np.float64],
    fee_since: NDArray[np.int64],
    fee_sec: NDArray[np.float64],
    fee_taf: NDArray[np.float64],
    fee_cap: NDArray[np.float64],
    costs: Costs,
    limits: Limits,
    limited: bool,  # noqa: FBT001 - compiled functions take no keyword-only arguments
    margin: bool,  # noqa: FBT001
    resting: bool,  # noqa: FBT001
    measured: bool,  # noqa: FBT001
    by_parity: bool,  # noqa: FBT001
    alone: bool,  # noqa: FBT001
    path: int,
    probability: float,
    seed: int,
    time_of: NDArray[np.int64],
    finer: FinerBars,
    finer_of: NDArray[np.int64],
    first_line: NDArray[np.int64],
    lines: Rows,
    lines_a_bar: int,
    ends_session: NDArray[np.bool_],
    outlives_session: NDArray[np.bool_],
    equity_curve: NDArray[np.float64],
    cash_curve: NDArray[np.float64],
    account: Any,
    states: Rows,
    shares: Rows,
    book: Rows,
    spare: Rows,
    tape: Rows,
    spare_tape: Rows,
    fill_rows: Rows,
    refusal_rows: Rows,
    ambiguous_rows: Rows,
) -> bool:
    """Run the groups of a schedule over the columns of all bars, see ``domain.kernel.simulate``; return whether rows sufficed."""
    symbols, groups, capacity = len(states), len(kind), len(fill_rows)
    rate, slots = cost_rate(costs), len(spare) if resting else 0
    has_actions, has_impact, has_levies, scripted = len(first_action) > 1, len(liquidity) > 0, len(fee_since) > 0, len(lines) > 0
    has_delistings, rows_a_symbol = len(haircut) > 0, len(tape) + 1 if resting else 1
    receivable = np.zeros(max(len(actions), 1))  # dividends between ex-date and pay date, by account key
    # Places of a group: a symbol opens once in it and closes once.
    ordered, due, active = np.zeros(symbols, np.int64), np.zeros(symbols, np.int64), np.zeros(symbols, np.int64)
    wide = symbols if measured else 1
    windows, known, values = np.zeros((wide, RETURNS)), np.zeros(wide, np.bool_), np.zeros(wide)
    covariances, compact, parity = np.zeros((wide, wide)), np.zeros(wide), np.zeros(wide)
    scratch = np.zeros(RETURNS)
    watched = Watch(-1, account.cash, account.cash, 0, 0, -np.inf)
    flow, moment, chancy, has_finer = Liquidity(0.0, np.inf), 0, probability > 0.0, len(finer_of) > 0

    quiet = (
        alone
        and not has_actions
        and not has_delistings
        and not margin
        and not measured
        and not scripted
        and fixed[0].exit_bars == 0
    )
    group = -1
    while group + 1 < groups:
        group += 1
        opens_now = kind[group] == OPEN
        if opens_now and account.waiting == 0 and not has_actions and not margin:
            if quiet and states[0].deferred == 0:
                last, watched = _pass_quietly(
                    group // 2, close, target, session_of, equity_curve, cash_curve, watched, limits, limited, account, states[0],
                    fixed[0].lots_per_unit,
                )  # fmt: skip
                group = 2 * last
            continue
        begin, end = _members(start, group, alone)
        first, _ = _at(member, symbol_at, begin, alone)
        if has_levies and session_of[first] != account.levied_session:
            _update_levies(account, fee_since, fee_sec, fee_taf, fee_cap, session_of[first])

        if opens_now:
            if margin:
                for index in range(begin, end):
                    bar, s = _at(member, symbol_at, index, alone)
                    state = states[s]
                    if state.lots < 0 and day_of[bar] != state.last_day:
                        days = day_of[bar] - state.last_day
                        fee = borrow_fee(state.lots, state.mark, fixed[s].borrow_rate, days, fixed[s].lots_per_unit)
                        account.cash -= fee
                        account.borrowed += fee
                    state.last_day = day_of[bar]
            if has_actions:
                for index in range(begin, end):
                    bar, s = _at(member, symbol_at, index, alone)
                    if first_action[bar] >= 0:
                        _apply_actions(
                            account, states[s], actions, first_action[bar], open_[bar], fixed[s].lots_per_unit, receivable, book,
                            s * slots, slots,
                        )  # fmt: skip
            if account.waiting == 0:
                continue
            if max(account.fills, account.refusals) + symbols * rows_a_symbol > capacity:
                return False
            if scripted:
                for index in range(begin, end):
                    bar, s = _at(member, symbol_at, index, alone)
                    if outlives_session[bar] and states[s].live > 0:
                        end_session(book, s * slots, (s + 1) * slots)
                        release(book, s * slots, (s + 1) * slots)
                        _settle(account, states[s], book, s * slots, slots)
            count = 0
            for index in range(begin, end):
                _, s = _at(member, symbol_at, index, alone)
                if states[s].pending != 0 or resting:
                    ordered[count] = index
                    count += 1
            for side in (_SELL, _BUY):
                for place in range(count):
                    bar, s = _at(member, symbol_at, ordered[place], alone)
                    state = states[s]
                    if side == _SELL or not resting:
                        state.allowance = volume_allowance(volume[bar], fixed[s].volume_share, fixed[s].lots_per_unit)
                    if state.pending * side <= 0 and state.live == 0:
                        continue
                    if has_impact:
                        flow = Liquidity(liquidity[bar, 0], liquidity[bar, 1])
                    if chancy:
                        moment = int(time_of[bar])
                    terms = _terms(account, fixed[s], costs, flow, margin, probability, seed, moment)
                    base, point = s * slots, open_[bar]
                    if state.pending * side > 0:
                        held, fill_row, refusal_row = state.lots, fill_rows[account.fills], refusal_rows[account.refusals]
                        lots = _fill_target(account, state, terms, side, bar, s, point, state.allowance, fill_row, refusal_row)
                        state.allowance -= lots
                        if resting and lots > 0:
                            fit_exits(book, base, base + slots, state.lots)
                            protect(book, base, held, _position(state), point, terms.exits, terms.grid)
                            _settle(account, state, book, base, slots)
                    if state.live > 0 and not volume[bar] <= 0.0 and not (state.lowest < point < state.highest):
                        trading = Trading(_position(state), account.cash, state.allowance, 0)
                        trading = match_opening(book, base, base + slots, side, point, trading, terms, tape)
                        _take(
                            account,
                            state,
                            trading,
                            tape,
                            book,
                            base,
                            slots,
                            bar,
                            s,
                            fixed[s].lots_per_unit,
                            fill_rows,
                            refusal_rows,
                        )
            if scripted:
                for index in range(begin, end):
                    bar, s = _at(member, symbol_at, index, alone)
                    if not volume[bar] <= 0.0:
                        end_opening(book, s * slots, (s + 1) * slots)
                        release(book, s * slots, (s + 1) * slots)
                        _settle(account, states[s], book, s * slots, slots)
            continue

        if resting and account.waiting > 0:
            if max(account.fills, account.refusals, account.ambiguous) + symbols * rows_a_symbol > capacity:
                return False
            for index in range(begin, end):
                bar, s = _at(member, symbol_at, index, alone)
                state = states[s]
                if state.live == 0 or volume[bar] <= 0.0 or (low[bar] > state.lowest and high[bar] < state.highest):
                    continue
                if has_impact:
                    flow = Liquidity(liquidity[bar, 0], liquidity[bar, 1])
                if chancy:
                    moment = int(time_of[bar])
                terms, base = _terms(account, fixed[s], costs, flow, margin, probability, seed, moment), s * slots
                inside = outside = 0
                if has_finer:
                    inside, outside = finer_of[bar, 0], finer_of[bar, 1]
                prices = Range(open_[bar], high[bar], low[bar], close[bar])
                _walk(
                    account, state, terms, prices, finer, inside, outside, path, scripted, book, base, slots, tape, spare,
                    spare_tape, bar, s, fill_rows, refusal_rows, ambiguous_rows,
                )  # fmt: skip
            if scripted:
                for side in (_SELL, _BUY):
                    for index in range(begin, end):
                        bar, s = _at(member, symbol_at, index, alone)
                        state = states[s]
                        if state.live == 0 or not ends_session[bar]:
                            continue
                        if has_impact:
                            flow = Liquidity(liquidity[bar, 0], liquidity[bar, 1])
                        if chancy:
                            moment = int(time_of[bar])
                        terms = _terms(account, fixed[s], costs, flow, margin, probability, seed, moment)
                        trades = not volume[bar] <= 0.0
                        _end_session(
                            account, state, terms, side, close[bar], trades, book, s * slots, slots, tape, bar, s, fill_rows,
                            refusal_rows,
                        )  # fmt: skip

        if has_delistings:
            if account.fills + symbols > capacity:
                return False
            for index in range(begin, end):
                bar, s = _at(member, symbol_at, index, alone)
                if haircut[bar] >= 0.0:
                    fill_row, units = fill_rows[account.fills], fixed[s].lots_per_unit
                    _delist(account, states[s], bar, close[bar], haircut[bar], units, book, s * slots, slots, fill_row)

        for index in range(begin, end):
            bar, s = _at(member, symbol_at, index, alone)
            state = states[s]
            state.before, state.mark = state.mark, close[bar]
            if not alone:
                prefetch(close, bar + 1)  # those of other symbols stand between
                prefetch(target, bar + 1)
            holds = 1 if state.lots != 0 else 0  # added without a branch, as in ``_active``
            account.held_bars += holds
            state.bars_held += holds
            if measured:
                state.last_bar = bar
                if state.trip_due != 0:
                    _end_trip(state, signal_open[bar], rate)
        previous, equity = account.equity, account.cash
        for s in range(symbols):
            if states[s].lots != 0:
                equity += value_of(states[s].lots, states[s].mark, fixed[s].lots_per_unit)
        account.equity = equity
        equity_curve[account.closings], cash_curve[account.closings] = equity, account.cash
        account.closings += 1
        session = session_of[first]
        if limited:
            watched = watch(watched, limits, session, previous, equity)
        if session != account.session:
            account.session = session
            account.entries = 0
        keep, required = 1.0, 0.0
        if margin:
            maintenance = _maintenance(states, fixed)
            keep = share_to_keep(equity, maintenance)
            if keep < 1.0:
                required = maintenance
                if account.refusals + 2 * symbols > capacity:
                    return False
                _call_margin(account, states, fixed, first, book, slots, required, refusal_rows)

        count = 0
        for index in range(begin, end):
            bar, s = _at(member, symbol_at, index, alone)
            if has_delistings and haircut[bar] >= 0.0:
                continue
            month = month_of[bar] if measured else 0
            if _is_due(account, states[s], fixed[s], target[bar], month, measured, resting):
                prefetch(open_, bar + 1)  # an order fills there
                prefetch(volume, bar + 1)
                due[count] = index
                states[s].due = 1
                count += 1
        barred = barred_account(watched, limits, equity, required)
        if count > 0:
            if account.refusals + symbols > capacity:
                return False
            if measured:
                _windows(signal_close, states, fixed, windows, known)
                if by_parity:
                    parity_weights(windows, known, symbols, covariances, compact, parity)
            for place in range(count):
                _, s = _at(member, symbol_at, due[place], alone)
                m = s if measured else 0
                _size(states[s], fixed[s], equity, rate, symbols, measured, windows[m], parity[m])
            listed = active[:0]
            for buys in (False, True):
                for place in range(count):
                    bar, s = _at(member, symbol_at, due[place], alone)
                    state, own = states[s], fixed[s]
                    if (state.wanted_lots > state.lots) != buys:
                        continue
                    entering = symbols > 1 and enters(state.lots, state.wanted_lots - state.lots)
                    if entering and len(listed) == 0:
                        listed = active[: _weigh_all(rate, states, fixed, active, book, slots, shares)]
                    exposure = Exposure(account.cash, 0.0, 0.0, 0.0, 0.0, 0.0)
                    if entering:
                        exposure = rest_of_account(account.cash, shares, listed, s)
                    cluster, risk_lots, risk = 0.0, state.wanted_lots, 0.0
                    if measured:
                        cluster, risk_lots, risk = _measure(
                            s, state.wanted_lots, state.lots, state.mark, equity, limits, states, fixed, book, slots, windows,
                            known, values, scratch,
                        )  # fmt: skip
                    barring = barred_symbol(barred, limits, account.entries, state.mark, state.before)
                    rest = Account(equity, exposure, cluster, barring, own.shorting, own.initial, risk_lots, risk)
                    _order(account, state, own, rate, limits, rest, bar, s, refusal_rows[account.refusals])
                    if len(listed) > 0:
                        _weigh(s, rate, states, fixed, book, slots, shares)
            for place in range(count):
                _, s = _at(member, symbol_at, due[place], alone)
                states[s].due = 0
        if scripted:
            for index in range(begin, end):
                bar, s = _at(member, symbol_at, index, alone)
                if first_line[bar] < 0 or (has_delistings and haircut[bar] >= 0.0):
                    continue
                if account.refusals + lines_a_bar > capacity:
                    return False
                if measured:
                    _windows(signal_close, states, fixed, windows, known)
                _place_lines(
                    account, states, fixed, s, bar, first_line[bar], lines, rate, limits, barred, book, slots,
                    refusal_rows, active, shares, measured, windows, known, values, scratch,
                )  # fmt: skip
                if account.crowded != 0:
                    return False
        if keep < 1.0:
            for s in range(symbols):
                state = states[s]
                cut = reduction(state.lots, state.pending, keep)
                if cut != 0:
                    if state.pending == 0:
                        account.waiting += 1
                    state.pending, state.pending_reason = cut, Reason.LIQUIDATION.value
    account.drawdown_breached = 1 if watched.drawdown_breach != 0 else 0
    return True
