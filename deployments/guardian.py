"""The process that ends everything an ``up`` started when the ``up`` itself is killed and can no longer do it.

It needs the standard library alone and runs isolated (``python -I -S``), so that it starts at once and weighs little. It waits
on a pipe whose other end only the supervisor holds: the word ``done`` means a clean end, an end without it that the supervisor
was killed. Processes are found by what they cannot lose: the two variables in their environment, or, for PostgreSQL, which
overwrites its environment with its title, a working directory below the data directory. A PostgreSQL whose owner lives, such as
a command that works while nothing is up, is left alone.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARK = "PI5_SUPERVISED"
"""The variable that every process below a supervisor carries; its value is the run of ``up`` it belongs to."""

_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


def supervised(data: Path, run: str | None = None) -> Iterator[int]:
    """Yield the pids that an ``up`` over ``data`` started: those of ``run``, or of any where it is None; never the caller's."""
    wanted = {f"PI5_DATA={data}".encode()} | ({f"{MARK}={run}".encode()} if run else set())
    database = None if _is_owned(data / "database") else data / "database"
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        with suppress(*_GONE):
            variables = process.joinpath("environ").read_bytes().split(b"\0")
            marked = any(variable.startswith(f"{MARK}=".encode()) for variable in variables)
            if (marked and wanted <= set(variables)) or (database and _is_postgres(process, database)):
                yield int(process.name)


def _is_postgres(process: Path, database: Path) -> bool:
    return process.joinpath("comm").read_text() == "postgres\n" and process.joinpath("cwd").readlink().is_relative_to(database)


def _is_owned(database: Path) -> bool:
    """Whether a living process holds the lock of the embedded server in ``database``."""
    try:
        descriptor = os.open(database / "owner.lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_alive(pid: int) -> bool:
    """Whether ``pid`` runs; one that only waits to be reaped does not."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except _GONE:
        return False


def end_all(data: Path, run: str | None = None, *, patience: float = 3.0, deadline: float = 15.0) -> int:
    """End what ``supervised`` finds and return how many that were; OSError where some are still alive after ``deadline`` s.

    PostgreSQL is asked first (SIGQUIT: it frees its shared memory and exits at once) and killed after ``patience`` seconds.
    """
    ended: set[int] = set()
    began = time.monotonic()
    while left := [pid for pid in supervised(data, run) if is_alive(pid)]:
        waited = time.monotonic() - began
        if waited > deadline:
            raise OSError(f"processes {left} of an earlier run could not be ended: end them with kill -9")
        for pid in left:
            with suppress(*_GONE):
                postgres = _is_postgres(Path("/proc", str(pid)), data / "database")
                if not postgres or waited > patience:
                    os.kill(pid, signal.SIGKILL)
                elif pid not in ended:
                    os.kill(pid, signal.SIGQUIT)
        ended.update(left)
        time.sleep(0.05)
    return len(ended)


def main(arguments: list[str]) -> int:
    """Wait for the supervisor's end; ``arguments`` are the data directory, the run and the pipe's descriptor."""
    data, run, descriptor = arguments
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if os.read(int(descriptor), 4) != b"done":
        end_all(Path(data), run)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
