"""Numbers on their way into COPY: decimals that are the floats they came from, or no decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_bars import random_bars

from domain.market import MINUTE, Bars, Timeframe
from tasks.database import bars as stored
from tasks.database import copying

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tasks.database.connection import Database

ONE_MINUTE = Timeframe.parse("1m")


def value_of(digits: NDArray[np.int64], weight: int) -> Decimal:
    """What PostgreSQL reads from base-10000 digits."""
    return sum((Decimal(int(digit)) * Decimal(10000) ** (weight - place) for place, digit in enumerate(digits)), Decimal(0))


@given(st.integers(0, 13), st.lists(st.integers(0, 10**15), min_size=1, max_size=20))
def test_decimals_read_back_as_the_floats_they_came_from(scale: int, numerators: list[int]) -> None:
    """Whatever is encoded is exact to the bit, with digits below the base and no more decimals than shown."""
    values = np.array([numerator / 10**scale for numerator in numerators])
    found = copying._decimals(values)
    if found is None:
        return
    assert ((found.digits >= 0) & (found.digits < 10000)).all()
    for digits, value in zip(found.digits, values, strict=True):
        exact = value_of(digits, found.weight)
        assert float(exact) == value
        assert exact == round(exact, found.scale)


@given(st.lists(st.floats(), min_size=1, max_size=5))
def test_any_floats_are_exact_or_not_decimals(numbers: list[float]) -> None:
    """No float is ever rounded; negative, infinite and undefined ones are left to the other form."""
    values = np.array(numbers)
    found = copying._decimals(values)
    if not (np.isfinite(values).all() and (values >= 0).all()):
        assert found is None
    elif found is not None:
        assert [float(value_of(digits, found.weight)) for digits in found.digits] == numbers


@pytest.mark.parametrize("numbers", [[0.01, 123456.78], [1e-8, 0.1], [0.0], [8.9e15]])
def test_prices_as_traded_take_the_fast_form(numbers: list[float]) -> None:
    """Cents, hundred millionths, and large volumes."""
    assert copying._decimals(np.array(numbers)) is not None


@pytest.mark.parametrize(
    ("symbol", "rounded", "volume", "form"),
    [
        ("CENTS", lambda x: np.round(x, 2), lambda v: np.round(np.nan_to_num(v)), "binary"),
        ("SATOSHI", lambda x: np.round(x, 8), np.nan_to_num, "binary"),
        ("NO-VOLUME", lambda x: np.round(x, 5), lambda v: v * np.nan, "binary"),
        ("UNKNOWN", lambda x: np.round(x, 2), lambda v: v, "csv"),
        ("ARBITRARY", lambda x: x, np.nan_to_num, "csv"),
    ],
)
def test_both_forms_store_the_same_floats(database: Database, symbol: str, rounded: Callable, volume: Callable, form: str) -> None:
    """What went in comes out to the bit, and a second time equals what is there."""
    made = random_bars(symbol, ONE_MINUTE, 1_700_000_000_000_000 // MINUTE * MINUTE, 500)
    scale = 100.0 / made.close
    prices = {name: rounded(getattr(made, name) * scale) for name in ("open", "high", "low", "close")}
    series = Bars(symbol, ONE_MINUTE, made.time, **prices, volume=volume(made.volume))
    assert copying.rows_of(series, "test").format == form
    assert stored.upsert_bars(database, [series], "test") == (500, 0, 0)
    assert stored.upsert_bars(database, [series], "test") == (0, 0, 500)
    found = stored.read_bars(database, symbol, ONE_MINUTE)
    for name in ("time", "open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(found, name), getattr(series, name), err_msg=name)
