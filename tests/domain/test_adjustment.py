"""Prices adjusted for corporate actions: forward, as strategies see them."""

from __future__ import annotations

import numpy as np
import pytest
from histories import history, market, real_bars

from domain.adjustment import adjust_forward
from domain.market import AssetClass, CorporateAction


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
