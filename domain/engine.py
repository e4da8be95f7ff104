"""The event-driven core: one synchronous function, event in, events out.

The engine decides, and changes its state only by applying the events it returns: folding a journal of them restores it. It
never fills an order; a broker does, simulated or real.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right, insort
from functools import lru_cache
from itertools import count
from math import inf, nan
from typing import TYPE_CHECKING

import numpy as np

from domain.commands import Flatten, Halt, Resume
from domain.events import (
    BarsClosed,
    BarsOpened,
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
    SignalRaised,
    TradingHalted,
    TradingResumed,
)
from domain.market import Side
from domain.resting import NO_PARENT, differs, is_dormant, row_of, rows_of, side_of
from domain.rules.accounting import apply_split, delisting_price, dividend_cash, split_lots, value_of, whole_lots
from domain.rules.book import (
    NO_GROUP,
    RestingOrder,
    fit_exits,
    lots_at_worst,
    own_lots,
    protect,
    reducing_lots,
    relatives_after_fill,
    target_after_fill,
)
from domain.rules.exits import PROTECTIVE, is_any, time_is_up, trailing_price
from domain.rules.fills import OrderType, Reason, TimeInForce
from domain.rules.limits import (
    NOTHING_BARRED,
    Barred,
    Breach,
    Exposure,
    Share,
    Watch,
    barred_account,
    barred_symbol,
    reserve,
    rest_of_account,
    weigh,
)
from domain.rules.margin import borrow_fee, maintenance_margin, reduction, share_to_keep
from domain.rules.measures import weight_of, worst_value
from domain.rules.moments import NO_TRIPS
from domain.rules.planning import (
    Account,
    Plan,
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
from domain.rules.sizing import Size, SizingRule, size
from domain.rules.ticks import limit_on_tick, stop_on_tick
from domain.sessions import month_of, session_dates
from domain.state import State, receivable_key
from domain.wishes import Cancel, View, Wish, checked_wishes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from domain.commands import AnyCommand
    from domain.events import DoubtedBar, JournalEvent, MarketEvent
    from domain.market import Bar, CorporateAction
    from domain.measuring import Measuring
    from domain.orders import Order
    from domain.run import Assignment, RunSpec
    from domain.targets import TargetSource
    from domain.timeline import QuietCloses

type BrokerEvent = OrderAccepted | OrderRejected | OrderFilled | OrderCancelled | OrderRefused | OrderAmended

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_BASE32_PAIRS = [first + second for first in _BASE32 for second in _BASE32]
_LOW_HALF = 2**50 - 1
_HALTED = Barred(Breach.HALTED.value, 0.0, 0.0)
_UNASKED = Account(0.0, Exposure(0.0), 0.0, NOTHING_BARRED, Shorting.CASH_ACCOUNT.value, 0.0, 0, inf)
"""The account that a plan meets which does not look at it: one without money, that allows nothing."""
_BUY, _SELL = Side.BUY, Side.SELL  # a member of an enumeration takes as long to look up as a call
_TYPE_CODES = [kind.code for kind in OrderType]
_REASON_CODES = [reason.code for reason in Reason]
_TARGET, _TIME_EXIT, _LIQUIDATION, _FLATTEN = (
    reason.code for reason in (Reason.TARGET, Reason.TIME_EXIT, Reason.LIQUIDATION, Reason.FLATTEN)
)


def client_order_id(account: str, strategy: str, symbol: str, bar_time: int, ordinal: int, leg: str) -> str:
    """Return the id that this decision has on every machine and in every life: no clock, no chance, at most 40 characters.

    They are those that stand in an address as they are: the names of strategies that share a symbol are joined by another.
    """
    label, begun = _id_of(account, strategy, symbol)
    key = begun.copy()
    key.update(f"{bar_time}\x1f{ordinal}\x1f{leg}".encode())
    digits = int.from_bytes(key.digest()[:13]) >> 4  # the 100 bits of 20 base32 characters
    high, low, pairs = digits >> 50, digits & _LOW_HALF, _BASE32_PAIRS  # written out: ids are much of what a decision costs
    return (
        f"{label}"
        f"{pairs[high >> 40]}{pairs[high >> 30 & 1023]}{pairs[high >> 20 & 1023]}{pairs[high >> 10 & 1023]}{pairs[high & 1023]}"
        f"{pairs[low >> 40]}{pairs[low >> 30 & 1023]}{pairs[low >> 20 & 1023]}{pairs[low >> 10 & 1023]}{pairs[low & 1023]}"
    )


@lru_cache(maxsize=4096)
def _id_of(account: str, strategy: str, symbol: str) -> tuple[str, hashlib._Hash]:
    """Return what the ids of a symbol's orders begin with, and the hash of what they share: half of what hashing costs."""
    return f"r1-{strategy[:6].replace('+', '_')}-", hashlib.sha256(f"{account}\x1f{strategy}\x1f{symbol}\x1f".encode())


class Engine(State):
    """Trades one account by one run's specification."""

    __slots__ = (
        "_assignments",
        "_before",
        "_calendars",
        "_collared",
        "_days",
        "_decides_always",
        "_doubted",
        "_is_quiet",
        "_margin",
        "_on_close",
        "_protected",
        "_remembers",
        "_scales",
        "_shares",
        "_targets",
        "_timed",
        "_weighed",
        "account",
        "bar_time",
        "last_bars",
    )

    def __init__(self, spec: RunSpec, account: str, targets: TargetSource) -> None:
        super().__init__(spec)
        self.account = account
        self.bar_time = 0
        self.last_bars: dict[str, int] = {}
        """The start of each symbol's last bar that closed, where strategies place orders of their own."""
        self._targets = targets
        self._assignments = {assignment.symbol: assignment for assignment in spec.assignments}
        self._protected = {symbol for symbol, terms in self._terms.items() if is_any(terms.exits)}
        self._timed = [symbol for symbol, terms in self._terms.items() if terms.exits.bars]
        self._margin = spec.margin
        self._on_close = targets.on_close
        self._collared = self._limits.price_collar < inf
        self._before: dict[str, float] = {}
        self._doubted: dict[str, Barred] = {}
        self._days: dict[str, int] = {}
        """The session of each symbol's last bar that opened, for the days of borrowing."""
        mixed = len({one.calendar for one in spec.instruments}) > 1
        self._calendars = {one.symbol: one.calendar for one in spec.instruments} if mixed else {}
        """The calendars of symbols whose sessions may not be the account's."""
        self._shares: dict[str, Share] = {}
        self._weighed: list[str] = []
        """What each symbol takes of the account, as far as that was weighed for the decisions of a close, and their order."""
        self._scales = {symbol: (Share(), terms.lots_per_unit, terms.margin.initial) for symbol, terms in self._terms.items()}
        """Where each symbol is weighed, by its lots a unit and its initial margin."""
        self._decides_always = bool(self._timed) or self._measuring is not None
        """Whether any close may decide something without a target that changes."""
        self._remembers = self._collared or self._decides_always or bool(self._eventful)
        """Whether a close means more to this run than its price."""
        self._is_quiet = not (self._decides_always or self._margin or self._eventful)

    # What comes in

    def handle(self, event: MarketEvent | BrokerEvent) -> list[JournalEvent]:
        """Take one event and return everything that follows from it, already applied to the engine's state.

        Raises InvariantViolated where the event contradicts the books; nothing may be traded after that.
        """
        if type(event) is BarsClosed:
            return self.close(event)
        out: list[JournalEvent] = []
        if type(event) is BarsOpened:
            self._open(event, out)
        elif type(event) is OrderFilled:
            self._fill(event, out)
        else:
            self._emit(event, out)  # type: ignore[arg-type]  # what is left of the union is a broker event
        return out

    def command(self, command: AnyCommand, time: int) -> list[JournalEvent]:
        """Carry out what a person wants and return what follows."""
        out: list[JournalEvent] = []
        if isinstance(command, Halt | Flatten) and not self.halted:
            self._emit(TradingHalted(time, command.reason), out)
            self._cancel_entries(_HALTED, time, out)
        if isinstance(command, Flatten):
            self._flatten(time, out)
        if isinstance(command, Resume):
            self._emit(TradingResumed(time, command.reason), out)
        return out

    def observe(self, event: MarketEvent) -> None:
        """Take a market event that the journal has already answered: marks and series move, nothing is decided."""
        if isinstance(event, BarsOpened):
            if self._margin:
                self._days.update((bar.symbol, self._day_of(bar, event)) for bar in event.bars)
            self._mark_splits(event)
            self._targets.on_open(event)
            return
        self._mark(event)
        if self._measuring is not None:
            for bar in event.bars:
                self._measuring.enters_month(bar.symbol, month_of(event.session))
        self._targets.observe(event)

    # What the opening brings

    def _open(self, event: BarsOpened, out: list[JournalEvent]) -> None:
        for doubt in event.doubted:
            self._withdraw_entries(doubt, event.time, out)
        if self.spec.margin:
            self._charge_borrowing(event, out)
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

    def _withdraw_entries(self, doubt: DoubtedBar, time: int, out: list[JournalEvent]) -> None:
        """Leave of a symbol's orders what reduces its position: nothing is opened on a bar in doubt."""
        for order in self._open_orders(doubt.symbol):
            withdrawn = self._leave_exit(order, time, out)
            if withdrawn:
                bar = Barred(Breach.DOUBTED_DATA.value, doubt.value, doubt.bound)
                self._emit(self._refusal(order, withdrawn, bar, time), out)
        self._release(doubt.symbol, time, out)

    def _leave_exit(self, order: Order, time: int, out: list[JournalEvent]) -> int:
        """Leave of an open order what reduces its symbol's position, and return the lots that were withdrawn."""
        exiting = reducing_lots(order.side, order.open_lots, self.portfolio.position(order.symbol).lots)
        row = row_of(order)
        if row.lots > exiting or row.entering:
            if exiting:
                row.lots, row.entering = exiting, 0
                self._emit(amendment(time, order, row), out)
            else:
                self._emit(OrderCancelled(time, order.order_id), out)
        return order.open_lots - exiting

    def _refusal(self, order: Order, lots: int, barred: Barred, time: int) -> OrderRefused:
        """Return the refusal of lots of an order that was open."""
        code = Breach(barred.breach).code
        return OrderRefused(time, order.symbol, order.strategy, order.side, lots, code, barred.value, barred.bound, self.bar_time)

    def _charge_borrowing(self, event: BarsOpened, out: list[JournalEvent]) -> None:
        for bar in event.bars:
            lots, day = self.portfolio.position(bar.symbol).lots, self._day_of(bar, event)
            days = day - self._days.get(bar.symbol, day)
            if lots < 0 and days:
                rate, units = self._terms[bar.symbol].borrow_rate, self._lots_per_unit[bar.symbol]
                fee = borrow_fee(lots, self.portfolio.marks[bar.symbol], rate, days, units)
                self._emit(BorrowCharged(event.time, bar.symbol, lots, days, fee), out)
            self._days[bar.symbol] = day

    def _day_of(self, bar: Bar, event: BarsOpened) -> int:
        """Return the session of a bar by its own calendar, as days since 1970."""
        calendar = self._calendars.get(bar.symbol)
        return event.session if calendar is None else int(session_dates(np.array([bar.time]), self.spec.timeframe, calendar)[0])

    def _withdraw_crumbs(self, split: CorporateAction, time: int, out: list[JournalEvent]) -> None:
        """Withdraw the open orders of which the split leaves less than a lot."""
        for order in self._open_orders(split.symbol):
            row = row_of(order)
            if row.lots and split_lots(row.entering, split.value) + split_lots(row.lots - row.entering, split.value) == 0:
                self._emit(OrderCancelled(time, order.order_id), out)
        self._release(split.symbol, time, out)

    def _open_orders(self, symbol: str) -> list[Order]:
        order = self.working.get(symbol)
        return ([] if order is None else [order]) + list(self.resting.get(symbol, {}).values())

    def _effect(self, action: CorporateAction, opening_price: float, time: int, bar_time: int) -> CorporateActionApplied | None:
        position = self.portfolio.position(action.symbol)
        units = self._lots_per_unit[action.symbol]
        if action.action == "split":
            if not position.lots and not self._open_orders(action.symbol):
                return None
            split = apply_split(position, action.value, opening_price, units)
            return CorporateActionApplied(time, action, position.lots, split.position.lots, split.cash, bar_time, opening_price)
        if action.action == "dividend" and position.lots:
            cash = dividend_cash(position.lots, action.value, units)
            return CorporateActionApplied(time, action, position.lots, position.lots, cash, bar_time)
        if action.action == "payment":
            owed = self._receivable.get(receivable_key(action), 0.0)
            return CorporateActionApplied(time, action, position.lots, position.lots, owed, bar_time) if owed else None
        return None

    def _delist(self, event: BarsClosed, out: list[JournalEvent]) -> frozenset[str]:
        """Withdraw every order of the symbols whose last bar this is, settle their positions, and return the symbols."""
        bars = {bar.symbol: bar for bar in event.bars}
        for action in event.actions:
            for order in self._open_orders(action.symbol):
                self._emit(OrderCancelled(event.time, order.order_id), out)
            lots, bar = self.portfolio.position(action.symbol).lots, bars[action.symbol]
            if lots:
                price = delisting_price(lots, bar.close, action.value)
                cash = value_of(lots, price, self._lots_per_unit[action.symbol])
                self._emit(CorporateActionApplied(event.time, action, lots, 0, cash, bar.time, price), out)
        return frozenset(action.symbol for action in event.actions)

    def _mark_splits(self, event: BarsOpened) -> None:
        for action in event.actions:
            if action.action != "split":
                continue
            if self._measuring is not None:
                self._measuring.split(action.symbol, action.value)
            for marks in (self.portfolio.marks, self._before):
                if action.symbol in marks:
                    marks[action.symbol] /= action.value

    # What a fill brings

    def _fill(self, event: OrderFilled, out: list[JournalEvent]) -> None:
        """Book a fill, then fit the orders that depend on it: children, their siblings, the protection of the position."""
        symbol = event.symbol
        order = self.order_of(event.order_id)
        if symbol not in self._protected and symbol not in self.resting and order.place < 0:
            self._emit(event, out)
            return
        before = self.portfolio.position(symbol).lots
        self._emit(event, out)
        after = self.portfolio.position(symbol)
        rows = rows_of(self.resting.get(symbol, {}))
        terms, point = self._terms[symbol], event.point or event.price
        if order.place >= 0:
            if order.place >= len(rows):
                rows += [RestingOrder() for _ in range(order.place + 1 - len(rows))]
            rows[order.place].group = order.group
            relatives_after_fill(rows, 0, len(rows), order.place, event.lots, point, terms.grid)
        fit_exits(rows, 0, len(rows), after.lots)
        protect(rows, 0, before, after, point, terms.exits, terms.grid)
        self._fit_target(order, event, out)
        self._fit_resting(symbol, rows, event, out)

    def _fit_target(self, order: Order, event: OrderFilled, out: list[JournalEvent]) -> None:
        """Let the fill of a resting order shrink or withdraw the target order of its symbol."""
        target = self.working.get(order.symbol)
        if target is None or order.place < 0:
            return
        pending, held = target.side * target.open_lots, self.portfolio.position(order.symbol).lots
        is_exit, is_protective = target.reason != _TARGET, order.place < PROTECTIVE
        left = abs(target_after_fill(pending, is_exit, is_protective, order.side, event.lots, held))
        if left == 0:
            self._emit(OrderCancelled(event.time, target.order_id), out)
        elif left != target.open_lots:
            lots = target.filled_lots + left
            self._emit(OrderAmended(event.time, target.order_id, target.order_type, lots, target.price, target.stop), out)

    def _fit_resting(self, symbol: str, rows: list[RestingOrder], event: OrderFilled, out: list[JournalEvent]) -> None:
        """Bring the resting orders of a symbol to what the rules made of them."""
        for place, row in enumerate(rows):
            order = self.resting.get(symbol, {}).get(place)
            if order is not None and (order.side != row.side or (row.lots == 0 and not is_dormant(row))):
                self._emit(OrderCancelled(event.time, order.order_id), out)
                order = None
            if order is None and row.lots > 0:
                self._place_resting(symbol, place, row, event, out)
            elif order is not None and differs(row, order):
                self._emit(amendment(event.time, order, row), out)

    def _place_resting(self, symbol: str, place: int, row: RestingOrder, event: OrderFilled, out: list[JournalEvent]) -> None:
        leg = _REASON_CODES[row.reason]
        ordinal = self._ordinals.get(symbol, 0)
        order_id = client_order_id(self.account, event.strategy, symbol, event.bar_time, ordinal, leg)
        is_limit = row.kind == OrderType.LIMIT.value
        request = OrderRequested(
            event.time,
            order_id,
            symbol,
            event.strategy,
            side_of(row),
            row.lots,
            _TYPE_CODES[row.kind],
            row.limit if is_limit else None,
            TimeInForce.GTC.code,
            leg,
            event.bar_time,
            stop=None if is_limit else row.stop,
            trail=row.trail if row.kind == OrderType.TRAILING_STOP.value else 0.0,
            watermark=row.watermark,
            place=place,
        )
        self._emit(request, out)

    # What the close brings

    def _mark(self, event: BarsClosed) -> None:
        """Take the closes as marks, and count the bars that positions are held."""
        marks = self.portfolio.marks
        if self._collared:
            for bar in event.bars:
                self._before[bar.symbol] = marks.get(bar.symbol, 0.0)
        for bar in event.bars:
            marks[bar.symbol] = bar.close
        self.bar_time = event.bars[0].time
        if self._timed:
            self._count_bars(event.bars)
        if self._eventful:
            for bar in event.bars:
                self.last_bars[bar.symbol] = bar.time
        if self._measuring is not None:
            for bar in event.bars:
                self._measuring.observe(bar)

    def _count_bars(self, bars: tuple[Bar, ...]) -> None:
        for bar in bars:
            entered = self._entered.get(bar.symbol)
            if entered is not None and bar.time >= entered:
                self._bars_held[bar.symbol] = self._bars_held.get(bar.symbol, 0) + 1

    def close(self, event: BarsClosed) -> list[JournalEvent]:
        """Take bars that closed and return everything that follows, as ``handle`` does: what happens most."""
        bars, portfolio, before = event.bars, self.portfolio, self._watch
        out: list[JournalEvent] = []
        gone = self._delist(event, out) if event.actions else frozenset()
        if event.doubted or self._doubted:
            self._doubted = {one.symbol: Barred(Breach.DOUBTED_DATA.value, one.value, one.bound) for one in event.doubted}
        if self._remembers:
            self._mark(event)
        else:
            for bar in bars:
                portfolio.marks[bar.symbol] = bar.close
            self.bar_time = bars[0].time
        equity = portfolio.equity if portfolio.held else portfolio.cash
        out.append(EquityMarked(event.time, self.bar_time, event.session, equity, portfolio.cash))
        self._take_mark(event.session, equity)
        if self._watch is not before:
            self._report_breaches(before, event.time, out)
        keep, required = self._margin_call(event.time, out) if self._margin else (1.0, 0.0)
        targets = self._on_close(event)
        if targets or self._deferred or self._decides_always:
            self._decide(event, targets or [nan] * len(bars), gone, required, out)
        if self._eventful:
            for bar in event.bars:
                if bar.symbol in self._eventful and bar.symbol not in gone:
                    self._ask(bar.symbol, event.time, required, out)
        if keep < 1.0:
            self._liquidate(keep, event.time, out)
        return out

    def awaits(self) -> AbstractSet[str]:
        """Return the symbols with orders that wait for an opening."""
        return self.working.keys() | self.resting.keys()

    def quiet_until(self, number: int) -> int:
        """Return the number of the first bar, from ``number`` on, at whose close something may be decided.

        No order is open, no entry waits, and no target changes before it: equity is all that moves.
        """
        if self._is_quiet and not (self.orders or self._deferred or self._doubted):
            return self._targets.quiet_until(number)
        return number

    def pass_over(self, closes: QuietCloses, out: list[JournalEvent]) -> list[float]:
        """Take closes at which nothing is decided as ``close`` takes each, add breaches to ``out``, and return the equities."""
        symbol, first, end, portfolio = closes.symbol, closes.first, closes.end, self.portfolio
        close, lots, cash = closes.closings.close, portfolio.position(symbol).lots, portfolio.cash
        if lots:
            units = value_of(lots, 1.0, self._lots_per_unit[symbol])  # times a price they are the value at it, to the bit
            equities = [cash + units * price for price in close[first:end]]
            self._take_marks(closes, equities, min(equities), max(equities), out)
        else:
            equities = [cash] * (end - first)
            self._take_marks(closes, equities, cash, cash, out)
        self._equity = equities[-1]
        if self._collared:
            self._before[symbol] = close[end - 2] if end - first > 1 else portfolio.marks.get(symbol, 0.0)
        portfolio.marks[symbol], self.bar_time = close[end - 1], closes.closings.bar_time[end - 1]
        self._targets.pass_over(end - first)
        return equities

    def _take_marks(
        self, closes: QuietCloses, marked: Sequence[float], lowest: float, highest: float, out: list[JournalEvent]
    ) -> None:
        """Take the equity after each of some closes, which lies between ``lowest`` and ``highest``, as limits look at it."""
        _, time, session, _ = closes.closings
        begin, end, watched = closes.first, closes.end, self._watch
        if watched.floor < lowest and highest <= watched.peak:  # no limit is met before the next session
            begin = end if session[end - 1] == self._session else bisect_right(session, self._session, begin, end)
        if begin == end:
            return
        taken = begin - closes.first
        before = marked[taken - 1] if taken else self._equity
        for when, day, equity in zip(time[begin:end], session[begin:end], marked[taken:], strict=True):
            if day != self._session or not watched.floor < equity <= watched.peak:
                self._equity = before
                self._take_mark(day, equity)
                if self._watch is not watched:
                    self._report_breaches(watched, when, out)
                    watched = self._watch
                if day == session[end - 1] and watched.floor < lowest and highest <= watched.peak:
                    return
            before = equity

    def _decide(
        self,
        event: BarsClosed,
        targets: Sequence[float],
        gone: AbstractSet[str],
        required: float,
        out: list[JournalEvent],
    ) -> None:
        """Take the targets that changed, withdraw what they replace, and order what is due; nothing for symbols that are gone."""
        due = []
        standing, measuring, timed = self.standing, self._measuring, self._timed
        by_target_alone = not (self._decides_always or self._deferred)
        for bar, target in zip(event.bars, targets, strict=True):
            if by_target_alone and target != target:  # noqa: PLR0124 - NaN: what stands shall stand
                continue
            symbol = bar.symbol
            if symbol in gone:
                continue
            resized = measuring is not None and self._is_resized(symbol, event.session, measuring)
            if target == target and target != standing.get(symbol, 0.0):  # noqa: PLR0124 - not NaN
                assignment = self._assignments[symbol]
                self._emit(SignalRaised(event.time, self.bar_time, symbol, assignment.strategy_name, target), out)
            elif (timed and self._time_exit(symbol, event.time, out)) or not (resized or symbol in self._deferred):
                continue
            order = self.working.get(symbol)
            if order is not None and order.reason == _FLATTEN:
                continue  # a person's order to leave is not replaced by a target
            self._withdraw(symbol, event.time, out)
            due.append(self._assignments[symbol])
        if due:
            self._order(due, required, event.time, out)

    def _is_resized(self, symbol: str, session: int, measuring: Measuring) -> bool:
        """Return whether the standing target of a symbol is sized anew: risk parity, at its first close of a month."""
        turned = measuring.enters_month(symbol, month_of(session))
        parity = self._terms[symbol].sizing.rule == SizingRule.RISK_PARITY.value
        return turned and parity and self.standing.get(symbol, 0.0) != 0.0

    def _time_exit(self, symbol: str, time: int, out: list[JournalEvent]) -> bool:
        """Order a position out that was held for its time; return whether that was done."""
        lots = self.portfolio.position(symbol).lots
        if not lots or not time_is_up(self._bars_held.get(symbol, 0), self._terms[symbol].exits):
            return False
        order = self.working.get(symbol)
        if order is not None and (order.side * order.open_lots == -lots or order.reason == _FLATTEN):
            return False
        self._withdraw(symbol, time, out)
        self._deferred.discard(symbol)
        self._request(symbol, self._assignments[symbol].strategy_name, -lots, _TIME_EXIT, time, out)
        return True

    def _report_breaches(self, before: Watch, time: int, out: list[JournalEvent]) -> None:
        now, limits, equity = self._watch, self._limits, self._equity
        if now.daily_breach and (not before.daily_breach or now.session != before.session):
            self._emit(LimitBreached(time, Breach.DAILY_LOSS_LIMIT.code, 1.0 - equity / now.base, limits.daily_loss_limit), out)
        if now.drawdown_breach and not before.drawdown_breach:
            self._emit(LimitBreached(time, Breach.MAX_DRAWDOWN.code, 1.0 - equity / now.peak, limits.max_drawdown), out)

    # Margin

    def _margin_call(self, time: int, out: list[JournalEvent]) -> tuple[float, float]:
        """Return the share of every position that the equity backs, and the equity that a call asks for, 0 without one.

        Below 1 open entries are withdrawn.
        """
        marks, required = self.portfolio.marks, 0.0
        for symbol in self.portfolio.held:
            terms = self._terms[symbol]
            lots = self.portfolio.positions[symbol].lots
            required += maintenance_margin(lots, marks[symbol], terms.lots_per_unit, terms.margin)
        keep = share_to_keep(self._equity, required)
        if not keep < 1.0:
            return keep, 0.0
        self._emit(MarginCalled(time, self._equity, required), out)
        self._cancel_entries(Barred(Breach.MARGIN_CALL.value, self._equity, required), time, out)
        return keep, required

    def _liquidate(self, keep: float, time: int, out: list[JournalEvent]) -> None:
        """Order every position down to the share that the equity backs."""
        for symbol in list(self.portfolio.held):
            order = self.working.get(symbol)
            pending = 0 if order is None else order.side * order.open_lots
            lots = reduction(self.portfolio.positions[symbol].lots, pending, keep)
            if lots:
                self._withdraw(symbol, time, out)
                self._request(symbol, self._assignments[symbol].strategy_name, lots, _LIQUIDATION, time, out)

    # From targets to orders

    def _order(self, due: list[Assignment], required: float, time: int, out: list[JournalEvent]) -> None:
        """Plan every due symbol: sells before buys, each in code-point order, each counting those accepted before it."""
        if self._measuring is not None:
            self._measuring.update()
        self._shares = {}
        barred, position = self._barred(required), self.portfolio.position
        sizes = [(assignment, self._size(assignment), position(assignment.symbol).lots) for assignment in due]
        if len(sizes) > 1:
            sizes.sort(key=lambda one: one[1].lots > one[2])
        for assignment, wanted, held in sizes:
            self._place(assignment, wanted, held, barred, time, out)
            if self._shares:
                self._reweigh(assignment.symbol)

    def _size(self, assignment: Assignment) -> Size:
        symbol = assignment.symbol
        price, target = self.portfolio.marks[symbol], self.standing.get(symbol, 0.0)
        terms = self._terms[symbol]
        weight, measuring = terms.exits.stop_loss, self._measuring
        if measuring is not None:
            volatility, parity = measuring.volatility(symbol), measuring.parity(symbol)
            trips = measuring.trips(symbol) if terms.sizing.rule == SizingRule.KELLY.value else NO_TRIPS
            weight = weight_of(terms.sizing, terms.exits.stop_loss, volatility, trips, parity, len(self._terms))
        return size(terms.sizing, target, self._equity, price, self._cost_rate, terms.lots_per_unit, weight)

    def _place(self, assignment: Assignment, wanted: Size, held: int, barred: Barred, time: int, out: list[JournalEvent]) -> None:
        symbol, mark = assignment.symbol, self.portfolio.marks[assignment.symbol]
        account = self._account(symbol, wanted, held, barred, mark, self._before.get(symbol, 0.0))
        plan = plan_order(wanted, held, mark, self._cost_rate, self._lots_per_unit[symbol], self._limits, account)
        if plan.lots:
            self._request(assignment.symbol, assignment.strategy_name, plan.lots, _TARGET, time, out)
        if plan.breach:
            self._refuse(assignment, plan, wanted, held, time, out)

    def _account(self, symbol: str, wanted: Size, held: int, barred: Barred, price: float, before: float) -> Account:
        """Return what planning ``symbol`` at ``price`` must know of the rest of the account, open orders at their worst.

        What only reduces a position is planned without a look at the rest.
        """
        if not enters(held, wanted.lots - held):
            return _UNASKED
        terms, exposure = self._terms[symbol], self._exposure(symbol)
        cluster, risk_lots, risk = 0.0, wanted.lots, 0.0
        if self._measuring is not None:
            values = self._worst_values(symbol)
            if self._limits.max_cluster_exposure < inf:
                cluster = self._measuring.cluster(symbol, values, self._limits)
            if self._limits.max_value_at_risk < inf:
                lots, bound = (wanted.lots, kept_lots(wanted.lots, held)), self._limits.max_value_at_risk
                risk_lots, risk = self._measuring.within_risk(symbol, values, lots, price, terms.lots_per_unit, self._equity, bound)
        if not barred.breach:
            barred = self._doubted.get(symbol, barred)
        barring = barred_symbol(barred, self._limits, self._entries, price, before)
        return Account(
            self._equity, exposure, cluster, barring, terms.shorting, terms.margin.initial, risk_lots, risk
        )  # fmt: skip

    # Orders of a strategy's own

    def _ask(self, symbol: str, time: int, required: float, out: list[JournalEvent]) -> None:
        """Ask a strategy for orders after a close of its symbol, and place and withdraw them."""
        strategy = self._assignments[symbol].strategy
        bars, factor = self._targets.past(symbol)
        portfolio, orders = self.portfolio, tuple(self.resting.get(symbol, {}).values())
        average = portfolio.position(symbol).average_price
        view = View(bars, factor, portfolio.quantity(symbol), average, orders, self._equity, portfolio.cash)
        wishes = checked_wishes(strategy, view)
        if wishes and self._measuring is not None:
            self._measuring.update()
        for wish in wishes:
            if isinstance(wish, Cancel):
                self._cancel_tag(symbol, wish.tag, time, out)
            else:
                self._place_wish(symbol, wish, required, time, out)

    def _cancel_tag(self, symbol: str, tag: int, time: int, out: list[JournalEvent]) -> None:
        for order in list(self.resting.get(symbol, {}).values()):
            if order.tag == tag and order.place >= PROTECTIVE:
                self._emit(OrderCancelled(time, order.order_id), out)
        self._release(symbol, time, out)

    def _release(self, symbol: str, time: int, out: list[JournalEvent]) -> None:
        """Withdraw children whose parent is done before it filled."""
        places = self.resting.get(symbol, {})
        for order in list(places.values()):
            if order.parent < 0 or order.parent in places:
                continue
            if order.open_lots == 0:
                self._emit(OrderCancelled(time, order.order_id), out)
            else:  # its parent's place may be another order's soon
                alone = row_of(order)
                alone.parent = NO_PARENT
                self._emit(amendment(time, order, alone), out)

    def _place_wish(self, symbol: str, wish: Wish, required: float, time: int, out: list[JournalEvent]) -> None:
        """Plan an order of the strategy's own; what limits, margin and cash leave of it is requested, with its children."""
        units = self._lots_per_unit[symbol]
        lots = whole_lots(wish.quantity, units)
        plan = self._plan_wish(symbol, wish, wish.side * lots, required) if lots else below_lot(wish.quantity, units)
        strategy = self._assignments[symbol].strategy_name
        if plan.breach:
            code = Breach(plan.breach).code
            refusal = OrderRefused(time, symbol, strategy, wish.side, plan.refused, code, plan.value, plan.bound, self.bar_time)
            self._emit(refusal, out)
        if not plan.lots:
            return
        place = self._request_wish(symbol, wish, abs(plan.lots), -1, time, out)
        for child in wish.children:
            self._request_wish(symbol, child, 0, place, time, out)

    def _plan_wish(self, symbol: str, wish: Wish, lots: int, required: float) -> Plan:
        held, mark, terms = self.portfolio.position(symbol).lots, self.portfolio.marks[symbol], self._terms[symbol]
        self._shares = {}
        rows = rows_of(self.resting.get(symbol, {}))
        parts = parts_of_wish(lots, held, own_lots(rows, 0, len(rows), wish.group))
        limit, stop = self._on_grid(symbol, wish.side, wish.limit, limit=True), self._stop_of(symbol, wish)
        price = price_of_wish(wish.side, limit, stop, mark)
        wanted = Size(parts.base + parts.entering, 0.0, missing=False)
        account = self._account(symbol, wanted, parts.base, self._barred(required), price, mark)
        reserved = reserved_money(rows, 0, len(rows), wish.group, mark, self._cost_rate, terms.lots_per_unit)
        account = account._replace(exposure=reserve(account.exposure, reserved))
        return plan_wish(parts, price, self._cost_rate, terms.lots_per_unit, self._limits, account)

    def _stop_of(self, symbol: str, wish: Wish) -> float:
        """Return where an order waits for its stop, a trailing one from the close on; 0 for none."""
        if wish.trail is not None:
            return trailing_price(wish.side, self.portfolio.marks[symbol], wish.trail, self._terms[symbol].grid)
        return self._on_grid(symbol, wish.side, wish.stop)

    def _on_grid(self, symbol: str, side: Side, price: float | None, *, limit: bool = False) -> float:
        """Return our own price on the exchange's grid, 0 for none."""
        grid = self._terms[symbol].grid
        return 0.0 if price is None else (limit_on_tick if limit else stop_on_tick)(side, price, *grid)

    def _request_wish(self, symbol: str, wish: Wish, lots: int, parent: int, time: int, out: list[JournalEvent]) -> int:
        places = self.resting.get(symbol, {})
        place = next(number for number in count(PROTECTIVE) if number not in places)
        ordinal, strategy = self._ordinals.get(symbol, 0), self._assignments[symbol].strategy_name
        mark, trailing = self.portfolio.marks[symbol], wish.type is OrderType.TRAILING_STOP
        stop = self._stop_of(symbol, wish)
        request = OrderRequested(
            time,
            client_order_id(self.account, strategy, symbol, self.bar_time, ordinal, "order"),
            symbol,
            strategy,
            wish.side,
            lots,
            wish.type.code,
            None if wish.limit is None else self._on_grid(symbol, wish.side, wish.limit, limit=True),
            wish.force.code,
            _TARGET,
            self.bar_time,
            stop=stop if trailing or wish.stop is not None else None,
            trail=wish.trail or 0.0,
            watermark=mark if trailing else 0.0,
            place=place,
            parent=parent,
            group=wish.group,
            tag=wish.tag,
        )
        self._emit(request, out)
        return place

    def _exposure(self, symbol: str) -> Exposure:
        """Return what the other symbols hold and may come to hold, weighed once for the decisions of a close."""
        if len(self._terms) == 1:
            return Exposure(self.portfolio.cash, 0.0, 0.0, 0.0, 0.0, 0.0)  # defaults cost as much again
        if not self._shares:
            self._weighed = sorted({*self.portfolio.held, *self.working, *self.resting})
            self._shares = {name: self._share(name) for name in self._weighed}
        return rest_of_account(self.portfolio.cash, self._shares, self._weighed, symbol)

    def _reweigh(self, symbol: str) -> None:
        """Weigh a symbol again after a decision on it."""
        if symbol not in self._shares:
            insort(self._weighed, symbol)
        self._shares[symbol] = self._share(symbol)

    def _share(self, symbol: str) -> Share:
        share, units, initial = self._scales[symbol]
        portfolio = self.portfolio
        price, buys, sells = portfolio.marks[symbol], 0, 0
        if symbol in self.working or symbol in self._eventful:
            buys, sells = self._open_lots(symbol)
        weigh(share, portfolio.position(symbol).lots, buys, sells, price, price * (1.0 + self._cost_rate), units, initial)
        return share

    def _open_lots(self, symbol: str) -> tuple[int, int]:
        """Return how many lots the symbol's orders may still buy and sell, exits by protective orders aside."""
        buys, sells = 0, 0
        if symbol in self._eventful and symbol in self.resting:
            rows = rows_of(self.resting[symbol])
            buys, sells = lots_at_worst(own_lots(rows, 0, len(rows), NO_GROUP), self.portfolio.position(symbol).lots)
        order = self.working.get(symbol)
        if order is None:
            return buys, sells
        return (buys + order.open_lots, sells) if order.side > 0 else (buys, sells + order.open_lots)

    def _worst_values(self, symbol: str) -> list[float]:
        """Return the signed value of every other symbol at the worst of its open order."""
        values = []
        for name, terms in self._terms.items():
            lots = self.portfolio.position(name).lots
            price = self.portfolio.marks.get(name, 0.0)
            values.append(0.0 if name == symbol else worst_value(lots, *self._open_lots(name), price, terms.lots_per_unit))
        return values

    def _barred(self, required: float) -> Barred:
        """Return what bars the account from entries; ``required`` is the equity that a margin call asked for, 0 without one."""
        return _HALTED if self.halted else barred_account(self._watch, self._limits, self._equity, required)

    def _refuse(self, assignment: Assignment, plan: Plan, wanted: Size, held: int, time: int, out: list[JournalEvent]) -> None:
        if plan.again and assignment.symbol in self._deferred:
            return
        buys = wanted.units > 0.0 if wanted.missing else wanted.lots >= held
        side = Side.BUY if buys else Side.SELL
        code = Breach(plan.breach).code
        refusal = OrderRefused(
            time, assignment.symbol, assignment.strategy_name, side, plan.refused, code, plan.value, plan.bound, self.bar_time
        )
        self._emit(refusal, out)

    def _request(self, symbol: str, strategy: str, lots: int, reason: str, time: int, out: list[JournalEvent]) -> None:
        ordinal = 0 if reason == _TARGET else self._ordinals.get(symbol, 0)
        order_id = client_order_id(self.account, strategy, symbol, self.bar_time, ordinal, reason)
        side = _BUY if lots > 0 else _SELL
        self._emit(
            OrderRequested(time, order_id, symbol, strategy, side, abs(lots), "market", None, "gtc", reason, self.bar_time), out
        )

    def _withdraw(self, symbol: str, time: int, out: list[JournalEvent]) -> None:
        order = self.working.get(symbol)
        if order is not None:
            self._emit(OrderCancelled(time, order.order_id), out)

    def _cancel_entries(self, barred: Barred, time: int, out: list[JournalEvent]) -> None:
        for _, order in sorted(self.working.items()):
            withdrawn = self._leave_exit(order, time, out)
            if withdrawn:  # planned again at each close once trading resumes
                self._emit(self._refusal(order, withdrawn, barred, time), out)
        for symbol in sorted(self.resting):
            for order in list(self.resting.get(symbol, {}).values()):
                if order.place >= PROTECTIVE and order.parent < 0:
                    self._leave_exit(order, time, out)
            self._release(symbol, time, out)

    def _flatten(self, time: int, out: list[JournalEvent]) -> None:
        for symbol in list(self.portfolio.held):
            self._withdraw(symbol, time, out)
            name = self._assignments[symbol].strategy_name
            self._request(symbol, name, -self.portfolio.position(symbol).lots, _FLATTEN, time, out)

    def _emit(self, event: JournalEvent, out: list[JournalEvent]) -> None:
        self._appliers[type(event)](self, event)
        out.append(event)


def amendment(time: int, order: Order, row: RestingOrder) -> OrderAmended:
    """Return the event that makes ``order`` what ``row`` says."""
    return OrderAmended(
        time,
        order.order_id,
        _TYPE_CODES[row.kind],
        order.filled_lots + row.lots,
        None if order.price is None else row.limit,
        None if order.stop is None else row.stop,
        row.watermark,
        row.parent,
        row.entering,
    )
