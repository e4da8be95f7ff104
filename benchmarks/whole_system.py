"""The whole system on a data directory of its own: seconds to an answering page, memory with page and session."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

from measure import show
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """Return a port nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(address: str) -> bool:
    """Return whether a page comes back."""
    try:
        with urllib.request.urlopen(address, timeout=5) as page:  # noqa: S310 - our own address
            return bool(page.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def start(environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], float]:
    """Start the system and return it with the seconds until its page answered."""
    begin = time.monotonic()
    process = subprocess.Popen(
        [ROOT / "pi5", "up", "--offline"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not answers(f"http://127.0.0.1:{environment['PI5_WEB_PORT']}/"):
        if process.poll() is not None or time.monotonic() - begin > 300:
            raise RuntimeError(f"the system does not answer: exit code {process.poll()}")
        time.sleep(0.1)
    return process, time.monotonic() - begin


def status(environment: dict[str, str]) -> dict[str, Any]:
    """Return what the system says of itself."""
    found: dict[str, Any] = json.loads(
        subprocess.check_output([ROOT / "pi5", "status", "--json"], env=environment, stderr=subprocess.DEVNULL)
    )
    return found


def wait_for_session(environment: dict[str, str]) -> None:
    """Wait until the paper session trades."""
    for _ in range(120):
        session = status(environment)["session"]
        if session and session["state"] == "trading":
            return
        time.sleep(1)
    raise RuntimeError("the session does not trade")


def memory(environment: dict[str, str]) -> None:
    """Open the page in a browser, let the session run for a while, add up the processes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        browser.new_page().goto(f"http://127.0.0.1:{environment['PI5_WEB_PORT']}/")
        time.sleep(30)
        processes = status(environment)["processes"]
        browser.close()
    for process in processes:
        show(f"  {process['name']}", process["pss_mb"], "MB")
    show("whole system, page open, session running", sum(process["pss_mb"] for process in processes), "MB", below=1228.8)


def main() -> None:
    """Start twice on one data directory; measure memory the second time."""
    folder = Path(tempfile.mkdtemp(prefix="pi5-benchmark-", dir="/var/tmp"))
    folder.chmod(0o711)  # as root the database runs as another user
    ports = {"PI5_WEB_PORT": str(free_port()), "PI5_PREFECT_PORT": str(free_port())}
    environment = {**os.environ, **ports, "PI5_DATA": str(folder / "data")}
    try:
        for name, limit in (("first start", 60), ("later start", 25)):
            process, seconds = start(environment)
            show(f"./pi5 up --offline to an answering page, {name}", seconds, "s", below=limit)
            wait_for_session(environment)
            if name == "later start":
                memory(environment)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=120)
    finally:
        subprocess.run([ROOT / "pi5", "down"], env=environment, check=False, capture_output=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
