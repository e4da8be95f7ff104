"""Thinned drawings keep what the eye looks for."""

from __future__ import annotations

import numpy as np
import pytest

from dashboards.report.decimation import extremes, extremes_of_all, spans_much


def test_a_short_series_is_drawn_whole() -> None:
    """Nothing is left out where everything fits."""
    assert extremes(np.array([3.0, 1.0, 2.0]), 4).tolist() == [0, 1, 2]


def test_each_stretch_keeps_its_lowest_and_its_highest() -> None:
    """Ten values in two stretches of five: first, last, and the extremes of 4 9 5 1 6 and 2 7 7 0 3."""
    values = np.array([4.0, 9, 5, 1, 6, 2, 7, 7, 0, 3])
    assert extremes(values, 6).tolist() == [0, 1, 3, 6, 8, 9]


def test_a_last_stretch_that_is_shorter_gains_no_point() -> None:
    """Seven values in stretches of four: the second has three, and its filling is not drawn."""
    assert extremes(np.array([1.0, 5, 2, 3, 4, 9, 8]), 6).tolist() == [0, 1, 4, 5, 6]


@pytest.mark.parametrize("count", [5_001, 123_457, 1_000_000])
def test_one_bar_that_stands_out_of_a_long_series_stays(count: int) -> None:
    """A spike and a crash of one point each are drawn, in order and within the bound."""
    values = np.sin(np.arange(count) / 500.0)
    values[count // 3], values[count // 2] = 50.0, -50.0
    drawn = extremes(values, 5_000)
    assert {0, count // 3, count // 2, count - 1} <= set(drawn.tolist())
    assert len(drawn) <= 5_000
    assert np.all(np.diff(drawn) > 0)


def test_columns_that_share_points_keep_the_extremes_of_each() -> None:
    """What stands out in either column is drawn for both, within the bound of both together."""
    first, second = np.zeros(1_000), np.zeros(1_000)
    first[123], second[456] = 1.0, -1.0
    drawn = extremes_of_all([first, second], 100)
    assert {123, 456} <= set(drawn.tolist())
    assert len(drawn) <= 100


@pytest.mark.parametrize(
    ("values", "much"), [([1.0, 12.0], False), ([1.0, 12.5], True), ([0.0, 99.0], False), ([-1.0, 99.0], False)]
)
def test_a_logarithmic_scale_is_for_positive_values_that_span_much(values: list[float], much: bool) -> None:  # noqa: FBT001
    """A zero or a debt has no logarithm."""
    assert spans_much(np.array(values)) is much
