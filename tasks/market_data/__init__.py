"""Where bars come from: files and providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from domain.errors import InputError, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.market_data.provider import Provider

PROVIDERS: Final = ("yahoo",)
"""Names of the providers; a file is read by ``tasks.market_data.files`` and needs none."""


def open_provider(name: str, cache: Path | None = None) -> Provider:
    """Return the provider called ``name``, keeping what it caches in ``cache``; raise InputError for an unknown one."""
    if name == "yahoo":
        from tasks.market_data.yahoo import Yahoo  # noqa: PLC0415 - its library takes a second to import

        return Yahoo(cache=cache)
    raise InputError(f"provider {name!r} is unknown: {nearest(name, PROVIDERS)}allowed are {', '.join(PROVIDERS)}")
