"""Runs, commands and system events: what processes tell each other through the database."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain.commands import Flatten, Halt, Resume, Stop
from domain.errors import AlreadyRunning, InputError
from tasks.database import commands, events, runs

if TYPE_CHECKING:
    from tasks.database.connection import Database


def create(database: Database, sha: str, feed: str = "yahoo", account: str = "main") -> str:
    """A run with defaults."""
    return runs.create_run(
        database,
        configuration_sha=sha,
        broker="paper",
        feed=feed,
        account=account,
        strategies=["a", "b"],
        initial_cash=100_000.1,
        first_bar=5,
        configuration={"currency": "USD"},
    )


@pytest.fixture
def sha() -> str:
    """A configuration of this test alone."""
    return uuid4().hex


def test_an_unfinished_run_is_found_again_until_it_is_finished(database: Database, sha: str) -> None:
    """Stopped and halted runs are continued, finished ones are not; another configuration never finds them."""
    run_id = create(database, sha)
    for state in ("starting", "trading", "halted", "stopped"):
        runs.set_state(database, run_id, state)
        found = runs.find_unfinished(database, sha)
        assert found is not None
        assert (found["run_id"], found["state"]) == (run_id, state)
    assert runs.find_unfinished(database, "other") is None
    runs.finish(database, run_id, "ledger", "equity")
    assert runs.find_unfinished(database, sha) is None
    runs.set_state(database, run_id, "trading")
    found = runs.read_run(database, run_id)
    assert found is not None
    assert (found["state"], found["ledger_sha256"], found["equity_sha256"]) == ("finished", "ledger", "equity")
    assert found["ended_at"] is not None


def test_a_run_keeps_what_it_was_created_with(database: Database, sha: str) -> None:
    """A replay has an account of its own; cash is exact."""
    live = runs.read_run(database, create(database, sha))
    replay = runs.read_run(database, create(database, sha, feed="replay:file"))
    assert live is not None
    assert replay is not None
    assert (live["account"], replay["account"]) == ("main", f"replay-{replay['run_id']}")
    assert (str(live["initial_cash"]), live["strategies"], live["first_bar"]) == ("100000.1", ["a", "b"], 5)


def test_the_current_run_is_the_one_that_trades_else_the_last(database: Database, sha: str) -> None:
    """What the page shows first."""
    first, second = create(database, sha), create(database, sha)
    runs.set_state(database, first, "trading")
    runs.set_state(database, second, "stopped")
    current = runs.current_run(database)
    assert current is not None
    assert current["run_id"] == first
    runs.set_state(database, first, "stopped")
    current = runs.current_run(database)
    assert current is not None
    assert current["state"] == "starting" or current["run_id"] == second


def test_an_unknown_state_is_refused_with_the_nearest(database: Database) -> None:
    """Five states, no others."""
    with pytest.raises(InputError, match="did you mean 'halted'"):
        runs.set_state(database, "x", "halt")


def test_one_session_at_a_time_finds_or_creates_a_run(database: Database, sha: str) -> None:
    """Two that start together cannot both create one."""
    with runs.exclusive(database, sha), pytest.raises(AlreadyRunning), runs.exclusive(database, sha):
        pass
    with runs.exclusive(database, sha):
        pass


def test_flow_runs_are_remembered_once_until_they_are_settled(database: Database, sha: str) -> None:
    """A later life closes what an earlier one could not."""
    run_id = create(database, sha)
    for _ in range(2):
        runs.add_flow_run(database, run_id, "f-1")
    runs.add_flow_run(database, run_id, "f-2")
    runs.remove_flow_run(database, run_id, "f-1")
    open_runs = {row["run_id"]: row["prefect_runs"] for row in runs.with_open_flow_runs(database)}
    assert open_runs[run_id] == ["f-2"]
    runs.remove_flow_run(database, run_id, "f-2")
    assert run_id not in {row["run_id"] for row in runs.with_open_flow_runs(database)}


def test_commands_come_in_order_and_are_done_once(database: Database) -> None:
    """Each is seen until it is done, with who asked and why; other accounts do not see it."""
    numbers = [
        commands.request(database, "acc", wish, "me") for wish in (Halt("h"), Flatten("f"), Resume("r"), Stop("a 'quoted' reason"))
    ]
    found = commands.pending(database, "acc")
    assert [wish.id for wish in found] == numbers
    assert [type(wish.command) for wish in found] == [Halt, Flatten, Resume, Stop]
    assert found[3].command.reason == "a 'quoted' reason"
    assert {wish.who for wish in found} == {"me"}
    assert commands.pending(database, "other") == []
    commands.done(database, numbers[0], "2 events")
    commands.done(database, numbers[0], "again")
    assert [wish.id for wish in commands.pending(database, "acc")] == numbers[1:]
    with database.connect() as connection:
        assert connection.execute("SELECT result FROM commands WHERE id = %s", (numbers[0],)).fetchone() == ("2 events",)
    with pytest.raises(InputError, match="who gives it"):
        commands.request(database, "acc", Halt("h"), " ")


def test_a_command_for_all_reaches_every_account_that_trades(database: Database, sha: str) -> None:
    """One wish an account, so that none is done by another's session."""
    with database.connect() as connection:
        connection.execute("UPDATE runs SET state = 'stopped' WHERE state <> 'finished'")
    commands.request(database, None, Halt("nobody trades"), "me")
    (waiting,) = commands.pending(database, "whoever starts next")
    commands.done(database, waiting.id, "done")
    for account in ("one", "two"):
        create(database, sha, account=account)
    commands.request(database, None, Halt("all"), "me")
    for account in ("one", "two"):
        (wish,) = commands.pending(database, account)
        commands.done(database, wish.id, "done")
    assert commands.pending(database, "one") == commands.pending(database, "two") == []


def test_a_session_hears_of_a_command(database: Database) -> None:
    """The notification wakes whoever listens."""
    notes = database.listen(commands.CHANNEL, timeout=0.05)
    next(notes)
    sender = threading.Thread(target=commands.request, args=(database, "acc2", Halt("now"), "me"))
    sender.start()
    heard = next(note for note in notes if note)
    sender.join()
    notes.close()
    assert heard == (commands.CHANNEL, str(commands.pending(database, "acc2")[0].id))


@pytest.mark.parametrize("value", [math.nan, math.inf, "nul \x00 byte", {1: 2}, b"bytes", "\ud800"])
def test_any_metadata_can_be_recorded(database: Database, value: object) -> None:
    """What a person must see is stored whatever it holds."""
    events.record(database, "test", "tests", "warning", "me\x00ssage", {"value": value})
    with database.connect() as connection:
        row = connection.execute("SELECT message, metadata ? 'value' FROM system_events ORDER BY id DESC LIMIT 1").fetchone()
    assert row == ("message", True)
