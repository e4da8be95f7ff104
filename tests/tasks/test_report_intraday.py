"""The daily report on bars shorter than a day: measured from the initial cash, not from the first session's end."""

from __future__ import annotations

import numpy as np
import pytest
from histories import DAILY, HOURLY, MONDAY, history, market, quantity, scripted, stream

from domain.events import EquityMarked, RunStarted
from domain.market import DAY, HOUR, Timeframe
from domain.performance import sharpe
from tasks.report import StrategyReport, strategy_reports


def report_of(closes: list[float], timeframe: Timeframe, times: list[int]) -> StrategyReport:
    """Return the report of 1,000 AAA held from the second bar on, with an initial cash of 100,000."""
    bars = market("AAA", [100.0, *closes[:-1]], closes, timeframe=timeframe)
    bars.time[:] = times
    past = history(bars)
    spec = scripted(past, {"AAA": "1"}, quantity(1_000))
    live = stream(spec, past)
    begun = RunStarted(0, "test", "1", 100_000.0, None, "")
    (report,) = strategy_reports([begun, *live.journal], past, [spec.assignments[0].strategy_name])
    return report


def test_hourly_report_counts_the_loss_of_the_first_session() -> None:
    """Down a tenth by the first evening, flat on the second day: a drawdown of a tenth, and a return for each of two days."""
    times = [MONDAY + day * DAY + (15 + hour) * HOUR for day in range(2) for hour in range(3)]
    report = report_of([100, 95, 90, 90, 90, 90], HOURLY, times)
    assert report.total_return == pytest.approx(-0.1)
    assert report.max_drawdown == pytest.approx(-0.1)
    assert report.sharpe_ratio == pytest.approx(sharpe(np.array([-0.1, 0.0]), 252))


def test_daily_report_begins_with_the_first_close() -> None:
    """Daily bars: the first close is the first point, as in a back-test."""
    report = report_of([100, 95, 90], DAILY, [MONDAY, MONDAY + DAY, MONDAY + 2 * DAY])
    assert report.total_return == pytest.approx(-0.1)
    assert report.sharpe_ratio == pytest.approx(sharpe(np.array([-0.05, 90 / 95 - 1]), 252))


def test_strategy_that_nobody_named_is_measured_from_the_first_session_on() -> None:
    """Its fill comes at the second bar; its curve has a point for every session all the same."""
    named = daily_report_of(("hold",), marks_after=3)
    assert [report.strategy for report in named] == ["histories", "hold"]
    assert named[0] == daily_report_of(("histories",), marks_after=3)[0]


def test_fill_after_the_last_close_is_no_error() -> None:
    """A report asked for between an opening and its close has no point for the fill yet."""
    assert daily_report_of((), marks_after=1)[0].total_return == 0.0


def daily_report_of(names: tuple[str, ...], marks_after: int) -> tuple[StrategyReport, ...]:
    """Return the reports of 1,000 AAA held from the second bar on, over the first ``marks_after`` closes and what follows them."""
    bars = market("AAA", [100.0, 100.0, 95.0, 90.0], [100.0, 95.0, 90.0, 99.0])
    past = history(bars)
    live = stream(scripted(past, {"AAA": "1"}, quantity(1_000)), past)
    closes = [number for number, event in enumerate(live.journal) if isinstance(event, EquityMarked)]
    events = live.journal[: closes[marks_after]]
    return strategy_reports([RunStarted(0, "test", "1", 100_000.0, None, ""), *events], past, names)
