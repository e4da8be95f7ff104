"""Whether the configured strategies exist and take their parameters: what the schema of the configuration cannot know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.errors import ConfigurationError, InputError
from tasks import registry
from tasks.settings import where

if TYPE_CHECKING:
    from tasks.settings import Settings


def check_strategies(settings: Settings) -> list[str]:
    """Return why strategy files of enabled entries cannot be loaded; those are left out of a session, the others trade.

    Raises ConfigurationError, one line for each wrong entry with file and line, where an enabled entry names no strategy or
    gives it a parameter that it does not take.
    """
    found = registry.found()
    unusable: list[str] = []
    problems: list[str] = []
    for position, entry in enumerate(settings.strategies):
        if not entry.enabled:
            continue
        file = found.get(entry.name)
        if file is not None and file.cls is None:
            unusable.append(f"strategy {entry.name} cannot be used: {file.error}")
            continue
        try:
            registry.create(entry.name, entry.parameters)
        except InputError as error:
            place = where(settings, "strategies", position, "name" if file is None else "parameters")
            problems.append(f"{place}: strategies[{position}]: {error}")
    if problems:
        raise ConfigurationError("\n".join(problems))
    return unusable
