"""Sizes and bounds that follow from a window of 60 returns: volatility target, Kelly, risk parity, value at risk, clusters.

Moments are sample ones of the last 60 simple returns of forward-adjusted closes, added one by one, oldest first. Returns of
several symbols are aligned by position: the k-th last of each. A missing input never makes a size larger: a weight without its
input is NaN, and what a limit is compared with is then infinite.
"""

from __future__ import annotations

from math import floor, inf, isfinite, nan, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.rules.rule import rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    type Numbers = Sequence[float] | NDArray[np.float64]
    type Slots = list[float] | NDArray[np.float64]
    type Flags = Sequence[bool] | NDArray[np.bool_]
    type Table = NDArray[np.float64]

RETURNS: Final = 60
"""The length of a window of returns."""

SWEEPS: Final = 100
"""How often the cyclical descent of ``equal_risk_weights`` visits each weight."""

FEWEST_TRIPS: Final = 30
UNPROVEN_WEIGHT: Final = 0.02
"""Kelly's weight with fewer round trips than ``FEWEST_TRIPS``."""


@rule
def window(closes: Numbers, start: int, end: int, out: Slots) -> bool:
    """Write the 60 simple returns of ``closes[end - 61:end]``, oldest first, to ``out``.

    False where [start, end) has fewer than 61 closes or one of them is not a positive number; ``out`` is then NaN throughout.
    """
    complete = end - start > RETURNS
    if complete:
        before = float(closes[end - RETURNS - 1])
        complete = 0.0 < before < inf
        for k in range(RETURNS):
            close = float(closes[end - RETURNS + k])
            if not (complete and 0.0 < close < inf):
                complete = False
                break
            out[k] = close / before - 1.0
            before = close
    if not complete:
        for k in range(RETURNS):
            out[k] = nan
    return complete


@rule
def mean(values: Numbers, count: int) -> float:
    """Return the mean of the first ``count`` values, NaN of none."""
    if count < 1:
        return nan
    total = 0.0
    for i in range(count):
        total += float(values[i])
    return total / count


@rule
def variance(values: Numbers, count: int) -> float:
    """Return the sample variance of the first ``count`` values in two passes, NaN of fewer than two."""
    if count < 2:
        return nan
    middle = mean(values, count)
    total = 0.0
    for i in range(count):
        deviation = float(values[i]) - middle
        total += deviation * deviation
    return total / (count - 1)


@rule
def covariance(a: Numbers, b: Numbers, count: int) -> float:
    """Return the sample covariance of the first ``count`` values in two passes, NaN of fewer than two."""
    if count < 2:
        return nan
    middle_a, middle_b = mean(a, count), mean(b, count)
    total = 0.0
    for i in range(count):
        total += (float(a[i]) - middle_a) * (float(b[i]) - middle_b)
    return total / (count - 1)


@rule
def correlation(a: Numbers, b: Numbers, count: int) -> float:
    """Return the sample correlation of the first ``count`` values, NaN where a variance is 0 or not finite."""
    scale = sqrt(variance(a, count) * variance(b, count))
    return covariance(a, b, count) / scale if 0.0 < scale < inf else nan


@rule
def annual_volatility(values: Numbers, count: int, periods: float) -> float:
    """Return the sample standard deviation of ``count`` returns x sqrt(``periods``), the number of bars a year."""
    return sqrt(variance(values, count)) * sqrt(periods)


@rule
def volatility_weight(target: float, volatility: float, symbols: int) -> float:
    """Return min(1, ``target`` / ``volatility``) / ``symbols``, both annual; NaN without a positive volatility."""
    if not (0.0 <= target < inf and 0.0 < volatility < inf):
        return nan
    weight = target / volatility
    return (weight if weight < 1.0 else 1.0) / symbols


class Trips(NamedTuple):
    """What Kelly's weight needs of round trips: their ``count``, the ``mean`` return and the ``squares`` of deviations from it."""

    count: int  # type: ignore[assignment]  # hides the method of tuples that nobody calls here
    mean: float
    squares: float


NO_TRIPS: Final = Trips(0, 0.0, 0.0)


@rule
def add_trip(trips: Trips, value: float) -> Trips:
    """Add the return of a round trip (Welford 1962, Technometrics 4)."""
    count = trips.count + 1
    deviation = value - trips.mean
    moved = trips.mean + deviation / count
    return Trips(count, moved, trips.squares + deviation * (value - moved))


@rule
def round_trip(side: int, entry: float, exit: float, cost_rate: float) -> float:  # noqa: A002 - the pair is entry and exit
    """Return what a round trip at these prices gains after costs, as a fraction; NaN without positive prices.

    Long: exit x (1 - c) / (entry x (1 + c)) - 1. Short: 1 - exit x (1 + c) / (entry x (1 - c)).
    """
    opened = entry * (1.0 + side * cost_rate)
    if not (0.0 < opened < inf and 0.0 < exit < inf):
        return nan
    return side * (exit * (1.0 - side * cost_rate) / opened - 1.0)


@rule
def kelly_weight(fraction: float, trips: Trips, symbols: int) -> float:
    """Return min(1, max(0, ``fraction`` x mean / sample variance)) / ``symbols``; 0.02 with fewer than 30 trips.

    The continuous formula of Thorp (2006), The Kelly criterion in blackjack, sports betting and the stock market. NaN where the
    trips do not vary.
    """
    if not 0.0 <= fraction < inf:
        return nan
    if trips.count < FEWEST_TRIPS:
        return UNPROVEN_WEIGHT
    spread = trips.squares / (trips.count - 1)
    if not (isfinite(trips.mean) and 0.0 < spread < inf):
        return nan
    weight = fraction * trips.mean / spread
    if weight <= 0.0:
        return 0.0
    return (weight if weight < 1.0 else 1.0) / symbols


@rule
def equal_risk_weights(covariances: Table, n: int, weights: Slots) -> bool:
    """Write the ``n`` weights, summing to 1, that contribute the same risk each: w_i x (covariances x w)_i.

    Cyclical coordinate descent of Griveau-Billion, Richard and Roncalli (2013), A fast algorithm for computing high-dimensional
    risk parity portfolios, from 1 / volatility. False where a variance is not above 0 or anything is not finite; ``weights``
    then holds nothing of use.
    """
    if n < 1:
        return False
    for i in range(n):
        if not 0.0 < covariances[i, i] < inf:
            return False
        weights[i] = 1.0 / sqrt(float(covariances[i, i]))
    for _ in range(SWEEPS):
        for i in range(n):
            weights[i] = _weight_at_budget(covariances, n, weights, i)
    total = 0.0
    for i in range(n):
        if not weights[i] > 0.0:
            return False
        total += float(weights[i])
    if not total < inf:
        return False
    for i in range(n):
        weights[i] /= total
    return True


@rule
def _weight_at_budget(covariances: Table, n: int, weights: Slots, i: int) -> float:
    """Return the weight ``i`` that bears a risk of 1 / n while the others stand: the root of own x w^2 + others x w = 1 / n."""
    others = 0.0
    for j in range(n):
        if j != i:
            others += float(covariances[i, j]) * float(weights[j])
    own = float(covariances[i, i])
    return (sqrt(others * others + 4.0 * own * (1.0 / n)) - others) / (2.0 * own)


@rule
def portfolio_value_at_risk(returns: Table, values: Numbers, n: int, cutoff: float, scratch: Slots) -> float:
    """Return the loss (account currency, at least 0) that a ``cutoff`` share of the last 60 returns would have exceeded.

    Historical simulation: the quantile, with linear interpolation, of sum over i of values[i] x returns[i, k]. ``returns`` is n x
    60, ``values`` are signed position values, ``cutoff`` lies in [0, 1], ``scratch`` is 60 long. Infinite where a held symbol has a
    return or a value that is not finite; a symbol of value 0 needs no returns.
    """
    for k in range(RETURNS):
        scratch[k] = 0.0
    for i in range(n):
        value = float(values[i])
        if value != 0.0:
            for k in range(RETURNS):
                scratch[k] += value * float(returns[i, k])
    for k in range(RETURNS):
        if not isfinite(scratch[k]):
            return inf
    _sort(scratch, RETURNS)
    place = cutoff * (RETURNS - 1)
    low = floor(place)
    high = low + 1 if low + 1 < RETURNS else low
    below, above = float(scratch[low]), float(scratch[high])
    loss = -(below + (above - below) * (place - low))
    return loss if loss > 0.0 else 0.0


@rule
def _sort(values: Slots, count: int) -> None:
    """Sort the first ``count`` values in place, smallest first, by insertion: the windows are short."""
    for i in range(1, count):
        value = values[i]
        k = i
        while k > 0 and values[k - 1] > value:
            values[k] = values[k - 1]
            k -= 1
        values[k] = value


@rule
def cluster_value(returns: Table, known: Flags, values: Numbers, n: int, symbol: int, threshold: float) -> float:
    """Return |values[symbol]| plus that of every other symbol whose returns correlate with its own by ``threshold`` or more.

    ``returns`` is n x 60. A symbol without a window (``known`` False) or without variance counts as correlated. Infinite where
    a value is not a number.
    """
    total = abs(float(values[symbol]))
    for j in range(n):
        if j == symbol or values[j] == 0.0:
            continue
        apart = known[symbol] and known[j] and correlation(returns[symbol], returns[j], RETURNS) < threshold
        if not apart:
            total += abs(float(values[j]))
    return total if total < inf else inf
