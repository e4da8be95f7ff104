"""What the README tells people to do works when it is done."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
NAME = "close_above_average"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tracked tree with the README's strategy written where the README says."""
    copy = tmp_path_factory.mktemp("readme") / "pi5"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    code = re.search(rf"`strategies/{NAME}\.py`:\n\n```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    (copy / "strategies" / f"{NAME}.py").write_text(code.group(1))
    return copy


def run(checkout: Path, *arguments: str) -> str:
    """Return what a Python command prints that imports from the copy."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PI5_DATA": str(checkout / "data")}
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_strategy_of_the_readme_is_listed(checkout: Path) -> None:
    """The file alone makes the strategy known, with its range and its one-line description."""
    listed = json.loads(run(checkout, "-m", "deployments.cli", "strategies", "--json"))
    text = json.dumps(listed)
    assert NAME in text
    assert "Hold the asset while it closes above its moving average" in text


def test_strategy_of_the_readme_is_back_tested(checkout: Path) -> None:
    """The command of the README runs it on the shipped bars and trades."""
    bars, actions = "deployments/data/equity_1d.parquet", "deployments/data/corporate_actions.csv"
    options = ["--bars", bars, "--symbols", "SPY", "--actions", actions, "--json"]
    result = json.loads(run(checkout, "-m", "deployments.cli", "backtest", NAME, *options))
    assert result["strategy"] == NAME
    assert result["trades"] > 10


def test_strategy_of_the_readme_keeps_the_contract(checkout: Path) -> None:
    """The contract tests find it without being told and hold it to the same promises."""
    printed = run(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts", "-k", NAME)
    assert " passed" in printed


def test_every_file_the_readme_names_exists() -> None:
    """Links and pictures of the README lead somewhere."""
    linked = re.findall(r"\]\((?!http)([^)]+)\)", README) + re.findall(r"deployments/data/[\w./-]+\w", README)
    assert {name for name in linked if not (ROOT / name).exists()} == set()
