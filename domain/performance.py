"""The measures of a back-test and the round trips behind them.

Equity comes as points: float64, one a session date, oldest first (``equity_points``); n points give n - 1 simple returns.
``periods`` is the number of sessions a year. Functions return NaN where a measure is undefined and infinity where it is
infinite; ``measure`` turns both into None. Definitions are those of empyrical-reloaded, which its test vectors fix:
drawdown, value at risk and its conditional are negative, standard deviations are sample ones, the risk-free rate is 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from domain.market import AssetClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from domain.trades import Trade

    type Series = NDArray[np.float64]

_ROUNDING: Final = 1e-15
"""A deviation of returns not above this is what rounding leaves of zero."""


class Drawdown(NamedTuple):
    """The deepest fall from a peak: ``depth`` <= 0; peak, trough and recovery as indices of points, None: not recovered."""

    depth: float
    peak: int
    trough: int
    recovery: int | None


def periods_a_year(asset_classes: Iterable[AssetClass]) -> int:
    """Return the sessions a year: 365 for crypto alone, 260 for FX alone, 252 for equities and mixtures."""
    only = set(asset_classes)
    if only == {AssetClass.CRYPTO}:
        return 365
    return 260 if only == {AssetClass.FX} else 252


def equity_points(equity: Series, sessions: NDArray[np.int64], before: float | None = None) -> Series:
    """Return the last equity of each session date, after ``before``: the initial cash where bars are shorter than a day.

    ``equity`` has one value an instant in time order and ``sessions`` its session date.
    """
    last = np.diff(sessions, append=sessions[-1:] + 1) != 0
    return np.concatenate([np.array([] if before is None else [before], np.float64), equity[last]])


def simple_returns(points: Series) -> Series:
    """Return point / point before - 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return points[1:] / points[:-1] - 1.0


def annual_return(points: Series, periods: float) -> float:
    """Return (last / first) ** (periods / (n - 1)) - 1, the compound annual growth."""
    if len(points) < 2 or points[0] <= 0.0 or points[-1] < 0.0:
        return math.nan
    return growth_of(float(points[0]), float(points[-1]), len(points) - 1, periods)


def growth_of(first: float, last: float, returns: int, periods: float) -> float:
    """Return the compound annual growth from a positive first point to the last, so many returns later."""
    try:
        return float((last / first) ** (periods / returns)) - 1.0
    except OverflowError:
        return math.inf


def annual_volatility(returns: Series, periods: float) -> float:
    """Return the sample standard deviation of the returns x sqrt(periods)."""
    return float(np.std(returns, ddof=1) * math.sqrt(periods)) if len(returns) > 1 else math.nan


def sharpe(returns: Series, periods: float, risk_free: float | Series = 0.0) -> float:
    """Return mean / sample standard deviation of the returns above ``risk_free`` (a period's), x sqrt(periods); Sharpe 1994."""
    excess = returns - risk_free
    if len(excess) < 2:
        return math.nan
    return sharpe_of(float(np.mean(excess)), float(np.std(excess, ddof=1)), periods)


def sharpe_of(mean: float, deviation: float, periods: float) -> float:
    """Return the Sharpe ratio of returns with this mean and sample standard deviation."""
    return ratio(mean, deviation) * math.sqrt(periods)


def downside_risk(returns: Series, periods: float, required: float | Series = 0.0) -> float:
    """Return sqrt(mean(min(return - required, 0) ** 2)) x sqrt(periods), all returns in the mean; Sortino and Price 1994."""
    if not len(returns):
        return math.nan
    below = np.minimum(returns - required, 0.0)
    return downside_of(float(np.mean(below * below)), periods)


def downside_of(shortfall: float, periods: float) -> float:
    """Return the downside risk of returns with this mean squared shortfall."""
    return math.sqrt(shortfall) * math.sqrt(periods)


def sortino(returns: Series, periods: float, required: float | Series = 0.0) -> float:
    """Return the mean return above ``required`` (a period's) x periods / downside risk."""
    if not len(returns):
        return math.nan
    return sortino_of(float(np.mean(returns - required)), downside_risk(returns, periods, required), periods)


def sortino_of(mean: float, downside: float, periods: float) -> float:
    """Return the Sortino ratio of returns with this mean and downside risk."""
    return ratio(mean * periods, downside)


def calmar(points: Series, periods: float) -> float:
    """Return annual return / depth of the deepest drawdown; Young 1991."""
    return ratio(annual_return(points, periods), -max_drawdown(points).depth)


def max_drawdown(points: Series) -> Drawdown:
    """Return the deepest fall from the highest point so far: the minimum of point / peak - 1, and where it lies."""
    if not len(points):
        return Drawdown(math.nan, 0, 0, None)
    peaks = np.maximum.accumulate(points)
    falls = points / peaks - 1.0
    trough = int(np.argmin(falls))
    peak = int(np.argmax(points[: trough + 1]))
    back = np.flatnonzero(points[trough:] >= peaks[trough])
    return Drawdown(float(falls[trough]), peak, trough, trough + int(back[0]) if len(back) else None)


def longest_drawdown(points: Series) -> int:
    """Return the length in points of the longest run below an earlier peak."""
    below = points < np.maximum.accumulate(points)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], below, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def omega(returns: Series, required: float = 0.0) -> float:
    """Return the gains above ``required`` (a period's) / the shortfalls below it; Keating and Shadwick 2002."""
    excess = returns - required
    return ratio(float(np.maximum(excess, 0.0).sum()), float(np.maximum(-excess, 0.0).sum())) if len(returns) else math.nan


def tail_ratio(returns: Series) -> float:
    """Return the size of the 95th percentile of the returns / that of the 5th, both interpolated linearly."""
    if not len(returns):
        return math.nan
    low, high = np.percentile(returns, [5.0, 95.0])
    return ratio(abs(float(high)), abs(float(low)))


def stability(points: Series) -> float:
    """Return the R squared of a line through the logarithms of the points after the first: how steadily they grow."""
    if len(points) < 3 or not np.all(points > 0.0):
        return math.nan
    growth = np.log(points[1:] / points[0])
    return float(np.corrcoef(np.arange(len(growth)), growth)[0, 1] ** 2) if np.ptp(growth) > _ROUNDING else math.nan


def skewness(returns: Series) -> float:
    """Return the third central moment / the second ** 1.5, population moments."""
    return _moment_ratio(returns, 3)


def excess_kurtosis(returns: Series) -> float:
    """Return the fourth central moment / the second squared - 3, population moments."""
    return _moment_ratio(returns, 4) - 3.0


def value_at_risk(returns: Series, cutoff: float = 0.05) -> float:
    """Return the ``cutoff`` quantile of the returns, interpolated linearly (historical simulation)."""
    return float(np.percentile(returns, 100.0 * cutoff)) if len(returns) else math.nan


def conditional_value_at_risk(returns: Series, cutoff: float = 0.05) -> float:
    """Return the mean of the int((n - 1) x cutoff) + 1 smallest returns; Rockafellar and Uryasev 2000, discrete."""
    if not len(returns):
        return math.nan
    worst = int((len(returns) - 1) * cutoff) + 1
    return float(np.mean(np.partition(returns, worst - 1)[:worst]))


def win_rate(trades: Sequence[Trade]) -> float:
    """Return the share of trades that made money after fees."""
    return sum(trade.pnl > 0.0 for trade in trades) / len(trades) if trades else math.nan


def profit_factor(trades: Sequence[Trade]) -> float:
    """Return what the winning trades made / what the losing ones lost."""
    won = math.fsum(trade.pnl for trade in trades if trade.pnl > 0.0)
    return ratio(won, -math.fsum(trade.pnl for trade in trades if trade.pnl < 0.0))


def turnover(traded: float, points: Series, periods: float) -> float:
    """Return half of what was bought and sold, ``traded``, / mean equity, a year."""
    if len(points) < 2:
        return math.nan
    return ratio(traded / 2.0, float(np.mean(points))) * periods / (len(points) - 1)


def measure(
    points: Series,
    *,
    initial_cash: float,
    periods: float,
    trades: Sequence[Trade],
    fees: float,
    traded: float,
    bars: int,
    bars_held: int,
) -> dict[str, float | None]:
    """Return the metrics of a back-test by name, None where one is undefined or infinite.

    ``traded`` is the money bought plus the money sold, ``fees`` the money paid for it; ``bars_held`` of ``bars`` end with a
    position in their symbol.
    """
    returns = simple_returns(points)
    values = {
        "total_return": float(points[-1]) / initial_cash - 1.0 if len(points) else math.nan,
        "annual_return": annual_return(points, periods),
        "annual_volatility": annual_volatility(returns, periods),
        "sharpe": sharpe(returns, periods),
        "sortino": sortino(returns, periods),
        "calmar": calmar(points, periods),
        "max_drawdown": max_drawdown(points).depth,
        "var_95": value_at_risk(returns),
        "cvar_95": conditional_value_at_risk(returns),
        "win_rate": win_rate(trades),
        "profit_factor": profit_factor(trades),
        "exposure": ratio(bars_held, bars),
        "turnover": turnover(traded, points, periods),
        "fees": float(fees),
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _moment_ratio(returns: Series, power: int) -> float:
    if len(returns) < 2 or np.ptp(returns) <= _ROUNDING:
        return math.nan
    centred = returns - np.mean(returns)
    return float(np.mean(centred**power) / np.mean(centred**2) ** (power / 2))


def ratio(part: float, whole: float) -> float:
    """Return part / whole; over a zero whole infinity with the sign of ``part``, NaN for 0 / 0."""
    if math.isnan(part) or math.isnan(whole):
        return math.nan
    if abs(whole) > _ROUNDING:
        return part / whole
    return math.copysign(math.inf, part) if part else math.nan
