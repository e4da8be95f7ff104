"""``up`` and ``down``: the life of an installation."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from deployments.lock import UpLock
from deployments.output import say
from deployments.supervisor import Supervisor
from deployments.up import BringUp, refuse_taken_ports
from domain.errors import DataError, TradingError
from tasks import log
from tasks.settings import DEFAULT_CONFIGURATION, installation, load_settings
from tasks.strategy_check import check_strategies

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from tasks.settings import Installation

_DOWN_SECONDS: Final = 60.0


def up(arguments: argparse.Namespace) -> int:
    """Start everything in the foreground; return when a signal has ended it."""
    place = installation()
    for folder in (place.data, place.logs, place.run):
        _make(folder)
    if os.geteuid() == 0:
        # PostgreSQL, which is another user then, has to pass through; what is inside is closed to it.
        place.data.chmod(place.data.stat().st_mode | 0o011)
    lock = UpLock(place.run)
    lock.acquire()
    try:
        _write_configuration(place)
        _supervise(place, offline=arguments.offline)
    finally:
        lock.release()
    return 0


def _supervise(place: Installation, *, offline: bool) -> None:
    """Bring everything up and keep it up until a signal ends it; what is told goes to the log and to the terminal."""
    settings = load_settings()
    unusable = check_strategies(settings)
    log.configure("up", place.logs, settings.system.log_level, console=False)
    logger = log.get_logger("up")

    def tell(text: str) -> None:
        logger.info(text)
        with suppress(BrokenPipeError):  # whoever read our output is gone; the system goes on, and so does its log
            say(text, now=True)

    tell(f"pi5 starts, data in {place.data}")
    for reason in unusable:
        tell(f"warning: {reason}")
    supervisor = Supervisor(place, tell)
    bring_up = BringUp(supervisor, place, settings, tell, offline=offline)
    try:
        supervisor.run(bring_up.run, lambda: refuse_taken_ports(place))
    except (TradingError, OSError) as error:
        logger.exception("up failed", reason=str(error))
        raise
    tell("everything is stopped")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder} cannot be made ({error.strerror}): set PI5_DATA to a directory of yours") from None


def _write_configuration(place: Installation) -> None:
    """Give a new installation its configuration file, with the comments of the shipped one."""
    if not place.config.exists():
        draft = place.config.with_name(place.config.name + ".new")
        shutil.copyfile(DEFAULT_CONFIGURATION, draft)
        draft.replace(place.config)


def down(_arguments: argparse.Namespace) -> int:
    """Ask the ``up`` of this installation to end, and wait for it."""
    lock = UpLock(installation().run)
    pid = lock.holder()
    if pid is None:
        say("nothing runs")
        return 0
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + _DOWN_SECONDS
    while lock.holder() == pid:
        if time.monotonic() > until:
            raise DataError(f"process {pid} does not end: see ./pi5 logs up, then kill -9 {pid}")
        time.sleep(0.1)
    say("everything is stopped")
    return 0
