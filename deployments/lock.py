"""One ``up`` an installation: a lock that the kernel releases when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

from domain.errors import AlreadyRunning

if TYPE_CHECKING:
    from pathlib import Path

NAME = "up.lock"


class UpLock:
    """The lock of ``up`` in the run directory ``run``; the file holds the pid of its holder."""

    def __init__(self, run: Path) -> None:
        self._path = run / NAME
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; raise AlreadyRunning where another process holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _locked(descriptor):
            pid = os.read(descriptor, 20).decode()
            os.close(descriptor)
            raise AlreadyRunning(f"this installation is up already (process {pid}): end it with ./pi5 down")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> int | None:
        """Return the pid that holds the lock, or None where nobody does."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.read(descriptor, 20) or 0) or None
        finally:
            os.close(descriptor)
        return None


def _locked(descriptor: int) -> bool:
    """Try for the lock; more than once, because ``holder`` takes a share of it for an instant."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False
