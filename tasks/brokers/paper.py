"""The simulated broker: fills orders by the fill model on bars; its book is the engine's."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.engine import amendment
from domain.events import (
    BarAmbiguous,
    BarsOpened,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    OrderRequested,
)
from domain.finer import finer_columns
from domain.market import AssetClass, Side
from domain.regulation import regulatory_rows
from domain.resting import differs, is_dormant, rows_of
from domain.rules.accounting import value_of
from domain.rules.book import RestingOrder, release
from domain.rules.costs import ANY_LIQUIDITY, NO_LEVIES, Levies, Liquidity
from domain.rules.fills import OrderType, TimeInForce, simulate_market_fill, volume_allowance
from domain.rules.limits import Breach
from domain.rules.matching import (
    FinerBars,
    Range,
    TapeRow,
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
from domain.rules.planning import Shorting
from domain.rules.regulatory import row_in_force
from domain.sessions import ends_session, outlives_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.engine import Engine
    from domain.events import BarsClosed, JournalEvent
    from domain.market import Bar
    from domain.orders import Order
    from domain.run import RunSpec
    from domain.timeline import History

type Flows = Mapping[tuple[str, int], Liquidity]
"""Volatility and volume known before each bar, by symbol and start of the bar."""


class Finer(NamedTuple):
    """Finer bars, and where those of each bar begin and end, by symbol and start of the bar."""

    columns: FinerBars
    places: Mapping[tuple[str, int], tuple[int, int]]

    @classmethod
    def of(cls, history: History) -> Finer | None:
        """Return the finer bars of a history, None where it has none."""
        if not history.finer:
            return None
        columns, places = finer_columns(history)
        keys = [(bars.symbol, time) for bars in history.bars for time in bars.time.tolist()]
        lists = FinerBars(*(column.tolist() for column in columns))
        return cls(lists, dict(zip(keys, map(tuple, places.tolist()), strict=True)))


_SELLS_FIRST = (Side.SELL, Side.BUY)
_DAY, _ON_CLOSE = TimeInForce.DAY.code, OrderType.MARKET_ON_CLOSE.code

type Answer = OrderFilled | OrderCancelled | OrderRefused | BarAmbiguous


class PaperBroker:
    """An exchange that knows whole bars and fills by the rules of ``domain.rules``.

    ``flows`` is what market impact depends on, needed where the costs have one; ``finer`` the bars that bars are walked by.
    """

    def __init__(self, spec: RunSpec, flows: Flows | None = None, finer: Finer | None = None) -> None:
        self._spec = spec
        self._costs = spec.costs
        self._flows = flows or {}
        self._finer = finer
        self._terms = {assignment.symbol: spec.terms(index) for index, assignment in enumerate(spec.assignments)}
        equities = {one.symbol for one in spec.instruments if one.asset_class is AssetClass.EQUITY}
        self._levied = equities if spec.regulatory_fees else set()
        self._fees = regulatory_rows() if spec.regulatory_fees else None
        self._levies, self._levies_of = NO_LEVIES, -1
        self._calendars = {one.symbol: one.calendar for one in spec.instruments}
        self._bands: dict[str, tuple[list[Order], float, float]] = {}

    def step(self, engine: Engine, event: BarsOpened | BarsClosed) -> list[JournalEvent]:
        """Give ``event`` to the engine, answer its orders, and return all that followed, in order."""
        if type(event) is BarsOpened:
            out = engine.handle(event)
            if engine.orders:
                self._open(engine, event, out)
            return out
        filled = self._close(engine, event) if engine.resting else None  # type: ignore[arg-type]  # what is left is a close
        answered = engine.close(event)  # type: ignore[arg-type]  # as above
        if len(answered) > 1:
            self._accept(engine, answered, event.time)
        return filled + answered if filled else answered

    def _close(self, engine: Engine, event: BarsClosed) -> list[JournalEvent]:
        """Walk the bars of symbols with resting orders from their openings to their closes."""
        out: list[JournalEvent] = []
        for bar in event.bars:
            if self._meets(engine, bar, bar.low, bar.high):
                self._walk(engine, bar, event, out)
        self._end_session(engine, event, out)
        return out

    def _accept(self, engine: Engine, out: list[JournalEvent], time: int) -> None:
        """Accept the orders among ``out``: the paper broker's book is the engine's."""
        for request in [event for event in out if type(event) is OrderRequested and event.order_id in engine.orders]:
            out += engine.handle(OrderAccepted(time, request.order_id, request.order_id))

    def _tell(self, engine: Engine, answer: Answer, out: list[JournalEvent]) -> None:
        """Give the engine an answer and accept the orders that follow from it."""
        followed = engine.handle(answer)  # type: ignore[arg-type]  # an ambiguity is for the record
        if len(followed) > 1:
            self._accept(engine, followed, answer.time)
        out += followed

    # The opening

    def _open(self, engine: Engine, event: BarsOpened, out: list[JournalEvent]) -> None:
        """Fill what the opening meets: sells before buys, each in code-point order of symbols."""
        working, resting = engine.working, engine.resting
        bars = [bar for bar in event.bars if bar.symbol in working or bar.symbol in resting]
        for bar in bars if resting else ():
            if bar.symbol in resting and self._outlives_session(engine, bar):
                rows = rows_of(resting[bar.symbol])
                end_session(rows, 0, len(rows))
                self._report(engine, bar, event.time, rows, [], out)
        for side in _SELLS_FIRST:
            for bar in bars:
                order = working.get(bar.symbol)
                if order is not None and order.side == side:
                    self._fill_target(engine, order, bar, event, out)
                if resting and self._meets(engine, bar, bar.open, bar.open):
                    self._match_opening(engine, bar, side, event, out)
        if not resting:
            return
        for bar in bars:
            if self._meets(engine, bar, bar.open, bar.open):
                rows = rows_of(engine.resting[bar.symbol])
                end_opening(rows, 0, len(rows))
                self._report(engine, bar, event.time, rows, [], out)

    def _fill_target(self, engine: Engine, order: Order, bar: Bar, event: BarsOpened, out: list[JournalEvent]) -> None:
        units, lots = self._terms[bar.symbol].lots_per_unit, order.open_lots
        cash = inf if self._spec.margin else engine.portfolio.cash
        allowance, levies, flow = self._allowance(engine, bar), self._levies_for(bar, event.session), self._flow(bar)
        filled, price, fee, cut = simulate_market_fill(
            order.side, lots, bar.open, allowance, cash, self._costs, levies, flow, units
        )
        if filled:
            self._tell(engine, _filled(order, event.time, bar, filled, bar.open, price, fee, lots - filled - cut), out)
        if cut:
            self._tell(engine, OrderCancelled(event.time, order.order_id), out)
            value = value_of(cut, price, units)
            self._tell(engine, _refused(engine, order, event.time, bar, cut, value, Breach.CASH), out)

    def _match_opening(self, engine: Engine, bar: Bar, side: Side, event: BarsOpened, out: list[JournalEvent]) -> None:
        rows, terms = rows_of(engine.resting[bar.symbol]), self._terms_for(bar, event.session)
        tape = _tape(rows)
        trading = match_opening(rows, 0, len(rows), side, bar.open, self._trading(engine, bar), terms, tape)
        self._report(engine, bar, event.time, rows, tape[: trading.fills], out)

    # The way to the close

    def _walk(self, engine: Engine, bar: Bar, event: BarsClosed, out: list[JournalEvent]) -> None:
        rows, terms = rows_of(engine.resting[bar.symbol]), self._terms_for(bar, event.session)
        tape, spare, spare_tape = _tape(rows), [RestingOrder() for _ in rows], _tape(rows)
        prices = Range(bar.open, bar.high, bar.low, bar.close)
        trading = self._trading(engine, bar)
        begin, end = self._finer.places.get((bar.symbol, bar.time), (0, 0)) if self._finer else (0, 0)
        if self._finer is not None and end > begin:
            columns = self._finer.columns
            walk = walk_finer(rows, 0, len(rows), columns, begin, end, trading, terms, tape, spare, spare_tape)
        else:
            walk = walk_bar(rows, 0, len(rows), prices, self._spec.path.value, trading, terms, tape, spare, spare_tape)
        if walk.ambiguous:
            told = BarAmbiguous(event.time, bar.symbol, walk.high_first, walk.low_first, bar.time)
            self._tell(engine, told, out)
        self._report(engine, bar, event.time, rows, tape[: walk.trading.fills], out)

    def _end_session(self, engine: Engine, event: BarsClosed, out: list[JournalEvent]) -> None:
        """Fill market-on-close orders where a bar ends its session, sells first, and withdraw what is good for the day."""
        last = [bar for bar in event.bars if bar.symbol in engine.resting and self._ends_session(engine, bar)]
        for side in _SELLS_FIRST:
            for bar in last:
                if bar.symbol not in engine.resting:
                    continue
                rows, tape = rows_of(engine.resting[bar.symbol]), []
                if not bar.volume <= 0.0:
                    tape, terms = _tape(rows), self._terms_for(bar, event.session)
                    trading = self._trading(engine, bar)
                    tape = tape[: match_close(rows, 0, len(rows), side, bar.close, trading, terms, tape).fills]
                if side is Side.BUY:
                    end_session(rows, 0, len(rows))
                self._report(engine, bar, event.time, rows, tape, out)

    def _ends_session(self, engine: Engine, bar: Bar) -> bool:
        """Return whether a bar ends its session, asked where that means something to an order of its symbol."""
        orders = engine.resting[bar.symbol].values()
        if not any(order.time_in_force == _DAY or order.order_type == _ON_CLOSE for order in orders):
            return False
        return bool(ends_session(np.array([bar.time]), self._spec.timeframe, self._calendars[bar.symbol])[0])

    def _outlives_session(self, engine: Engine, bar: Bar) -> bool:
        """Return whether a bar with orders for the day is the first after a session whose end no bar reached."""
        before, orders = engine.last_bars.get(bar.symbol), engine.resting[bar.symbol].values()
        if before is None or not any(order.time_in_force == _DAY for order in orders):
            return False
        times = np.array([before, bar.time])
        return bool(outlives_session(times, self._spec.timeframe, self._calendars[bar.symbol])[1])

    def _report(
        self, engine: Engine, bar: Bar, time: int, rows: list[RestingOrder], tape: list[TapeRow], out: list[JournalEvent]
    ) -> None:
        """Tell the engine the fills of resting orders, and what became of the orders themselves."""
        for row in tape:
            order = engine.resting[bar.symbol][row.slot]
            if row.lots:
                rest = order.open_lots - row.lots - row.cut
                self._tell(engine, _filled(order, time, bar, row.lots, row.point, row.price, row.fee, rest), out)
            if row.cut:
                value = value_of(row.cut, row.price, self._terms[bar.symbol].lots_per_unit)
                breach = Breach.CASH if order.side > 0 else Breach.SHORT_NOT_ALLOWED
                if row.left == 0 and not is_dormant(rows[row.slot]):  # a child may come to life again
                    self._tell(engine, OrderCancelled(time, order.order_id), out)
                self._tell(engine, _refused(engine, order, time, bar, row.cut, value, breach), out)
        release(rows, 0, len(rows))
        for place, order in list(engine.resting.get(bar.symbol, {}).items()):
            left = rows[place]
            if left.lots == 0 and not is_dormant(left):
                out += engine.handle(OrderCancelled(time, order.order_id))
            elif differs(left, order):
                out += engine.handle(amendment(time, order, left))

    # What the rules need to know

    def _meets(self, engine: Engine, bar: Bar, low: float, high: float) -> bool:
        """Return whether a resting order of a bar that trades could act, follow or end at prices from ``low`` to ``high``.

        The band in which none does stands as long as the orders do: most bars are over with two comparisons.
        """
        symbol = bar.symbol
        if symbol not in engine.resting or bar.volume <= 0.0:
            return False
        orders = list(engine.resting[symbol].values())
        known = self._bands.get(symbol)
        if known is None or known[0] != orders:
            rows = rows_of(engine.resting[symbol])
            known = self._bands[symbol] = (orders, *alert_band(rows, 0, len(rows)))
        return not (low > known[1] and high < known[2])

    def _trading(self, engine: Engine, bar: Bar) -> Trading:
        return Trading(engine.portfolio.position(bar.symbol), engine.portfolio.cash, self._allowance(engine, bar), 0)

    def _allowance(self, engine: Engine, bar: Bar) -> int:
        """Return the lots that may still trade in a bar: what the volume allows less what traded in it."""
        terms = self._terms[bar.symbol]
        allowed = volume_allowance(bar.volume, terms.volume_share, terms.lots_per_unit)
        time, lots = engine.traded.get(bar.symbol, (bar.time, 0))
        return allowed - lots if time == bar.time else allowed

    def _terms_for(self, bar: Bar, session: int) -> Terms:
        terms = self._terms[bar.symbol]
        levies, flow = self._levies_for(bar, session), self._flow(bar)
        shorts = terms.shorting == Shorting.ALLOWED.value
        chance = self._spec.chance(bar.symbol, bar.time)
        return Terms(self._costs, levies, flow, terms.lots_per_unit, terms.grid, terms.exits, not self._spec.margin, shorts, chance)

    def _flow(self, bar: Bar) -> Liquidity:
        return self._flows[bar.symbol, bar.time] if self._costs.impact > 0.0 else ANY_LIQUIDITY

    def _levies_for(self, bar: Bar, session: int) -> Levies:
        """Return what regulators take of sales of the bar's symbol in a session."""
        if self._fees is None or bar.symbol not in self._levied:
            return NO_LEVIES
        if session != self._levies_of:
            row = row_in_force(self._fees.since, session)
            charged = (self._fees.sec_rate, self._fees.taf_rate, self._fees.taf_cap)
            self._levies = NO_LEVIES if row < 0 else Levies(*(float(column[row]) for column in charged))
            self._levies_of = session
        return self._levies


def _tape(rows: list[RestingOrder]) -> list[TapeRow]:
    return [TapeRow() for _ in range(4 * len(rows) + 4)]


def _filled(order: Order, time: int, bar: Bar, lots: int, point: float, price: float, fee: float, rest: int) -> OrderFilled:
    return OrderFilled(
        time,
        order.order_id,
        order.symbol,
        order.strategy,
        order.side,
        lots,
        price,
        fee,
        order.reason,
        order.filled_lots + lots,
        bar.time,
        point,
        rest,
    )


def _refused(engine: Engine, order: Order, time: int, bar: Bar, lots: int, value: float, breach: Breach) -> OrderRefused:
    """Return the refusal of lots that cannot be paid, or are not there to be sold."""
    bound = engine.portfolio.cash if breach is Breach.CASH else 0.0
    return OrderRefused(time, order.symbol, order.strategy, order.side, lots, breach.code, value, bound, bar.time)
