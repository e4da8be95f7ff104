"""A real Prefect server for tests, with the settings of an installation, in a process that can be killed."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tasks.installation import Installation
from tasks.orchestration import Orchestrator, client_environment, server_environment
from tasks.settings import child_environment

if TYPE_CHECKING:
    from pathlib import Path

START_SECONDS = 90


def free_port() -> int:
    """Return a port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PrefectServer:
    """The server of an installation below ``folder``, whose database is at ``database_url``; its runs in SQLite or beside it."""

    def __init__(self, folder: Path, database_url: str, *, embedded: bool) -> None:
        self.database_url = database_url
        self.installation = Installation(folder, free_port(), free_port(), None if embedded else database_url)
        self.orchestrator = Orchestrator.of(self.installation)
        self.log = folder / "prefect.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a process of this installation is started with."""
        place = self.installation
        ports = {"PI5_WEB_PORT": str(place.web_port), "PI5_PREFECT_PORT": str(place.prefect_port)}
        own = child_environment(PI5_DATA=str(place.data), DATABASE_URL=self.database_url, **ports)
        return own | client_environment(place)

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "prefect", "server", "start"],
                env=self.environment | server_environment(self.installation, self.database_url),
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + START_SECONDS
        while not self.orchestrator.answers():
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < end, f"the server does not answer after {START_SECONDS} s"
            time.sleep(0.2)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
