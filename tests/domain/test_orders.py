"""An order's life: every step of the table passes, every other one halts."""

from itertools import product

import pytest

from domain.errors import InvariantViolated
from domain.market import Side
from domain.orders import TERMINAL, TRANSITIONS, Order, Status, advance

ALLOWED = {
    ("requested", "accepted"),
    ("requested", "rejected"),
    ("requested", "unknown"),
    ("requested", "partially_filled"),
    ("requested", "filled"),
    ("requested", "cancelled"),
    ("unknown", "accepted"),
    ("unknown", "rejected"),
    ("unknown", "partially_filled"),
    ("unknown", "filled"),
    ("unknown", "cancelled"),
    ("accepted", "partially_filled"),
    ("accepted", "filled"),
    ("accepted", "cancelled"),
    ("accepted", "rejected"),
    ("partially_filled", "partially_filled"),
    ("partially_filled", "filled"),
    ("partially_filled", "cancelled"),
}
"""Every step an order may take, written out: a fill can arrive before its acceptance, nothing follows an end."""


def order(status: Status, filled: int = 0) -> Order:
    """Return an order for 100 AAA in ``status``."""
    return Order("r1-x", "AAA", "s", Side.BUY, 100, "market", None, "gtc", "target", 0, status, filled)


@pytest.mark.parametrize(("before", "after"), list(product(Status, Status)), ids=lambda status: status.value)
def test_only_steps_of_the_table_are_taken(before: Status, after: Status) -> None:
    """An allowed step changes the status alone; any other one raises, naming both ends and what is allowed."""
    if (before.value, after.value) in ALLOWED:
        assert advance(order(before, 5), after) == order(after, 5)
    else:
        with pytest.raises(InvariantViolated, match=f"r1-x of AAA cannot go from {before} to {after}: allowed is"):
            advance(order(before), after)


def test_terminal_states_absorb() -> None:
    """Filled, cancelled and rejected orders take no step and have nothing open."""
    assert {status for status in Status if not TRANSITIONS[status]} == TERMINAL
    assert {order(status, 40).open_lots for status in TERMINAL} == {0}


def test_open_lots_are_what_may_still_trade() -> None:
    """60 of 100."""
    assert order(Status.PARTIALLY_FILLED, 40).open_lots == 60
