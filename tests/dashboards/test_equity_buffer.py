"""The equity curve in memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboards.equity import EquityBuffer, Mark

EQUITY = st.floats(min_value=1.0, max_value=1e9)


def marks(values: list[float], a_day: int = 7) -> list[Mark]:
    """Marks a minute apart, ``a_day`` to a session day."""
    return [Mark(i * 60_000, f"day {i // a_day}", value, value / 2) for i, value in enumerate(values)]


@given(st.lists(EQUITY, min_size=1, max_size=300), EQUITY, st.integers(1, 40))
def test_any_series_keeps_exact_figures_with_few_points(values: list[float], base: float, limit: int) -> None:
    """Drawdown, peak and deepest point are those of the whole series, however few points are drawn."""
    buffer = EquityBuffer(base, limit=limit)
    for mark in marks(values):
        buffer.extend([mark])
    peaks = [max([base, *values[: i + 1]]) for i in range(len(values))]
    drawdowns = [value / peak - 1 for value, peak in zip(values, peaks, strict=True)]
    points = buffer.points()
    assert buffer.drawdown == drawdowns[-1]
    assert min(point.drawdown for point in points) == min(drawdowns)
    assert points[-1].equity == values[-1]
    assert len(points) <= limit + 2
    assert [point.time for point in points] == sorted({point.time for point in points})
    assert all(values[point.time // 60_000] == point.equity for point in points)


@given(st.lists(EQUITY, min_size=1, max_size=100), EQUITY)
def test_day_return_counts_from_the_last_mark_of_the_day_before(values: list[float], base: float) -> None:
    """The first day counts from the start's cash, every other from the close before it."""
    buffer = EquityBuffer(base)
    buffer.extend(marks(values))
    first_of_day = (len(values) - 1) // 7 * 7
    before = values[first_of_day - 1] if first_of_day else base
    assert buffer.day_return == values[-1] / before - 1
    assert buffer.total_return == values[-1] / base - 1


def test_no_mark_yet_has_no_return_and_no_points() -> None:
    """Before the first bar nothing is claimed."""
    buffer = EquityBuffer(100.0)
    assert (buffer.day_return, buffer.total_return, buffer.points(), buffer.drawdown) == (None, None, [], 0.0)
