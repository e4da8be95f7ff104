"""Scripts and styles compressed once and cached by the browser.

Panel serves its files uncompressed and without cache headers: several megabytes on every visit. Behind this middleware a file is
compressed the first time it is asked for and kept compressed in memory; files whose address carries a version are never asked
for again by a browser that has them, the others are checked by their entity tag.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC_PREFIX: Final = "/static/"
COMPRESSIBLE: Final = (b"text/", b"application/javascript", b"application/json", b"image/svg+xml")
MEMORY_LIMIT: Final = 16 * 2**20  # bytes; all files of the pages together are a tenth of it
# Panel names these bundles on every page, together as large as all the others; no page has a formula or a WebGL plot.
UNUSED: Final = frozenset({"/static/js/bokeh-mathjax.min.js", "/static/js/bokeh-gl.min.js"})
SMALLEST: Final = 512  # bytes; below this the header costs more than compression saves

type Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Stored:
    """One answer kept: its body, compressed where that helps, and the headers that describe it."""

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    tag: bytes


class StaticCache:
    """ASGI middleware over an application that serves files below ``STATIC_PREFIX``.

    Browsers that take no gzip, and requests for a part of a file, go to the application directly.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._stored: dict[str, Stored] = {}
        self._size = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, filling it on the first request for a file."""
        if scope["type"] == "http" and scope["path"] in UNUSED:
            headers = (b"content-type", b"text/javascript"), (b"cache-control", b"public, max-age=86400")
            await _Answer(200, list(headers), b"").replay(send)
            return
        if not _cacheable_request(scope):
            await self.app(scope, receive, send)
            return
        stored = self._stored.get(scope["path"])
        if stored is None:
            answer = await _captured(self.app, scope, receive)
            if answer.status != 200:
                await answer.replay(send)
                return
            stored = await asyncio.to_thread(_compressed, answer.headers, answer.body)
            self._keep(scope["path"], stored)
        await _send_stored(stored, scope, send)

    def _keep(self, path: str, stored: Stored) -> None:
        """Remember ``stored`` while there is room."""
        if path not in self._stored and self._size + len(stored.body) <= MEMORY_LIMIT:
            self._stored[path] = stored
            self._size += len(stored.body)


@dataclass(slots=True)
class _Answer:
    """What the application answered."""

    status: int
    headers: Headers
    body: bytes

    async def replay(self, send: Send) -> None:
        """Send the answer as it was."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def _header(scope: Scope, wanted: bytes) -> bytes:
    """Return a request header, or nothing."""
    return next((value for name, value in scope["headers"] if name == wanted), b"")


def _cacheable_request(scope: Scope) -> bool:
    """Whether this request is for a whole static file that may be compressed."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and scope["path"].startswith(STATIC_PREFIX)
        and b"gzip" in _header(scope, b"accept-encoding")
        and not _header(scope, b"range")
    )


async def _captured(app: ASGIApp, scope: Scope, receive: Receive) -> _Answer:
    """Run the application and collect its answer, asking for the whole file."""
    conditional = (b"if-none-match", b"if-modified-since")
    whole = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name not in conditional]}
    answer = _Answer(500, [], b"")
    parts: list[bytes] = []

    async def collect(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(whole, receive, collect)
    answer.body = b"".join(parts)
    return answer


def _compressed(headers: Headers, body: bytes) -> Stored:
    """Return the answer with its body compressed where the content type gains from it."""
    content_type = next((value for name, value in headers if name.lower() == b"content-type"), b"application/octet-stream")
    kept = [(b"content-type", content_type), (b"vary", b"accept-encoding")]
    if content_type.startswith(COMPRESSIBLE) and len(body) >= SMALLEST:
        body = gzip.compress(body, compresslevel=6, mtime=0)
        kept.append((b"content-encoding", b"gzip"))
    tag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
    return Stored(body, tuple(kept), tag)


async def _send_stored(stored: Stored, scope: Scope, send: Send) -> None:
    """Send a kept file, or 304 to a browser that has it."""
    versioned = b"v=" in scope.get("query_string", b"")
    lifetime = b"public, max-age=31536000, immutable" if versioned else b"no-cache"
    headers = [*stored.headers, (b"etag", stored.tag), (b"cache-control", lifetime)]
    if stored.tag in _header(scope, b"if-none-match"):
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    headers.append((b"content-length", str(len(stored.body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": stored.body})
