"""The configuration in force, and the one reader of the environment.

Three layers, the later over the earlier: the file shipped with the system, the installation's own file, variables
``PI5__SECTION__KEY``. The result is one immutable ``Settings``, or one ``ConfigurationError`` that names every wrong value with
its file and line, what was given and what is allowed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from domain.errors import ConfigurationError, nearest
from tasks.installation import Installation, read_installation
from tasks.settings_messages import Described, contradictions, field_at, is_text, leaves, problem, shown, unknown
from tasks.settings_model import (
    Broker,
    CostSettings,
    DataProviders,
    RiskManagement,
    Schedules,
    Session,
    Settings,
    StrategyEntry,
    System,
)
from tasks.strict_yaml import Document, Trail, dotted, parse_yaml, read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFAULT_CONFIGURATION",
    "Broker",
    "CostSettings",
    "DataProviders",
    "Described",
    "Installation",
    "RiskManagement",
    "Schedules",
    "Session",
    "Settings",
    "StrategyEntry",
    "System",
    "child_environment",
    "describe",
    "installation",
    "load_settings",
    "shipped_settings",
    "where",
]

DEFAULT_CONFIGURATION: Final = Path(__file__).resolve().parent.parent / "deployments/config/default.yaml"
"""The configuration shipped with the system: the lowest layer, and what the first ``up`` writes for people to edit."""

PREFIX: Final = "PI5__"


def installation(environ: Mapping[str, str] | None = None) -> Installation:
    """Return where this installation lives; raise ConfigurationError for a port, path or address that cannot be used."""
    return read_installation(os.environ if environ is None else environ)


def child_environment(**variables: str) -> dict[str, str]:
    """Return the environment for a child process: this one's, with ``variables`` set."""
    return {**os.environ, **variables}


def load_settings(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Return the configuration in force.

    Args:
        path: The file to read, which must exist. None takes the installation's own where it is there.
        environment: Variables to read in place of the process's.

    Raises:
        ConfigurationError: Anything wrong; the message has one line for each wrong value.
    """
    environ = os.environ if environment is None else environment
    tree = _Tree.of(read_yaml(DEFAULT_CONFIGURATION))
    own = installation(environ).config if path is None else path
    if path is not None or own.exists():
        tree.overlay(read_yaml(own))
    _overlay_environment(tree, environ)
    return _validated(tree)


def settings_of_a_run(path: Path) -> Settings:
    """Return the configuration that a file gives a single run: strategies that it does not write are not the shipped ones."""
    loaded = load_settings(path, {})
    return loaded if "strategies" in read_yaml(path).value else loaded.model_copy(update={"strategies": ()})


def shipped_settings() -> Settings:
    """Return the configuration shipped with the system, which no file or variable of this machine can change."""
    return _validated(_Tree.of(read_yaml(DEFAULT_CONFIGURATION)))


def where(settings: Settings, *trail: str | int) -> str:
    """Return the file and line, or the variable, that the value at ``trail`` came from; ``default`` where nothing set it."""
    return _origin(settings.origins, trail)


def describe(settings: Settings) -> list[Described]:
    """Return every value in force with its origin, in the order of the schema."""
    return [Described(dotted(trail), shown(trail, value), _origin(settings.origins, trail)) for trail, value in leaves(settings)]


class _Tree:
    """Merged plain data and the origin of each value."""

    def __init__(self, value: dict[str, Any], origins: dict[Trail, str]) -> None:
        self.value = value
        self.origins = origins

    @classmethod
    def of(cls, document: Document) -> _Tree:
        tree = cls({}, {})
        tree.overlay(document)
        return tree

    def overlay(self, document: Document) -> None:
        """Lay a file over what is here: sections key by key, everything below a key whole."""
        if not isinstance(document.value, dict):
            raise ConfigurationError(f"{document.name}:1: must be sections by name, such as risk_management:")
        for section, given in document.value.items():
            standing = self.value.get(section)
            if isinstance(standing, dict) and isinstance(given, dict):
                for key, value in given.items():
                    self.put((section, key), value)
            else:
                self.put((section,), given)
        self.origins.update({trail: f"{document.name}:{line}" for trail, line in document.lines.items() if trail})

    def put(self, trail: Trail, value: Any, origin: str | None = None) -> None:
        """Set the value at ``trail`` and forget the origins of what stood there; a path that is not there stays so."""
        *above, last = trail
        holder: Any = self.value
        for part in above:
            if isinstance(holder, dict) and isinstance(part, str):
                holder = holder.setdefault(part, {})
            elif isinstance(holder, list) and isinstance(part, int):
                holder = holder[part]
        if isinstance(holder, dict):
            holder[last] = value
        for known in [known for known in self.origins if known[: len(trail)] == trail]:
            del self.origins[known]
        if origin is not None:
            self.origins[trail] = origin


def _overlay_environment(tree: _Tree, environ: Mapping[str, str]) -> None:
    """Set what the variables ``PI5__...`` say; raise ConfigurationError for a name that is no setting."""
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        names = _variables(tree)
        trail = names.get(name) or _parameter_trail(name, names)
        if trail is None:
            raise ConfigurationError(f"{name}: there is no such setting: {nearest(name, names)}see ./pi5 config show")
        field = field_at(trail)
        text = environ[name]
        takes_words = field is not None and is_text(field.annotation)
        tree.put(trail, text if takes_words else parse_yaml(text, name).value, name)


def _variables(tree: _Tree) -> dict[str, Trail]:
    """Return every variable name with what it sets; a strategy goes by its name or its position."""
    found: dict[str, Trail] = {f"{PREFIX}STRATEGIES": ("strategies",)}
    for section, field in Settings.model_fields.items():
        for key in getattr(field.annotation, "model_fields", ()):
            found[f"{PREFIX}{section}__{key}".upper()] = (section, key)
    entries = tree.value.get("strategies")
    for position, entry in enumerate(entries if isinstance(entries, list) else []):
        name = entry.get("name") if isinstance(entry, dict) else None
        for key in StrategyEntry.model_fields:
            for alias in (position, name):
                found.setdefault(f"{PREFIX}STRATEGIES__{alias}__{key}".upper(), ("strategies", position, key))
    return found


def _parameter_trail(name: str, names: Mapping[str, Trail]) -> Trail | None:
    """Return what a variable such as ``PI5__STRATEGIES__BUY_AND_HOLD__PARAMETERS__FAST`` sets, else None."""
    parent, _, key = name.rpartition("__")
    trail = names.get(parent)
    return (*trail, key.lower()) if key and trail and trail[-1] == "parameters" else None


def _validated(tree: _Tree) -> Settings:
    known = {name: value for name, value in tree.value.items() if name in Settings.model_fields}
    problems: list[tuple[Trail, str]] = [((name,), unknown((name,))) for name in tree.value if name not in known]
    try:
        settings = Settings(**known)
    except ValidationError as error:
        problems += [(details["loc"], problem(details)) for details in error.errors(include_url=False)]
    else:
        problems += contradictions(settings)
        settings.remember(tree.origins)
    if problems:
        inner = {trail[:length] for trail, _ in problems for length in range(len(trail))}
        lines = [f"{_written(tree.origins, trail)}: {text}" for trail, text in problems if trail not in inner]
        raise ConfigurationError("\n".join(dict.fromkeys(lines)))
    return settings


def _written(origins: Mapping[Trail, str], trail: Trail) -> str:
    """Return where the value at ``trail``, or the nearest thing around it, was written."""
    places = (origins[trail[:length]] for length in range(len(trail), 0, -1) if trail[:length] in origins)
    return next(places, str(DEFAULT_CONFIGURATION))


def _origin(origins: Mapping[Trail, str], trail: Trail) -> str:
    """Return where the value at ``trail`` came from; ``default`` for what an entry written in a file leaves out."""
    left_out = len(trail) == 3 and trail not in origins and not _written(origins, trail).startswith(PREFIX)
    return "default" if left_out else _written(origins, trail)
