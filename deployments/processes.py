"""The processes of an installation: how one is started so that it cannot outlive us, watched, measured and ended."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import psutil

from deployments.guardian import is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LOG_LIMIT: Final = 8 * 2**20
"""Bytes after which a captured log starts anew; the one before is kept beside it as ``.1``."""

_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 30.0
_STEADY: Final = 60.0
"""Seconds: the first and the longest wait before a restart, and the life after which a process counts as steady again."""

_TICK: Final = 0.1
_TAIL: Final = 4096
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, so that none can leave this process's tree."""
    if _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "this system cannot adopt orphaned processes (PR_SET_CHILD_SUBREAPER)")


def die_with(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """In a new child: ask for signal ``number`` when ``parent`` dies; end at once where it is dead already."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


@dataclass(frozen=True, slots=True)
class Program:
    """What a process runs: its name in ``status``, command line, environment.

    ``finishes`` says that an exit with 0 is its end, ``refusals`` are the exit codes that starting it again would only repeat;
    ``patience`` is how many seconds it may take to end when asked.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    finishes: bool = False
    refusals: frozenset[int] = frozenset()
    patience: float = 4.0


class Keepable(Protocol):
    """What the supervisor keeps up."""

    @property
    def name(self) -> str:
        """Its name in ``status``."""

    @property
    def log(self) -> Path:
        """Where its output goes."""

    @property
    def pid(self) -> int | None:
        """The pid while it runs, else None."""

    @property
    def since(self) -> float:
        """When it was started last, in seconds since 1970."""

    @property
    def restarts(self) -> int:
        """How often it was started again."""

    @property
    def exit_code(self) -> int | None:
        """How it ended, where that is known; negative for a signal."""

    @property
    def finished(self) -> bool:
        """Whether it ended because all is done."""

    @property
    def refused(self) -> bool:
        """Whether it ended because of what it was given, so that the next start would end the same way."""

    async def start(self) -> None:
        """Start it; raise OSError or TradingError where that fails."""

    def next_delay(self) -> float:
        """Return the seconds to wait before the next start."""

    async def end(self) -> None:
        """End it, gently at first."""


class Child:
    """A supervised process and its restarts. Its life is tied to the thread that starts it, so that must be the main one."""

    def __init__(self, program: Program, log: Path) -> None:
        self.name = program.name
        self.log = log
        self.since = 0.0
        self.restarts = -1
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._delay = _FIRST_DELAY
        self._started = 0.0

    @property
    def pid(self) -> int | None:
        """The pid while it runs, else None."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How the last start ended: None while it runs, negative for a signal."""
        return self._process.poll() if self._process else None

    @property
    def finished(self) -> bool:
        """Whether it did all it had to do."""
        return self._program.finishes and self.exit_code == 0

    @property
    def refused(self) -> bool:
        """Whether it refused what it was given."""
        return self.exit_code in self._program.refusals

    async def start(self) -> None:
        """Start it, with its output appended to its log, in a session of its own; end first what an earlier life left there."""
        self._end_family()
        self._process = self._spawn()
        self.since, self._started = time.time(), time.monotonic()
        self.restarts += 1

    def _spawn(self) -> subprocess.Popen[bytes]:
        parent = os.getpid()
        with self.log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 our own command lines
                self._program.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(self._program.environment),
                start_new_session=True,
                preexec_fn=lambda: die_with(parent),  # noqa: PLW1509 only this can tie a child to its parent's life
            )

    def next_delay(self) -> float:
        """Return the seconds to wait before the next start: longer each time it dies young."""
        if time.monotonic() - self._started > _STEADY:
            self._delay = _FIRST_DELAY
        delay, self._delay = self._delay, min(self._delay * 2, _LONGEST_DELAY)
        return delay

    async def end(self) -> None:
        """Ask it to end, and kill it and what is left of its session where it takes too long."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(gone(self), self._program.patience)
        self._end_family()

    def _end_family(self) -> None:
        if self._process:
            for pid in session_members(self._process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


async def gone(child: Keepable) -> None:
    """Return once ``child`` no longer runs."""
    while child.pid is not None:  # noqa: ASYNC110 a dead process sets no event
        await asyncio.sleep(_TICK)


def session_members(leader: int) -> Iterator[int]:
    """Yield the living pids of the session that ``leader`` leads or led."""
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader and is_alive(pid):
                yield pid


def kill_descendants(spared: int | None) -> None:
    """Kill every process below this one but ``spared``."""
    for child in psutil.Process().children(recursive=True):
        if child.pid != spared:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)


class Undertaker:
    """Takes the exits of adopted children, for whom nobody else waits."""

    def __init__(self) -> None:
        self._seen: int | None = None

    def reap(self, own: set[int]) -> None:
        """Reap dead children that are not in ``own`` and were dead at the last call too.

        A thread that waits for a child of its own takes that child's exit between two calls, and must get it.
        """
        with suppress(ChildProcessError):
            while dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if dead.si_pid in own or dead.si_pid != self._seen:
                    self._seen = dead.si_pid
                    return
                os.waitpid(dead.si_pid, os.WNOHANG)


def last_line(log: Path) -> str:
    """Return the last line of ``log`` that says something, or an empty string."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def rotate(log: Path) -> None:
    """Start ``log`` anew where it has grown too long. Its writer appends, so that it may keep the file open."""
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        shutil.copyfile(log, log.with_name(log.name + ".1"))
        os.truncate(log, 0)


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Replace ``path`` by ``record`` as JSON, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(record), encoding="utf-8")
    draft.replace(path)
