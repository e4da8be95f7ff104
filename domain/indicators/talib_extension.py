"""TA-Lib's compiled functions and streaming handles, loaded without pandas."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import PathFinder
from typing import Any, Final


def _load() -> Any:
    """Return TA-Lib's extension module without its package, which imports pandas (a second, 80 MB) only to accept frames."""
    if "pandas" in sys.modules or "talib" in sys.modules:
        return importlib.import_module("talib").func
    package = importlib.util.find_spec("talib")
    locations = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec("talib._ta_lib", locations)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("TA-Lib is not installed: build the environment with ./pi5", name="talib")
    module = importlib.util.module_from_spec(spec)
    sys.modules["pandas"] = None  # type: ignore[assignment] # looks absent while the extension asks for it
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["pandas"]
    sys.modules[spec.name] = module  # a later import of the package builds on this one
    module._ta_initialize()  # noqa: SLF001 what the package does when imported
    return module


talib: Final = _load()
