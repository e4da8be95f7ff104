"""The benchmark and the deepest fall in the document of a back-test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from histories import HOURLY, MONDAY, TESTS, fraction, history, market, run_alike, run_spec

from domain.market import DAY, HOUR, Bars, CorporateAction
from strategies.buy_and_hold import BuyAndHold
from tasks.backtest import BacktestRequest, run_backtest
from tasks.backtest_measures import BENCHMARK, benchmark_of, drawdown_of

if TYPE_CHECKING:
    from domain.timeline import History
    from tasks.backtest import Run

COLUMNS = ("time", "open", "high", "low", "close", "volume")
BARS = TESTS / "data/equity_1d.parquet"


def held(past: History) -> Run:
    """Return buy and hold of every symbol, all of the cash in equal parts, without costs."""
    return run_alike(run_spec(past, {one.symbol: BuyAndHold() for one in past.bars}, fraction(1.0 / len(past.bars))), past)


def test_benchmark_is_the_mean_of_what_the_symbols_made() -> None:
    """100 to 110 to 121 and 10 to 10 to 9: 1, 1.05, 1.055."""
    found = benchmark_of(held(history(market("AAA", [100, 110, 121]), market("BBB", [10, 10, 9]))))
    assert found["name"] == BENCHMARK
    assert found["total_return"] == pytest.approx(0.055, abs=1e-12)
    assert found["annual_return"] == pytest.approx(1.055 ** (252 / 2) - 1.0)


def test_split_is_no_loss_of_the_benchmark() -> None:
    """2 for 1 on the third day: 100, 100, 50 is nothing lost."""
    split = CorporateAction("AAA", "2021-03-03", "split", 2.0)
    found = benchmark_of(held(history(market("AAA", [100, 100, 50, 55]), actions=[split])))
    assert found["total_return"] == pytest.approx(0.1)
    assert found["max_drawdown"] == 0.0


def test_symbol_that_comes_later_is_cash_until_then() -> None:
    """BBB begins on Wednesday at 10 and doubles: the whole makes a half."""
    late = market("BBB", [10, 20], days=[2, 3])
    found = benchmark_of(held(history(market("AAA", [100] * 4), late)))
    assert found["total_return"] == pytest.approx(0.5)


def test_shorter_bars_begin_at_their_first_open() -> None:
    """Hours of two days: the benchmark is bought at 100, at 104 after the first and at 110 after the second."""
    first = market("AAA", [100, 103], [102, 104], timeframe=HOURLY, start=MONDAY + 15 * HOUR)
    second = market("AAA", [104, 90], [104, 110], timeframe=HOURLY, start=MONDAY + DAY + 15 * HOUR)
    bars = Bars("AAA", HOURLY, *(np.concatenate([getattr(one, name) for one in (first, second)]) for name in COLUMNS))
    assert benchmark_of(held(history(bars)))["total_return"] == pytest.approx(0.1)


def test_fall_from_the_initial_cash_begins_with_the_first_bar() -> None:
    """Shorter bars than a day: bought at 103, lower at the end of both days."""
    first = market("AAA", [103, 103], [103, 100], timeframe=HOURLY, start=MONDAY + 15 * HOUR)
    second = market("AAA", [99, 98], [98, 97], timeframe=HOURLY, start=MONDAY + DAY + 15 * HOUR)
    bars = Bars("AAA", HOURLY, *(np.concatenate([getattr(one, name) for one in (first, second)]) for name in COLUMNS))
    found = drawdown_of(held(history(bars)))
    assert (found["peak"], found["trough"], found["recovery"]) == ("2021-03-01T16:00:00Z", "2021-03-02T16:00:00Z", None)


def test_holding_all_of_the_market_is_beta_one_without_alpha() -> None:
    """SPY bought on its second day follows the benchmark from then on."""
    document = run_backtest(
        BacktestRequest(("buy_and_hold",), symbols=("SPY",), bars=BARS, sizing="fixed_fraction:1", commission_bps=0)
    ).document
    against = document["benchmark"]
    assert against["beta"] == pytest.approx(1.0, abs=0.01)
    assert against["alpha"] == pytest.approx(0.0, abs=0.002)
    assert (against["up_capture"], against["down_capture"]) == pytest.approx((1.0, 1.0), abs=0.01)


def test_deepest_fall_has_its_dates() -> None:
    """100, 120, 90, 60, 130: from the second day to the fourth, over on the fifth; two sessions below the peak."""
    run = held(history(market("AAA", [100, 100, 120, 90, 60, 130])))
    found = drawdown_of(run)
    days = ["2021-03-03T00:00:00Z", "2021-03-05T00:00:00Z", "2021-03-08T00:00:00Z"]
    assert [found[name] for name in ("peak", "trough", "recovery")] == days
    assert (found["depth"], found["longest_sessions"]) == (pytest.approx(-0.5), 2)
    assert drawdown_of(held(history(market("AAA", [100, 100, 120, 90]))))["recovery"] is None


def test_document_names_drawdown_and_benchmark() -> None:
    """The depth is that of the metrics; every measure is a number or null."""
    document = run_backtest(BacktestRequest(("moving_average_crossover",), symbols=("AAPL", "SPY"), bars=BARS)).document
    assert document["drawdown"]["depth"] == document["metrics"]["max_drawdown"]
    assert all(value is None or type(value) is float for name, value in document["benchmark"].items() if name != "name")
