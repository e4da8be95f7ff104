"""The web process: pages and interface on one port of the loopback. Start it with ``python -m dashboards.server``."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import panel as pn
import psycopg
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from panel.io.fastapi import add_applications

from dashboards.api.backtests import backtest_routes
from dashboards.api.portfolio import portfolio_routes
from dashboards.api.system import system_routes
from dashboards.feed import Feed
from dashboards.pages.overview import overview_page
from dashboards.security import LocalOnly, SafeHeaders, require_loopback
from dashboards.static_cache import StaticCache
from domain.errors import ConfigurationError, TradingError
from tasks import log, orchestration
from tasks.settings import Installation, installation
from tasks.system_database import join_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from types import FrameType

    from starlette.types import ASGIApp

LOOPBACK: Final = "127.0.0.1"
GRACE_SECONDS: Final = 3  # open pages hold a WebSocket; they reconnect by themselves
OPEN_CONNECTIONS: Final = 256


def create_app(place: Installation) -> ASGIApp:
    """Return the whole web application of an installation; its feed runs while the application does."""
    database = join_database(place, "web")
    feed = Feed(database)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        feed.start()
        try:
            yield
        finally:
            feed.stop()
            database.close()

    # FastAPI's own documentation pages load their scripts from a foreign server.
    app = FastAPI(title="Pi 5 Trading", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(system_routes(feed, place, database))
    app.include_router(portfolio_routes(feed))
    app.include_router(backtest_routes(feed))
    app.add_exception_handler(psycopg.Error, _unavailable)
    app.add_exception_handler(TradingError, _unavailable)
    pn.config.throttled = True
    prefect = orchestration.ui_url(place)
    add_applications({"/": lambda: overview_page(lambda: feed.snapshot, feed.backtest, prefect)}, app=app, title="Pi 5 Trading")
    return LocalOnly(SafeHeaders(StaticCache(app)))


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    """Answer 503 where the database does not; the reason goes to the log, which removes secrets."""
    log.get_logger(__name__).warning("request failed", error=str(error))
    return JSONResponse({"detail": "the database does not answer; see ./pi5 logs web"}, status_code=503)


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket bound to the loopback; raise ConfigurationError when the address is foreign or taken."""
    require_loopback(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigurationError(
            f"PI5_WEB_PORT {port} on {host} cannot be used: {error.strerror}; free it or choose another"
        ) from error
    return bound


def serve(place: Installation, host: str = LOOPBACK) -> None:
    """Serve until SIGTERM or SIGINT; raises ConfigurationError when the address is refused."""
    bound = bound_socket(host, place.web_port)
    config = uvicorn.Config(
        create_app(place),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        limit_concurrency=OPEN_CONNECTIONS,
        ws_max_size=2**20,
    )
    log.get_logger(__name__).info("pages are served", address=f"http://{host}:{place.web_port}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)  # uvicorn raises the signal once more when all is closed
    uvicorn.Server(config).run(sockets=[bound])


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End as asked."""
    sys.exit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the web process of this installation; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.server", description=main.__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="an address of the loopback (default 127.0.0.1)")
    given = parser.parse_args(arguments)
    try:
        place = installation()
        log.configure("web", place.logs)
        serve(place, given.host)
    except TradingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
