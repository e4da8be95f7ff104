"""What the journal's events mean for orders, fills, positions and equity: one list of statements for each batch of events.

The tables are for reading and questions; the journal restores the engine. Rules of the domain compute every figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from domain.errors import DataError
from domain.events import (
    CorporateActionApplied,
    EquityMarked,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderRequested,
)
from domain.rules.accounting import Position, apply_fill, apply_split, value_of
from tasks.database.values import moment, number, units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.events import JournalEvent

type Statement = tuple[str, tuple[Any, ...]]

_ORDERS_NAMESPACE: Final = UUID("5e5f1f0e-6a83-5f0a-9f3c-7069352d6f72")
_HAIR: Final = 1.0 + 2.0**-50  # the tolerance of split_lots

_INSERT_ORDER: Final = """
INSERT INTO orders (order_id, client_order_id, account, run_id, symbol, side, quantity, order_type, price, status, strategy,
    created_at, time_in_force, reason, bar_time, lots, stop_price, trail, watermark, place, parent, order_group, tag)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'requested', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
# The event does not say the symbol, so the order's row says how many lots are a unit.
_AMEND: Final = """
UPDATE orders SET order_type = %(order_type)s, price = %(price)s, stop_price = %(stop)s, watermark = %(watermark)s,
    parent = %(parent)s, lots = %(lots)s, quantity = trim_scale(%(lots)s::numeric / instruments.lots_per_unit)
FROM instruments WHERE order_id = %(order_id)s AND instruments.symbol = orders.symbol"""
_ACCEPT: Final = (
    "UPDATE orders SET status = 'accepted', broker_order_id = %s WHERE order_id = %s AND status IN ('requested', 'unknown')"
)
_REJECT: Final = "UPDATE orders SET status = 'rejected', message = %s WHERE order_id = %s"
_CANCEL: Final = "UPDATE orders SET status = 'cancelled' WHERE order_id = %s"
_INSERT_FILL: Final = """
INSERT INTO fills (order_id, splits, filled_lots, account, run_id, seq, time, bar_time, symbol, strategy, side, quantity, lots,
    price, fee, reason)
SELECT order_id, splits, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM orders WHERE order_id = %s"""
_FILL_ORDER: Final = """
UPDATE orders SET filled_at = %(time)s, fees = fees + %(fee)s, filled_lots = %(filled_lots)s,
    filled_price = (coalesce(filled_price, 0) * filled_quantity + %(price)s * %(quantity)s) / (filled_quantity + %(quantity)s),
    filled_quantity = filled_quantity + %(quantity)s,
    status = CASE WHEN %(filled_lots)s < lots THEN 'partially_filled' ELSE 'filled' END
WHERE order_id = %(order_id)s"""
# A split scales what an open order still wants, what it has and the prices it waits for. The engine withdraws an order before a
# split that would leave nothing of it. Lots are counted as ``domain.rules.accounting.split_lots`` does, in binary floating point.
_SPLIT_ORDERS: Final = """
UPDATE orders SET splits = splits + 1,
    lots = floor((lots - filled_lots) * %(ratio)s * %(hair)s) + floor(filled_lots * %(ratio)s * %(hair)s),
    filled_lots = floor(filled_lots * %(ratio)s * %(hair)s),
    quantity = quantity * %(exactly)s, filled_quantity = filled_quantity * %(exactly)s, filled_price = filled_price / %(exactly)s,
    price = price / %(exactly)s, stop_price = stop_price / %(exactly)s, watermark = watermark / %(exactly)s
WHERE account = %(account)s AND symbol = %(symbol)s AND status NOT IN ('filled', 'cancelled', 'rejected')"""
_PUT_POSITION: Final = """
INSERT INTO positions (account, symbol, run_id, quantity, average_price, current_price, unrealized_pnl, realized_pnl, last_updated,
    lots)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (account, symbol) DO UPDATE SET run_id = excluded.run_id, quantity = excluded.quantity,
    average_price = excluded.average_price, current_price = excluded.current_price, unrealized_pnl = excluded.unrealized_pnl,
    realized_pnl = excluded.realized_pnl, last_updated = excluded.last_updated, lots = excluded.lots"""
_PUT_EQUITY: Final = """
INSERT INTO equity (run_id, time, equity, cash, bar_time) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (run_id, time) DO UPDATE SET equity = excluded.equity, cash = excluded.cash, bar_time = excluded.bar_time"""


def order_uuid(client_order_id: str) -> UUID:
    """Return the id in ``orders`` of the order that the domain knows as ``client_order_id``."""
    return uuid5(_ORDERS_NAMESPACE, client_order_id)


def _place(number_: int) -> int | None:
    """Return a place among resting orders, None where there is none."""
    return number_ if number_ >= 0 else None


class Projection:
    """The statements that a batch of events of one run brings; ``positions`` and ``prices`` are the account's after it.

    ``lots_per_unit`` must know every symbol that trades, else DataError.
    """

    def __init__(
        self,
        account: str,
        run_id: str,
        lots_per_unit: Mapping[str, int],
        positions: Mapping[str, Position],
        prices: Mapping[str, float],
    ) -> None:
        self.statements: list[Statement | tuple[str, dict[str, Any]]] = []
        self.positions = dict(positions)
        self.prices = dict(prices)
        self._account = account
        self._run_id = run_id
        self._lots_per_unit = lots_per_unit
        self._changed: dict[str, int] = {}
        self._appliers: Mapping[type, Callable[..., None]] = {
            OrderRequested: self._requested,
            OrderAmended: self._amended,
            OrderAccepted: self._accepted,
            OrderRejected: self._rejected,
            OrderCancelled: self._cancelled,
            OrderFilled: self._filled,
            CorporateActionApplied: self._action,
            EquityMarked: self._marked,
        }

    def apply(self, seq: int, event: JournalEvent) -> None:
        """Take the event with number ``seq``; those that no table shows change nothing."""
        applier = self._appliers.get(type(event))
        if applier is not None:
            applier(seq, event)

    def mark(self, marks: Mapping[str, float], time: int) -> None:
        """Take the latest prices at ``time``: those of symbols held show in ``positions``."""
        for symbol, price in marks.items():
            if symbol in self.positions and self.prices.get(symbol) != price:
                self.prices[symbol] = price
                if self.positions[symbol].lots:
                    self._changed[symbol] = time

    def close(self) -> None:
        """Add the statements for the positions that changed."""
        for symbol, time in self._changed.items():
            position, price, per_unit = self.positions[symbol], self.prices[symbol], self._units(symbol)
            unrealised = value_of(position.lots, price - position.average_price, per_unit)
            figures = (position.average_price, price, unrealised, position.realised)
            quantity = units(position.lots, per_unit)
            self._add(
                _PUT_POSITION,
                (self._account, symbol, self._run_id, quantity, *map(number, figures), moment(time), position.lots),
            )
        self._changed.clear()

    def _add(self, statement: str, values: Any) -> None:
        self.statements.append((statement, values))

    def _units(self, symbol: str) -> int:
        try:
            return self._lots_per_unit[symbol]
        except KeyError:
            raise DataError(f"{symbol} is not in the table instruments: save_instruments before it trades") from None

    def _requested(self, seq: int, event: OrderRequested) -> None:
        del seq
        quantity = units(event.lots, self._units(event.symbol))
        self._add(
            _INSERT_ORDER,
            (
                *(order_uuid(event.order_id), event.order_id, self._account, self._run_id, event.symbol),
                *(event.side.name.lower(), quantity, event.order_type, number(event.price), event.strategy, moment(event.time)),
                *(event.time_in_force, event.reason, moment(event.bar_time), event.lots, number(event.stop)),
                *(number(event.trail or None), number(event.watermark or None), _place(event.place), _place(event.parent)),
                *(event.group or None, event.tag or None),
            ),
        )

    def _amended(self, seq: int, event: OrderAmended) -> None:
        del seq
        row = {
            "order_id": order_uuid(event.order_id),
            "order_type": event.order_type,
            "lots": event.lots,
            "price": number(event.price),
            "stop": number(event.stop),
            "watermark": number(event.watermark or None),
            "parent": _place(event.parent),
        }
        self._add(_AMEND, row)

    def _accepted(self, seq: int, event: OrderAccepted) -> None:
        del seq
        self._add(_ACCEPT, (event.broker_order_id, order_uuid(event.order_id)))

    def _rejected(self, seq: int, event: OrderRejected) -> None:
        del seq
        self._add(_REJECT, (f"{event.breach}: {event.message}".removesuffix(": "), order_uuid(event.order_id)))

    def _cancelled(self, seq: int, event: OrderCancelled) -> None:
        del seq
        self._add(_CANCEL, (order_uuid(event.order_id),))

    def _filled(self, seq: int, event: OrderFilled) -> None:
        per_unit = self._units(event.symbol)
        order, time, quantity = order_uuid(event.order_id), moment(event.time), units(event.lots, per_unit)
        price, fee = number(event.price), number(event.fee)
        self._add(
            _INSERT_FILL,
            (
                *(event.filled_lots, self._account, self._run_id, seq, time, moment(event.bar_time), event.symbol),
                *(event.strategy, event.side.name.lower(), quantity, event.lots, price, fee, event.reason, order),
            ),
        )
        row = {"order_id": order, "time": time, "fee": fee, "price": price, "quantity": quantity, "filled_lots": event.filled_lots}
        self._add(_FILL_ORDER, row)
        held = self.positions.get(event.symbol, Position())
        self._put(event.symbol, apply_fill(held, event.side, event.lots, event.price, event.fee, per_unit).position, event.time)
        self.prices[event.symbol] = event.price

    def _action(self, seq: int, event: CorporateActionApplied) -> None:
        del seq
        action = event.action
        if action.action == "delisting":
            self._put(action.symbol, Position(), event.time)
        if action.action != "split":
            return
        ratio = {"ratio": action.value, "exactly": number(action.value), "hair": _HAIR}
        self._add(_SPLIT_ORDERS, {"account": self._account, "symbol": action.symbol, **ratio})
        held = self.positions.get(action.symbol)
        if held is not None:
            split = apply_split(held, action.value, event.opening_price, self._units(action.symbol))
            self.prices[action.symbol] /= action.value
            self._put(action.symbol, split.position, event.time)

    def _marked(self, seq: int, event: EquityMarked) -> None:
        del seq
        money = number(event.equity), number(event.cash)
        self._add(_PUT_EQUITY, (self._run_id, moment(event.time), *money, moment(event.bar_time)))

    def _put(self, symbol: str, position: Position, time: int) -> None:
        self.positions[symbol] = position
        self._changed[symbol] = time
