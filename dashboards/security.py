"""Who may reach the web process, and the headers every answer carries.

There is no login yet, so the server listens on the loopback only and only reads. A web page opened in the same browser could
still reach it: by DNS rebinding (the ``Host`` is then a foreign name) or by a cross-site request or WebSocket (the ``Origin`` is
then foreign). Both are refused with 403. Any port is accepted in ``Host``, so that the page works through an SSH tunnel.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from domain.errors import ConfigurationError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})

# Bokeh compiles templates at run time and both libraries inject inline scripts and styles, so the pages need the two
# 'unsafe' words; custom components are fetched and imported from blob: addresses. Everything else is this server alone.
PAGE_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"

# Panel's script for embedding a page into a foreign one, and its way to files of components: no page here uses either.
CLOSED_SUFFIX: Final = "/autoload.js"
CLOSED_PREFIX: Final = "/components/"


def require_loopback(host: str) -> str:
    """Return ``host`` when it is a loopback address or ``localhost``; raise ConfigurationError otherwise."""
    if host == "localhost":
        return host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ConfigurationError(
            f"the web server cannot listen on {host!r}: there is no login yet, so only 127.0.0.1, ::1 or localhost are allowed; "
            "to reach the page from elsewhere use an SSH tunnel, ssh -L 8080:127.0.0.1:8080 USER@THIS_MACHINE"
        )
    return host


def host_allowed(host: str) -> bool:
    """Whether a ``Host`` header names this machine's loopback, with or without a port."""
    name, separator, port = host.rpartition(":")
    if not separator or host.endswith("]"):
        name, port = host, "80"
    return name.lower() in LOOPBACK_NAMES and port.isascii() and port.isdigit()


class LocalOnly:
    """ASGI middleware that answers 403 to a foreign ``Host`` or ``Origin``, over HTTP and WebSocket.

    An ``Origin`` must be the very host asked; a WebSocket must carry one, because every browser sends it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an allowed request on; answer any other with 403."""
        if scope["type"] == "lifespan" or self._allowed(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4403})
        else:
            await _refuse(send, 403, b'{"detail":"this server answers pages of its own origin on the loopback only"}')

    @staticmethod
    def _allowed(scope: Scope) -> bool:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        if len(hosts) != 1 or not host_allowed(hosts[0]):
            return False
        if scope["type"] == "websocket" and not origins:
            return False
        return all(origin in {f"http://{hosts[0]}", f"https://{hosts[0]}"} for origin in origins)


class SafeHeaders:
    """ASGI middleware that adds the security headers, keeps data out of caches and closes what is not used."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the headers of its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _with_safe_headers(list(message.get("headers", [])))}
            await send(message)

        if scope["path"].endswith(CLOSED_SUFFIX) or scope["path"].startswith(CLOSED_PREFIX):
            await _refuse(send_with_headers, 404, b'{"detail":"Not Found"}')
        else:
            await self.app(scope, receive, send_with_headers)


def _with_safe_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return ``headers`` without cross-origin permissions and with the safe ones added."""
    kept = [(name.lower(), value) for name, value in headers if not name.lower().startswith((b"access-control-", b"server"))]
    present = dict(kept)
    is_page = present.get(b"content-type", b"").startswith(b"text/html")
    added = {
        b"x-content-type-options": b"nosniff",
        b"x-frame-options": b"DENY",
        b"referrer-policy": b"no-referrer",
        b"cross-origin-opener-policy": b"same-origin",
        b"cross-origin-resource-policy": b"same-origin",
        b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=()",
        b"content-security-policy": (PAGE_POLICY if is_page else DATA_POLICY).encode(),
        b"cache-control": b"no-store",
    }
    return kept + [(name, value) for name, value in added.items() if name not in present]


async def _refuse(send: Send, status: int, body: bytes) -> None:
    """Answer ``status`` with a small JSON ``body``."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
