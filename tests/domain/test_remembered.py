"""What a sweep remembers of indicators is what they return, and never more than it may keep."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numba
import numpy as np
import pytest

from domain.indicators import at_crosses, crossed_above, crossed_below, macd, signals, sma
from domain.indicators.remembered import remembering

if TYPE_CHECKING:
    from domain.strategy import Series


def closes(*, writeable: bool = False) -> Series:
    """Return 100 prices."""
    made = 100.0 + np.cumsum(np.random.default_rng(3).normal(0.0, 1.0, 100))
    made.flags.writeable = writeable
    return made


def test_the_same_question_is_answered_once() -> None:
    """By array and parameters, however they are named; an indicator of an indicator too."""
    prices = closes()
    with remembering():
        average = sma(prices, 5)
        assert sma(prices, 5) is average
        assert sma(average, 3) is sma(average, 3)
        assert macd(prices, signal=4) is macd(prices, signal=4)
        assert sma(prices, 6) is not average
        assert sma(closes(), 5) is not average
        assert sma(values=prices, length=5) is sma(values=prices, length=5)
    assert sma(prices, 5) is not average
    np.testing.assert_array_equal(sma(prices, 5), average)


def test_what_is_shared_cannot_be_written_to() -> None:
    """Each output of several; outside every caller gets its own."""
    prices = closes()
    with remembering():
        for line in (sma(prices, 5), *macd(prices)):
            with pytest.raises(ValueError, match="read-only"):
                line[0] = 1.0
    sma(prices, 5)[0] = 1.0


def test_an_array_that_may_change_is_not_remembered() -> None:
    """The values are those at the time of the question."""
    prices = closes(writeable=True)
    with remembering():
        before = sma(prices, 5)
        prices[-1] += 10.0
        assert sma(prices, 5)[-1] == pytest.approx(before[-1] + 2.0)
        before[0] = 1.0


def test_the_oldest_is_given_up_for_the_newest() -> None:
    """Room for two averages of 100 bars; none at all for one larger than the room."""
    prices = closes()
    with remembering(2 * prices.nbytes):
        first, second = sma(prices, 5), sma(prices, 6)
        assert sma(prices, 5) is first
        third = sma(prices, 7)
        assert sma(prices, 6) is second
        assert sma(prices, 7) is third
        assert sma(prices, 5) is not first
    with remembering(prices.nbytes - 1):
        assert sma(prices, 5) is not sma(prices, 5)


def test_numbers_of_another_type_are_another_question() -> None:
    """What fails outside fails here: 5.0 equals 5, but is no length, and a list cannot be remembered."""
    prices = closes()
    with remembering():
        sma(prices, 5)
        for length in (5.0, [5]):
            with pytest.raises(TypeError):
                sma(prices, length)  # type: ignore[arg-type] # the point of it


@pytest.mark.parametrize("length", [0, 1, 2, 400])
def test_targets_at_crosses_are_those_of_the_crosses(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With numba and without, with missing values and exact ties."""
    random = np.random.default_rng(5)
    first, second = random.integers(0, 4, (2, length)).astype(np.float64)
    first[5:7] = np.nan
    up, down = crossed_above(first, second), crossed_below(first, second)
    expected = np.where(up, 0.5, np.where(down, -1.0, np.nan))
    np.testing.assert_array_equal(at_crosses(first, second, 0.5, -1.0), expected)
    written = np.empty(length)
    signals._crosses(first, second, 0.5, -1.0, written)
    np.testing.assert_array_equal(written, expected)
    assert (signals._compiled_crosses() is None) == numba.config.DISABLE_JIT
    monkeypatch.delitem(sys.modules, "numba")
    np.testing.assert_array_equal(at_crosses(first, second, 0.5, -1.0), expected)
