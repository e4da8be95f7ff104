"""The regulators' fees on one sale, by hand, and the same bits compiled."""

from bisect import bisect_right

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import domain.kernel_loop  # noqa: F401 - it makes every rule known to the compiler
from domain.regulation import NO_REGULATORY_FEES, regulatory_rows
from domain.rules.regulatory import regulatory_fee, row_in_force, sec_fee, trading_activity_fee

RATES = st.one_of(st.sampled_from([0.0, 27.8e-6, 20.6e-6, 0.000166, 0.000195]), st.floats(0.0, 1e-3))


@numba.njit  # type: ignore[untyped-decorator]  # numba has no types
def compiled_row(since: np.ndarray, day: int) -> int:
    """Call the rule from compiled code, as the kernel does."""
    return row_in_force(since, day)


@numba.njit  # type: ignore[untyped-decorator]  # numba has no types
def compiled_fee(notional: float, units: float, sec_rate: float, taf_rate: float, taf_cap: float) -> float:
    """Call the rule from compiled code, as the kernel does."""
    return regulatory_fee(notional, units, sec_rate, taf_rate, taf_cap)


def test_section_31_fee_is_the_rate_on_the_notional_in_ten_thousandths() -> None:
    """27.80 a million on 12,345.67 is 0.343209626, booked as 0.3432."""
    assert sec_fee(12_345.67, 27.80 / 1e6) == 0.3432


def test_trading_activity_fee_stops_at_its_cap() -> None:
    """0.000166 x 50,000 shares is 8.30, the cap; one share more costs the same, one share less 8.299834, booked 8.2998."""
    assert trading_activity_fee(49_999.0, 0.000166, 8.30) == 8.2998
    assert trading_activity_fee(50_000.0, 0.000166, 8.30) == 8.30
    assert trading_activity_fee(50_001.0, 0.000166, 8.30) == 8.30
    assert trading_activity_fee(1e9, 0.000166, 8.30) == 8.30


def test_each_item_is_rounded_before_they_are_added() -> None:
    """0.00004 and 0.00004 are nothing each, though 0.00008 together would be booked as 0.0001."""
    assert regulatory_fee(4.0, 4.0, 1e-5, 1e-5, 1.0) == 0.0


def test_a_tie_goes_to_the_even_ten_thousandth() -> None:
    """0.03125 is 312.5 ten-thousandths: 0.0312; 0.09375 is 937.5: 0.0938."""
    assert sec_fee(1.0, 0.03125) == 0.0312
    assert trading_activity_fee(1.0, 0.09375, 1.0) == 0.0938


def test_sale_of_a_day_pays_the_rows_of_that_day() -> None:
    """1,000 shares at 50 on 2024-05-21: 50,000 x 8.00 / 1e6 + 1,000 x 0.000166 = 0.4 + 0.166; a day later 1.39 + 0.166."""
    rows = regulatory_rows()
    fees = []
    for day in ("2024-05-21", "2024-05-22"):
        at = row_in_force(rows.since, int(np.datetime64(day).astype(np.int64)))
        fees.append(regulatory_fee(50_000.0, 1_000.0, rows.sec_rate[at], rows.taf_rate[at], rows.taf_cap[at]))
    assert fees == [0.4 + 0.166, 1.39 + 0.166]


def test_what_is_no_us_equity_pays_nothing() -> None:
    """The one row of zeros charges nothing on any day."""
    at = row_in_force(NO_REGULATORY_FEES.since, 20_000)
    assert at == 0
    assert regulatory_fee(1e9, 1e9, *(float(column[at]) for column in NO_REGULATORY_FEES[1:])) == 0.0


@pytest.mark.parametrize(("day", "row"), [(9, -1), (10, 0), (11, 0), (19, 0), (20, 1), (29, 1), (30, 2), (10_000, 2)])
def test_row_holds_from_its_day_until_the_next(day: int, row: int) -> None:
    """Rows that begin on days 10, 20 and 30."""
    assert row_in_force([10, 20, 30], day) == row


def test_no_row_is_in_force_in_an_empty_table() -> None:
    """Nothing begun, nothing found."""
    assert row_in_force([], 5) == -1


@settings(deadline=None)  # the first example compiles
@given(st.lists(st.integers(-1_000, 1_000), min_size=1, unique=True).map(sorted), st.integers(-1_001, 1_001))
def test_row_in_force_is_the_same_compiled(since: list[int], day: int) -> None:
    """Lists and arrays, interpreted and compiled, agree with the library's search."""
    array = np.array(since, np.int64)
    assert row_in_force(since, day) == row_in_force(array, day) == compiled_row(array, day) == bisect_right(since, day) - 1


@settings(deadline=None)  # the first example compiles
@given(st.floats(0.0, 1e12), st.floats(0.0, 1e9), RATES, RATES, st.floats(0.0, 10.0))
def test_fee_has_the_same_bits_compiled(notional: float, units: float, sec_rate: float, taf_rate: float, taf_cap: float) -> None:
    """Interpreted and compiled, the fee is equal, never negative and at most its two parts' bounds."""
    fee = regulatory_fee(notional, units, sec_rate, taf_rate, taf_cap)
    assert fee == compiled_fee(notional, units, sec_rate, taf_rate, taf_cap)
    assert 0.0 <= fee <= notional * sec_rate + taf_cap + 1e-4 + 1e-9 * notional * sec_rate


def test_first_row_is_the_first_day_of_the_epoch() -> None:
    """Every session since 1970 has a row, so that -1 means bars before 1970 alone."""
    rows = regulatory_rows()
    assert row_in_force(rows.since, 0) == 0
    assert row_in_force(rows.since, -1) == -1
