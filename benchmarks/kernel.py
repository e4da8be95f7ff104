"""The compiled kernel on given target arrays: bars a CPU second, once compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import made_run
from measure import cpu_seconds, show, show_machine, wall_seconds

from domain.kernel import simulate
from domain.targets import target_arrays
from domain.timeline import schedule

if TYPE_CHECKING:
    from domain.strategy import Strategy
    from domain.timeline import History

BARS = 1_000_000


def measured(label: str, past: History, least: int, strategy: Strategy | None = None) -> None:
    """Show the rate of one run with targets and schedule given."""
    spec = made_run.spec(past, strategy)
    targets, plan = target_arrays(spec, past), schedule(past)
    fills = len(simulate(spec, past, targets, plan).fills)
    seconds = cpu_seconds(lambda: simulate(spec, past, targets, plan), 25)  # a run is over before a busy machine is calm again
    show(f"kernel, {label}, {fills:,} fills", past.size / seconds, "bars/CPU s", at_least=least)


def main() -> None:
    """Compile (or load what was compiled before), then measure."""
    show_machine()
    past, many = made_run.history(BARS), made_run.portfolio()
    spec = made_run.spec(past)
    targets, plan = target_arrays(spec, past), schedule(past)
    show("kernel, first call: compiled or loaded", wall_seconds(lambda: simulate(spec, past, targets, plan)), "s")
    measured("1,000,000 minute bars of one symbol", past, 50_000_000)
    measured("100 symbols x 2,520 days, shared cash", many, 30_000_000)
    guarded = made_run.GuardedCrossover(fast=10, slow=30)
    measured("the first with stop-loss and take-profit, path worst", past, 15_000_000, guarded)
    whole = cpu_seconds(lambda: simulate(spec, past, targets), 7)
    show("kernel, targets given, schedule made", BARS / whole, "bars/CPU s")
    show("targets of the crossover", BARS / cpu_seconds(lambda: target_arrays(spec, past), 5), "bars/CPU s")


if __name__ == "__main__":
    main()
