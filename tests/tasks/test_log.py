"""Logs: JSON for machines, one line for people, secrets in neither."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tasks import log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    """Give the root logger back as it was, so that no other test writes into a directory that is gone."""
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers, logging.raiseExceptions = handlers, raising
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def lines(logs: Path, process: str = "session") -> list[dict[str, Any]]:
    """Return the JSON lines of ``process``."""
    return [json.loads(line) for line in (logs / f"{process}.log").read_text().splitlines()]


def test_line_reaches_file_as_json_and_terminal_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both readers get event, fields, level and a UTC time; stdout stays free for results."""
    log.configure("session", tmp_path / "logs", "info")
    log.get_logger("tasks.ingest").info("bars stored", symbol="SPY", rows=3)
    (line,) = lines(tmp_path / "logs")
    assert line["timestamp"].endswith("Z")
    del line["timestamp"]
    expected = {"event": "bars stored", "symbol": "SPY", "rows": 3, "level": "info", "logger": "tasks.ingest", "process": "session"}
    assert line == expected
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "bars stored" in shown.err
    assert "symbol=SPY" in shown.err


def test_lines_of_libraries_and_levels_are_treated_alike(tmp_path: Path) -> None:
    """A library's warning is a JSON line too; what is below the level is nowhere."""
    log.configure("session", tmp_path, "warning")
    logging.getLogger("some.library").warning("port %d taken", 8080)
    logging.getLogger("some.library").info("hidden")
    log.get_logger("x").info("hidden")
    assert [line["event"] for line in lines(tmp_path)] == ["port 8080 taken"]


def test_secrets_are_hidden_wherever_they_stand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By name, inside addresses, nested, in positional arguments and in exceptions."""
    log.configure("session", tmp_path, "info")
    logger = log.get_logger("x")
    fields = {
        "password": "hunter2",
        "url": "postgresql://me:hunter2@host/db",
        "more": {"api_key": "hunter2", "l": ["Bearer hunter2"]},
    }
    logger.info("connect", **fields)
    logging.getLogger("lib").warning("at %s", "postgresql://me:hunter2@host/db")
    logger.error("failed", exc_info=OSError("postgresql://me:hunter2@host/db"))
    text = (tmp_path / "session.log").read_text() + capsys.readouterr().err
    assert "hunter2" not in text
    assert "postgresql://me:***@host/db" in text


def test_traceback_stands_in_the_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """People read one line; the file keeps what a developer needs."""
    log.configure("session", tmp_path, "info")
    try:
        int("ten")
    except ValueError:
        log.get_logger("x").exception("failed")
    assert "Traceback" in lines(tmp_path)[0]["exception"]
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert "ValueError: invalid literal" in shown
    assert len(shown.splitlines()) == 1


def test_control_characters_cannot_forge_lines_or_colours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a stranger writes is one inert line."""
    log.configure("session", tmp_path, "info")
    log.get_logger("x").info("name \x1b[31m\r\n2026 fake line", note="a\x1b]0;title\x07")
    assert len(lines(tmp_path)) == 1
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 1


def test_file_rotates_at_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs never fill the disk."""
    monkeypatch.setattr(log, "FILE_BYTES", 2_000)
    log.configure("session", tmp_path, "info")
    for number in range(200):
        log.get_logger("x").info("tick", number=number)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["session.log", *(f"session.log.{n}" for n in range(1, log.FILES_KEPT + 1))]
    assert all(path.stat().st_size <= 2_000 for path in tmp_path.iterdir())
    assert lines(tmp_path)[-1]["number"] == 199


@pytest.mark.parametrize("terminal", ["/dev/full", "terminal"])
def test_full_disk_or_closed_terminal_stops_nobody(tmp_path: Path, terminal: str) -> None:
    """A session goes on trading when its file, or its terminal too, cannot be written; no traceback fills the other."""
    (tmp_path / "session.log").symlink_to("/dev/full")
    program = """
import os, sys
from pathlib import Path
from tasks import log
log.configure("session", Path(sys.argv[1]), "info")
for number in range(3000):
    log.get_logger("x").info("still here", number=number)
print("done", flush=True)
os._exit(0)
"""
    with (tmp_path / terminal).open("w") as full:
        command = [sys.executable, "-c", program, str(tmp_path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, timeout=60, check=True)
    assert done.stdout == b"done\n"
    assert terminal == "/dev/full" or len((tmp_path / terminal).read_text().splitlines()) == 3000


def test_logger_before_configure_writes_nothing_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """A library user's stdout, where JSON goes, stays clean."""
    log.get_logger("early").info("quiet")
    log.get_logger("early").warning("loud")
    assert capsys.readouterr().out == ""


def test_people_read_instants_and_sides_and_nothing_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Microseconds and 1 or -1 are for machines; a library's own colours and repetitions are for nobody."""
    log.configure("session", tmp_path, "info")
    log.get_logger("x").info("order filled", bar_time=883717200000000, time=883774800000000, side=-1, lots=3)
    logging.getLogger("lib").info("Started", extra={"color_message": "\x1b[36mStarted", "message_": 1})
    shown = capsys.readouterr().err
    assert "bar_time=1998-01-02T05:00:00Z" in shown
    assert " time=1998-01-02T21:00:00Z" in shown
    assert "side=sell" in shown
    filled, started = lines(tmp_path)
    assert (filled["bar_time"], filled["side"]) == (883717200000000, -1)
    assert "color_message" not in started
    assert "[36m" not in shown
