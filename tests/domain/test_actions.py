"""Corporate actions that share a day: added up, counted once or refused, and told apart in the dataset's fingerprint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from histories import history, market, quantity, run_scripts

from domain.errors import InputError
from domain.ledger import dataset_id
from domain.market import CorporateAction
from domain.timeline import actions_used, merged

ROOT = Path(__file__).parents[2]
DAY = "2021-03-03"

IDENTIFIED = f"""
import numpy as np
from domain.ledger import dataset_id
from domain.market import Bars, CorporateAction, Instrument, Timeframe
from domain.timeline import History
days = np.arange(18_687, 18_692, dtype=np.int64) * 86_400_000_000
bars = Bars("AAA", Timeframe.parse("1d"), days, *(np.full(5, 10.0) for _ in range(5)))
paid = (None, "2021-03-04")
actions = [CorporateAction("AAA", "{DAY}", "dividend", value, date) for value in (0.1, 0.2, 0.3, 0.4) for date in paid]
print(dataset_id(History((Instrument.of("AAA"),), (bars,), bars.timeframe, tuple(actions))))
"""


def dividend(value: float, paid: str | None = None, symbol: str = "AAA", day: str = DAY) -> CorporateAction:
    """Return a dividend."""
    return CorporateAction(symbol, day, "dividend", value, paid)


def split(ratio: float, symbol: str = "AAA", day: str = DAY) -> CorporateAction:
    """Return a split."""
    return CorporateAction(symbol, day, "split", ratio)


def test_two_dividends_of_one_day_add_up() -> None:
    """A regular and a special one on one ex-date are both money."""
    assert merged([dividend(0.1), dividend(0.25)]) == (dividend(0.35),)


def test_both_dividends_of_one_day_are_paid() -> None:
    """100 shares: 10 and 25, at once or on one pay date, in every driver."""
    bars = market("AAA", [10.0] * 6)
    for paid in (None, "2021-03-05"):
        past = history(bars, actions=merged([dividend(0.1, paid), dividend(0.25, paid)]))
        run = run_scripts(past, {"AAA": "1"}, quantity(100.0))
        assert run.equity[-1].cash == pytest.approx(100_000.0 - 1_000.0 + 35.0, abs=1e-9)


def test_equal_rows_count_once() -> None:
    """A row written twice is a copy, not a second payment or a second split."""
    assert merged([dividend(0.1), split(2.0), dividend(0.1), split(2.0)]) == (dividend(0.1), split(2.0))


def test_two_different_splits_of_one_day_are_refused_by_name() -> None:
    """One of them cannot be true; the message says which there are."""
    with pytest.raises(InputError, match=f"AAA has two different actions split on {DAY}, 2 and 3: keep the true one"):
        merged([split(2.0), split(3.0)])


def test_actions_of_other_days_symbols_and_pay_dates_stay_apart() -> None:
    """Only what would be paid together is added up."""
    apart = (
        dividend(0.1),
        dividend(0.2, "2021-03-05"),
        dividend(0.3, symbol="BBB"),
        dividend(0.4, day="2021-03-04"),
        split(2.0),
        split(3.0, symbol="BBB"),
        split(3.0, day="2021-03-04"),
    )
    assert merged(apart) == apart


def test_dataset_is_the_same_whatever_seed_hashing_has() -> None:
    """Eight dividends of one day, in three processes that hash strings differently."""
    found = {
        subprocess.run(
            [sys.executable, "-c", IDENTIFIED],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(found) == 1
    assert len(found.pop().strip()) == 64


def test_dataset_does_not_depend_on_the_order_of_its_actions() -> None:
    """The file's order is no part of the data."""
    bars = market("AAA", [10.0] * 5)
    actions = [dividend(0.1), dividend(0.2), dividend(0.2, "2021-03-04"), split(2.0)]
    assert dataset_id(history(bars, actions=actions)) == dataset_id(history(bars, actions=actions[::-1]))


def test_dataset_changes_with_the_pay_date() -> None:
    """When a dividend is paid decides what cash there is, and so does whether it has a date of its own."""
    bars = market("AAA", [10.0] * 6)
    paid = (None, "2021-03-04", "2021-03-05")
    assert len({dataset_id(history(bars, actions=[dividend(0.1, date)])) for date in paid}) == 3


def test_actions_used_are_those_that_take_effect_each_once() -> None:
    """A dividend and its payment are one; what comes before the first bar or after the last is none."""
    actions = [
        dividend(0.1, "2021-03-04"),
        split(2.0, day="2021-03-01"),
        split(2.0, day="2021-04-01"),
        split(3.0, day="2021-03-04"),
    ]
    past = history(market("AAA", [10.0] * 5), actions=actions)
    assert actions_used(past) == [dividend(0.1, "2021-03-04"), split(3.0, day="2021-03-04")]
