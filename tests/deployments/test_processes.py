"""The supervisor with real processes: nothing outlives it, what dies comes back, and only its own are touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from deployments import guardian
from deployments.lock import UpLock
from deployments.processes import LOG_LIMIT, rotate
from deployments.programs import programs
from domain.errors import AlreadyRunning
from tasks.database.server import EmbeddedServer
from tasks.settings import Installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
# Keeps one program up: it starts a grandchild that leaves its session, as a job of the worker may, and does not end when asked.
STUBBORN = """
import signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "600"], start_new_session=True)
time.sleep(600)
"""
KEEPER = """
import sys
from pathlib import Path
from deployments.processes import Child, Program
from deployments.programs import REFUSALS
from deployments.supervisor import Supervisor
from tasks.settings import Installation

place = Installation(Path(sys.argv[1]))
supervisor = Supervisor(place, lambda text: print(text, flush=True))

async def bring_up():
    command = (sys.executable, "-c", sys.argv[2])
    program = Program("web", command, supervisor.environment, finishes=True, refusals=REFUSALS, patience=0.3)
    await supervisor.start(Child(program, place.logs / "web.out"))

supervisor.run(bring_up, lambda: None)
print("over", flush=True)
"""


class Kept:
    """A supervisor in a process of its own over ``data``."""

    def __init__(self, data: Path, program: str = STUBBORN) -> None:
        self.data = data
        for folder in ("logs", "run"):
            (data / folder).mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen([sys.executable, "-c", KEEPER, str(data), program], stdout=subprocess.PIPE, text=True)

    def record(self) -> dict[str, object]:
        """Return what the supervisor wrote down of its program."""
        rows = json.loads((self.data / "run/processes.json").read_text())["processes"]
        return dict(rows[0])

    def all(self) -> list[int]:
        """Return every process it is responsible for."""
        return [pid for pid in guardian.supervised(self.data) if guardian.is_alive(pid)]

    def guardian(self) -> int:
        """Return the pid of its guardian."""
        return next(
            child.pid for child in psutil.Process(self.process.pid).children() if "guardian.py" in " ".join(child.cmdline())
        )


def eventually(happened: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until it happened; fail where it does not."""
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """A supervisor whose program and grandchild run."""
    kept = Kept(tmp_path / "a")
    eventually(lambda: len(kept.all()) == 3)
    yield kept
    kept.process.kill()
    kept.process.wait()
    guardian.end_all(kept.data)


def test_a_signal_ends_every_process_however_stubborn(kept: Kept) -> None:
    """SIGTERM ends the program that ignores it, the grandchild in a session of its own and the guardian; the record goes."""
    kept.process.send_signal(signal.SIGTERM)
    out, _ = kept.process.communicate(timeout=15)
    assert out.splitlines()[-1] == "over"
    assert (kept.process.returncode, kept.all()) == (0, [])
    assert not (kept.data / "run/processes.json").exists()


def test_killing_the_supervisor_ends_every_process(kept: Kept) -> None:
    """Kill -9 of the supervisor leaves nothing, grandchildren that left their session included."""
    kept.process.kill()
    kept.process.wait()
    eventually(lambda: not kept.all())


def test_killing_the_guardian_first_changes_nothing(kept: Kept) -> None:
    """A killed guardian is replaced, and the new one does the same."""
    first = kept.guardian()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: len(kept.all()) == 3 and kept.guardian() != first)
    kept.process.kill()
    kept.process.wait()
    eventually(lambda: not kept.all())


def test_what_supervisor_and_guardian_left_together_is_ended_by_the_next_start(kept: Kept) -> None:
    """Where both are killed at once, the kernel ends the program, and the next start the orphaned grandchild."""
    os.kill(kept.guardian(), signal.SIGSTOP)  # so that it cannot do its work before it is killed
    stopped = kept.guardian()
    kept.process.kill()
    kept.process.wait()
    os.kill(stopped, signal.SIGKILL)
    eventually(lambda: len(kept.all()) == 1)
    second = Kept(kept.data)
    assert second.process.stdout is not None
    assert "1 processes" in second.process.stdout.readline()
    eventually(lambda: len(second.all()) == 3)
    second.process.kill()
    second.process.wait()
    eventually(lambda: not second.all())


def test_another_installation_is_never_touched(kept: Kept, tmp_path: Path) -> None:
    """Ending the processes of one data directory leaves those of another, even one whose name begins the same."""
    before = kept.all()
    assert guardian.end_all(tmp_path / "ab") == 0
    assert guardian.end_all(tmp_path) == 0
    assert kept.all() == before


def test_the_database_of_a_command_at_work_is_left_alone() -> None:
    """A start ends no PostgreSQL whose owner lives, and does end one whose owner is gone."""
    place = Path(tempfile.mkdtemp(prefix="pi5-guard-", dir="/tmp"))
    place.chmod(0o711)  # as root PostgreSQL is another user, who must be able to pass through
    server = EmbeddedServer(place / "database")
    try:
        server.start()
        assert guardian.end_all(place) == 0
        assert server.running()
        (place / "database/owner.lock").rename(place / "lock")
        assert guardian.end_all(place) > 0
        assert not server.running()
    finally:
        server.stop()
        shutil.rmtree(place)


def test_a_program_that_is_killed_starts_again_with_its_restart_counted(kept: Kept) -> None:
    """Kill -9 of the program: another takes its place, and what the first left in its session is gone."""
    first = kept.record()
    os.kill(int(str(first["pid"])), signal.SIGKILL)
    eventually(lambda: kept.record()["restarts"] == 1)
    assert kept.record()["pid"] != first["pid"]


def test_a_program_that_is_done_stays_done(tmp_path: Path) -> None:
    """Exit 0 of a program that finishes is its end: no restart."""
    kept = Kept(tmp_path / "a", "pass")
    assert kept.process.stdout is not None
    assert kept.process.stdout.readline() == "web: finished\n"
    time.sleep(1.0)
    assert (kept.record()["restarts"], kept.record()["pid"]) == (0, None)
    kept.process.terminate()
    assert kept.process.wait(15) == 0


def test_a_second_up_is_refused_and_a_stale_lock_recovers(tmp_path: Path) -> None:
    """The lock refuses a second holder by the first one's pid, exit 7, and is free as soon as the holder is killed."""
    script = (
        "import sys, time, pathlib, deployments.lock as lock; lock.UpLock(pathlib.Path(sys.argv[1])).acquire(); print(flush=True)"
    )
    holder = subprocess.Popen([sys.executable, "-c", f"{script}; time.sleep(60)", str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    lock = UpLock(tmp_path)
    assert lock.holder() == holder.pid
    with pytest.raises(AlreadyRunning, match=str(holder.pid)) as refusal:
        lock.acquire()
    assert refusal.value.exit_code == 7
    holder.kill()
    holder.wait()
    assert lock.holder() is None
    lock.acquire()
    lock.release()


def test_a_long_log_is_begun_anew_and_kept_beside(tmp_path: Path) -> None:
    """Rotation keeps what was written, under .1, and the writer's open file goes on at the beginning."""
    log = tmp_path / "web.out"
    with log.open("ab") as writer:
        writer.write(b"x" * (LOG_LIMIT + 1))
        writer.flush()
        rotate(log)
        writer.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "web.out.1").stat().st_size == LOG_LIMIT + 1


REFUSING = "import sys; print('before'); print('strategy momentum_tren is unknown'); sys.exit(78)"


def test_a_program_that_refuses_its_configuration_is_stopped_with_the_reason(tmp_path: Path) -> None:
    """Exit 78 is told once with the last line of the output, and nothing starts it again."""
    kept = Kept(tmp_path / "a", REFUSING)
    assert kept.process.stdout is not None
    said = kept.process.stdout.readline()
    assert said.startswith("web stopped (exit 78): strategy momentum_tren is unknown; ")
    time.sleep(1.0)
    assert (kept.record()["restarts"], kept.record()["pid"]) == (0, None)
    kept.process.terminate()
    out, _ = kept.process.communicate(timeout=15)
    assert out.splitlines() == ["stopping ...", "over"]


def test_the_session_is_the_program_whose_refusal_counts(tmp_path: Path) -> None:
    """Wrong usage and a refused configuration end the session for good; a failure does not, and servers always come back."""
    made = programs(Installation(tmp_path / "data"), {})
    assert {name: program.refusals for name, program in made.items()} == {
        "prefect": frozenset(),
        "worker": frozenset(),
        "session": frozenset({2, 78}),
        "web": frozenset(),
    }
