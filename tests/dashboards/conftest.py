"""A web process over a database of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from web_server import WebServer, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def web(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """A served web process over a fresh database, for this module."""
    server = WebServer(tmp_path_factory.mktemp("web"), free_port(), embedded_url)
    server.start()
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()
