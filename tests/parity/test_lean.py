"""The nine strategies of LEAN's regression tests (QuantConnect/Lean 24863901deff, ExpectedStatistics of Algorithm.CSharp).

LEAN decides a daily bar at its close and fills at the next open, as we do. On hours and minutes it fills a market order at the
close, or the quote, of the bar that decided: here the next bar opens at that price.
"""

from __future__ import annotations

import csv
import datetime as dt
from itertools import pairwise
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from histories import TESTS
from peers import FREE, cases, opening_at, rows, run_holdings, run_wishes

from domain.market import Bars, CorporateAction
from domain.performance import max_drawdown
from domain.rules.costs import Costs, commission
from domain.strategy import Cancel, OrderType, Side, Wish
from tasks.backtest_document import trades_of
from tasks.market_data.files import read_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.backtest import Run

CASES = cases("lean_backtests")
FEES = Costs(0.0, per_unit=0.005, least=1.0, most_rate=0.005)
"""LEAN's cap of 0.5 % spares fees of 1.00; no order here is worth less than the 200 at which that differs from ours."""


def spy(case: dict[str, Any], file: str = "consensus_1d") -> Bars:
    """Return the raw bars of SPY between the dates of a case, both included."""
    start, end = (dt.date.fromisoformat(case[name]) for name in ("start", "end"))
    (bars,) = read_file(TESTS / f"data/{file}.parquet", ["SPY"], start, end)
    return bars


def factors() -> list[tuple[str, float, float, float]]:
    """Return date, price factor, split factor and reference close of SPY's factor file."""
    table = [row for row in rows("lean_factors.csv") if row["symbol"] == "SPY"]
    return [(r["date"], float(r["price_factor"]), float(r["split_factor"]), float(r["reference_close"])) for r in table]


def adjusted(bars: Bars) -> Bars:
    """Return the bars times both factors of the first row dated on or after them."""
    factor = factor_of(bars.time)
    prices = [getattr(bars, name) * factor for name in ("open", "high", "low", "close")]
    return Bars(bars.symbol, bars.timeframe, bars.time, *prices, bars.volume)


def factor_of(time: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return both factors together of the first row dated on or after each time."""
    table = factors()
    dates = np.array([row[0] for row in table], "datetime64[D]")
    days = time.astype("datetime64[us]").astype("datetime64[D]")
    return np.array([row[1] * row[2] for row in table])[np.searchsorted(dates, days)]


def quotes() -> list[tuple[float, float]]:
    """Return adjusted bid and ask at the close of the first two minutes of 2013-10-07."""
    with (TESTS / "data/spy_1m_quotes.csv").open() as file:
        table = list(csv.DictReader(file))
    time = np.array([row["time"].partition("+")[0] for row in table], "datetime64[us]").astype(np.int64)
    return [(float(r["bid_close"]) * f, float(r["ask_close"]) * f) for r, f in zip(table, factor_of(time), strict=True)]


def set_holdings(share: float, equity: float, price: float, costs: Costs = FEES) -> int:
    """Return the shares LEAN's SetHoldings(share) buys: a 400th of the equity stays, and the fee must fit too."""
    shares = int(share * equity * 0.9975 // price)
    while shares * price > share * (equity * 0.9975 - commission(shares, shares * price, costs)):
        shares -= 1
    return shares


def statistics(case: dict[str, Any], run: Run, hours: int) -> dict[str, float]:
    """Return what LEAN's statistics say of a run, as they round it; those of risk-free rates and weekends are left out.

    The years of the growth run from the midnight before the first day to ``hours`` of the last session. A gain or loss of a trade
    counts against the money there was before it.
    """
    money = float(case["expected_statistics"]["Start Equity"])
    points = np.array([money, *(row.equity for row in run.equity)])
    last = np.array(run.equity.time[-1]).astype("datetime64[us]").astype("datetime64[D]")
    days = (last - np.datetime64(case["start"])).astype(int) + hours / 24.0
    gains, losses = [], []
    for trade in trades_of(run):
        (gains if trade.pnl > 0.0 else losses).append(trade.pnl / money)
        money += trade.pnl
    won, gain, loss = len(gains) / max(1, len(gains) + len(losses)), mean(gains or [0.0]), mean(losses or [0.0])
    ratio = gain / -loss if loss else 0.0
    lost = 1.0 - won if losses else 0.0
    return {
        "Net Profit": round(points[-1] / points[0] - 1.0, 5) * 100.0,
        "Compounding Annual Return": round((points[-1] / points[0]) ** (365.0 / days) - 1.0, 5) * 100.0,
        "Drawdown": round(-max_drawdown(points).depth, 3) * 100.0,
        "Win Rate": round(won, 2) * 100.0,
        "Loss Rate": round(lost, 2) * 100.0,
        "Average Win": round(gain, 4) * 100.0,
        "Average Loss": round(loss, 4) * 100.0,
        "Profit-Loss Ratio": round(ratio, 2),
        "Expectancy": round(won * ratio - lost, 3),
    }


def assert_as_lean(name: str, run: Run, hours: int = 16) -> None:
    """Assert the final equity and all fees to the cent, and the other statistics as rounded."""
    case = CASES[name]
    assert run.equity[-1].equity == pytest.approx(case["expected_final_equity"], abs=0.01)
    assert sum(fill.fee for fill in run.fills) == pytest.approx(case["expected_total_fees"], abs=0.01)
    ours = statistics(case, run, hours)
    expected = {key: float(case["expected_statistics"][key].strip("%")) for key in ours}
    assert ours == pytest.approx(expected, abs=1e-9)


def test_basic_daily() -> None:
    """697 shares of SPY for nine days of October 2013, adjusted."""
    bars = adjusted(spy(CASES["lean_basic_daily"]))
    run = run_holdings(bars, {0: set_holdings(1.0, 100_000.0, float(bars.close[0]))}, 100_000.0, FEES)
    assert [(f.quantity, f.price) for f in run.fills] == [(697.0, pytest.approx(143.372382812, abs=1e-9))]
    assert_as_lean("lean_basic_daily", run)


def test_basic_hourly() -> None:
    """687 shares at the close of the first hour."""
    bars = adjusted(spy(CASES["lean_basic_hourly"], "spy_1h"))
    first = float(bars.close[0])
    run = run_holdings(opening_at(bars, {1: first}), {0: set_holdings(1.0, 100_000.0, first)}, 100_000.0, FEES)
    assert [(f.quantity, f.price) for f in run.fills] == [(687.0, first)]
    assert_as_lean("lean_basic_hourly", run)


def test_basic_minute() -> None:
    """688 shares at the ask of the first minute."""
    bars = adjusted(spy(CASES["lean_basic_minute"], "spy_1m"))
    (_, ask), _ = quotes()
    shares = set_holdings(1.0, 100_000.0, float(bars.close[0]))
    run = run_holdings(opening_at(bars, {1: ask}), {0: shares}, 100_000.0, FEES)
    assert [(f.quantity, f.price) for f in run.fills] == [(688.0, pytest.approx(144.78172417, abs=1e-8))]
    assert_as_lean("lean_basic_minute", run)


def test_zero_fee() -> None:
    """689 shares bought at the ask of the first minute and sold at the bid of the second, without fees."""
    bars = adjusted(spy(CASES["lean_zero_fee"], "spy_1m"))
    (_, ask), (bid, _) = quotes()
    shares = set_holdings(1.0, 100_000.0, float(bars.close[0]), FREE)
    run = run_holdings(opening_at(bars, {1: ask, 2: bid}), {0: shares, 1: 0}, 100_000.0)
    assert [(f.quantity, f.price) for f in run.fills] == [(689.0, ask), (689.0, bid)]
    assert_as_lean("lean_zero_fee", run)


def test_dividends_on_raw_prices() -> None:
    """Half the cash in SPY from 1998 to 2005: 33 dividends, each rounded to a cent a share, paid on the ex-date."""
    bars = spy(CASES["lean_dividend_raw"])
    dividends = [
        CorporateAction("SPY", str(np.datetime64(date) + 1), "dividend", round(close * (1 - factor / later[1]), 2))
        for (date, factor, _, close), later in pairwise(factors())
        if "1998-01-05" <= date < "2006-01-01"
    ]
    shares = set_holdings(0.5, 100_000.0, float(bars.close[0]))
    run = run_holdings(bars, {0: shares}, 100_000.0, FEES, tuple(dividends))
    assert len([d for d in dividends if d.value > 0.0]) == 33
    assert [(f.quantity, f.price) for f in run.fills] == [(512.0, pytest.approx(97.84, abs=1e-9))]
    assert_as_lean("lean_dividend_raw", run)


def test_buy_when_a_window_is_full() -> None:
    """On the 20th bar of 2013 floor(25,000 / close) shares, held to the end of 2014."""
    bars = adjusted(spy(CASES["lean_rsi_bb_ready"]))
    run = run_holdings(bars, {19: int(25_000.0 // bars.close[19])}, 25_000.0, FEES)
    assert [f.quantity for f in run.fills] == [195.0]
    assert_as_lean("lean_rsi_bb_ready", run, hours=24)  # other data of the algorithm run on to midnight


def seeded_ema(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the exponential average seeded with the mean of the first ``length`` values; NaN before it."""
    out = np.full(len(values), np.nan)
    first = int(np.flatnonzero(~np.isnan(values))[0]) + length - 1
    out[first] = np.mean(values[first - length + 1 : first + 1])
    for i in range(first + 1, len(values)):
        out[i] = out[i - 1] + (values[i] - out[i - 1]) * 2.0 / (length + 1)
    return out


def macd_holdings(bars: Bars) -> dict[int, int]:
    """Follow the algorithm: all in above a distance of 0.0025 from the signal, out below -0.0025, by the cash it has then."""
    fast = seeded_ema(bars.close, 12)
    macd = fast - seeded_ema(bars.close, 26)
    distance = (macd - seeded_ema(macd, 9)) / fast
    wanted, held, cash = {}, 0, 100_000.0
    for i in range(len(bars) - 1):
        change = 0
        if not held and distance[i] > 0.0025:
            change = set_holdings(1.0, cash, float(bars.close[i]))
        elif held and distance[i] < -0.0025:
            change = -held
        if change:
            held += change
            wanted[i] = held
            value = change * float(bars.open[i + 1])
            cash -= value + commission(abs(change), abs(value), FEES)
    return wanted


def test_macd_trend() -> None:
    """Eleven years of MACD(12, 26, 9) on adjusted SPY: 84 fills; the 85th order is of the last day and never fills."""
    bars = adjusted(spy(CASES["lean_macd_trend"]))
    run = run_holdings(bars, macd_holdings(bars), 100_000.0, FEES)
    assert len(run.fills) == CASES["lean_macd_trend"]["expected_orders"] - 1
    assert_as_lean("lean_macd_trend", run)


def test_changed_limit() -> None:
    """A limit of 100 replaced at once by one at the bar's low: 20 shares fill in the next bar at the lower of open and limit."""
    bars = adjusted(spy(CASES["lean_limit_update"]))
    low = float(bars.low[0])
    first = Wish(Side.BUY, 10.0, OrderType.LIMIT, limit=100.0, tag=1)
    changed = Wish(Side.BUY, 20.0, OrderType.LIMIT, limit=low, tag=2)
    run = run_wishes(bars, {0: [first, Cancel(1), changed]}, 100_000.0, FEES)
    assert [(f.quantity, f.price) for f in run.fills] == [(20.0, pytest.approx(min(low, bars.open[1]), abs=1e-8))]
    assert run.fills[0].time == bars.time[1]
    assert_as_lean("lean_limit_update", run)


def test_stop_that_is_through_already() -> None:
    """At noon of 2021-03-01 a stop two dollars below the last price to buy one share: the next bar's open fills it."""
    bars = adjusted(spy(CASES["lean_stop_market"], "spy_1h"))
    noon = int(np.searchsorted(bars.time.astype("datetime64[us]"), np.datetime64("2021-03-01T16:00")))  # ends 12:00 New York
    stop = Wish(Side.BUY, 1.0, OrderType.STOP, stop=float(bars.close[noon]) - 2.0)
    run = run_wishes(bars, {noon: [stop]}, 100_000.0, FEES)
    assert [(f.time, f.quantity, f.price) for f in run.fills] == [(bars.time[noon + 1], 1.0, bars.open[noon + 1])]
    assert_as_lean("lean_stop_market", run)
