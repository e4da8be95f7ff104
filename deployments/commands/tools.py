"""``config``, ``test`` and ``--version``."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.output import print_table, say
from domain.errors import TradingError
from tasks import settings
from tasks.strategy_check import check_strategies

if TYPE_CHECKING:
    import argparse

_ROOT = Path(__file__).resolve().parents[2]


def version(_arguments: argparse.Namespace) -> int:
    """Print the version."""
    say(importlib.metadata.version("pi5-trading"))
    return 0


def config(arguments: argparse.Namespace) -> int:
    """Check the configuration, or show every value in force with its origin."""
    loaded = settings.load_settings(arguments.config)
    if arguments.action == "show":
        print_table(("name", "value", "from"), [(row.name, row.value, row.origin) for row in settings.describe(loaded)])
        return 0
    for reason in check_strategies(loaded):
        say(f"warning: {reason}")
    own = arguments.config or settings.installation().config
    file = str(own) if own.exists() else "no file of this installation: the shipped values"
    say(f"configuration in order ({file})")
    return 0


def test(arguments: argparse.Namespace) -> int:
    """Become pytest on the whole suite, or on what the arguments name."""
    if importlib.util.find_spec("pytest") is None:
        raise TradingError("pytest is not in this environment: run ./pi5 test, which adds it")
    os.chdir(_ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments.arguments])  # noqa: S606 our own interpreter
