"""``/api/backtest``: stored back-tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse  # noqa: TC002 - FastAPI reads the annotation when a route is declared

from dashboards.api.encoding import answer
from tasks.database import pages

if TYPE_CHECKING:
    from dashboards.feed import Feed

Identifier = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def backtest_routes(feed: Feed) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/backtest")

    @router.get("/history")
    def history(limit: Annotated[int, Query(ge=1, le=500)] = 50) -> JSONResponse:
        """Return the heads of the latest back-tests, newest first."""
        return answer({"backtests": feed.ask(lambda connection: pages.newest_backtests(connection, limit))})

    @router.get("/results/{backtest_id}")
    def result(backtest_id: Identifier) -> JSONResponse:
        """Return one back-test as it was: the result document, and where it came from."""
        found = feed.ask(lambda connection: pages.backtest_document(connection, backtest_id))
        if found is None:
            return answer({"detail": f"there is no back-test {backtest_id!r}; GET /api/backtest/history lists them"}, 404)
        return answer({**found.pop("document"), **found})

    return router
