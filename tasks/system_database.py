"""Which database an installation uses: the embedded one below its data directory, or the one DATABASE_URL names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from domain.errors import DataError
from tasks.database import migrate
from tasks.database.connection import Database
from tasks.database.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.settings import Installation


def embedded_server(installation: Installation) -> EmbeddedServer:
    """Return the embedded server of ``installation``, started or not."""
    return EmbeddedServer(installation.data / "database", log=installation.logs / "database.log")


def database_url(installation: Installation) -> str:
    """Return the URL of the system's database, whether it runs or not."""
    return installation.database_url or embedded_server(installation).url


def join_database(installation: Installation, application: str) -> Database:
    """Return the system's database for a process that the supervisor started; nothing is started, nothing connects yet."""
    return Database(database_url(installation), application=application)


@contextmanager
def open_database(installation: Installation, application: str, *, create: bool = True) -> Iterator[Database]:
    """Give a command the system's database, migrated; an embedded one that nobody runs is started and stopped again.

    Raises DataError where there is none yet and ``create`` is False.
    """
    server = embedded_server(installation)
    url = installation.database_url
    if url is None:
        if not create and not server.data_dir.exists():
            raise DataError(f"there is no database in {installation.data} yet: ./pi5 up or ./pi5 ingest makes it")
        installation.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        url = server.start()
    database = Database(url, application=application)
    try:
        migrate.up(database)
        yield database
    finally:
        database.close()
        server.stop()
