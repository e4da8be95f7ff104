"""What may be wrong with a machine or an installation, and what to do about it."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import psutil
import psycopg

from deployments.lock import UpLock
from deployments.up import refuse_taken_ports
from domain.errors import ProviderError, TradingError
from tasks.database import migrate
from tasks.database.postgres import wheel_programs
from tasks.orchestration import Orchestrator
from tasks.settings import installation, load_settings
from tasks.strategy_check import check_strategies
from tasks.system_database import join_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.settings import Installation

_ENOUGH_MEMORY: Final = 2.0
_ENOUGH_DISK: Final = 4.0
_LEAST_DISK: Final = 0.5
_UNSYNCHRONISED: Final = 5


class Finding(NamedTuple):
    """One thing looked at: ``state`` good, note or wrong, what was ``found``, and the ``advice`` where there is any."""

    what: str
    state: Literal["good", "note", "wrong"]
    found: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at everything; a part that cannot be looked at is a finding and hides nothing else."""
    findings = [_interpreter(), _machine(), _memory(), _clock(), _tools()]
    try:
        place = installation()
    except TradingError as error:
        return [*findings, Finding("environment", "wrong", str(error), "correct the variable and run ./pi5 doctor again")]
    return [*findings, _data(place.data), _disk(place.data), _configuration(), *_running(place)]


def _interpreter() -> Finding:
    found = f"Python {platform.python_version()}, {sys.maxsize.bit_length() + 1} bit"
    if (3, 12) <= sys.version_info[:2] <= (3, 13) and sys.maxsize > 2**32:
        return Finding("interpreter", "good", found)
    return Finding("interpreter", "wrong", found, "use a 64-bit Python 3.12 or 3.13")


def _machine() -> Finding:
    page = os.sysconf("SC_PAGE_SIZE") // 1024
    found = f"{platform.machine()}, {os.cpu_count()} cores, memory pages of {page} KB"
    if platform.machine() in {"x86_64", "aarch64"}:
        return Finding("machine", "good", found)
    return Finding("machine", "note", found, "only x86_64 and aarch64 are known to work")


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    found = f"{memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB available"
    if memory.total / 1e9 >= _ENOUGH_MEMORY:
        return Finding("memory", "good", found)
    return Finding("memory", "note", found, "the whole system takes 1.2 GB: use a machine with 4 GB")


def _clock() -> Finding:
    """Ask the kernel whether something keeps its clock right."""
    timex = (ctypes.c_byte * 256)()
    if ctypes.CDLL(None).adjtimex(timex) == _UNSYNCHRONISED:
        return Finding("clock", "note", "not synchronised", "switch on time synchronisation: timedatectl set-ntp true")
    return Finding("clock", "good", "synchronised")


def _tools() -> Finding:
    if shutil.which("setpriv") is None:
        return Finding("tools", "wrong", "setpriv is missing", "install the package util-linux")
    try:
        return Finding("tools", "good", f"PostgreSQL in {wheel_programs()}")
    except TradingError as error:
        return Finding("tools", "wrong", str(error), "build the environment anew: remove .venv and run ./pi5 up")


def _data(data: Path) -> Finding:
    if not data.exists():
        return Finding("data", "note", f"{data} is not there yet", "./pi5 up makes it")
    about = data.stat()
    if about.st_uid != os.geteuid():
        return Finding(
            "data", "wrong", f"{data} belongs to user {about.st_uid}", "run as that user, or set PI5_DATA to a directory of yours"
        )
    if about.st_mode & 0o022:
        return Finding("data", "wrong", f"others can write to {data}", f"chmod go-w {data}")
    return Finding("data", "good", str(data))


def _disk(data: Path) -> Finding:
    place = next(path for path in (data, *data.parents) if path.exists())
    free = shutil.disk_usage(place).free / 1e9
    if free < _LEAST_DISK:
        return Finding("disk", "wrong", f"{free:.1f} GB free", "make room: the database stops when the disk is full")
    if free < _ENOUGH_DISK:
        return Finding("disk", "note", f"{free:.1f} GB free", "make room soon")
    return Finding("disk", "good", f"{free:.1f} GB free")


def _configuration() -> Finding:
    try:
        unusable = check_strategies(load_settings())
    except TradingError as error:
        return Finding("configuration", "wrong", " ".join(str(error).split()), "correct it, then run ./pi5 config check")
    if unusable:
        return Finding("configuration", "note", "; ".join(unusable), "mend the file, or disable its strategy")
    return Finding("configuration", "good", "in order")


def _running(place: Installation) -> Iterator[Finding]:
    """Look at what an ``up`` needs, or has."""
    up = UpLock(place.run).holder()
    if up is None:
        try:
            refuse_taken_ports(place)
            yield Finding("ports", "good", f"{place.web_port} and {place.prefect_port} are free")
        except TradingError as error:
            yield Finding("ports", "wrong", str(error), "free the port, or set the variable")
    yield _database(place, up)
    yield _prefect(place, up)


def _database(place: Installation, up: int | None) -> Finding:
    database = join_database(place, "doctor")
    try:
        with database.connect(autocommit=True) as connection:
            version = connection.info.parameter_status("server_version")
        schema = migrate.status(database)
    except (TradingError, psycopg.Error) as error:
        if up is None and place.database_url is None:
            return Finding("database", "note", "the embedded one does not run", "./pi5 up starts it")
        return Finding("database", "wrong", " ".join(str(error).split()), "see ./pi5 logs database, or correct DATABASE_URL")
    finally:
        database.close()
    timescale = f"TimescaleDB {schema.timescale}" if schema.timescale else "no TimescaleDB: ordinary tables"
    found = f"PostgreSQL {version}, {timescale}, schema {schema.version}"
    if schema.pending:
        return Finding("database", "note", f"{found}, not applied yet: {', '.join(schema.pending)}", "./pi5 up applies them")
    return Finding("database", "good", found)


def _prefect(place: Installation, up: int | None) -> Finding:
    if up is None:
        return Finding("prefect", "note", "does not run", "./pi5 up starts it")
    try:
        return Finding("prefect", "good", f"version {Orchestrator.of(place).version()}")
    except ProviderError as error:
        return Finding("prefect", "wrong", str(error), "it is started again by itself; see ./pi5 logs prefect")
