"""Lines of logs as a person reads them, and when they were written, so that several logs can be told as one story."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tasks.log import readable

if TYPE_CHECKING:
    from collections.abc import Iterable

_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)")
_CLOCK: Final = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{3}) \|")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_HEAD: Final = ("timestamp", "level", "event", "logger", "process", "exception")


def shown(line: str) -> str:
    """Return a line without colours, and a line for machines as time, level, event and fields."""
    text = _COLOUR.sub("", line.rstrip("\n"))
    record = _record(text)
    if record is None:
        return text
    fields = [f"{name}={value}" for name, value in readable(record).items() if name not in _HEAD]
    if failed := str(record.get("exception", "")).strip().splitlines():
        fields.append(f"error={failed[-1]}")
    return " ".join([str(record["timestamp"]), f"{record['level']}:", str(record["event"]), *fields])


def dated(lines: Iterable[str], written: datetime) -> list[tuple[datetime, str]]:
    """Return each line with its instant; one without has that of the line before it, the first ones that of the file.

    ``written`` is the aware instant of the file's last change: a clock time without a date is the latest one before it.
    """
    found: list[tuple[datetime | None, str]] = []
    bound = written
    for line in reversed(list(lines)):
        when = _instant(line, bound)
        bound = when or bound
        found.append((when, line))
    last = bound
    result = []
    for when, line in reversed(found):
        last = when or last
        result.append((last, line))
    return result


def _instant(line: str, bound: datetime) -> datetime | None:
    record = _record(line)
    text = str(record["timestamp"]) if record else line
    if match := _INSTANT.match(text):
        try:
            return datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=UTC)
        except ValueError:
            return None
    if match := _CLOCK.match(text):
        hour, minute, second, milli = (int(part) for part in match.groups())
        local = bound.astimezone()
        try:
            when = local.replace(hour=hour, minute=minute, second=second, microsecond=milli * 1000)
        except ValueError:
            return None
        return when if when <= local else when - timedelta(days=1)
    return None


def _record(line: str) -> dict[str, Any] | None:
    """Return a line for machines, or None for one of another program."""
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and {"timestamp", "level", "event"} <= set(record) else None
