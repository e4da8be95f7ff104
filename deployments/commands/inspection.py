"""``status``, ``logs`` and ``doctor``: looking at an installation without touching it."""

from __future__ import annotations

import os
import time
from collections import deque
from datetime import UTC, datetime
from operator import itemgetter
from typing import IO, TYPE_CHECKING, Any, Final

from deployments.doctor import examine
from deployments.log_lines import dated, shown
from deployments.output import brief, complain, print_json, print_pairs, print_table, say
from domain.errors import DataError, InputError, nearest
from tasks.health import status as status_document
from tasks.settings import installation
from tasks.system_database import join_database

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

_LINES: Final = 100
_POLL: Final = 0.3


def status(arguments: argparse.Namespace) -> int:
    """Print what runs."""
    place = installation()
    database = join_database(place, "status")
    try:
        document = status_document(place, database)
    finally:
        database.close()
    if arguments.json:
        print_json(document)
    else:
        _print_status(document)
    return 0


def _print_status(document: Mapping[str, Any]) -> None:
    database, prefect, bars, session = (document[name] for name in ("database", "prefect", "bars", "session"))
    known = database["schema"] is not None
    timescale = f"TimescaleDB {database['timescale']}" if database["timescale"] else "plain PostgreSQL"
    stored = f"{bars['rows']:,} of {bars['symbols']} symbols, last {brief(bars['last'])}" if bars["rows"] else "none"
    print_pairs(
        [
            ("version", document["version"]),
            ("data", document["data"]),
            ("database", f"{database['kind']}, {timescale}, schema {database['schema']}" if known else "not running"),
            ("prefect", f"version {prefect['version']}" if prefect["reachable"] else "not running"),
            ("bars", stored if known else "unknown"),
            ("back-tests", document["backtests"] if known else "unknown"),
            ("session", _session_line(session) if known else "unknown"),
            ("disk", f"{document['disk']['free_gb']} GB free"),
        ]
    )
    rows = document["processes"]
    if rows:
        say()
        print_table(
            ("process", "pid", "since", "restarts", "MB"),
            [(row["name"], str(row["pid"]), brief(row["since"]), row["restarts"], row["pss_mb"]) for row in rows],
        )
    else:
        say("no process runs: ./pi5 up starts them")


def _session_line(session: Mapping[str, Any] | None) -> str:
    if session is None:
        return "none yet"
    who = f"{session['state']}, {session['broker']} account {session['account']}, {session['feed']}"
    return f"{who}, equity {session['equity']:,.2f}, last bar {brief(session['last_bar'])}"


def logs(arguments: argparse.Namespace) -> int:
    """Print the last lines of the logs, and with ``-f`` what comes."""
    files = _log_files(installation().logs)
    if arguments.name is not None:
        if arguments.name not in files:
            hint = nearest(arguments.name, files)
            raise InputError(f"there is no log {arguments.name[:40]!r}: {hint}there are {', '.join(files) or 'none yet'}")
        files = {arguments.name: files[arguments.name]}
    if not files:
        raise DataError(f"there are no logs in {installation().logs} yet: ./pi5 up writes them")
    opened = {name: path.open(encoding="utf-8", errors="replace") for name, path in files.items()}
    several = len(opened) > 1
    last = [(when, name, line) for name, file in opened.items() for when, line in dated(deque(file, _LINES), _written(file))]
    for _, name, line in sorted(last, key=itemgetter(0)) if several else last:
        say(_shown(name, line, several=several))
    while arguments.follow:
        _print_new(opened, several=several)
        time.sleep(_POLL)
    return 0


def _written(file: IO[str]) -> datetime:
    return datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, tz=UTC)


def _print_new(opened: Mapping[str, IO[str]], *, several: bool) -> None:
    for name, file in opened.items():
        if file.tell() > file.seek(0, 2):  # it was begun anew; a position past its end would show nothing for ever
            file.seek(0)
        for line in file:
            say(_shown(name, line, several=several), now=True)


def _log_files(folder: Path) -> dict[str, Path]:
    """Return the logs by name. What a process printed is easier to read than its lines for machines, and knows of its crash."""
    found = {path.stem: path for path in sorted(folder.glob("*.log"))}
    return found | {path.stem: path for path in sorted(folder.glob("*.out"))}


def _shown(name: str, line: str, *, several: bool) -> str:
    return f"{name}: {shown(line)}" if several else shown(line)


def doctor(arguments: argparse.Namespace) -> int:
    """Look for what is wrong with this machine; 1 where something is."""
    findings = examine()
    wrong = [finding for finding in findings if finding.state == "wrong"]
    if arguments.json:
        print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            say(f"{finding.state:8} {finding.what}: {finding.found}")
            if finding.advice:
                say(f"{'':8} -> {finding.advice}")
    if wrong:
        complain(f"./pi5: wrong with this machine: {', '.join(finding.what for finding in wrong)}")
    return 1 if wrong else 0
