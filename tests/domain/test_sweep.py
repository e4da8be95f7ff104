"""A sweep gives, for each parameter set, what a back-test of it by itself gives, to the bit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import numba
import numpy as np
import pytest
from generated import BOUNDS, CLASSES, COSTS, TARGETS, one_market, runs
from histories import NO_COSTS, OrderScript, Scripted, fraction, history, market, quantity, real_bars, run_spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import compilation, sweep_loop
from domain.errors import DataError, InputError
from domain.indicators import sma
from domain.rules.costs import Costs
from domain.rules.limits import Limits
from domain.rules.sizing import Sizing, SizingRule
from domain.strategy import Bars, Exits, Search, Series, Strategy
from domain.sweep import _ROWS, METRICS, _Runs, sweep
from strategies.moving_average_crossover import MovingAverageCrossover
from strategies.rsi_mean_reversion import RsiMeanReversion
from tasks.backtest import run_kernel
from tasks.backtest_document import _metrics, trades_of
from tasks.settings import shipped_settings

if TYPE_CHECKING:
    from domain.run import RunSpec
    from domain.sweep import SweepResult
    from domain.timeline import History

COMPILED = not numba.config.DISABLE_JIT
LIMITS = shipped_settings().risk_management.limits()
PAIRS = [{"fast": fast, "slow": slow, "short": fast == 3} for fast in (1, 3, 8, 20) for slow in (10, 21, 40) if fast < slow]


@dataclass(frozen=True)
class Guarded(Scripted):
    """A script whose positions have a stop-loss where the parameter says so."""

    stop: float = 0.0

    @property
    def exits(self) -> Exits:  # type: ignore[override] # as docs/strategies.md has it: where exits depend on parameters
        """The stop-loss, or none."""
        return Exits(stop_loss=self.stop or None)


@dataclass(frozen=True)
class Smoothed(Strategy):
    """Long above an average whose missing values it replaces in place: it writes to what an indicator returned."""

    length: Annotated[int, Search(2, 9)] = 3

    def target(self, bars: Bars) -> Series:
        """Return 1 or 0 at every bar."""
        average = sma(bars.close, self.length)
        average[np.isnan(average)] = np.inf
        return np.where(bars.close > average, 1.0, 0.0)


def assert_as_alone(spec: RunSpec, past: History, strategy: type[Strategy], sets: list[dict[str, Any]]) -> SweepResult:
    """Assert that the sweep equals each run by itself, and return it."""
    swept = sweep(spec, past, strategy, sets)
    assert len(swept) == len(sets)
    assert tuple(swept.metrics) == METRICS
    for place, parameters in enumerate(sets):
        one = strategy.create(parameters)
        run = run_kernel(replace(spec, assignments=tuple(replace(a, strategy=one) for a in spec.assignments)), past)
        trades = trades_of(run)
        assert (swept.fills[place], swept.trades[place]) == (len(run.fills), len(trades)), parameters
        assert swept.final_equity[place] == run.equity[-1].equity, parameters
        expected = _metrics(run, trades)
        for name in METRICS:
            value = swept.metrics[name][place]
            assert expected[name] == (None if math.isnan(value) else value), (name, parameters)
    return swept


def together(spec: RunSpec, past: History) -> bool:
    """Whether the sweep's own compiled pass takes runs of this spec."""
    return _Runs(spec, past, 0)._together is not None


@pytest.mark.parametrize(
    ("name", "symbol", "options"),
    [
        ("equity_1d", "SPY", {"costs": Costs(), "volume_limit": None}),
        ("equity_1d", "IWM", {"costs": Costs(0.0005, 0.0002), "limits": LIMITS, "regulatory_fees": True}),
        ("crypto_1h", "BTC-USD", {"costs": Costs(0.001, 0.0, impact=0.7), "limits": LIMITS}),
        ("fx_1d", "EUR-USD", {"costs": Costs(0.0, 0.0001)}),
        ("equity_1m", "BAC", {"costs": Costs(), "volume_limit": 0.0001, "cash": 1e7}),
    ],
)
def test_crossovers_on_real_bars_are_those_of_single_runs(name: str, symbol: str, options: dict[str, Any]) -> None:
    """Daily bars, bars within sessions, unknown volume, limits, impact, regulators' fees, fills cut by volume."""
    (bars,) = (one for one in real_bars(name) if one.symbol == symbol)
    bars = bars if COMPILED else bars.slice(0, 1_500)
    past = history(bars, classes=CLASSES)
    spec = run_spec(past, {symbol: MovingAverageCrossover()}, fraction(0.95), **options)
    assert together(spec, past)
    swept = assert_as_alone(spec, past, MovingAverageCrossover, PAIRS)
    assert swept.trades.min() > 0


def test_a_full_block_and_a_rest_keep_their_places() -> None:
    """More sets than are run together, another strategy, none at all."""
    (bars,) = (one for one in real_bars("equity_1d") if one.symbol == "SPY")
    past = history(bars.slice(0, 200))
    spec = run_spec(past, {"SPY": RsiMeanReversion()}, fraction(0.95))
    sets = [{"period": 2 + place % 7, "low": 20.0 + place} for place in range(_ROWS + 3)]
    assert len(set(assert_as_alone(spec, past, RsiMeanReversion, sets).final_equity)) > 5
    assert len(sweep(spec, past, RsiMeanReversion, [])) == 0


@st.composite
def cash_runs(draw: st.DrawFn) -> tuple[RunSpec, History]:
    """Draw a run of one symbol that the sweep's own pass takes."""
    symbol = draw(st.sampled_from(list(CLASSES)))
    past = history(draw(one_market(symbol, daily=draw(st.booleans()))), classes=CLASSES)
    limits = draw(st.none() | BOUNDS.map(lambda one: one._replace(max_cluster_exposure=math.inf, max_value_at_risk=math.inf)))
    options = {
        "cash": draw(st.sampled_from([1_000.0, 100_000.0, 60.0])),
        "costs": draw(COSTS),
        "limits": limits,
        "volume_limit": draw(st.sampled_from([0.0, 0.1, None])),
        "regulatory_fees": draw(st.booleans()),
    }
    rule = st.sampled_from([quantity(7.0), quantity(250.0), fraction(0.475), fraction(1.0), fraction(3.0)])
    missing = st.just(Sizing(SizingRule.RISK_PER_TRADE.value, 0.01))
    return run_spec(past, {symbol: Scripted("")}, draw(rule | missing), **options), past


SCRIPTS = st.lists(st.lists(TARGETS, max_size=14).map(" ".join), min_size=1, max_size=4)
CALM = settings(max_examples=200 if COMPILED else 60, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@CALM
@given(cash_runs(), SCRIPTS)
def test_drawn_scripts_in_a_cash_account_are_single_runs(drawn: tuple[RunSpec, History], scripts: list[str]) -> None:
    """Entries that wait for limits, cuts, halts, partial fills and refused shorts on short markets with holes."""
    spec, past = drawn
    assert_as_alone(spec, past, Scripted, [{"script": script} for script in scripts])


@settings(CALM, max_examples=50 if COMPILED else 20)
@given(runs(), SCRIPTS, st.sampled_from([0.0, 0.05]))
def test_drawn_runs_of_any_kind_are_single_runs(drawn: tuple[RunSpec, History], scripts: list[str], stop: float) -> None:
    """Several symbols, margin, actions, measured sizes and exits, which go through the kernel one by one."""
    spec, past = drawn
    assert_as_alone(spec, past, Guarded, [{"script": script, "stop": stop * (place % 2)} for place, script in enumerate(scripts)])


@pytest.mark.parametrize(
    "limits",
    [
        Limits(daily_loss_limit=0.02),
        Limits(max_drawdown=0.1),
        Limits(price_collar=0.006),
        Limits(max_order_rate=1.0),
        Limits(daily_loss_limit=0.01, price_collar=0.02, max_order_rate=2.0),
        Limits(max_position_size=0.5, max_order_notional=30_000.0, max_order_size=8.0),
    ],
)
def test_entries_that_wait_for_limits_are_those_of_single_runs(limits: Limits) -> None:
    """Hours of a coin, a target on every third: entries wait for the next session, a calmer bar, or for ever."""
    past = history(real_bars("crypto_1h")[0].slice(0, 400), classes=CLASSES)
    spec = run_spec(past, {"BTC-USD": Scripted("")}, fraction(0.95), limits=limits, costs=Costs())
    words = np.random.default_rng(11).choice([".", "1", "0", "0.5", "-1"], (12, 400), p=[0.66, 0.14, 0.1, 0.06, 0.04])
    assert_as_alone(spec, past, Scripted, [{"script": " ".join(row)} for row in words.tolist()])


def test_a_strategy_may_write_to_what_an_indicator_returned() -> None:
    """Shared values are not given to one that changes them, together or by itself."""
    closes = [10.0, 11.0, 10.5, 12.0, 11.0, 13.0, 9.0, 12.0]
    for options in ({}, {"margin": True}):
        past = history(market("AAA", closes))
        spec = run_spec(past, {"AAA": Smoothed()}, quantity(5.0), **options)
        assert_as_alone(spec, past, Smoothed, [{"length": 2}, {"length": 3}, {"length": 2}])


def test_a_worthless_share_leaves_measures_undefined() -> None:
    """All cash in a share that falls to 0: returns that are no numbers come from the functions that define them."""
    past = history(market("AAA", [10.0, 10.0, 5.0, 0.0, 0.0]))
    spec = run_spec(past, {"AAA": Scripted("")}, fraction(1.0), cash=100.0, costs=NO_COSTS)
    assert together(spec, past)
    swept = assert_as_alone(spec, past, Scripted, [{"script": "1"}, {"script": ""}])
    assert swept.metrics["max_drawdown"].tolist() == [-1.0, 0.0]
    assert math.isnan(swept.metrics["sharpe"][0])


@pytest.mark.parametrize("word", ["1.5", "-2", "inf"])
def test_what_is_no_target_is_refused(word: str) -> None:
    """The strategy and the bar are named, as in a back-test."""
    past = history(market("AAA", [10.0] * 5))
    spec = run_spec(past, {"AAA": Scripted("")}, quantity(5.0))
    with pytest.raises(DataError, match=r"must return targets from -1 to 1 or NaN, got .* at bar 2"):
        sweep(spec, past, Scripted, [{"script": "1 0"}, {"script": f". 1 {word}"}])


def test_a_sweep_refuses_before_it_runs() -> None:
    """The set is named; events and no bars are no sweep."""
    past = history(market("AAA", [10.0] * 5))
    spec = run_spec(past, {"AAA": Scripted("")}, quantity(5.0))
    with pytest.raises(InputError, match="parameter set 1: parameter fast must be below slow"):
        sweep(spec, past, MovingAverageCrossover, [{"fast": 5}, {"fast": 50}])
    with pytest.raises(InputError, match="parameter set 0: parameter 'fats' of moving_average_crossover is unknown"):
        sweep(spec, past, MovingAverageCrossover, [{"fats": 5}])
    with pytest.raises(InputError, match="places its own orders"):
        sweep(spec, past, OrderScript, [])
    with pytest.raises(InputError, match="needs bars"):
        sweep(spec, history(market("AAA", [])), Scripted, [{}])


@pytest.mark.parametrize("lengths", [range(300), range(300, 6_000, 977)])
def test_sums_are_those_of_numpy(lengths: range) -> None:
    """The order of additions decides the last bits, and NumPy's is none that it promises."""
    drawn = np.random.default_rng(1).normal(0.0, 0.01, 6_000)
    for length in lengths:
        assert sweep_loop.pairwise_sum(drawn[:length]) == np.sum(drawn[:length]), length


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled with NUMBA_DISABLE_JIT")
def test_the_cached_passes_carry_the_stamp_of_the_rules() -> None:
    """A changed rule is compiled anew here too."""
    assert sweep_loop.run_rows in compilation.COMPILED
    for function in compilation.COMPILED:
        assert function._cache._cache_file._source_stamp[1] == compilation.rules_stamp()
