"""Where exits lie and when they act, by hand."""

from math import isnan, nan

import pytest

from domain.rules.accounting import Position
from domain.rules.exits import (
    NO_EXITS,
    ExitRules,
    Grid,
    best_price,
    half_tick,
    is_any,
    opens,
    stop_loss_price,
    take_profit_price,
    target_after_exit,
    time_is_up,
    trailing_price,
)

CENTS = Grid(100.0, 10_000.0)
LONG, SHORT = Position(100, 33.33, 0.0), Position(-100, 33.33, 0.0)


def test_exits_are_there_where_one_of_them_is() -> None:
    """Each alone counts."""
    assert not is_any(NO_EXITS)
    assert all(is_any(one) for one in (ExitRules(0.1), ExitRules(nan, 0.1), ExitRules(trailing=0.1), ExitRules(bars=1)))


@pytest.mark.parametrize(
    ("before", "after", "opened"),
    [(0, 5, True), (0, -5, True), (5, -5, True), (-5, 5, True), (5, 8, False), (5, 2, False), (5, 0, False), (0, 0, False)],
)
def test_a_position_opens_from_flat_or_turns(before: int, after: int, opened: bool) -> None:  # noqa: FBT001 - from the table
    """Growing, shrinking and closing open nothing."""
    assert opens(before, after) is opened


def test_stop_loss_lies_on_the_losing_side_of_the_average_price() -> None:
    """5 % of 33.33: 31.6635 for a long, moved down to 31.66; 34.9965 for a short, moved up to 35.00."""
    assert stop_loss_price(LONG, ExitRules(0.05), CENTS) == 31.66
    assert stop_loss_price(SHORT, ExitRules(0.05), CENTS) == 35.0
    assert isnan(stop_loss_price(LONG, NO_EXITS, CENTS))


def test_take_profit_lies_on_the_winning_side() -> None:
    """5 %: 34.9965 for a long, a sell limit, moved up to 35.00; 31.6635 for a short, a buy limit, moved down to 31.66."""
    assert take_profit_price(LONG, ExitRules(take_profit=0.05), CENTS) == 35.0
    assert take_profit_price(SHORT, ExitRules(take_profit=0.05), CENTS) == 31.66
    assert isnan(take_profit_price(LONG, NO_EXITS, CENTS))


def test_trailing_stop_follows_its_watermark() -> None:
    """10 % below 33.33 for a sale: 29.997 down to 29.99; above for a buy: 36.663 up to 36.67."""
    assert trailing_price(-1, 33.33, 0.1, CENTS) == 29.99
    assert trailing_price(1, 33.33, 0.1, CENTS) == 36.67


def test_watermark_is_the_best_price_of_its_side() -> None:
    """The highest for a sale, the lowest for a buy."""
    assert [best_price(-1, 10.0, point) for point in (9.0, 10.0, 11.0)] == [10.0, 10.0, 11.0]
    assert [best_price(1, 10.0, point) for point in (9.0, 10.0, 11.0)] == [9.0, 10.0, 10.0]


def test_half_a_tick_is_that_of_the_price() -> None:
    """Half a cent from 1 on, a half of a hundredth of a cent below."""
    assert (half_tick(1.0, CENTS), half_tick(0.5, CENTS)) == (0.005, 0.00005)


def test_time_is_up_after_its_bars() -> None:
    """At the third close; never without a number."""
    assert [time_is_up(held, ExitRules(bars=3)) for held in (2, 3, 4)] == [False, True, True]
    assert not time_is_up(1_000, NO_EXITS)


@pytest.mark.parametrize(
    ("pending", "side", "lots", "left"),
    [
        (-100, -1, 30, -70),  # both leave: what is gone needs no other order
        (-100, -1, 100, 0),
        (-100, -1, 150, 0),
        (100, 1, 30, 70),
        (50, -1, 30, 0),  # would enter again what was just left
        (0, -1, 30, 0),
    ],
)
def test_a_target_order_after_an_exit(pending: int, side: int, lots: int, left: int) -> None:
    """One of the same side shrinks, one of the other is withdrawn."""
    assert target_after_exit(pending, side, lots) == left
