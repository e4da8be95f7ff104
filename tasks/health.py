"""What runs and how it is: the document of ``./pi5 status --json`` and ``GET /api/system/status``.

It works whatever runs: a part that does not answer is reported as such and hides nothing else.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

import psutil
import psycopg

from domain.errors import ProviderError, TradingError
from tasks.database import migrate, pages
from tasks.orchestration import Orchestrator, api_url

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.database.connection import Database
    from tasks.settings import Installation

PROCESSES_FILE: Final = "processes.json"
CLOCK_SLACK: Final = 5.0  # seconds by which a process may seem younger than its record
PREFECT_SECONDS: Final = 1.5


def status(installation: Installation, database: Database) -> dict[str, Any]:
    """Return the status document; times are ISO 8601 in UTC, memory in MB, unknown values None."""
    stored = _stored(database)
    return {
        "version": program_version(),
        "data": str(installation.data),
        "database": {"kind": "embedded" if installation.database_url is None else "external", **stored.pop("database")},
        "prefect": _prefect(installation),
        "processes": processes(installation.run / PROCESSES_FILE),
        **stored,
        "disk": {"free_gb": _free_gb(installation.data)},
    }


def program_version() -> str:
    """Return the version of the installed system."""
    try:
        return version("pi5-trading")
    except PackageNotFoundError:
        return "0+unknown"


def _stored(database: Database) -> dict[str, Any]:
    """Return what the database knows, or that it does not answer."""
    try:
        schema = migrate.status(database)
        about = {"timescale": schema.timescale, "schema": schema.version, "reachable": True}
        if not schema.version:
            return {"database": about, **_NOTHING}
        with database.connect(autocommit=True) as connection:
            return {
                "database": about,
                "session": _session(connection),
                "bars": _iso(pages.bars_stored(connection)),
                "backtests": pages.backtest_count(connection),
            }
    except (psycopg.Error, TradingError):
        return {"database": {"timescale": None, "schema": None, "reachable": False}, **_NOTHING}


_NOTHING: Final = {"session": None, "bars": {"rows": None, "symbols": None, "last": None}, "backtests": None}


def _session(connection: psycopg.Connection[Any]) -> dict[str, Any] | None:
    """Return the session that trades, or the one that traded last; None before the first."""
    run = pages.newest_run(connection)
    if run is None:
        return None
    mark = pages.last_mark(connection, run["run_id"])
    return _iso(
        {
            "state": run["state"],
            "broker": run["broker"],
            "feed": run["feed"],
            "account": run["account"],
            "strategies": list(run["strategies"]),
            "last_bar": mark["time"] if mark else None,
            "equity": mark["equity"] if mark else run["initial_cash"],
            "cash": mark["cash"] if mark else run["initial_cash"],
            "open_orders": pages.open_order_count(connection, run["run_id"]),
            "run_id": run["run_id"],
            "heartbeat": run["heartbeat_at"],
        }
    )


def _iso(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for key, value in values.items()}


def _prefect(installation: Installation) -> dict[str, Any]:
    try:
        # Signing in makes a password at the first call, which a mere question must not.
        known = installation.data.exists()
        server = Orchestrator.of(installation) if known else Orchestrator(api_url(installation), None)
        return {"reachable": True, "version": server.version(timeout=PREFECT_SECONDS)}
    except (ProviderError, OSError):
        return {"reachable": False, "version": None}


def processes(record: Path) -> list[dict[str, Any]]:
    """Return the living processes that the supervisor wrote down, each with the memory of itself and its children in MB."""
    try:
        document = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    rows = document.get("processes", []) if isinstance(document, dict) else document
    return [row for entry in rows if (row := _process(entry)) is not None]


def _process(entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return one process, or None when it is gone and perhaps another one has its number."""
    try:
        process = psutil.Process(int(entry["pid"]))
        if process.status() == psutil.STATUS_ZOMBIE or process.create_time() > float(entry["since"]) + CLOCK_SLACK:
            return None
        family = [process, *process.children(recursive=True)]
    except (psutil.NoSuchProcess, KeyError, TypeError, ValueError):
        return None
    return {
        "name": str(entry["name"]),
        "pid": process.pid,
        "since": datetime.fromtimestamp(float(entry["since"]), tz=UTC).isoformat(timespec="seconds"),
        "restarts": int(entry.get("restarts", 0)),
        "pss_mb": _memory(family),
    }


def _memory(family: list[psutil.Process]) -> float | None:
    """Return the proportional set size of a process and its children in MB, or None where the kernel does not tell."""
    total = 0
    for process in family:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            return None
    return round(total / 1e6, 1)


def _free_gb(data: Path) -> float | None:
    """Return the room left where the data lives, in GB."""
    place = next((path for path in (data, *data.parents) if path.exists()), None)
    return round(shutil.disk_usage(place).free / 1e9, 1) if place else None
