"""What every file of the tree keeps: style, types, one reader of the environment, a domain without a clock."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("domain", "strategies", "tasks", "flows", "dashboards", "deployments", "sql")
DOMAIN_LIBRARIES: Final = {"domain", "numpy", "numba", "msgspec"}
DOMAIN_EXCEPTIONS: Final = {
    "domain/indicators/talib_extension.py": {"talib"},
    "domain/indicators/pandas_ta_frames.py": {"pandas", "pandas_ta"},
    "domain/sessions.py": {"exchange_calendars"},
}
CLOCKS: Final = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"}
IMPURE: Final = {"time", "random", "secrets", "uuid", "os", "subprocess", "socket", "logging", "threading"}


def files(*packages: str) -> list[Path]:
    """Return the Python files of ``packages``."""
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of each import outside ``if TYPE_CHECKING``."""
    for node in ast.walk(_without_type_checking(tree)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def _without_type_checking(tree: ast.Module) -> ast.Module:
    kept = [node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")]
    return ast.Module(kept, [])


def reads_environment(source: str) -> bool:
    """Whether code reads or writes the process's environment."""
    tree = ast.parse(source)
    attributes = {f"{ast.unparse(node.value)}.{node.attr}" for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {f"{module}.{name}" for module, name in imported(tree)}
    return bool((attributes | names) & {"os.environ", "os.environb", "os.getenv", "os.putenv", "os.unsetenv"})


def impurities(source: str, allowed: set[str]) -> list[str]:
    """Return what a domain module must not do: clocks, and imports beyond the standard library and ``allowed``."""
    tree = ast.parse(source)
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    clocks = [call for call in calls if call.rpartition(".")[2] in CLOCKS and not call.startswith("self.")]
    tops = {module.partition(".")[0] for module, _ in imported(tree)}
    strangers = {top for top in tops if top not in allowed and (top in IMPURE or top not in sys.stdlib_module_names)}
    return clocks + sorted(strangers)


def run(*command: str) -> None:
    """Run a tool of the environment on the tree and show what it says where it fails."""
    tool = str(Path(sys.executable).with_name(command[0]))
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_ruff_finds_nothing() -> None:
    """Nearly all rules, every exception with its reason in place."""
    run("ruff", "check", "--no-cache", ".")


def test_code_is_formatted() -> None:
    """One format, nobody's."""
    run("ruff", "format", "--no-cache", "--check", ".")


def test_types_are_strict() -> None:
    """Strict types over every package."""
    run("mypy", "--strict")


def test_only_the_settings_read_the_environment() -> None:
    """Everything else gets its values handed in, so that what is in force can be shown."""
    readers = {str(path.relative_to(ROOT)) for path in files(*PACKAGES) if reads_environment(path.read_text())}
    assert readers == {"tasks/settings.py"}


@pytest.mark.parametrize("source", ["import os\nos.environ['A']", "from os import getenv", "import os\nprint(os.getenv('A'))"])
def test_a_reader_of_the_environment_is_seen(source: str) -> None:
    """The check above can fail."""
    assert reads_environment(source)


@pytest.mark.parametrize("path", files("domain"), ids=lambda path: str(path.relative_to(ROOT)))
def test_domain_module_has_no_clock_and_no_library_of_the_outside(path: Path) -> None:
    """Time comes in as a value; the same events give the same books on every machine."""
    allowed = DOMAIN_LIBRARIES | DOMAIN_EXCEPTIONS.get(str(path.relative_to(ROOT)), set())
    assert impurities(path.read_text(), allowed) == []


@pytest.mark.parametrize(
    "source",
    ["import time", "datetime.now()", "date.today()", "from random import random", "import requests", "np.datetime64.now()"],
)
def test_an_impure_domain_module_is_seen(source: str) -> None:
    """The check above can fail."""
    assert impurities(source, DOMAIN_LIBRARIES)


@pytest.mark.parametrize("package", PACKAGES)
def test_import_of_a_package_has_no_effect(package: str, tmp_path: Path) -> None:
    """Nothing happens at import: no output, no file, no thread, no connection."""
    modules = [str(path.relative_to(ROOT).with_suffix("")).replace("/", ".") for path in files(package)]
    program = f"""
import importlib, threading
for name in {[name.removesuffix(".__init__") for name in modules if not name.endswith("__main__")]!r}:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
"""
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "PI5_DATA": str(tmp_path / "data"),
        "PREFECT_HOME": str(tmp_path / "prefect"),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert not (tmp_path / "data").exists()
