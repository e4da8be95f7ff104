"""Moments of 60 returns and the sizes and bounds that follow from them: by hand, against published figures, and compiled."""

from __future__ import annotations

import datetime as dt
import json
from itertools import pairwise
from math import inf, isnan, log, nan, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba.extending import register_jitable

from domain.rules import moments
from domain.rules.moments import (
    FEWEST_TRIPS,
    NO_TRIPS,
    RETURNS,
    Trips,
    add_trip,
    annual_volatility,
    cluster_value,
    correlation,
    covariance,
    equal_risk_weights,
    kelly_weight,
    mean,
    portfolio_value_at_risk,
    round_trip,
    variance,
    volatility_weight,
    window,
)
from domain.rules.rule import RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    type Matrix = NDArray[np.float64]

ORACLES = Path(__file__).parents[2] / "oracles"
PUBLISHED = {case["id"]: case for case in json.loads((ORACLES / "sizing.json").read_text())["cases"]}
REAL = json.loads((ORACLES / "risk_parity_real.json").read_text())

for _function in RULES:
    if _function.__module__ == moments.__name__:
        register_jitable(_function)


def compiled(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return a rule as the kernel compiles it, once."""
    if rule not in _compiled:
        _compiled[rule] = numba.njit(error_model="numpy")(rule)
    return _compiled[rule]


_compiled: dict[Callable[..., Any], Callable[..., Any]] = {}


def returns_of(closes: Sequence[float], start: int = 0, end: int | None = None) -> list[float] | None:
    """Return the window of ``closes[start:end]``, None where there is none."""
    out = [7.0] * RETURNS
    complete = window(closes, start, len(closes) if end is None else end, out)
    assert complete or all(isnan(value) for value in out)
    return out if complete else None


def trips_of(returns: Iterable[float]) -> Trips:
    """Return the moments of round trips added one by one."""
    trips = NO_TRIPS
    for value in returns:
        trips = add_trip(trips, value)
    return trips


def equal_risk(covariances: Matrix) -> list[float] | None:
    """Return the weights of equal risk contributions, None where there are none."""
    weights = [nan] * len(covariances)
    return weights if equal_risk_weights(covariances, len(covariances), weights) else None


def value_at_risk(returns: Matrix, values: Sequence[float], cutoff: float = 0.05) -> float:
    """Return the value at risk with a work array of its own."""
    return portfolio_value_at_risk(returns, values, len(values), cutoff, [nan] * RETURNS)


def made_returns(seed: int, symbols: int) -> Matrix:
    """Return 60 returns of each symbol: a common factor and noise of their own, volatilities from 0.3 to 6 % a bar."""
    random = np.random.default_rng(seed)
    volatility = random.uniform(0.003, 0.06, (symbols, 1))
    common = random.uniform(0.0, 0.9, (symbols, 1)) * random.normal(size=RETURNS)
    return volatility * (common + random.normal(size=(symbols, RETURNS)))


def bits(value: float) -> str:
    """Return a float so that equal means the same bits, any NaN alike."""
    return float(value).hex()


def test_window_is_the_last_sixty_returns_oldest_first() -> None:
    """100 to 80, 58 doublings, a quarter more: what lies before the last 61 closes is not looked at."""
    closes = [nan, nan, nan, 100.0, 80.0, *(80.0 * 2.0**k for k in range(1, 59)), 80.0 * 2.0**58 * 1.25]
    assert returns_of(closes) == [80.0 / 100.0 - 1.0, *[1.0] * 58, 0.25]


def test_window_stays_within_the_symbols_own_closes() -> None:
    """Columns of several symbols lie end to end: 61 closes from ``start`` are enough, 60 are not."""
    closes = [float(k) for k in range(1, 101)]
    assert returns_of(closes, 20, 81) == [close / before - 1.0 for before, close in pairwise(closes[20:81])]
    assert returns_of(closes, 21, 81) is None
    assert returns_of(closes, 0, 0) is None


@pytest.mark.parametrize("bad", [nan, inf, -inf, 0.0, -1.0])
@pytest.mark.parametrize("place", [0, 1, 30, 60])
def test_window_with_a_close_that_is_no_price_is_missing(place: int, bad: float) -> None:
    """One such close anywhere in the 61; ``returns_of`` checks that what was written before it is withdrawn."""
    closes = [100.0] * 61
    closes[place] = bad
    assert returns_of(closes) is None
    assert returns_of([bad, *[100.0] * 61]) == [0.0] * RETURNS


def test_moments_by_hand() -> None:
    """1, 2, 3, 4: mean 2.5, squares 2.25 + 0.25 + 0.25 + 2.25 = 5 over 3; with 2, 4, 6, 9: mean 5.25, products 11.5 over 3."""
    values = [1.0, 2.0, 3.0, 4.0, 999.0]
    assert mean(values, 4) == 2.5
    assert variance(values, 4) == 5.0 / 3.0
    assert covariance(values, [2.0, 4.0, 6.0, 9.0], 4) == 11.5 / 3.0
    assert correlation(values, [2.0, 4.0, 6.0, 8.0], 4) == pytest.approx(1.0, abs=1e-15)
    assert correlation(values, [4.0, 3.0, 2.0, 1.0], 4) == -1.0
    assert correlation(values, [1.0, 2.0, 2.0, 1.0], 4) == 0.0


def test_moments_of_too_few_values_are_missing() -> None:
    """No mean of nothing, no sample variance of one value."""
    assert isnan(mean([], 0))
    assert mean([3.0], 1) == 3.0
    assert isnan(variance([3.0], 1))
    assert isnan(covariance([3.0], [3.0], 1))


@pytest.mark.parametrize("other", [[2.0, 2.0, 2.0], [1.0, nan, 3.0], [1.0, inf, 3.0], [1e-200, 2e-200, 3e-200]])
def test_correlation_without_variance_is_missing(other: list[float]) -> None:
    """A price that stood still, a value that is not finite and a product too small for float64 correlate with nothing."""
    assert isnan(correlation([1.0, 2.0, 4.0], other, 3))
    assert isnan(correlation(other, other, 3))
    assert isnan(correlation([1e100, 2e100, 4e100], [1e100, 2e100, 4e100], 3))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_moments_are_numpys(seed: int) -> None:
    """Added one by one they agree with pairwise sums to 1e-12 of their size."""
    a, b = made_returns(seed, 2)
    assert mean(a, RETURNS) == pytest.approx(np.mean(a), abs=1e-15)
    assert variance(a, RETURNS) == pytest.approx(np.var(a, ddof=1), rel=1e-12)
    assert covariance(a, b, RETURNS) == pytest.approx(np.cov(a, b)[0, 1], abs=1e-12 * np.std(a) * np.std(b))
    assert correlation(a, b, RETURNS) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)
    assert covariance(a, a, RETURNS) == variance(a, RETURNS)
    assert correlation(a, a, RETURNS) == 1.0


def test_annual_volatility_by_hand() -> None:
    """60 returns of 1 % up and down: 60 x 0.0001 over 59, a root, and 252 days a year: 16.008 %."""
    assert annual_volatility([0.01, -0.01] * 30, RETURNS, 252.0) == pytest.approx(sqrt(0.006 / 59.0 * 252.0), rel=1e-14)
    assert annual_volatility([0.01, -0.01] * 30, RETURNS, 252.0) == pytest.approx(0.16008, abs=5e-6)


def test_volatility_weight_of_the_definition() -> None:
    """10 % wanted of an asset of 25 %: 0.4, that is 1,000 shares at 40 of an equity of 100,000."""
    case = PUBLISHED["vol_target"]
    weight = volatility_weight(case["setting"]["target"], case["setting"]["asset_vol"], 1)
    assert weight == pytest.approx(case["expected"]["weight"], abs=case["tolerance"])
    assert weight * case["setting"]["equity"] / case["setting"]["price"] == pytest.approx(case["expected"]["qty"])


def test_volatility_weight_is_capped_and_shared_by_the_symbols() -> None:
    """A calm asset is not levered: at most 1, of which each of four symbols gets a quarter."""
    assert volatility_weight(0.1, 0.05, 1) == 1.0
    assert volatility_weight(0.1, 0.05, 4) == 0.25
    assert volatility_weight(0.1, 0.2, 4) == 0.125
    assert volatility_weight(0.0, 0.2, 4) == 0.0
    assert volatility_weight(0.1, 5e-324, 1) == 1.0


@pytest.mark.parametrize(
    ("target", "volatility"), [(0.1, nan), (0.1, inf), (0.1, 0.0), (0.1, -0.2), (nan, 0.2), (inf, 0.2), (-0.1, 0.2)]
)
def test_volatility_weight_without_its_input_is_missing(target: float, volatility: float) -> None:
    """An asset that stood still has no volatility to aim at; it is not bought whole."""
    assert isnan(volatility_weight(target, volatility, 1))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 2.0, 4.0]))
def test_volatility_scales_with_the_returns(seed: int, factor: float) -> None:
    """Twice the returns are twice the volatility, and half the weight where it is not capped; powers of two lose no bit."""
    (values,) = made_returns(seed, 1)
    volatility = annual_volatility(values, RETURNS, 252.0)
    assert annual_volatility(values * factor, RETURNS, 252.0) == volatility * factor
    assert volatility_weight(0.001, volatility * factor, 3) * factor == pytest.approx(
        volatility_weight(0.001, volatility, 3), rel=1e-15
    )


def test_round_trip_by_hand() -> None:
    """Costs of 1 %: bought at 101, sold at 108.9; sold short at 99, bought back at 90.9."""
    assert round_trip(1, 100.0, 110.0, 0.01) == 110.0 * 0.99 / (100.0 * 1.01) - 1.0
    assert round_trip(1, 100.0, 110.0, 0.01) == pytest.approx(108.9 / 101.0 - 1.0)
    assert round_trip(-1, 100.0, 90.0, 0.01) == 1.0 - 90.0 * 1.01 / (100.0 * 0.99)
    assert round_trip(-1, 100.0, 90.0, 0.01) == pytest.approx(1.0 - 90.9 / 99.0)


@pytest.mark.parametrize(
    ("entry", "exit_", "rate"),
    [(0.0, 1.0, 0.0), (nan, 1.0, 0.0), (inf, 1.0, 0.0), (1.0, nan, 0.0), (1.0, inf, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, nan)],
)
def test_round_trip_without_prices_is_missing(entry: float, exit_: float, rate: float) -> None:
    """No price, no return: neither a division by zero nor a gain of 100 %."""
    assert isnan(round_trip(1, entry, exit_, rate))
    assert isnan(round_trip(-1, entry, exit_, rate))


@settings(deadline=None)
@given(st.sampled_from([1, -1]), st.floats(1e-4, 1e5), st.floats(1e-4, 1e5), st.floats(0.0, 0.1))
def test_costs_never_improve_a_round_trip(side: int, entry: float, exit_: float, rate: float) -> None:
    """Whatever the prices are, costs take from both ends."""
    assert round_trip(side, entry, exit_, rate) <= round_trip(side, entry, exit_, 0.0)


def test_trips_by_hand() -> None:
    """0.1, 0.3, -0.1: mean 0.1, squares 0 + 0.04 + 0.04."""
    trips = trips_of([0.1, 0.3, -0.1])
    assert trips.count == 3
    assert trips.mean == pytest.approx(0.1, abs=1e-16)
    assert trips.squares == pytest.approx(0.08, abs=1e-16)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-1.0, 10.0), min_size=2, max_size=80))
def test_trips_added_one_by_one_have_the_moments_of_all(returns: list[float]) -> None:
    """Welford's recursion is the two-pass result but for rounding."""
    trips = trips_of(returns)
    assert trips.mean == pytest.approx(mean(returns, len(returns)), abs=1e-13)
    assert trips.squares / (len(returns) - 1) == pytest.approx(variance(returns, len(returns)), abs=1e-12)


def test_kelly_weight_by_hand() -> None:
    """18 gains of 0.1 and 12 losses: mean 0.02, squares 30 x 0.01 - 30 x 0.0004 = 0.288 over 29; a quarter of 2.0139, by two."""
    trips = trips_of([0.1] * 18 + [-0.1] * 12)
    assert kelly_weight(0.25, trips, 2) == pytest.approx(0.25 * 0.02 / (0.288 / 29) / 2, rel=1e-12)
    assert kelly_weight(0.25, trips, 2) == pytest.approx(0.25174, abs=5e-6)


def test_kelly_weight_of_chan() -> None:
    """SPY in Quantitative Trading: mean 7.231 % over a variance of 16.91 % squared are 2.528; a tenth of it keeps below 1."""
    case = PUBLISHED["kelly_continuous_spy"]
    spread = case["setting"]["stdev"] ** 2
    trips = Trips(253, case["setting"]["excess_mean"], spread * 252)
    assert kelly_weight(0.1, trips, 1) * 10.0 == pytest.approx(case["expected"]["f"], abs=case["tolerance"]["f"])
    assert kelly_weight(1.0, trips, 4) == 0.25


def test_kelly_weight_without_an_edge_is_zero() -> None:
    """40 gains against 60 losses of the same size, as published: no position. That is a size, not a missing input."""
    case = PUBLISHED["kelly_no_edge"]
    wins = round(case["setting"]["p"] * 100)
    assert kelly_weight(1.0, trips_of([0.01] * wins + [-0.01] * (100 - wins)), 1) == case["expected"]


def test_kelly_weight_of_few_trips_is_two_percent() -> None:
    """29 trips prove nothing, however good; the weight is not shared by the symbols. The thirtieth decides."""
    good = [0.02, 0.04] * 15
    assert kelly_weight(0.5, trips_of(good[:29]), 5) == 0.02
    assert kelly_weight(0.5, NO_TRIPS, 1) == 0.02
    assert kelly_weight(0.5, trips_of(good), 5) == 0.2


@pytest.mark.parametrize("returns", [[0.03] * 40, [0.03] * 30 + [nan], [0.03] * 30 + [inf], [0.03] * 30 + [1e200]])
def test_kelly_weight_of_trips_that_do_not_vary_is_missing(returns: list[float]) -> None:
    """A variance of zero or of what is not finite sizes nothing."""
    assert isnan(kelly_weight(0.5, trips_of(returns), 1))


@pytest.mark.parametrize("fraction", [nan, inf, -0.5])
def test_kelly_weight_without_a_fraction_is_missing(fraction: float) -> None:
    """Before thirty trips and after."""
    assert isnan(kelly_weight(fraction, trips_of([0.02, -0.02] * 20), 1))
    assert isnan(kelly_weight(fraction, NO_TRIPS, 1))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-1.0, 1.0), min_size=FEWEST_TRIPS, max_size=40), st.floats(0.0, 2.0), st.integers(1, 9))
def test_kelly_weight_lies_between_nothing_and_the_share_of_a_symbol(returns: list[float], fraction: float, symbols: int) -> None:
    """Never short of a losing strategy, never levered."""
    weight = kelly_weight(fraction, trips_of(returns), symbols)
    assert isnan(weight) or 0.0 <= weight <= 1.0 / symbols


@pytest.mark.parametrize("name", ["erc_three_assets", "erc_uncorrelated"])
def test_equal_risk_weights_of_the_literature(name: str) -> None:
    """Roncalli's three assets; Maillard's uncorrelated ones, which are weighted by 1 / volatility."""
    case = PUBLISHED[name]
    volatility = np.array(case["setting"]["vol"])
    given_ = case["setting"]["corr"]
    correlations = np.eye(len(volatility)) if given_ == "identity" else np.array(given_)
    weights = equal_risk(np.outer(volatility, volatility) * correlations)
    assert weights == pytest.approx(case["expected"], abs=case["tolerance"])


def test_equal_risk_weights_of_four_funds() -> None:
    """The covariances of 753 real days, printed with the weights of an independent solution."""
    assert equal_risk(np.array(REAL["cov"])) == pytest.approx(REAL["erc_weights"], abs=1e-6)


def test_covariances_and_weights_of_real_closes(shared: Path) -> None:
    """From the bars themselves: raw closes of SPY, IEF, GLD and DBC, 2010 to 2012, log changes, times 252."""
    after, before = (dt.datetime.fromisoformat(REAL[name]).replace(tzinfo=dt.UTC) for name in ("first", "last"))
    chosen = [("symbol", "in", REAL["symbols"]), ("time", ">=", after), ("time", "<", before)]
    table = pq.read_table(shared / "data/equity_1d.parquet", columns=["symbol", "close"], filters=chosen).to_pandas()
    changes = []
    for symbol in REAL["symbols"]:
        closes = table.loc[table["symbol"] == symbol, "close"].tolist()
        changes.append([log(close / last) for last, close in pairwise(closes)])
    days = len(changes[0])
    assert days == REAL["rows"]
    found = np.array([[covariance(a, b, days) * 252.0 for b in changes] for a in changes])
    assert found == pytest.approx(np.array(REAL["cov"]), rel=1e-9)
    assert equal_risk(found) == pytest.approx(REAL["erc_weights"], abs=1e-6)


def test_equal_risk_weights_of_one_and_two_assets() -> None:
    """One takes all; two are weighted by 1 / volatility however they correlate: 0.1 and 0.3 as 3 to 1."""
    assert equal_risk(np.array([[0.04]])) == [1.0]
    for together in (-0.5, 0.0, 0.9):
        covariances = np.array([[0.01, together * 0.03], [together * 0.03, 0.09]])
        assert equal_risk(covariances) == pytest.approx([0.75, 0.25], abs=1e-12)


@pytest.mark.parametrize("bad", [0.0, -0.01, nan, inf])
def test_equal_risk_weights_without_a_variance_are_missing(bad: float) -> None:
    """A symbol that stood still bears no risk, so no weights make its risk equal to the others'."""
    assert equal_risk(np.array([[0.04, 0.0], [0.0, bad]])) is None


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_equal_risk_weights_of_what_is_not_finite_are_missing(bad: float) -> None:
    """One covariance is enough; so is a matrix of nothing."""
    assert equal_risk(np.array([[0.04, bad, 0.0], [bad, 0.04, 0.0], [0.0, 0.0, 0.01]])) is None
    assert equal_risk(np.array([[0.04, bad], [bad, 0.04]])) is None
    assert equal_risk(np.empty((0, 0))) is None


def test_equal_risk_weights_of_what_are_no_covariances_are_missing() -> None:
    """A correlation far above 1 leaves a symbol no positive weight."""
    assert equal_risk(np.array([[1e-30, 1.0], [1.0, 1.0]])) is None


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_equal_risk_weights_sum_to_one_and_bear_the_same_risk(seed: int, symbols: int) -> None:
    """Each contributes 1 / n of the variance to 1e-9, and every weight is positive."""
    covariances = np.cov(made_returns(seed, symbols)).reshape(symbols, symbols)
    weights = equal_risk(covariances)
    assert weights is not None
    assert min(weights) > 0.0
    assert sum(weights) == pytest.approx(1.0, abs=1e-14)
    risks = np.array(weights) * (covariances @ weights)
    assert risks / risks.sum() == pytest.approx(np.full(symbols, 1.0 / symbols), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from([0.25, 4.0, 64.0]))
def test_equal_risk_weights_do_not_depend_on_the_unit_of_returns(seed: int, symbols: int, factor: float) -> None:
    """Covariances of returns twice as large give the same weights; powers of four lose no bit."""
    covariances = np.cov(made_returns(seed, symbols)).reshape(symbols, symbols)
    assert equal_risk(covariances * factor) == equal_risk(covariances)


def test_value_at_risk_by_hand() -> None:
    """Returns of -30 to 29 thousandths in any order on 100: at 5 % the place is 2.95, between -2.8 and -2.7: 2.705."""
    returns = np.random.default_rng(1).permutation(np.arange(-30, 30) / 1000.0).reshape(1, RETURNS)
    assert value_at_risk(returns, [100.0]) == pytest.approx(2.705, abs=1e-12)
    assert value_at_risk(returns, [-100.0]) == pytest.approx(2.605, abs=1e-12)
    assert value_at_risk(returns, [100.0], 0.0) == pytest.approx(3.0, abs=1e-12)


def test_value_at_risk_of_what_cannot_lose_is_zero() -> None:
    """A book without positions, and one that gained in every scenario."""
    assert value_at_risk(np.full((2, RETURNS), 0.01), [0.0, 0.0]) == 0.0
    assert value_at_risk(np.full((2, RETURNS), 0.01), [50.0, 50.0]) == 0.0
    assert value_at_risk(np.full((1, RETURNS), -0.01), [50.0], 1.0) == 0.5


def test_value_at_risk_of_opposite_positions_cancels() -> None:
    """Long and short of the same returns: scenario by scenario nothing is left."""
    (row,) = made_returns(1, 1)
    assert value_at_risk(np.array([row, row]), [70.0, -70.0]) == 0.0


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=6), st.floats(0.0, 1.0))
@example(0, [100], 1.0)
def test_value_at_risk_is_numpys_percentile(seed: int, values: list[int], cutoff: float) -> None:
    """Of the profits and losses of the sixty scenarios, with linear interpolation."""
    returns = made_returns(seed, len(values))
    expected = max(0.0, -np.percentile(values @ returns, 100.0 * cutoff))
    assert value_at_risk(returns, values, cutoff) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert value_at_risk(returns, [2 * value for value in values], cutoff) == 2.0 * value_at_risk(returns, values, cutoff)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2), st.integers(0, 59), st.sampled_from([nan, inf, -inf]))
def test_value_at_risk_without_an_input_is_infinite(seed: int, symbol: int, k: int, bad: float) -> None:
    """A return or a value that is not finite exceeds every bound; that of a symbol without position does not matter."""
    returns, values = made_returns(seed, 3), [10.0, -20.0, 30.0]
    damaged = returns.copy()
    damaged[symbol, k] = bad
    assert value_at_risk(damaged, values) == inf
    assert value_at_risk(returns, [*values[:symbol], bad, *values[symbol + 1 :]]) == inf
    values[symbol] = 0.0
    assert value_at_risk(damaged, values) == value_at_risk(returns, values) < inf


def cluster(values: Sequence[float], symbol: int, threshold: float, *, unknown: Sequence[int] = ()) -> float:
    """Return the cluster of four symbols: a random one, one that moves with it, one against it, one that stands still."""
    (row,) = made_returns(7, 1)
    returns = np.array([row, 2.0 * row, -row, np.zeros(RETURNS)])
    return cluster_value(returns, [i not in unknown for i in range(4)], values, 4, symbol, threshold)


def test_cluster_counts_what_moves_together() -> None:
    """10 and 20 move together, 40 against them; 0 held of the one that stands still."""
    assert cluster([10.0, 20.0, 40.0, 0.0], 0, 0.7) == 30.0
    assert cluster([10.0, 20.0, 40.0, 0.0], 1, 0.7) == 30.0
    assert cluster([10.0, 20.0, 40.0, 0.0], 2, 0.7) == 40.0
    assert cluster([10.0, 20.0, 40.0, 0.0], 2, -1.0) == 70.0


def test_cluster_counts_shorts_by_their_size() -> None:
    """-10 and 20 are 30, seen from either."""
    assert cluster([-10.0, 20.0, -40.0, 0.0], 0, 0.7) == 30.0
    assert cluster([-10.0, 20.0, -40.0, 0.0], 1, 0.7) == 30.0


def test_cluster_counts_a_correlation_exactly_at_the_threshold() -> None:
    """Twice a return correlates by exactly 1."""
    assert cluster([10.0, 20.0, 0.0, 0.0], 0, 1.0) == 30.0


def test_cluster_counts_what_has_no_window() -> None:
    """An unknown other counts; where the symbol itself is unknown, every other does."""
    assert cluster([10.0, 20.0, 40.0, 0.0], 0, 0.7, unknown=[2]) == 70.0
    assert cluster([10.0, 20.0, 40.0, 0.0], 0, 0.7, unknown=[0]) == 70.0


def test_cluster_counts_what_stood_still() -> None:
    """No correlation can be told of returns without variance, on either side, and none without a threshold."""
    assert cluster([10.0, 20.0, 40.0, 80.0], 0, 0.7) == 110.0
    assert cluster([10.0, 20.0, 40.0, 80.0], 3, 0.7) == 150.0
    assert cluster([10.0, 20.0, 40.0, 0.0], 0, nan) == 70.0


def test_cluster_with_a_value_that_is_no_number_is_infinite() -> None:
    """It exceeds every bound."""
    assert cluster([10.0, nan, 0.0, 0.0], 0, 0.7) == inf
    assert cluster([nan, 20.0, 0.0, 0.0], 0, 0.7) == inf


ANYTHING = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-1.0, 1.0)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(55, 70), st.none() | st.tuples(st.integers(0, 69), ANYTHING))
def test_window_is_alike_in_both_drivers(seed: int, count: int, damage: tuple[int, float] | None) -> None:
    """A list interpreted and an array compiled write the same bits, with and without a close that is no price."""
    closes = np.random.default_rng(seed).uniform(0.5, 2e5, count)
    if damage is not None:
        closes[damage[0] % count] = damage[1]
    plain, out = [0.0] * RETURNS, np.zeros(RETURNS)
    assert window(closes.tolist(), 0, count, plain) == compiled(window)(closes, 0, count, out)
    assert [bits(value) for value in plain] == [bits(value) for value in out]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(ANYTHING, ANYTHING), min_size=1, max_size=60))
def test_moments_are_alike_in_both_drivers(pairs: list[tuple[float, float]]) -> None:
    """Lists interpreted, arrays interpreted and arrays compiled give the same bits, whatever the values are."""
    lists: list[Any] = [list(column) for column in zip(*pairs, strict=True)]
    arrays: list[Any] = [np.array(column) for column in lists]
    count = len(pairs)
    for rule, numbers, rest in (
        (mean, 1, ()),
        (variance, 1, ()),
        (annual_volatility, 1, (252.0,)),
        (covariance, 2, ()),
        (correlation, 2, ()),
    ):
        plain = bits(rule(*lists[:numbers], count, *rest))
        assert bits(rule(*arrays[:numbers], count, *rest)) == plain
        assert bits(compiled(rule)(*arrays[:numbers], count, *rest)) == plain


@settings(deadline=None)
@given(ANYTHING, ANYTHING, st.integers(1, 100))
def test_volatility_weight_is_alike_in_both_drivers(target: float, volatility: float, symbols: int) -> None:
    """Also of numbers no one would configure."""
    assert bits(compiled(volatility_weight)(target, volatility, symbols)) == bits(volatility_weight(target, volatility, symbols))


@settings(deadline=None)
@given(st.sampled_from([1, -1]), ANYTHING, ANYTHING, st.floats(0.0, 1.5))
@example(-1, 1.0, 1.0, 1.0)
def test_round_trip_is_alike_in_both_drivers(side: int, entry: float, exit_: float, rate: float) -> None:
    """Also where costs of 100 % leave nothing of a short sale."""
    assert bits(compiled(round_trip)(side, entry, exit_, rate)) == bits(round_trip(side, entry, exit_, rate))


@settings(deadline=None, max_examples=60)
@given(st.lists(ANYTHING, max_size=40), ANYTHING, st.integers(1, 100))
def test_kelly_weight_is_alike_in_both_drivers(returns: list[float], fraction: float, symbols: int) -> None:
    """Trips added and weighed."""
    plain, fast = NO_TRIPS, NO_TRIPS
    for value in returns:
        plain, fast = add_trip(plain, value), compiled(add_trip)(fast, value)
    assert [bits(value) for value in fast] == [bits(value) for value in plain]
    assert bits(compiled(kelly_weight)(fraction, fast, symbols)) == bits(kelly_weight(fraction, plain, symbols))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.none() | st.tuples(st.integers(0, 24), ANYTHING))
def test_equal_risk_weights_are_alike_in_both_drivers(seed: int, symbols: int, damage: tuple[int, float] | None) -> None:
    """Covariances of returns, one of them replaced by anything."""
    covariances = np.cov(made_returns(seed, symbols)).reshape(symbols, symbols)
    if damage is not None:
        covariances.flat[damage[0] % covariances.size] = damage[1]
    plain, fast = equal_risk(covariances), np.empty(symbols)
    found = compiled(equal_risk_weights)(covariances, symbols, fast)
    assert found == (plain is not None)
    assert plain is None or [bits(value) for value in fast] == [bits(value) for value in plain]


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(ANYTHING, min_size=2, max_size=5),
    st.none() | st.tuples(st.integers(0, 299), ANYTHING),
    st.sampled_from([0.0, 0.01, 0.05, 0.5, 1.0]),
)
def test_bounds_of_the_portfolio_are_alike_in_both_drivers(
    seed: int, values: list[float], damage: tuple[int, float] | None, cutoff: float
) -> None:
    """Value at risk and cluster of any values, a return replaced by anything."""
    n = len(values)
    returns = made_returns(seed, n)
    if damage is not None:
        returns.flat[damage[0] % returns.size] = damage[1]
    worth, known = np.array(values), np.arange(n) % 3 != 2
    fast = compiled(portfolio_value_at_risk)(returns, worth, n, cutoff, np.empty(RETURNS))
    assert bits(fast) == bits(value_at_risk(returns, values, cutoff))
    for symbol in range(n):
        fast = compiled(cluster_value)(returns, known, worth, n, symbol, cutoff)
        assert bits(fast) == bits(cluster_value(returns, known.tolist(), values, n, symbol, cutoff))
