"""The compiled driver: N symbols, shared cash, all limits, over target arrays.

It calls the rules of ``domain.rules`` in the order the event engine does, so that both give the same fills and the same equity
to the bit. It takes targets, never a callback: a compiled callback would be compiled anew for every strategy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.adjustment import adjust_forward
from domain.finer import finer_columns
from domain.kernel_loop import ACCRUAL, DIVIDEND, PAYMENT, SPLIT, loop
from domain.kernel_rows import (
    AccountState,
    ActionRow,
    AmbiguityRow,
    FillRow,
    LineRow,
    RefusalRow,
    SymbolState,
    blank,
    filled,
    fixed_rows,
    records,
    room,
)
from domain.liquidity import liquidity
from domain.regulation import regulatory_rows
from domain.rules.accounting import whole_lots
from domain.rules.book import RestingOrder
from domain.rules.costs import Costs
from domain.rules.exits import PROTECTIVE
from domain.rules.limits import Limits, Share
from domain.rules.matching import TapeRow
from domain.rules.sizing import SizingRule
from domain.rules.ticks import limit_on_tick, stop_on_tick
from domain.run import NO_LIMITS, RunSpec
from domain.sessions import ends_session, outlives_session
from domain.timeline import History, Schedule, actions_by_bar, columns_of, delistings_by_bar, joined, own_sessions, schedule
from domain.wishes import Cancel, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from domain.kernel_rows import Rows
    from domain.market import Instrument

_ROWS_AT_FIRST, _BARS_A_ROW = 4096, 16  # room for fills and refusals: a run seldom trades on more than one bar in 16
PLACES_AT_FIRST = 8  # resting orders of a strategy's own a symbol may have before the run starts over with more room
_KINDS = {"split": SPLIT, "payment": PAYMENT}


@dataclass(frozen=True, slots=True)
class KernelResult:
    """What a run did.

    ``fills`` are records of ``kernel_rows.FillRow``, ``refusals`` of ``RefusalRow``, ``ambiguous`` of ``AmbiguityRow``; their
    ``bar`` is its number. One ``equity`` and ``cash`` for each group of bars that closed together, dated by
    ``Schedule.closing_bars``; both are rows of one array. ``held_bars`` counts bars that hold at their close, ``volume_limited``
    fills that volume cut short; ``borrow_fees`` is the money paid for borrowed shares.
    """

    fills: NDArray[Any]
    refusals: NDArray[Any]
    ambiguous: NDArray[Any]
    equity: NDArray[np.float64]
    cash: NDArray[np.float64]
    held_bars: int
    volume_limited: int
    drawdown_breached: bool
    borrow_fees: float


type Script = Mapping[int, Sequence[Wish | Cancel]]
"""Orders by the number of the bar at whose close they are placed."""


def simulate(
    spec: RunSpec,
    history: History,
    targets: Sequence[NDArray[np.float64]],
    plan: Schedule | None = None,
    script: Script | None = None,
) -> KernelResult:
    """Run ``targets`` (one array for each symbol, as long as its bars) over ``history``; ``script`` are orders beside them."""
    timed = plan or schedule(history)
    columns = history.columns
    instruments = spec.instruments
    alone = len(instruments) == 1 and timed.alternates
    resting, measured = spec.has_exits or bool(script), spec.is_measured
    arguments: tuple[Any, ...] = (
        timed.kind,
        timed.start.view(np.uint32),  # unsigned: compiled code need not look for negative places
        timed.bar.view(np.uint32),
        (timed.symbol if alone else timed.symbol_at).view(np.uint32),  # of one symbol alone nobody looks
        timed.session,
        own_sessions(history, timed),
        *columns[1:],
        joined(targets),
        *_action_columns(history, len(timed.symbol)),
        _haircuts(history, len(timed.symbol)),
        fixed_rows(spec, [len(bars) for bars in history.bars]),
        *_signal_columns(history, timed, measured=measured),
        flow_columns(spec, history),
        *fee_columns(charged=spec.regulatory_fees),
        Costs(*map(float, spec.costs)),
        Limits(*map(float, spec.limits or NO_LIMITS)),
        spec.limits is not None,
        spec.margin,
        resting,
        measured,
        any(assignment.sizing.rule == SizingRule.RISK_PARITY.value for assignment in spec.assignments),
        alone,
        spec.path.value,
        float(spec.touch_probability),
        int(spec.seed),
        columns.time if spec.touch_probability > 0.0 else np.empty(0, np.int64),
        *finer_columns(history),
        *_lines(spec, history, timed, script or {}),
    )
    capacity = _ROWS_AT_FIRST + len(timed.symbol) // _BARS_A_ROW + 20 * len(instruments)
    slots = PROTECTIVE + (PLACES_AT_FIRST if script else 0)
    while True:
        account = room(1, AccountState)[0]
        account.cash = account.equity = float(spec.initial_cash)
        equity, cash = np.empty((2, timed.closings))  # one piece: freed, it stays with the process, and the next run writes into it
        tape, orders = 4 * slots + 4, slots * len(instruments) if resting else 1
        made = blank(capacity, FillRow), blank(capacity, RefusalRow), blank(capacity if resting else 1, AmbiguityRow)
        waiting = room(orders, RestingOrder), room(slots, RestingOrder), room(tape, TapeRow), room(tape, TapeRow)
        written = equity, cash, account, room(len(instruments), SymbolState), room(len(instruments), Share), *waiting, *made
        if loop(*(*arguments, *written)):
            break
        slots *= 4 if account.crowded else 1
        capacity *= 8  # the run is the same every time, so one that fills more rows than it has room for starts over
    return KernelResult(
        records(made[0], account.fills, FillRow),
        records(made[1], account.refusals, RefusalRow),
        records(made[2], account.ambiguous, AmbiguityRow),
        equity,
        cash,
        int(account.held_bars),
        int(account.volume_limited),
        bool(account.drawdown_breached),
        float(account.borrowed),
    )


def _lines(spec: RunSpec, history: History, timed: Schedule, script: Script) -> tuple[Any, ...]:
    """Return each bar's first line of orders (-1 none), all lines, the most of a bar, which bars end, which outlive a session."""
    if not script:
        return np.empty(0, np.int64), room(0, LineRow), 0, np.empty(0, np.bool_), np.empty(0, np.bool_)
    first = np.full(len(timed.symbol), -1, np.int64)
    lines: list[tuple[Any, ...]] = []
    most = 0
    for bar in sorted(script):
        instrument = spec.instruments[int(timed.symbol[bar])]
        placed = [line for wish in script[bar] for line in _of_wish(wish, instrument)]
        first[bar] = len(lines) if placed else -1
        most = max(most, len(placed))
        for place, (numbers, prices) in enumerate(placed):
            lines.append((*numbers, len(lines) + 1 if place < len(placed) - 1 else -1, *prices))
    pairs = list(zip(history.instruments, history.bars, strict=True))
    ends, late = (
        joined([told(bars.time, history.timeframe, one.calendar) for one, bars in pairs])
        for told in (ends_session, outlives_session)
    )
    return first, filled(lines, LineRow), most, ends, late


def _of_wish(
    wish: Wish | Cancel, instrument: Instrument, *, is_child: bool = False
) -> list[tuple[tuple[int, ...], tuple[float, ...]]]:
    """Return an order and its children as lines, without the place of the next one."""
    if isinstance(wish, Cancel):
        return [((0, 0, 0, 0, 0, wish.tag, 0, 1), (0.0, 0.0, 0.0, 0.0))]
    lots = whole_lots(wish.quantity, instrument.lots_per_unit)
    ticks = round(1.0 / instrument.tick), round(1.0 / instrument.tick_below_one)
    limit = 0.0 if wish.limit is None else limit_on_tick(wish.side, wish.limit, *ticks)
    stop = 0.0 if wish.stop is None else stop_on_tick(wish.side, wish.stop, *ticks)
    numbers = (wish.side, lots, wish.type, wish.force, wish.group, wish.tag, int(is_child), 0)
    own = [(tuple(map(int, numbers)), (limit, stop, wish.trail or 0.0, wish.quantity))]
    return own + [line for child in wish.children for line in _of_wish(child, instrument, is_child=True)]


def _signal_columns(history: History, timed: Schedule, *, measured: bool) -> tuple[NDArray[Any], ...]:
    """Return what sizes and limits measure: opens and closes adjusted forward, and each bar's month; nothing where none does."""
    if not measured:
        return np.empty(0), np.empty(0), np.empty(0, np.int64)
    adjusted = adjust_forward(history)
    months = timed.session.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return *columns_of(adjusted, ("open", "close")), months


def flow_columns(spec: RunSpec, history: History) -> NDArray[np.float64]:
    """Return daily volatility and average daily volume known before each bar; nothing where no impact is charged."""
    if spec.costs.impact <= 0.0:
        return np.empty((0, 2))
    return liquidity(history)


def fee_columns(*, charged: bool) -> tuple[NDArray[Any], ...]:
    """Return what regulators take of sales by the session it begins; nothing where nothing is ``charged``."""
    if not charged:
        return np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0)
    return tuple(regulatory_rows())


def _action_columns(history: History, bars: int) -> tuple[NDArray[Any], Rows]:
    """Return the first corporate action of each bar (-1 none), and all of them."""
    effective = actions_by_bar(history)
    first = np.full(bars if effective else 1, -1, np.int64)
    rows: list[tuple[int, float, int, int]] = []
    accounts: dict[tuple[str, str, str | None], int] = {}
    for bar, actions in effective.items():
        known = [action for action in actions if action.action in {"split", "dividend", "payment"}]
        for place, action in enumerate(known):
            if place == 0:
                first[bar] = len(rows)
            kind = _KINDS.get(action.action, DIVIDEND if action.pay_date is None else ACCRUAL)
            key = accounts.setdefault((action.symbol, action.ex_date, action.pay_date), len(accounts))
            following = len(rows) + 1 if place < len(known) - 1 else -1
            rows.append((kind, action.value, key, following))
    return first, filled(rows, ActionRow)


def _haircuts(history: History, bars: int) -> NDArray[np.float64]:
    """Return the haircut of each bar at whose close its symbol is delisted, NaN for the others; nothing where none is."""
    delistings = delistings_by_bar(history)
    haircuts = np.full(bars if delistings else 0, np.nan)
    for bar, action in delistings.items():
        haircuts[bar] = action.value
    return haircuts
