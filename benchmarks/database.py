"""Bars in and out of the embedded database: COPY and upsert, a long read, the last 500 of one symbol among five million rows."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from measure import MINUTE, minute_bars, show, wall_seconds

from tasks.database import migrate
from tasks.database.bars import last_bars, read_bars, upsert_bars
from tasks.database.connection import Database
from tasks.database.server import EmbeddedServer

ROWS = 1_000_000


def measure(database: Database, symbols: int) -> None:
    """Store ``symbols`` million rows, the first million timed."""
    migrate.up(database)
    bars = minute_bars(ROWS, "MADE0")
    show(
        "bars in by COPY and upsert, new",
        ROWS / wall_seconds(lambda: upsert_bars(database, [bars], "made")),
        "rows/s",
        at_least=100_000,
    )
    again = wall_seconds(lambda: upsert_bars(database, [bars], "made"))
    show("bars in by COPY and upsert, all there and equal", ROWS / again, "rows/s", at_least=100_000)
    show("1,000,000 bars read into arrays", wall_seconds(lambda: read_bars(database, "MADE0", MINUTE), 3), "s", below=2)
    for number in range(1, symbols):
        upsert_bars(database, [minute_bars(ROWS, f"MADE{number}", number)], "made")
    last = 1000 * wall_seconds(lambda: last_bars(database, "MADE0", MINUTE, 500), 20)
    show(f"last 500 bars of a symbol, {symbols:,} million rows stored", last, "ms", below=10)


def main() -> None:
    """Measure on a database of its own, removed afterwards, or on the one named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="an empty PostgreSQL or TimescaleDB database instead of an embedded one")
    parser.add_argument("--millions", type=int, default=5, help="million rows stored before the last bars are read")
    arguments = parser.parse_args()
    if arguments.url:
        measure(Database(arguments.url, application="benchmark"), arguments.millions)
        return
    with tempfile.TemporaryDirectory(prefix="pi5-benchmark-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)  # as root the server runs as another user
        server = EmbeddedServer(Path(folder) / "postgres")
        database = Database(server.start(), application="benchmark")
        try:
            measure(database, arguments.millions)
        finally:
            database.close()
            server.stop()


if __name__ == "__main__":
    main()
