"""Whether the configured strategies exist and take their parameters: what the schema of the configuration cannot know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.errors import ConfigurationError, InputError
from domain.run import Assignment, parse_sizing
from domain.shared import owned
from tasks import registry
from tasks.settings import where

if TYPE_CHECKING:
    from tasks.settings import Settings


def check_strategies(settings: Settings) -> list[str]:
    """Return why strategy files of enabled entries cannot be loaded; those are left out of a session, the others trade.

    Raises ConfigurationError, one line for each wrong entry with file and line, where an enabled entry names no strategy, gives
    it a parameter that it does not take, or shares a symbol that it cannot share.
    """
    found = registry.found()
    unusable: list[str] = []
    problems: list[str] = []
    owners: dict[str, list[Assignment]] = {}
    for position, entry in enumerate(settings.strategies):
        if not entry.enabled:
            continue
        file = found.get(entry.name)
        if file is not None and file.cls is None:
            unusable.append(f"strategy {entry.name} cannot be used: {file.error}")
            continue
        wrong = "name" if file is None else "parameters"
        try:
            strategy = registry.create(entry.name, entry.parameters)
            wrong, sizing = "shared", parse_sizing(entry.sizing, 1)
            for symbol in entry.symbols:
                owners.setdefault(symbol, []).append(Assignment(symbol, entry.name, strategy, sizing))
                owned(owners[symbol])
        except InputError as error:
            problems.append(f"{where(settings, 'strategies', position, wrong)}: strategies[{position}]: {error}")
    if problems:
        raise ConfigurationError("\n".join(problems))
    return unusable
