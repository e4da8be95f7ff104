"""Draws without a stream: SplitMix64 of what a draw is for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.chance import Chance, draw, splitmix64

BITS = 1 << 64


def by_definition(state: int) -> int:
    """Return the next output as Steele, Lea and Flood write it, in whole numbers of any size."""
    mixed = (state + 0x9E3779B97F4A7C15) % BITS
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % BITS
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % BITS
    return mixed ^ (mixed >> 31)


def test_known_output() -> None:
    """The first output of the seed 0, as other implementations have it."""
    assert int(splitmix64(np.uint64(0))) == 0xE220A8397B1DCDAF


@pytest.mark.filterwarnings("error")
@given(st.integers(0, BITS - 1))
def test_arithmetic_in_halves_is_that_modulo_two_to_the_64(state: int) -> None:
    """No step overflows, so interpreted code gives what compiled code gives."""
    assert int(splitmix64(np.uint64(state))) == by_definition(state)


def test_draws_depend_on_each_of_their_inputs_and_are_even() -> None:
    """Of 4,000 draws about a quarter lies below 0.25, and another seed, symbol, bar or order draws another number."""
    chance = Chance(0.5, 7, 1_234, 1_614_603_600_000_000)
    drawn = [draw(chance._replace(time=time), ordinal) for time in range(1_000) for ordinal in range(4)]
    assert 0.22 < sum(number < 0.25 for number in drawn) / len(drawn) < 0.28
    others = [chance, chance._replace(seed=8), chance._replace(symbol=1_235), chance._replace(time=0)]
    assert len({draw(one, 0) for one in others} | {draw(chance, 1)}) == 5
