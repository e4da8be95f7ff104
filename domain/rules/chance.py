"""Draws that depend on nothing but what they are for: no stream, so no order in which they are taken changes one."""

from typing import Final, NamedTuple

import numpy as np

from domain.rules.rule import rule

_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_SHIFTS: Final = (np.uint64(30), np.uint64(27), np.uint64(31))
_UNUSED_BITS: Final = np.uint64(11)


class Chance(NamedTuple):
    """With which ``probability`` a limit that is touched fills, and what its draw depends on.

    ``seed`` is the run's, ``symbol`` the CRC-32 of the symbol, ``time`` the start of the bar in microseconds.
    """

    probability: float = 0.0
    seed: int = 0
    symbol: int = 0
    time: int = 0


NO_CHANCE = Chance()


@rule
def times(a: np.uint64, b: np.uint64) -> np.uint64:
    """Return the low 64 bits of a product, without a step that overflows."""
    low = (a & _LOW) * (b & _LOW)
    high = ((a >> _HALF) * (b & _LOW) & _LOW) + ((a & _LOW) * (b >> _HALF) & _LOW) + (low >> _HALF)
    return ((high & _LOW) << _HALF) | (low & _LOW)


@rule
def plus(a: np.uint64, b: np.uint64) -> np.uint64:
    """Return the low 64 bits of a sum, without a step that overflows."""
    low = (a & _LOW) + (b & _LOW)
    high = (a >> _HALF) + (b >> _HALF) + (low >> _HALF)
    return ((high & _LOW) << _HALF) | (low & _LOW)


@rule
def splitmix64(state: np.uint64) -> np.uint64:
    """Return the next output of SplitMix64 after ``state``. Source: Steele, Lea, Flood 2014."""
    mixed = plus(state, _STEP)
    mixed = times(mixed ^ (mixed >> _SHIFTS[0]), _FIRST)
    mixed = times(mixed ^ (mixed >> _SHIFTS[1]), _SECOND)
    return mixed ^ (mixed >> _SHIFTS[2])


@rule
def draw(chance: Chance, ordinal: int) -> float:
    """Return a number from 0 to below 1 for the order of ``ordinal``: each input is mixed into the output for those before it."""
    mixed = splitmix64(np.uint64(chance.seed))
    mixed = splitmix64(mixed ^ np.uint64(chance.symbol))
    mixed = splitmix64(mixed ^ np.uint64(chance.time))
    mixed = splitmix64(mixed ^ np.uint64(ordinal))
    return float(mixed >> _UNUSED_BITS) / 9007199254740992.0
