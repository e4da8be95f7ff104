"""Targets asked for bar by bar are those computed over the whole history."""

import numpy as np
import pytest
from histories import Scripted, fraction, history, market, real_bars, run_spec

from domain.errors import DataError
from domain.events import BarsClosed, BarsOpened
from domain.market import Bars, CorporateAction
from domain.strategy import Series, Strategy
from domain.targets import ComputedTargets, StreamedTargets, target_arrays
from domain.timeline import History, market_events
from tasks import registry


class Closes(Strategy):
    """Wants the last close over 1,000: what a strategy sees becomes visible."""

    def target(self, bars: Bars) -> Series:
        """Return a thousandth of each close."""
        return bars.close / 1_000.0


class LastTwo(Closes):
    """The same from a window of two bars."""

    @property
    def recursive(self) -> bool:
        """It needs no more than its window."""
        return False

    @property
    def lookback(self) -> int:
        """The last bar and the one before."""
        return 2

    def target(self, bars: Bars) -> Series:
        """Say how many bars it was shown, as a share of 1,000."""
        return np.full(len(bars), len(bars) / 1_000.0)


def streamed(past: History, strategy: Strategy) -> list[float]:
    """Return the targets of a strategy on every symbol, asked close by close."""
    spec = run_spec(past, {instrument.symbol: strategy for instrument in past.instruments}, fraction(0.1))
    source, targets = StreamedTargets(spec), []
    for event in market_events(past):
        if isinstance(event, BarsOpened):
            source.on_open(event)
        else:
            targets += source.on_close(event)
    return targets


def test_streamed_strategies_see_prices_adjusted_forward() -> None:
    """2 for 1 before bar 2: the closes 60, 60, 30, 31 are seen as 60, 60, 60, 62."""
    past = history(market("AAA", [60, 60, 30, 31]), actions=[CorporateAction("AAA", "2021-03-03", "split", 2.0)])
    assert streamed(past, Closes()) == [0.06, 0.06, 0.06, 0.062]


def test_a_strategy_without_memory_sees_its_window_alone() -> None:
    """Two bars at most."""
    assert streamed(history(market("AAA", [1, 2, 3, 4])), LastTwo()) == [0.001, 0.002, 0.002, 0.002]


def test_series_grow_past_their_first_room() -> None:
    """1,500 bars, where 512 fit at first."""
    closes = np.linspace(1.0, 900.0, 1_500)
    assert streamed(history(market("AAA", closes)), Closes()) == (closes / 1_000.0).tolist()


@pytest.mark.parametrize("name", [name for name, entry in registry.found().items() if entry.cls])
def test_streamed_targets_are_the_computed_ones(name: str) -> None:
    """Every strategy found, on real bars with a split, to the bit."""
    bars = [one.slice(2_000, 2_600) for one in real_bars("equity_1d") if one.symbol == "AAPL"]
    past = history(*bars, actions=[CorporateAction("AAPL", "2014-06-09", "split", 7.0)])
    strategy = registry.create(name, {})
    (computed,) = target_arrays(run_spec(past, {"AAPL": strategy}, fraction(0.1)), past)
    assert np.array_equal(np.array(streamed(past, strategy)), computed, equal_nan=True)


def test_observed_bars_count_like_decided_ones() -> None:
    """A restarted session shows the bars it has had, then asks: both sources go on where they were."""
    past = history(market("AAA", [1, 2, 3, 4]), market("BBB", [5, 6, 7, 8]))
    spec = run_spec(past, {"AAA": Closes(), "BBB": Closes()}, fraction(0.1))
    closes = [event for event in market_events(past) if isinstance(event, BarsClosed)]
    for source in (ComputedTargets(spec, past), StreamedTargets(spec)):
        for event in closes[:3]:
            source.observe(event)
        assert list(source.on_close(closes[3])) == [0.004, 0.008]


def test_computed_targets_need_nothing_from_an_opening() -> None:
    """The splits are in them already."""
    past = history(market("AAA", [60, 60, 30]), actions=[CorporateAction("AAA", "2021-03-03", "split", 2.0)])
    source = ComputedTargets(run_spec(past, {"AAA": Closes()}, fraction(0.1)), past)
    for event in market_events(past):
        if isinstance(event, BarsOpened):
            source.on_open(event)
        else:
            assert list(source.on_close(event)) == [0.06]


class Meddling(Closes):
    """Writes into the bars it is shown."""

    def target(self, bars: Bars) -> Series:
        """Change the past."""
        bars.close[0] = 1.0
        return super().target(bars)


def test_streamed_strategy_cannot_change_its_bars() -> None:
    """They are shown read-only, as in a back-test."""
    with pytest.raises(DataError, match="read-only"):
        streamed(history(market("AAA", [2, 3])), Meddling())


def test_streamed_target_out_of_range_is_refused_by_name() -> None:
    """As over a whole history."""
    with pytest.raises(DataError, match="on AAA must return targets from -1 to 1 or NaN, got 2 at bar 1"):
        streamed(history(market("AAA", [1, 2_000, 3])), Closes())


def test_a_target_out_of_range_is_refused_by_name() -> None:
    """The strategy, the symbol, the value and the bar are in the message."""
    past = history(market("AAA", [1, 2, 3]))
    spec = run_spec(past, {"AAA": Scripted("0 2 0")}, fraction(0.1))
    with pytest.raises(DataError, match="on AAA must return targets from -1 to 1 or NaN, got 2 at bar 1"):
        target_arrays(spec, past)
