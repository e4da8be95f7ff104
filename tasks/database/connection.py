"""How a process reaches the database: one place that connects, and that says what is wrong where it cannot."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine
from sqlalchemy import exc as sqlalchemy_errors

from domain.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from sqlalchemy import Engine

POOL_SIZE: Final = 5
_LOCK_TIMEOUT: Final = "5s"
_CONNECT_SECONDS: Final = 10
_RETRY_SECONDS: Final = 0.5
_SCHEMES: Final = ("postgresql", "postgres", "postgresql+psycopg")
_FOREIGN: Final = (
    "mysql",
    "sqlite",
    "http",
    "https",
    "postgresql+asyncpg",
    "postgresql+psycopg2",
    "timescaledb",
    "jdbc:postgresql",
)
_ALLOWED: Final = "allowed is postgresql://user:password@host:port/name"

# What a server or resolver says when waiting cannot help, and what to do about it.
_FINAL: Final = {
    "password authentication failed": "the server refuses the user or the password",
    "no password supplied": "the server wants a password and the URL has none",
    "no pg_hba.conf entry": "the server does not admit this user from this machine",
    "role": "the server does not know the user",
    "database": "the server has no such database: create it, or name another",
    "resolve host": "the host name is unknown",
    "translate host name": "the host name is unknown",
}


class DatabaseAway(DataError):
    """The server cannot be reached now; it may be later."""


UNAVAILABLE: Final = (
    DatabaseAway,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    sqlalchemy_errors.OperationalError,
    sqlalchemy_errors.InterfaceError,
)
"""What a query raises when the server is away, stops, or does not give a lock in time: the work may succeed when tried again."""


class Database:
    """The database at ``url`` for one process, which the server lists as ``pi5 <application>``.

    Every session is in UTC and waits at most 5 seconds for a lock. Nothing connects before it is needed.
    ``url`` is ``postgresql://user:password@host:port/name``; ConfigurationError where it is none. No message shows the password.
    """

    def __init__(self, url: str, *, application: str) -> None:
        self.url: Final = url
        self.application: Final = application
        self._parameters = _parameters(url)
        options = self._parameters.pop("options", "")
        self._parameters |= {
            "application_name": f"pi5 {application}",
            "options": f"{options} -c timezone=UTC -c lock_timeout={_LOCK_TIMEOUT}".strip(),
        }
        self._parameters.setdefault("connect_timeout", _CONNECT_SECONDS)

    @property
    def name(self) -> str:
        """Host and name of the database, for messages: never its password."""
        host = self._parameters.get("host") or "local socket"
        port = f":{self._parameters['port']}" if "port" in self._parameters and not str(host).startswith("/") else ""
        return f"{self._parameters.get('dbname', '')!r} at {host}{port}"

    @cached_property
    def engine(self) -> Engine:
        """The SQLAlchemy engine: a pool of at most 5 connections, tested before use."""
        return create_engine(
            "postgresql+psycopg://",
            creator=self.connect,
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_pre_ping=True,
            use_native_hstore=False,
        )

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection of its own.

        Raises ConfigurationError where waiting cannot help (user, password, database, host name), else DatabaseAway.
        """
        try:
            return psycopg.connect(**self._parameters, autocommit=autocommit)
        except psycopg.OperationalError as error:
            raise self._refusal(error) from None

    @contextmanager
    def pooled(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Give a connection of the pool for one transaction: committed at the end, rolled back where it raises."""
        with self.engine.begin() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the pool's creator makes no other
            yield driver

    async def connect_async(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        """Open an asynchronous connection in autocommit mode; errors as in ``connect``."""
        try:
            return await psycopg.AsyncConnection.connect(**self._parameters, autocommit=True)
        except psycopg.OperationalError as error:
            raise self._refusal(error) from None

    def wait(self, seconds: float, tell: Callable[[str], None]) -> None:
        """Return once the server answers; ``tell`` why not while waiting, once a reason.

        Raises ConfigurationError where it cannot answer, or has not after ``seconds``.
        """
        end = time.monotonic() + seconds
        told = ""
        while True:
            try:
                self.connect().close()
            except DatabaseAway as error:
                if time.monotonic() > end:
                    raise ConfigurationError(f"{error}; gave up after {seconds:.0f} s") from None
                if str(error) != told:
                    told = str(error)
                    tell(told)
                time.sleep(_RETRY_SECONDS)
            else:
                return

    async def notifications(self, *channels: str) -> AsyncIterator[tuple[str, str]]:
        """Yield (channel, payload) of each NOTIFY on ``channels`` from now on; raises one of UNAVAILABLE when the server goes."""
        async with await self.connect_async() as connection:
            for channel in channels:
                await connection.execute(f"LISTEN {channel}".encode())
            async for note in connection.notifies():
                yield note.channel, note.payload

    def listen(self, *channels: str, timeout: float) -> Iterator[tuple[str, str] | None]:
        """Yield (channel, payload) of each NOTIFY from now on, and None whenever ``timeout`` seconds pass without one."""
        with self.connect(autocommit=True) as connection:
            for channel in channels:
                connection.execute(f"LISTEN {channel}".encode())
            while True:
                heard = False
                for note in connection.notifies(timeout=timeout, stop_after=1):
                    heard = True
                    yield note.channel, note.payload
                if not heard:
                    yield None

    def close(self) -> None:
        """Close the pool; the database may be used again afterwards."""
        if "engine" in self.__dict__:
            self.engine.dispose()
            del self.engine

    def _refusal(self, error: psycopg.OperationalError) -> ConfigurationError | DatabaseAway:
        text = " ".join(str(error).split())
        secret = self._parameters.get("password")
        if secret:
            text = text.replace(str(secret), "***")
        user = self._parameters.get("user", "")
        for sign, meaning in _FINAL.items():
            final = f'{sign} "' in text and "does not exist" in text if sign in {"role", "database"} else sign in text
            if final:
                return ConfigurationError(f"database {self.name} as user {user!r}: {meaning}; correct DATABASE_URL ({text})")
        return DatabaseAway(f"cannot reach the database {self.name}: {text}")


def _parameters(url: str) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    if scheme not in _SCHEMES or not rest:
        # What stands before :// is shown only where it cannot be a secret.
        shown = f"begins with {scheme}://" if rest and scheme in _FOREIGN else "is no PostgreSQL URL"
        raise ConfigurationError(f"DATABASE_URL {shown}: {_ALLOWED}")
    try:
        return dict(conninfo_to_dict(f"postgresql://{rest}"))
    except psycopg.ProgrammingError:
        # The parser's message quotes the URL with its password.
        raise ConfigurationError(f"DATABASE_URL cannot be read: {_ALLOWED}") from None
