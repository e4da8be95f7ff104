"""Kernel, engine and engine on streamed bars give the same ledger, equity and refusals, to the bit."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numba
import numpy as np
import pytest
from histories import DAILY, HOURLY, MONDAY, Scripted, fraction, history, market, quantity, real_bars, run_alike, run_spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.ledger import equity_sha256, ledger_sha256
from domain.market import DAY, HOUR, AssetClass, CorporateAction
from domain.rules.costs import Costs
from domain.rules.fills import volume_allowance
from domain.rules.limits import Limits
from domain.timeline import History
from tasks import registry
from tasks.market_data.files import read_actions, read_file
from tasks.settings import shipped_settings

if TYPE_CHECKING:
    from pathlib import Path

    from domain.market import Bars
    from domain.run import RunSpec
    from domain.strategy import Strategy
    from tasks.backtest import Run

COMPILED = not numba.config.DISABLE_JIT
FOUND = {name: entry.cls for name, entry in registry.found().items() if entry.cls}
LIMITS = shipped_settings().risk_management.limits()
COSTS = Costs(0.0005, 0.0002)

CLASSES = {
    "AAA": AssetClass.EQUITY,
    "BBB": AssetClass.EQUITY,
    "BTC-USD": AssetClass.CRYPTO,
    "EUR-USD": AssetClass.FX,
}
PRICES = st.one_of(st.sampled_from([10.0, 12.5, 20.0, 0.1]), st.floats(0.5, 500.0))
VOLUMES = st.one_of(st.sampled_from([0.0, math.nan, 40.0, 1_000.0, 1e6]), st.floats(0.0, 1e4))
TARGETS = st.sampled_from([".", ".", ".", "1", "0", "0.5", "-1", "0.25"])
SIZINGS = st.one_of(
    st.sampled_from([1.0, 7.0, 0.3, 250.0]).map(quantity), st.sampled_from([0.1, 0.475, 0.95, 1.0, 3.0]).map(fraction)
)
BOUNDS = st.builds(
    Limits,
    st.sampled_from([0.2, 0.5, math.inf]),
    st.sampled_from([0.4, 1.0, math.inf]),
    st.sampled_from([0.001, 0.03, math.inf]),
    st.sampled_from([0.01, 0.1, math.inf]),
)


@st.composite
def one_market(draw: st.DrawFn, symbol: str, *, daily: bool) -> Bars:
    """Draw the bars of one symbol: own first bar, holes, bars without volume or with unknown volume."""
    count = draw(st.integers(1, 14))
    prices = draw(st.lists(st.tuples(PRICES, PRICES, VOLUMES), min_size=count, max_size=count))
    opens, closes, volumes = zip(*prices, strict=True)
    offsets = draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
    if daily:
        weekdays = [day for day in range(90) if CLASSES[symbol] is AssetClass.CRYPTO or day % 7 < 5]
        days = [weekdays[index] for index in np.cumsum(offsets)]
        return market(symbol, opens, closes, volume=list(volumes), days=days)
    made = market(symbol, opens, closes, volume=list(volumes), timeframe=HOURLY)
    made.time[:] = MONDAY + 12 * HOUR + np.cumsum(offsets) * HOUR
    return made


@st.composite
def actions_of(draw: st.DrawFn, symbol: str) -> list[CorporateAction]:
    """Draw a few splits and dividends of one symbol."""
    made = []
    for _ in range(draw(st.integers(0, 3))):
        day = draw(st.integers(0, 40))
        date = str(np.datetime64("2021-03-01") + day)
        if draw(st.booleans()):
            made.append(CorporateAction(symbol, date, "split", draw(st.sampled_from([2.0, 1.5, 0.1, 7.0, 1 / 3]))))
        else:
            pay = draw(st.none() | st.integers(0, 10))
            paid = None if pay is None else str(np.datetime64("2021-03-01") + day + pay)
            made.append(CorporateAction(symbol, date, "dividend", draw(st.sampled_from([0.05, 0.485, 1.0])), paid))
    return list({(a.ex_date, a.action): a for a in made}.values())


@st.composite
def runs(draw: st.DrawFn) -> tuple[RunSpec, History]:
    """Draw a market of one to four symbols and a run over it."""
    symbols = draw(st.lists(st.sampled_from(list(CLASSES)), min_size=1, max_size=4, unique=True))
    daily = draw(st.booleans())
    bars = [draw(one_market(symbol, daily=daily)) for symbol in symbols]
    actions = [action for symbol in symbols if draw(st.booleans()) for action in draw(actions_of(symbol))]
    past = history(*bars, actions=actions, classes=CLASSES)
    scripts = {one.symbol: " ".join(draw(st.lists(TARGETS, max_size=len(one)))) for one in bars}
    options = {
        "cash": draw(st.sampled_from([5.0, 60.0, 1_000.0, 100_000.0])),
        "costs": draw(st.sampled_from([Costs(0.0, 0.0), Costs(0.001, 0.0), COSTS, Costs(0.0, 0.05)])),
        "limits": draw(st.none() | BOUNDS),
        "volume_limit": draw(st.sampled_from([None, 0.0, 0.1])),
    }
    strategies: dict[str, Strategy] = {symbol: Scripted(script) for symbol, script in scripts.items()}
    return run_spec(past, strategies, draw(SIZINGS), **options), past


def fills_by_bar(run: Run, past: History) -> dict[tuple[str, int], float]:
    """Return the units traded of each symbol in each bar."""
    traded: dict[tuple[str, int], float] = {}
    for fill in run.fills:
        key = fill.symbol, fill.time
        traded[key] = traded.get(key, 0.0) + fill.quantity
    return traded


@settings(
    max_examples=300 if COMPILED else 60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(runs())
def test_all_drivers_agree_and_keep_the_laws_on_any_market(drawn: tuple[RunSpec, History]) -> None:
    """Three drivers, one result; fills at opens with slippage against us, within volume, none too early; cash never negative."""
    spec, past = drawn
    run = run_alike(spec, past)
    bars = {one.symbol: one for one in past.bars}
    instruments = {one.symbol: one for one in past.instruments}
    index = {(one.symbol, int(time)): place for one in past.bars for place, time in enumerate(one.time)}
    for fill in run.fills:
        place = index[fill.symbol, fill.time]
        assert place > 0
        slip = spec.costs.slippage_rate if fill.side == "buy" else -spec.costs.slippage_rate
        assert fill.price == pytest.approx(bars[fill.symbol].open[place] * (1 + slip), rel=1e-15)
        assert fill.fee == pytest.approx(fill.quantity * fill.price * spec.costs.commission_rate, abs=0.5001e-4)
    for (symbol, time), units in fills_by_bar(run, past).items():
        instrument = instruments[symbol]
        volume = float(bars[symbol].volume[index[symbol, time]])
        allowed = volume_allowance(volume, spec.volume_share(instrument), instrument.lots_per_unit)
        assert units * instrument.lots_per_unit <= allowed * (1 + 1e-15)
    assert all(row.cash >= 0.0 for row in run.equity)
    assert all(later.time >= earlier.time for earlier, later in pairwise(run.equity) if spec.timeframe == HOURLY)


@settings(
    max_examples=100 if COMPILED else 20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
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
