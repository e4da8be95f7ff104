"""Where an installation lives and on which ports: what two installations on one machine must not share."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

WEB_PORT: Final = 8080
PREFECT_PORT: Final = 4200
_LOWEST_PORT: Final = 1024
_ROOT_DATA: Final = Path("/var/lib/pi5")


@dataclass(frozen=True, slots=True)
class Installation:
    """The places and ports of one installation. ``database_url`` None means the embedded database under ``data``."""

    data: Path
    web_port: int = WEB_PORT
    prefect_port: int = PREFECT_PORT
    database_url: str | None = field(default=None, repr=False)

    @property
    def logs(self) -> Path:
        """Where log files go."""
        return self.data / "logs"

    @property
    def run(self) -> Path:
        """Where sockets, locks and process records go."""
        return self.data / "run"

    @property
    def config(self) -> Path:
        """The configuration file of this installation; it need not exist."""
        return self.data / "config.yaml"


def read_installation(environ: Mapping[str, str]) -> Installation:
    """Return the installation that ``environ`` describes; raise ConfigurationError naming the variable that is wrong."""
    web = _port(environ, "PI5_WEB_PORT", WEB_PORT)
    prefect = _port(environ, "PI5_PREFECT_PORT", PREFECT_PORT)
    if web == prefect:
        raise ConfigurationError(f"PI5_WEB_PORT and PI5_PREFECT_PORT are both {web}: give each a port of its own")
    return Installation(_data(environ), web, prefect, _database_url(environ))


def _data(environ: Mapping[str, str]) -> Path:
    given = environ.get("PI5_DATA", "")
    home = Path(environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir)
    if not given:
        return _ROOT_DATA if os.geteuid() == 0 else home / ".local/share/pi5"
    if "\x00" in given or given.strip() != given:
        raise ConfigurationError(f"PI5_DATA is {given[:60]!r}: allowed is the path of a directory")
    path = home / given.removeprefix("~").lstrip("/") if given == "~" or given.startswith("~/") else Path(given)
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"PI5_DATA is {given[:200]!r}, which is no directory: name a directory, or a path that is free")
    return path.absolute()


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and _LOWEST_PORT <= int(text) <= 65535):
        raise ConfigurationError(f"{name} is {text[:20]!r}: allowed is a port from {_LOWEST_PORT} to 65535, such as {default}")
    return int(text)


def _database_url(environ: Mapping[str, str]) -> str | None:
    """Return DATABASE_URL with the scheme ``postgresql``, or None; a refusal never shows the password."""
    text = environ.get("DATABASE_URL", "")
    if not text:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"postgresql", "postgres", "postgresql+psycopg"} and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError("DATABASE_URL is not usable: allowed is postgresql://user:password@host:5432/name")
    return "postgresql" + text[text.index("://") :]
