"""The environment: every direct dependency with its reason, every package installable on the Pi, hashes on all files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final = "pi5-trading"
BOUNDS: Final = {"prefect": "<3.10", "fastapi": "<0.151", "sqlalchemy": "<2.1"}
"""Upper bounds without which the Prefect server does not start, or its cron never fires, while unit tests pass."""

with (ROOT / "uv.lock").open("rb") as _file:
    PACKAGES: Final[list[dict[str, Any]]] = [package for package in tomllib.load(_file)["package"] if package["name"] != PROJECT]


def undocumented(lines: list[str]) -> list[str]:
    """Return the requirements with a comment neither on their line nor right above their group of lines."""
    missing, commented = [], False
    for line in map(str.strip, lines):
        requirement = re.match(r'"([A-Za-z0-9_.\[\],-]+?)[<>=~!]', line)
        if requirement and not commented and "#" not in line:
            missing.append(requirement[1])
        commented = line.startswith("#") or (commented and requirement is not None)
    return missing


def section(start: str) -> list[str]:
    """Return the lines of a list in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text()
    return text.partition(f"\n{start} = [\n")[2].partition("\n]")[0].splitlines()


def runs_on_the_pi(wheel: str) -> bool:
    """Whether a wheel's name says pure Python, or 64-bit ARM Linux with a C library as old as Debian 12's."""
    tags = wheel.removesuffix(".whl").split("-")
    interpreter, abi, platform = tags[-3:]
    if platform == "any":
        return True
    fits = "py3" in interpreter or "cp312" in interpreter or (abi == "abi3" and re.fullmatch(r"cp3(\d|1[0-2])", interpreter))
    glibc = re.search(r"manylinux_2_(\d+)_aarch64", platform)
    return bool(fits) and ("manylinux2014_aarch64" in platform or (glibc is not None and int(glibc[1]) <= 36))


def test_every_direct_dependency_says_why() -> None:
    """Who removes a package must know what it was for."""
    for start in ("dependencies", "test"):
        lines = section(start)
        assert lines, start
        assert undocumented(lines) == []
    assert undocumented(['"left-pad>=1",']) == ["left-pad"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["name"])
def test_locked_package_installs_on_the_pi_without_a_compiler(package: dict[str, Any]) -> None:
    """A wheel for aarch64 or a pure one; what is not made for Linux at all is not installed there."""
    wheels = [wheel["url"].rpartition("/")[2] for wheel in package.get("wheels", [])]
    assert any(map(runs_on_the_pi, wheels)), f"{package['name']} has no wheel for the Pi: {wheels}"


@pytest.mark.parametrize(
    ("wheel", "fits"),
    [
        ("numpy-2.2.6-cp312-cp312-manylinux_2_17_aarch64.manylinux2014_aarch64.whl", True),
        ("a-1-py3-none-any.whl", True),
        ("a-1-cp39-abi3-manylinux_2_28_aarch64.whl", True),
        ("a-1-cp312-cp312-manylinux_2_17_x86_64.whl", False),
        ("a-1-cp313-cp313-manylinux_2_17_aarch64.whl", False),
        ("a-1-cp312-cp312-musllinux_1_2_aarch64.whl", False),
        ("a-1-cp312-cp312-manylinux_2_39_aarch64.whl", False),
    ],
)
def test_names_of_wheels_are_understood(wheel: str, *, fits: bool) -> None:
    """The check above can fail."""
    assert runs_on_the_pi(wheel) is fits


def test_every_locked_file_has_a_hash() -> None:
    """What is installed is what was locked."""
    files = [file for package in PACKAGES for file in (*package.get("wheels", []), *filter(None, [package.get("sdist")]))]
    assert files
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", file["hash"]) for file in files)


def test_upper_bounds_that_keep_prefect_alive_stand() -> None:
    """Three pins without which everything passes but the schedule."""
    requirements = " ".join(section("dependencies"))
    for name, bound in BOUNDS.items():
        assert re.search(rf'"{name}[^"]*{re.escape(bound)}"', requirements), name
