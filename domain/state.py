"""The state of a trading account, and how each event of the journal changes it."""

from __future__ import annotations

import hashlib
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from domain.errors import InvariantViolated
from domain.events import (
    BarAmbiguous,
    BorrowCharged,
    CorporateActionApplied,
    EquityMarked,
    LimitBreached,
    MarginCalled,
    OrderAccepted,
    OrderAmended,
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
from domain.measuring import Measuring
from domain.orders import TERMINAL, Order, Status, advance
from domain.portfolio import Portfolio
from domain.resting import Places, rows_of
from domain.rules.accounting import Split, apply_fill, apply_split, is_receivable, split_lots
from domain.rules.book import reducing_lots, split_orders
from domain.rules.costs import cost_rate
from domain.rules.exits import PROTECTIVE, opens
from domain.rules.fills import Reason
from domain.rules.limits import UNWATCHED, Breach, watch
from domain.rules.planning import enters, is_planned_again
from domain.run import NO_LIMITS, RunSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from domain.events import JournalEvent
    from domain.market import CorporateAction

_TARGET, _LIQUIDATION = Reason.TARGET.code, Reason.LIQUIDATION.code
# A member of an enumeration takes as long to look up as a call.
_REQUESTED, _ACCEPTED, _PARTIALLY_FILLED, _FILLED = Status.REQUESTED, Status.ACCEPTED, Status.PARTIALLY_FILLED, Status.FILLED
_AGAIN = {breach.code for breach in Breach if is_planned_again(breach.value)}


class State:
    """Everything that decides what an account does next, changed by ``apply`` alone: folding a journal restores it.

    ``working`` are the orders that targets asked for, by symbol; ``resting`` all others, by symbol and place; ``orders`` both, by
    id.
    """

    # CPython calls the methods of an object of more than 30 attributes by a slower way, unless they are slots.
    __slots__ = (
        "_bars_held",
        "_cost_rate",
        "_deferred",
        "_entered",
        "_entries",
        "_equity",
        "_eventful",
        "_limited",
        "_limits",
        "_lots_per_unit",
        "_measuring",
        "_ordinals",
        "_receivable",
        "_session",
        "_terms",
        "_watch",
        "halted",
        "orders",
        "portfolio",
        "resting",
        "spec",
        "standing",
        "traded",
        "working",
    )

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.portfolio = Portfolio(spec.initial_cash, spec.instruments)
        self.working: dict[str, Order] = {}
        self.resting: dict[str, Places] = {}
        self.orders: dict[str, Order] = {}
        self.standing: dict[str, float] = {}
        self.halted = False
        self.traded: dict[str, tuple[int, int]] = {}
        """Lots traded of a symbol in its latest bar that had a fill, by the bar's start."""
        self._entered: dict[str, int] = {}
        self._limits = spec.limits or NO_LIMITS
        self._limited = spec.limits is not None
        self._cost_rate = cost_rate(spec.costs)
        self._terms = {assignment.symbol: spec.terms(index) for index, assignment in enumerate(spec.assignments)}
        self._lots_per_unit = self.portfolio.lots_per_unit
        self._eventful = {one.symbol for one in spec.assignments if one.strategy.decides_on_events()}
        self._measuring = Measuring(spec, self._cost_rate) if spec.is_measured else None
        self._deferred: set[str] = set()
        self._receivable: dict[str, float] = {}
        self._equity = spec.initial_cash
        self._watch = UNWATCHED._replace(base=spec.initial_cash, peak=spec.initial_cash if self._limited else inf)
        self._ordinals: dict[str, int] = {}
        self._bars_held: dict[str, int] = {}
        self._session = -1
        self._entries = 0

    def restore(self, events: Iterable[JournalEvent]) -> None:
        """Fold a journal into the state its writer had."""
        for event in events:
            self._appliers[type(event)](self, event)

    def state_hash(self) -> str:
        """Return a fingerprint of everything that decides what comes next."""
        book = self.portfolio
        state = (
            book.cash,
            book.fees,
            book.flows,
            sorted(book.positions.items()),
            sorted((order_id, msgspec.to_builtins(order)) for order_id, order in self.orders.items()),
            sorted(self.standing.items()),
            sorted(self._deferred),
            sorted(self._receivable.items()),
            sorted(self._entered.items()),
            self.halted,
            self._equity,
            self._watch,
            self._entries,
        )
        return hashlib.sha256(repr(state).encode()).hexdigest()

    def order_of(self, order_id: str) -> Order:
        """Return an open order; raise InvariantViolated where there is none of that id."""
        order = self.orders.get(order_id)
        if order is None:
            raise InvariantViolated(f"order {order_id} is not open here: reconcile with the broker before trading goes on")
        return order

    def _apply_nothing(self, event: JournalEvent) -> None:
        """Leave the state: the event is for the record."""

    def _apply_signal(self, event: SignalRaised) -> None:
        self.standing[event.symbol] = event.target
        self._deferred.discard(event.symbol)
        if self._measuring is not None:
            self._measuring.signal(event.symbol, event.bar_time, event.target)

    def _apply_request(self, event: OrderRequested) -> None:
        resting = event.place >= 0
        taken = event.place in self.resting.get(event.symbol, {}) if resting else event.symbol in self.working
        if taken:
            raise InvariantViolated(f"{event.symbol} has an open order already, {event.order_id} cannot be a second one")
        self._ordinals[event.symbol] = self._ordinals.get(event.symbol, 0) + 1
        if event.reason == _TARGET and event.lots and enters(self.portfolio.position(event.symbol).lots, event.side * event.lots):
            self._entries += 1
        if not resting and event.reason != _LIQUIDATION:  # what had to go says nothing of an entry that waits
            self._deferred.discard(event.symbol)
        self._keep(
            Order(
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
                _REQUESTED,
                0,
                event.stop,
                event.trail,
                event.watermark,
                event.place,
                event.parent,
                event.group,
                event.tag,
                self._entering(event),
            )
        )

    def _entering(self, event: OrderRequested) -> int:
        """Return the lots of a strategy's own order that enter a position: those beyond what it leaves."""
        if event.place < PROTECTIVE:
            return 0
        return event.lots - reducing_lots(event.side, event.lots, self.portfolio.position(event.symbol).lots)

    def _apply_amendment(self, event: OrderAmended) -> None:
        order = self.order_of(event.order_id)
        amended = msgspec.structs.replace(
            order,
            order_type=event.order_type,
            lots=event.lots,
            price=event.price,
            stop=event.stop,
            watermark=event.watermark,
            parent=event.parent,
            entering=order.entering if event.entering is None else event.entering,
        )
        self._keep(amended)

    def _apply_refusal(self, event: OrderRefused) -> None:
        if event.symbol in self._eventful:
            return  # its strategy asks again where it wants to
        if event.breach in _AGAIN:
            self._deferred.add(event.symbol)
        else:
            self._deferred.discard(event.symbol)

    def _apply_acceptance(self, event: OrderAccepted) -> None:
        self._move(event.order_id, _ACCEPTED)

    def _apply_rejection(self, event: OrderRejected) -> None:
        self._move(event.order_id, Status.REJECTED)

    def _apply_cancellation(self, event: OrderCancelled) -> None:
        self._move(event.order_id, Status.CANCELLED)

    def _apply_fill(self, event: OrderFilled) -> None:
        order = self.order_of(event.order_id)
        if event.filled_lots <= order.filled_lots:
            return
        if event.filled_lots > order.lots:
            raise InvariantViolated(f"order {order.order_id} filled {event.filled_lots} of {order.lots} lots of {order.symbol}")
        grows = order.parent >= 0 and order.parent in self.resting.get(order.symbol, {})  # its parent may bring more of it to life
        done = event.filled_lots == order.lots and not grows
        self._keep(advance(order, _FILLED if done else _PARTIALLY_FILLED, event.filled_lots))
        symbol, bar_time = event.symbol, event.bar_time
        before, after = self.portfolio.book_fill(event)
        time, lots = self.traded.get(symbol, (bar_time, 0))
        self.traded[symbol] = (bar_time, event.lots + (lots if time == bar_time else 0))
        if opens(before.lots, after.lots):
            self._entered[symbol] = bar_time
            self._bars_held[symbol] = 0

    def _apply_borrow(self, event: BorrowCharged) -> None:
        self.portfolio.pay(event.fee)

    def _apply_action(self, event: CorporateActionApplied) -> None:
        action = event.action
        position = self.portfolio.position(action.symbol)
        key = receivable_key(action)
        if action.action == "split":
            split: Split = apply_split(position, action.value, event.opening_price, self._lots_per_unit[action.symbol])
            self.portfolio.book_action(event, split.position)
            self._split_orders(action.symbol, action.value)
        elif action.action == "delisting":
            side, lots = (-1 if position.lots > 0 else 1), abs(position.lots)
            settled = apply_fill(position, side, lots, event.opening_price, 0.0, self._lots_per_unit[action.symbol])
            self.portfolio.book_action(event, settled.position)
        elif action.action == "dividend" and is_receivable(event.cash, action.pay_date is not None):
            self._receivable[key] = event.cash
        else:
            self._receivable.pop(key, None)
            self.portfolio.book_action(event, position)

    def _split_orders(self, symbol: str, ratio: float) -> None:
        order = self.working.get(symbol)
        if order is not None:
            open_lots, filled = split_lots(order.open_lots, ratio), split_lots(order.filled_lots, ratio)
            self._keep(msgspec.structs.replace(order, lots=open_lots + filled, filled_lots=filled))
        places = self.resting.get(symbol)
        if not places:
            return
        rows = rows_of(places)
        split_orders(rows, 0, len(rows), ratio)
        for place, resting in list(places.items()):
            row, filled = rows[place], split_lots(resting.filled_lots, ratio)
            scaled = msgspec.structs.replace(
                resting,
                lots=row.lots + filled,
                filled_lots=filled,
                price=None if resting.price is None else row.limit,
                stop=None if resting.stop is None else row.stop,
                watermark=row.watermark,
                entering=row.entering,
            )
            self._keep(scaled)

    def _apply_mark(self, event: EquityMarked) -> None:
        self._take_mark(event.session, event.equity)

    def _take_mark(self, session: int, equity: float) -> None:
        if session != self._session:
            self._session, self._entries = session, 0
        if self._limited:
            self._watch = watch(self._watch, self._limits, session, self._equity, equity)
        self._equity = equity

    def _apply_halt(self, event: TradingHalted) -> None:
        del event
        self.halted = True

    def _apply_resume(self, event: TradingResumed) -> None:
        del event
        self.halted = False
        self._watch = self._watch._replace(peak=self._equity, drawdown_breach=0, floor=inf)  # the next close finds the new floor

    def _move(self, order_id: str, status: Status) -> None:
        self._keep(advance(self.order_of(order_id), status))

    def _keep(self, order: Order) -> None:
        """Put an order where it belongs, or take it away where it is done."""
        done = order.status in TERMINAL
        if order.place < 0:
            if done:
                del self.working[order.symbol]
            else:
                self.working[order.symbol] = order
        elif done:
            places = self.resting[order.symbol]
            del places[order.place]
            if not places:
                del self.resting[order.symbol]
        else:
            self.resting.setdefault(order.symbol, {})[order.place] = order
        if done:
            del self.orders[order.order_id]
        else:
            self.orders[order.order_id] = order

    # Functions, not methods of this object: those would keep it alive in a circle, and with it all that a run has gathered.
    _appliers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        RunStarted: _apply_nothing,
        RunFinished: _apply_nothing,
        SignalRaised: _apply_signal,
        OrderRequested: _apply_request,
        OrderAmended: _apply_amendment,
        OrderRefused: _apply_refusal,
        OrderAccepted: _apply_acceptance,
        OrderRejected: _apply_rejection,
        OrderCancelled: _apply_cancellation,
        OrderFilled: _apply_fill,
        BarAmbiguous: _apply_nothing,
        BorrowCharged: _apply_borrow,
        MarginCalled: _apply_nothing,
        CorporateActionApplied: _apply_action,
        EquityMarked: _apply_mark,
        LimitBreached: _apply_nothing,
        TradingHalted: _apply_halt,
        TradingResumed: _apply_resume,
    }


def receivable_key(dividend: CorporateAction) -> str:
    """Return what names a dividend between its ex-date and its pay date, of which a day may have several."""
    return f"{dividend.symbol} {dividend.ex_date} {dividend.pay_date}"
