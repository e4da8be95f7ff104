"""``system_events``: what a person must see, whatever happened to the logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from tasks.database.values import plain, storable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.database.connection import Database


def record(
    database: Database, event_type: str, module: str, level: str, message: str, metadata: Mapping[str, Any] | None = None
) -> None:
    """Store one event and tell who follows ``system_events``; values of ``metadata`` that JSON has not are stored as text."""
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO system_events (event_type, module, level, message, metadata) "
                "VALUES (:event_type, :module, :level, :message, cast(:metadata AS jsonb))"
            ),
            {
                "event_type": event_type,
                "module": module,
                "level": level,
                "message": storable(message),
                "metadata": json.dumps(plain(metadata or {}, spell=True)),
            },
        )
        connection.execute(text("SELECT pg_notify('system_events', :level)"), {"level": level})
