"""The compiled driver: N symbols, shared cash, all limits, over target arrays.

It calls the rules of ``domain.rules`` in the order the event engine does, so that both give the same fills and the same equity
to the bit. It takes targets, never a callback: a compiled callback would be compiled anew for every strategy.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba.extending import register_jitable

import domain.rules.planning  # noqa: F401 - registers every rule that planning and fills use
from domain.market import Side
from domain.rules.accounting import Position, apply_fill, apply_split, dividend_cash, split_lots, value_of
from domain.rules.costs import Costs, cost_rate
from domain.rules.fills import Reason, simulate_fill, volume_allowance
from domain.rules.limits import Breach, Limits, Watch, watch
from domain.rules.planning import Account, plan_order
from domain.rules.rule import RULES
from domain.rules.sizing import Size, Sizing, size
from domain.run import NO_LIMITS, RunSpec
from domain.timeline import CLOSE, OPEN, History, Schedule, actions_by_bar, joined, schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

for _function in RULES:
    register_jitable(_function)


def _rules_stamp() -> str:
    """Return a fingerprint of every rule: its code and the module constants it reads."""
    digest = hashlib.sha256()
    for function in RULES:
        code = function.__code__
        constants = {name: function.__globals__.get(name) for name in code.co_names}
        numbers = {name: value for name, value in constants.items() if isinstance(value, int | float)}
        digest.update(repr((function.__qualname__, code.co_code, code.co_consts, code.co_names, numbers)).encode())
    return digest.hexdigest()


def _bind_cache_to_rules(compiled: Any) -> None:
    """Let a changed rule invalidate the compiled loop: numba itself looks at this file's time stamp alone."""
    if not numba.config.DISABLE_JIT:
        index = compiled._cache._cache_file  # noqa: SLF001 - numba has no public way; a test holds it
        index._source_stamp = (index._source_stamp, _rules_stamp())  # noqa: SLF001


_ROWS_AT_FIRST, _BARS_A_ROW = 4096, 16  # room for fills and refusals: a run seldom trades on more than one bar in 16
_SPLIT, _DIVIDEND, _ACCRUAL, _PAYMENT = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class KernelResult:
    """What a run did, as columns.

    Fills: ``fill_bar`` (bar number), ``fill_side``, ``fill_lots``, ``fill_price``, ``fill_fee``, ``fill_reason``. Refusals:
    ``refused_bar``, ``refused_lots``, ``refused_breach``, ``refused_value``, ``refused_bound``. One ``equity`` and ``cash`` for
    each group of bars that closed together, dated by ``Schedule.closing_bars``. ``held_bars`` counts bars that hold at their
    close, ``volume_limited`` fills that volume cut short.
    """

    fill_bar: NDArray[np.int64]
    fill_side: NDArray[np.int64]
    fill_lots: NDArray[np.int64]
    fill_price: NDArray[np.float64]
    fill_fee: NDArray[np.float64]
    fill_reason: NDArray[np.int64]
    refused_bar: NDArray[np.int64]
    refused_lots: NDArray[np.int64]
    refused_breach: NDArray[np.int64]
    refused_value: NDArray[np.float64]
    refused_bound: NDArray[np.float64]
    equity: NDArray[np.float64]
    cash: NDArray[np.float64]
    held_bars: int
    volume_limited: int
    drawdown_breached: bool


def simulate(spec: RunSpec, history: History, targets: Sequence[NDArray[np.float64]], plan: Schedule | None = None) -> KernelResult:
    """Run ``targets`` (one array for each symbol, as long as its bars) over ``history``."""
    timed = plan or schedule(history)
    columns = [joined([getattr(bars, name) for bars in history.bars]) for name in ("open", "close", "volume")]
    instruments = spec.instruments
    arguments = (
        timed.kind,
        timed.start.view(np.uint32),  # unsigned: compiled code need not look for negative places
        timed.bar.view(np.uint32),
        timed.symbol.view(np.uint32),
        timed.session,
        *columns,
        joined(targets),
        *_action_columns(history, len(timed.symbol)),
        np.array([assignment.sizing.rule for assignment in spec.assignments], np.int64),
        np.array([assignment.sizing.value for assignment in spec.assignments], np.float64),
        np.array([instrument.lots_per_unit for instrument in instruments], np.int64),
        np.array([spec.volume_share(instrument) for instrument in instruments], np.float64),
        float(spec.initial_cash),
        Costs(*map(float, spec.costs)),
        Limits(*map(float, spec.limits or NO_LIMITS)),
        spec.limits is not None,
        int(np.count_nonzero(timed.kind == CLOSE)),
    )
    capacity = _ROWS_AT_FIRST + len(timed.symbol) // _BARS_A_ROW + len(instruments)
    while True:
        *result, complete = _loop(*arguments, capacity)
        if complete:
            return KernelResult(*result)
        capacity *= 8  # the run is the same every time, so one that fills more rows than it has room for starts over


def _action_columns(history: History, bars: int) -> tuple[NDArray[Any], ...]:
    """Return corporate actions as columns: first action by bar (-1 none), then kind, value, account key and next by action."""
    effective = actions_by_bar(history)
    first = np.full(bars if effective else 1, -1, np.int64)
    kinds: list[int] = []
    values: list[float] = []
    keys: list[int] = []
    following: list[int] = []
    accounts: dict[tuple[str, str], int] = {}
    for bar, actions in effective.items():
        known = [action for action in actions if action.action in {"split", "dividend", "payment"}]
        for place, action in enumerate(known):
            if place == 0:
                first[bar] = len(kinds)
            kinds.append(_kind(action.action, paid_later=action.pay_date is not None))
            values.append(action.value)
            keys.append(accounts.setdefault((action.symbol, action.ex_date), len(accounts)))
            following.append(len(kinds) if place < len(known) - 1 else -1)
    return (
        first,
        np.array(kinds or [0], np.int64),
        np.array(values or [0.0], np.float64),
        np.array(keys or [0], np.int64),
        np.array(following or [-1], np.int64),
    )


def _kind(action: str, *, paid_later: bool) -> int:
    if action == "split":
        return _SPLIT
    if action == "payment":
        return _PAYMENT
    return _ACCRUAL if paid_later else _DIVIDEND


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]  # numba has no types
def _loop(  # noqa: C901, PLR0912, PLR0915 - one loop over all state is what compiles to fast code; every decision is a rule
    kind: NDArray[np.int8],
    start: NDArray[np.uint32],
    member: NDArray[np.uint32],
    symbol_of: NDArray[np.uint32],
    session_of: NDArray[np.int64],
    open_: NDArray[np.float64],
    close: NDArray[np.float64],
    volume: NDArray[np.float64],
    target: NDArray[np.float64],
    first_action: NDArray[np.int64],
    action_kind: NDArray[np.int64],
    action_value: NDArray[np.float64],
    action_key: NDArray[np.int64],
    action_next: NDArray[np.int64],
    sizing_rule: NDArray[np.int64],
    sizing_value: NDArray[np.float64],
    lots_per_unit: NDArray[np.int64],
    volume_share: NDArray[np.float64],
    initial_cash: float,
    costs: Costs,
    limits: Limits,
    limited: bool,  # noqa: FBT001 - compiled functions take no keyword-only arguments
    closes: int,
    capacity: int,
) -> tuple[Any, ...]:
    symbols, groups = len(lots_per_unit), len(kind)
    rate = cost_rate(costs)
    has_actions = len(first_action) > 1

    lots = np.zeros(symbols, np.int64)
    average = np.zeros(symbols)
    realised = np.zeros(symbols)
    mark = np.zeros(symbols)
    standing = np.zeros(symbols)
    receivable = np.zeros(len(action_kind))  # dividends between ex-date and pay date, by account key
    pending = np.zeros(symbols, np.int64)  # signed lots still open of the symbol's order
    deferred = np.zeros(symbols, np.bool_)
    due = np.zeros(symbols, np.int64)
    wanted_lots = np.zeros(symbols, np.int64)
    wanted_units = np.zeros(symbols)
    wanted_missing = np.zeros(symbols, np.bool_)

    fill_bar, fill_side, fill_lots = np.empty(capacity, np.int64), np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    fill_price, fill_fee, fill_reason = np.empty(capacity), np.empty(capacity), np.empty(capacity, np.int64)
    refused_bar, refused_lots = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    refused_breach, refused_value, refused_bound = np.empty(capacity, np.int64), np.empty(capacity), np.empty(capacity)
    equity_curve, cash_curve = np.empty(closes), np.empty(closes)
    fills = refusals = closings = held_bars = volume_limited = waiting = 0

    cash, equity, complete = initial_cash, initial_cash, True
    state = Watch(-1, initial_cash, initial_cash, 0, 0, -np.inf)

    for group in range(groups):
        opens = kind[group] == OPEN
        if opens and waiting == 0 and not has_actions:
            continue
        begin, end = start[group], start[group + 1]
        if opens:
            if has_actions:
                for index in range(begin, end):
                    bar = member[index]
                    action = first_action[bar]
                    s = symbol_of[bar]
                    while action >= 0:
                        value = action_value[action]
                        if action_kind[action] == _SPLIT:
                            split = apply_split(Position(lots[s], average[s], realised[s]), value, open_[bar], lots_per_unit[s])
                            lots[s], average[s], realised[s] = split.position
                            cash += split.cash
                            mark[s] /= value
                            if pending[s] != 0:
                                sign = 1 if pending[s] > 0 else -1
                                pending[s] = sign * split_lots(abs(pending[s]), value)
                                if pending[s] == 0:
                                    waiting -= 1
                        elif action_kind[action] == _PAYMENT:
                            cash += receivable[action_key[action]]
                            receivable[action_key[action]] = 0.0
                        elif lots[s] != 0:
                            paid = dividend_cash(lots[s], value, lots_per_unit[s])
                            if action_kind[action] == _ACCRUAL:
                                receivable[action_key[action]] = paid
                            else:
                                cash += paid
                        action = action_next[action]
            if waiting == 0:
                continue
            if max(fills, refusals) + symbols > capacity:
                complete = False
                break
            for side in (Side.SELL.value, Side.BUY.value):
                for index in range(begin, end):
                    bar = member[index]
                    s = symbol_of[bar]
                    if pending[s] * side <= 0:
                        continue
                    allowance = volume_allowance(volume[bar], volume_share[s], lots_per_unit[s])
                    fill = simulate_fill(side, abs(pending[s]), open_[bar], allowance, cash, costs, lots_per_unit[s])
                    if fill.lots > 0:
                        booking = apply_fill(
                            Position(lots[s], average[s], realised[s]), side, fill.lots, fill.price, fill.fee, lots_per_unit[s]
                        )
                        lots[s], average[s], realised[s] = booking.position
                        cash += booking.cash
                        fill_bar[fills], fill_side[fills], fill_lots[fills] = bar, side, fill.lots
                        fill_price[fills], fill_fee[fills], fill_reason[fills] = fill.price, fill.fee, Reason.TARGET.value
                        fills += 1
                    left = abs(pending[s]) - fill.lots - fill.cut_lots
                    if left > 0 and fill.lots > 0:
                        volume_limited += 1
                    if fill.cut_lots > 0:
                        refused_bar[refusals], refused_lots[refusals] = bar, fill.cut_lots
                        refused_breach[refusals] = Breach.CASH.value
                        refused_value[refusals] = value_of(fill.cut_lots, fill.price, lots_per_unit[s])
                        refused_bound[refusals] = cash
                        refusals += 1
                    pending[s] = side * left
                    if left == 0:
                        waiting -= 1
            continue

        for index in range(begin, end):
            bar = member[index]
            s = symbol_of[bar]
            mark[s] = close[bar]
            if lots[s] != 0:
                held_bars += 1
        previous, equity = equity, cash
        for s in range(symbols):
            if lots[s] != 0:
                equity += value_of(lots[s], mark[s], lots_per_unit[s])
        equity_curve[closings], cash_curve[closings] = equity, cash
        closings += 1
        if limited:
            state = watch(state, limits, session_of[member[begin]], previous, equity)

        count = 0
        for index in range(begin, end):
            bar = member[index]
            s = symbol_of[bar]
            changed = target[bar] == target[bar] and target[bar] != standing[s]
            if changed:
                standing[s] = target[bar]
                deferred[s] = False
                if pending[s] != 0:
                    pending[s] = 0
                    waiting -= 1
            if changed or deferred[s]:
                due[count] = bar
                wanted = size(Sizing(sizing_rule[s], sizing_value[s]), standing[s], equity, mark[s], rate, lots_per_unit[s])
                wanted_lots[s], wanted_units[s], wanted_missing[s] = wanted
                count += 1
        if count == 0:
            continue
        if refusals + symbols > capacity:
            complete = False
            break

        breach, breach_value, breach_bound = 0, 0.0, 0.0
        if state.drawdown_breach != 0:
            breach, breach_value, breach_bound = state.drawdown_breach, 1.0 - equity / state.peak, limits.max_drawdown
        elif state.daily_breach != 0:
            breach, breach_value, breach_bound = state.daily_breach, 1.0 - equity / state.base, limits.daily_loss_limit
        for buys in (False, True):
            for place in range(count):
                bar = due[place]
                s = symbol_of[bar]
                if (wanted_lots[s] > lots[s]) != buys:
                    continue
                spendable, other = cash, 0.0
                for o in range(symbols):
                    if o == s:
                        continue
                    open_lots = abs(lots[o])
                    if pending[o] > 0:
                        open_lots += pending[o]
                        spendable -= value_of(pending[o], mark[o] * (1.0 + rate), lots_per_unit[o])
                    if open_lots != 0:
                        other += value_of(open_lots, mark[o], lots_per_unit[o])
                account = Account(equity, spendable, other, breach, breach_value, breach_bound, False)  # noqa: FBT003 - compiled
                wanted = Size(wanted_lots[s], wanted_units[s], wanted_missing[s])
                order = plan_order(wanted, lots[s], mark[s], rate, lots_per_unit[s], limits, account)
                if order.lots != 0:
                    pending[s] = order.lots
                    waiting += 1
                    deferred[s] = False
                if order.breach != 0 and not (order.again and deferred[s]):
                    refused_bar[refusals], refused_lots[refusals], refused_breach[refusals] = bar, order.refused, order.breach
                    refused_value[refusals], refused_bound[refusals] = order.value, order.bound
                    refusals += 1
                    deferred[s] = order.again

    return (
        fill_bar[:fills].copy(),
        fill_side[:fills].copy(),
        fill_lots[:fills].copy(),
        fill_price[:fills].copy(),
        fill_fee[:fills].copy(),
        fill_reason[:fills].copy(),
        refused_bar[:refusals].copy(),
        refused_lots[:refusals].copy(),
        refused_breach[:refusals].copy(),
        refused_value[:refusals].copy(),
        refused_bound[:refusals].copy(),
        equity_curve,
        cash_curve,
        held_bars,
        volume_limited,
        state.drawdown_breach != 0,
        complete,
    )


_bind_cache_to_rules(_loop)
