"""Prices adjusted for corporate actions: forward, as strategies see them, and backward, as others publish them."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest
from histories import DAILY, TESTS, history, market, real_bars
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.adjustment import adjust_backward, adjust_forward
from domain.errors import DataError, InputError
from domain.market import AssetClass, Bars, CorporateAction
from tasks.market_data.files import read_actions

ORACLES = TESTS / "oracles"
COLUMNS = ("open", "high", "low", "close", "volume")


def test_prices_are_adjusted_forward_by_every_split_so_far() -> None:
    """2 for 1 on bar 2, 3 for 1 on bar 4: prices x 1, 1, 2, 2, 6; volumes divided by it; the first bar is as traded."""
    splits = [CorporateAction("AAA", "2021-03-03", "split", 2.0), CorporateAction("AAA", "2021-03-05", "split", 3.0)]
    past = history(market("AAA", [60, 60, 30, 30, 10], volume=[6, 6, 12, 12, 36]), actions=splits)
    (seen,) = adjust_forward(past)
    for column in (seen.open, seen.high, seen.low, seen.close):
        assert column.tolist() == [60.0] * 5
    assert seen.volume.tolist() == [6.0] * 5
    assert past.bars[0].close.tolist() == [60.0, 60.0, 30.0, 30.0, 10.0]


def test_dividends_do_not_adjust_what_strategies_see() -> None:
    """Only splits do."""
    past = history(market("AAA", [60, 59, 58]), actions=[CorporateAction("AAA", "2021-03-02", "dividend", 1.0)])
    assert adjust_forward(past)[0].close.tolist() == [60.0, 59.0, 58.0]


def test_a_bar_seen_depends_on_nothing_later() -> None:
    """Cut before the second split, the first bars are the same."""
    splits = [CorporateAction("AAA", "2021-03-02", "split", 2.0), CorporateAction("AAA", "2021-03-04", "split", 0.1)]
    bars = market("AAA", [60, 30, 31, 310, 311])
    whole = adjust_forward(history(bars, actions=splits))[0]
    part = adjust_forward(history(bars.slice(0, 3), actions=splits))[0]
    assert whole.close[:3].tolist() == part.close.tolist() == [60.0, 60.0, 62.0]


def test_real_split_of_apple_leaves_no_jump() -> None:
    """7 for 1 on 2014-06-09: raw 645.57 to 93.70, seen 645.57 to 655.9."""
    (apple,) = [one for one in real_bars("equity_1d") if one.symbol == "AAPL"]
    (seen,) = adjust_forward(history(apple, actions=[CorporateAction("AAPL", "2014-06-09", "split", 7.0)]))
    day = int(np.datetime64("2014-06-09").astype("datetime64[us]").astype(np.int64))
    at = int(np.searchsorted(apple.time, day))
    assert apple.close[at] / apple.close[at - 1] < 0.2
    assert seen.close[at] / seen.close[at - 1] == pytest.approx(1.016, abs=0.001)


def test_bars_seen_know_their_calendar() -> None:
    """That of the instrument, whatever the bars were made with."""
    past = history(market("AAA", [60, 60]), market("BTC-USD", [1, 2]), classes={"BTC-USD": AssetClass.CRYPTO})
    assert [bars.calendar for bars in adjust_forward(past)] == ["XNYS", "24/7"]


def test_streamed_and_whole_adjustment_multiply_alike() -> None:
    """Two splits that meet one bar after a hole: the factor is 0.1 x 3, then x 0.7, to the bit of bars coming one by one."""
    days = ("2021-03-02", "2021-03-04", "2021-03-05")
    actions = [CorporateAction("AAA", day, "split", ratio) for day, ratio in zip(days, (0.1, 3.0, 0.7), strict=True)]
    (seen,) = adjust_forward(history(market("AAA", [1.0] * 3, volume=7.0, days=[0, 1, 7]), actions=actions))
    assert seen.close.tolist() == [1.0, 0.1, 0.1 * 3.0 * 0.7]
    assert seen.volume.tolist() == [7.0, 7.0 / 0.1, 7.0 / (0.1 * 3.0 * 0.7)]


def test_dividends_grow_later_prices_when_asked() -> None:
    """1 of 50 paid and the price down by 1: nothing was lost, and volumes are what they were."""
    past = history(market("AAA", [50, 49, 49], volume=9), actions=[CorporateAction("AAA", "2021-03-02", "dividend", 1.0)])
    (seen,) = adjust_forward(past, dividends=True)
    assert seen.close.tolist() == pytest.approx([50.0, 50.0, 50.0], rel=1e-15)
    assert seen.volume.tolist() == [9.0] * 3


def test_dividend_on_the_day_of_a_split_is_per_new_share() -> None:
    """100 before, 2 for 1, then 1 paid on each new share: 49 is 100 still, forward and backward."""
    actions = [CorporateAction("AAA", "2021-03-02", "dividend", 1.0), CorporateAction("AAA", "2021-03-02", "split", 2.0)]
    bars = market("AAA", [100, 49])
    assert adjust_forward(history(bars, actions=actions), dividends=True)[0].close.tolist() == pytest.approx([100.0, 100.0])
    assert adjust_backward(bars, actions).close.tolist() == pytest.approx([49.0, 49.0])


def test_dividend_not_below_the_close_before_is_refused() -> None:
    """No price is left of it: named with its date."""
    past = history(market("AAA", [5, 5]), actions=[CorporateAction("AAA", "2021-03-02", "dividend", 5.0)])
    with pytest.raises(DataError, match="dividend of 5 of AAA on 2021-03-02 is not below the close before it, 5"):
        adjust_forward(past, dividends=True)


@settings(max_examples=60, deadline=None)
@given(
    actions=st.lists(
        st.builds(
            lambda day, split, size: CorporateAction(
                "AAA", str(np.datetime64("2021-03-01") + day), "split" if split else "dividend", size if split else size / 50.0
            ),
            st.integers(0, 12),
            st.booleans(),
            st.sampled_from([2.0, 0.1, 1.5, 7.0]),
        ),
        max_size=6,
        unique_by=lambda action: (action.ex_date, action.action),
    )
)
def test_forward_and_backward_show_the_same_returns(actions: list[CorporateAction]) -> None:
    """One is the other x a constant, so that charts and strategies see one market; forward never changes with what follows."""
    bars = market("AAA", [50.0, 51, 49, 48, 52, 53, 51, 50, 49], volume=100)
    (forward,) = adjust_forward(history(bars, actions=actions), dividends=True)
    backward = adjust_backward(bars, actions)
    constant = forward.close / backward.close
    np.testing.assert_allclose(constant, constant[0], rtol=1e-12)
    (part,) = adjust_forward(history(bars.slice(0, 5), actions=actions), dividends=True)
    np.testing.assert_array_equal(part.close, forward.close[:5])


# Backward


def test_only_actions_known_by_then_adjust_the_past() -> None:
    """Two splits: known at the first's ex-date, at none, at both; the last bar is as it was traded."""
    actions = [CorporateAction("AAA", "2021-03-02", "split", 2.0), CorporateAction("AAA", "2021-03-04", "split", 5.0)]
    bars = market("AAA", [100, 50, 50, 10], volume=[1, 2, 2, 10])
    assert adjust_backward(bars, actions, known_at="2021-03-01").close.tolist() == [100.0, 50.0, 50.0, 10.0]
    assert adjust_backward(bars, actions, known_at="2021-03-02").close.tolist() == [50.0, 50.0, 50.0, 10.0]
    whole = adjust_backward(bars, actions, known_at="2021-03-04")
    assert (whole.close.tolist(), whole.volume.tolist()) == ([10.0] * 4, [10.0] * 4)
    assert adjust_backward(bars, actions).close.tolist() == [10.0] * 4


def test_actions_before_the_first_bar_and_of_others_change_nothing() -> None:
    """They are in the prices already, or another's."""
    actions = [CorporateAction("AAA", "2021-03-01", "split", 2.0), CorporateAction("BBB", "2021-03-02", "split", 2.0)]
    actions.append(CorporateAction("AAA", "2021-03-01", "dividend", 99.0))
    assert adjust_backward(market("AAA", [10, 10]), actions).close.tolist() == [10.0, 10.0]


def test_dividends_stay_in_prices_without_a_convention() -> None:
    """Splits alone."""
    actions = [CorporateAction("AAA", "2021-03-02", "dividend", 1.0), CorporateAction("AAA", "2021-03-02", "split", 2.0)]
    assert adjust_backward(market("AAA", [100, 49]), actions, convention=None).close.tolist() == [50.0, 49.0]


def published(name: str) -> tuple[Bars, list[CorporateAction], list[float]]:
    """Return the raw bars, the actions and the adjusted closes of a published table."""
    with (ORACLES / f"adjustment_{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    symbol = rows[0]["symbol"]
    time = np.array([row["date"] for row in rows], "datetime64[us]").astype(np.int64)
    columns = [np.array([float(row[column]) for row in rows]) for column in COLUMNS]
    paid = [CorporateAction(symbol, row["date"], "dividend", float(row["dividend"])) for row in rows if float(row["dividend"])]
    splits = [CorporateAction(symbol, row["date"], "split", float(row["split_ratio"])) for row in rows if _splits(row)]
    return Bars(symbol, DAILY, time, *columns), paid + splits, [float(row["adj_close_expected"]) for row in rows]


def _splits(row: dict[str, Any]) -> bool:
    return float(row["split_ratio"]) not in {0.0, 1.0}


@pytest.mark.parametrize(("name", "tolerance", "dividends"), [("yahoo", 2e-6, 5), ("quandl", 1e-9, 4)])
def test_adjusted_closes_equal_the_published_ones(name: Any, tolerance: float, dividends: int) -> None:
    """EWG 2022-2024 of Yahoo and IBM 2011 of Quandl, each by its convention and not by the other's."""
    bars, actions, expected = published(name)
    assert len(actions) == dividends
    np.testing.assert_allclose(adjust_backward(bars, actions, convention=name).close, expected, rtol=tolerance)
    other: Any = {"yahoo": "quandl", "quandl": "yahoo"}[name]
    assert np.abs(adjust_backward(bars, actions, convention=other).close / expected - 1.0).max() > 10 * tolerance


@pytest.mark.parametrize("symbol", ["AAPL", "SPY"])
def test_adjusted_closes_equal_the_factors_of_lean(symbol: str) -> None:
    """Splits and dividends of 10 and 15 years with LEAN's reference closes give its price and split factors."""
    bars = next(one for one in real_bars("equity_1d") if one.symbol == symbol)
    with (ORACLES / "lean_factors.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["symbol"] == symbol]
    dates = bars.time.astype("datetime64[us]").astype("datetime64[D]").astype(str)
    at = np.searchsorted([row["date"] for row in rows], dates)
    factors = np.array([float(row["price_factor"]) * float(row["split_factor"]) for row in rows])[at]
    actions = [one for one in read_actions(TESTS.parent / "deployments/data/corporate_actions.csv") if one.symbol == symbol]
    following = [str(np.datetime64(row["date"]) + 1) for row in rows]
    references = {one.ex_date: _reference(rows, following, one.ex_date) for one in actions}
    adjusted = adjust_backward(bars, actions, convention="lean", references=references)
    expected = bars.close * factors / factors[-1]
    np.testing.assert_allclose(adjusted.close, expected, rtol=2e-5)


def _reference(rows: list[dict[str, str]], following: list[str], ex_date: str) -> float:
    """Return the reference close of the factor row before an ex-date: rows are dated the session before."""
    before = int(np.searchsorted(following, ex_date, side="right")) - 1
    return float(rows[before]["reference_close"])


def test_lean_convention_takes_the_reference_and_not_the_close() -> None:
    """1 of 20 in place of 1 of 10."""
    actions = [CorporateAction("AAA", "2021-03-02", "dividend", 1.0)]
    adjusted = adjust_backward(market("AAA", [10, 10]), actions, convention="lean", references={"2021-03-02": 20.0})
    assert adjusted.close.tolist() == pytest.approx([9.5, 10.0])


def test_lean_convention_without_a_reference_is_refused() -> None:
    """The dividend is named."""
    actions = [CorporateAction("AAA", "2021-03-02", "dividend", 1.0)]
    with pytest.raises(InputError, match="lean convention needs a reference close of AAA for its dividend on 2021-03-02"):
        adjust_backward(market("AAA", [10, 10]), actions, convention="lean")
