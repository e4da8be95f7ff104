"""The journal of an account: appended to by one process at a time, chained by hashes, read back to restore an engine.

Being the writer takes a session lock and a new epoch. Every append states its epoch; once another process has a newer one,
nothing of the old one is written any more. That holds when the lock was lost with its connection, too.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any, Final, Self

import psycopg

from domain.errors import AlreadyRunning, Fenced, InvariantViolated
from domain.events import OrderFilled, OrderRequested
from domain.rules.accounting import Position
from tasks.database import record
from tasks.database.projection import Projection
from tasks.database.values import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from domain.events import JournalEvent
    from tasks.database.connection import Database

LOCK_TIMEOUT: Final = "500ms"
_CHUNK: Final = 5_000

_TAKE_EPOCH: Final = """
INSERT INTO writers AS w (account, epoch, holder) VALUES (%s, 1, %s)
ON CONFLICT (account) DO UPDATE SET epoch = w.epoch + 1, holder = excluded.holder, since = now()
RETURNING epoch, last_seq, last_hash"""
_ADVANCE: Final = "UPDATE writers SET last_seq = %s, last_hash = %s WHERE account = %s AND epoch = %s AND last_seq = %s"
_INSERT: Final = """
INSERT INTO journal (account, seq, run_id, epoch, version, time, type, payload, hash) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_PLACE: Final = "UPDATE runs SET cursor_instant = %s, cursor_phase = %s, heartbeat_at = now() WHERE run_id = %s"
_LOAD: Final = """
SELECT seq, account, run_id, epoch, version, payload::text, hash, (
    SELECT hash FROM journal AS before WHERE before.account = journal.account AND before.seq = journal.seq - 1)
FROM journal WHERE run_id = %s ORDER BY seq"""


class Writer:
    """The right to write the journal of ``account``, for as long as the context lasts.

    Entering raises AlreadyRunning where another process has that right, InvariantViolated where the end of the journal is not
    the one that was written.
    """

    def __init__(self, database: Database, account: str) -> None:
        self.account: Final = account
        self.epoch = 0
        self._database = database
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._seq = 0
        self._hash = b""
        self._positions: dict[str, Position] = {}
        self._prices: dict[str, float] = {}
        self._lots_per_unit: dict[str, int] = {}

    def __enter__(self) -> Self:
        connection = self._database.connect()
        try:
            self._take(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._connection is not None:
            self._connection.close()  # the server gives the lock free
            self._connection = None

    def append(
        self, run_id: str, events: Sequence[JournalEvent], cursor: tuple[int, int], marks: Mapping[str, float] | None = None
    ) -> None:
        """Write ``events``, what the tables show of them and the run's place in its feed, in one durable transaction.

        ``cursor`` is (instant in microseconds, 0 for closings or 1 for openings); ``marks`` the latest prices by symbol, for
        the positions' unrealised P&L. Nothing is written where it raises: Fenced when another process took over, one of
        connection.UNAVAILABLE when the outcome is known only to the server, DataError for a symbol without an instrument.
        """
        if self._connection is None:
            raise Fenced(f"the journal of {self.account} is not held by this process")
        self._learn_instruments(events)
        projection = Projection(self.account, run_id, self._lots_per_unit, self._positions, self._prices)
        rows, last = self._rows(run_id, events)
        for row, event in zip(rows, events, strict=True):
            projection.apply(row[1], event)
        projection.mark(marks or {}, cursor[0])
        projection.close()
        try:
            self._write(run_id, rows, last, projection, cursor)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            self._refuse_if_fenced()
            raise
        self._seq += len(rows)
        self._hash = last
        self._positions, self._prices = projection.positions, projection.prices

    def _take(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'".encode())
        connection.execute("SET synchronous_commit = on")
        row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended('writer ' || %s, 0))", (self.account,)).fetchone()
        if not (row and row[0]):
            holder = connection.execute("SELECT holder, since FROM writers WHERE account = %s", (self.account,)).fetchone()
            by = f", {holder[0]} since {holder[1]:%Y-%m-%d %H:%M:%S} UTC" if holder else ""
            raise AlreadyRunning(f"another session trades account {self.account}{by}: stop it first, ./pi5 status shows it")
        taken = connection.execute(_TAKE_EPOCH, (self.account, f"{socket.gethostname()} process {os.getpid()}")).fetchone()
        assert taken is not None  # noqa: S101 - RETURNING of an upsert always has its row
        self.epoch, self._seq, self._hash = int(taken[0]), int(taken[1]), bytes(taken[2])
        self._check_end(connection)
        self._read_books(connection)
        connection.commit()

    def _check_end(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        row = connection.execute(
            "SELECT seq, hash FROM journal WHERE account = %s ORDER BY seq DESC LIMIT 1", (self.account,)
        ).fetchone()
        seq, found = (int(row[0]), bytes(row[1])) if row else (0, b"")
        if (seq, found) != (self._seq, self._hash):
            raise InvariantViolated(
                f"the journal of {self.account} was written up to record {self._seq}, but record {seq} is its last: "
                "records were lost or changed; restore a backup, see ./pi5 verify"
            )

    def _read_books(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        held = connection.execute(
            "SELECT symbol, lots, average_price::float8, realized_pnl::float8, current_price::float8 FROM positions "
            "WHERE account = %s",
            (self.account,),
        ).fetchall()
        self._positions = {row[0]: Position(*row[1:4]) for row in held}
        self._prices = {row[0]: row[4] for row in held}

    def _learn_instruments(self, events: Sequence[JournalEvent]) -> None:
        """Read the instruments once a symbol trades for the first time, or is held from an earlier life."""
        symbols = {event.symbol for event in events if isinstance(event, OrderRequested | OrderFilled)} | self._positions.keys()
        if not symbols <= self._lots_per_unit.keys():
            with self._database.connect() as connection:
                self._lots_per_unit = dict(connection.execute("SELECT symbol, lots_per_unit FROM instruments").fetchall())

    def _rows(self, run_id: str, events: Sequence[JournalEvent]) -> tuple[list[tuple[Any, ...]], bytes]:
        rows: list[tuple[Any, ...]] = []
        last = self._hash
        for seq, event in enumerate(events, start=self._seq + 1):
            payload = record.encode(event)
            last = record.chained(last, self.account, seq, run_id, self.epoch, payload)
            kind = type(event).__name__
            rows.append((self.account, seq, run_id, self.epoch, record.VERSION, moment(event.time), kind, payload, last))
        return rows, last

    def _write(
        self, run_id: str, rows: list[tuple[Any, ...]], last: bytes, projection: Projection, cursor: tuple[int, int]
    ) -> None:
        assert self._connection is not None  # noqa: S101 - append has checked
        with self._connection.transaction(), self._connection.pipeline() as pipeline:
            advanced = self._connection.execute(_ADVANCE, (self._seq + len(rows), last, self.account, self.epoch, self._seq))
            with self._connection.cursor() as inserting:
                inserting.executemany(_INSERT, rows)
            for statement, values in projection.statements:
                self._connection.execute(statement.encode(), values)
            self._connection.execute(_PLACE, (*cursor, run_id))
            self._connection.execute("SELECT pg_notify('journal', %s)", (run_id,))
            pipeline.sync()
            if advanced.rowcount != 1:
                raise Fenced(f"another session took over account {self.account}: this one stops and writes nothing more")

    def _refuse_if_fenced(self) -> None:
        """Raise Fenced where the connection was lost and another process has the newest epoch; else return."""
        with self._database.connect() as connection:
            row = connection.execute("SELECT epoch FROM writers WHERE account = %s", (self.account,)).fetchone()
        if row is not None and row[0] != self.epoch:
            raise Fenced(f"another session took over account {self.account}: this one stops and writes nothing more")


def load(database: Database, run_id: str) -> Iterator[JournalEvent]:
    """Yield the events of a run in order; raise InvariantViolated at the first record that was removed or changed."""
    with database.connect() as connection, connection.cursor("journal_load") as cursor:
        cursor.itersize = _CHUNK
        cursor.execute(_LOAD, (run_id,))
        for seq, account, run, epoch, version, payload, found, before in cursor:
            if before is None and seq > 1:
                raise InvariantViolated(f"the journal of {account} lacks record {seq - 1}: restore a backup, see ./pi5 verify")
            if record.chained(bytes(before or b""), account, seq, run, epoch, payload) != bytes(found):
                raise InvariantViolated(f"record {seq} of the journal of {account} was changed: restore a backup, see ./pi5 verify")
            yield record.decode(payload, version)


def cursor(database: Database, run_id: str) -> tuple[int, int] | None:
    """Return the place in its feed that a run has reached, or None before its first record."""
    with database.connect() as connection:
        row = connection.execute("SELECT cursor_instant, cursor_phase FROM runs WHERE run_id = %s", (run_id,)).fetchone()
    return None if row is None or row[0] is None else (int(row[0]), int(row[1]))
