"""What an ingest leaves in the system events: one row where something is wrong, none where all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from domain.errors import DataError
from tasks.ingest import Request, ingest

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.database.connection import Database

NOW = 1_600_000_000_000_000
HEADER = "time,symbol,open,high,low,close,volume\n"
GOOD = "2018-07-09T04:00:00Z,{0},10,12,9,11,1000\n2018-07-10T04:00:00Z,{0},10,12,9,11,1000\n"


def events_of(database: Database, path: Path, rows: str, error: type[DataError] | None = None) -> list[tuple[Any, ...]]:
    """Ingest ``rows``, expecting ``error``; return the system events that it made."""
    path.write_text(HEADER + rows)
    query = "SELECT level, message, metadata FROM system_events WHERE module = 'ingest' ORDER BY id"
    with database.connect() as connection:
        before = len(connection.execute(query).fetchall())
    if error is None:
        ingest(database, Request(path=path), now=NOW)
    else:
        with pytest.raises(error):
            ingest(database, Request(path=path), now=NOW)
    with database.connect() as connection:
        return connection.execute(query).fetchall()[before:]


def test_ingest_without_findings_makes_no_event(embedded_database: Database, tmp_path: Path) -> None:
    """Every evening's ingest must not fill the list."""
    assert events_of(embedded_database, tmp_path / "bars.csv", GOOD.format("FINE")) == []


def test_refused_rows_and_gaps_are_one_warning(embedded_database: Database, tmp_path: Path) -> None:
    """Two symbols, one with a row that cannot be true, one with a hole: one event, with counts, kinds and symbols."""
    bad = "2018-07-11T04:00:00Z,ODD,0,12,9,11,1000\n"
    later = "2018-07-25T04:00:00Z,HOLED,10,12,9,11,1000\n"
    ((level, message, found),) = events_of(
        embedded_database, tmp_path / "bars.csv", GOOD.format("ODD") + bad + GOOD.format("HOLED") + later
    )
    assert level == "warning"
    assert "1 gaps" in message
    assert found["quarantined"] == sum(found["kinds"].values()) > 0
    assert (found["gaps"], found["missing"], found["gap_symbols"]) == (1, 10, ["HOLED"])
    assert (found["failed"], found["quarantined_symbols"]) == (0, ["ODD"])


def test_failed_symbol_makes_the_event_an_error(embedded_database: Database, tmp_path: Path) -> None:
    """A symbol of which nothing was stored is named with its reason."""
    none = "2018-07-11T04:00:00Z,NONE,0,0,0,0,1\n"
    ((level, _, found),) = events_of(embedded_database, tmp_path / "bars.csv", GOOD.format("SOME") + none)
    assert level == "error"
    assert "NONE" in found["errors"]


def test_file_that_cannot_be_read_is_an_error(embedded_database: Database, tmp_path: Path) -> None:
    """An ingest that ends before the first row leaves its reason."""
    ((level, message, _),) = events_of(embedded_database, tmp_path / "bars.csv", "not,a,row\n", DataError)
    assert level == "error"
    assert "bars.csv" in message
