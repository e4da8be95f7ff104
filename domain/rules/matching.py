"""Orders against the path of a bar: the opening point, the way through its extremes, the close."""

from dataclasses import dataclass
from math import inf, nan
from typing import Any, Final, NamedTuple

from domain.rules.accounting import Position, apply_fill, value_of
from domain.rules.book import Book, copy_orders, fit_exits, pass_point, protect, relatives_after_fill, take_lots, withdraw
from domain.rules.chance import NO_CHANCE, Chance, draw
from domain.rules.costs import Costs, Levies, Liquidity
from domain.rules.exits import PROTECTIVE, ExitRules, Grid, half_tick, trailing_price
from domain.rules.fills import (
    Fill,
    OrderType,
    PathMode,
    TimeInForce,
    limit_is_met,
    limit_is_touched,
    limit_price,
    simulate_fill,
    simulate_market_fill,
    stop_is_met,
    stop_point,
)
from domain.rules.rule import rule

_MARKET: Final = OrderType.MARKET.value
_LIMIT: Final = OrderType.LIMIT.value
_STOP: Final = OrderType.STOP.value
_STOP_LIMIT: Final = OrderType.STOP_LIMIT.value
_TRAILING: Final = OrderType.TRAILING_STOP.value
_ON_CLOSE: Final = OrderType.MARKET_ON_CLOSE.value
_IOC: Final = TimeInForce.IOC.value
_FOK: Final = TimeInForce.FOK.value
_DAY: Final = TimeInForce.DAY.value

NONE: Final = -1

type Numbers = Any
"""A column of numbers that is read by place."""


class Range(NamedTuple):
    """The prices of a bar."""

    open: float
    high: float
    low: float
    close: float


class FinerBars(NamedTuple):
    """Columns of bars that bars consist of."""

    open: Numbers
    high: Numbers
    low: Numbers
    close: Numbers
    volume: Numbers


class Terms(NamedTuple):
    """What holds for every fill of a symbol in a bar.

    ``cash_account`` forbids to spend what is not there; without ``shorts`` nothing is sold that is not held. ``chance`` is that of
    touched limits.
    """

    costs: Costs
    levies: Levies
    liquidity: Liquidity
    lots_per_unit: int
    grid: Grid
    exits: ExitRules
    cash_account: bool
    shorts: bool = False
    chance: Chance = NO_CHANCE


class Trading(NamedTuple):
    """Where a symbol stands on its way through a bar: its position, the account's cash, lots the volume still allows.

    ``fills`` counts the rows of the tape.
    """

    position: Position
    cash: float
    allowance: int
    fills: int


@dataclass(slots=True)
class TapeRow:
    """A fill of the order at the place ``slot``; ``cut`` lots were withdrawn for want of cash or of a position to sell.

    ``left`` lots of the order stay open. ``point`` is the market's price, before spread and slippage; ``cash`` what the account has
    after it.
    """

    slot: int = 0
    side: int = 0
    reason: int = 0
    lots: int = 0
    point: float = 0.0
    price: float = 0.0
    fee: float = 0.0
    cut: int = 0
    left: int = 0
    cash: float = 0.0


type Tape = Any
"""The fills of a bar in order: a list of ``TapeRow``, in kernels an array of records; always longer than what can fill."""


class Walk(NamedTuple):
    """A bar walked: where it left the symbol, whether the way decided, and the equity that either way gives (NaN: one way)."""

    trading: Trading
    ambiguous: bool
    high_first: float
    low_first: float


@rule
def is_met(book: Book, slot: int, point: float, grid: Grid) -> bool:
    """Return whether an order would act at ``point``: a market order at once, a stop at or through, a limit traded through.

    A limit that is drawn to fill where it is touched acts there.
    """
    kind = book[slot].kind
    if kind == _MARKET:
        return True
    if kind == _LIMIT and book[slot].touched != 0:
        return limit_is_touched(book[slot].side, book[slot].limit, point)
    if kind == _LIMIT:
        return limit_is_met(book[slot].side, book[slot].limit, point, half_tick(book[slot].limit, grid))
    if kind == _ON_CLOSE:
        return False
    return stop_is_met(book[slot].side, book[slot].stop, point)


@rule
def price_met(book: Book, slot: int, begin: float, end: float, grid: Grid) -> float:
    """Return where an order acts while the price moves from ``begin`` to ``end``, NaN where it does not.

    Market orders act at an opening alone, so never here; those that a stop became are filled where it was met.
    """
    kind = book[slot].kind
    if kind in (_MARKET, _ON_CLOSE):
        return nan
    if not (is_met(book, slot, begin, grid) or is_met(book, slot, end, grid)):
        return nan
    if kind == _LIMIT:
        return limit_price(book[slot].side, book[slot].limit, begin)
    return stop_point(book[slot].side, book[slot].stop, begin)


@rule
def next_to_act(book: Book, first: int, last: int, begin: float, end: float, allowance: int, grid: Grid) -> tuple[int, float]:
    """Return the order that acts first on the way from ``begin`` to ``end`` and the price there; NONE where none does."""
    chosen, at, way = NONE, end, abs(end - begin)
    for slot in range(first, last):
        if book[slot].lots <= 0 or (allowance == 0 and book[slot].kind == _LIMIT):
            continue
        price = price_met(book, slot, begin, end, grid)
        if price == price and (chosen == NONE or abs(price - begin) < way):  # noqa: PLR0124 - not NaN
            chosen, at, way = slot, price, abs(price - begin)
    return chosen, at


@rule
def act(book: Book, first: int, last: int, slot: int, point: float, trading: Trading, terms: Terms, tape: Tape) -> Trading:
    """Let the order at ``slot`` act at ``point``: a stop turns into the order it triggers, which fills as far as it can."""
    kind = book[slot].kind
    if kind == _STOP_LIMIT:
        book[slot].kind = _LIMIT
        return trading
    if kind in (_STOP, _TRAILING):
        book[slot].kind = _MARKET
    side, lots = book[slot].side, book[slot].lots
    cash = trading.cash if terms.cash_account else inf
    cut = 0
    if not terms.shorts and side < 0 and lots > trading.position.lots:
        most = trading.position.lots if trading.position.lots > 0 else 0
        cut, lots = lots - most, most
    if book[slot].kind == _LIMIT:
        price = limit_price(side, book[slot].limit, point)
        fill = simulate_fill(side, lots, price, trading.allowance, cash, terms.costs, terms.levies, terms.lots_per_unit)
    else:
        fill = simulate_market_fill(
            side, lots, point, trading.allowance, cash, terms.costs, terms.levies, terms.liquidity, terms.lots_per_unit
        )
    cut += fill.cut_lots
    if book[slot].force == _FOK and fill.lots < book[slot].lots:
        if trading.allowance < book[slot].lots:  # the market did not have it: nobody refused anything
            withdraw(book[slot])
            return trading
        fill, cut = Fill(0, fill.price, 0.0, 0), book[slot].lots
    fills = trading.fills
    if fill.lots > 0 or cut > 0:
        row = tape[fills]
        row.slot, row.lots, row.cut, row.point, row.price, row.fee = slot, fill.lots, cut, point, fill.price, fill.fee
        row.side, row.reason = side, book[slot].reason
        row.left, row.cash = book[slot].lots - fill.lots - cut, trading.cash
        fills += 1
    take_lots(book[slot], fill.lots + cut)
    if fill.lots == 0:
        return Trading(trading.position, trading.cash, trading.allowance, fills)
    booking = apply_fill(trading.position, side, fill.lots, fill.price, fill.fee, terms.lots_per_unit)
    tape[trading.fills].cash = trading.cash + booking.cash
    relatives_after_fill(book, first, last, slot, fill.lots, point, terms.grid)
    fit_exits(book, first, last, booking.position.lots)
    if last - first >= PROTECTIVE:
        protect(book, first, trading.position.lots, booking.position, point, terms.exits, terms.grid)
    return Trading(booking.position, trading.cash + booking.cash, trading.allowance - fill.lots, fills)


@rule
def draw_touches(book: Book, first: int, last: int, chance: Chance) -> None:
    """Draw which limits fill in this bar where they are only touched; the ordinal of an order is its place."""
    if chance.probability > 0.0:
        for slot in range(first, last):
            book[slot].touched = 1 if draw(chance, slot - first) < chance.probability else 0


@rule
def match_opening(
    book: Book, first: int, last: int, side: int, point: float, trading: Trading, terms: Terms, tape: Tape
) -> Trading:
    """Let every order of ``side`` that the opening meets act there: market orders, gapped stops, limits in our favour."""
    draw_touches(book, first, last, terms.chance)
    for slot in range(first, last):
        while book[slot].lots > 0 and book[slot].side == side and is_met(book, slot, point, terms.grid):
            kind = book[slot].kind
            if trading.allowance == 0 and kind in (_MARKET, _LIMIT):
                break
            trading = act(book, first, last, slot, point, trading, terms, tape)
            if book[slot].kind == kind:
                break
    return trading


@rule
def alert_band(book: Book, first: int, last: int) -> tuple[float, float]:
    """Return the lowest and the highest price between which no resting order can act, follow or end.

    A bar whose range lies strictly inside needs no look at the orders.
    """
    lowest, highest = -inf, inf
    for slot in range(first, last):
        order = book[slot]
        if order.lots <= 0:
            continue
        if order.kind in (_MARKET, _ON_CLOSE) or order.force != TimeInForce.GTC.value:
            return inf, -inf
        below = order.stop if order.side < 0 else (order.watermark if order.kind == _TRAILING else -inf)
        above = order.stop if order.side > 0 else (order.watermark if order.kind == _TRAILING else inf)
        if order.kind == _LIMIT:
            below, above = (order.limit, inf) if order.side > 0 else (-inf, order.limit)
        lowest = below if below > lowest else lowest
        highest = above if above < highest else highest
    return lowest, highest


@rule
def end_opening(book: Book, first: int, last: int) -> None:
    """Withdraw what the opening left of orders that wait for nothing later."""
    for slot in range(first, last):
        if book[slot].force in (_IOC, _FOK) and book[slot].parent < 0:
            withdraw(book[slot])


@rule
def end_session(book: Book, first: int, last: int) -> None:
    """Withdraw the orders that are good for the session."""
    for slot in range(first, last):
        if book[slot].force == _DAY:
            withdraw(book[slot])


@rule
def walk_leg(book: Book, first: int, last: int, begin: float, end: float, trading: Trading, terms: Terms, tape: Tape) -> Trading:
    """Take the price from ``begin`` to ``end`` in a straight line; each order acts where the price meets it."""
    point = begin
    pass_point(book, first, last, point, terms.grid)
    while True:
        slot, price = next_to_act(book, first, last, point, end, trading.allowance, terms.grid)
        if slot == NONE:
            break
        point = price
        pass_point(book, first, last, point, terms.grid)
        trading = act(book, first, last, slot, point, trading, terms, tape)
    pass_point(book, first, last, end, terms.grid)
    return trading


@rule
def walk_way(
    book: Book, first: int, last: int, bar: Range, high_first: bool, trading: Trading, terms: Terms, tape: Tape
) -> Trading:
    """Take the price from the open through both extremes to the close, the high or the low first."""
    one, other = (bar.high, bar.low) if high_first else (bar.low, bar.high)
    trading = walk_leg(book, first, last, bar.open, one, trading, terms, tape)
    trading = walk_leg(book, first, last, one, other, trading, terms, tape)
    return walk_leg(book, first, last, other, bar.close, trading, terms, tape)


@rule
def could_act(book: Book, slot: int, bar: Range, grid: Grid) -> bool:
    """Return whether an order meets a price of the bar on one of its ways."""
    if book[slot].lots <= 0 or book[slot].kind in (_MARKET, _ON_CLOSE):
        return False
    if is_met(book, slot, bar.low, grid) or is_met(book, slot, bar.high, grid):
        return True
    if book[slot].kind != _TRAILING:
        return False
    side = book[slot].side
    best, worst = (bar.high, bar.low) if side < 0 else (bar.low, bar.high)
    return stop_is_met(side, trailing_price(side, best, book[slot].trail, grid), worst)


@rule
def equity_of(trading: Trading, close: float, lots_per_unit: int) -> float:
    """Return the cash and the position at the close: what tells two ways apart."""
    return trading.cash + value_of(trading.position.lots, close, lots_per_unit)


@rule
def walk_bar(
    book: Book,
    first: int,
    last: int,
    bar: Range,
    mode: int,
    trading: Trading,
    terms: Terms,
    tape: Tape,
    spare: Book,
    spare_tape: Tape,
) -> Walk:
    """Walk a bar from its opening point to its close in the way that ``mode`` says.

    ``WORST`` walks both ways where an order could act and keeps the one with the lower equity, O-H-L-C where they are equal; the
    bar is ambiguous where several orders could act or the ways differ. So does ``FINER``, for a bar without finer ones. ``spare``
    and ``spare_tape`` are room for the other way.
    """
    draw_touches(book, first, last, terms.chance)
    able = 0
    for slot in range(first, last):
        if could_act(book, slot, bar, terms.grid):
            able += 1
    if able == 0:
        pass_point(book, first, last, bar.high, terms.grid)
        pass_point(book, first, last, bar.low, terms.grid)
        return Walk(trading, False, nan, nan)
    if mode not in (PathMode.WORST.value, PathMode.FINER.value):
        high_first = mode == PathMode.OHLC.value
        if mode == PathMode.NEAREST.value:
            high_first = bar.high - bar.open <= bar.open - bar.low
        return Walk(walk_way(book, first, last, bar, high_first, trading, terms, tape), False, nan, nan)
    copy_orders(book, first, last, spare, 0)
    high = walk_way(book, first, last, bar, True, trading, terms, tape)
    low = walk_way(
        spare, 0, last - first, bar, False, Trading(trading.position, trading.cash, trading.allowance, 0), terms, spare_tape
    )
    high_equity, low_equity = equity_of(high, bar.close, terms.lots_per_unit), equity_of(low, bar.close, terms.lots_per_unit)
    ambiguous = able > 1 or high_equity != low_equity
    if not low_equity < high_equity:
        return Walk(high, ambiguous, high_equity, low_equity)
    copy_orders(spare, 0, last - first, book, first)
    for index in range(low.fills):
        copied, row = tape[trading.fills + index], spare_tape[index]
        copied.side, copied.reason = row.side, row.reason
        copied.slot, copied.lots, copied.cut, copied.left = row.slot + first, row.lots, row.cut, row.left
        copied.point, copied.price, copied.fee, copied.cash = row.point, row.price, row.fee, row.cash
    return Walk(Trading(low.position, low.cash, low.allowance, trading.fills + low.fills), ambiguous, high_equity, low_equity)


@rule
def walk_finer(
    book: Book,
    first: int,
    last: int,
    finer: FinerBars,
    begin: int,
    end: int,
    trading: Trading,
    terms: Terms,
    tape: Tape,
    spare: Book,
    spare_tape: Tape,
) -> Walk:
    """Walk a bar through the finer ones from ``begin`` to ``end`` (exclusive), each by its worse way.

    The first one's opening is the bar's, which is matched before; at each later one the orders that its opening meets act, sells
    first, as at any opening. Nothing happens in one without volume. The equities are those at the close of the last ambiguous one.
    """
    ambiguous, high_first, low_first = False, nan, nan
    for index in range(begin, end):
        if finer.volume[index] <= 0.0:
            continue
        if index > begin:
            for side in (-1, 1):
                trading = match_opening(book, first, last, side, finer.open[index], trading, terms, tape)
        bar = Range(finer.open[index], finer.high[index], finer.low[index], finer.close[index])
        walk = walk_bar(book, first, last, bar, PathMode.WORST.value, trading, terms, tape, spare, spare_tape)
        trading = walk.trading
        if walk.ambiguous:
            ambiguous, high_first, low_first = True, walk.high_first, walk.low_first
    return Walk(trading, ambiguous, high_first, low_first)


@rule
def match_close(book: Book, first: int, last: int, side: int, close: float, trading: Trading, terms: Terms, tape: Tape) -> Trading:
    """Fill the market-on-close orders of ``side`` at the session's last price; what is left of them is withdrawn."""
    for slot in range(first, last):
        if book[slot].lots > 0 and book[slot].kind == _ON_CLOSE and book[slot].side == side:
            trading = act(book, first, last, slot, close, trading, terms, tape)
            withdraw(book[slot])
    return trading
