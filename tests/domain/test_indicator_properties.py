"""What holds for every public indicator: warm-up, causality, windows, gaps, one bar at a time."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indicator_cases import CASES, NOT_INDICATORS, Case, random_columns

from domain import indicators
from domain.errors import InputError
from domain.indicators import Memory

every_indicator = pytest.mark.parametrize("name", CASES)
every_windowed = pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.window])
every_recursive = pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.window])

# Few levels, so that extremes tie, ranges are zero and sums are inexact; None is a gap in every column.
_bar = st.none() | st.tuples(
    st.sampled_from([0.1, 0.3, 1.1, 33.333, 1e6 + 0.7]), st.sampled_from([0.0, 0.1, 0.7]), st.integers(0, 9)
)


def columns_of(bars: list[tuple[float, float, int] | None]) -> np.ndarray:
    """Return high, low, close and volume of bars given as close, half range and volume."""
    rows = [(np.nan,) * 4 if bar is None else (bar[0] + bar[1], bar[0] - bar[1], bar[0], float(bar[2])) for bar in bars]
    return np.array(rows, np.float64).reshape(-1, 4).T


series = st.lists(_bar, max_size=40).map(columns_of)


def same(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two results are equal to the bit, NaN at the same places."""
    return first.shape == second.shape and np.array_equal(first, second, equal_nan=True)


def test_every_public_indicator_is_held_to_these_properties() -> None:
    """Whoever adds one adds its case."""
    public = {name for name in indicators.__all__ if inspect.isfunction(getattr(indicators, name))}
    assert public - NOT_INDICATORS == CASES.keys()


@every_indicator
def test_docstring_tells_the_warm_up(name: str) -> None:
    """Users read there how many bars pass without a value."""
    assert "Warm-up: " in (getattr(indicators, name).__doc__ or "")


@every_indicator
def test_indicator_begins_after_its_warm_up(name: str) -> None:
    """On bars without gaps: as many NaN as promised, then values to the end; fewer bars give NaN alone."""
    case = CASES[name]
    for count in (0, 1, 2, 5, 60):
        result = case(random_columns(count, seed=count))
        assert result.dtype == np.float64
        expected = [[index < warm_up for index in range(count)] for warm_up in case.warm_up]
        assert np.isnan(result).tolist() == expected


@every_indicator
@settings(max_examples=60, deadline=None)
@given(bars=series, data=st.data())
def test_indicator_is_blind_to_the_future(name: str, bars: np.ndarray, data: st.DataObject) -> None:
    """Cut off anywhere, what came before stands to the bit."""
    stop = data.draw(st.integers(0, bars.shape[1]))
    assert same(CASES[name](bars[:, :stop]), CASES[name](bars)[:, :stop])


@every_windowed
@settings(max_examples=60, deadline=None)
@given(bars=series)
def test_windowed_indicator_depends_on_its_window_alone(name: str, bars: np.ndarray) -> None:
    """The window by itself, with nothing before it, gives the same bits: gaps and big values that left it are forgotten."""
    case = CASES[name]
    result = case(bars)
    for index in range(bars.shape[1]):
        window = bars[:, max(0, index + 1 - (case.window or 0)) : index + 1]
        assert same(case(window)[:, -1], result[:, index])


@every_windowed
def test_window_is_as_long_as_it_says(name: str) -> None:
    """One bar less, and there is no value: the property above is not met by a window that is given too long."""
    case = CASES[name]
    short = case(random_columns((case.window or 0) - 1, seed=1))
    assert np.isnan(short[-1]).all()


@every_recursive
@settings(max_examples=60, deadline=None)
@given(bars=series)
def test_recursive_indicator_skips_gaps(name: str, bars: np.ndarray) -> None:
    """A bar without values has none, and the others have what they had without it."""
    present = np.isfinite(bars[0])
    result = CASES[name](bars)
    assert np.isnan(result[:, ~present]).all()
    assert same(result[:, present], CASES[name](bars[:, present]))


@every_recursive
@settings(max_examples=60, deadline=None)
@given(bars=series, data=st.data())
def test_recursive_indicator_goes_on_bar_by_bar(name: str, bars: np.ndarray, data: st.DataObject) -> None:
    """From any first evaluation, in any steps, shown three bars: the bits of the whole series."""
    case: Case = CASES[name]
    result, memory = case(bars), Memory()
    for count in sorted(data.draw(st.sets(st.integers(1, max(1, bars.shape[1])), max_size=20))):
        if count <= bars.shape[1]:
            last = memory.evaluate(lambda first, count=count: case(bars[:, first:count])[:, -1], count, 3)
            assert same(last, result[:, count - 1])


@every_recursive
def test_recursive_indicator_of_a_long_series_goes_on_bar_by_bar(name: str) -> None:
    """2,000 bars of a random walk after 50: what it is shown does not grow, what it answers does not drift."""
    case, bars = CASES[name], random_columns(2_000, seed=7)
    result, memory, shown = case(bars), Memory(), set()

    def definition(first: int, count: int) -> np.ndarray:
        shown.add(count - first)
        return case(bars[:, first:count])[:, -1]

    for count in range(50, 2_001):
        assert same(memory.evaluate(lambda first, count=count: definition(first, count), count, 3), result[:, count - 1])
    assert shown == {50, 3}


@every_indicator
def test_indicator_takes_views_and_leaves_them_alone(name: str) -> None:
    """Read-only columns of a table, one value in four, give what their copies give."""
    bars = random_columns(80, seed=2)
    table = np.ascontiguousarray(bars.T)
    table.flags.writeable = False
    assert same(CASES[name](table.T), CASES[name](bars))


@pytest.mark.parametrize("length", [0, -1])
def test_window_of_no_value_is_refused(length: int) -> None:
    """It says what was given and what is allowed."""
    closes = np.ones(10)
    windowed = (indicators.sma, indicators.wma, indicators.standard_deviation, indicators.highest, indicators.lowest)
    for indicator in windowed:
        with pytest.raises(InputError, match=f"a window of {length} values is not allowed: its length must be 1 or more"):
            indicator(closes, length)
