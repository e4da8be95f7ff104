"""Dividends taken out twice: put into real bars they are found, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from histories import market
from msgspec.structs import replace

from domain.adjustment import adjust_backward
from domain.adjustment_checks import ADJUSTMENT_CHECKS
from domain.examination import examine
from domain.market import CorporateAction
from domain.quality import DIVIDEND_TWICE, IMPROBABLE, Rows, apply, series_of
from domain.sessions import session_dates
from tasks.market_data.files import read_actions, read_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.market import Bars
    from domain.quality import Finding

DATA = Path(__file__).parents[2] / "deployments/data"
ACTIONS = read_actions(DATA / "corporate_actions.csv")
DIVIDENDS = [action for action in ACTIONS if action.action == "dividend"]
PAYERS = ["IBM", "QQQ", "SPY"]


@pytest.fixture(scope="module")
def payers() -> dict[str, Bars]:
    """Real raw daily bars of three payers of dividends, with their splits and a hole of six years in QQQ."""
    return {bars.symbol: bars for bars in read_file(DATA / "equity_1d.parquet", PAYERS)}


def checked(bars: Bars, adjusted: np.ndarray | None = None, actions: Sequence[CorporateAction] = ACTIONS) -> list[Finding]:
    """Return what the checks of adjustment find in bars with these adjusted closes."""
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    rows = Rows((bars.symbol,), np.zeros(len(bars), np.int64), *columns, adjusted=adjusted)
    (series,) = series_of(rows, bars.timeframe, {}, None, actions)
    return apply(ADJUSTMENT_CHECKS, series)


def ex_dates(bars: Bars) -> list[tuple[int, float]]:
    """Return the first bar and the cash of each dividend that has a bar on its ex-date and one before."""
    days = session_dates(bars.time, bars.timeframe, bars.calendar)
    dated = [(np.datetime64(one.ex_date, "D").astype(np.int64), one.value) for one in DIVIDENDS if one.symbol == bars.symbol]
    found = [(int(np.searchsorted(days, day)), day, cash) for day, cash in dated]
    return [(at, cash) for at, day, cash in found if 0 < at < len(days) and days[at] == day]


def scaled(bars: Bars, factor: np.ndarray) -> Bars:
    """Return bars with all prices multiplied."""
    return replace(bars, open=bars.open * factor, high=bars.high * factor, low=bars.low * factor, close=bars.close * factor)


@pytest.mark.parametrize("symbol", PAYERS)
def test_dividend_taken_out_twice_of_an_adjusted_close_is_found_on_its_ex_date(symbol: str, payers: dict[str, Bars]) -> None:
    """One after the other, in closes printed with two decimals; the one of QQQ that is less than a cent a share hides in them."""
    bars = payers[symbol]
    right = adjust_backward(bars, ACTIONS).close
    assert checked(bars, np.round(right, 2)) == []
    dates = ex_dates(bars)
    caught = 0
    for at, cash in dates:
        wrong = right.copy()
        wrong[:at] *= 1.0 - cash / bars.close[at - 1]
        found = checked(bars, np.round(wrong, 2))
        assert [finding.row for finding in found] in ([at], [])
        caught += len(found)
    assert caught >= len(dates) - (symbol == "QQQ")


@pytest.mark.parametrize("symbol", PAYERS)
def test_prices_that_are_adjusted_already_are_told_from_raw_ones_by_their_openings(symbol: str, payers: dict[str, Bars]) -> None:
    """Twice adjusted in all three; once in two, where the 42 dividends of QQQ are too small for its nights. Raw: nothing."""
    bars = payers[symbol]
    assert checked(bars) == []
    factor = adjust_backward(bars, DIVIDENDS).close / bars.close
    (twice,) = checked(scaled(bars, factor * factor))
    assert (twice.row, twice.kind) == (ex_dates(bars)[0][0], DIVIDEND_TWICE)
    assert "1 adjusted twice" in twice.detail
    assert len(checked(scaled(bars, factor))) == (symbol != "QQQ")


def test_finding_leaves_its_bar_among_the_good_ones(payers: dict[str, Bars]) -> None:
    """It is told like a split that the prices do not show, on the way that all checks go."""
    bars = payers["IBM"]
    assert DIVIDEND_TWICE in IMPROBABLE
    factor = adjust_backward(bars, DIVIDENDS).close / bars.close
    made = scaled(bars, factor * factor)
    columns = (made.time, made.open, made.high, made.low, made.close, made.volume)
    divided, findings = examine(Rows(("IBM",), np.zeros(len(bars), np.int64), *columns), bars.timeframe, {}, None, ACTIONS)
    assert sum(finding.kind == DIVIDEND_TWICE for finding in findings) == 1
    assert len(divided.bars[0]) == len(bars)


def made_up(steps: Sequence[float], splits: Sequence[CorporateAction] = ()) -> list[int]:
    """Return the rows found where the adjusted close of five bars at 100 steps by these factors and 2 is paid on the third."""
    adjusted = 100.0 * np.cumprod(steps)
    return [
        f.row
        for f in checked(market("AAA", [100.0] * 5), adjusted, [CorporateAction("AAA", "2021-03-03", "dividend", 2.0), *splits])
    ]


ONCE = 1.0 / 0.98


@pytest.mark.parametrize(
    ("steps", "rows"),
    [
        ([1, 1, 1, 1, 1], []),
        ([1, 1, ONCE, 1, 1], []),
        ([1, 1, ONCE**1.4, 1, 1], []),
        ([1, 1, ONCE**2, 1, 1], [2]),
        ([1, 1, ONCE**3, 1, 1], [2]),
        ([1, ONCE**2, 1, ONCE**2, 1], []),
        ([1, 1, np.nan, 1, 1], []),
    ],
)
def test_only_more_than_the_declared_dividend_on_its_day_is_found(steps: list[float], rows: list[int]) -> None:
    """Not taken out, once, nearly once and a half, twice, thrice, on days without one, unknown."""
    assert made_up(steps) == rows


def test_two_dividends_of_a_day_are_one() -> None:
    """Cash of 2 and 2: the step of 4 is right."""
    assert made_up([1, 1, 1.0 / 0.96, 1, 1], [CorporateAction("AAA", "2021-03-03", "dividend", 2.0)]) == []


def test_dividend_of_the_day_of_a_split_is_left_alone() -> None:
    """On which shares it was paid is not known."""
    assert made_up([1, 1, ONCE**2, 1, 1], [CorporateAction("AAA", "2021-03-03", "split", 2.0)]) == []


def test_step_within_the_rounding_of_an_adjusted_close_is_no_finding() -> None:
    """Closes of a few cents, printed with two decimals: a step of 9 % may be one of 3 %."""
    bars = market("AAA", [100.0] * 5)
    paid = [CorporateAction("AAA", "2021-03-03", "dividend", 3.0)]
    assert checked(bars, np.array([0.11, 0.11, 0.12, 0.12, 0.12]), paid) == []
    assert [finding.row for finding in checked(bars, np.array([1.1, 1.1, 1.2, 1.2, 1.2]), paid)] == [2]
