"""Measures by hand, at their edges, and as the back-test reports them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import AssetClass
from domain.performance import (
    Drawdown,
    annual_return,
    calmar,
    conditional_value_at_risk,
    equity_points,
    longest_drawdown,
    max_drawdown,
    measure,
    periods_a_year,
    profit_factor,
    sharpe,
    simple_returns,
    sortino,
    turnover,
    value_at_risk,
    win_rate,
)
from domain.trades import Trade

NAMES = (
    "total_return annual_return annual_volatility sharpe sortino calmar max_drawdown var_95 cvar_95 win_rate profit_factor "
    "exposure turnover fees"
)


def trade(pnl: float) -> Trade:
    """Return a trade that made this much."""
    return Trade("SPY", 1, 1.0, 0, 100.0, 1, 100.0 + pnl, 0.0, pnl, pnl / 100.0, "target")


@pytest.mark.parametrize(
    ("classes", "periods"),
    [
        ([AssetClass.EQUITY], 252),
        ([AssetClass.CRYPTO, AssetClass.CRYPTO], 365),
        ([AssetClass.FX], 260),
        ([AssetClass.CRYPTO, AssetClass.FX], 252),
        ([AssetClass.EQUITY, AssetClass.CRYPTO], 252),
    ],
)
def test_year_is_that_of_the_asset_class(classes: list[AssetClass], periods: int) -> None:
    """Mixtures count as equities."""
    assert periods_a_year(classes) == periods


def test_points_are_the_last_of_each_session() -> None:
    """Intraday equity becomes one point a session, after the initial cash where it is given."""
    equity, sessions = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([7, 7, 8, 9, 9])
    assert equity_points(equity, sessions).tolist() == [2.0, 3.0, 5.0]
    assert equity_points(equity, sessions, 10.0).tolist() == [10.0, 2.0, 3.0, 5.0]
    assert equity_points(equity[:0], sessions[:0]).tolist() == []
    assert equity_points(equity[:0], sessions[:0], 10.0).tolist() == [10.0]


def test_annual_return_compounds() -> None:
    """Twice the money in half a year is four times in one."""
    points = np.array([1.0] * 126 + [2.0])
    assert annual_return(points, 252) == pytest.approx(3.0, rel=1e-12)


@pytest.mark.parametrize(("last", "expected"), [(0.0, -1.0), (-1.0, math.nan), (1e300, math.inf)])
def test_annual_return_at_its_edges(last: float, expected: float) -> None:
    """Everything lost is -1; less than nothing has no rate; a rate beyond numbers is infinite."""
    assert annual_return(np.array([1.0, last]), 252) == pytest.approx(expected, nan_ok=True)


def test_drawdown_says_where_it_lies() -> None:
    """The deepest fall, its peak, its trough and the first point back at the peak."""
    assert max_drawdown(np.array([100.0, 110.0, 88.0, 99.0, 110.0, 120.0, 108.0])) == Drawdown(88.0 / 110.0 - 1.0, 1, 2, 4)
    assert max_drawdown(np.array([100.0, 50.0])) == Drawdown(-0.5, 0, 1, None)
    assert max_drawdown(np.array([1.0, 2.0, 3.0])).depth == 0.0
    assert longest_drawdown(np.array([5.0, 4.0, 4.5, 5.0, 6.0, 5.0, 5.5, 5.9])) == 3
    assert longest_drawdown(np.array([1.0, 1.0, 2.0])) == 0


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=40))
def test_drawdown_is_the_worst_of_all_pairs(points: list[float]) -> None:
    """No later point stands lower against an earlier one than the drawdown says."""
    worst = min(points[j] / points[i] - 1.0 for i in range(len(points)) for j in range(i, len(points)))
    assert max_drawdown(np.array(points)).depth == pytest.approx(worst, abs=1e-12)


def test_cvar_is_the_mean_of_the_worst() -> None:
    """Of 41 returns the int(40 x 0.05) + 1 = 3 smallest; never above the value at risk."""
    returns = np.random.default_rng(5).permutation(np.arange(41) / 100.0 - 0.2)
    assert conditional_value_at_risk(returns) == pytest.approx((-0.20 - 0.19 - 0.18) / 3)
    assert value_at_risk(returns) == pytest.approx(-0.18)


def test_ratio_without_risk_is_infinite_or_undefined() -> None:
    """No deviation, no downside, no drawdown: the sign of the mean decides; nothing over nothing is undefined."""
    steady = simple_returns(np.array([100.0 * 1.01**day for day in range(30)]))
    assert sharpe(steady, 252) == math.inf
    assert sharpe(-steady, 252) == -math.inf
    assert math.isnan(sharpe(np.zeros(5), 252))
    assert sortino(steady, 252) == math.inf
    assert math.isnan(sortino(np.zeros(5), 252))
    assert calmar(np.array([1.0, 2.0, 3.0]), 252) == math.inf


def test_trades_are_judged_after_fees() -> None:
    """A trade that made nothing is no win and no loss."""
    trades = [trade(30.0), trade(-10.0), trade(0.0), trade(-5.0)]
    assert win_rate(trades) == 0.25
    assert profit_factor(trades) == 2.0
    assert profit_factor(trades[:1]) == math.inf
    assert math.isnan(profit_factor([]))
    assert math.isnan(win_rate([]))


def test_turnover_is_half_the_trading_a_year() -> None:
    """Buying and selling the mean equity once in half a year turns it over twice a year."""
    assert turnover(200.0, np.full(127, 100.0), 252) == pytest.approx(2.0)


def test_back_test_reports_every_metric() -> None:
    """Hand-computed on five points, two trades and twenty bars."""
    metrics = measure(
        np.array([100.0, 110.0, 99.0, 104.0, 120.0]),
        initial_cash=80.0,
        periods=252,
        trades=[trade(30.0), trade(-10.0)],
        fees=3,
        traded=400.0,
        bars=20,
        bars_held=5,
    )
    assert list(metrics) == NAMES.split()
    assert metrics["total_return"] == 0.5
    assert metrics["annual_return"] == pytest.approx(1.2**63 - 1)
    assert metrics["max_drawdown"] == pytest.approx(-0.1)
    assert metrics["calmar"] == pytest.approx((1.2**63 - 1) / 0.1)
    assert metrics["win_rate"] == 0.5
    assert metrics["profit_factor"] == 3.0
    assert metrics["exposure"] == 0.25
    assert metrics["turnover"] == pytest.approx(200.0 / 106.6 * 63)
    assert metrics["fees"] == 3.0


def test_metric_without_a_value_is_none() -> None:
    """One bar without a trade: what cannot be said is None, never NaN or infinity."""
    metrics = measure(np.array([100.0]), initial_cash=100.0, periods=252, trades=[], fees=0, traded=0, bars=1, bars_held=0)
    said = {name: value for name, value in metrics.items() if value is not None}
    assert said == {"total_return": 0.0, "max_drawdown": 0.0, "exposure": 0.0, "fees": 0.0}
    won = measure(np.array([1.0, 1.1, 1.3]), initial_cash=1, periods=9, trades=[trade(1.0)], fees=0, traded=0, bars=1, bars_held=0)
    assert [name for name, value in won.items() if value is None] == ["sortino", "calmar", "profit_factor"]
    none = measure(np.array([]), initial_cash=100.0, periods=252, trades=[], fees=0, traded=0, bars=0, bars_held=0)
    assert {name: value for name, value in none.items() if value is not None} == {"fees": 0.0}
