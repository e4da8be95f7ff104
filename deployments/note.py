"""Writes what the supervisor did to the system events, in a process of its own: the supervisor holds no connection."""

from __future__ import annotations

import sys

from domain.errors import TradingError
from tasks.database import events
from tasks.database.connection import UNAVAILABLE
from tasks.settings import installation
from tasks.system_database import join_database

_PATIENCE = 30.0


def main(message: str) -> int:
    """Record ``message`` as a warning of the supervisor; return the exit code."""
    database = join_database(installation(), "note")
    try:
        database.wait(_PATIENCE, lambda _: None)
        events.record(database, "process_restarted", "supervisor", "warning", message, {})
    except (TradingError, *UNAVAILABLE) as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return 1
    finally:
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
