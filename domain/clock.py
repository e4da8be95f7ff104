"""Time as a value: a simulated clock for replays, the machine's for live sessions."""

from __future__ import annotations

from typing import Protocol

from domain.errors import InvariantViolated


class Clock(Protocol):
    """Tells the time in UTC microseconds."""

    def now(self) -> int:
        """Return the current time."""
        ...


class SimulatedClock:
    """A clock that stands until it is set; it never goes back."""

    def __init__(self, start: int = 0) -> None:
        self._now = start

    def now(self) -> int:
        """Return the time last set."""
        return self._now

    def advance_to(self, time: int) -> None:
        """Set the time to ``time``; raise InvariantViolated where that lies in the past."""
        if time < self._now:
            raise InvariantViolated(f"the clock stands at {self._now} us and cannot go back to {time} us")
        self._now = time
