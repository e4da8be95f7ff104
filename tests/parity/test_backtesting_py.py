"""SMA crosses on GOOG by backtesting.py (kernc/backtesting.py 0.6.6): its documented long-short table, a long-only run, a grid.

It puts all equity into whole shares at the open of the fill, and closes what is open at the open of the last bar. Its statistics
are worked out by its definitions from our equity and our trades.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil, exp, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from peers import cases, compressed, rows, run_holdings

from domain.market import DAY
from domain.performance import max_drawdown
from domain.rules.costs import Costs
from tasks.backtest_document import trades_of

if TYPE_CHECKING:
    from pathlib import Path

    from domain.market import Bars
    from domain.strategy import Series
    from domain.trades import Trade
    from tasks.backtest import Run

CASES = cases("backtesting_py")
CASH = 10_000.0
FEES = Costs(0.002, 0.0)


@pytest.fixture(scope="module")
def goog(shared: Path) -> Bars:
    """Unadjusted GOOG, 2148 days."""
    return compressed(shared / "oracles/inputs/goog_daily_2004_2013.csv.gz", "GOOG")


def exact_sums(bars: Bars, length: int) -> Series:
    """Return the sums of the last ``length`` closes in whole cents, NaN before: its compensated sums see exact ties as ties."""
    cents = np.rint(bars.close * 100.0)
    sums = np.convolve(cents, np.ones(length))[: len(cents)]
    sums[: length - 1] = np.nan
    return sums


def turns(bars: Bars, fast: int, slow: int) -> Series:
    """Return 1 where the averages cross up, -1 where they cross down, strictly on both bars: from -1 to 1, not by way of 0."""
    apart = np.sign(exact_sums(bars, fast) * slow - exact_sums(bars, slow) * fast)
    turned = np.diff(apart, prepend=np.nan) / 2.0
    return np.where(np.abs(turned) == 1.0, turned, 0.0)


def all_in(bars: Bars, fast: int, slow: int, rate: float, *, short: bool = False) -> dict[int, int]:
    """Return what it holds from each deciding bar on: all in from a cross up, out or, if ``short``, all short from a cross down."""
    turned = turns(bars, fast, slow)
    wanted, held, cash = {}, 0, CASH
    last = len(bars) - 1
    for i in range(slow, last):  # its first decision comes one bar after the first value
        side = 0 if i + 1 == last else int(turned[i] if short else max(turned[i], 0.0))
        if not (turned[i] or i + 1 == last) or side == np.sign(held):
            continue
        price = float(bars.open[i + 1])
        cash += held * price - abs(held) * price * rate
        held = side * int(cash // (price * (1.0 + rate)))
        cash -= held * price + abs(held) * price * rate
        wanted[i] = held
    return wanted


def days(count: float) -> int:
    """Return microseconds as the days they begin."""
    return ceil(count / DAY)


def of_equity(equity: Series, time: Series) -> dict[str, float]:
    """Return the statistics of the equity at the closes; growth is geometric, risk that of compounded returns."""
    returns = np.diff(equity) / equity[:-1]
    growth = (equity[-1] / equity[0]) ** (1.0 / len(returns))
    annual = growth**252 - 1.0
    volatility = sqrt((np.var(returns, ddof=1) + growth**2) ** 252 - growth ** (2 * 252))
    depth = -max_drawdown(equity).depth
    years = (time[-1] - time[0]) / DAY / 365.25
    return {
        "Equity Final [$]": equity[-1],
        "Equity Peak [$]": equity.max(),
        "Return [%]": (equity[-1] / equity[0] - 1.0) * 100.0,
        "Return (Ann.) [%]": annual * 100.0,
        "Volatility (Ann.) [%]": volatility * 100.0,
        "CAGR [%]": ((equity[-1] / equity[0]) ** (1.0 / years) - 1.0) * 100.0,
        "Sharpe Ratio": annual / volatility,
        "Sortino Ratio": annual / sqrt(np.mean(np.minimum(returns, 0.0) ** 2) * 252),
        "Calmar Ratio": annual / depth,
        "Max. Drawdown [%]": -depth * 100.0,
        "Duration": days(time[-1] - time[0]),
    } | of_drawdowns(equity, time)


def of_drawdowns(equity: Series, time: Series) -> dict[str, float]:
    """Return depth and length of the drawdowns: from one peak to the next, or to the last bar."""
    below = 1.0 - equity / np.maximum.accumulate(equity)
    peaks = np.unique(np.append(np.flatnonzero(below == 0.0), len(below) - 1))
    spans = [(int(a), int(b)) for a, b in pairwise(peaks) if b > a + 1]
    lengths = [float(time[b] - time[a]) for a, b in spans]
    return {
        "Avg. Drawdown [%]": -np.mean([below[a : b + 1].max() for a, b in spans]) * 100.0,
        "Max. Drawdown Duration": days(max(lengths)),
        "Avg. Drawdown Duration": days(np.mean(lengths)),
    }


def of_trades(trades: list[Trade], time: Series) -> dict[str, float]:
    """Return the statistics of the closed trades; returns are those on the entry, after fees."""
    returns, gains = np.array([trade.return_on_entry for trade in trades]), np.array([trade.pnl for trade in trades])
    held = np.zeros(len(time), np.bool_)
    for trade in trades:
        held[(time >= trade.entry_time) & (time <= trade.exit_time)] = True
    lengths = [trade.exit_time - trade.entry_time for trade in trades]
    won, lost = returns[returns > 0.0], -returns[returns < 0.0]
    rate = float(np.mean(gains > 0.0))
    return {
        "Exposure Time [%]": np.mean(held) * 100.0,
        "# Trades": len(trades),
        "Win Rate [%]": rate * 100.0,
        "Best Trade [%]": returns.max() * 100.0,
        "Worst Trade [%]": returns.min() * 100.0,
        "Avg. Trade [%]": (exp(np.mean(np.log1p(returns))) - 1.0) * 100.0,
        "Max. Trade Duration": days(max(lengths)),
        "Avg. Trade Duration": days(np.mean(lengths)),
        "Profit Factor": won.sum() / lost.sum(),
        "Expectancy [%]": returns.mean() * 100.0,
        "SQN": sqrt(len(gains)) * gains.mean() / gains.std(ddof=1),
        "Kelly Criterion": rate - (1.0 - rate) * -gains[gains < 0.0].mean() / gains[gains > 0.0].mean(),  # of money, not of returns
        "Commissions [$]": sum(trade.fees for trade in trades),
    }


def statistics(run: Run, bars: Bars, slow: int) -> dict[str, float]:
    """Return every number of its table; the market is held from the bar before the first decision on."""
    equity = np.array([row.equity for row in run.equity])
    ours = of_equity(equity, bars.time) | of_trades(trades_of(run), bars.time)
    market = (bars.close[-1] / bars.close[slow - 1] - 1.0) * 100.0
    own, other = np.diff(np.log(equity)), np.diff(np.log(bars.close))
    beta = np.cov(own, other)[0, 1] / np.var(other, ddof=1)
    return ours | {"Buy & Hold Return [%]": market, "Beta": beta, "Alpha [%]": ours["Return [%]"] - beta * market}


def assert_as_documented(name: str, ours: dict[str, float]) -> None:
    """Assert every number of a case to 1e-6, lengths to the day; dates are not numbers."""
    expected = {key: value for key, value in CASES[name]["expected"].items() if key not in {"Start", "End"}}
    numbers = {key: int(value.split()[0]) if isinstance(value, str) else value for key, value in expected.items()}
    assert {key: ours[key] for key in numbers} == pytest.approx(numbers, rel=1e-6)


def test_documented_table_of_a_strategy_that_goes_short(goog: Bars) -> None:
    """SMA(10)/SMA(30) turning from long to short and back, 66 trades without commission: every number of the table."""
    run = run_holdings(goog, all_in(goog, 10, 30, 0.0, short=True), CASH)
    ours = statistics(run, goog, 30)
    assert_as_documented("documented_reversal_10_30", ours)
    assert ours["Kelly Criterion"] == pytest.approx(cases("sizing")["kelly_from_trades"]["expected"], abs=1e-9)
    assert {trade.side for trade in trades_of(run)} == {1, -1}


def test_long_only_run_with_every_trade(goog: Bars) -> None:
    """SMA(10)/SMA(30) with 0.2 % commission: all numbers, and dates, sizes, prices and profits of the 33 trades."""
    case = CASES["long_only_10_30"]
    run = run_holdings(goog, all_in(goog, 10, 30, 0.002), CASH, FEES)
    assert_as_documented("long_only_10_30", statistics(run, goog, 30))
    for name, at in (("Start", 0), ("End", -1)):
        assert str(goog.time[at].astype("datetime64[us]"))[:10] == case["expected"][name][:10]
    expected = rows(case["trades"])
    for trade, row in zip(trades_of(run), expected, strict=True):
        assert str(np.datetime64(trade.entry_time, "us"))[:10] == row["EntryTime"]
        assert str(np.datetime64(trade.exit_time, "us"))[:10] == row["ExitTime"]
        assert trade.quantity == float(row["Size"])
        assert (trade.entry_price, trade.exit_price) == pytest.approx((float(row["EntryPrice"]), float(row["ExitPrice"])), rel=1e-6)
        assert (trade.pnl, trade.fees) == pytest.approx((float(row["PnL"]), float(row["Commission"])), abs=0.01)


def test_grid_of_windows(goog: Bars) -> None:
    """The final equity of every pair of windows, and which is best."""
    finals = {}
    table = rows("goog_sma_grid_backtesting_py.csv")
    for fast, slow, expected in ((int(row["fast"]), int(row["slow"]), float(row["final_equity"])) for row in table):
        finals[fast, slow] = run_holdings(goog, all_in(goog, fast, slow, 0.002), CASH, FEES).equity[-1].equity
        assert finals[fast, slow] == pytest.approx(expected, abs=0.01), (fast, slow)
    best = CASES["grid_5_25_x_10_65"]["best"]
    assert len(finals) == 50
    assert max(finals, key=lambda pair: finals[pair]) == (best["fast"], best["slow"])
