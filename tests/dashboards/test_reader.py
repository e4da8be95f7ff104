"""Snapshots read from a real database."""

from __future__ import annotations

from contextlib import closing

import pytest
from browser_seed import CASH, FIRST, seed

from dashboards.reader import SnapshotReader, read_backtest_curve
from domain.events import LimitBreached, RunStarted, TradingResumed
from domain.market import DAY
from tasks.database import runs
from tasks.database.journal import Writer


@pytest.fixture(scope="module")
def journal(embedded_database):
    """A session of thirty days that goes on."""
    with seed(embedded_database) as made:
        yield made


def read(database, reader=None):
    """One snapshot, by a fresh reader unless one is given."""
    with closing(database.connect(autocommit=True)) as connection:
        return (reader or SnapshotReader()).read(connection)


def test_reading_on_gives_what_reading_anew_gives(journal, embedded_database):
    """A reader that followed the session day by day shows the same account, curve and rows as one that starts now."""
    follower = SnapshotReader()
    for price in (150.0, 90.0, 140.0):
        read(embedded_database, follower)
        journal.close_day(AAPL=price)
    followed, fresh = read(embedded_database, follower), read(embedded_database)
    assert followed.account == fresh.account
    assert followed.curve == fresh.curve
    assert (followed.positions, followed.orders, followed.fills) == (fresh.positions, fresh.orders, fresh.fills)
    assert len(fresh.curve) == journal.day


def test_a_drawdown_limit_stands_until_somebody_resumes(journal, embedded_database):
    """The limit met on the peak is shown until the resumption; one that ends with its day is not."""
    reader = SnapshotReader()
    at = FIRST + journal.day * DAY
    journal.writer.append(journal.run_id, [LimitBreached(at, "daily_loss_limit", 0.04, 0.03)], (at, 0))
    assert read(embedded_database, reader).standing_limit is None
    journal.writer.append(journal.run_id, [LimitBreached(at, "max_drawdown", 0.26, 0.25)], (at, 0))
    standing = read(embedded_database, reader).standing_limit
    assert (standing["value"], standing["bound"]) == (0.26, 0.25)
    assert read(embedded_database).standing_limit == standing
    journal.writer.append(journal.run_id, [TradingResumed(at, "tests")], (at, 0))
    assert read(embedded_database, reader).standing_limit is None


def test_a_back_test_shows_the_points_of_its_own_equity(journal, embedded_database):
    """The curve begins with the cash, ends with the final equity, and dips where the back-test did."""
    (head, *_) = read(embedded_database).backtests
    with closing(embedded_database.connect()) as connection:
        document = read_backtest_curve(connection, head["id"])
        assert read_backtest_curve(connection, "unknown") is None
    assert document["points"][0].equity == CASH
    assert document["points"][-1].equity == pytest.approx(head["final_equity"])
    assert min(point.drawdown for point in document["points"]) < -0.03


def test_another_session_replaces_the_curve_and_the_rows(journal, embedded_database):
    """When a session begins, nothing of the one before is shown as if it were its own."""
    reader = SnapshotReader()
    assert read(embedded_database, reader).positions
    runs.set_state(embedded_database, journal.run_id, "finished")
    run_id = runs.create_run(
        embedded_database,
        configuration_sha="other",
        broker="paper",
        feed="replay",
        account="paper",
        strategies=["x"],
        initial_cash=5e3,
    )
    with Writer(embedded_database, f"replay-{run_id}") as writer:
        writer.append(run_id, [RunStarted(FIRST, f"replay-{run_id}", run_id, 5e3, FIRST, "other")], (FIRST - 1, 0))
        shown = read(embedded_database, reader)
    assert shown.run["run_id"] == run_id
    assert (shown.account, shown.curve, shown.positions, shown.orders, shown.fills) == (None, (), (), (), ())
