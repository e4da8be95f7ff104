"""The base of strategies: parameters checked, answers checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from domain.errors import DataError, InputError
from domain.market import Bars, Timeframe
from domain.strategy import Between, Search, Series, Strategy, checked_target, require
from strategies.moving_average_crossover import MovingAverageCrossover
from strategies.rsi_mean_reversion import RsiMeanReversion

CLOSES = np.array([10.0, 11.0, 12.0])
BARS = Bars("SPY", Timeframe.parse("1d"), np.arange(3), CLOSES, CLOSES, CLOSES, CLOSES, CLOSES)


@dataclass(frozen=True)
class Example(Strategy):
    """Everything a parameter can be.

    A second paragraph.
    """

    window: Annotated[int, Search(2, 50)] = 10
    share: Annotated[float, Between(0, 1)] = 0.5
    kind: Literal["near", "far"] = "near"
    label: str = "a"
    both: bool = False
    free: float = 0.0

    def check(self) -> None:
        """Refuse a window of 13."""
        require(self.window != 13, "parameter window must not be 13")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"window": 1.5}, "parameter window must be a whole number from 1 to 10000, got 1.5"),
        ({"window": 0}, "parameter window must be a whole number from 1 to 10000, got 0"),
        ({"window": 10**9}, "parameter window must be a whole number from 1 to 10000, got 1000000000"),
        ({"window": True}, "parameter window must be a whole number from 1 to 10000, got True"),
        ({"window": "10"}, "parameter window must be a whole number from 1 to 10000, got '10'"),
        ({"window": 13}, "parameter window must not be 13"),
        ({"share": 1.01}, "parameter share must be a number from 0 to 1, got 1.01"),
        ({"share": float("nan")}, "parameter share must be a number from 0 to 1, got nan"),
        ({"share": 10**400}, "parameter share must be a number from 0 to 1, got 1000000000000000000000000000000000000..."),
        ({"share": None}, "parameter share must be a number from 0 to 1, got None"),
        ({"kind": "nera"}, "parameter kind must be one of near, far, got 'nera'; did you mean 'near'?"),
        ({"kind": 1}, "parameter kind must be one of near, far, got 1"),
        ({"label": 1}, "parameter label must be a text, got 1"),
        ({"free": float("nan")}, "parameter free must be a number, got nan"),
        ({"free": float("-inf")}, "parameter free must be a number, got -inf"),
        ({"both": 1}, "parameter both must be true or false, got 1"),
        (
            {"windwo": 5},
            "parameter 'windwo' of test_strategy is unknown: did you mean 'window'? it has window, share, kind, label, both, free",
        ),
    ],
)
def test_bad_parameter_is_refused(given: dict[str, Any], message: str) -> None:
    """The message names the parameter, what is allowed and what was given."""
    with pytest.raises(InputError) as error:
        Example.create(given)
    assert str(error.value) == message


def test_good_parameters_take_their_types() -> None:
    """Whole numbers serve as floats, numpy's integers as whole numbers, and both bounds are inside."""
    made = Example.create({"window": np.int64(10_000), "share": 1, "kind": "far", "both": True})
    assert made.parameters == {"window": 10_000, "share": 1.0, "kind": "far", "label": "a", "both": True, "free": 0.0}
    assert [type(value) for value in made.parameters.values()] == [int, float, str, str, bool, float]


def test_text_is_parsed_as_the_command_line_gives_it() -> None:
    """Every kind of parameter can be written as text, and a wrong text is refused as given."""
    texts = {"window": "20", "share": "0.25", "kind": "far", "label": "5", "both": "True"}
    assert Example.parse(texts) == {"window": 20, "share": 0.25, "kind": "far", "label": "5", "both": True}
    for name, text in {"window": "1.5", "share": "half", "both": "1", "kind": "", "windw": "3"}.items():
        with pytest.raises(InputError, match=name):
            Example.parse({name: text})
    with pytest.raises(InputError, match="got nan"):
        Example.parse({"share": "nan"})


def test_description_is_the_first_line_of_the_docstring() -> None:
    """The rest of the docstring is for readers of the code, and a generated one is none."""
    assert Example.description() == "Everything a parameter can be"

    @dataclass(frozen=True)
    class Silent(Strategy):
        pass

    assert Silent.description() == ""


@pytest.mark.parametrize("given", [{"fast": 30}, {"fast": 31}, {"slow": 10}, {"fast": 1, "slow": 1}])
def test_crossover_refuses_a_fast_average_that_is_not_faster(given: dict[str, int]) -> None:
    """Equal or reversed windows never cross as meant."""
    with pytest.raises(InputError, match="parameter fast must be below slow, got fast="):
        MovingAverageCrossover.create(given)


def test_crossover_takes_a_fast_window_of_one() -> None:
    """The close itself is an average."""
    assert MovingAverageCrossover(fast=1, slow=2).lookback == 3


def test_rsi_refuses_a_period_of_one() -> None:
    """One change has no average of gains and losses."""
    with pytest.raises(InputError, match="parameter period must be a whole number from 2 to 10000, got 1"):
        RsiMeanReversion.create({"period": 1})


def test_rsi_refuses_low_above_high() -> None:
    """Buying and selling on one bar is a mistake; equal thresholds are not."""
    with pytest.raises(InputError, match="low must not be above high"):
        RsiMeanReversion.create({"low": 60})
    assert RsiMeanReversion(low=50, high=50).lookback == 500


def answering(answer: Any) -> Strategy:
    """Return a strategy that answers this."""

    @dataclass(frozen=True)
    class Answering(Strategy):
        def target(self, bars: Bars) -> Series:
            del bars
            if isinstance(answer, Exception):
                raise answer
            return answer  # type: ignore[no-any-return] # garbage is the point

    return Answering()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "must return a numpy array of float64, got NoneType"),
        ({}, "got dict"),
        ([1.0, 1.0, 1.0], "got list"),
        (1.0, "got float"),
        ("ten", "got str"),
        (np.ones(3, np.float32), "got array of float32"),
        (np.ones(3, np.int64), "got array of int64"),
        (np.array([None, None, None]), "got array of object"),
        (np.ma.ones(3), "got array of float64"),
        (np.ones(2), r"one target for each of 3 bars, got shape \(2,\)"),
        (np.ones(100_000), r"got shape \(100000,\)"),
        (np.ones((3, 1)), r"got shape \(3, 1\)"),
        (np.array([0.0, 1e18, 0.0]), r"targets from -1 to 1 or NaN, got 1e\+18 at bar 1"),
        (np.array([0.0, 0.0, -5.0]), "got -5 at bar 2"),
        (np.array([np.inf, 0.0, 0.0]), "got inf at bar 0"),
        (np.array([0.0, 0.0, np.nextafter(1.0, 2.0)]), "at bar 2"),
        (ZeroDivisionError("division by zero"), "failed: ZeroDivisionError: division by zero"),
    ],
)
def test_garbage_answer_is_refused_whole(answer: Any, reason: str) -> None:
    """The error names the strategy, the symbol and what was wrong."""
    with pytest.raises(DataError) as error:
        checked_target(answering(answer), BARS)
    error.match(reason)
    error.match("strategy test_strategy on SPY")


@pytest.mark.parametrize("answer", [[1.0, -1.0, 0.0], [np.nan] * 3, [0.5, np.nan, -0.0]])
def test_answer_within_the_range_passes_unchanged(answer: list[float]) -> None:
    """Both ends, nothing and a part are targets."""
    given = np.array(answer)
    assert checked_target(answering(given), BARS) is given


def test_refusal_a_strategy_raises_itself_stands() -> None:
    """An error of ours says who acts, and is not wrapped."""
    with pytest.raises(InputError, match=r"^this one$"):
        checked_target(answering(InputError("this one")), BARS)


def test_strategy_cannot_change_the_bars() -> None:
    """The bars it sees are read-only; ours stay writable and as they were."""

    @dataclass(frozen=True)
    class Meddling(Strategy):
        def target(self, bars: Bars) -> Series:
            bars.close[0] = 0.0
            return np.ones(len(bars))

    with pytest.raises(DataError, match="read-only"):
        checked_target(Meddling(), BARS)
    assert BARS.close[0] == 10.0
    assert BARS.close.flags.writeable
