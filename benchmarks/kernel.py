"""The compiled kernel on given target arrays: bars a CPU second, once compiled."""

from __future__ import annotations

import made_run
from measure import cpu_seconds, show, wall_seconds

from domain.kernel import simulate
from domain.targets import target_arrays
from domain.timeline import schedule

BARS = 1_000_000


def main() -> None:
    """Compile (or load what was compiled before), then measure the loop alone and with its surroundings."""
    past = made_run.history(BARS)
    spec = made_run.spec(past)
    targets, plan = target_arrays(spec, past), schedule(past)
    show("kernel, first call: compiled or loaded", wall_seconds(lambda: simulate(spec, past, targets, plan)), "s")
    given = cpu_seconds(lambda: simulate(spec, past, targets, plan), 7)
    show("kernel, targets and schedule given", BARS / given, "bars/CPU s", at_least=50_000_000)
    whole = cpu_seconds(lambda: simulate(spec, past, targets), 7)
    show("kernel, targets given, schedule made", BARS / whole, "bars/CPU s")
    show("targets of the crossover", BARS / cpu_seconds(lambda: target_arrays(spec, past), 5), "bars/CPU s")


if __name__ == "__main__":
    main()
