"""The simulated clock."""

import pytest

from domain.clock import SimulatedClock
from domain.errors import InvariantViolated


def test_clock_stands_until_it_is_set() -> None:
    """Time is a value."""
    clock = SimulatedClock(5)
    assert clock.now() == clock.now() == 5
    clock.advance_to(5)
    clock.advance_to(9)
    assert clock.now() == 9


def test_clock_never_goes_back() -> None:
    """An event before an earlier one is a fault, not a time."""
    clock = SimulatedClock(9)
    with pytest.raises(InvariantViolated, match="cannot go back to 8"):
        clock.advance_to(8)
    assert clock.now() == 9
