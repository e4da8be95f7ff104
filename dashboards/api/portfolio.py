"""``/api/portfolio``: the account of the session that trades, or of the one that traded last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse  # noqa: TC002 - FastAPI reads the annotation when a route is declared

from dashboards.api.encoding import answer
from tasks.database import pages

if TYPE_CHECKING:
    from dashboards.feed import Feed

Limit = Annotated[int, Query(ge=1, le=1000)]
NO_RUN = {"detail": "no session has run yet; ./pi5 up starts one"}


def portfolio_routes(feed: Feed) -> APIRouter:
    """Return the routes; each answers 404 before the first session."""
    router = APIRouter(prefix="/api/portfolio")

    @router.get("/positions")
    def positions() -> JSONResponse:
        """Return what the account holds."""
        return _of_newest_run(feed, lambda connection, run: {"positions": pages.open_positions(connection, run["run_id"])})

    @router.get("/orders")
    def orders(limit: Limit = 100) -> JSONResponse:
        """Return the latest orders, newest first."""
        return _of_newest_run(feed, lambda connection, run: {"orders": pages.newest_orders(connection, run["run_id"], limit)})

    @router.get("/performance")
    def performance() -> JSONResponse:
        """Return equity, cash, returns and drawdown as the page shows them."""
        snapshot = feed.snapshot
        if snapshot.run is None or snapshot.account is None:
            return answer(NO_RUN if not snapshot.failure else {"detail": snapshot.failure}, 503 if snapshot.failure else 404)
        account = snapshot.account
        return answer(
            {
                "run_id": snapshot.run["run_id"],
                "account": snapshot.run["account"],
                "currency": snapshot.run["currency"],
                "last_bar": snapshot.run["last_bar"],
                "equity": account.equity,
                "cash": account.cash,
                "initial_cash": account.initial_cash,
                "day_return": account.day_return,
                "total_return": account.total_return,
                "drawdown": account.drawdown,
                "max_drawdown": account.deepest_drawdown,
                "open_orders": snapshot.open_orders,
            }
        )

    return router


def _of_newest_run(feed: Feed, question: Any) -> JSONResponse:
    """Answer ``question(connection, run)`` for the newest run, with its id."""

    def ask(connection: Any) -> dict[str, Any] | None:
        run = pages.newest_run(connection)
        return None if run is None else {"run_id": run["run_id"], **question(connection, run)}

    found = feed.ask(ask)
    return answer(NO_RUN, 404) if found is None else answer(found)
