"""The strategies found in the folder ``strategies``: one a file, named by its file, each loaded by itself.

A file that cannot be used - a syntax or import error, no strategy, two of them, a name already taken - is refused alone, with
its reason; the others work. Files whose names begin with an underscore are no strategies. Loading runs a file's own code: one
that never ends is not guarded against here.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.errors import InputError, TradingError, nearest
from domain.parameters import Parameter, parameters_of
from domain.strategy import Exits, Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

PACKAGE = "strategies"


@dataclass(frozen=True, slots=True)
class StrategyEntry:
    """A strategy file: its class, or why it is refused."""

    name: str
    cls: type[Strategy] | None = None
    error: str | None = None
    description: str = ""
    parameters: tuple[Parameter, ...] = ()


def found(folder: Path | None = None) -> dict[str, StrategyEntry]:
    """Return every strategy file of ``folder`` (the installed ``strategies`` when None) by name, in code-point order."""
    entries: dict[str, StrategyEntry] = {}
    for name, paths in _files(folder or _installed()).items():
        entries[name] = _entry(name, paths, _is_installed(folder))
    return _without_clashes(entries)


def create(name: str, parameters: Mapping[str, Any], folder: Path | None = None) -> Strategy:
    """Return strategy ``name`` with ``parameters``; raise InputError for an unknown or refused strategy or parameter."""
    return strategy_class(name, folder).create(parameters)


def parse(name: str, texts: Mapping[str, str], folder: Path | None = None) -> dict[str, Any]:
    """Return parameters of strategy ``name`` written as text, as on a command line, as values; raise InputError as ``create``."""
    return strategy_class(name, folder).parse(texts)


def strategy_class(name: str, folder: Path | None = None) -> type[Strategy]:
    """Return the class of strategy ``name``; raise InputError where there is none or it is refused."""
    entries = found(folder)
    entry = entries.get(name)
    if entry is None:
        usable = [other.name for other in entries.values() if other.cls]
        raise InputError(f"strategy {name[:40]!r} is unknown: {nearest(name, usable)}there are {', '.join(usable) or 'none'}")
    if entry.cls is None:
        raise InputError(f"strategy {name} cannot be used: {entry.error}")
    return entry.cls


def _installed() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"the package {PACKAGE} is not installed: build the environment with ./pi5")
    return Path(spec.submodule_search_locations[0])


def _is_installed(folder: Path | None) -> bool:
    return folder is None or folder.resolve() == _installed().resolve()


def _files(folder: Path) -> dict[str, list[Path]]:
    """Return the paths by strategy name: a file ``x.py`` and a folder ``x`` with code claim the same one."""
    paths: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        is_code = path.suffix == ".py" if path.is_file() else (path / "__init__.py").is_file()
        if is_code and not path.name.startswith(("_", ".")):
            paths.setdefault(path.stem, []).append(path)
    return dict(sorted(paths.items()))


def _entry(name: str, paths: list[Path], installed: bool) -> StrategyEntry:  # noqa: FBT001 says which package it is loaded in
    if len(paths) > 1:
        return StrategyEntry(name, error=f"name clash: {' and '.join(path.name for path in paths)} both claim it; rename one")
    if not name.isidentifier():
        return StrategyEntry(name, error=f"{paths[0].name} is no module name: letters, digits and _ only, such as my_idea.py")
    package = PACKAGE if installed else f"{PACKAGE}@{paths[0].parent.resolve()}"
    try:
        cls = _only_strategy(_load(f"{package}.{name}", paths[0]))
        parameters = parameters_of(cls)
        defaults = cls()
        wrong = _wrong_attribute(defaults)
        if wrong:
            return StrategyEntry(name, error=wrong)
        return StrategyEntry(name, cls, None, cls.description(), parameters)
    except TradingError as error:
        return StrategyEntry(name, error=str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 the file is anybody's code, and may fail in any way
        return StrategyEntry(name, error=_reason(error))


def _wrong_attribute(strategy: Strategy) -> str:
    """Return what is wrong with what a strategy says of itself, nothing where it is in order."""
    if type(strategy.lookback) is not int or strategy.lookback < 1:
        return f"lookback must be a number of bars from 1, got {strategy.lookback!r}"
    if not isinstance(strategy.exits, Exits):
        return f"exits must be Exits(...), got {type(strategy.exits).__name__}"
    return ""


def _load(qualified: str, path: Path) -> ModuleType:
    """Return the module of ``path``, loaded once; one that fails leaves no trace and is tried again next time."""
    if qualified in sys.modules:
        return sys.modules[qualified]
    source = path / "__init__.py" if path.is_dir() else path
    spec = importlib.util.spec_from_file_location(qualified, source)
    if spec is None or spec.loader is None:
        raise InputError(f"{path.name} cannot be loaded as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[qualified] = module  # dataclasses look their module up here
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[qualified]
        raise
    return module


def _only_strategy(module: ModuleType) -> type[Strategy]:
    values = dict.fromkeys(value for value in vars(module).values() if isinstance(value, type))
    classes = [cls for cls in values if issubclass(cls, Strategy) and cls.__module__ == module.__name__]
    if len(classes) != 1:
        names = ", ".join(cls.__name__ for cls in classes)
        raise InputError(f"one class derived from Strategy is needed, found {names or 'none'}")
    cls = classes[0]
    if "__dataclass_params__" not in vars(cls):  # one that is not frozen cannot be derived from one that is
        raise InputError(f"class {cls.__name__} must be decorated with @dataclass(frozen=True)")
    if cls.target is Strategy.target and not cls.decides_on_events():
        raise InputError(f"class {cls.__name__} must define target(self, bars), or on_bars(self, view) to place orders itself")
    if cls.target is not Strategy.target and cls.decides_on_events():
        raise InputError(f"class {cls.__name__} defines target and on_bars: nobody would ask for its targets, remove one")
    return cls


def _without_clashes(entries: dict[str, StrategyEntry]) -> dict[str, StrategyEntry]:
    """Refuse all but one of the files that name their class alike: the one whose own name is the class's stays."""
    owners: dict[str, str] = {}
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].cls is None, not _is_namesake(item[1]), item[0])):
        if entry.cls is None:
            continue
        owner = owners.setdefault(entry.cls.__name__, name)
        if owner != name:
            error = f"name clash: class {entry.cls.__name__} is strategy {owner} already; give this one a name of its own"
            entries[name] = StrategyEntry(name, error=error)
    return entries


def _is_namesake(entry: StrategyEntry) -> bool:
    return entry.cls is not None and entry.cls.__name__.lower() == entry.name.replace("_", "").lower()


def _reason(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
