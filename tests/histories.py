"""Small made-up markets for tests, and every way to run a strategy over one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.engine import Engine
from domain.events import CorporateActionApplied, EquityMarked, OrderFilled, OrderRefused
from domain.ledger import EquityRow, LedgerRow, ledger_row
from domain.liquidity import flows_of
from domain.market import DAY, AssetClass, Bars, CorporateAction, Instrument, Timeframe
from domain.rules.costs import Costs
from domain.rules.sizing import Sizing, SizingRule
from domain.run import Assignment, RunSpec
from domain.strategy import Cancel, Exits, Series, Strategy, View, Wish
from domain.targets import StreamedTargets
from domain.timeline import History, market_events
from tasks.backtest import Refusal, run_events, run_kernel
from tasks.brokers.paper import Finer, PaperBroker
from tasks.market_data.files import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.events import JournalEvent
    from domain.rules.limits import Limits
    from tasks.backtest import Run

TESTS = Path(__file__).parent
DAILY = Timeframe.parse("1d")
HOURLY = Timeframe.parse("1h")
MONDAY = int(np.datetime64("2021-03-01").astype("datetime64[us]").astype(np.int64))
"""2021-03-01 00:00 UTC, a Monday without holidays near it."""

NO_COSTS = Costs(0.0, 0.0)


def quantity(value: float) -> Sizing:
    """Return the sizing ``fixed_quantity:value``."""
    return Sizing(SizingRule.FIXED_QUANTITY.value, value)


def fraction(value: float) -> Sizing:
    """Return the sizing ``fixed_fraction:value``."""
    return Sizing(SizingRule.FIXED_FRACTION.value, value)


@dataclass(frozen=True)
class Scripted(Strategy):
    """Wants what a script says: one word a bar, ``.`` lets the target stand, bars after the script too."""

    script: str = ""

    def target(self, bars: Bars) -> Series:
        """Return the script's numbers."""
        words = [word.replace(".", "nan", 1) if word == "." else word for word in self.script.split()]
        padded = (words + ["nan"] * len(bars))[: len(bars)]
        return np.array([float(word) for word in padded], np.float64)


class Protected(Scripted):
    """A script whose positions have exits."""

    def __init__(self, script: str, exits: Exits) -> None:
        super().__init__(script)
        object.__setattr__(self, "exits", exits)


@dataclass(frozen=True)
class OrderScript(Strategy):
    """Places the orders a script has for each bar."""

    def __init__(self, orders: Mapping[int, Sequence[Wish | Cancel]], exits: Exits = Exits()) -> None:  # noqa: B008 - frozen
        object.__setattr__(self, "orders", orders)
        object.__setattr__(self, "exits", exits)

    def __repr__(self) -> str:
        return f"OrderScript({self.orders!r}, {self.exits!r})"

    def on_bars(self, view: View) -> Sequence[Wish | Cancel]:
        """Return the orders of the bar that closed last."""
        return self.orders.get(len(view.bars) - 1, ())


def market(symbol: str, opens: Sequence[float], closes: Sequence[float] | None = None, **columns: Any) -> Bars:
    """Return bars of ``symbol``: weekdays from MONDAY where daily, else one hour after another; highs and lows just contain both.

    ``highs``, ``lows`` and ``volume`` (default 1e9) are a number or one a bar, ``days`` the days after MONDAY, ``timeframe`` and
    ``start`` as named.
    """
    timeframe: Timeframe = columns.get("timeframe", DAILY)
    opened = np.array(opens, np.float64)
    closed = np.array(opens if closes is None else closes, np.float64)
    count = len(opened)
    days = columns.get("days") or [day for day in range(2 * count + 7) if (day % 7) < 5][:count]
    steps = np.array(days, np.int64) * DAY if timeframe.is_daily else np.arange(count, dtype=np.int64) * timeframe.length
    volume = np.broadcast_to(np.asarray(columns.get("volume", 1e9), np.float64), (count,)).copy()
    time = columns.get("start", MONDAY) + steps
    highs = np.maximum(np.maximum(opened, closed), columns.get("highs", -np.inf))
    lows = np.minimum(np.minimum(opened, closed), columns.get("lows", np.inf))
    return Bars(symbol, timeframe, time, opened, highs, lows, closed, volume)


def history(*bars: Bars, actions: Sequence[CorporateAction] = (), classes: Mapping[str, AssetClass] | None = None) -> History:
    """Return the bars as a history, equities unless ``classes`` says otherwise."""
    ordered = tuple(sorted(bars, key=lambda one: one.symbol))
    instruments = tuple(Instrument.of(one.symbol, (classes or {}).get(one.symbol, AssetClass.EQUITY)) for one in ordered)
    return History(instruments, ordered, ordered[0].timeframe, tuple(actions))


def scripted(past: History, scripts: Mapping[str, str], sizing: Sizing, **options: Any) -> RunSpec:
    """Return the run that follows one script a symbol; without costs, limits and volume rule unless ``options`` say so."""
    strategies = {symbol: Scripted(script) for symbol, script in scripts.items()}
    return run_spec(past, strategies, sizing, **options)


def run_spec(past: History, strategies: Mapping[str, Strategy], sizing: Sizing, **options: Any) -> RunSpec:
    """Return the run of one strategy a symbol over ``past``; ``options`` are those of RunSpec, without costs and volume rule."""
    given = {"initial_cash": options.pop("cash", 100_000.0), "costs": NO_COSTS, "volume_limit": 0.0, **options}
    return RunSpec(
        tuple(Assignment(i.symbol, strategies[i.symbol].strategy_name(), strategies[i.symbol], sizing) for i in past.instruments),
        past.instruments,
        past.timeframe,
        **given,
    )


@dataclass
class Stream:
    """What a run with streamed targets wrote: its journal, and the rows of the contract."""

    engine: Engine
    journal: list[JournalEvent]
    fills: list[LedgerRow]
    equity: list[EquityRow]
    refusals: list[Refusal]


def stream(spec: RunSpec, past: History) -> Stream:
    """Run the engine as live trading does: strategies see each bar as it closes."""
    engine, broker = Engine(spec, "test", StreamedTargets(spec)), PaperBroker(spec, flows_of(past), Finer.of(past))
    journal = [out for event in market_events(past) for out in broker.step(engine, event)]
    units = {instrument.symbol: instrument.lots_per_unit for instrument in spec.instruments}
    rows = [ledger_row(e, units) for e in journal if isinstance(e, OrderFilled | CorporateActionApplied)]
    fills = [row for row in rows if row is not None]
    equity = [EquityRow(e.bar_time, e.equity, e.cash) for e in journal if isinstance(e, EquityMarked)]
    refusals = [Refusal(e.bar_time, e.symbol, e.breach, e.lots, e.value, e.bound) for e in journal if isinstance(e, OrderRefused)]
    return Stream(engine, journal, fills, equity, refusals)


def run_alike(spec: RunSpec, past: History, *, streamed: bool = True) -> Run:
    """Run kernel, engine and, unless told otherwise, the engine on streamed targets; assert that all gave the same, return it."""
    kernel, events = run_kernel(spec, past), run_events(spec, past)
    assert_same(kernel, events)
    if streamed:
        live = stream(spec, past)
        assert kernel.fills == live.fills
        assert list(kernel.equity) == live.equity
        assert kernel.refusals == live.refusals
    return kernel


def run_orders_alike(spec: RunSpec, past: History) -> Run:
    """Run order scripts by kernel and engine; assert that both gave the same, return it."""
    script, offset = {}, 0
    for assignment, bars in zip(spec.assignments, past.bars, strict=True):
        for bar, orders in assignment.strategy.orders.items():
            if bar < len(bars):
                script[offset + bar] = orders
        offset += len(bars)
    kernel, events = run_kernel(spec, past, script), run_events(spec, past)
    assert_same(kernel, events)
    return kernel


def assert_same(one: Run, other: Run) -> None:
    """Assert that two drivers did the same."""
    for name in ("fills", "fill_lots", "equity", "sessions", "refusals", "ambiguities"):
        assert list(getattr(one, name)) == list(getattr(other, name)), name
    for name in ("held_bars", "volume_limited", "drawdown_breached", "borrow_fees"):
        assert getattr(one, name) == getattr(other, name), name


def run_scripts(past: History, scripts: Mapping[str, str], sizing: Sizing, *, limits: Limits | None = None, **options: Any) -> Run:
    """Run one script a symbol by every driver and return the result."""
    return run_alike(scripted(past, scripts, sizing, limits=limits, **options), past)


def real_bars(name: str) -> list[Bars]:
    """Return the shipped real bars of one file in tests/data, such as ``equity_1d``."""
    kind = AssetClass(name.split("_", maxsplit=1)[0])
    return read_file(TESTS / "data" / f"{name}.parquet", asset_class=kind)
