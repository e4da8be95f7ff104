"""The daily report: the strategies' parts add up to the account."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from domain.errors import DataError
from tasks.database import journal, runs
from tasks.history import from_database
from tasks.ingest import Request, ingest
from tasks.report import daily_report, strategy_reports
from tasks.session import trade
from tasks.session_plan import plan_session
from tasks.settings import load_settings
from tests import sessions

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.database.connection import Database

STRATEGIES = """
  - {name: buy_and_hold, symbols: [AAPL], sizing: "fixed_fraction:0.2"}
  - {name: moving_average_crossover, symbols: [IBM, SPY], parameters: {fast: 3, slow: 8}, sizing: "fixed_fraction:0.2"}
"""

SHARED = """
  - {name: buy_and_hold, shared: true, symbols: [AAPL], sizing: "fixed_fraction:0.2"}
  - {name: moving_average_crossover, shared: true, symbols: [AAPL, SPY],
     parameters: {fast: 3, slow: 8}, sizing: "fixed_fraction:0.2"}
"""


def test_report_without_a_run_says_how_to_get_one(embedded_database: Database) -> None:
    """The first evening of an installation is no traceback."""
    with pytest.raises(DataError, match=r"\./pi5 up"):
        daily_report(embedded_database)
    with pytest.raises(DataError, match="there is no run nobody"):
        daily_report(embedded_database, "nobody")


def test_parts_of_the_strategies_add_up_to_the_account_over_splits_and_dividends(
    embedded_database: Database, tmp_path: Path
) -> None:
    """Fills, fees, dividends, splits and marks all belong to exactly one strategy."""
    actions = sessions.SHIPPED.with_name("corporate_actions.csv")
    symbols, start, end = ("AAPL", "IBM", "SPY"), date(2013, 11, 1), date(2014, 9, 30)
    ingest(embedded_database, Request(symbols=symbols, start=start, end=end, path=sessions.SHIPPED, actions=actions))
    path = tmp_path / "config.yaml"
    path.write_text(f"session: {{feed: replay, speed: max}}\nstrategies:{STRATEGIES}", "utf-8")
    plan = plan_session(load_settings(path, {}), embedded_database)
    outcome = trade(plan, embedded_database)
    events = list(journal.load(embedded_database, outcome.run_id))
    history = from_database(embedded_database, symbols, plan.spec.timeframe).history
    parts = strategy_reports(events, history, ("buy_and_hold", "moving_average_crossover"))
    account = outcome.equity / plan.spec.initial_cash - 1.0
    assert sum(part.total_return for part in parts) == pytest.approx(account, abs=1e-12)
    assert [part.strategy for part in parts] == ["buy_and_hold", "moving_average_crossover"]
    assert parts[0].trades == 0
    assert parts[1].trades > 5
    assert all(part.max_drawdown < 0.0 for part in parts)
    report = daily_report(embedded_database)
    assert report.strategies == parts
    assert report.equity == outcome.equity
    assert "finished" in report.markdown
    assert runs.read_run(embedded_database, report.run_id) is not None


def test_what_strategies_share_is_one_part_of_the_account(embedded_database: Database, tmp_path: Path) -> None:
    """One position has one profit: it stands under the names of both, beside what one of them trades alone."""
    path = sessions.write_configuration(tmp_path, sessions.write_bars(tmp_path / "bars.csv", 120, ("AAPL", "SPY")), SHARED)
    outcome = trade(plan_session(load_settings(path, {}), embedded_database), embedded_database)
    report = daily_report(embedded_database, outcome.run_id)
    assert [part.strategy for part in report.strategies] == ["buy_and_hold+moving_average_crossover", "moving_average_crossover"]
    assert sum(part.total_return for part in report.strategies) == pytest.approx(outcome.equity / 100_000.0 - 1.0, abs=1e-12)
    assert "| buy_and_hold+moving_average_crossover |" in report.markdown
