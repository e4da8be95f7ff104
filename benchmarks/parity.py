"""A larger job of the parity tests: drawn markets and runs by kernel and event engine, each equal to the bit."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from generated import order_runs, runs, walked_orders
from histories import run_alike, run_orders_alike
from hypothesis import HealthCheck, given, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.run import RunSpec
    from domain.timeline import History


def _comparing(alike: Callable[[RunSpec, History], object]) -> Callable[[tuple[RunSpec, History]], None]:
    """Return what compares the drivers on a drawn run."""

    def compare(drawn: tuple[RunSpec, History]) -> None:
        alike(*drawn)

    return compare


def main() -> None:
    """Draw as many runs of targets and of walks as asked for, half as many of orders; the first that differs is shown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5_000)
    wanted = parser.parse_args().runs
    begun = perf_counter()
    for name, drawn, alike, count in (("targets", runs, run_alike, wanted), ("orders", order_runs, run_orders_alike, wanted // 2)):
        job = settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        job(given(drawn())(_comparing(alike)))()
        print(f"{count:,} runs of {name} are alike, after {perf_counter() - begun:.0f} s")
    first = random.SystemRandom().randrange(10**9)
    for seed in range(first, first + wanted):
        try:
            run_orders_alike(*walked_orders(seed))
        except AssertionError as error:
            error.add_note(f"of generated.walked_orders({seed})")
            raise
    print(f"{wanted:,} runs of orders over prices that walk are alike, after {perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
