"""Bring the schema to where this program needs it, and refuse one that it cannot trust.

Each migration and its row in ``schema_migrations`` are one transaction. What the schema then consists of is written down in
``schema_objects``, so that a table, column or index that went missing later is found and named with the way to repair it.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg

import sql
from domain.errors import ConfigurationError, DataError, InputError
from tasks.database import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.database.connection import Database

_LOCK: Final = 0x7069355F  # "pi5_": two programs that start together migrate one after the other
_WAIT_FOR_OTHER: Final = "120s"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS schema_objects (name text PRIMARY KEY, definition text NOT NULL, repair text NOT NULL);
"""

type _Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema: ``forward`` and ``back`` are SQL, ``sha256`` is that of ``forward``."""

    version: int
    name: str
    forward: str
    back: str
    sha256: str


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """``version`` of the schema (0 where there is none), names not yet ``pending``, and TimescaleDB's version or None."""

    version: int
    pending: tuple[str, ...]
    timescale: str | None


def migrations(folder: Path = sql.FOLDER) -> list[Migration]:
    """Return the steps in ``folder`` in order; raise DataError where one is missing or has no way back."""
    found = []
    for number, path in enumerate(sorted(folder.glob("[0-9]*.up.sql")), start=1):
        name = path.name.removesuffix(".up.sql")
        back = folder / f"{name}.down.sql"
        if int(name[:4]) != number or not back.exists():
            raise DataError(f"{path.name} in {folder}: migrations are numbered 0001, 0002, ... and each needs its .down.sql")
        forward = path.read_text(encoding="utf-8")
        digest = hashlib.sha256(forward.encode()).hexdigest()
        found.append(Migration(number, name, forward, back.read_text(encoding="utf-8"), digest))
    return found


def up(database: Database, folder: Path = sql.FOLDER) -> list[str]:
    """Apply what is pending and return its names; a second call changes nothing.

    Raises ConfigurationError where the schema is newer than this program, was edited, is damaged, or cannot be written.
    """
    steps = migrations(folder)
    with _session(database) as connection:
        _refuse_read_only(connection, database)
        connection.execute(_TABLES)
        version = _trusted_version(connection, steps, database)
        schema.check(connection, database.name)
        applied = []
        for step in steps[version:]:
            with connection.transaction():
                connection.execute(step.forward.encode())
                connection.execute(
                    "INSERT INTO schema_migrations (version, name, sha256) VALUES (%s, %s, %s)",
                    (step.version, step.name, step.sha256),
                )
            applied.append(step.name)
        with connection.transaction():
            for path in sorted(folder.glob("*.repeat.sql")):
                connection.execute(path.read_bytes())
            schema.write_down(connection, "".join(step.forward for step in steps))
    return applied


def down(database: Database, steps: int = 1, folder: Path = sql.FOLDER) -> list[str]:
    """Take back the last ``steps`` migrations with all they hold and return their names."""
    if steps < 1:
        raise InputError(f"{steps} migrations cannot be taken back: give 1 or more")
    known = migrations(folder)
    with _session(database) as connection:
        _refuse_read_only(connection, database)
        connection.execute(_TABLES)
        version = _trusted_version(connection, known, database)
        taken = known[max(0, version - steps) : version][::-1]
        for step in taken:
            with connection.transaction():
                connection.execute(step.back.encode())
                connection.execute("DELETE FROM schema_migrations WHERE version = %s", (step.version,))
                schema.write_down(connection, "".join(kept.forward for kept in known[: step.version - 1]))
    return [step.name for step in taken]


def status(database: Database, folder: Path = sql.FOLDER) -> SchemaStatus:
    """Return where the schema stands, changing nothing."""
    steps = migrations(folder)
    with database.connect(autocommit=True) as connection:
        version = _version(connection)
        return SchemaStatus(version, tuple(step.name for step in steps[version:]), schema.timescale_version(connection))


def verify(database: Database, folder: Path = sql.FOLDER) -> None:
    """Raise ConfigurationError where the schema is not exactly what this program needs; changes nothing."""
    steps = migrations(folder)
    with database.connect(autocommit=True) as connection, _plain_errors(database):
        version = _trusted_version(connection, steps, database) if _version(connection) else 0
        if version < len(steps):
            missing = ", ".join(step.name for step in steps[version:])
            raise ConfigurationError(f"database {database.name} lacks the migrations {missing}: run ./pi5 up")
        schema.check(connection, database.name)


@contextmanager
def _session(database: Database) -> Iterator[_Connection]:
    """A connection of its own (a changed schema breaks prepared statements), alone among migrating programs."""
    with database.connect(autocommit=True) as connection, _plain_errors(database):
        connection.execute(f"SET lock_timeout = '{_WAIT_FOR_OTHER}'".encode())
        connection.execute("SET client_min_messages = warning")
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        yield connection


@contextmanager
def _plain_errors(database: Database) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"database {database.name}: {error.diag.message_primary}; the user in DATABASE_URL must own its schema: "
            "run ALTER DATABASE ... OWNER TO that user"
        ) from error
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise ConfigurationError(_read_only(database)) from error
    except psycopg.errors.UndefinedFile as error:
        raise ConfigurationError(
            f"database {database.name}: {error.diag.message_primary}; its hypertables need a TimescaleDB that this server "
            "does not have: install that version, or restore an export into an empty database"
        ) from error


def _refuse_read_only(connection: _Connection, database: Database) -> None:
    row = connection.execute("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool").fetchone()
    if row and row[0]:
        raise ConfigurationError(_read_only(database))


def _read_only(database: Database) -> str:
    return f"database {database.name} is read-only: name the primary server in DATABASE_URL, or allow this user to write"


def _version(connection: _Connection) -> int:
    row = connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
    if not (row and row[0]):
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_migrations").fetchone()
    return int(row[0]) if row else 0


def _trusted_version(connection: _Connection, steps: list[Migration], database: Database) -> int:
    """Return the schema's version where all that was applied is what this program has; else raise ConfigurationError."""
    applied = connection.execute("SELECT version, name, sha256 FROM schema_migrations ORDER BY version").fetchall()
    for position, (version, name, digest) in enumerate(applied, start=1):
        if version != position:
            raise ConfigurationError(f"database {database.name}: migration {position} was never applied; restore a backup")
        if version > len(steps):
            raise ConfigurationError(
                f"database {database.name} has schema {applied[-1][0]}, this program knows {len(steps)}: "
                "start the newer program, or restore a backup of the older schema"
            )
        if digest != steps[version - 1].sha256:
            raise ConfigurationError(
                f"database {database.name}: migration {name} was applied from another text than {steps[version - 1].name}.up.sql "
                "has now; put the file back as it was, and make a change a new migration"
            )
    return len(applied)
