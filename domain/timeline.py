"""The order in which bars open and close, for both drivers."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, overload

import numpy as np
from msgspec import Struct, structs

from domain.errors import InputError
from domain.events import BarsClosed, BarsOpened
from domain.market import Bar
from domain.sessions import instants, session_dates, sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence, Sized

    from numpy.typing import NDArray

    from domain.market import Bars, CorporateAction, Instrument, Timeframe

CLOSE: Final = 0
OPEN: Final = 1
_CHUNK: Final = 16_384


class Columns(NamedTuple):
    """Bars of several symbols, symbol after symbol."""

    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """Raw bars of several instruments, in code-point order of their symbols, and the corporate actions to apply to them.

    ``finer`` are the bars that those of each instrument were made of, where a run walks them. No bar of a symbol lies on or after
    its delisting: nobody could trade there (``tasks.history.until_delisting``).
    """

    instruments: tuple[Instrument, ...]
    bars: tuple[Bars, ...]
    timeframe: Timeframe
    actions: tuple[CorporateAction, ...] = ()
    finer: tuple[Bars, ...] = ()

    @property
    def size(self) -> int:
        """The number of bars of all symbols."""
        return sum(len(bars) for bars in self.bars)

    @cached_property
    def columns(self) -> Columns:
        """The bars of all symbols as one series; those of a single symbol are not copied."""
        return Columns(*columns_of(self.bars, Columns._fields))

    @property
    def first_time(self) -> int:
        """The start of the first bar, in microseconds."""
        return min(int(bars.time[0]) for bars in self.bars if len(bars))

    @property
    def last_time(self) -> int:
        """The start of the last bar, in microseconds."""
        return max(int(bars.time[-1]) for bars in self.bars if len(bars))


@dataclass(frozen=True)
class Schedule:
    """All openings and closings of a history as groups that happen at one instant, closings before openings.

    Bars are numbered through all symbols, symbol after symbol. Group ``g`` is of ``kind[g]`` at ``time[g]`` and holds the bars
    ``bar[start[g]:start[g + 1]]`` in code-point order of their symbols.
    """

    time: NDArray[np.int64]
    kind: NDArray[np.int8]
    start: NDArray[np.int32]
    bar: NDArray[np.int32]
    symbol: NDArray[np.int32]
    session: NDArray[np.int64]

    @cached_property
    def alternates(self) -> bool:
        """Whether each group is one bar that opens and then closes: one symbol whose bars do not overlap."""
        return bool(np.all(self.kind[1::2] == CLOSE)) and len(self.kind) == 2 * len(self.symbol)

    @cached_property
    def closings(self) -> int:
        """The number of groups that close."""
        return int(np.count_nonzero(self.kind == CLOSE))

    @cached_property
    def symbol_at(self) -> NDArray[np.int32]:
        """The symbol of each member of the groups, as ``bar`` is its bar."""
        members: NDArray[np.int32] = self.symbol[self.bar]
        return members

    def closing_bars(self) -> NDArray[np.int32]:
        """Return the first bar of each group that closes: what the points of the equity curve are dated by."""
        bars: NDArray[np.int32] = self.bar[self.start[:-1][self.kind == CLOSE]]
        return bars


def schedule(history: History) -> Schedule:
    """Return the schedule of ``history``; ``symbol`` and ``session`` are by bar number."""
    opens, closes, dates = [], [], []
    calendar, times = "", history.bars[0].time
    for instrument, bars in zip(history.instruments, history.bars, strict=True):
        if instrument.calendar != calendar or not np.array_equal(bars.time, times):  # most have those of the one before
            calendar, times = instrument.calendar, bars.time
            opened, closed = instants(times, history.timeframe, calendar)
            session = _account_sessions(history, bars)
        opens.append(opened)
        closes.append(closed)
        dates.append(session)
    lengths = [len(bars) for bars in history.bars]
    symbol = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    dated = np.concatenate(dates)
    if len(history.bars) == 1 and bool(np.all(opens[0][1:] >= closes[0][:-1])):
        return _alternating(opens[0], closes[0], symbol, dated)
    number = np.arange(len(symbol), dtype=np.int32)
    time = np.concatenate(closes + opens)
    kind = np.repeat(np.array([CLOSE, OPEN], dtype=np.int8), len(symbol))
    order = np.lexsort((kind, time))
    time, kind = time[order], kind[order]
    first = np.flatnonzero(np.r_[True, (time[1:] != time[:-1]) | (kind[1:] != kind[:-1])])
    start = np.r_[first, len(time)].astype(np.int32)
    return Schedule(time[first], kind[first], start, np.concatenate([number, number])[order], symbol, dated)


def _account_sessions(history: History, bars: Bars) -> NDArray[np.int64]:
    """Return the account's session of each bar: that of the calendar, for a mixture the XNYS session it counts to."""
    calendars = {instrument.calendar for instrument in history.instruments}
    if len(calendars) == 1:
        return session_dates(bars.time, history.timeframe, calendars.pop())
    dates = session_dates(bars.time, history.timeframe, "XNYS")
    trading = sessions(int(dates.min()), int(dates.max()) + 7, "XNYS") if len(dates) else dates
    return trading[np.searchsorted(trading, dates)] if len(dates) else dates


def own_sessions(history: History, plan: Schedule) -> NDArray[np.int64]:
    """Return the session of each bar by its own calendar, which in a mixture need not be the account's."""
    if len({instrument.calendar for instrument in history.instruments}) == 1:
        return plan.session
    pairs = zip(history.instruments, history.bars, strict=True)
    return joined([session_dates(bars.time, history.timeframe, instrument.calendar) for instrument, bars in pairs])


def _alternating(
    opens: NDArray[np.int64], closes: NDArray[np.int64], symbol: NDArray[np.int32], session: NDArray[np.int64]
) -> Schedule:
    """Return the schedule of one symbol: each bar opens, then closes."""
    count = len(opens)
    time = np.empty(2 * count, np.int64)
    time[0::2], time[1::2] = opens, closes
    kind = np.tile(np.array([OPEN, CLOSE], dtype=np.int8), count)
    bar = np.repeat(np.arange(count, dtype=np.int32), 2)
    return Schedule(time, kind, np.arange(2 * count + 1, dtype=np.int32), bar, symbol, session)


def actions_by_bar(history: History) -> dict[int, tuple[CorporateAction, ...]]:
    """Return the splits, dividends and payments that take effect before each bar opens, by bar number.

    An action takes effect at its symbol's first bar on or after its ex-date; one on or before the first bar's date is in the
    prices already, one after the last bar never happens here. A dividend with a pay date appears again on that date as
    ``payment``. Within a bar: by date, and of one date splits before dividends before payments.
    """
    order = {"split": 0, "dividend": 1, "payment": 2}

    def placed(action: CorporateAction) -> tuple[str, int]:
        day = action.pay_date if action.action == "payment" and action.pay_date is not None else action.ex_date
        return max(day, action.ex_date), order[action.action]

    found: dict[int, list[CorporateAction]] = {}
    effective = [action for action in history.actions if action.action in order]
    affected = {action.symbol for action in effective}
    offset = 0
    for instrument, bars in zip(history.instruments, history.bars, strict=True):
        if instrument.symbol not in affected or not len(bars):
            offset += len(bars)
            continue
        dates = session_dates(bars.time, history.timeframe, instrument.calendar)
        for action in effective:
            if action.symbol != instrument.symbol:
                continue
            index = _first_bar(dates, action.ex_date)
            if not 0 < index < len(bars):
                continue
            found.setdefault(offset + index, []).append(action)
            if action.action == "dividend" and action.pay_date is not None:
                paid = max(_first_bar(dates, action.pay_date), index)
                if paid < len(bars):
                    found.setdefault(offset + paid, []).append(structs.replace(action, action="payment"))
        offset += len(bars)
    return {bar: tuple(sorted(actions, key=placed)) for bar, actions in found.items()}


def delistings_by_bar(history: History) -> dict[int, CorporateAction]:
    """Return the delistings by the number of the bar at whose close they take effect: the symbol's last before the ex-date."""
    found: dict[int, CorporateAction] = {}
    offset = 0
    for instrument, bars in zip(history.instruments, history.bars, strict=True):
        for action in history.actions:
            if action.action == "delisting" and action.symbol == instrument.symbol:
                after = _first_bar(session_dates(bars.time, history.timeframe, instrument.calendar), action.ex_date)
                if after > 0:
                    found[offset + after - 1] = action
        offset += len(bars)
    return found


def actions_used(history: History) -> list[CorporateAction]:
    """Return the actions that take effect in ``history``, each once, ordered by symbol, date, kind and value."""
    used = {action for actions in actions_by_bar(history).values() for action in actions if action.action != "payment"}
    used.update(delistings_by_bar(history).values())
    return sorted(used, key=lambda action: (action.symbol, action.ex_date, action.action, action.value, action.pay_date or ""))


def merged(actions: Iterable[CorporateAction]) -> tuple[CorporateAction, ...]:
    """Return each action once: equal rows are one, dividends of one day and pay date are added up.

    Raises InputError for two different splits of a symbol on one day: one of them cannot be true.
    """
    found: dict[tuple[str, str, str, str | None], CorporateAction] = {}
    for action in dict.fromkeys(actions):
        key = action.symbol, action.ex_date, action.action, action.pay_date
        standing = found.get(key)
        if standing is not None and action.action != "dividend":
            raise InputError(
                f"{action.symbol} has two different actions {action.action} on {action.ex_date}, {standing.value:g} and "
                f"{action.value:g}: keep the true one"
            )
        found[key] = action if standing is None else structs.replace(action, value=standing.value + action.value)
    return tuple(found.values())


def _first_bar(dates: NDArray[np.int64], date: str) -> int:
    return int(np.searchsorted(dates, np.datetime64(date, "D").astype(np.int64)))


class Closings(NamedTuple):
    """The closes of a run on one symbol, by the number of the bar: what ``BarsClosed`` tells of each, in columns."""

    bar_time: Sequence[int]
    time: Sequence[int]
    session: Sequence[int]
    close: Sequence[float]


class QuietCloses(Struct, frozen=True, gc=False):
    """Closes of one symbol at which nothing can be decided: those of the bars from ``first`` on, up to ``end`` and without it.

    Their bars open with nothing to fill and no corporate action, the first one's opening aside, which was told.
    """

    symbol: str
    closings: Closings
    first: int
    end: int


class Listener(Protocol):
    """Who hears market events and knows of which nothing would come, as an engine does."""

    @property
    def orders(self) -> Sized:
        """What waits for an opening."""
        ...

    def awaits(self) -> Iterable[str]:
        """Return the symbols of those orders."""
        ...

    def quiet_until(self, number: int) -> int:
        """Return the number of the first bar, from ``number`` on, at whose close something may be decided."""
        ...


class _Everything(NamedTuple):
    """Hears everything of all its symbols, as if each had an order."""

    orders: Sequence[str]

    def awaits(self) -> Sequence[str]:
        return self.orders

    def quiet_until(self, number: int) -> int:
        return number


@overload
def market_events(history: History) -> Iterator[BarsOpened | BarsClosed]: ...
@overload
def market_events(
    history: History, listener: Listener | None, plan: Schedule | None = None
) -> Iterator[BarsOpened | BarsClosed | QuietCloses]: ...
def market_events(
    history: History, listener: Listener | None = None, plan: Schedule | None = None
) -> Iterator[BarsOpened | BarsClosed | QuietCloses]:
    """Yield the history as events: in time order, closings before openings at one instant.

    With a ``listener`` openings are told only of symbols for which it has orders, or a corporate action takes effect; of a
    single symbol the closes at which it decides nothing come together. ``plan`` is the history's schedule, where that is known.
    """
    plan = plan or schedule(history)
    effects = _Effects(actions_by_bar(history), {bar: (action,) for bar, action in delistings_by_bar(history).items()})
    alternating = len(history.bars) == 1 and plan.alternates
    heard = listener or _Everything([instrument.symbol for instrument in history.instruments])
    return (_one_symbol if alternating else _several_symbols)(history, plan, effects, heard)


class _Effects(NamedTuple):
    """The actions that take effect before a bar opens, and at its close, by bar number."""

    opening: dict[int, tuple[CorporateAction, ...]]
    closing: dict[int, tuple[CorporateAction, ...]]

    @staticmethod
    def among(effects: dict[int, tuple[CorporateAction, ...]], numbers: NDArray[np.int32]) -> tuple[CorporateAction, ...]:
        """Return the actions of several bars, in their order."""
        return tuple(action for number in numbers.tolist() for action in effects.get(number, ())) if effects else ()


def _one_symbol(
    history: History, plan: Schedule, effects: _Effects, listener: Listener
) -> Iterator[BarsOpened | BarsClosed | QuietCloses]:
    """Yield the events of one symbol, where each bar opens and then closes."""
    series, symbol, orders = history.bars[0], history.instruments[0].symbol, listener.orders
    # A memory view gives a number as Python's own, sooner than an array and without a copy.
    opened, closed, session = memoryview(plan.time[0::2]), memoryview(plan.time[1::2]), memoryview(plan.session)
    start, opens, highs, lows, closes, volumes = [memoryview(column) for column in history.columns]
    closings = Closings(start, closed, session, closes)

    def bars_at(number: int) -> tuple[Bar, ...]:
        bar = Bar(symbol, start[number], opens[number], highs[number], lows[number], closes[number], volumes[number])
        return (bar,)

    opening, closing = effects
    disturbed = sorted({*opening, *closing, len(series)})
    number, count = 0, len(series)
    while number < count:
        bars, before = None, opening.get(number, ())
        if orders or before:
            bars = bars_at(number)
            yield BarsOpened(opened[number], bars, before, session[number])
        quiet = listener.quiet_until(number)
        if quiet > number:
            quiet = min(quiet, disturbed[bisect_left(disturbed, number)], number + _CHUNK)
        if quiet > number:
            yield QuietCloses(symbol, closings, number, quiet)
            number = quiet
            continue
        yield BarsClosed(closed[number], session[number], bars or bars_at(number), closing.get(number, ()))
        number += 1


def _several_symbols(history: History, plan: Schedule, effects: _Effects, listener: Listener) -> Iterator[BarsOpened | BarsClosed]:
    columns, symbols = history.columns, [instrument.symbol for instrument in history.instruments]
    orders, place_of = listener.orders, {symbol: place for place, symbol in enumerate(symbols)}

    def bars(numbers: NDArray[np.int32]) -> Iterator[Bar]:
        names = [symbols[index] for index in plan.symbol[numbers].tolist()]
        return map(Bar, names, *(column[numbers].tolist() for column in columns))

    step = max(1, _CHUNK // len(symbols))
    for low in range(0, len(plan.time), step):
        kind, start = plan.kind[low : low + step], plan.start[low : low + step + 1]
        closes = np.repeat(kind == CLOSE, np.diff(start))
        closed = bars(plan.bar[start[0] : start[-1]][closes])
        times, sessions = plan.time[low : low + step].tolist(), plan.session[plan.bar[start[:-1]]].tolist()
        kinds, bounds = [*kind.tolist(), OPEN], [*pairwise(start.tolist()), (0, 0)]
        coming: tuple[Bar, ...] = ()
        for group, (time, session) in enumerate(zip(times, sessions, strict=True)):
            begin, end = bounds[group]
            numbers = plan.bar[begin:end]
            if kinds[group] == CLOSE:
                ends = effects.among(effects.closing, numbers) if effects.closing else ()
                yield BarsClosed(time, session, coming or tuple(islice(closed, end - begin)), ends)
                coming = ()
                continue
            effective = effects.among(effects.opening, numbers)
            if not (orders or effective):
                continue
            heard = {*listener.awaits(), *(action.symbol for action in effective)}
            if kinds[group + 1] == CLOSE and plan.bar[slice(*bounds[group + 1])].tobytes() == numbers.tobytes():
                coming = tuple(islice(closed, end - begin))  # the bars that open are those that close next
                if len(coming) == len(symbols):  # most instants: a look at each bar would be a tenth of a run
                    told = tuple([coming[place] for place in sorted([place_of[symbol] for symbol in heard])])
                else:
                    told = tuple(bar for bar in coming if bar.symbol in heard)
            else:
                waits = np.zeros(len(symbols), np.bool_)
                waits[[place_of[symbol] for symbol in heard]] = True
                told = tuple(bars(numbers[waits[plan.symbol_at[begin:end]]]))
            if told:
                yield BarsOpened(time, told, effective, session)


def columns_of(bars: Iterable[Bars], names: Iterable[str]) -> list[NDArray[Any]]:
    """Return the named columns of several symbols, each as one; ``joined`` says when without a copy."""
    series = tuple(bars)
    return [joined([getattr(one, name) for one in series]) for name in names]


def joined(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the columns of all symbols as one, without a copy where there is one symbol."""
    return columns[0] if len(columns) == 1 else np.concatenate(columns)
