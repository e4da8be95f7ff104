"""What ``up`` does to the database before anything uses it, in a process of its own: the supervisor stays small.

Prints one JSON document: the migrations applied, the configured symbols that have no bars, the strategies never back-tested.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import psycopg

from domain.errors import TradingError
from domain.market import Timeframe
from tasks.database import migrate, results
from tasks.database.bars import last_bars
from tasks.settings import installation, load_settings
from tasks.system_database import join_database

if TYPE_CHECKING:
    from tasks.database.connection import Database
    from tasks.settings import Settings

WAITING = "waiting: "
"""How a line on stderr begins that a person should see at once; the last line of a failure needs no mark."""

_PATIENCE = 60.0
_MANY = 1000


def main() -> int:
    """Prepare the database of this installation; on failure say why in one line and return the error's exit code."""
    try:
        settings = load_settings()
        database = join_database(installation(), "up")
        database.wait(_PATIENCE, _complain)
        applied = migrate.up(database)
        found = {"applied": applied, "missing": without_bars(database, settings), "untested": untested(database, settings)}
        sys.stdout.write(json.dumps(found))
    except TradingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except psycopg.Error as error:
        sys.stderr.write(f"the database refused: {' '.join(str(error).split())}\n")
        return 1
    return 0


def _complain(reason: str) -> None:
    sys.stderr.write(f"{WAITING}{reason}\n")
    sys.stderr.flush()


def without_bars(database: Database, settings: Settings) -> list[str]:
    """Return the symbols of enabled strategies that have no bar of the strategy's timeframe."""
    wanted = {(symbol, entry.timeframe) for entry in settings.enabled for symbol in entry.symbols}
    return sorted({symbol for symbol, timeframe in wanted if not len(last_bars(database, symbol, Timeframe.parse(timeframe), 1))})


def untested(database: Database, settings: Settings) -> list[str]:
    """Return the enabled strategies of which no flow has stored a back-test."""
    tested = {row["strategy"] for row in results.list_backtests(database, _MANY) if row["origin"] != "cli"}
    return [entry.name for entry in settings.enabled if entry.name not in tested]


if __name__ == "__main__":
    sys.exit(main())
