"""The tests of the core reach nearly all of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
AT_LEAST: Final = 95.0
TIME_LIMIT: Final = 900
"""Seconds; a machine that does other work as well needs them."""


@pytest.mark.timeout(TIME_LIMIT + 120)
def test_domain_is_covered_with_compilation_off(tmp_path: Path) -> None:
    """The suite of the core, interpreted so that coverage sees the rules; it must also pass that way."""
    environment = {
        **os.environ,
        "NUMBA_DISABLE_JIT": "1",
        "COVERAGE_FILE": str(tmp_path / "coverage"),
        "COVERAGE_CORE": "sysmon",  # the cheap way to watch lines, which the default of Python 3.12 and 3.13 is not yet
    }
    suites = [str(ROOT / "tests" / name) for name in ("domain", "contracts", "parity") if (ROOT / "tests" / name).is_dir()]
    command = [
        sys.executable,
        "-m",
        "coverage",
        "run",
        "--source=domain",
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        *suites,
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=TIME_LIMIT)
    assert done.returncode == 0, done.stdout[-4000:]
    report = tmp_path / "coverage.json"
    command = [sys.executable, "-m", "coverage", "json", "-q", "-o", str(report)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60)
    found = json.loads(report.read_text())
    lowest = sorted((file["summary"]["percent_covered"], name) for name, file in found["files"].items())[:5]
    assert found["totals"]["percent_covered"] >= AT_LEAST, lowest
