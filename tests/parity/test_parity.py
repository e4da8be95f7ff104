"""Kernel, engine and engine on streamed bars give the same ledger, equity and refusals, to the bit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numba
import numpy as np
import pytest
from generated import order_runs, runs, walked_orders
from histories import (
    DAILY,
    HOURLY,
    OrderScript,
    Scripted,
    fraction,
    history,
    market,
    quantity,
    real_bars,
    run_alike,
    run_orders_alike,
    run_spec,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.ledger import equity_sha256, ledger_sha256
from domain.market import DAY, AssetClass, CorporateAction, Side
from domain.rules.costs import Costs
from domain.rules.fills import OrderType, PathMode, TimeInForce, volume_allowance
from domain.rules.limits import Limits
from domain.run import parse_sizing
from domain.strategy import Exits
from domain.timeline import History
from domain.wishes import Cancel, Wish
from strategies.moving_average_crossover import MovingAverageCrossover
from tasks import registry
from tasks.market_data.files import read_actions, read_file
from tasks.settings import shipped_settings

if TYPE_CHECKING:
    from pathlib import Path

    from domain.market import Bars
    from domain.run import RunSpec
    from tasks.backtest import Run

COMPILED = not numba.config.DISABLE_JIT
FOUND = {name: entry.cls for name, entry in registry.found().items() if entry.cls and not entry.cls.decides_on_events()}
LIMITS = shipped_settings().risk_management.limits()
COSTS = Costs(0.0005, 0.0002)


def fills_by_bar(run: Run, past: History) -> dict[tuple[str, int], float]:
    """Return the units traded of each symbol in each bar."""
    traded: dict[tuple[str, int], float] = {}
    for fill in run.fills:
        if fill.reason == "corporate_action":
            continue  # nothing traded: a delisted position was settled
        key = fill.symbol, fill.time
        traded[key] = traded.get(key, 0.0) + fill.quantity
    return traded


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=1_200 if COMPILED else 100, deadline=None, suppress_health_check=SLOW)
@given(runs())
def test_all_drivers_agree_and_keep_the_laws_on_any_market(drawn: tuple[RunSpec, History]) -> None:
    """Three drivers, one result: none on a first bar, within the volume; cash and positions of a cash account never negative."""
    spec, past = drawn
    assert_laws(run_alike(spec, past), past)


@settings(max_examples=800 if COMPILED else 60, deadline=None, suppress_health_check=SLOW)
@given(order_runs())
def test_kernel_and_engine_agree_on_orders_of_every_type(drawn: tuple[RunSpec, History]) -> None:
    """Orders of strategies' own, with children, groups, withdrawals and exits beside them, keep the same laws."""
    spec, past = drawn
    assert_laws(run_orders_alike(spec, past), past)


@pytest.mark.parametrize("first", range(0, 2_000, 250))
def test_kernel_and_engine_agree_on_orders_over_prices_that_walk(first: int) -> None:
    """Longer runs in which most orders act: children beside splits, exits and calls, sessions that end between bars."""
    for seed in range(first, first + (250 if COMPILED else 5)):
        spec, past = walked_orders(seed)
        assert_laws(run_orders_alike(spec, past), past)


def assert_laws(run: Run, past: History) -> None:
    """Assert what no run may break, whatever it trades."""
    spec = run.spec
    bars = {one.symbol: one for one in past.bars}
    instruments = {one.symbol: one for one in past.instruments}
    index = {(one.symbol, int(time)): place for one in past.bars for place, time in enumerate(one.time)}
    assert all(index[fill.symbol, fill.time] > 0 for fill in run.fills)
    for (symbol, time), units in fills_by_bar(run, past).items():
        instrument = instruments[symbol]
        volume = float(bars[symbol].volume[index[symbol, time]])
        allowed = volume_allowance(volume, spec.volume_share(instrument), instrument.lots_per_unit)
        assert units * instrument.lots_per_unit <= allowed * (1 + 1e-15)
    if not spec.margin:
        assert all(row.cash >= 0.0 for row in run.equity)
    assert all(later.time >= earlier.time for earlier, later in pairwise(run.equity) if spec.timeframe == HOURLY)


@settings(max_examples=100 if COMPILED else 20, deadline=None, suppress_health_check=SLOW)
@given(runs(), st.integers(1, 10))
def test_the_future_changes_nothing_that_was(drawn: tuple[RunSpec, History], kept: int) -> None:
    """A run over the first bars alone has the same fills and equity as the whole run has up to there."""
    spec, past = drawn
    times = np.unique(np.concatenate([one.time for one in past.bars]))
    last = (
        int(times[min(kept, len(times)) - 1]) // DAY * DAY + DAY
        if spec.timeframe is DAILY
        else int(times[min(kept, len(times)) - 1]) + 1
    )
    cut = [one.slice(0, int(np.searchsorted(one.time, last))) for one in past.bars]
    if not all(len(one) for one in cut):
        return
    short = History(past.instruments, tuple(cut), past.timeframe, past.actions)
    whole, part = run_alike(spec, past, streamed=False), run_alike(spec, short, streamed=False)
    assert whole.fills[: len(part.fills)] == part.fills
    assert whole.equity[: len(part.equity)] == part.equity


def test_a_run_with_more_fills_than_the_kernel_has_room_for_at_first() -> None:
    """In and out on each of 9,000 bars: 8,999 fills, and as many in the engine."""
    past = history(market("AAA", [10.0, 11.0] * 4_500, timeframe=HOURLY))
    run = run_alike(run_spec(past, {"AAA": Scripted("1 0 " * 4_500)}, quantity(1.0)), past, streamed=False)
    assert len(run.fills) == 8_999
    assert run.equity[-1].cash == 100_000.0 - 4_500 * 11.0 + 4_499 * 10.0


def real_history(name: str, actions: tuple[CorporateAction, ...] = ()) -> History:
    """Return the shipped bars of one file; without a compiler only the first of each symbol."""
    bars = [one if COMPILED else one.slice(0, 700) for one in real_bars(name)]
    kind = AssetClass(name.split("_", maxsplit=1)[0])
    return history(*bars, actions=actions, classes={one.symbol: kind for one in bars})


AAPL = (
    CorporateAction("AAPL", "2014-06-09", "split", 7.0),
    CorporateAction("AAPL", "2020-08-31", "split", 4.0),
    CorporateAction("AAPL", "2006-08-09", "dividend", 0.25, "2006-08-20"),
    CorporateAction("SPY", "2005-03-18", "dividend", 0.485),
)


@pytest.mark.parametrize("limited", [False, True], ids=["free", "limits"])
@pytest.mark.parametrize("name", ["equity_1d", "crypto_1h", "fx_1d"])
@pytest.mark.parametrize("strategy", list(FOUND))
def test_every_strategy_gives_one_result_on_real_bars(strategy: str, name: str, limited: bool) -> None:  # noqa: FBT001 - a case
    """Kernel, engine and streamed engine agree for each strategy found, with splits and dividends, with limits and without."""
    past = real_history(name, AAPL if name == "equity_1d" else ())
    spec = run_spec(
        past,
        {instrument.symbol: registry.create(strategy, {}) for instrument in past.instruments},
        fraction(0.95 / len(past.instruments)),
        costs=COSTS,
        limits=LIMITS if limited else None,
        volume_limit=None,
    )
    run = run_alike(spec, past)
    assert len(run.fills) > 0


def wide_history(shared: Path, *names: str) -> History:
    """Return everything the shared files hold."""
    files = [(name, AssetClass(name.split("_", maxsplit=1)[0])) for name in names]
    bars = {
        one.symbol: (one, kind) for name, kind in files for one in read_file(shared / "data" / f"{name}.parquet", asset_class=kind)
    }
    actions = read_actions(shared / "data" / "corporate_actions.csv")
    chosen = [one for one, _ in bars.values()]
    return history(*chosen, actions=[a for a in actions if a.symbol in bars], classes={s: kind for s, (_, kind) in bars.items()})


@pytest.mark.skipif(not COMPILED, reason="the wide run needs the compiled kernel")
@pytest.mark.parametrize(
    "names",
    [("equity_1d",), ("equity_1d", "crypto_1d", "fx_1d"), ("equity_1h",), ("equity_1h", "crypto_1h", "fx_1h")],
    ids="+".join,
)
@pytest.mark.parametrize("strategy", list(FOUND))
def test_every_strategy_gives_one_result_on_all_shared_bars(shared: Path, strategy: str, names: tuple[str, ...]) -> None:
    """All daily and all hourly bars, each file in one account and all together: equal rows with limits on and off."""
    past = wide_history(shared, *names)
    for limits, actions in ((None, past.actions), (LIMITS, past.actions)):
        one = History(past.instruments, past.bars, past.timeframe, actions)
        spec = run_spec(
            one,
            {instrument.symbol: registry.create(strategy, {}) for instrument in one.instruments},
            fraction(0.95 / len(one.instruments)),
            costs=COSTS,
            limits=limits,
            volume_limit=None,
        )
        run = run_alike(spec, one, streamed=False)
        assert len(run.fills) > 0
        assert len(ledger_sha256(run.fills)) == len(equity_sha256(run.equity)) == 64


GUARDED = Exits(stop_loss=0.05, take_profit=0.1, trailing=0.08, bars=40)
SIZINGS = ("fixed_fraction:0.1", "risk_per_trade:0.005", "volatility_target:0.3", "kelly:0.5", "risk_parity")


@dataclass(frozen=True)
class Guarded(MovingAverageCrossover):
    """A crossover, long and short, whose positions have every exit."""

    short: bool = True
    exits = GUARDED


EVERY_BOUND = Limits(
    max_position_size=0.25,
    max_gross_exposure=1.4,
    daily_loss_limit=0.02,
    max_drawdown=0.9,
    max_net_exposure=0.9,
    max_concentration=0.2,
    max_cluster_exposure=0.6,
    cluster_correlation=0.6,
    max_order_size=5_000.0,
    max_order_notional=18_000.0,
    price_collar=0.08,
    max_order_rate=6.0,
    max_value_at_risk=0.02,
)


def every_order(bars: Bars, every: int) -> OrderScript:
    """Return orders of each type at every ``every``-th close, at prices around it."""
    orders: dict[int, list[Wish | Cancel]] = {}
    for number, bar in enumerate(range(0, len(bars) - 1, every)):
        close, side = float(bars.close[bar]), Side.BUY if number % 3 else Side.SELL
        units, way = 9_000.0 / close, 1.0 if side is Side.BUY else -1.0
        near, far = close * (1.0 - 0.01 * way), close * (1.0 + 0.01 * way)
        bracket = (
            Wish(Side(-side), units, OrderType.STOP, stop=close * (1.0 - 0.03 * way), group=1),
            Wish(Side(-side), units, OrderType.LIMIT, close * (1.0 + 0.04 * way), group=1),
        )
        kinds = (
            Wish(side, units, children=bracket),
            Wish(side, units, OrderType.LIMIT, near, force=TimeInForce.DAY),
            Wish(side, units, OrderType.STOP, stop=far, tag=7),
            Wish(side, units, OrderType.STOP_LIMIT, far * (1.0 + 0.01 * way), far),
            Wish(side, units, OrderType.TRAILING_STOP, trail=0.03),
            Wish(side, units, OrderType.MARKET_ON_CLOSE),
            Wish(side, units, OrderType.LIMIT, far, force=TimeInForce.IOC),
            Wish(side, units, force=TimeInForce.FOK),
        )
        orders[bar] = [kinds[number % len(kinds)], *([Cancel(7)] if number % 5 == 0 else [])]
    return OrderScript(orders, Exits(stop_loss=0.1) if every % 2 else Exits())


DAILY_FILES, HOURLY_FILES = ("equity_1d", "crypto_1d", "fx_1d"), ("equity_1h", "crypto_1h", "fx_1h")


@pytest.mark.skipif(not COMPILED, reason="the wide run needs the compiled kernel")
@pytest.mark.parametrize(
    ("names", "sizing"),
    [
        *((DAILY_FILES, sizing) for sizing in ("fixed_quantity:40", *SIZINGS[:-1])),
        (DAILY_FILES[1:], SIZINGS[-1]),
        (HOURLY_FILES, "fixed_fraction:0.1"),
    ],
    ids=lambda one: one if isinstance(one, str) else one[0],
)
def test_every_sizing_exit_and_limit_gives_one_result_on_all_shared_bars(shared: Path, names: tuple[str, ...], sizing: str) -> None:
    """A margin account long and short, corporate actions, all twelve bounds at once: equal rows."""
    past = wide_history(shared, *names)
    spec = run_spec(
        past,
        {instrument.symbol: Guarded() for instrument in past.instruments},
        parse_sizing(sizing, len(past.instruments)),
        costs=COSTS,
        limits=EVERY_BOUND,
        volume_limit=None,
        margin=True,
        borrow_rate=0.01,
        regulatory_fees=True,
    )
    run = run_alike(spec, past, streamed=False)
    assert {fill.reason for fill in run.fills} >= {"target", "stop_loss", "take_profit", "trailing_stop"}
    assert len({refusal.breach for refusal in run.refusals}) > 1


@pytest.mark.skipif(not COMPILED, reason="the wide run needs the compiled kernel")
@pytest.mark.parametrize("margin", [False, True], ids=["cash", "margin"])
@pytest.mark.parametrize(("names", "every"), [(DAILY_FILES, 9), (HOURLY_FILES, 60)], ids=["daily", "hourly"])
def test_every_type_of_order_gives_one_result_on_all_shared_bars(
    shared: Path,
    names: tuple[str, ...],
    every: int,
    margin: bool,  # noqa: FBT001 - a case
) -> None:
    """Market, limit, stop, stop-limit, trailing, on close, brackets, DAY, IOC and FOK, with limits and corporate actions."""
    past = wide_history(shared, *names)
    scripts = {bars.symbol: every_order(bars, every) for bars in past.bars}
    options = {
        "costs": COSTS,
        "limits": EVERY_BOUND,
        "volume_limit": None,
        "margin": margin,
        "borrow_rate": 0.01 if margin else None,
    }
    run = run_orders_alike(run_spec(past, scripts, quantity(1.0), **options), past)
    assert len(run.fills) > 1_000


@pytest.mark.parametrize("path", list(PathMode), ids=lambda mode: mode.code)
@pytest.mark.parametrize("sizing", SIZINGS)
def test_exits_shorts_and_every_sizing_give_one_result_on_real_bars(sizing: str, path: PathMode) -> None:
    """A margin account with actions, limits and fees: kernel, engine and streamed engine agree, and every exit was used."""
    past = real_history("equity_1d", AAPL)
    spec = run_spec(
        past,
        {instrument.symbol: Guarded() for instrument in past.instruments},
        parse_sizing(sizing, len(past.instruments)),
        costs=COSTS,
        limits=LIMITS if sizing == "kelly:0.5" else None,
        volume_limit=None,
        path=path,
        margin=True,
        borrow_rate=0.01,
        regulatory_fees=True,
    )
    run = run_alike(spec, past, streamed=path is PathMode.WORST)
    if COMPILED and sizing != "kelly:0.5":
        assert {fill.reason for fill in run.fills} >= {"target", "stop_loss", "take_profit", "trailing_stop"}
