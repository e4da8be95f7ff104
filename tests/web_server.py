"""The web process as a process, for the tests of its interface and its pages."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class WebServer:
    """A web process on ``port`` with its data in ``data``, over the database at ``database_url``."""

    data: Path
    port: int
    database_url: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it serves and has read the database once."""
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "web.out").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dashboards.server"], cwd=ROOT, env=self.environment(), stdout=output, stderr=output
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"{self.url}/health", timeout=2, trust_env=False).json()["data_age_seconds"] is not None:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"the web process does not serve: {(self.data / 'web.out').read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def environment(self) -> Mapping[str, str]:
        """Return the variables that make a process part of this installation."""
        return {
            **os.environ,
            "PI5_DATA": str(self.data),
            "PI5_WEB_PORT": str(self.port),
            "PI5_PREFECT_PORT": str(free_port()),
            "DATABASE_URL": self.database_url,
        }
