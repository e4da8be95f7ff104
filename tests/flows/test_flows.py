"""The flows against a real Prefect server and a real database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.settings import PREFECT_API_URL
from prefect.utilities.callables import parameter_schema

from domain.errors import DataError, ProviderError
from flows.backtest import backtest, run_one
from flows.daily_report import daily_report, write_performance
from flows.ingest import ingest_bars
from flows.ingest import store as store_task
from flows.retrying import database_away, provider_failed
from flows.trade_session import follow, trade_session
from tasks.database.connection import Database
from tasks.orchestration import Orchestrator
from tasks.session_host import Hosted
from tasks.session_plan import Wishes, plan_session
from tasks.settings import load_settings
from tests import sessions

if TYPE_CHECKING:
    from pathlib import Path

    from prefect import Task
    from prefect.client.schemas.objects import State
    from prefect.tasks import RetryConditionCallable

pytestmark = pytest.mark.prefect


async def artifacts(state: State[Any]) -> dict[str | None, Any]:
    """Return the artifacts of a finished flow run by key."""
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id]))
    async with get_client() as client:
        found = await client.read_artifacts(artifact_filter=wanted)
    return {artifact.key: artifact.data for artifact in found}


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """Return what ``query`` gives."""
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


async def test_ingest_of_a_file_stores_its_bars_and_shows_a_table(place: Path, embedded_url: str) -> None:
    """Bars of a file are in the database after the run, and the run shows what became of each symbol."""
    state = await ingest_bars(provider="file", path=str(place / "bars.csv"), return_state=True)
    assert state.is_completed(), state
    assert rows(embedded_url, "SELECT symbol, count(*) FROM market_data GROUP BY 1 ORDER BY 1") == [
        ("IBM", 60),
        ("QQQ", 60),
        ("SPY", 60),
    ]
    shown = await artifacts(state)
    assert '"inserted": 60' in shown["ingest"] or "'inserted': 60" in str(shown["ingest"])
    assert "dashboard" in shown
    assert shown["ingest-progress"] == 100.0


async def test_ingest_twice_changes_nothing(place: Path, embedded_url: str) -> None:
    """The flow is idempotent: the second run stores no bar again."""
    for _ in range(2):
        state = await ingest_bars(provider="file", path=str(place / "bars.csv"), return_state=True)
        assert state.is_completed(), state
    result = await state.aresult()
    assert [row["unchanged"] for row in result] == [60, 60, 60]
    assert rows(embedded_url, "SELECT count(*) FROM bar_revisions") == [(0,)]


async def test_ingest_without_a_path_fails_and_says_what_is_missing(place: Path) -> None:
    """A form filled in halfway is refused with the field's name."""
    state = await ingest_bars(provider="file", return_state=True)
    assert state.is_failed()
    assert "path" in str(state.message)


async def test_backtest_stores_one_result_a_strategy(place: Path, embedded_url: str) -> None:
    """Each enabled strategy is back-tested on the stored bars with the configuration, and kept."""
    await ingest_bars(provider="file", path=str(place / "bars.csv"), return_state=True)
    state = await backtest(return_state=True)
    assert state.is_completed(), state
    stored = rows(embedded_url, "SELECT strategy, origin FROM backtests ORDER BY strategy")
    assert stored == [("buy_and_hold", "flow"), ("moving_average_crossover", "flow"), ("rsi_mean_reversion", "flow")]
    assert {"backtests", "dashboard", "backtest-progress"} <= set(await artifacts(state))


async def test_backtest_of_a_strategy_that_cannot_run_leaves_the_others(place: Path, embedded_url: str) -> None:
    """The run fails and says which one and why; the others are stored. Dates come as the interface sends them, as text."""
    await ingest_bars(provider="file", path=str(place / "bars.csv"), return_state=True)
    ((first,),) = rows(embedded_url, "SELECT (min(time) + interval '1 day')::date::text FROM market_data")
    before = len(rows(embedded_url, "SELECT 1 FROM backtests"))
    state = await backtest(strategies=["nobody", "buy_and_hold"], start=first, return_state=True)
    assert state.is_failed()
    assert "'nobody' is unknown" in str(state.message)
    assert len(rows(embedded_url, "SELECT 1 FROM backtests")) == before + 1
    assert (await artifacts(state))["backtest-progress"] == 100.0


async def test_session_flow_trades_to_the_end_with_the_hashes_of_the_backtest(place: Path, embedded_url: str) -> None:
    """The flow hosts a session when nobody else does; its run row carries the fingerprints."""
    state = await trade_session(feed=f"replay:{place / 'bars.csv'}", speed="max", return_state=True)
    assert (state.name, state.is_completed()) == ("Finished", True), state
    expected = sessions.expected(load_settings(place / "config.yaml", {})).document
    stored = rows(embedded_url, "SELECT state, ledger_sha256, equity_sha256 FROM runs ORDER BY created_at DESC LIMIT 1")
    assert stored == [("finished", expected["ledger_sha256"], expected["equity_sha256"])]
    assert expected["ledger_sha256"] in (await artifacts(state))["session"]


async def test_daily_report_writes_one_row_a_strategy_once(place: Path, embedded_url: str) -> None:
    """The report is idempotent, and its Markdown names every strategy."""
    await trade_session(feed=f"replay:{place / 'bars.csv'}", speed="max", return_state=True)
    for _ in range(2):
        state = await daily_report(return_state=True)
        assert state.is_completed(), state
    stored = rows(embedded_url, "SELECT strategy_name, total_return FROM strategy_performance ORDER BY 1")
    assert [name for name, _ in stored] == ["buy_and_hold", "moving_average_crossover", "rsi_mean_reversion"]
    shown = await artifacts(state)
    assert all(name in shown["daily-report"] and name in str(shown["strategy-performance"]) for name, _ in stored)


def test_run_that_the_server_does_not_know_counts_as_settled(place: Path) -> None:
    """A new Prefect database has none of the old runs; that must not stop the report of the next one."""
    server = Orchestrator(str(PREFECT_API_URL.value()), None)
    assert server.answers()
    assert not server.settle("00000000-0000-4000-8000-000000000000", "CRASHED", "gone")


def test_form_of_every_flow_describes_each_parameter(place: Path) -> None:
    """The Prefect UI makes a form of the parameters: each has a type and a sentence, lists of choices are lists."""
    for each in (ingest_bars, backtest, trade_session, daily_report):
        schema = parameter_schema(each).model_dump()
        assert schema["required"] == []
        for name, field in schema["properties"].items():
            assert field.get("description", "").endswith("."), f"{each.name}: {name}"
    provider = parameter_schema(ingest_bars).properties["provider"]
    assert provider["enum"] == ["yahoo", "file"]
    for each in (ingest_bars, backtest):
        assert "date" in [choice.get("format") for choice in parameter_schema(each).properties["start"]["anyOf"]]


@pytest.mark.parametrize("step", [store_task, run_one, write_performance])
def test_tasks_that_need_the_database_wait_for_it_with_jitter(step: Task[..., Any]) -> None:
    """A database that restarts is waited for, and tasks that failed together do not come back together."""
    assert step.retries == 2
    assert step.retry_condition_fn is database_away
    assert step.retry_jitter_factor


async def test_flow_run_beside_a_session_is_tagged_and_shows_it_to_the_end(place: Path, embedded_url: str) -> None:
    """The supervisor's session shows the tag of the deployment and a progress bar that ends at all of the feed."""
    database = Database(embedded_url, application="session")
    hosted = Hosted(plan_session(load_settings(place / "config.yaml", {}), database, Wishes(initial_cash=5e4)), database)
    _, outcome = await asyncio.gather(asyncio.to_thread(follow, hosted), hosted.trade())
    database.close()
    assert outcome.state == "finished"
    async with get_client() as client:
        run = await client.read_flow_run(UUID(hosted.flow_run_id))
    assert "trading" in run.tags


@pytest.mark.parametrize(
    ("condition", "error", "calls"),
    [
        (provider_failed, ProviderError("no answer"), 4),
        (provider_failed, DataError("nonsense"), 1),
        (database_away, psycopg.OperationalError("gone"), 4),
        (database_away, DataError("nonsense"), 1),
    ],
)
async def test_step_is_repeated_only_where_somebody_else_failed(
    place: Path, condition: RetryConditionCallable, error: Exception, calls: int
) -> None:
    """A provider's failure may pass and a database may be back; what is wrong stays wrong however often it is tried."""
    made: list[int] = []

    def fetch() -> None:
        made.append(1)
        raise error

    step = task(name="fetch", retries=3, retry_delay_seconds=0, retry_condition_fn=condition)(fetch)

    @flow(name="fetching")
    async def fetching() -> None:
        await asyncio.to_thread(step)

    assert (await fetching(return_state=True)).is_failed()
    assert len(made) == calls
