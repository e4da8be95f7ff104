"""What the schema consists of: written down after each migration, compared at each start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from domain.errors import ConfigurationError

if TYPE_CHECKING:
    import psycopg

    type _Connection = psycopg.Connection[tuple[Any, ...]]

PLAIN_TABLES: Final = ("journal", "orders", "fills")
"""Tables that must never become hypertables: their unique keys do not hold a time."""

_CREATED = re.compile(r"^CREATE TABLE (\w+)", re.MULTILINE)
_BACKUP: Final = "restore a backup"

# Name, definition and the statement that brings it back, of each column, index, check and trigger of the tables given.
_OBJECTS: Final = """
WITH ours AS (
    SELECT c.oid, c.relname FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY(%(tables)s))
SELECT 'column ' || o.relname || '.' || a.attname,
    format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END, %(backup)s
FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'index ' || i.relname, pg_get_indexdef(i.oid),
    'run ' || coalesce('ALTER TABLE ' || o.relname || ' ADD CONSTRAINT ' || k.conname || ' ' || pg_get_constraintdef(k.oid),
        pg_get_indexdef(i.oid))
FROM ours o JOIN pg_index x ON x.indrelid = o.oid JOIN pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.conrelid = o.oid AND k.contype IN ('p', 'u')
UNION ALL
SELECT 'constraint ' || k.conname, pg_get_constraintdef(k.oid),
    'run ALTER TABLE ' || o.relname || ' ADD CONSTRAINT ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
FROM ours o JOIN pg_constraint k ON k.conrelid = o.oid AND k.contype IN ('c', 'f')
UNION ALL
SELECT 'trigger ' || t.tgname, pg_get_triggerdef(t.oid), 'run ' || pg_get_triggerdef(t.oid)
FROM ours o JOIN pg_trigger t ON t.tgrelid = o.oid WHERE NOT t.tgisinternal AND t.tgname NOT LIKE 'ts%%insert_blocker'
"""


def write_down(connection: _Connection, created_by: str) -> None:
    """Store what the tables that the SQL ``created_by`` creates consist of now."""
    connection.execute("DELETE FROM schema_objects")
    connection.execute(f"INSERT INTO schema_objects {_OBJECTS}".encode(), _parameters(_CREATED.findall(created_by)))


def check(connection: _Connection, name: str) -> None:
    """Raise ConfigurationError where something written down is missing or changed, or a table is of the wrong kind."""
    _check_timescale(connection, name)
    stored: dict[str, str] = dict(connection.execute("SELECT name, definition FROM schema_objects").fetchall())
    tables = sorted({key.split()[1].split(".")[0] for key in stored if key.startswith("column ")})
    present = {key: definition for key, definition, _ in connection.execute(_OBJECTS.encode(), _parameters(tables))}
    wrong = sorted(key for key, definition in stored.items() if present.get(key) != definition)
    if not wrong:
        return
    row = connection.execute("SELECT repair FROM schema_objects WHERE name = %s", (wrong[0],)).fetchone()
    state = "differs" if wrong[0] in present else "is missing"
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    raise ConfigurationError(
        f"database {name}: {wrong[0]} {state}{more}, somebody changed the schema by hand; to repair: {row[0] if row else _BACKUP}"
    )


def timescale_version(connection: _Connection) -> str | None:
    """Return the version of TimescaleDB in use in this database, or None."""
    row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    return str(row[0]) if row else None


def _check_timescale(connection: _Connection, name: str) -> None:
    if timescale_version(connection) is None:
        return
    # Without the preloaded library a hypertable looks like an empty table. A mere placeholder setting is not listed here.
    row = connection.execute("SELECT EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers')").fetchone()
    if not (row and row[0]):
        raise ConfigurationError(
            f"database {name} has hypertables, but its server does not load TimescaleDB: "
            "set shared_preload_libraries = 'timescaledb' in postgresql.conf and restart that server"
        )
    wrong = connection.execute(
        "SELECT hypertable_name FROM timescaledb_information.hypertables "
        "WHERE hypertable_schema = current_schema() AND hypertable_name = ANY(%s)",
        (list(PLAIN_TABLES),),
    ).fetchall()
    if wrong:
        table = wrong[0][0]
        raise ConfigurationError(
            f"database {name}: {table} is a hypertable and must be a plain table; to repair: run CREATE TABLE {table}_plain "
            f"(LIKE {table} INCLUDING ALL); INSERT INTO {table}_plain TABLE {table}; DROP TABLE {table}; "
            f"ALTER TABLE {table}_plain RENAME TO {table}"
        )


def _parameters(tables: list[str]) -> dict[str, object]:
    return {"tables": tables, "backup": _BACKUP}
