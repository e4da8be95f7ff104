"""What happened, in the past tense.

Every event is a tagged struct, so that a journal record decodes to the event that was written. The engine takes market and
broker events in and returns the events that follow; folding the journalled ones restores its state. Times are UTC
microseconds; ``reason`` and ``breach`` are the codes of ``rules.fills.Reason`` and ``rules.limits.Breach``. ``FROM_MARKET``
come from a feed and are never journalled: the bars themselves are stored.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.market import Bar, CorporateAction, Side  # noqa: TC001 - msgspec reads the annotations when it decodes


class Event(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Something that happened at ``time``."""

    time: int


class DoubtedBar(msgspec.Struct, frozen=True, gc=False):
    """The bar of ``symbol`` is improbable: what was measured in it, and the bound of what is usual."""

    symbol: str
    value: float
    bound: float


class BarsOpened(Event, frozen=True, gc=False):
    """These bars open at ``time``; ``actions`` take effect before the open, in order.

    The bars are whole because a simulated exchange needs their volume and path; the engine looks at nothing but the opens.
    ``session`` is the session date they belong to, in days since 1970. Nothing may be opened on ``doubted`` bars.
    """

    bars: tuple[Bar, ...]
    actions: tuple[CorporateAction, ...] = ()
    session: int = 0
    doubted: tuple[DoubtedBar, ...] = ()


class BarsClosed(Event, frozen=True, gc=False):
    """All bars that end at ``time``; ``session`` is the session date they belong to, in days since 1970.

    ``actions`` are the delistings of symbols whose last bar is among them. No entry may follow from ``doubted`` ones.
    """

    session: int
    bars: tuple[Bar, ...]
    actions: tuple[CorporateAction, ...] = ()
    doubted: tuple[DoubtedBar, ...] = ()


class RunStarted(Event, frozen=True):
    """A run began to trade ``account`` with ``cash``; ``first_bar`` is where its indicators start."""

    account: str
    run_id: str
    cash: float
    first_bar: int | None
    configuration: str


class SignalRaised(Event, frozen=True, gc=False):
    """The standing target of ``symbol`` changed at the close of the bar starting at ``bar_time``."""

    bar_time: int
    symbol: str
    strategy: str
    target: float


class OrderRequested(Event, frozen=True, gc=False):
    """The engine wants ``lots`` of ``symbol``; committed before anybody hears of it.

    ``price`` is that of a limit, ``stop`` that of a stop, ``trail`` the fraction a trailing stop keeps from its ``watermark``.
    ``place`` is the order's among the resting orders of its symbol, -1 for one that a target asked for; ``parent`` and ``group``
    as in ``domain.rules.book``.
    """

    order_id: str
    symbol: str
    strategy: str
    side: Side
    lots: int
    order_type: str
    price: float | None
    time_in_force: str
    reason: str
    bar_time: int
    stop: float | None = None
    trail: float = 0.0
    watermark: float = 0.0
    place: int = -1
    parent: int = -1
    group: int = 0
    tag: int = 0


class OrderAmended(Event, frozen=True, gc=False):
    """An open order is another one now: what it waits for, its ``lots`` in all, or the type a stop turned into.

    ``entering`` of the open lots enter a position, None where as many as before do, at most all.
    """

    order_id: str
    order_type: str
    lots: int
    price: float | None = None
    stop: float | None = None
    watermark: float = 0.0
    parent: int = -1
    entering: int | None = None


class OrderRefused(Event, frozen=True, gc=False):
    """``lots`` of an order were not placed: ``breach``, the value it had and the bound it met."""

    symbol: str
    strategy: str
    side: Side
    lots: int
    breach: str
    value: float
    bound: float
    bar_time: int


class OrderAccepted(Event, frozen=True, gc=False):
    """The broker holds the order."""

    order_id: str
    broker_order_id: str = ""


class OrderRejected(Event, frozen=True, gc=False):
    """The broker does not take the order, finally."""

    order_id: str
    breach: str
    message: str = ""


class OrderCancelled(Event, frozen=True, gc=False):
    """What was open of the order is withdrawn."""

    order_id: str


class OrderFilled(Event, frozen=True, gc=False):
    """``lots`` of the order traded at ``price``; ``filled_lots`` is the order's total after it.

    ``bar_time`` is the start of the bar filled on. ``point`` is the market's price before spread and slippage, 0 where nobody
    tells; ``open_lots`` are left of the order.
    """

    order_id: str
    symbol: str
    strategy: str
    side: Side
    lots: int
    price: float
    fee: float
    reason: str
    filled_lots: int
    bar_time: int
    point: float = 0.0
    open_lots: int = 0


class BarAmbiguous(Event, frozen=True, gc=False):
    """The order of a bar's extremes decided: cash and position at its close either way; the lower one was booked."""

    symbol: str
    high_first: float
    low_first: float
    bar_time: int


class BorrowCharged(Event, frozen=True, gc=False):
    """The shares of a short position of ``lots`` were borrowed over ``days`` calendar days for ``fee``."""

    symbol: str
    lots: int
    days: int
    fee: float


class MarginCalled(Event, frozen=True, gc=False):
    """The equity is below what the positions ask for: entries are withdrawn, positions reduced at the next opening."""

    equity: float
    required: float


class CorporateActionApplied(Event, frozen=True, gc=False):
    """A corporate action reached the books: lots after it, cash that came with it.

    A dividend with a pay date brings its cash with the ``payment`` of that date. A split also scales open orders; its
    ``opening_price`` is that of the bar, that of a delisting the price at which the position was settled.
    """

    action: CorporateAction
    lots_before: int
    lots_after: int
    cash: float
    bar_time: int
    opening_price: float = 0.0


class EquityMarked(Event, frozen=True, gc=False):
    """Equity and cash after the bars starting at ``bar_time`` closed."""

    bar_time: int
    session: int
    equity: float
    cash: float


class LimitBreached(Event, frozen=True, gc=False):
    """A limit on the account's state began to refuse entries."""

    breach: str
    value: float
    bound: float


class TradingHalted(Event, frozen=True):
    """Entries are refused until a person resumes."""

    reason: str


class TradingResumed(Event, frozen=True):
    """A person lifted the halt; the drawdown counts from here."""

    reason: str


class RunFinished(Event, frozen=True):
    """The feed of the run ended or the run was stopped for good."""

    reason: str


type MarketEvent = BarsOpened | BarsClosed
type JournalEvent = (
    RunStarted
    | SignalRaised
    | OrderRequested
    | OrderAmended
    | OrderRefused
    | OrderAccepted
    | OrderRejected
    | OrderCancelled
    | OrderFilled
    | BarAmbiguous
    | BorrowCharged
    | MarginCalled
    | CorporateActionApplied
    | EquityMarked
    | LimitBreached
    | TradingHalted
    | TradingResumed
    | RunFinished
)

FROM_MARKET: Final = (BarsOpened, BarsClosed)
