"""A journal record: an event as text, and the hash that ties it to the record before."""

from __future__ import annotations

import hashlib
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import msgspec

from domain.errors import InvariantViolated
from domain.events import JournalEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = 1
"""The shape of the payload; a reader refuses one it does not know."""

_DECODER: Final[msgspec.json.Decoder[JournalEvent]] = msgspec.json.Decoder(JournalEvent, strict=False)


def encode(event: JournalEvent) -> str:
    """Return ``event`` as JSON; an infinite or undefined number is the text inf, -inf or nan."""
    text = msgspec.json.encode(event)
    if b":null" in text:  # the encoder's word for numbers that JSON has not
        text = msgspec.json.encode(_spelled(msgspec.to_builtins(event)))
    return text.decode()


def decode(text: str, version: int) -> JournalEvent:
    """Return the event that ``encode`` wrote; raise InvariantViolated where it cannot be one."""
    if version != VERSION:
        raise InvariantViolated(f"journal record of version {version}: this program reads version {VERSION}, start the newer one")
    try:
        return _DECODER.decode(text)
    except msgspec.DecodeError as error:
        raise InvariantViolated(f"journal record cannot be read: {error}") from error


def chained(previous: bytes, account: str, seq: int, run_id: str, epoch: int, payload: str) -> bytes:
    """Return the hash of a record that follows the one whose hash is ``previous`` (empty for the first)."""
    head = "\x1f".join((account, str(seq), run_id, str(epoch), payload))
    return hashlib.sha256(previous + head.encode()).digest()


def _spelled(values: Mapping[str, Any]) -> dict[str, Any]:
    spelled: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            spelled[key] = _spelled(value)
        else:
            spelled[key] = repr(value) if isinstance(value, float) and not isfinite(value) else value
    return spelled
