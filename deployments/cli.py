"""The command ``pi5``: reads its arguments, runs one command, and turns what went wrong into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from deployments.arguments import UsageError, parse
from deployments.output import kept_for_documents
from domain.errors import ConfigurationError, TradingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
FAILED: Final = 1

_WHERE: Final = {
    "up": "lifecycle",
    "down": "lifecycle",
    "status": "inspection",
    "logs": "inspection",
    "doctor": "inspection",
    "strategies": "research",
    "backtest": "backtest",
    "check-data": "quality",
    "results": "backtest",
    "ingest": "trading",
    "trade": "trading",
    "config": "tools",
    "test": "tools",
    "version": "tools",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrong usage, 7 already running, 78 configuration refused."""
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("./pi5: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output went away; without this the interpreter complains about the same pipe at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 the last resort: nobody shall see a traceback, the log has it
        return _failed(error)
    return code


def _run(given: list[str]) -> int:
    arguments = parse(given)
    name = "version" if getattr(arguments, "version", False) else arguments.command
    if name is None:
        raise UsageError("a command is missing: see ./pi5 --help", "usage: ./pi5 COMMAND")
    module = importlib.import_module(f"deployments.commands.{_WHERE[name]}")
    command: Callable[..., int] = getattr(module, name.replace("-", "_"))
    with kept_for_documents() if getattr(arguments, "json", False) else nullcontext():
        return command(arguments)


def _failed(error: Exception) -> int:
    """Print what happened and return the exit code; the traceback of what nobody expected goes to the log.

    One line, or one for each problem of a configuration.
    """
    if isinstance(error, UsageError):
        print(error.usage, file=sys.stderr)
    if isinstance(error, ConfigurationError):
        for problem in str(error).splitlines():
            print(f"./pi5: {problem}", file=sys.stderr)
        return error.exit_code
    expected = isinstance(error, TradingError | OSError)
    line = " ".join(str(error).split()) if expected else f"{type(error).__name__}: {' '.join(str(error).split())}"
    if not isinstance(error, TradingError):
        line += _log_traceback(error)
    print(f"./pi5: {line}", file=sys.stderr)
    return error.exit_code if isinstance(error, TradingError) else FAILED


def _log_traceback(error: Exception) -> str:
    """Write the traceback of ``error`` to the log of the installation; return where, as the end of a line."""
    from tasks import log, settings  # noqa: PLC0415 - costs time that only a failure pays

    try:
        logs = settings.installation().logs
        log.configure("cli", logs, console=False)
        log.get_logger("cli").error("command failed", exc_info=error)
    except (TradingError, OSError):
        return ""
    return f" (the traceback is in {logs / 'cli.log'})" if (logs / "cli.log").exists() else ""


if __name__ == "__main__":
    sys.exit(main())
