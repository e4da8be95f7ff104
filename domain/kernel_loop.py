"""The compiled loop of the kernel: which rule is asked when. No rule of trading stands here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np
from numba.extending import register_jitable

from domain.market import Side
from domain.rules.accounting import Position, apply_fill, apply_split, dividend_cash, split_lots, value_of
from domain.rules.book import (
    NO_GROUP,
    NO_PARENT,
    free_place,
    open_entries,
    open_orders,
    protect,
    release,
    split_orders,
    withdraw_entries,
)
from domain.rules.costs import Costs, Levies, Liquidity, cost_rate
from domain.rules.exits import PROTECTIVE, ExitRules, Grid, opens, target_after_exit, time_is_up, trailing_price
from domain.rules.fills import OrderType, Reason, simulate_market_fill, volume_allowance
from domain.rules.limits import (
    Breach,
    Exposure,
    Limits,
    Watch,
    add_exposure,
    barred_account,
    barred_symbol,
    reserve,
    watch,
)
from domain.rules.margin import MarginTable, borrow_fee, maintenance_margin, reduction, share_to_keep
from domain.rules.matching import (
    Range,
    Terms,
    Trading,
    alert_band,
    end_opening,
    end_session,
    match_close,
    match_opening,
    walk_bar,
)
from domain.rules.measures import lots_within_risk, parity_weights, weight_of, worst_value
from domain.rules.moments import RETURNS, Trips, add_trip, annual_volatility, cluster_value, round_trip, window
from domain.rules.planning import Account, Shorting, enters, kept_lots, plan_order, plan_wish, price_of_wish, reserved_money
from domain.rules.regulatory import row_in_force
from domain.rules.rule import RULES
from domain.rules.sizing import Size, Sizing, SizingRule, size
from domain.timeline import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

for _function in RULES:
    register_jitable(_function)

SPLIT, DIVIDEND, ACCRUAL, PAYMENT = 0, 1, 2, 3
TRAILING_STOP: Final = OrderType.TRAILING_STOP.value
_SELL: Final = Side.SELL.value
_BUY: Final = Side.BUY.value
COMPILED: Final[list[Any]] = []
"""Every function that is compiled and cached here: each cache has to know the rules it was compiled from."""


def _compiled[F: Callable[..., Any]](function: F) -> F:
    """Compile ``function`` when it is called first, and cache it."""
    made = numba.njit(cache=True, error_model="numpy")(function)
    COMPILED.append(made)
    return made  # type: ignore[no-any-return]  # numba has no types


@_compiled
def _exits(row: Any) -> ExitRules:
    return ExitRules(row.stop_loss, row.take_profit, row.trailing, row.exit_bars)


@_compiled
def _terms(row: Any, lots_per_unit: int, costs: Costs, levies: Levies, liquidity: Liquidity, margin: bool) -> Terms:  # noqa: FBT001
    """Return what holds for the fills of a symbol."""
    grid = Grid(row.ticks, row.ticks_below_one)
    return Terms(costs, levies, liquidity, lots_per_unit, grid, _exits(row), not margin, row.shorting == Shorting.ALLOWED.value)


@_compiled
def _margin_table(row: Any) -> MarginTable:
    return MarginTable(row.initial, row.maintenance_long, row.maintenance_short, row.short_a_unit, row.low_price, row.low_a_unit)


@_compiled
def _write_fill(row: Any, bar: int, side: int, lots: int, price: float, fee: float, reason: int) -> None:
    row.bar, row.side, row.lots, row.price, row.fee, row.reason = bar, side, lots, price, fee, reason


@_compiled
def _write_refusal(row: Any, bar: int, symbol: int, lots: int, breach: int, value: float, bound: float) -> None:
    row.bar, row.symbol, row.lots, row.breach, row.value, row.bound = bar, symbol, lots, breach, value, bound


@_compiled
def _levies(since: Any, sec_rate: Any, taf_rate: Any, taf_cap: Any, session: int) -> Levies:
    """Return what regulators take of sales in a session."""
    row = row_in_force(since, session)
    if row < 0:
        return Levies(0.0, 0.0, 0.0)
    return Levies(sec_rate[row], taf_rate[row], taf_cap[row])


@_compiled
def _take_tape(
    tape: Any,
    base: int,
    count: int,
    bar: int,
    s: int,
    lots_per_unit: int,
    fill_rows: Any,
    fills: int,
    refusal_rows: Any,
    refusals: int,
    pending: Any,
    bars_held: Any,
    held_before: int,
) -> tuple[int, int, int, int]:
    """Write the fills of resting orders to the ledger, and let those of protective ones shrink the symbol's target order.

    Returns the counts of fills and refusals, how many target orders are gone, and how many fills the volume cut short.
    """
    gone, cut_short = 0, 0
    held = held_before
    for index in range(count):
        row = tape[index]
        if row.lots > 0:
            _write_fill(fill_rows[fills], bar, row.side, row.lots, row.price, row.fee, row.reason)
            fills += 1
            if row.left > 0:
                cut_short += 1
            after = held + row.side * row.lots
            if opens(held, after):
                bars_held[s] = 0
            held = after
            if row.slot - base < PROTECTIVE and pending[s] != 0:
                pending[s] = target_after_exit(pending[s], row.side, row.lots)
                if pending[s] == 0:
                    gone += 1
        if row.cut > 0:
            breach = Breach.CASH.value if row.side > 0 else Breach.SHORT_NOT_ALLOWED.value
            bound = row.cash if row.side > 0 else 0.0
            value = value_of(row.cut, row.price, lots_per_unit)
            _write_refusal(refusal_rows[refusals], bar, s, row.cut, breach, value, bound)
            refusals += 1
    return fills, refusals, gone, cut_short


@_compiled
def _apply_actions(
    action: int,
    s: int,
    bar: int,
    open_: Any,
    actions: Any,
    lots: Any,
    average: Any,
    realised: Any,
    mark: Any,
    before: Any,
    receivable: Any,
    pending: Any,
    lots_per_unit: int,
    resting: bool,  # noqa: FBT001 - compiled functions take no keyword-only arguments
    book: Any,
    base: int,
    slots: int,
    cash: float,
) -> float:
    """Apply the corporate actions of a bar to one symbol, one after the other, and return the cash after them."""
    while action >= 0:
        row = actions[action]
        if row.kind == SPLIT:
            split = apply_split(Position(lots[s], average[s], realised[s]), row.value, open_[bar], lots_per_unit)
            lots[s], average[s], realised[s] = split.position
            cash += split.cash
            mark[s] /= row.value
            before[s] /= row.value
            if pending[s] != 0:
                sign = 1 if pending[s] > 0 else -1
                pending[s] = sign * split_lots(abs(pending[s]), row.value)
            if resting:
                split_orders(book, base, base + slots, row.value)
        elif row.kind == PAYMENT:
            cash += receivable[row.key]
            receivable[row.key] = 0.0
        elif lots[s] != 0:
            paid = dividend_cash(lots[s], row.value, lots_per_unit)
            if row.kind == ACCRUAL:
                receivable[row.key] = paid
            else:
                cash += paid
        action = row.following
    return cash


@_compiled
def _windows(closes: Any, symbols: Any, last_bar: Any, windows: Any, known: Any) -> None:
    """Write the last 60 returns of every symbol."""
    for s in range(len(last_bar)):
        known[s] = last_bar[s] >= 0 and window(closes, symbols[s].first_bar, last_bar[s] + 1, windows[s])


@_compiled
def _maintenance(lots: Any, mark: Any, lots_per_unit: Any, symbols: Any) -> float:
    """Return the equity that all positions ask for."""
    required = 0.0
    for s in range(len(lots)):
        if lots[s] != 0:
            required += maintenance_margin(lots[s], mark[s], lots_per_unit[s], _margin_table(symbols[s]))
    return required


@_compiled
def _open_lots(o: int, pending: Any, live: Any, book: Any, slots: int) -> tuple[int, int]:
    """Return the lots that a symbol's orders may still buy and sell, exits by protective orders aside."""
    buys, sells = 0, 0
    if live[o] > 0 and slots > PROTECTIVE:
        buys, sells = open_entries(book, o * slots, (o + 1) * slots, NO_GROUP)
    if pending[o] > 0:
        buys += pending[o]
    else:
        sells -= pending[o]
    return buys, sells


@_compiled
def _exposure(
    s: int,
    cash: float,
    rate: float,
    lots: Any,
    mark: Any,
    pending: Any,
    lots_per_unit: Any,
    symbols: Any,
    live: Any,
    book: Any,
    slots: int,
) -> Exposure:
    """Return what the other symbols hold and may come to hold."""
    exposure = Exposure(cash, 0.0, 0.0, 0.0, 0.0, 0.0)
    for o in range(len(lots)):
        if o == s or (lots[o] == 0 and pending[o] == 0 and live[o] == 0):
            continue
        buys, sells = _open_lots(o, pending, live, book, slots)
        price = mark[o]
        exposure = add_exposure(exposure, lots[o], buys, sells, price, price * (1.0 + rate), lots_per_unit[o], symbols[o].initial)
    return exposure


@_compiled
def _values(s: int, lots: Any, mark: Any, pending: Any, lots_per_unit: Any, values: Any, live: Any, book: Any, slots: int) -> None:
    """Write the signed value of every other symbol at the worst of its open orders."""
    for o in range(len(lots)):
        buys, sells = _open_lots(o, pending, live, book, slots)
        values[o] = 0.0 if o == s else worst_value(lots[o], buys, sells, mark[o], lots_per_unit[o])


@_compiled
def _pass_quietly(
    first: int,
    close: Any,
    target: Any,
    session_of: Any,
    equity_curve: Any,
    cash_curve: Any,
    state: Watch,
    limits: Limits,
    limited: bool,  # noqa: FBT001
    lots: int,
    standing: float,
    before: float,
    mark: float,
    equity: float,
    cash: float,
    lots_per_unit: int,
) -> tuple[int, Watch, float, float, float]:
    """Mark one symbol from bar ``first`` on, as long as no target changes and nothing waits; return the first bar not taken.

    With it the watch and the last marks: the same as bar by bar, without the questions that have no answer here.
    """
    bar, bars = first, len(close)
    while bar < bars and not (target[bar] == target[bar] and target[bar] != standing):
        bar += 1
    units = float(lots) / lots_per_unit
    for passed in range(first, bar):
        equity_curve[passed] = cash + units * close[passed]
        cash_curve[passed] = cash
    if lots == 0:
        for passed in range(first, bar):
            equity_curve[passed] = cash
    if bar == first:
        return bar, state, before, mark, equity
    if limited:
        previous = equity
        for passed in range(first, bar):
            state = watch(state, limits, session_of[passed], previous, equity_curve[passed])
            previous = equity_curve[passed]
    before = close[bar - 2] if bar - first > 1 else mark
    return bar, state, before, close[bar - 1], equity_curve[bar - 1]


@_compiled
def loop(  # noqa: C901, PLR0912, PLR0915 - one loop over all state is what compiles to fast code; every decision is a rule
    kind: NDArray[np.int8],
    start: NDArray[np.uint32],
    member: NDArray[np.uint32],
    symbol_of: NDArray[np.uint32],
    session_of: NDArray[np.int64],
    open_: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    volume: NDArray[np.float64],
    target: NDArray[np.float64],
    first_action: NDArray[np.int64],
    actions: Any,
    sizing_rule: NDArray[np.int64],
    sizing_value: NDArray[np.float64],
    lots_per_unit: NDArray[np.int64],
    volume_share: NDArray[np.float64],
    symbols_static: Any,
    signal_open: NDArray[np.float64],
    signal_close: NDArray[np.float64],
    month_of: NDArray[np.int64],
    liquidity: NDArray[np.float64],
    fee_since: NDArray[np.int64],
    fee_sec: NDArray[np.float64],
    fee_taf: NDArray[np.float64],
    fee_cap: NDArray[np.float64],
    initial_cash: float,
    costs: Costs,
    limits: Limits,
    limited: bool,  # noqa: FBT001 - compiled functions take no keyword-only arguments
    margin: bool,  # noqa: FBT001
    resting: bool,  # noqa: FBT001
    measured: bool,  # noqa: FBT001
    alone: bool,  # noqa: FBT001
    path: int,
    closes: int,
    first_line: NDArray[np.int64],
    lines: Any,
    ends_session: NDArray[np.bool_],
    book: Any,
    spare: Any,
    tape: Any,
    spare_tape: Any,
    fill_rows: Any,
    refusal_rows: Any,
    ambiguous_rows: Any,
) -> tuple[Any, ...]:
    """Run the groups of a schedule over the columns of all bars; see ``domain.kernel.simulate``."""
    symbols, groups = len(lots_per_unit), len(kind)
    rate = cost_rate(costs)
    has_actions = len(first_action) > 1
    has_impact = len(liquidity) > 0
    has_levies = len(fee_since) > 0
    scripted = len(lines) > 0
    by_parity = False
    for s in range(symbols):
        by_parity = by_parity or sizing_rule[s] == SizingRule.RISK_PARITY.value

    lots = np.zeros(symbols, np.int64)
    average = np.zeros(symbols)
    realised = np.zeros(symbols)
    mark = np.zeros(symbols)
    before = np.zeros(symbols)  # the mark before the last
    standing = np.zeros(symbols)
    receivable = np.zeros(max(len(actions), 1))  # dividends between ex-date and pay date, by account key
    pending = np.zeros(symbols, np.int64)  # signed lots still open of the symbol's target order
    pending_reason = np.zeros(symbols, np.int64)
    deferred = np.zeros(symbols, np.bool_)
    due = np.zeros(symbols, np.int64)
    wanted_lots = np.zeros(symbols, np.int64)
    wanted_units = np.zeros(symbols)
    wanted_missing = np.zeros(symbols, np.bool_)

    live = np.zeros(symbols, np.int64)  # resting orders with open lots
    lowest, highest = np.full(symbols, -np.inf), np.full(symbols, np.inf)
    allowance = np.zeros(symbols, np.int64)
    bars_held = np.zeros(symbols, np.int64)
    last_session = np.full(symbols, -1, np.int64)

    wide = symbols if measured else 1
    windows, known, values = np.zeros((wide, RETURNS)), np.zeros(wide, np.bool_), np.zeros(wide)
    covariances, compact, parity = np.zeros((wide, wide)), np.zeros(wide), np.zeros(wide)
    scratch = np.zeros(RETURNS)
    last_bar = np.full(symbols, -1, np.int64)
    last_month = np.full(symbols, -1, np.int64)
    trip_count, trip_mean, trip_squares = np.zeros(symbols, np.int64), np.zeros(symbols), np.zeros(symbols)
    trip_side, trip_entry = np.zeros(symbols, np.int64), np.zeros(symbols)
    trip_due = np.zeros(symbols, np.bool_)

    capacity = len(fill_rows)
    equity_curve, cash_curve = np.empty(closes), np.empty(closes)
    fills = refusals = ambiguous = closings = held_bars = volume_limited = waiting = 0
    borrowed = 0.0
    entries = 0
    crowded = False
    slots = len(spare)
    a_row = len(tape) + 1 if resting else 1

    cash, equity, complete = initial_cash, initial_cash, True
    state = Watch(-1, initial_cash, initial_cash, 0, 0, -np.inf)
    levies, levied_session = Levies(0.0, 0.0, 0.0), np.int64(-1)
    flow = Liquidity(0.0, np.inf)
    session_now = np.int64(-1)

    quiet = alone and not has_actions and not margin and not measured and not scripted and symbols_static[0].exit_bars == 0
    group = -1
    while group + 1 < groups:
        group += 1
        opens_now = kind[group] == OPEN
        if opens_now and waiting == 0 and not has_actions and not margin:
            if quiet and not deferred[0]:
                first = group // 2
                last, state, before[0], mark[0], equity = _pass_quietly(
                    first, close, target, session_of, equity_curve, cash_curve, state, limits, limited, lots[0], standing[0],
                    before[0], mark[0], equity, cash, lots_per_unit[0],
                )  # fmt: skip
                closings += last - first
                if lots[0] != 0:
                    held_bars += last - first
                if last > first and session_of[last - 1] != session_now:
                    session_now = session_of[last - 1]
                    entries = 0
                group = 2 * last
            continue
        begin, end = start[group], start[group + 1]
        if opens_now:
            if margin:
                for index in range(begin, end):
                    bar = member[index]
                    s = symbol_of[bar]
                    if lots[s] < 0 and session_of[bar] != last_session[s]:
                        days = session_of[bar] - last_session[s]
                        fee = borrow_fee(lots[s], mark[s], symbols_static[s].borrow_rate, days, lots_per_unit[s])
                        cash -= fee
                        borrowed += fee
                    last_session[s] = session_of[bar]
            if has_actions:
                for index in range(begin, end):
                    bar = member[index]
                    if first_action[bar] >= 0:
                        s = symbol_of[bar]
                        base = s * slots if resting else 0
                        was = pending[s] != 0
                        cash = _apply_actions(
                            first_action[bar], s, bar, open_, actions, lots, average, realised, mark, before, receivable, pending,
                            lots_per_unit[s], resting, book, base, slots, cash,
                        )  # fmt: skip
                        if was and pending[s] == 0:
                            waiting -= 1
                        if resting:
                            now = open_orders(book, base, base + slots)
                            waiting += now - live[s]
                            live[s] = now
                            lowest[s], highest[s] = alert_band(book, base, base + slots)
            if waiting == 0:
                continue
            if max(fills, refusals) + symbols * a_row > capacity:
                complete = False
                break
            for side in (_SELL, _BUY):
                for index in range(begin, end):
                    bar = member[index]
                    s = symbol_of[bar]
                    if resting and side == _SELL:
                        allowance[s] = volume_allowance(volume[bar], volume_share[s], lots_per_unit[s])
                    if has_levies and session_of[bar] != levied_session:
                        levied_session = session_of[bar]
                        levies = _levies(fee_since, fee_sec, fee_taf, fee_cap, levied_session)
                    if has_impact:
                        flow = Liquidity(liquidity[bar, 0], liquidity[bar, 1])
                    if pending[s] * side > 0:
                        allowed = allowance[s] if resting else volume_allowance(volume[bar], volume_share[s], lots_per_unit[s])
                        ready = np.inf if margin else cash
                        charged = levies if symbols_static[s].levied else Levies(0.0, 0.0, 0.0)
                        fill = simulate_market_fill(
                            side, abs(pending[s]), open_[bar], allowed, ready, costs, charged, flow, lots_per_unit[s]
                        )
                        if fill.lots > 0:
                            held = lots[s]
                            booking = apply_fill(
                                Position(held, average[s], realised[s]), side, fill.lots, fill.price, fill.fee, lots_per_unit[s]
                            )
                            lots[s], average[s], realised[s] = booking.position
                            cash += booking.cash
                            row = fill_rows[fills]
                            row.bar, row.side, row.lots, row.price = bar, side, fill.lots, fill.price
                            row.fee, row.reason = fill.fee, pending_reason[s]
                            fills += 1
                            if resting:
                                allowance[s] -= fill.lots
                                if opens(held, lots[s]):
                                    bars_held[s] = 0
                                base = s * slots
                                fixed = symbols_static[s]
                                grid = Grid(fixed.ticks, fixed.ticks_below_one)
                                protect(book, base, held, booking.position, open_[bar], _exits(fixed), grid)
                                now = open_orders(book, base, base + slots)
                                waiting += now - live[s]
                                live[s] = now
                                lowest[s], highest[s] = alert_band(book, base, base + slots)
                        left = abs(pending[s]) - fill.lots - fill.cut_lots
                        if left > 0 and fill.lots > 0:
                            volume_limited += 1
                        if fill.cut_lots > 0:
                            value = value_of(fill.cut_lots, fill.price, lots_per_unit[s])
                            _write_refusal(refusal_rows[refusals], bar, s, fill.cut_lots, Breach.CASH.value, value, cash)
                            refusals += 1
                        pending[s] = side * left
                        if left == 0:
                            waiting -= 1
                    if resting and live[s] > 0 and not volume[bar] <= 0.0:
                        if open_[bar] > lowest[s] and open_[bar] < highest[s]:
                            continue
                        base = s * slots
                        charged = levies if symbols_static[s].levied else Levies(0.0, 0.0, 0.0)
                        terms = _terms(symbols_static[s], lots_per_unit[s], costs, charged, flow, margin)
                        held = lots[s]
                        trading = Trading(Position(held, average[s], realised[s]), cash, allowance[s], 0)
                        trading = match_opening(book, base, base + slots, side, open_[bar], trading, terms, tape)
                        lots[s], average[s], realised[s] = trading.position
                        cash, allowance[s] = trading.cash, trading.allowance
                        fills, refusals, gone, cut_short = _take_tape(
                            tape, base, trading.fills, bar, s, lots_per_unit[s], fill_rows, fills, refusal_rows, refusals,
                            pending, bars_held, held,
                        )  # fmt: skip
                        volume_limited += cut_short
                        now = open_orders(book, base, base + slots)
                        waiting += now - live[s] - gone
                        live[s] = now
                        lowest[s], highest[s] = alert_band(book, base, base + slots)
            if scripted:
                for index in range(begin, end):
                    bar = member[index]
                    s = symbol_of[bar]
                    if not volume[bar] <= 0.0:
                        base = s * slots
                        end_opening(book, base, base + slots)
                        release(book, base, base + slots)
                        now = open_orders(book, base, base + slots)
                        waiting += now - live[s]
                        live[s] = now
                        lowest[s], highest[s] = alert_band(book, base, base + slots)
            continue

        if resting and waiting > 0:
            if max(fills, refusals, ambiguous) + symbols * a_row > capacity:
                complete = False
                break
            for index in range(begin, end):
                bar = member[index]
                s = symbol_of[bar]
                if live[s] == 0 or volume[bar] <= 0.0 or (low[bar] > lowest[s] and high[bar] < highest[s]):
                    continue
                if has_levies and session_of[bar] != levied_session:
                    levied_session = session_of[bar]
                    levies = _levies(fee_since, fee_sec, fee_taf, fee_cap, levied_session)
                if has_impact:
                    flow = Liquidity(liquidity[bar, 0], liquidity[bar, 1])
                base = s * slots
                charged = levies if symbols_static[s].levied else Levies(0.0, 0.0, 0.0)
                terms = _terms(symbols_static[s], lots_per_unit[s], costs, charged, flow, margin)
                held = lots[s]
                trading = Trading(Position(held, average[s], realised[s]), cash, allowance[s], 0)
                prices = Range(open_[bar], high[bar], low[bar], close[bar])
                walk = walk_bar(book, base, base + slots, prices, path, trading, terms, tape, spare, spare_tape)
                lots[s], average[s], realised[s] = walk.trading.position
                cash, allowance[s] = walk.trading.cash, walk.trading.allowance
                if walk.ambiguous:
                    row = ambiguous_rows[ambiguous]
                    row.bar, row.high_first, row.low_first = bar, walk.high_first, walk.low_first
                    ambiguous += 1
                fills, refusals, gone, cut_short = _take_tape(
                    tape, base, walk.trading.fills, bar, s, lots_per_unit[s], fill_rows, fills, refusal_rows, refusals, pending,
                    bars_held, held,
                )  # fmt: skip
                volume_limited += cut_short
                if scripted:
                    release(book, base, base + slots)
                now = open_orders(book, base, base + slots)
                waiting += now - live[s] - gone
                live[s] = now
                lowest[s], highest[s] = alert_band(book, base, base + slots)
            if scripted:
                for side in (_SELL, _BUY):
                    for index in range(begin, end):
                        bar = member[index]
                        s = symbol_of[bar]
                        if live[s] == 0 or not ends_session[bar]:
                            continue
                        base = s * slots
                        if not volume[bar] <= 0.0:
                            if has_levies and session_of[bar] != levied_session:
                                levied_session = session_of[bar]
                                levies = _levies(fee_since, fee_sec, fee_taf, fee_cap, levied_session)
                            if has_impact:
                                flow = Liquidity(liquidity[bar, 0], liquidity[bar, 1])
                            charged = levies if symbols_static[s].levied else Levies(0.0, 0.0, 0.0)
                            terms = _terms(symbols_static[s], lots_per_unit[s], costs, charged, flow, margin)
                            held = lots[s]
                            trading = Trading(Position(held, average[s], realised[s]), cash, allowance[s], 0)
                            trading = match_close(book, base, base + slots, side, close[bar], trading, terms, tape)
                            lots[s], average[s], realised[s] = trading.position
                            cash, allowance[s] = trading.cash, trading.allowance
                            fills, refusals, gone, cut_short = _take_tape(
                                tape, base, trading.fills, bar, s, lots_per_unit[s], fill_rows, fills, refusal_rows, refusals,
                                pending, bars_held, held,
                            )  # fmt: skip
                            volume_limited += cut_short
                            waiting -= gone
                        if side == _BUY:
                            end_session(book, base, base + slots)
                        release(book, base, base + slots)
                        now = open_orders(book, base, base + slots)
                        waiting += now - live[s]
                        live[s] = now
                        lowest[s], highest[s] = alert_band(book, base, base + slots)

        for index in range(begin, end):
            bar = member[index]
            s = symbol_of[bar]
            before[s] = mark[s]
            mark[s] = close[bar]
            if lots[s] != 0:
                held_bars += 1
                if resting:
                    bars_held[s] += 1
            if measured:
                last_bar[s] = bar
                if trip_due[s]:
                    trip_due[s] = False
                    if trip_side[s] != 0:
                        gained = round_trip(trip_side[s], trip_entry[s], signal_open[bar], rate)
                        trips = add_trip(Trips(trip_count[s], trip_mean[s], trip_squares[s]), gained)
                        trip_count[s], trip_mean[s], trip_squares[s] = trips
                    trip_side[s] = 1 if standing[s] > 0.0 else (-1 if standing[s] < 0.0 else 0)
                    trip_entry[s] = signal_open[bar]
        previous, equity = equity, cash
        for s in range(symbols):
            if lots[s] != 0:
                equity += value_of(lots[s], mark[s], lots_per_unit[s])
        equity_curve[closings], cash_curve[closings] = equity, cash
        closings += 1
        if limited:
            state = watch(state, limits, session_of[member[begin]], previous, equity)
            if session_of[member[begin]] != session_now:
                session_now = session_of[member[begin]]
                entries = 0
        called, keep = False, 1.0
        if margin:
            keep = share_to_keep(equity, _maintenance(lots, mark, lots_per_unit, symbols_static))
            called = keep < 1.0
            if called:
                if refusals + 2 * symbols > capacity:
                    complete = False
                    break
                for s in range(symbols):
                    if pending[s] != 0 and (lots[s] >= 0) == (pending[s] > 0):
                        withdrawn = abs(pending[s])
                        _write_refusal(refusal_rows[refusals], member[begin], s, withdrawn, Breach.MARGIN_CALL.value, 0.0, 0.0)
                        refusals += 1
                        pending[s] = 0
                        waiting -= 1
                        deferred[s] = True
                    if scripted and live[s] > 0:
                        base = s * slots
                        withdraw_entries(book, base, base + slots, lots[s])
                        now = open_orders(book, base, base + slots)
                        waiting += now - live[s]
                        live[s] = now
                        lowest[s], highest[s] = alert_band(book, base, base + slots)

        count = 0
        for index in range(begin, end):
            bar = member[index]
            s = symbol_of[bar]
            resized = False
            if measured:
                resized = sizing_rule[s] == SizingRule.RISK_PARITY.value and last_month[s] != -1 and last_month[s] != month_of[bar]
                resized = resized and standing[s] != 0.0
                last_month[s] = month_of[bar]
            changed = target[bar] == target[bar] and target[bar] != standing[s]
            if changed:
                standing[s] = target[bar]
                deferred[s] = False
                if measured:
                    side = 1 if standing[s] > 0.0 else (-1 if standing[s] < 0.0 else 0)
                    trip_due[s] = side != trip_side[s]
            elif resting and lots[s] != 0 and pending[s] != -lots[s] and time_is_up(bars_held[s], _exits(symbols_static[s])):
                if pending[s] == 0:
                    waiting += 1
                pending[s] = -lots[s]
                pending_reason[s] = Reason.TIME_EXIT.value
                deferred[s] = False
                continue
            if changed or deferred[s] or resized:
                if pending[s] != 0:
                    pending[s] = 0
                    waiting -= 1
                due[count] = bar
                count += 1
        if count > 0:
            if refusals + symbols > capacity:
                complete = False
                break
            if measured:
                _windows(signal_close, symbols_static, last_bar, windows, known)
                if by_parity:
                    parity_weights(windows, known, symbols, covariances, compact, parity)
            for place in range(count):
                s = symbol_of[due[place]]
                sizing = Sizing(sizing_rule[s], sizing_value[s])
                weight = symbols_static[s].stop_loss
                if measured:
                    spread = annual_volatility(windows[s], RETURNS, symbols_static[s].bars_a_year)
                    trips = Trips(trip_count[s], trip_mean[s], trip_squares[s])
                    weight = weight_of(sizing, symbols_static[s].stop_loss, spread, trips, parity[s], symbols)
                wanted = size(sizing, standing[s], equity, mark[s], rate, lots_per_unit[s], weight)
                wanted_lots[s], wanted_units[s], wanted_missing[s] = wanted
            barred = barred_account(state, limits, equity, called)
            for buys in (False, True):
                for place in range(count):
                    bar = due[place]
                    s = symbol_of[bar]
                    if (wanted_lots[s] > lots[s]) != buys:
                        continue
                    exposure = _exposure(s, cash, rate, lots, mark, pending, lots_per_unit, symbols_static, live, book, slots)
                    cluster, risk_lots, risk = 0.0, wanted_lots[s], 0.0
                    if measured:
                        _values(s, lots, mark, pending, lots_per_unit, values, live, book, slots)
                        if limits.max_cluster_exposure < np.inf:
                            cluster = cluster_value(windows, known, values, symbols, s, limits.cluster_correlation)
                        if limits.max_value_at_risk < np.inf:
                            risk_lots, risk = lots_within_risk(
                                windows, values, symbols, s, wanted_lots[s], kept_lots(wanted_lots[s], lots[s]), mark[s],
                                lots_per_unit[s], equity, limits.max_value_at_risk, scratch,
                            )  # fmt: skip
                    barring = barred_symbol(barred, limits, entries, mark[s], before[s])
                    account = Account(
                        equity, exposure, cluster, barring, symbols_static[s].shorting, symbols_static[s].initial, risk_lots, risk
                    )
                    wanted = Size(wanted_lots[s], wanted_units[s], wanted_missing[s])
                    order = plan_order(wanted, lots[s], mark[s], rate, lots_per_unit[s], limits, account)
                    if order.lots != 0:
                        pending[s] = order.lots
                        pending_reason[s] = Reason.TARGET.value
                        waiting += 1
                        if enters(lots[s], order.lots):
                            entries += 1
                        deferred[s] = False
                    if order.breach != 0 and not (order.again and deferred[s]):
                        _write_refusal(refusal_rows[refusals], bar, s, order.refused, order.breach, order.value, order.bound)
                        refusals += 1
                        deferred[s] = order.again
        if scripted:
            barred = barred_account(state, limits, equity, called)
            for index in range(begin, end):
                bar = member[index]
                s = symbol_of[bar]
                line = first_line[bar]
                if line < 0:
                    continue
                base = s * slots
                if refusals + 64 > capacity:
                    complete = False
                    break
                if measured:
                    _windows(signal_close, symbols_static, last_bar, windows, known)
                parent, had = NO_PARENT, live[s]
                while line >= 0:
                    row = lines[line]
                    line = row.following
                    if row.cancels:
                        for slot in range(base + PROTECTIVE, base + slots):
                            if book[slot].tag == row.tag and (book[slot].lots > 0 or book[slot].parent != NO_PARENT):
                                book[slot].lots = 0
                                book[slot].parent = NO_PARENT
                        release(book, base, base + slots)
                        continue
                    ordered = row.side * row.lots
                    if row.is_child:
                        if parent == NO_PARENT:
                            continue
                    else:
                        parent = NO_PARENT
                        own_buys, own_sells = open_entries(book, base, base + slots, row.group)
                        price = price_of_wish(row.limit, row.stop, mark[s])
                        exposure = _exposure(s, cash, rate, lots, mark, pending, lots_per_unit, symbols_static, live, book, slots)
                        reserved = reserved_money(book, base, base + slots, row.group, mark[s], rate, lots_per_unit[s])
                        exposure = reserve(exposure, reserved)
                        cluster, risk_lots, risk = 0.0, ordered, 0.0
                        base_lots = lots[s] + own_buys if ordered > 0 else lots[s] - own_sells
                        if measured:
                            _values(s, lots, mark, pending, lots_per_unit, values, live, book, slots)
                            if limits.max_cluster_exposure < np.inf:
                                cluster = cluster_value(windows, known, values, symbols, s, limits.cluster_correlation)
                            if limits.max_value_at_risk < np.inf:
                                risk_lots, risk = lots_within_risk(
                                    windows, values, symbols, s, base_lots + ordered, kept_lots(base_lots + ordered, base_lots),
                                    price, lots_per_unit[s], equity, limits.max_value_at_risk, scratch,
                                )  # fmt: skip
                        barring = barred_symbol(barred, limits, entries, price, mark[s])
                        account = Account(
                            equity,
                            exposure,
                            cluster,
                            barring,
                            symbols_static[s].shorting,
                            symbols_static[s].initial,
                            risk_lots,
                            risk,
                        )
                        plan = plan_wish(ordered, lots[s], own_buys, own_sells, price, rate, lots_per_unit[s], limits, account)
                        if plan.breach != 0:
                            _write_refusal(refusal_rows[refusals], bar, s, plan.refused, plan.breach, plan.value, plan.bound)
                            refusals += 1
                        ordered = plan.lots
                        if ordered == 0:
                            continue
                        if enters(lots[s], ordered):
                            entries += 1
                    slot = free_place(book, base, base + slots)
                    if slot == base + slots:
                        crowded = True
                        complete = False
                        break
                    order = book[slot]
                    order.side, order.lots, order.kind = row.side, abs(ordered), row.kind
                    order.limit, order.stop, order.trail, order.watermark = row.limit, row.stop, row.trail, mark[s]
                    order.force, order.group, order.reason, order.tag = row.force, row.group, Reason.TARGET.value, row.tag
                    order.parent = NO_PARENT
                    if row.is_child:
                        order.lots, order.parent = 0, parent
                    else:
                        parent = slot
                        if row.kind == TRAILING_STOP:
                            grid = Grid(symbols_static[s].ticks, symbols_static[s].ticks_below_one)
                            order.stop = trailing_price(row.side, mark[s], row.trail, grid)
                now = open_orders(book, base, base + slots)
                waiting += now - had
                live[s] = now
                lowest[s], highest[s] = alert_band(book, base, base + slots)
            if not complete:
                break

        if called:
            for s in range(symbols):
                cut = reduction(lots[s], pending[s], keep)
                if cut != 0:
                    if pending[s] == 0:
                        waiting += 1
                    pending[s] = cut
                    pending_reason[s] = Reason.LIQUIDATION.value

    return (
        fill_rows[:fills].copy(),
        refusal_rows[:refusals].copy(),
        ambiguous_rows[:ambiguous].copy(),
        equity_curve,
        cash_curve,
        held_bars,
        volume_limited,
        state.drawdown_breach != 0,
        borrowed,
        crowded,
        complete,
    )
