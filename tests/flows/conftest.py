"""A Prefect server for the flow tests, and an installation whose flows write into a test's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prefect.testing.utilities import prefect_test_harness

from tests import sessions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A real Prefect server on SQLite for the whole run; not autouse, it costs 12 s."""
    with prefect_test_harness(server_startup_timeout=90):
        yield


@pytest.fixture
def place(prefect_server: None, embedded_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of an installation in the module's database, configured to trade 60 real bars of three symbols."""
    bars = sessions.write_bars(tmp_path / "bars.csv", 60)
    sessions.write_configuration(tmp_path, bars)
    monkeypatch.setenv("PI5_DATA", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", embedded_url)
    return tmp_path
