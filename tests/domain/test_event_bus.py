"""The bus: ordered, bounded, never drops; observers are isolated, a failing core halts."""

import asyncio

import pytest

from domain.event_bus import EventBus


class Failures(list[tuple[str, int, str]]):
    """Collects reports of failed observers."""

    def __call__(self, name: str, event: int, error: Exception) -> None:
        """Take one report."""
        self.append((name, event, str(error)))


async def test_core_and_observers_get_every_event_in_order() -> None:
    """The core hears each event before any observer does, observers in the order they came."""
    heard: list[tuple[str, int]] = []
    bus: EventBus[int] = EventBus(Failures(), core=lambda event: heard.append(("core", event)))
    bus.subscribe("one", lambda event: heard.append(("one", event)))
    bus.subscribe("two", lambda event: heard.append(("two", event)))
    for event in range(3):
        await bus.publish(event)
    bus.close()
    await bus.run()
    assert heard == [(who, event) for event in range(3) for who in ("core", "one", "two")]


async def test_a_full_bus_makes_the_publisher_wait_and_drops_nothing() -> None:
    """5,000 events through a bus of 8: never more than 8 wait, all arrive in order."""
    heard: list[int] = []
    longest = 0
    bus: EventBus[int] = EventBus(Failures(), core=heard.append, capacity=8)
    runner = asyncio.create_task(bus.run())
    for event in range(5_000):
        await bus.publish(event)
        longest = max(longest, len(bus))
    bus.close()
    await runner
    assert heard == list(range(5_000))
    assert longest == 8


async def test_publish_blocks_while_nothing_drains() -> None:
    """The third event of a bus of two waits; it goes on once the bus runs."""
    bus: EventBus[int] = EventBus(Failures(), core=lambda _: None, capacity=2)
    await bus.publish(1)
    await bus.publish(2)
    third = asyncio.create_task(bus.publish(3))
    await asyncio.sleep(0.01)
    assert not third.done()
    assert len(bus) == 2
    bus.close()
    await bus.run()
    await third


async def test_several_publishers_each_keep_their_order() -> None:
    """Nothing is lost between two publishers of a small bus, and each one's events stay in order."""
    heard: list[int] = []
    bus: EventBus[int] = EventBus(Failures(), core=heard.append, capacity=4)

    async def publish(offset: int) -> None:
        for event in range(500):
            await bus.publish(offset + event)

    runner = asyncio.create_task(bus.run())
    await asyncio.gather(publish(0), publish(1_000))
    bus.close()
    await runner
    assert [event for event in heard if event < 1_000] == list(range(500))
    assert [event - 1_000 for event in heard if event >= 1_000] == list(range(500))


async def test_a_failing_observer_is_reported_and_hurts_nobody() -> None:
    """It is told of by name with its event, hears the next one, and the others hear all."""
    heard: list[int] = []
    late: list[int] = []
    failures = Failures()
    bus: EventBus[int] = EventBus(failures, core=heard.append)

    def fragile(event: int) -> None:
        if event == 1:
            raise ValueError("no room")
        late.append(event)

    bus.subscribe("fragile", fragile)
    bus.subscribe("sound", heard.append)
    for event in range(3):
        await bus.publish(event)
    bus.close()
    await bus.run()
    assert failures == [("fragile", 1, "no room")]
    assert late == [0, 2]
    assert heard == [0, 0, 1, 1, 2, 2]


async def test_a_failing_core_halts_the_bus() -> None:
    """Run raises its error, observers never hear the event, later publishers get the error, waiting ones too."""
    heard: list[int] = []
    bus: EventBus[int] = EventBus(Failures(), core=lambda event: 1 // (event - 2) and None, capacity=4)
    bus.subscribe("observer", heard.append)
    for event in range(4):
        await bus.publish(event)
    waiting = asyncio.create_task(bus.publish(9))
    await asyncio.sleep(0.01)
    with pytest.raises(ZeroDivisionError):
        await bus.run()
    with pytest.raises(ZeroDivisionError):
        await bus.publish(5)
    with pytest.raises(ZeroDivisionError):
        await waiting
    assert heard == [0, 1]


async def test_run_waits_for_events_until_it_is_closed() -> None:
    """An empty bus is not a finished one; closing wakes it."""
    heard: list[int] = []
    bus: EventBus[int] = EventBus(Failures(), core=heard.append)
    runner = asyncio.create_task(bus.run())
    await asyncio.sleep(0.01)
    assert not runner.done()
    await bus.publish(7)
    await asyncio.sleep(0.01)
    assert heard == [7]
    bus.close()
    await asyncio.wait_for(runner, 1.0)


async def test_a_busy_bus_gives_others_a_turn() -> None:
    """A long queue is delivered in batches: another coroutine runs before it is empty."""
    heard: list[int] = []
    bus: EventBus[int] = EventBus(Failures(), core=heard.append)
    for event in range(5_000):
        await bus.publish(event)
    bus.close()
    runner = asyncio.create_task(bus.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 0 < len(heard) < 5_000
    await runner
    assert len(heard) == 5_000


async def test_a_bus_without_core_serves_observers() -> None:
    """A core is not needed to report."""
    heard: list[int] = []
    bus: EventBus[int] = EventBus(Failures())
    bus.subscribe("only", heard.append)
    await bus.publish(1)
    bus.close()
    await bus.run()
    assert heard == [1]
