"""The simulated broker: fills orders by the fill model on bars; its book is the engine's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.events import BarsOpened, OrderAccepted, OrderCancelled, OrderFilled, OrderRefused, OrderRequested
from domain.market import Side
from domain.rules.accounting import value_of
from domain.rules.fills import simulate_fill, volume_allowance
from domain.rules.limits import Breach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.engine import Engine
    from domain.events import BarsClosed, JournalEvent
    from domain.market import Bar
    from domain.orders import Order
    from domain.run import RunSpec


class PaperBroker:
    """An exchange that knows whole bars and fills by the rules of ``domain.rules.fills``."""

    def __init__(self, spec: RunSpec) -> None:
        self._costs = spec.costs
        self._shares = {instrument.symbol: spec.volume_share(instrument) for instrument in spec.instruments}
        self._lots_per_unit = {instrument.symbol: instrument.lots_per_unit for instrument in spec.instruments}

    def step(self, engine: Engine, event: BarsOpened | BarsClosed) -> list[JournalEvent]:
        """Give ``event`` to the engine, answer its orders, and return all that followed, in order."""
        out = engine.handle(event)
        if type(event) is BarsOpened:
            if engine.working:
                for answer in self._fills(engine, event):
                    out += engine.handle(answer)
        elif len(out) > 1:
            for request in [request for request in out if type(request) is OrderRequested]:
                out += engine.handle(OrderAccepted(event.time, request.order_id, request.order_id))
        return out

    def _fills(self, engine: Engine, event: BarsOpened) -> Iterator[OrderFilled | OrderCancelled | OrderRefused]:
        """Yield what the opening does to open orders: sells before buys, each in code-point order of symbols."""
        for side in (Side.SELL, Side.BUY):
            for bar in event.bars:
                order = engine.working.get(bar.symbol)
                if order is not None and order.side == side:
                    yield from self._fill(engine, order, bar, event.time)

    def _fill(self, engine: Engine, order: Order, bar: Bar, time: int) -> Iterator[OrderFilled | OrderCancelled | OrderRefused]:
        units = self._lots_per_unit[bar.symbol]
        allowance = volume_allowance(bar.volume, self._shares[bar.symbol], units)
        fill = simulate_fill(order.side, order.open_lots, bar.open, allowance, engine.portfolio.cash, self._costs, units)
        if fill.lots:
            yield OrderFilled(
                time,
                order.order_id,
                order.symbol,
                order.strategy,
                order.side,
                fill.lots,
                fill.price,
                fill.fee,
                order.reason,
                order.filled_lots + fill.lots,
                bar.time,
            )
        if fill.cut_lots:
            yield OrderCancelled(time, order.order_id)
            value = value_of(fill.cut_lots, fill.price, units)
            yield OrderRefused(
                time,
                order.symbol,
                order.strategy,
                order.side,
                fill.cut_lots,
                Breach.CASH.code,
                value,
                engine.portfolio.cash,
                bar.time,
            )
