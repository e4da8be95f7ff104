"""Measures against empyrical-reloaded, quantstats and published figures.

Every case of the three files is met. Excess Sharpe is the information ratio of one period a year, and rolling measures are ours
on each window.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from domain.benchmark import alpha, beta, capture, down_capture, information_ratio
from domain.performance import (
    annual_return,
    annual_volatility,
    calmar,
    conditional_value_at_risk,
    downside_risk,
    excess_kurtosis,
    longest_drawdown,
    max_drawdown,
    omega,
    sharpe,
    simple_returns,
    skewness,
    sortino,
    stability,
    tail_ratio,
    value_at_risk,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.strategy import Series

TESTS = Path(__file__).parents[1]
ORACLES = TESTS / "oracles"
VECTORS = json.loads((ORACLES / "metrics_vectors.json").read_text())
ADJUSTED = json.loads((ORACLES / "metrics_adjusted_close.json").read_text())["cases"]
PERIODS = {"daily": 252, "weekly": 52, "monthly": 12}


def series(given: str | list[float] | float) -> Series:
    """Return a series by its name or values, NaN for null."""
    return np.array(VECTORS["series"][given] if isinstance(given, str) else given, np.float64)


def wealth(returns: Series) -> Series:
    """Return the points of a series of returns from 1; a missing return is a period without change."""
    return np.concatenate([[1.0], np.cumprod(1.0 + np.nan_to_num(returns))])


def rolling(returns: Series, one: Callable[[Series], float]) -> list[float]:
    """Return a measure of each window of six returns."""
    return [one(returns[start : start + 6]) for start in range(len(returns) - 5)]


MEASURES: dict[str, Callable[[Series, int, Any], Any]] = {
    "max_drawdown": lambda returns, _, __: max_drawdown(wealth(returns)).depth,
    "annual_return": lambda returns, periods, _: annual_return(wealth(returns), periods),
    "cagr": lambda returns, periods, _: annual_return(wealth(returns), periods),
    "annual_volatility": lambda returns, periods, _: annual_volatility(returns[~np.isnan(returns)], periods),
    "calmar": lambda returns, periods, _: calmar(wealth(returns), periods),
    "sharpe": lambda returns, periods, other: sharpe((returns - other)[~np.isnan(returns)], periods),
    "excess_sharpe": lambda returns, _, other: information_ratio(returns, other, 1),
    "omega": lambda returns, _, other: omega(returns[~np.isnan(returns)], other),
    "alpha_beta": lambda returns, periods, other: [alpha(returns, other, periods), beta(returns, other)],
    "capture": lambda returns, periods, other: capture(returns, other, periods),
    "down_capture": lambda returns, periods, other: down_capture(returns, other, periods),
    "stability": lambda returns, _, __: stability(wealth(returns[~np.isnan(returns)])),
    "tail_ratio": lambda returns, _, __: tail_ratio(returns[~np.isnan(returns)]),
    "downside_risk": lambda returns, periods, other: downside_risk(returns[~np.isnan(returns)], periods, other),
    "sortino": lambda returns, periods, other: sortino((returns - other)[~np.isnan(returns)], periods),
    "value_at_risk": lambda returns, _, cutoff: value_at_risk(returns, cutoff),
    "roll_sharpe_6": lambda returns, periods, _: rolling(returns, lambda window: sharpe(window, periods)),
    "roll_max_drawdown_6": lambda returns, _, __: rolling(returns, lambda window: max_drawdown(wealth(window)).depth),
}


def measured(case: dict[str, Any]) -> Any:
    """Return our measure of a case; what it is compared with has one of several names."""
    others = [case[name] for name in ("required_return", "risk_free", "factor", "cutoff", "benchmark") if name in case]
    other = others[0] if others else 0.0
    if "required_return_annual" in case:
        other = (1.0 + case["required_return_annual"]) ** (1.0 / 252) - 1.0
    periods = PERIODS[case.get("period", "daily")]
    return MEASURES[case["metric"]](series(case["returns"]), periods, series(other) if isinstance(other, str) else other)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['metric']}-{case['returns']}")
def test_measure_equals_the_vectors_of_empyrical(case: dict[str, Any]) -> None:
    """Short series, equal to 8 decimals or the tolerance of the case; null is undefined."""
    expected = math.nan if case["expected"] is None else case["expected"]
    tolerance = case.get("tolerance", 1e-8)
    np.testing.assert_allclose(measured(case), expected, rtol=0, atol=tolerance, equal_nan=True)


def test_no_vector_is_left_out() -> None:
    """All 32 cases of the file are met above, and every measure here is one of theirs."""
    assert len(VECTORS["cases"]) == 32
    assert {case["metric"] for case in VECTORS["cases"]} == set(MEASURES)


def adjusted_closes(symbol: str, first: str, last: str) -> Series:
    """Return raw closes x the price and split factor of the first factor row on or after each session."""
    table = pq.read_table(TESTS.parent / "deployments" / "data" / "equity_1d.parquet").filter(pc.field("symbol") == symbol)
    dates = table["time"].to_numpy().astype("datetime64[D]").astype(str)
    with (ORACLES / "lean_factors.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["symbol"] == symbol]
    at = np.searchsorted([row["date"] for row in rows], dates)
    factors = np.array([float(row["price_factor"]) * float(row["split_factor"]) for row in rows])
    inside = (dates >= first) & (dates <= last)
    return np.asarray((table["close"].to_numpy() * factors[at])[inside])


@pytest.mark.parametrize("case", ADJUSTED, ids=lambda case: case["symbol"])
def test_measures_of_real_closes_equal_two_peers(case: dict[str, Any]) -> None:
    """Ten and fifteen years of adjusted closes, equal to 1e-9, of the measures the system has."""
    points = adjusted_closes(case["symbol"], case["first"], case["last"])
    returns = simple_returns(points)
    ours = {
        "total_return": points[-1] / points[0] - 1.0,
        "annual_return_geometric_252": annual_return(points, 252),
        "annual_volatility": annual_volatility(returns, 252),
        "sharpe_rf0": sharpe(returns, 252),
        "sortino_req0": sortino(returns, 252),
        "max_drawdown": max_drawdown(points).depth,
        "calmar": calmar(points, 252),
        "var_5pct_historical": value_at_risk(returns),
        "cvar_5pct_historical": conditional_value_at_risk(returns),
        "downside_risk": downside_risk(returns, 252),
        "omega_0": omega(returns),
        "tail_ratio": tail_ratio(returns),
        "stability": stability(points),
        "skew_scipy": skewness(returns),
        "excess_kurtosis_scipy": excess_kurtosis(returns),
    }
    assert case["expected"].keys() - ours.keys() <= {"beta", "alpha_annual"}
    assert ours == pytest.approx({name: case["expected"][name] for name in ours}, rel=1e-9)


def test_alpha_and_beta_of_real_closes_equal_two_peers() -> None:
    """AAPL against SPY, the sessions both have bars of."""
    (case,) = [case for case in ADJUSTED if "beta" in case["expected"]]
    own, market = (simple_returns(adjusted_closes(symbol, case["first"], case["last"])) for symbol in (case["symbol"], "SPY"))
    ours = {"beta": beta(own, market), "alpha_annual": alpha(own, market, 252)}
    assert ours == pytest.approx({name: case["expected"][name] for name in ours}, rel=1e-9)


def test_measures_equal_the_published_ones_of_chan() -> None:
    """Sharpe of IGE over 4 % and of IGE against SPY, with the drawdown and its 497 days."""
    with gzip.open(ORACLES / "ige_spy_2001_2007.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    ige, spy = (simple_returns(np.array([float(row[name]) for row in rows])) for name in ("ige_adj_close", "spy_adj_close"))
    hedged = (ige - spy) / 2.0
    ours = {
        "chan_ige_sharpe": sharpe(ige, 252, 0.04 / 252),
        "chan_ige_spy_hedged_sharpe": sharpe(hedged, 252),
        "chan_hedged_max_drawdown": max_drawdown(wealth(hedged)).depth,
        "chan_hedged_max_drawdown_duration": longest_drawdown(wealth(hedged)),
    }
    for case in json.loads((ORACLES / "metrics_published.json").read_text())["cases"]:
        assert ours.pop(case["id"]) == pytest.approx(case["expected"], abs=case["tolerance"])
    assert ours == {}
