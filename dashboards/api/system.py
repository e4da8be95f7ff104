"""``/health`` and ``/api/system/status``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import JSONResponse  # noqa: TC002 - FastAPI reads the annotation when a route is declared

from dashboards.api.encoding import answer
from tasks.health import status

if TYPE_CHECKING:
    from dashboards.feed import Feed
    from tasks.database.connection import Database
    from tasks.settings import Installation


def system_routes(feed: Feed, installation: Installation, database: Database) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/health")
    def health() -> JSONResponse:
        """Return whether this process serves, and how old its data is; 200 even while the database is away."""
        snapshot = feed.snapshot
        age = None if snapshot.read_at is None else round(time.time() - snapshot.read_at, 1)
        state = "degraded" if snapshot.failure or age is None else "ok"
        return answer({"status": state, "data_age_seconds": age, "database": snapshot.failure or "ok"})

    @router.get("/api/system/status")
    def system_status() -> JSONResponse:
        """Return what runs: processes, database, Prefect, session, bars, disk."""
        return answer(status(installation, database))

    return router
