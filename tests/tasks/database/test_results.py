"""Stored back-tests come back as they were."""

from __future__ import annotations

import asyncio
import json
from math import inf, nan
from typing import TYPE_CHECKING

import pytest

from domain.errors import DataError
from domain.market import DAY, MINUTE
from tasks.database import results
from tasks.database.values import moment

if TYPE_CHECKING:
    from tasks.database.connection import Database

DOCUMENT = {
    "strategy": "buy_and_hold",
    "parameters": {},
    "symbols": ["SPY", "BRK.B"],
    "timeframe": "1d",
    "start": "2020-01-02T05:00:00+00:00",
    "end": "2020-12-31T05:00:00+00:00",
    "bars": 253,
    "fills": 1,
    "trades": 1,
    "initial_cash": 1e5,
    "final_equity": 100000.1 + 0.2,
    "warnings": ['"quoted", and ü'],
    "metrics": {"total_return": 1e-17, "sharpe": nan, "max_drawdown": -0.1, "calmar": inf},
}
FILLS = [
    {
        "time": "2020-01-02T05:00:00+00:00",
        "symbol": "SPY",
        "side": "buy",
        "quantity": 0.1 + 0.2,
        "price": 1e-5,
        "fee": 0.0,
        "reason": "target",
    }
]
TRADES = [
    {
        "symbol": "SPY",
        "side": "long",
        "quantity": 3.0,
        "entry_time": "2020-01-02T05:00:00+00:00",
        "entry_price": 324.87,
        "exit_time": "2020-01-03T05:00:00.000001+00:00",
        "exit_price": 321.16,
        "fees": 0.97,
        "pnl": -11.13 - 0.97,
        "return": -0.0124,
        "reason": "target",
    }
]


def equity_rows(count: int) -> list[dict]:
    """A curve of ``count`` minutes."""
    return [{"time": moment(DAY + i * MINUTE).isoformat(), "equity": 1e5 + i / 3, "cash": i / 7} for i in range(count)]


def test_a_backtest_comes_back_as_it_was(database: Database) -> None:
    """The document keeps its order and every number to the bit; undefined ones are null; rows come back equal."""
    number = results.save_backtest(database, DOCUMENT, FILLS, TRADES, equity_rows(1000), origin="tests")
    expected = {**DOCUMENT, "metrics": {**DOCUMENT["metrics"], "sharpe": None, "calmar": None}}
    found = results.read_backtest(database, number)
    assert json.dumps(found) == json.dumps(expected)
    assert results.read_backtest_rows(database, number) == {"fills": FILLS, "trades": TRADES, "equity": equity_rows(1000)}
    head = next(row for row in results.list_backtests(database) if row["id"] == number)
    assert (head["strategy"], head["symbols"], head["origin"], head["sharpe"]) == ("buy_and_hold", ["SPY", "BRK.B"], "tests", None)
    assert (head["start"], head["final_equity"], head["trades"]) == (DOCUMENT["start"], DOCUMENT["final_equity"], 1)
    json.dumps(head)


def test_the_list_is_newest_first_and_limited(database: Database) -> None:
    """What was stored last stands first."""
    numbers = [results.save_backtest(database, DOCUMENT, [], [], [], origin="tests") for _ in range(3)]
    assert [row["id"] for row in results.list_backtests(database, 3)] == numbers[::-1]
    assert results.read_backtest(database, "none") is None


def test_a_row_without_a_column_stores_nothing(database: Database) -> None:
    """Half a back-test is none."""
    before = len(results.list_backtests(database))
    with pytest.raises(DataError, match="a row for backtest_fills has no 'reason'"):
        results.save_backtest(
            database, DOCUMENT, [{key: FILLS[0][key] for key in FILLS[0] if key != "reason"}], [], [], origin="tests"
        )
    assert len(results.list_backtests(database)) == before


def test_a_deleted_backtest_leaves_nothing(database: Database) -> None:
    """Rows and curve go with it."""
    number = results.save_backtest(database, DOCUMENT, FILLS, TRADES, equity_rows(5), origin="tests")
    assert results.delete_backtest(database, number)
    assert not results.delete_backtest(database, number)
    assert results.read_backtest_rows(database, number) == {"fills": [], "trades": [], "equity": []}


def test_who_listens_hears_of_a_stored_backtest(database: Database) -> None:
    """The notification carries the id, once the rows are there."""

    async def listen() -> tuple[tuple[str, str], str]:
        notes = database.notifications("backtests")
        first = asyncio.create_task(anext(notes))
        number = ""
        while not first.done():
            number = await asyncio.to_thread(results.save_backtest, database, DOCUMENT, [], [], [], origin="tests")
            await asyncio.sleep(0.05)
        heard = await first
        await notes.aclose()
        return heard, number

    (channel, number), _ = asyncio.run(listen())
    assert channel == "backtests"
    assert results.read_backtest(database, number) is not None


def test_performance_is_replaced_at_the_same_time(database: Database) -> None:
    """A report made twice stands once."""
    for value in (0.1, 0.2):
        results.save_performance(database, DAY, {"hold": {"total_return": value, "win_rate": None}})
    with database.connect() as connection:
        rows = connection.execute("SELECT strategy_name, total_return::float8, sharpe_ratio FROM strategy_performance").fetchall()
    assert rows == [("hold", 0.2, None)]
