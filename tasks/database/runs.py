"""Trading runs: what is traded, how far it came, in which state it is.

A run that is not finished is continued by the next session with the same configuration.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from psycopg.rows import dict_row
from sqlalchemy import text

from domain.errors import AlreadyRunning, InputError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.database.connection import Database

type Row = dict[str, Any]

STATES: Final = ("starting", "trading", "halted", "finished", "stopped")

_INSERT: Final = text("""
INSERT INTO runs (run_id, account, state, configuration_sha, configuration, broker, feed, strategies, initial_cash, first_bar)
VALUES (:run_id, :account, 'starting', :configuration_sha, cast(:configuration AS jsonb), :broker, :feed,
    cast(:strategies AS jsonb), cast(:initial_cash AS numeric), :first_bar)""")


@contextmanager
def exclusive(database: Database, configuration_sha: str) -> Iterator[None]:
    """Let one process at a time find or create the run of a configuration; raise AlreadyRunning where another one does."""
    with database.connect(autocommit=True) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended('run ' || %s, 0))", (configuration_sha,)).fetchone()
        if not (row and row[0]):
            raise AlreadyRunning("another session with this configuration is starting: ./pi5 status shows it")
        yield


def create_run(
    database: Database,
    *,
    configuration_sha: str,
    broker: str,
    feed: str,
    account: str,
    strategies: Sequence[str],
    initial_cash: float,
    first_bar: int | None = None,
    configuration: Mapping[str, Any] | None = None,
) -> str:
    """Create a run in the state starting and return its id. A replay gets an account of its own, ``replay-`` and the id."""
    run_id = uuid4().hex[:12]
    values = {
        "run_id": run_id,
        "account": f"replay-{run_id}" if feed.startswith("replay") else account,
        "configuration_sha": configuration_sha,
        "configuration": json.dumps(configuration or {}),
        "broker": broker,
        "feed": feed,
        "strategies": json.dumps(list(strategies)),
        "initial_cash": repr(float(initial_cash)),
        "first_bar": first_bar,
    }
    with database.engine.begin() as connection:
        connection.execute(_INSERT, values)
    return run_id


def find_unfinished(database: Database, configuration_sha: str) -> Row | None:
    """Return the latest run of a configuration that is not finished, or None."""
    return _first(
        database, "SELECT * FROM runs WHERE configuration_sha = %s AND state <> 'finished' ORDER BY created_at DESC LIMIT 1",
        configuration_sha,
    )  # fmt: skip


def read_run(database: Database, run_id: str) -> Row | None:
    """Return a run, or None."""
    return _first(database, "SELECT * FROM runs WHERE run_id = %s", run_id)


def current_run(database: Database) -> Row | None:
    """Return the run that trades, else the one begun last, or None before the first."""
    return _first(
        database, "SELECT * FROM runs ORDER BY (state IN ('starting', 'trading', 'halted')) DESC, created_at DESC LIMIT 1"
    )


def set_state(database: Database, run_id: str, state: str, detail: str = "") -> None:
    """Put a run into ``state`` and tell who follows the journal; a finished run stays finished. InputError for another word."""
    if state not in STATES:
        raise InputError(f"run state {state!r} is unknown: {nearest(state, STATES)}allowed are {', '.join(STATES)}")
    _change(
        database,
        "state = :state, detail = :detail, heartbeat_at = now(), "
        "ended_at = CASE WHEN :state IN ('finished', 'stopped') THEN now() END",
        run_id,
        state=state,
        detail=detail,
    )


def finish(database: Database, run_id: str, ledger_sha256: str, equity_sha256: str) -> None:
    """Put a run into the state finished, with the fingerprints of its fills and its equity curve."""
    _change(
        database,
        "state = 'finished', ended_at = now(), heartbeat_at = now(), ledger_sha256 = :ledger, equity_sha256 = :equity",
        run_id,
        ledger=ledger_sha256,
        equity=equity_sha256,
    )


def heartbeat(database: Database, run_id: str) -> None:
    """Say that the run's session is alive."""
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE runs SET heartbeat_at = now() WHERE run_id = :run_id"), {"run_id": run_id})


def add_flow_run(database: Database, run_id: str, flow_run_id: str) -> None:
    """Remember a flow run that shows this run, once."""
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE runs SET prefect_runs = prefect_runs || to_jsonb(cast(:flow_run AS text)) "
                "WHERE run_id = :run_id AND NOT prefect_runs ? :flow_run"
            ),
            {"run_id": run_id, "flow_run": flow_run_id},
        )


def remove_flow_run(database: Database, run_id: str, flow_run_id: str) -> None:
    """Forget a flow run that has its final state."""
    with database.engine.begin() as connection:
        connection.execute(
            text("UPDATE runs SET prefect_runs = prefect_runs - cast(:flow_run AS text) WHERE run_id = :run_id"),
            {"run_id": run_id, "flow_run": flow_run_id},
        )


def with_open_flow_runs(database: Database) -> list[Row]:
    """Return the runs with flow runs that were not removed, oldest first."""
    return _all(database, "SELECT * FROM runs WHERE prefect_runs <> '[]' ORDER BY created_at")


def _change(database: Database, assignments: str, run_id: str, **values: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            text(f"UPDATE runs SET {assignments} WHERE run_id = :run_id AND state <> 'finished'"),  # noqa: S608 - assignments are constants of this module
            {"run_id": run_id, **values},
        )
        connection.execute(text("SELECT pg_notify('journal', :run_id)"), {"run_id": run_id})


def _all(database: Database, query: str, *values: object) -> list[Row]:
    with database.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


def _first(database: Database, query: str, *values: object) -> Row | None:
    found = _all(database, query, *values)
    return found[0] if found else None
