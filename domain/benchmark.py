"""A run measured against a benchmark: the market it could have held instead.

Returns and benchmark returns are float64 of equal length, one a session date, NaN where one is missing; pairs with a missing
value are left out. ``periods`` is the number of sessions a year, the risk-free rate 0. Definitions are those of
empyrical-reloaded, which its test vectors fix. Functions return NaN where a measure is undefined.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from domain.performance import annual_return, annual_volatility, max_drawdown, ratio, sharpe, simple_returns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Series = NDArray[np.float64]


def beta(returns: Series, benchmark: Series) -> float:
    """Return the covariance of the returns with the benchmark's / the variance of the benchmark's; Sharpe 1964."""
    own, other = _pairs(returns, benchmark)
    if len(own) < 2:
        return math.nan
    centred = other - np.mean(other)
    return ratio(float(np.mean(centred * (own - np.mean(own)))), float(np.mean(centred * centred)))


def alpha(returns: Series, benchmark: Series, periods: float) -> float:
    """Return (1 + mean(return - beta x benchmark return)) ** periods - 1, a year's return beyond the benchmark; Jensen 1968."""
    own, other = _pairs(returns, benchmark)
    slope = beta(own, other)
    return float((1.0 + np.mean(own - slope * other)) ** periods - 1.0) if math.isfinite(slope) else math.nan


def capture(returns: Series, benchmark: Series, periods: float) -> float:
    """Return the annual return / the benchmark's."""
    return ratio(_annual(returns, periods), _annual(benchmark, periods))


def up_capture(returns: Series, benchmark: Series, periods: float) -> float:
    """Return ``capture`` over the periods in which the benchmark rose."""
    rose = benchmark > 0.0
    return capture(returns[rose], benchmark[rose], periods)


def down_capture(returns: Series, benchmark: Series, periods: float) -> float:
    """Return ``capture`` over the periods in which the benchmark fell."""
    fell = benchmark < 0.0
    return capture(returns[fell], benchmark[fell], periods)


def tracking_error(returns: Series, benchmark: Series, periods: float) -> float:
    """Return the sample standard deviation of the returns beyond the benchmark's x sqrt(periods)."""
    own, other = _pairs(returns, benchmark)
    return annual_volatility(own - other, periods)


def information_ratio(returns: Series, benchmark: Series, periods: float) -> float:
    """Return the mean of the returns beyond the benchmark's / their sample standard deviation, x sqrt(periods)."""
    own, other = _pairs(returns, benchmark)
    return sharpe(own - other, periods)


def compare(points: Series, benchmark: Series, periods: float) -> dict[str, float | None]:
    """Return the measures of a run's points against the benchmark's at the same dates, None where one is undefined.

    The first five are the benchmark's own.
    """
    returns, other = simple_returns(points), simple_returns(benchmark)
    values = {
        "total_return": float(benchmark[-1] / benchmark[0]) - 1.0 if len(benchmark) else math.nan,
        "annual_return": annual_return(benchmark, periods),
        "annual_volatility": annual_volatility(other, periods),
        "sharpe": sharpe(other, periods),
        "max_drawdown": max_drawdown(benchmark).depth,
        "alpha": alpha(returns, other, periods),
        "beta": beta(returns, other),
        "capture": capture(returns, other, periods),
        "up_capture": up_capture(returns, other, periods),
        "down_capture": down_capture(returns, other, periods),
        "tracking_error": tracking_error(returns, other, periods),
        "information_ratio": information_ratio(returns, other, periods),
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _pairs(returns: Series, benchmark: Series) -> tuple[Series, Series]:
    both = ~(np.isnan(returns) | np.isnan(benchmark))
    return returns[both], benchmark[both]


def _annual(returns: Series, periods: float) -> float:
    """Return the annual return; a missing one is a period without change."""
    return annual_return(np.concatenate([[1.0], np.cumprod(1.0 + np.nan_to_num(returns))]), periods)
