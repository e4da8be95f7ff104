"""The embedded PostgreSQL: an ordinary server that this system starts and owns, reached by a Unix socket alone.

One process owns it: whoever holds the lock in the data directory. Others join. The kernel ends the server when its owner dies
(PR_SET_PDEATHSIG, a fast shutdown), so nothing outlives a killed owner; a start after a crash replays the log.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path
from threading import Event, Thread
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from domain.errors import AlreadyRunning, ConfigurationError, DataError
from tasks.database import postgres

if TYPE_CHECKING:
    from collections.abc import Mapping

USER: Final = "pi5"
NAME: Final = "pi5"
_SOCKET: Final = ".s.PGSQL.5432"
_LONGEST_SOCKET: Final = 100  # bytes; the kernel's limit is 107
_LOG_BYTES: Final = 5_000_000
_POLL_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 60.0


class EmbeddedServer:
    """The server whose files are in ``data_dir``.

    ``programs`` is a folder of PostgreSQL programs, by default that of the installed wheel; ``settings`` are added to
    postgres.SETTINGS; ``log`` receives what the server says, by default ``data_dir/server.log``.
    """

    def __init__(
        self, data_dir: Path, *, programs: Path | None = None, settings: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        self.data_dir: Final = data_dir.absolute()
        self.log: Final = log or self.data_dir / "server.log"
        self._programs = programs
        self._settings = {**postgres.SETTINGS, **(settings or {})}
        self._cluster = self.data_dir / "cluster"
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket_directory(self) -> Path:
        """Where the socket is: in the data directory, or under a short name elsewhere where clients could not use that path."""
        place = self.data_dir / "socket"
        # A comma separates hosts in a client's list of them.
        if len(os.fsencode(place / _SOCKET)) <= _LONGEST_SOCKET and "," not in str(place):
            return place
        short = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path("/run" if os.geteuid() == 0 else "/tmp") / f"pi5-{os.geteuid()}-{short}"  # noqa: S108 - made 0700 and its owner checked

    @property
    def url(self) -> str:
        """The URL of the system's database for psycopg and SQLAlchemy."""
        return self.url_of(NAME)

    def url_of(self, name: str, scheme: str = "postgresql") -> str:
        """Return the URL of the database ``name``; ``scheme`` ``postgresql+asyncpg`` for programs that use asyncpg."""
        return f"{scheme}://{USER}@/{name}?host={quote(str(self.socket_directory), safe='')}"

    @property
    def pid(self) -> int | None:
        """The server's process where it runs and this process owns it."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def owner(self) -> bool:
        """Whether this process owns the server."""
        return self._lock is not None

    def running(self) -> bool:
        """Return whether the server answers."""
        try:
            psycopg.connect(self.url_of("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self, *, own: bool = False, timeout: float = 300.0) -> str:
        """Start the server, or join the one another process owns, and return its URL once it answers.

        With ``own`` a server that another process owns is waited for, not joined. ``timeout`` is long because recovery after
        a power cut takes its time. Raises AlreadyRunning or DataError when it has passed, ConfigurationError where it can never
        start here.
        """
        if self.pid is not None and self.running():
            return self.url
        self._prepare_directory()
        end = time.monotonic() + timeout
        while not self._take_lock():
            if not own and self.running():
                return self.url
            if time.monotonic() > end:
                raise AlreadyRunning(f"another process owns the database in {self.data_dir}: stop it with ./pi5 down")
            time.sleep(_POLL_SECONDS)
        try:
            self._launch(end)
            self.create_database(NAME)
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """End the server where this process owns it: sessions are ended, everything is on disk. A joined server stays."""
        if self._lock is None:
            return
        process = self._process
        if process is not None and process.poll() is None:
            for number, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, _STOP_SECONDS), (signal.SIGKILL, None)):
                process.send_signal(number)
                try:
                    process.wait(seconds)
                    break
                except subprocess.TimeoutExpired:
                    continue
        self._process = None
        self._lock.close()
        self._lock = None

    def create_database(self, name: str) -> str:
        """Create the database ``name`` where it is not there and return its URL."""
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url_of(name)

    def _prepare_directory(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        # As root the server's user has to pass through; what is inside is closed to everybody else.
        self.data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)

    def _take_lock(self) -> bool:
        if self._lock is not None:
            return True
        lock = (self.data_dir / "owner.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock
        return True

    def _launch(self, end: float) -> None:
        user = postgres.server_user(self._cluster, self.data_dir)
        programs = postgres.reachable_programs(self._programs or postgres.wheel_programs(), user, self.data_dir)
        if not (self._cluster / "PG_VERSION").exists():
            postgres.initialise(self._cluster, programs, user, USER)
        self._check_version(user, programs)
        postgres.end_leftovers(self._cluster)
        self._make_socket_directory(user)
        self._write_settings(user)
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        self._process = self._spawn([*user.prefix, "setpriv", "--pdeathsig", "INT", programs / "postgres", "-D", self._cluster])
        self._await(end)

    def _check_version(self, user: postgres.ServerUser, programs: Path) -> None:
        stored = (self._cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        offered = user.run(programs / "postgres", "--version").stdout.split()[-1]
        if offered.split(".")[0] != stored:
            raise ConfigurationError(
                f"the database in {self._cluster} is of PostgreSQL {stored}, the installed one is {offered}: "
                f"export it with the older program and restore it into an empty PI5_DATA"
            )

    def _make_socket_directory(self, user: postgres.ServerUser) -> None:
        place = self.socket_directory
        place.mkdir(mode=0o700, exist_ok=True)
        if place.is_symlink() or place.stat().st_uid not in {user.uid, os.geteuid()}:
            raise ConfigurationError(f"{place} belongs to another user: remove it, or name another PI5_DATA")
        user.own(place, 0o700)

    def _write_settings(self, user: postgres.ServerUser) -> None:
        place = str(self.socket_directory).replace('"', '""')
        values = {**self._settings, "unix_socket_directories": f'"{place}"'}
        lines = [
            "# Written at each start; change it through the program.",
            *(f"{name} = {_quoted(values[name])}" for name in values),
        ]
        path = self._cluster / "postgresql.conf"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        user.own(path, 0o600)

    def _spawn(self, command: list[str | Path]) -> subprocess.Popen[bytes]:
        """Start the server from a thread that lives as long as it does.

        The kernel's death signal is sent when the *thread* that started a process ends; the same thread reaps it.
        """
        started = Event()
        result: list[subprocess.Popen[bytes] | OSError] = []

        def keep() -> None:
            try:
                with self.log.open("ab") as log:
                    # A session of its own: Ctrl-C in the terminal is for us, we end the server last.
                    process = subprocess.Popen(  # noqa: S603 - our own programs
                        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
                    )
            except OSError as error:
                result.append(error)
                started.set()
                return
            result.append(process)
            started.set()
            process.wait()

        Thread(target=keep, name="postgresql", daemon=True).start()
        started.wait()
        outcome = result[0]
        if isinstance(outcome, OSError):
            raise DataError(f"cannot start PostgreSQL: {outcome}")
        return outcome

    def _await(self, end: float) -> None:
        while not self.running():
            if self._process is None or self._process.poll() is not None:
                raise DataError(f"PostgreSQL in {self.data_dir} did not start: {self._last_words()}; see {self.log}")
            if time.monotonic() > end:
                raise DataError(f"PostgreSQL in {self.data_dir} does not answer yet: {self._last_words()}; see {self.log}")
            time.sleep(_POLL_SECONDS)

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return " / ".join(lines[-2:]) or "it said nothing"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
