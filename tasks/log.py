"""Structured logs: lines for a person on stderr, JSON lines for a machine in a rotated file; secrets in neither.

A line carries an event and its fields: ``log.info("bars stored", symbol="SPY", rows=2520)``. Libraries that log through the
standard library come out the same way. A full disk or a closed terminal never stops the process that logs.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime, timedelta
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any, Final, cast

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from pathlib import Path

FILE_BYTES: Final = 10_000_000
FILES_KEPT: Final = 5
"""A process keeps at most 60 MB of logs."""

_SECRET_NAME: Final = re.compile(r"passw|secret|token|api_?key|authorization|cookie|credential", re.IGNORECASE)
_SECRET_TEXT: Final = re.compile(r"(://[^/\s:@]*:)[^@/\s]+(?=@)|(\b[Bb]earer\s+)[\w.~+/=-]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HIDDEN: Final = "***"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SIDES: Final = {1: "buy", -1: "sell"}
_REPEATED: Final = ("color_message", "message", "send_to_api")
"""Fields in which libraries say the event again, for a terminal or for themselves."""
_NOISY: Final = ("httpx", "httpcore", "asyncio", "sqlalchemy.engine", "numba", "matplotlib")

type _Event = MutableMapping[str, Any]


def configure(process: str, logs: Path | None = None, level: str = "info", *, console: bool = True) -> None:
    """Send this process's logs to stderr and, where ``logs`` is a directory to be, to ``logs/<process>.log``.

    Args:
        process: The name that every JSON line carries.
        logs: The directory of log files; None for stderr alone.
        level: The lowest level shown: debug, info, warning or error.
        console: Whether stderr gets the lines too; False for a command that tells people itself.
    """
    handlers: list[logging.Handler] = [_console()] if console else []
    if logs is not None:
        handlers.append(_file(process, logs))
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of module ``name``; usable before ``configure``, when only warnings show."""
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return cast("structlog.stdlib.BoundLogger", logger)


def redact(_logger: object, _method: str, event: _Event) -> _Event:
    """Hide what is named like a secret, and passwords inside addresses."""
    return {key: _HIDDEN if _SECRET_NAME.search(key) else _redacted(value) for key, value in event.items()}


def readable(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as a person reads them: instants in place of microseconds, buy and sell in place of 1 and -1."""
    return {key: _spoken(key, value) for key, value in event.items()}


def _spoken(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    if name == "side":
        return _SIDES.get(value, value)
    if name == "time" or name.endswith("_time"):
        try:
            return (_EPOCH + timedelta(microseconds=value)).strftime("%Y-%m-%dT%H:%M:%SZ")
        except OverflowError:
            return value
    return value


def _said_once(_logger: object, _method: str, event: _Event) -> _Event:
    """Leave out what libraries add for their own terminals."""
    return {key: value for key, value in event.items() if key not in _REPEATED}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRET_TEXT.sub(lambda match: (match[1] or match[2]) + _HIDDEN, value)
    if isinstance(value, dict):
        return {key: _HIDDEN if _SECRET_NAME.search(str(key)) else _redacted(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(held) for held in value]
    return value


def _shared() -> list[structlog.typing.Processor]:
    """Return what every line passes, whether it comes from us or from a library."""
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]


def _console() -> logging.Handler:
    """Return the handler for people: no traceback, which stands in the file, and no control characters of strangers."""
    handler = logging.StreamHandler(sys.stderr)
    renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=36)
    handler.setFormatter(_formatter(_one_line, redact, renderer))
    return handler


def _file(process: str, logs: Path) -> logging.Handler:
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = RotatingFileHandler(
        logs / f"{process}.log", maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True
    )

    def name_process(_logger: object, _method: str, event: _Event) -> _Event:
        return {**event, "process": process}

    steps = (name_process, structlog.processors.format_exc_info, redact)
    handler.setFormatter(_formatter(*steps, structlog.processors.JSONRenderer(default=str)))
    return handler


def _formatter(*steps: structlog.typing.Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder(), _said_once],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *steps],
    )


def _one_line(_logger: object, _method: str, event: _Event) -> _Event:
    """Shorten an exception to its last line and make control characters harmless."""
    error = event.pop("exc_info", None)
    error = sys.exc_info() if error is True else error
    if isinstance(error, tuple) and error[1] is not None:
        event["error"] = f"{error[0].__name__}: {error[1]}"
    elif isinstance(error, BaseException):
        event["error"] = f"{type(error).__name__}: {error}"
    return {key: _CONTROL.sub(" ", value) if isinstance(value, str) else value for key, value in readable(event).items()}
