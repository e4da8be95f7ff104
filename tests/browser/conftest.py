"""A real Chromium, and a served web process over a database that a session and back-tests have written."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from browser_seed import Journal, seed
from playwright.sync_api import sync_playwright
from web_server import WebServer, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium; skipped by name where there is none, but never in CI.

    A module's, not the session's: while Playwright is open its event loop runs in this thread, and no other may.
    """
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        reason = "no Chromium on this machine: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason} (never skipped with CI=true)", pytrace=False)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page with everything it complained about and asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def served(embedded_database, embedded_url, tmp_path_factory) -> Iterator[tuple[WebServer, Journal]]:
    """A web process, and the journal of the session that it shows."""
    with seed(embedded_database) as journal:
        server = WebServer(tmp_path_factory.mktemp("browser"), free_port(), embedded_url)
        server.start()
        yield server, journal
        server.stop()


@pytest.fixture
def open_page(chromium):
    """Return a function that opens an address in a fresh browser profile and waits until figures show.

    At the end a page that logged an error or asked another host than the web process fails the test, unless ``strict`` is off.
    """
    opened: list[tuple[Watched, str, bool]] = []

    def open_at(url: str, width: int = 1360, height: int = 900, *, strict: bool = True) -> Watched:
        page = chromium.new_context(viewport={"width": width, "height": height}).new_page()
        watched = Watched(page)
        page.on(
            "console", lambda message: watched.complaints.append(message.text) if message.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        page.on("request", lambda request: watched.asked.append(request.url))
        page.on("websocket", lambda socket: watched.asked.append(socket.url))
        opened.append((watched, url, strict))
        page.goto(url)
        page.locator(".amount").filter(has_text=".").wait_for(timeout=20_000)
        return watched

    yield open_at
    for watched, url, strict in opened:
        watched.page.context.close()
        host = url.removeprefix("http://")
        foreign = [asked for asked in watched.asked if host not in asked and not asked.startswith("data:")]
        assert not foreign, f"requests that leave the machine: {foreign}"
        assert not strict or not watched.complaints, watched.complaints
