"""A sweep of 1,000 parameter pairs over ten years of daily bars: back-tests a CPU second, indicators and metrics included."""

from __future__ import annotations

from dataclasses import replace

import made_run
from made_run import PAIRS
from measure import cpu_seconds, show, show_machine, wall_seconds

from domain.run import RunSpec, parse_sizing
from domain.sweep import sweep
from strategies.moving_average_crossover import MovingAverageCrossover


def measured(label: str, spec: RunSpec, pairs: list[dict[str, int]], least: int | None = None) -> None:
    """Show the rate of one sweep; everything but the bars is made within it."""
    past = made_run.portfolio(symbols=1)
    fills = int(sweep(spec, past, MovingAverageCrossover, pairs).fills.sum())
    seconds = cpu_seconds(lambda: sweep(spec, past, MovingAverageCrossover, pairs), 15)
    show(f"{label}, {fills / len(pairs):.0f} fills each", len(pairs) / seconds, "runs/CPU s", at_least=least)


def main() -> None:
    """Compile (or load what was compiled before), then measure."""
    show_machine()
    past = made_run.portfolio(symbols=1)
    (assignment,) = made_run.spec(past).assignments
    assignments = (replace(assignment, sizing=parse_sizing(None, 1)),)
    plain = RunSpec(assignments, past.instruments, past.timeframe)
    first = wall_seconds(lambda: sweep(plain, past, MovingAverageCrossover, PAIRS[:1]))
    show("sweep, first call: compiled or loaded", first, "s")
    measured("1,000 crossovers x 2,520 bars", plain, PAIRS, 20_000)
    measured("the same with five limits", replace(plain, limits=made_run.LIMITS), PAIRS)
    measured("one by one through the kernel (margin)", replace(plain, margin=True), PAIRS[::20])


if __name__ == "__main__":
    main()
