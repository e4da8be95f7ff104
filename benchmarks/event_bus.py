"""The event bus: events a second from a publisher through the core to two observers."""

from __future__ import annotations

import asyncio

from measure import show, wall_seconds

from domain.event_bus import EventBus

EVENTS = 1_000_000


async def through() -> None:
    """Publish and deliver all events."""
    seen = [0, 0, 0]

    def counter(place: int) -> object:
        def count(_event: int) -> None:
            seen[place] += 1

        return count

    bus: EventBus[int] = EventBus(on_failure=lambda *_: None, core=counter(0))  # type: ignore[arg-type]  # takes and returns what it must
    bus.subscribe("first", counter(1))  # type: ignore[arg-type]  # as above
    bus.subscribe("second", counter(2))  # type: ignore[arg-type]  # as above
    delivering = asyncio.create_task(bus.run())
    for number in range(EVENTS):
        await bus.publish(number)
    bus.close()
    await delivering
    if seen != [EVENTS] * 3:
        raise AssertionError(f"lost events: {seen}")


def main() -> None:
    """Measure the best of three."""
    show(
        "event bus, core and two observers", EVENTS / wall_seconds(lambda: asyncio.run(through()), 3), "events/s", at_least=500_000
    )


if __name__ == "__main__":
    main()
