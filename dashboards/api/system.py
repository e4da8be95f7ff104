"""``/health`` and ``/api/system/status``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from fastapi.responses import FileResponse, JSONResponse

from dashboards.api.encoding import answer
from tasks.health import status

if TYPE_CHECKING:
    from dashboards.feed import Feed
    from tasks.database.connection import Database
    from tasks.settings import Installation

ICON: Final = Path(__file__).parents[1] / "assets" / "favicon.svg"


def system_routes(feed: Feed, installation: Installation, database: Database) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/favicon.ico", include_in_schema=False)
    def icon() -> FileResponse:
        """Return the sign in the browser's tab."""
        return FileResponse(ICON, media_type="image/svg+xml", headers={"cache-control": "public, max-age=86400"})

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
