"""A margin account, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.margin import (
    NO_MARGIN,
    MarginTable,
    borrow_fee,
    lots_to_keep,
    maintenance_margin,
    reduction,
    share_to_keep,
)
from domain.run import EQUITY_MARGIN


@pytest.mark.parametrize(
    ("lots", "price", "needed"),
    [
        (100, 40.0, 1_000.0),  # long: 25 %
        (-100, 40.0, 1_200.0),  # short: 30 %
        (-100, 10.0, 500.0),  # 30 % are 300, 5 a share are more
        (-100, 5.0, 500.0),  # 5 is not below 5
        (-100, 4.0, 400.0),  # below 5: the whole value, above 2.50 a share
        (-100, 2.0, 250.0),  # 2.50 a share are more than the value
        (100, 2.0, 50.0),
        (0, 40.0, 0.0),
    ],
)
def test_maintenance_of_equities_is_finra_4210(lots: int, price: float, needed: float) -> None:
    """25 % long; short 30 % and at least 5 a share, below a price of 5 all of it and at least 2.50 a share."""
    assert maintenance_margin(lots, price, 1, EQUITY_MARGIN) == needed


def test_other_assets_are_backed_in_full() -> None:
    """Half a coin at 30,000, long or short; a lot is a hundred-millionth."""
    for lots in (50_000_000, -50_000_000):
        assert maintenance_margin(lots, 30_000.0, 100_000_000, MarginTable()) == 15_000.0


def test_a_cash_account_has_no_initial_margin() -> None:
    """Its cash decides."""
    assert NO_MARGIN.initial == 0.0
    assert EQUITY_MARGIN.initial == 0.5


@pytest.mark.parametrize(
    ("equity", "required", "share"), [(1_000.0, 1_000.0, 1.0), (750.0, 1_000.0, 0.75), (0.0, 1_000.0, 0.0), (-5.0, 1_000.0, 0.0)]
)
def test_the_share_to_keep_is_what_the_equity_backs(equity: float, required: float, share: float) -> None:
    """No call at equality; nothing is kept without equity."""
    assert share_to_keep(equity, required) == share


def test_lots_kept_are_rounded_towards_zero() -> None:
    """0.75 of 10 are 7, long or short."""
    assert [lots_to_keep(lots, 0.75) for lots in (10, -10, 1, 0)] == [7, -7, 0, 0]


@pytest.mark.parametrize(
    ("lots", "pending", "ordered"),
    [
        (10, 0, -3),
        (-10, 0, 3),
        (10, -2, -3),  # the order under way leaves too little
        (10, -3, 0),
        (10, -10, 0),
        (10, 5, -3),  # an entry is none that leaves
        (0, 0, 0),
    ],
)
def test_a_margin_call_reduces_by_what_is_not_under_way(lots: int, pending: int, ordered: int) -> None:
    """0.75 are kept: 3 of 10 have to go."""
    assert reduction(lots, pending, 0.75) == ordered


@given(st.integers(-(10**6), 10**6), st.floats(0.0, 1.0))
def test_what_remains_after_a_call_is_within_its_share(lots: int, share: float) -> None:
    """Never more than the share, never turned, less than a lot below it."""
    kept = lots + reduction(lots, 0, share)
    assert 0 <= kept * (1 if lots >= 0 else -1) <= abs(lots) * share < abs(kept) + 1


def test_borrowing_costs_its_rate_on_the_value_a_360th_a_day() -> None:
    """-100 at 36 are 3,600; 3 % over 3 days: 3,600 x 0.03 x 3 / 360 = 0.9; a long borrows nothing."""
    assert borrow_fee(-100, 36.0, 0.03, 3, 1) == pytest.approx(0.9, abs=1e-12)
    assert borrow_fee(100, 36.0, 0.03, 3, 1) == borrow_fee(0, 36.0, 0.03, 3, 1) == 0.0


def test_borrow_fee_is_money_of_four_decimals() -> None:
    """-1 at 100 at 5 % a day: 0.013888.. is charged as 0.0139."""
    assert borrow_fee(-1, 100.0, 0.05, 1, 1) == 0.0139
