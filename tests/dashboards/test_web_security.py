"""Who may reach the web process."""

from __future__ import annotations

import pytest

from dashboards.security import LocalOnly, SafeHeaders, host_allowed, require_loopback
from dashboards.server import bound_socket
from domain.errors import ConfigurationError

OK = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}


async def plain_app(scope, receive, send):
    """Answer everything with an empty 200, or accept the WebSocket."""
    await send({"type": "websocket.accept"} if scope["type"] == "websocket" else OK)


async def nothing():
    """Receive nothing."""
    return {"type": "http.request", "body": b""}


async def sent(app, kind="http", path="/", **headers):
    """Return what ``app`` sends for one request with these headers."""
    messages = []

    async def send(message):
        messages.append(message)

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await app({"type": kind, "method": "GET", "path": path, "headers": pairs, "query_string": b""}, nothing, send)
    return messages


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:9000", "[::1]:8080", "[::1]"])
async def test_a_request_to_the_loopback_passes(host):
    """Every name of the loopback is served, on any port: a tunnel may have moved it."""
    assert host_allowed(host)
    assert (await sent(LocalOnly(plain_app), host=host, origin=f"http://{host}"))[0]["status"] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8080", "localhost:8080.evil", "", "192.168.1.5:8080", "localhost:", "::1"]
)
async def test_a_foreign_host_is_refused(host):
    """A rebound name reaches this machine but carries its own Host."""
    assert (await sent(LocalOnly(plain_app), host=host))[0]["status"] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000", "https://127.0.0.1:8080.evil", ""])
async def test_a_foreign_origin_is_refused_over_http_and_websocket(origin):
    """A page of another origin may neither fetch nor open a socket, another port of this machine included."""
    app = LocalOnly(plain_app)
    assert (await sent(app, host="127.0.0.1:8080", origin=origin))[0]["status"] == 403
    assert (await sent(app, "websocket", host="127.0.0.1:8080", origin=origin))[0]["type"] == "websocket.close"


async def test_a_websocket_without_origin_is_refused_and_with_its_own_accepted():
    """Every browser sends the Origin of a WebSocket."""
    app = LocalOnly(plain_app)
    assert (await sent(app, "websocket", host="localhost:8080"))[0]["type"] == "websocket.close"
    own = await sent(app, "websocket", host="localhost:8080", origin="http://localhost:8080")
    assert own[0]["type"] == "websocket.accept"


async def test_headers_forbid_framing_guessing_and_caching():
    """Data says no-store, nosniff and no framing; a permission for other origins is removed."""

    async def generous(scope, receive, send):
        await send({**OK, "headers": [*OK["headers"], (b"Access-Control-Allow-Origin", b"*")]})

    headers = dict((await sent(SafeHeaders(generous)))[0]["headers"])
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
    assert b"unsafe" not in headers[b"content-security-policy"]
    assert b"access-control-allow-origin" not in headers


async def test_the_script_for_embedding_elsewhere_is_not_served():
    """Panel's autoload script answers every origin; nobody may embed these pages."""
    assert (await sent(SafeHeaders(plain_app), path="/autoload.js"))[0]["status"] == 404


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])  # noqa: S104 refused is the point
def test_a_public_address_is_refused(host):
    """Without a login the server listens on the loopback only, and says how to reach it otherwise."""
    with pytest.raises(ConfigurationError, match="SSH tunnel"):
        require_loopback(host)


def test_a_port_in_use_is_refused_with_its_name():
    """The error names the variable and the port."""
    first = bound_socket("127.0.0.1", 0)
    first.listen()
    port = first.getsockname()[1]
    with pytest.raises(ConfigurationError, match=f"PI5_WEB_PORT {port}"):
        bound_socket("127.0.0.1", port)
    first.close()
