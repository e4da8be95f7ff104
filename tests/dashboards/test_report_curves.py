"""The curves of a report against books kept by hand."""

from __future__ import annotations

import numpy as np
import pytest
from histories import MONDAY, fraction, history, market, quantity, run_scripts

from dashboards.report.charts import bins
from dashboards.report.curves import curves_of
from dashboards.report.prices import prices_of
from domain.market import DAY, CorporateAction


def test_the_benchmark_splits_the_cash_equally() -> None:
    """Half in A from 10 to 12 with a split of 2, half in B, which begins a day later."""
    day = np.datetime_as_string(np.datetime64(MONDAY + DAY, "us"), unit="D")
    actions = [CorporateAction("A", day, "split", 2.0)]
    past = history(market("A", [10.0, 5.0, 6.0]), market("B", [20.0, 30.0], days=[1, 2]), actions=actions)
    curves = curves_of(run_scripts(past, {"A": ".", "B": "."}, quantity(1.0)))
    assert curves.benchmark.tolist() == pytest.approx([100_000.0, 50_000 + 50_000, 50_000 * 1.2 + 75_000])


def test_exposure_is_the_value_held_at_each_close_also_after_a_split() -> None:
    """What is not cash is held: position and price change with the split, their product does not."""
    day = np.datetime_as_string(np.datetime64(MONDAY + 2 * DAY, "us"), unit="D")
    past = history(market("A", [10.0, 10.0, 5.0, 6.0, 6.0]), actions=[CorporateAction("A", day, "split", 2.0)])
    run = run_scripts(past, {"A": "1 . . 0"}, quantity(1001.0))
    curves = curves_of(run)
    invested = (np.array(run.equity.equity) - np.array(run.equity.cash)) / curves.equity
    assert curves.long.tolist() == pytest.approx(invested.tolist())
    assert curves.long[3] == pytest.approx(2002 * 6 / (100_000 + 2002))
    assert curves.long[4] == 0.0
    assert not curves.short.any()


def test_drawdown_is_measured_from_the_highest_equity_so_far() -> None:
    """1,000 shares from 10 to 20, down to 15, up to 30."""
    past = history(market("A", [10.0, 10.0, 20.0, 15.0, 30.0]))
    curves = curves_of(run_scripts(past, {"A": "1"}, quantity(1000.0)))
    assert curves.drawdown.tolist() == pytest.approx([0, 0, 0, 105 / 110 - 1, 0])


def test_fills_are_drawn_on_the_adjusted_price_and_told_as_they_traded() -> None:
    """A purchase at 10 before a split of 2 stands at 5 of the last bar's prices: a chart ends at the price of its last day."""
    day = np.datetime_as_string(np.datetime64(MONDAY + 2 * DAY, "us"), unit="D")
    past = history(market("A", [10.0, 10.0, 5.0, 6.0, 6.0]), actions=[CorporateAction("A", day, "split", 2.0)])
    run = run_scripts(past, {"A": "1 . 0"}, quantity(10.0))
    (record,) = prices_of(run, curves_of(run)).symbols
    assert record["close"] == [5.0, 5.0, 5.0, 6.0, 6.0]
    assert (record["sell"]["price"], record["sell"]["level"]) == ([6.0], [6.0])
    assert (record["buy"]["price"], record["buy"]["level"]) == ([10.0], [5.0])
    assert record["note"] == "2 fills; prices before a split divided by its ratio"


def test_trades_that_returned_nothing_have_bins_all_the_same() -> None:
    """One bought and sold at one price: the histogram has a side for losses and one for gains."""
    assert bins(np.zeros(1)).tolist() == [-0.01, 0.0, 0.01]
    assert bins(np.array([1e-12, 0.0])).tolist() == [-0.01, 0.0, 0.01]
    assert len(bins(np.array([0.01]))) > 2


def test_many_fills_are_marked_evenly_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the first and the last fill and some between them stay, and the note says how many of how many."""
    monkeypatch.setattr("dashboards.report.prices.MOST_FILLS_OF_SYMBOL", 3)
    past = history(market("A", [10.0] * 12))
    run = run_scripts(past, {"A": "1 0 1 0 1 0 1 0 1 0"}, fraction(0.5))
    (record,) = prices_of(run, curves_of(run)).symbols
    times = sorted(record["buy"]["time"] + record["sell"]["time"])
    assert len(times) == 3
    assert (times[0], times[-1]) == (run.fills[0].time // 60_000_000, run.fills[-1].time // 60_000_000)
    assert record["note"] == "10 fills, of which 3, evenly spread, are marked"
