"""The status document, whatever runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime

import psutil
import pytest

from tasks.database import runs
from tasks.database.connection import Database
from tasks.health import processes, status
from tasks.installation import Installation


@pytest.fixture
def place(tmp_path):
    """An installation in which nothing runs and nothing was ever made."""
    return Installation(tmp_path / "data", 18_080, 18_081)


@pytest.fixture
def child():
    """A living process with a child of its own."""
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()'], stdin=0); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    deadline = time.monotonic() + 10
    while not psutil.Process(process.pid).children() and time.monotonic() < deadline:
        time.sleep(0.02)
    yield process
    process.communicate(b"\n", timeout=10)


def write(place, *rows):
    """Write the supervisor's record."""
    place.run.mkdir(parents=True)
    (place.run / "processes.json").write_text(json.dumps({"supervisor": {}, "processes": list(rows)}))
    return place.run / "processes.json"


def test_nothing_runs_and_the_document_is_whole_and_nothing_is_made(place):
    """Every field of the contract is there with null for what is unknown; asking leaves no trace on disk."""
    document = status(place, Database("postgresql://nobody@127.0.0.1:1/none", application="tests"))
    assert set(document) == {"version", "data", "database", "prefect", "processes", "session", "bars", "backtests", "disk"}
    assert document["database"] == {"kind": "embedded", "timescale": None, "schema": None, "reachable": False}
    assert document["prefect"] == {"reachable": False, "version": None}
    assert (document["processes"], document["session"]) == ([], None)
    assert document["bars"] == {"rows": None, "symbols": None, "last": None}
    assert document["disk"]["free_gb"] > 0
    assert not place.data.exists()
    json.dumps(document, allow_nan=False)


def test_a_session_is_described_as_the_contract_says(place, database):
    """State, broker, feed, account and money of the newest run, before its first mark too."""
    run_id = runs.create_run(
        database, configuration_sha="x", broker="paper", feed="replay", account="paper", strategies=["a", "b"], initial_cash=5000.0
    )
    session = status(place, database)["session"]
    assert session["state"] == "starting"
    assert (session["broker"], session["feed"], session["account"]) == ("paper", "replay", f"replay-{run_id}")
    assert (session["equity"], session["cash"], session["last_bar"]) == (5000.0, 5000.0, None)
    assert (session["strategies"], session["open_orders"], session["run_id"]) == (["a", "b"], 0, run_id)
    with database.connect() as connection:
        connection.execute("INSERT INTO equity VALUES (%s, '2024-01-02 21:00+00', 5100.5, 100, '2024-01-02 05:00+00')", (run_id,))
    session = status(place, database)["session"]
    assert (session["equity"], session["cash"], session["last_bar"]) == (5100.5, 100.0, "2024-01-02T05:00:00+00:00")


def test_a_process_is_measured_with_its_children(place, child):
    """Name, start in UTC and restarts are the record's, the memory is that of the whole family."""
    record = write(place, {"name": "web", "pid": child.pid, "since": time.time(), "restarts": 2})
    (row,) = processes(record)
    assert (row["name"], row["pid"], row["restarts"]) == ("web", child.pid, 2)
    assert datetime.fromisoformat(row["since"]).utcoffset().total_seconds() == 0
    alone = psutil.Process(child.pid).memory_full_info().pss / 1e6
    assert row["pss_mb"] > alone + 0.5


def test_a_dead_or_replaced_process_is_not_shown(place, child):
    """A number that is free, or that a younger process has now, is not a running process of ours."""
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True, text=True)
    record = write(
        place,
        {"name": "worker", "pid": int(gone.stdout), "since": time.time(), "restarts": 0},
        {"name": "session", "pid": child.pid, "since": time.time() - 3600, "restarts": 0},
        {"name": "prefect", "pid": None, "since": 0.0, "restarts": 0},
        {"name": "web", "pid": os.getpid(), "since": time.time(), "restarts": 0},
    )
    assert [row["name"] for row in processes(record)] == ["web"]


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"processes": [{}]}', "[]"])
def test_a_damaged_record_is_no_process(tmp_path, text):
    """A half-written record hides nothing else of the status."""
    record = tmp_path / "processes.json"
    record.write_text(text)
    assert processes(record) == []
