"""The event engine with the paper broker: bars a CPU second, memory, and whether both grow no faster than the bars."""

from __future__ import annotations

from dataclasses import dataclass

import made_run
from measure import cpu_seconds, peak_megabytes, show, show_machine

from domain.strategy import Exits
from strategies.moving_average_crossover import MovingAverageCrossover
from tasks.backtest import Run, run_events

BARS = 1_000_000


@dataclass(frozen=True)
class Patient(MovingAverageCrossover):
    """A crossover that would leave a position after more bars than there are: its bars have to be counted."""

    exits = Exits(bars=10 * BARS)


def main() -> None:
    """Run a tenth, then all of the bars."""
    show_machine()
    rates = []
    for count in (BARS // 10, BARS):
        past = made_run.history(count)
        spec = made_run.spec(past)
        runs: list[Run] = []

        def work(past: object = past, spec: object = spec, runs: list[Run] = runs) -> None:
            runs[:] = [run_events(spec, past)]  # type: ignore[arg-type]  # bound early, as the loop goes on

        rates.append(count / cpu_seconds(work, 3))
        show(f"event engine, {count:,} minute bars, {len(runs[0].fills):,} fills", rates[-1], "bars/CPU s", at_least=400_000)
    show("event engine, peak memory of the process", peak_megabytes(), "MB", below=400)
    each = made_run.spec(past, Patient(fast=10, slow=30))
    show("the same with a time exit, each close an event", past.size / cpu_seconds(lambda: run_events(each, past), 2), "bars/CPU s")
    many = made_run.portfolio()
    spread = made_run.spec(many)
    show(
        "event engine, 100 symbols x 2,520 days", many.size / cpu_seconds(lambda: run_events(spread, many), 5), "bars/CPU s",
        at_least=250_000,
    )  # fmt: skip
    show("event engine, rate at 1,000,000 against 100,000 bars", 100 * rates[1] / rates[0], "%", at_least=80)


if __name__ == "__main__":
    main()
