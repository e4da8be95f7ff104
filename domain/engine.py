"""The event-driven core: one synchronous function, event in, events out.

The engine decides, and changes its state only by applying the events it returns: folding a journal of them restores it. It
never fills an order; a broker does, simulated or real.
"""

from __future__ import annotations

import hashlib
from math import inf, nan
from typing import TYPE_CHECKING

import msgspec

from domain.commands import Flatten, Halt, Resume
from domain.errors import InvariantViolated
from domain.events import (
    BarsClosed,
    BarsOpened,
    CorporateActionApplied,
    EquityMarked,
    LimitBreached,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    OrderRejected,
    OrderRequested,
    RunFinished,
    RunStarted,
    SignalRaised,
    TradingHalted,
    TradingResumed,
)
from domain.market import Side
from domain.orders import TERMINAL, Order, Status, advance
from domain.portfolio import Portfolio
from domain.rules.accounting import Split, apply_split, dividend_cash, split_lots, value_of
from domain.rules.costs import cost_rate
from domain.rules.fills import Reason
from domain.rules.limits import UNWATCHED, Breach, Watch, watch
from domain.rules.planning import Account, Plan, plan_order
from domain.rules.sizing import Size, size
from domain.run import NO_LIMITS, Assignment, RunSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from domain.commands import AnyCommand
    from domain.events import JournalEvent, MarketEvent
    from domain.market import CorporateAction
    from domain.targets import TargetSource

type BrokerEvent = OrderAccepted | OrderRejected | OrderFilled | OrderCancelled | OrderRefused

_AGAIN = {breach.code for breach in (Breach.MISSING_INPUT, Breach.DAILY_LOSS_LIMIT, Breach.MAX_DRAWDOWN, Breach.HALTED)}

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_BASE32_PAIRS = [first + second for first in _BASE32 for second in _BASE32]


def client_order_id(account: str, strategy: str, symbol: str, bar_time: int, ordinal: int, leg: str) -> str:
    """Return the id that this decision has on every machine and in every life: no clock, no chance, at most 40 characters."""
    key = "\x1f".join((account, strategy, symbol, str(bar_time), str(ordinal), leg))
    digits = int.from_bytes(hashlib.sha256(key.encode()).digest()[:13]) >> 4  # the 100 bits of 20 base32 characters
    pairs = [_BASE32_PAIRS[digits >> shift & 1023] for shift in range(90, -10, -10)]
    return f"r1-{strategy[:6]}-{''.join(pairs)}"


class Engine:
    """Trades one account by one run's specification."""

    def __init__(self, spec: RunSpec, account: str, targets: TargetSource) -> None:
        self.spec = spec
        self.account = account
        self.portfolio = Portfolio(spec.initial_cash, spec.instruments)
        self.working: dict[str, Order] = {}
        self.standing: dict[str, float] = {}
        self.halted = False
        self.bar_time = 0
        self._targets = targets
        self._limits = spec.limits or NO_LIMITS
        self._limited = spec.limits is not None
        self._cost_rate = cost_rate(spec.costs)
        self._assignments = {assignment.symbol: assignment for assignment in spec.assignments}
        self._lots_per_unit = self.portfolio.lots_per_unit
        self._deferred: set[str] = set()
        self._receivable: dict[str, float] = {}
        self._equity = spec.initial_cash
        self._watch = UNWATCHED._replace(base=spec.initial_cash, peak=spec.initial_cash)
        self._ordinals: dict[str, int] = {}
        self._appliers: dict[type, Callable[..., None]] = {
            RunStarted: self._apply_nothing,
            RunFinished: self._apply_nothing,
            SignalRaised: self._apply_signal,
            OrderRequested: self._apply_request,
            OrderRefused: self._apply_refusal,
            OrderAccepted: self._apply_acceptance,
            OrderRejected: self._apply_rejection,
            OrderCancelled: self._apply_cancellation,
            OrderFilled: self._apply_fill,
            CorporateActionApplied: self._apply_action,
            EquityMarked: self._apply_mark,
            LimitBreached: self._apply_nothing,
            TradingHalted: self._apply_halt,
            TradingResumed: self._apply_resume,
        }

    # What comes in

    def handle(self, event: MarketEvent | BrokerEvent) -> list[JournalEvent]:
        """Take one event and return everything that follows from it, already applied to the engine's state.

        Raises InvariantViolated where the event contradicts the books; nothing may be traded after that.
        """
        out: list[JournalEvent] = []
        if type(event) is BarsClosed:
            self._close(event, out)
        elif type(event) is BarsOpened:
            self._open(event, out)
        else:
            self._emit(event, out)  # type: ignore[arg-type]  # what is left of the union is a broker event
        return out

    def command(self, command: AnyCommand, time: int) -> list[JournalEvent]:
        """Carry out what a person wants and return what follows."""
        out: list[JournalEvent] = []
        if isinstance(command, Halt | Flatten) and not self.halted:
            self._emit(TradingHalted(time, command.reason), out)
            self._cancel_entries(time, out)
        if isinstance(command, Flatten):
            self._flatten(time, out)
        if isinstance(command, Resume):
            self._emit(TradingResumed(time, command.reason), out)
        return out

    def observe(self, event: MarketEvent) -> None:
        """Take a market event that the journal has already answered: marks and series move, nothing is decided."""
        if isinstance(event, BarsOpened):
            self._mark_splits(event)
            self._targets.on_open(event)
            return
        for bar in event.bars:
            self.portfolio.marks[bar.symbol] = bar.close
        self.bar_time = event.bars[0].time
        self._targets.observe(event)

    def restore(self, events: Iterable[JournalEvent]) -> None:
        """Fold a journal into the state its writer had."""
        for event in events:
            self._appliers[type(event)](event)

    def state_hash(self) -> str:
        """Return a fingerprint of everything that decides what comes next."""
        book = self.portfolio
        state = (
            book.cash,
            book.fees,
            book.flows,
            sorted(book.positions.items()),
            sorted((order_id, msgspec.to_builtins(order)) for order_id, order in self.working.items()),
            sorted(self.standing.items()),
            sorted(self._deferred),
            sorted(self._receivable.items()),
            self.halted,
            self._equity,
            self._watch,
        )
        return hashlib.sha256(repr(state).encode()).hexdigest()

    # What the bars bring

    def _open(self, event: BarsOpened, out: list[JournalEvent]) -> None:
        if not event.actions:
            return
        opens = {bar.symbol: bar for bar in event.bars}
        for action in event.actions:
            if action.action == "split":
                self._withdraw_crumbs(action, event.time, out)
            applied = self._effect(action, opens[action.symbol].open, event.time, opens[action.symbol].time)
            if applied is not None:
                self._emit(applied, out)
        self._mark_splits(event)
        self._targets.on_open(event)

    def _withdraw_crumbs(self, split: CorporateAction, time: int, out: list[JournalEvent]) -> None:
        """Withdraw an open order of which the split leaves less than a lot."""
        order = self._open_order(split.symbol)
        if order is not None and split_lots(order.open_lots, split.value) == 0:
            self._emit(OrderCancelled(time, order.order_id), out)

    def _effect(self, action: CorporateAction, opening_price: float, time: int, bar_time: int) -> CorporateActionApplied | None:
        position = self.portfolio.position(action.symbol)
        units = self._lots_per_unit[action.symbol]
        if action.action == "split":
            if not position.lots and self._open_order(action.symbol) is None:
                return None
            split = apply_split(position, action.value, opening_price, units)
            return CorporateActionApplied(time, action, position.lots, split.position.lots, split.cash, bar_time, opening_price)
        if action.action == "dividend" and position.lots:
            cash = dividend_cash(position.lots, action.value, units)
            return CorporateActionApplied(time, action, position.lots, position.lots, cash, bar_time)
        if action.action == "payment":
            owed = self._receivable.get(f"{action.symbol} {action.ex_date}", 0.0)
            return CorporateActionApplied(time, action, position.lots, position.lots, owed, bar_time) if owed else None
        return None

    def _mark_splits(self, event: BarsOpened) -> None:
        for action in event.actions:
            if action.action == "split" and action.symbol in self.portfolio.marks:
                self.portfolio.marks[action.symbol] /= action.value

    def _close(self, event: BarsClosed, out: list[JournalEvent]) -> None:
        portfolio, bars = self.portfolio, event.bars
        marks = portfolio.marks
        for bar in bars:
            marks[bar.symbol] = bar.close
        self.bar_time = bar_time = bars[0].time
        before = self._watch
        marked = EquityMarked(event.time, bar_time, event.session, portfolio.equity, portfolio.cash)
        self._apply_mark(marked)
        out.append(marked)
        if self._watch is not before:
            self._report_breaches(before, event.time, out)
        targets = self._targets.on_close(event)
        if targets or self._deferred:
            self._decide(event, targets or [nan] * len(bars), out)

    def _decide(self, event: BarsClosed, targets: Sequence[float], out: list[JournalEvent]) -> None:
        """Take the targets that changed, withdraw what they replace, and order what is due."""
        due = []
        bar_time = self.bar_time
        for bar, target in zip(event.bars, targets, strict=True):
            symbol = bar.symbol
            if target == target and target != self.standing.get(symbol, 0.0):  # noqa: PLR0124 - not NaN
                assignment = self._assignments[symbol]
                self._emit(SignalRaised(event.time, bar_time, symbol, assignment.strategy_name, target), out)
                order = self._open_order(symbol)
                if order is not None and order.reason == Reason.FLATTEN.code:
                    continue  # a person's order to leave is not replaced by a target
                self._withdraw(symbol, event.time, out)
                due.append(assignment)
            elif symbol in self._deferred:
                due.append(self._assignments[symbol])
        if due:
            self._order(due, event.time, out)

    def _report_breaches(self, before: Watch, time: int, out: list[JournalEvent]) -> None:
        now, limits, equity = self._watch, self._limits, self._equity
        if now.daily_breach and (not before.daily_breach or now.session != before.session):
            self._emit(LimitBreached(time, Breach.DAILY_LOSS_LIMIT.code, 1.0 - equity / now.base, limits.daily_loss_limit), out)
        if now.drawdown_breach and not before.drawdown_breach:
            self._emit(LimitBreached(time, Breach.MAX_DRAWDOWN.code, 1.0 - equity / now.peak, limits.max_drawdown), out)

    # From targets to orders

    def _order(self, due: list[Assignment], time: int, out: list[JournalEvent]) -> None:
        """Plan every due symbol: sells before buys, each in code-point order, each counting those accepted before it."""
        sizes = [(assignment, self._size(assignment)) for assignment in due]
        for buys in (False, True):
            for assignment, wanted in sizes:
                if (wanted.lots > self.portfolio.position(assignment.symbol).lots) is buys:
                    self._place(assignment, wanted, time, out)

    def _size(self, assignment: Assignment) -> Size:
        symbol = assignment.symbol
        price = self.portfolio.marks[symbol]
        target = self.standing.get(symbol, 0.0)
        return size(assignment.sizing, target, self._equity, price, self._cost_rate, self._lots_per_unit[symbol])

    def _place(self, assignment: Assignment, wanted: Size, time: int, out: list[JournalEvent]) -> None:
        symbol = assignment.symbol
        held = self.portfolio.position(symbol).lots
        plan = plan_order(
            wanted,
            held,
            self.portfolio.marks[symbol],
            self._cost_rate,
            self._lots_per_unit[symbol],
            self._limits,
            self._account(symbol),
        )
        if plan.lots:
            self._request(assignment.symbol, assignment.strategy_name, plan.lots, Reason.TARGET, time, out)
        if plan.breach:
            self._refuse(assignment, plan, wanted, held, time, out)

    def _account(self, symbol: str) -> Account:
        """Return what planning ``symbol`` must know of the rest of the account, open orders at their worst."""
        portfolio = self.portfolio
        spendable, other = portfolio.cash, 0.0
        for name, lots_per_unit in self._lots_per_unit.items():
            if name == symbol:
                continue
            lots = abs(portfolio.position(name).lots)
            order = self._open_order(name)
            if order is not None and order.side > 0:
                lots += order.open_lots
                spendable -= value_of(order.open_lots, portfolio.marks[name] * (1.0 + self._cost_rate), lots_per_unit)
            if lots:
                other += value_of(lots, portfolio.marks[name], lots_per_unit)
        breach, value, bound = self._state_breach()
        return Account(self._equity, spendable, other, breach, value, bound, shorts_allowed=False)

    def _state_breach(self) -> tuple[int, float, float]:
        if self.halted:
            return Breach.HALTED.value, 0.0, 0.0
        if self._watch.drawdown_breach:
            return self._watch.drawdown_breach, 1.0 - self._equity / self._watch.peak, self._limits.max_drawdown
        if self._watch.daily_breach:
            return self._watch.daily_breach, 1.0 - self._equity / self._watch.base, self._limits.daily_loss_limit
        return 0, 0.0, 0.0

    def _refuse(self, assignment: Assignment, plan: Plan, wanted: Size, held: int, time: int, out: list[JournalEvent]) -> None:
        if plan.again and assignment.symbol in self._deferred:
            return
        side = Side.BUY if wanted.lots >= held else Side.SELL
        code = Breach(plan.breach).code
        refusal = OrderRefused(
            time, assignment.symbol, assignment.strategy_name, side, plan.refused, code, plan.value, plan.bound, self.bar_time
        )
        self._emit(refusal, out)

    def _request(self, symbol: str, strategy: str, lots: int, reason: Reason, time: int, out: list[JournalEvent]) -> None:
        ordinal = self._ordinals.get(symbol, 0) if reason is Reason.FLATTEN else 0
        order_id = client_order_id(self.account, strategy, symbol, self.bar_time, ordinal, reason.code)
        side = Side.BUY if lots > 0 else Side.SELL
        request = OrderRequested(
            time, order_id, symbol, strategy, side, abs(lots), "market", None, "gtc", reason.code, self.bar_time
        )
        self._emit(request, out)

    def _withdraw(self, symbol: str, time: int, out: list[JournalEvent]) -> None:
        order = self._open_order(symbol)
        if order is not None:
            self._emit(OrderCancelled(time, order.order_id), out)

    def _cancel_entries(self, time: int, out: list[JournalEvent]) -> None:
        for symbol, order in sorted(self.working.items()):
            if (self.portfolio.position(symbol).lots >= 0) == (order.side > 0):
                self._emit(OrderCancelled(time, order.order_id), out)
                refusal = OrderRefused(
                    time, symbol, order.strategy, order.side, order.open_lots, Breach.HALTED.code, 0.0, 0.0, self.bar_time
                )
                self._emit(refusal, out)  # planned again at each close once trading resumes

    def _flatten(self, time: int, out: list[JournalEvent]) -> None:
        for symbol in list(self.portfolio.held):
            self._withdraw(symbol, time, out)
            name = self._assignments[symbol].strategy_name
            self._request(symbol, name, -self.portfolio.position(symbol).lots, Reason.FLATTEN, time, out)

    def _open_order(self, symbol: str) -> Order | None:
        return self.working.get(symbol)

    # How events change the state

    def _emit(self, event: JournalEvent, out: list[JournalEvent]) -> None:
        self._appliers[type(event)](event)
        out.append(event)

    def _apply_nothing(self, event: JournalEvent) -> None:
        """Leave the state: the event is for the record."""

    def _apply_signal(self, event: SignalRaised) -> None:
        self.standing[event.symbol] = event.target
        self._deferred.discard(event.symbol)

    def _apply_request(self, event: OrderRequested) -> None:
        self._deferred.discard(event.symbol)
        if event.symbol in self.working:
            raise InvariantViolated(f"{event.symbol} has an open order already, {event.order_id} cannot be a second one")
        self._ordinals[event.symbol] = self._ordinals.get(event.symbol, 0) + 1
        self.working[event.symbol] = Order(
            event.order_id,
            event.symbol,
            event.strategy,
            event.side,
            event.lots,
            event.order_type,
            event.price,
            event.time_in_force,
            event.reason,
            event.time,
        )

    def _apply_refusal(self, event: OrderRefused) -> None:
        if event.breach in _AGAIN:
            self._deferred.add(event.symbol)
        else:
            self._deferred.discard(event.symbol)

    def _apply_acceptance(self, event: OrderAccepted) -> None:
        self._move(event.order_id, Status.ACCEPTED)

    def _apply_rejection(self, event: OrderRejected) -> None:
        self._move(event.order_id, Status.REJECTED)

    def _apply_cancellation(self, event: OrderCancelled) -> None:
        self._move(event.order_id, Status.CANCELLED)

    def _apply_fill(self, event: OrderFilled) -> None:
        order = self._order_of(event.order_id)
        if event.filled_lots <= order.filled_lots:
            return
        if event.filled_lots > order.lots:
            raise InvariantViolated(f"order {order.order_id} filled {event.filled_lots} of {order.lots} lots of {order.symbol}")
        done = event.filled_lots == order.lots
        self._keep(advance(order, Status.FILLED if done else Status.PARTIALLY_FILLED, event.filled_lots))
        self.portfolio.book_fill(event)

    def _apply_action(self, event: CorporateActionApplied) -> None:
        action = event.action
        position = self.portfolio.position(action.symbol)
        key = f"{action.symbol} {action.ex_date}"
        if action.action == "split":
            split: Split = apply_split(position, action.value, event.opening_price, self._lots_per_unit[action.symbol])
            self.portfolio.book_action(event, split.position)
            self._split_order(action.symbol, action.value)
        elif action.action == "dividend" and action.pay_date is not None:
            self._receivable[key] = event.cash
        else:
            self._receivable.pop(key, None)
            self.portfolio.book_action(event, position)

    def _split_order(self, symbol: str, ratio: float) -> None:
        order = self.working.get(symbol)
        if order is None:
            return
        open_lots, filled = split_lots(order.open_lots, ratio), split_lots(order.filled_lots, ratio)
        self.working[symbol] = msgspec.structs.replace(order, lots=open_lots + filled, filled_lots=filled)

    def _apply_mark(self, event: EquityMarked) -> None:
        if self._limited:
            self._watch = watch(self._watch, self._limits, event.session, self._equity, event.equity)
        self._equity = event.equity

    def _apply_halt(self, event: TradingHalted) -> None:
        del event
        self.halted = True

    def _apply_resume(self, event: TradingResumed) -> None:
        del event
        self.halted = False
        self._watch = self._watch._replace(peak=self._equity, drawdown_breach=0, floor=inf)  # the next close finds the new floor

    def _order_of(self, order_id: str) -> Order:
        for order in self.working.values():
            if order.order_id == order_id:
                return order
        raise InvariantViolated(f"order {order_id} is not open here: reconcile with the broker before trading goes on")

    def _move(self, order_id: str, status: Status) -> None:
        self._keep(advance(self._order_of(order_id), status))

    def _keep(self, order: Order) -> None:
        if order.status in TERMINAL:
            del self.working[order.symbol]
        else:
            self.working[order.symbol] = order
