"""Our own prices on the exchange's grid, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.ticks import limit_on_tick, stop_on_tick, to_tick


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [(10.004, 10.0, 10.01), (10.0099, 10.0, 10.01), (10.01, 10.01, 10.01), (0.12345, 0.1234, 0.1235), (0.99995, 0.9999, 1.0)],
)
def test_a_price_goes_to_the_next_tick_of_its_grid(price: float, down: float, up: float) -> None:
    """Cents from 1 on, hundredths of a cent below it."""
    assert to_tick(price, 100.0, 10_000.0, up=False) == down
    assert to_tick(price, 100.0, 10_000.0, up=True) == up


def test_a_price_that_misses_its_tick_by_rounding_alone_stays() -> None:
    """1.1 x 1.1 is above 1.21 in float64: both directions give 1.21."""
    assert 1.1 * 1.1 > 1.21
    assert [to_tick(1.1 * 1.1, 100.0, 10_000.0, up) for up in (False, True)] == [1.21, 1.21]


def test_stops_move_against_us_and_limits_never_beyond_what_was_asked() -> None:
    """10.004: a buy stop 10.01, a sell stop 10.00; a buy limit 10.00, a sell limit 10.01."""
    grid = (100.0, 10_000.0)
    assert [stop_on_tick(side, 10.004, *grid) for side in (1, -1)] == [10.01, 10.0]
    assert [limit_on_tick(side, 10.004, *grid) for side in (1, -1)] == [10.0, 10.01]


@given(st.floats(0.001, 1e6), st.booleans())
def test_a_price_on_the_grid_stays_and_none_moves_by_a_tick(price: float, up: bool) -> None:  # noqa: FBT001 - drawn
    """Moved once it lies on the grid: moving it again, either way, changes nothing."""
    tick = 0.01 if price >= 1.0 else 0.0001
    moved = to_tick(price, 100.0, 10_000.0, up)
    assert abs(moved - price) < tick * 1.001
    assert moved >= price - tick * 1e-6 if up else moved <= price + tick * 1e-6
    assert to_tick(moved, 100.0, 10_000.0, up=True) == to_tick(moved, 100.0, 10_000.0, up=False) == moved
