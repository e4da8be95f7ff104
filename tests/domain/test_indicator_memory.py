"""A definition evaluated bar by bar, from its last bars and what its indicators remember, is the one evaluated on all bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import DataError
from domain.indicators import Memory, ema, rsi, sma

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from domain.strategy import Series

type Definition = Callable[[Series], Series]

WINDOW = 12

DEFINITIONS: dict[str, Definition] = {
    "ema": lambda values: ema(values, 5),
    "rsi": lambda values: rsi(values, 4),
    "of an average": lambda values: ema(sma(values, 3), 4) - sma(values, 5),
    "of itself": lambda values: ema(ema(rsi(values, 3), 4), 2),
    "twice the same": lambda values: ema(values, 3) - ema(values + 1.0, 3),
    "one value short": lambda values: np.append(np.full(min(1, len(values)), np.nan), ema(np.abs(values[1:]), 3)),
    "every third value": lambda values: np.full(len(values), _last(ema(values[::3].copy(), 2))),
    "late": lambda values: ema(values, 3) if len(values) > 9 else sma(values, 3),
    "now and then": lambda values: ema(values, 3) if _last(values) > 2.0 else sma(values, 3),
    "written into": lambda values: _doubled(ema(values, 3)),
}


def _last(values: Series) -> float:
    return float(values[-1]) if len(values) else np.nan


def _doubled(values: Series) -> Series:
    values *= 2.0
    return values


def streamed(definition: Definition, values: Series, counts: Sequence[int], window: int = WINDOW) -> list[float]:
    """Return the last value of a definition after each of ``counts`` bars, from one memory."""
    memory = Memory()
    return [memory.evaluate(lambda first, count=count: _last(definition(values[first:count])), count, window) for count in counts]


def assert_as_whole(definition: Definition, values: Series, counts: Sequence[int]) -> None:
    """Assert that streaming gives what each shorter series gives as a whole, to the bit."""
    expected = [_last(definition(values[:count])) for count in counts]
    assert np.array_equal(streamed(definition, values, counts), expected, equal_nan=True)


series = st.lists(st.sampled_from([0.1, 0.3, 1.1, 2.0, 33.333, 1e6 + 0.7, np.nan, np.inf]) | st.floats(1.0, 9.0), max_size=60).map(
    lambda given: np.array(given, np.float64)
)


@pytest.mark.parametrize("name", DEFINITIONS)
@settings(max_examples=80, deadline=None)
@given(values=series, data=st.data())
def test_memory_answers_as_the_whole_series_does(name: str, values: Series, data: st.DataObject) -> None:
    """One by one, several bars at once, the same bar twice, from the first bar or from a restart in the middle, with gaps."""
    counts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=30)))
    for evaluated in (range(len(values) + 1), counts, range(len(values) // 2, len(values) + 1)):
        assert_as_whole(DEFINITIONS[name], values, evaluated)


@pytest.mark.parametrize("name", ["ema", "rsi", "of an average", "of itself", "twice the same", "written into"])
def test_cost_of_a_bar_does_not_grow(name: str) -> None:
    """After the first evaluation the definition is shown its window, however long the series."""
    shown: list[int] = []
    values = np.cumsum(np.random.default_rng(1).normal(size=600)) + 50.0

    def definition(part: Series) -> Series:
        shown.append(len(part))
        return DEFINITIONS[name](part)

    streamed(definition, values, range(100, 601))
    assert shown == [100] + 500 * [WINDOW]


def test_bars_that_came_together_lengthen_what_is_shown_once() -> None:
    """Three new bars need two more than one: each of them with its window."""
    shown: list[int] = []

    def definition(part: Series) -> Series:
        shown.append(len(part))
        return ema(part, 3)

    streamed(definition, np.arange(60.0), [40, 43, 43, 44])
    assert shown == [40, WINDOW + 2, WINDOW, WINDOW]


@pytest.mark.parametrize("name", ["one value short", "every third value"])
def test_series_that_is_not_one_value_a_bar_is_computed_whole(name: str) -> None:
    """What cannot be continued surely is not continued at all."""
    shown: list[int] = []

    def definition(part: Series) -> Series:
        shown.append(len(part))
        return DEFINITIONS[name](part)

    streamed(definition, np.arange(60.0), range(50, 53))
    assert shown == [50, 51, 52]


@pytest.mark.parametrize(("own_memory", "expected"), [(True, [50, 51]), (False, [50, WINDOW])])
def test_definition_that_remembers_by_itself_sees_everything(expected: list[int], *, own_memory: bool) -> None:
    """It calls no recursive indicator and says that it remembers; one that says it does not sees its window."""
    memory = Memory()
    shown = [memory.evaluate(lambda first, count=count: count - first, count, WINDOW, own_memory=own_memory) for count in (50, 51)]
    assert shown == expected


def test_failed_evaluation_leaves_no_half_fed_memory() -> None:
    """An indicator fed before the failure is not fed the same bar again, even where its price looks like the one before."""
    values = np.cumsum(np.random.default_rng(2).normal(size=50)) + 50.0
    values[31] = values[30]
    memory = Memory()

    def definition(first: int, count: int, *, fails: bool = False) -> float:
        average = ema(values[first:count], 5)
        if fails:
            raise DataError("no")
        return _last(average - ema(values[first:count], 9))

    for count in (30, 31):
        memory.evaluate(lambda first, count=count: definition(first, count), count, WINDOW)
    with pytest.raises(DataError):
        memory.evaluate(lambda first: definition(first, 32, fails=True), 32, WINDOW)
    assert memory.evaluate(lambda first: definition(first, 32), 32, WINDOW) == definition(0, 32)


def test_call_left_out_once_is_not_continued() -> None:
    """It was not fed the bar at which it was not made, even where that bar's price looks like the one before."""
    values = np.cumsum(np.random.default_rng(5).normal(size=50)) + 50.0
    values[31] = values[30]
    memory = Memory()

    def definition(first: int, count: int) -> float:
        return 0.0 if count == 32 else _last(ema(values[first:count], 5))

    for count in range(30, 36):
        decided = memory.evaluate(lambda first, count=count: definition(first, count), count, WINDOW)
        assert decided == definition(0, count)


def test_error_of_a_run_that_was_lost_anyway_is_not_the_answer() -> None:
    """A definition that fails on a window, where its indicator could not go on, is asked again with all bars."""
    memory = Memory()

    def definition(first: int, count: int) -> float:
        average = ema(np.arange(first, count) + float(count % 2), 3)  # a known value changes
        if first:
            raise DataError("too few bars")
        return _last(average)

    decided = [memory.evaluate(lambda first, count=count: definition(first, count), count, WINDOW) for count in (40, 41, 42)]
    assert decided == [38.0, 40.0, 40.0]


def test_series_whose_past_has_changed_is_computed_whole() -> None:
    """Prices on the scale of the first one shown are others in a window."""
    values = np.cumsum(np.random.default_rng(4).normal(size=60)) + 50.0
    assert_as_whole(lambda part: ema(part / part[0], 3), values, range(40, 61))


def test_two_memories_do_not_mix() -> None:
    """An evaluation inside another, as of a strategy that asks a second one, has its own series."""
    values = np.cumsum(np.random.default_rng(3).normal(size=40)) + 50.0
    outer, inner = Memory(), Memory()
    for count in range(20, 41):

        def both(first: int, count: int = count) -> tuple[float, float]:
            within = inner.evaluate(lambda start: _last(ema(-values[start:count], 4)), count, WINDOW)
            return _last(ema(values[first:count], 4)), within

        assert outer.evaluate(both, count, WINDOW) == (ema(values[:count], 4)[-1], ema(-values[:count], 4)[-1])
