"""Shares and coins in one account: daily bars begin in another order than they close, and no close is lost or out of place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from histories import MONDAY, Stream, history, market, quantity, scripted, stream

from domain.market import HOUR, AssetClass
from tasks.database import journal, pages, reference, results, runs
from tasks.database.values import moment

if TYPE_CHECKING:
    from tasks.database.connection import Database

SHARE, COIN = "AAA", "BTC-USD"


@pytest.fixture
def live(database: Database) -> Stream:
    """Five weekdays of a share, whose bars begin at midnight in New York, and seven days of a coin, which begin in UTC."""
    share = market(SHARE, [10.0, 11.0, 12.0, 13.0, 14.0], start=MONDAY + 5 * HOUR)
    coin = market(COIN, [100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0], days=list(range(7)))
    past = history(share, coin, classes={COIN: AssetClass.CRYPTO})
    reference.save_instruments(database, past.instruments)
    return stream(scripted(past, {SHARE: "1", COIN: "1"}, quantity(1)), past)


def test_each_close_of_a_session_is_a_row_in_the_order_of_the_closes(database: Database, live: Stream) -> None:
    """Starts of bars run backwards here; the table has every close, and reading on from one misses none."""
    starts = [row.time for row in live.equity]
    assert starts != sorted(starts)
    run_id = runs.create_run(
        database, configuration_sha="m", broker="paper", feed="replay", account="m", strategies=["s"], initial_cash=1e5
    )
    with journal.Writer(database, f"replay-{run_id}") as writer:
        writer.append(run_id, live.journal, (live.journal[-1].time, 0))
    expected = [(moment(row.time), row.equity, row.cash) for row in live.equity]
    with database.connect() as connection:
        marks = list(pages.equity_marks(connection, run_id))
        later = list(pages.equity_marks(connection, run_id, marks[2][0]))
        last = pages.last_mark(connection, run_id)
    assert [mark[1:] for mark in marks] == expected
    assert [mark[0] for mark in marks] == sorted({mark[0] for mark in marks})
    assert later == marks[3:]
    assert last is not None
    assert (last["time"], last["equity"]) == expected[-1][:2]


def test_curve_of_a_backtest_comes_back_in_its_order(database: Database, live: Stream) -> None:
    """Rows stay as the result has them, two with the same start too; drawn, their times never go back."""
    doubled = [*live.equity, live.equity[-1]]
    rows = [{"time": moment(row.time).isoformat(), "equity": row.equity, "cash": row.cash} for row in doubled]
    document = {"strategy": "s", "symbols": [SHARE, COIN], "timeframe": "1d"}
    stored = results.save_backtest(database, document, [], [], rows, origin="tests")
    assert results.read_backtest_rows(database, stored)["equity"] == rows
    with database.connect() as connection:
        drawn = list(pages.backtest_marks(connection, stored))
    assert [mark[1] for mark in drawn] == [row.equity for row in doubled]
    assert [mark[0] for mark in drawn] == sorted(mark[0] for mark in drawn)
