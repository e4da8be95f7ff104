"""The contract every strategy keeps, run on each one found in the folder, on real bars and on made-up ones."""

from __future__ import annotations

import ast
import os
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

import numpy as np
import pytest
from causality import (
    assert_blind_to_the_future,
    assert_streamed_decides_as_the_whole,
    assert_window_decides_as_the_whole,
    bars_of,
    runs,
    sample,
)
from histories import history, quantity, run_spec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InputError
from domain.indicators import ema, sma
from domain.market import Bars, Timeframe
from domain.parameters import parameters_of
from domain.strategy import Series, Strategy, checked_target
from tasks import registry
from tasks.backtest import run_events

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("PI5_SHARED", ROOT.parent / "shared"))
FOUND = {name: entry.cls for name, entry in registry.found().items() if entry.cls}
REAL = [bars for name in ("equity_1d", "crypto_1h", "fx_1d") for bars in bars_of(ROOT / "tests" / "data" / f"{name}.parquet")]

every_strategy = pytest.mark.parametrize("cls", FOUND.values(), ids=list(FOUND))


def made_up(closes: list[float]) -> Bars:
    """Return daily bars around these closes."""
    close = np.array(closes, np.float64)
    time = np.arange(len(close), dtype=np.int64) * 86_400_000_000
    return Bars("MADE", Timeframe.parse("1d"), time, close, close + 0.5, close - 0.5, close, np.full(len(close), 1000.0))


# Few price levels, so that averages tie and returns are exactly zero; the scale makes sums inexact.
prices = st.builds(
    lambda levels, scale: [(10 + level) * scale for level in levels],
    st.lists(st.integers(0, 3), min_size=1, max_size=150),
    st.sampled_from([1.0, 0.1, 1e-5, 33.333]),
)


def test_no_file_in_the_folder_is_refused() -> None:
    """The strategies shipped all load, and the five of the contract are there."""
    assert {name: entry.error for name, entry in registry.found().items() if entry.error} == {}
    assert set(FOUND) >= {
        "buy_and_hold",
        "momentum_trend",
        "moving_average_crossover",
        "multi_timeframe_trend",
        "rsi_mean_reversion",
    }


@every_strategy
def test_strategy_decides_on_its_window_as_on_all_real_bars(cls: type[Strategy]) -> None:
    """Live, on the last lookback bars, decides what the back-test decided, at every kind of bar and parameter."""
    for strategy, bars in runs(cls, REAL):
        at = sample(checked_target(strategy, bars), every=211)
        assert_window_decides_as_the_whole(strategy, bars, at)


@every_strategy
def test_strategy_decides_bar_by_bar_as_on_all_real_bars(cls: type[Strategy]) -> None:
    """Live, with indicators that remember, decides what the back-test decided, from any bar of a restart on."""
    for strategy, bars in runs(cls, REAL):
        restart = min(strategy.lookback_of(bars.timeframe) + 100, len(bars) - 300)
        # Without memory one bar's decision owes nothing to the one before: a part of them will do.
        assert_streamed_decides_as_the_whole(strategy, bars, range(restart, restart + 300, 1 if strategy.recursive else 11))


@every_strategy
def test_strategy_sees_no_bar_of_the_future(cls: type[Strategy]) -> None:
    """Cutting real bars off at the end leaves every earlier target and indicator equal to the bit."""
    for strategy, bars in runs(cls, REAL):
        assert_blind_to_the_future(strategy, bars, range(0, len(bars), 457))


@every_strategy
@settings(max_examples=60, deadline=None)
@given(closes=prices)
def test_strategy_keeps_the_contract_on_ties(cls: type[Strategy], closes: list[float]) -> None:
    """On bars full of exact ties: targets in range, blind to the future, and the window alone decides where promised."""
    for strategy, bars in runs(cls, [made_up(closes)]):
        target = checked_target(strategy, bars)
        at = sample(target, every=37)
        assert_blind_to_the_future(strategy, bars, at[::5])
        if strategy.recursive:
            assert_streamed_decides_as_the_whole(strategy, bars, range(len(bars)))
        else:
            assert_streamed_decides_as_the_whole(strategy, bars, at)
            assert_window_decides_as_the_whole(strategy, bars, at)


@every_strategy
def test_strategy_decides_something_on_real_bars(cls: type[Strategy]) -> None:
    """The checks above are not met by deciding nothing: with its defaults it takes a position, by targets or by its own orders."""
    if cls.decides_on_events():
        pasts = [history(bars) for bars in REAL]
        assert any(run_events(run_spec(past, {past.bars[0].symbol: cls()}, quantity(1.0)), past).fills for past in pasts)
        return
    assert any(np.nansum(np.abs(checked_target(cls(), bars))) > 0.0 for bars in REAL)


@every_strategy
def test_strategy_takes_bars_of_any_number(cls: type[Strategy]) -> None:
    """No bars and one bar give as many targets, so that a session can start on nothing."""
    for strategy, bars in runs(cls, [made_up([100.0] * count) for count in range(3)]):
        assert len(checked_target(strategy, bars)) == len(bars)
        assert all(len(values) == len(bars) for values in strategy.indicators(bars).values())


@every_strategy
def test_strategy_describes_itself(cls: type[Strategy]) -> None:
    """A docstring for people, a frozen instance, a lookback, and search ranges inside what is allowed."""
    strategy = cls()
    assert len(cls.description()) > 10
    assert strategy.lookback >= 1
    assert isinstance(hash(strategy), int)
    for parameter in parameters_of(cls):
        with pytest.raises(FrozenInstanceError):
            setattr(strategy, parameter.name, parameter.default)
        assert parameter.check(parameter.default) == parameter.default
        if parameter.kind in (int, float):
            assert parameter.search, f"{parameter.name} needs a Search range for the optimiser"
            assert parameter.check(parameter.kind(parameter.search.low)) < parameter.check(parameter.kind(parameter.search.high))


@every_strategy
def test_unknown_parameter_is_refused_with_the_nearest_name(cls: type[Strategy]) -> None:
    """A misspelt parameter changes nothing and says what was meant."""
    for parameter in parameters_of(cls):
        with pytest.raises(InputError, match=f"did you mean '{parameter.name}'"):
            cls.create({parameter.name + "x": parameter.default})
    with pytest.raises(InputError, match="unknown"):
        cls.create({"no_such_thing": 1})


@every_strategy
@pytest.mark.parametrize("value", [None, 1.5, -1, 10**9, True, "ten", float("nan"), float("inf")])
def test_bad_window_is_refused(cls: type[Strategy], value: object) -> None:
    """A window that is no whole number, or none anybody means, is refused and named."""
    for parameter in parameters_of(cls):
        if parameter.kind is int:
            with pytest.raises(InputError, match=f"parameter {parameter.name} must be a whole number from"):
                cls.create({parameter.name: value})


@pytest.mark.parametrize("path", sorted((ROOT / "strategies").glob("*.py")), ids=lambda path: path.stem)
def test_strategy_imports_only_what_it_may(path: Path) -> None:
    """A strategy file needs the strategy base, the indicators, numpy and small parts of the standard library."""
    allowed = {"domain.strategy", "domain.indicators", "numpy", "dataclasses", "typing", "math", "__future__"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= allowed
        if isinstance(node, ast.ImportFrom):
            assert node.module in allowed


@dataclass(frozen=True)
class Clairvoyant(Strategy):
    """Hold the asset before it rises."""

    def target(self, bars: Bars) -> Series:
        """Look at the next close."""
        following = np.append(bars.close[1:], np.nan)
        return np.select([following > bars.close, following < bars.close], [1.0, 0.0], np.nan)


@dataclass(frozen=True)
class ScaledByTheEnd(Strategy):
    """Hold the asset in the lower half of its range, the range of the whole series."""

    def target(self, bars: Bars) -> Series:
        """Look at the extremes still to come."""
        middle = (bars.close.max(initial=0.0) + bars.close.min(initial=1e9)) / 2.0
        return np.where(bars.close < middle, 1.0, 0.0)


@dataclass(frozen=True)
class ShortSighted(Strategy):
    """Hold the asset above an average longer than its lookback says."""

    @property
    def lookback(self) -> int:
        """Too few bars for the average."""
        return 10

    def target(self, bars: Bars) -> Series:
        """Compare with the average of 20."""
        return np.where(bars.close > sma(bars.close, 20), 1.0, 0.0)


@dataclass(frozen=True)
class RunningSum(Strategy):
    """Hold the asset while its average of three rises, the average from a running sum."""

    @property
    def lookback(self) -> int:
        """Four closes would do, were the sum exact."""
        return 4

    def target(self, bars: Bars) -> Series:
        """Compare two averages that carry the rounding of all bars before."""
        total = np.cumsum(bars.close)
        average = np.append([np.nan, np.nan], total[2:] - np.append(0.0, total[:-3])[: max(0, len(bars) - 2)])[: len(bars)] / 3.0
        return np.where(average > np.append(np.nan, average[:-1]), 1.0, 0.0)


@dataclass(frozen=True)
class SecretMemory(Strategy):
    """Hold the asset above the average of its highest close ever and an indicator that remembers."""

    def target(self, bars: Bars) -> Series:
        """Remember by itself beside an indicator, which lookback and recursive do not admit."""
        return np.where(bars.close > (np.maximum.accumulate(bars.close) + ema(bars.close, 20)) / 2.0, 1.0, 0.0)


def test_memory_outside_the_indicators_is_caught() -> None:
    """A strategy that remembers more than its lookback, in a way the indicators cannot know, fails the streamed check."""
    bars = made_up([200.0, *([100.0, 120.0] * 400)])
    with pytest.raises(AssertionError, match="streamed bar"):
        assert_streamed_decides_as_the_whole(SecretMemory(), bars, range(len(bars)))


@pytest.mark.parametrize("planted", [Clairvoyant(), ScaledByTheEnd()], ids=lambda planted: type(planted).__name__)
def test_planted_look_ahead_is_caught(planted: Strategy) -> None:
    """The check that passes the shipped strategies fails one that sees later bars."""
    for bars in REAL:
        with pytest.raises(AssertionError, match="sees beyond"):
            assert_blind_to_the_future(planted, bars, range(0, len(bars), 457))


@pytest.mark.parametrize("planted", [ShortSighted(), RunningSum(), ScaledByTheEnd()], ids=lambda planted: type(planted).__name__)
def test_window_that_decides_otherwise_is_caught(planted: Strategy) -> None:
    """The window check fails too short a lookback, and a running sum that loses exact ties."""

    def is_caught(bars: Bars) -> bool:
        try:
            assert_window_decides_as_the_whole(planted, bars, range(25, len(bars)))
        except AssertionError:
            return True
        return False

    assert any(is_caught(bars) for bars in REAL)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the wide data directory is not here (PI5_SHARED)")
@every_strategy
def test_strategy_keeps_the_contract_on_all_daily_and_hourly_bars(cls: type[Strategy]) -> None:
    """Window and whole decide alike, and the future is unseen, for every symbol there is."""
    for path in sorted((SHARED / "data").glob("*_1[dh].parquet")):
        for bars in bars_of(path):
            strategy = cls()
            at = sample(checked_target(strategy, bars), every=997)
            assert_window_decides_as_the_whole(strategy, bars, at)
            assert_blind_to_the_future(strategy, bars, at[:: max(1, len(at) // 5)])
