"""What people want of a session: desired state in the database before anything acts on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import text

from domain.commands import AnyCommand
from domain.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from tasks.database.connection import Database

CHANNEL: Final = "commands"

_DECODER: Final[msgspec.json.Decoder[AnyCommand]] = msgspec.json.Decoder(AnyCommand)

_TRADING: Final = text("SELECT DISTINCT account FROM runs WHERE state IN ('starting', 'trading', 'halted') ORDER BY 1")
_INSERT: Final = text(
    "INSERT INTO commands (account, type, payload, who) VALUES (:account, :type, cast(:payload AS jsonb), :who) RETURNING id"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A command that nobody has carried out yet."""

    id: int
    command: AnyCommand
    who: str
    requested_at: datetime


def request(database: Database, account: str | None, command: AnyCommand, who: str) -> int:
    """Store ``command`` for ``account``, wake its session, and return the command's id.

    None means every account that trades now (the id is that of the last one), or where none does, the next that starts.
    """
    if not who.strip():
        raise InputError("a command needs the name of who gives it")
    values = {"type": type(command).__name__, "payload": msgspec.json.encode(command).decode(), "who": who}
    with database.engine.begin() as connection:
        accounts: list[str | None] = [account]
        if account is None:
            accounts = [row[0] for row in connection.execute(_TRADING)] or [None]
        for each in accounts:
            number = connection.execute(_INSERT, {**values, "account": each}).scalar_one()
        connection.execute(text("SELECT pg_notify(:channel, :id)"), {"channel": CHANNEL, "id": str(number)})
    return int(number)


def pending(database: Database, account: str) -> list[Wish]:
    """Return what is wanted of ``account`` and not done, in the order it was asked for."""
    with database.engine.begin() as connection:
        rows = connection.execute(
            text(
                "SELECT id, payload::text, who, requested_at FROM commands "
                "WHERE done_at IS NULL AND (account IS NULL OR account = :account) ORDER BY id"
            ),
            {"account": account},
        ).all()
    return [Wish(row[0], _DECODER.decode(row[1]), row[2], row[3]) for row in rows]


def done(database: Database, number: int, result: str) -> None:
    """Note that the command with id ``number`` was carried out, and how; a second time changes nothing."""
    with database.engine.begin() as connection:
        connection.execute(
            text("UPDATE commands SET done_at = now(), result = :result WHERE id = :id AND done_at IS NULL"),
            {"id": number, "result": result},
        )
        connection.execute(text("SELECT pg_notify('journal', 'commands')"))
