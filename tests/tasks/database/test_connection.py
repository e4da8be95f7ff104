"""Reaching a database, and what is said where that fails: never the password."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from domain.errors import ConfigurationError
from tasks.database.connection import UNAVAILABLE, Database, DatabaseAway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import DatabaseServer

SECRET = "s3cret/pa:ss@wörd"  # noqa: S105 - made up
QUOTED = "s3cret%2Fpa%3Ass%40w%C3%B6rd"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of the loopback on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_both_ways_in_are_in_utc_wait_little_for_locks_and_say_who_they_are(database: Database) -> None:
    """Pool and own connection have the same settings; the URL of SQLAlchemy's form works too."""
    question = "SELECT current_setting('timezone'), current_setting('lock_timeout'), current_setting('application_name')"
    expected = ("UTC", "5s", "pi5 tests")
    with database.connect() as connection:
        assert connection.execute(question).fetchone() == expected
    with database.engine.connect() as pooled:
        assert tuple(pooled.execute(text(question)).one()) == expected
    other = Database(database.url.replace("postgresql://", "postgresql+psycopg://"), application="tests")
    with other.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_unreachable_server_is_away_and_waiting_for_it_tells_once_then_gives_up(closed_port: int) -> None:
    """Nobody listens: it may come, so it is retried with a message, then refused."""
    database = Database(f"postgresql://me:{QUOTED}@127.0.0.1:{closed_port}/pi5", application="tests")
    with pytest.raises(DatabaseAway, match=f"cannot reach the database 'pi5' at 127.0.0.1:{closed_port}") as away:
        database.connect()
    told: list[str] = []
    with pytest.raises(ConfigurationError, match="gave up after 1 s") as refused:
        database.wait(1.0, told.append)
    assert len(told) == 1
    assert_no_secret(str(away.value), str(refused.value), *told, repr(database))


def test_waiting_ends_when_the_server_comes(database: Database) -> None:
    """A server that starts later than we do is used as soon as it answers."""
    parts = psycopg.conninfo.conninfo_to_dict(database.url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    late = threading.Timer(1.0, forward, (port, str(parts["host"]), str(parts.get("port", ""))))
    late.start()
    url = f"postgresql://{parts['user']}:{parts.get('password', '')}@127.0.0.1:{port}/{parts['dbname']}"
    told: list[str] = []
    Database(url, application="tests").wait(20.0, told.append)
    assert len(told) == 1


def forward(port: int, host: str, target: str) -> None:
    """Pass one connection on to a socket in a folder or to a port."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        inside, _ = listener.accept()
    if host.startswith("/"):
        outside = socket.socket(socket.AF_UNIX)
        outside.connect(f"{host}/.s.PGSQL.5432")
    else:
        outside = socket.create_connection((host, int(target)))
    for a, b in ((inside, outside), (outside, inside)):
        threading.Thread(target=pump, args=(a, b), daemon=True).start()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until one side closes."""
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)


@pytest.mark.timescale
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"password": QUOTED}, "refuses the user or the password"),
        ({"password": ""}, "wants a password and the URL has none"),
        ({"dbname": "nothing_here"}, "no such database"),
        ({"host": "no-such-host.invalid"}, "host name is unknown"),
        ({"user": "nobody_here", "password": QUOTED}, "refuses the user or the password"),
    ],
)
def test_what_waiting_cannot_mend_is_refused_at_once(timescale_server: DatabaseServer, change: dict[str, str], told: str) -> None:
    """Wrong host, user, password or database: exit code 78, the field named, no password shown, no retry."""
    parts = psycopg.conninfo.conninfo_to_dict(timescale_server.url()) | change
    colon = f":{parts['password']}" if parts["password"] else ""
    url = f"postgresql://{parts['user']}{colon}@{parts['host']}:{parts['port']}/{parts['dbname']}"
    database = Database(url, application="tests")
    for attempt in (database.connect, lambda: database.wait(30.0, print), database.engine.connect):
        with pytest.raises(ConfigurationError, match=told) as refused:
            attempt()
        assert refused.value.exit_code == 78
        assert "DATABASE_URL" in str(refused.value)
        assert_no_secret(str(refused.value))


def test_an_embedded_server_names_a_database_it_does_not_have(embedded_server: DatabaseServer) -> None:
    """The socket's server says the same as one reached by TCP."""
    with pytest.raises(ConfigurationError, match=r"'nothing_here' at /.*no such database"):
        Database(embedded_server.url("nothing_here"), application="tests").connect()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://me:{}@host/db",
        "postgresql://",
        "postgresql://me:{}@host:notaport:7/db?x",
        "host=db password={}",
        "{}",
        "{}://x",
    ],
)
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    """The message says the form that is wanted and repeats nothing secret."""
    with pytest.raises(ConfigurationError, match="allowed is postgresql://user:password@host:port/name") as refused:
        Database(url.format(SECRET), application="tests")
    assert_no_secret(str(refused.value))


@given(st.text(max_size=60))
def test_any_text_is_a_url_or_a_configuration_error(url: str) -> None:
    """No text brings another error."""
    for given_url in (url, f"postgresql://{url}"):
        try:
            Database(given_url, application="tests")
        except ConfigurationError:
            continue


def test_a_password_that_a_driver_repeats_is_not_passed_on() -> None:
    """Whatever the driver's message holds."""
    database = Database(f"postgresql://me:{QUOTED}@host/pi5", application="tests")
    for said in (f"no, {SECRET} is wrong", f'password authentication failed for "me" with {SECRET}'):
        assert_no_secret(str(database._refusal(psycopg.OperationalError(said))))


def test_a_lost_connection_is_replaced_by_the_pool(database: Database) -> None:
    """After the server ended every session the next question is answered."""
    with database.engine.begin() as pooled:
        pid = pooled.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with database.connect(autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    with database.engine.begin() as pooled:
        assert pooled.execute(text("SELECT pg_backend_pid()")).scalar_one() != pid


def test_listening_hears_what_was_sent_and_nothing_when_nothing_was(database: Database) -> None:
    """Channel and payload arrive; silence is a None after the time given."""
    notes = database.listen("pi5_test", timeout=0.1)
    assert next(notes) is None
    with database.connect() as connection:
        connection.execute("SELECT pg_notify('pi5_test', 'hello')")
    end = time.monotonic() + 5
    heard = None
    while heard is None and time.monotonic() < end:
        heard = next(notes)
    notes.close()
    assert heard == ("pi5_test", "hello")


def test_a_listener_notices_that_the_server_ended_it(database: Database) -> None:
    """The loop that waits for news ends with an error that means: connect again."""

    async def listen() -> None:
        notes = database.notifications("pi5_test")
        first = asyncio.create_task(anext(notes))
        await asyncio.sleep(0.5)
        with database.connect(autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'LISTEN pi5_test%'")
        await first

    with pytest.raises(UNAVAILABLE):
        asyncio.run(asyncio.wait_for(listen(), 20))


def assert_no_secret(*texts: str) -> None:
    """Neither the password nor its quoted form nor a piece of it."""
    for said in texts:
        assert "s3cret" not in said
        assert "wörd" not in said
