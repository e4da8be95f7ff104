"""What a command costs before and with its work: import of the core, a whole back-test on ten years of daily bars."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

from measure import show, wall_seconds

ROOT = Path(__file__).resolve().parents[1]
CORE = "import domain.engine, domain.kernel, domain.portfolio, domain.event_bus, domain.strategy"
BARS = ROOT / "deployments/data/equity_1d.parquet"
COMMAND = [
    "moving_average_crossover",
    "--bars",
    str(BARS),
    "--symbols",
    "SPY",
    "--param",
    "fast=10",
    "--param",
    "slow=30",
    "--json",
]


def run(*command: str | Path) -> None:
    """Run a command to its end."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def backtest(engine: str) -> None:
    """Run a whole back-test command."""
    run(ROOT / "pi5", "backtest", *COMMAND, "--engine", engine)


def main() -> None:
    """Measure the best of three after a first run."""
    run(sys.executable, "-c", CORE)
    show("import of the core, interpreter included", wall_seconds(lambda: run(sys.executable, "-c", CORE), 3), "s", below=1)
    for engine in ("kernel", "event"):
        whole = partial(backtest, engine)
        show(f"./pi5 backtest --engine {engine}, first run here", wall_seconds(whole), "s")
        show(f"./pi5 backtest --engine {engine}, second run", wall_seconds(whole, 3), "s", below=2.5)
    show("./pi5 --version", wall_seconds(lambda: run(ROOT / "pi5", "--version"), 3), "s")


if __name__ == "__main__":
    main()
