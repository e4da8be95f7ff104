"""The launcher ``./pi5``: which interpreter it takes, when it builds, what it says where it cannot.

Real installs are slow, so all but one test give it stand-ins for Python's installers: a ``uv`` and interpreters that record
how they were called. What is tested is the launcher itself, unchanged.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TOOLS: Final = ("sh", "cat", "cmp", "cp", "dirname", "flock", "id", "mkdir", "mv", "readlink", "rm", "sleep", "touch", "chmod")

UV: Final = r"""#!/bin/sh
# Records its call; on sync makes an environment whose pi5 prints its arguments.
case " $* " in *" --help "*) exit 0 ;; esac
echo "$*" >>"$CALLS"
[ "$FAIL" != uv ] || { echo 'error: no route to the index' >&2; exit 2; }
sleep "${SLOW:-0}"
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"
cd "$UV_PROJECT_ENVIRONMENT/bin"
printf '#!/bin/sh\nprintf "ran"; printf " <%%s>" "$@"; echo\n' >pi5
touch python
case " $* " in *" --group test "*) touch pytest; chmod +x pytest ;; esac
chmod +x pi5 python
"""
BROKEN_SHIM: Final = "#!/bin/sh\necho 'pyenv: python3.12: command not found' >&2\nexit 127\n"


class Machine:
    """A checkout, and a machine with a chosen set of programs."""

    def __init__(self, place: Path) -> None:
        self.checkout = place / "checkout with space"
        self.bin = place / "bin"
        self.home = place / "home"
        self.calls = place / "calls"
        for directory in (self.checkout, self.bin, self.home):
            directory.mkdir()
        shutil.copy(ROOT / "pi5", self.checkout)
        (self.checkout / "uv.lock").write_text("version = 1\n")
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or "/absent")

    def program(self, path: Path, text: str) -> Path:
        """Install an executable script."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def python(self, path: Path, *, version: tuple[int, int] = sys.version_info[:2], without: str = "") -> Path:
        """Install an interpreter of ``version`` that lacks the module ``without``."""
        code = (
            f"import sys; sys.version_info = {(*version, 0)!r}; sys.executable = {str(path)!r}; sys.modules.update({{{without}}}); "
        )
        return self.program(path, f'#!/bin/sh\n[ "$1 $2" = "-I -c" ] && exec {sys.executable} -I -c "{code}$3"\nexit 1\n')

    def uv(self) -> None:
        """Install the recording uv."""
        self.program(self.bin / "uv", UV)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start the launcher from another directory."""
        variables = {"PATH": str(self.bin), "HOME": str(self.home), "CALLS": str(self.calls), "FAIL": "", **environment}
        command = [self.checkout / "pi5", *arguments]
        return subprocess.Popen(command, cwd=self.home, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, list[str]]:
        """Return exit code, stdout and the lines of stderr without the warning about root."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, [line for line in err.splitlines() if "running as root" not in line]

    def syncs(self) -> list[str]:
        """Return the builds uv was asked for."""
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [call for call in calls if call.startswith("sync ")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine with neither Python nor uv."""
    return Machine(tmp_path)


def test_interpreter_under_pyenv_is_taken_where_the_one_on_path_is_a_shim_that_fails(machine: Machine) -> None:
    """A name on PATH proves nothing; what runs is taken, by its real path."""
    machine.uv()
    machine.program(machine.bin / "python3.12", BROKEN_SHIM)
    machine.program(machine.bin / "python3", BROKEN_SHIM)
    python = machine.python(machine.home / ".pyenv/versions/3.12.1/bin/python")
    code, out, _ = machine.run("status", "--json")
    assert (code, out) == (0, "ran <status> <--json>\n")
    (call,) = machine.syncs()
    assert f"--frozen --no-default-groups --quiet --python {python}" in call


def test_python_3_is_taken_where_its_version_fits_and_not_where_it_does_not(machine: Machine) -> None:
    """Debian's python3 can be the right one, or too old, or too new."""
    machine.uv()
    for version in ((3, 11), (3, 14)):
        machine.python(machine.bin / "python3", version=version)
        assert machine.run("status")[0] == 1
    machine.python(machine.bin / "python3", version=(3, 13))
    assert machine.run("status")[0] == 0


def test_machine_without_python_gets_one_line_that_says_what_to_install(machine: Machine) -> None:
    """No traceback, no download of an interpreter."""
    machine.uv()
    code, out, err = machine.run("up")
    assert (code, out) == (1, "")
    assert err == ["pi5: no Python 3.12 or 3.13 runs here: sudo apt install python3.12 python3.12-venv"]
    assert machine.syncs() == []


def test_python_that_cannot_make_environments_is_named_with_its_package(machine: Machine) -> None:
    """Debian ships venv apart; without uv it is needed once."""
    machine.python(machine.bin / "python3.12", version=(3, 12), without="'ensurepip': None")
    code, _, err = machine.run("up")
    assert code == 1
    assert err == ["pi5: Python 3.12 cannot make environments here: install its module, sudo apt install python3.12-venv"]


def test_uv_on_path_that_does_not_work_is_not_used(machine: Machine) -> None:
    """A broken or too old uv is like none."""
    machine.program(machine.bin / "uv", "#!/bin/sh\nexit 2\n")
    machine.python(machine.bin / "python3.12")
    machine.program(machine.checkout / ".venv-uv/bin/uv", UV)
    assert machine.run("status")[0] == 0
    assert len(machine.syncs()) == 1


def test_second_start_builds_nothing_and_costs_milliseconds(machine: Machine) -> None:
    """Where the stamp fits neither Python nor uv is looked for."""
    machine.uv()
    machine.python(machine.bin / "python3.12")
    assert machine.run("status")[0] == 0
    (machine.bin / "uv").unlink()
    (machine.bin / "python3.12").unlink()
    start = time.perf_counter()
    assert machine.run("a b", "*") == (0, "ran <a b> <*>\n", [])
    assert time.perf_counter() - start < 0.5
    assert len(machine.syncs()) == 1


def test_changed_lock_or_moved_checkout_builds_again(machine: Machine) -> None:
    """An environment belongs to one lock file and one place."""
    machine.uv()
    machine.python(machine.bin / "python3.12")
    machine.run("status")
    (machine.checkout / "uv.lock").write_text("version = 2\n")
    machine.run("status")
    assert len(machine.syncs()) == 2
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("moved"))
    machine.run("status")
    assert len(machine.syncs()) == 3


def test_test_group_is_added_by_test_and_kept_by_everything_else(machine: Machine) -> None:
    """A plain start neither adds nor removes the tools of the suite."""
    machine.uv()
    machine.python(machine.bin / "python3.12")
    machine.run("status")
    assert "--group test" not in machine.syncs()[-1]
    machine.run("test")
    assert "--group test" in machine.syncs()[-1]
    machine.run("status")
    assert len(machine.syncs()) == 2
    (machine.checkout / "uv.lock").write_text("version = 2\n")
    machine.run("status")
    assert "--group test" in machine.syncs()[-1]


def test_two_simultaneous_first_starts_build_once(machine: Machine) -> None:
    """One builds, the other waits for it, both run."""
    machine.uv()
    machine.python(machine.bin / "python3.12")
    processes = [machine.start("status", SLOW="1") for _ in range(2)]
    results = [(process.communicate(timeout=60)[0], process.returncode) for process in processes]
    assert results == [("ran <status>\n", 0)] * 2
    assert len(machine.syncs()) == 1


def test_failed_build_says_so_and_is_tried_again(machine: Machine) -> None:
    """A broken download leaves no environment that looks whole."""
    machine.uv()
    machine.python(machine.bin / "python3.12")
    code, out, err = machine.run("up", FAIL="uv")
    assert (code, out) == (1, "")
    assert err[-1].startswith("pi5: the environment could not be built")
    assert machine.run("status")[0] == 0


def test_interrupted_build_is_not_trusted_even_for_the_old_lock(machine: Machine) -> None:
    """What a failed change left half done is built again when the change is taken back."""
    machine.uv()
    machine.python(machine.bin / "python3.12")
    machine.run("status")
    (machine.checkout / "uv.lock").write_text("version = 2\n")
    assert machine.run("status", FAIL="uv")[0] == 1
    (machine.checkout / "uv.lock").write_text("version = 1\n")
    machine.run("status")
    assert len(machine.syncs()) == 3


def test_link_to_the_launcher_finds_its_checkout(machine: Machine) -> None:
    """~/bin/pi5 may point here."""
    machine.uv()
    machine.python(machine.bin / "python3.12")
    link = machine.home / "pi5"
    link.symlink_to(machine.checkout / "pi5")
    environment = {"PATH": str(machine.bin), "HOME": str(machine.home), "CALLS": str(machine.calls), "FAIL": ""}
    done = subprocess.run([link, "status"], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "ran <status>\n"


def test_root_gets_one_line_of_warning_and_people_none(machine: Machine) -> None:
    """Containers and CI run as root; it works and is said."""
    machine.uv()
    machine.python(machine.bin / "python3.12")
    process = machine.start("status")
    warnings = [line for line in process.communicate(timeout=60)[1].splitlines() if "root" in line and "building" not in line]
    assert len(warnings) == (1 if os.geteuid() == 0 else 0)


def test_checkout_that_cannot_be_written_is_explained(machine: Machine) -> None:
    """Another user's checkout, never built: one line says who has to start it."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become a second user")
    machine.uv()
    nobody = pwd.getpwnam("nobody")
    for directory in (machine.checkout, *machine.checkout.parents):
        if not directory.stat().st_mode & 0o005:
            directory.chmod(directory.stat().st_mode | 0o005)
    command = [
        "setpriv",
        f"--reuid={nobody.pw_uid}",
        f"--regid={nobody.pw_gid}",
        "--clear-groups",
        machine.checkout / "pi5",
        "status",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("its owner must run ./pi5 once")


@pytest.mark.system
def test_clean_checkout_builds_itself_and_answers(tmp_path: Path) -> None:
    """The real thing: real interpreter, real uv, real packages, then the real command twice."""
    checkout = tmp_path / "checkout"
    ignore = shutil.ignore_patterns(".venv*", ".git", "__pycache__", ".*_cache", "tests")
    shutil.copytree(ROOT, checkout, ignore=ignore, symlinks=True)
    environment = {**os.environ, "PI5_DATA": str(tmp_path / "data")}
    for limit in (240.0, 5.0):
        start = time.monotonic()
        done = subprocess.run(
            [checkout / "pi5", "--version"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=280
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith("0.1.0")
        assert time.monotonic() - start < limit
    shutil.rmtree(checkout)
