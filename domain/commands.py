"""What a person wants, in the imperative; each is desired state in the database before anything acts on it."""

from __future__ import annotations

import msgspec


class Command(msgspec.Struct, frozen=True, tag=True):
    """A wish with its reason, for the audit."""

    reason: str


class Halt(Command, frozen=True):
    """Refuse entries and withdraw the open ones; exits stay possible."""


class Resume(Command, frozen=True):
    """Lift a halt or a stood drawdown limit."""


class Flatten(Command, frozen=True):
    """Close every position with market orders and refuse entries."""


class Stop(Command, frozen=True):
    """End the session after the current instant; the run can be continued later."""


type AnyCommand = Halt | Resume | Flatten | Stop
