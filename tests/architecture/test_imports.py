"""The arrows of the architecture hold, and each contract that says so can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("domain", "strategies", "tasks", "flows", "dashboards", "deployments", "sql")

VIOLATIONS: Final = [
    ("layers", "strategies/planted.py", "import tasks.settings"),
    ("layers", "domain/planted.py", "import strategies"),
    ("layers", "tasks/planted.py", "import flows"),
    ("layers", "flows/planted.py", "import dashboards"),
    ("layers", "dashboards/planted.py", "import deployments"),
    ("pure-domain", "domain/planted.py", "import sqlalchemy"),
    ("pure-domain", "domain/rules/planted.py", "from logging import getLogger"),
    ("asyncio-in-event-bus", "domain/planted.py", "import asyncio"),
    ("pandas-in-indicators", "domain/planted.py", "import talib"),
    ("calendars-in-sessions", "domain/planted.py", "import exchange_calendars"),
    ("strategies-see-two-modules", "strategies/planted.py", "from domain import market"),
    ("strategies-see-two-modules", "strategies/planted.py", "import pandas"),
    ("adapters-are-independent", "tasks/brokers/planted.py", "import tasks.database"),
    ("adapters-are-independent", "tasks/database/planted.py", "import tasks.market_data"),
    ("adapters-know-domain-alone", "tasks/database/planted.py", "import tasks.settings"),
    ("adapters-know-domain-alone", "tasks/brokers/planted.py", "import strategies"),
    ("prefect-in-flows", "tasks/planted.py", "def run():\n    import prefect"),
    ("prefect-in-flows", "dashboards/planted.py", "from prefect import client"),
    ("flows-call-steps", "flows/planted.py", "import tasks.database.connection"),
    ("flows-call-steps", "flows/planted.py", "import domain.market"),
    ("dashboards-read-the-database", "dashboards/planted.py", "import tasks.market_data"),
    ("drawing-in-dashboards", "tasks/planted.py", "def draw():\n    import bokeh.models"),
    ("drawing-in-dashboards", "flows/planted.py", "from panel import pane"),
]


def contracts() -> list[dict[str, Any]]:
    """Return the contracts of pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: list[dict[str, Any]] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return found


def lint(directory: Path, *contract: str) -> subprocess.CompletedProcess[str]:
    """Run the import linter on the packages of ``directory``, on all contracts or those named."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", *(f"--contract={name}" for name in contract)]
    environment = {**os.environ, "PYTHONPATH": str(directory)}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the packages into which violations can be planted."""
    directory = tmp_path_factory.mktemp("tree")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, directory / name, ignore=lambda _, names: [n for n in names if n == "data" or "cache" in n])
        (directory / name / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", directory)
    return directory


def test_every_arrow_holds() -> None:
    """No module of the tree imports against the architecture."""
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_has_a_planted_violation() -> None:
    """A contract that nobody has seen fail proves nothing."""
    assert {name for name, *_ in VIOLATIONS} == {contract["id"] for contract in contracts()}


@pytest.mark.parametrize(("contract", "path", "code"), VIOLATIONS)
def test_planted_violation_breaks_its_contract(copy: Path, contract: str, path: str, code: str) -> None:
    """The contract passes on the tree and fails with one forbidden import in it."""
    planted = copy / path
    planted.write_text(code + "\n")
    try:
        done = lint(copy, contract)
    finally:
        planted.unlink()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout
    assert "planted" in done.stdout
