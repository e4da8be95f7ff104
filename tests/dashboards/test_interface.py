"""The HTTP interface of a served web process."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import httpx
import pytest
from web_server import ROOT, WebServer
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

PAGES = ["/", "/health", "/openapi.json", "/api/system/status", "/api/backtest/history", "/api/portfolio/positions"]
LATER = [
    "/docs",
    "/redoc",
    "/metrics",
    "/api/strategies",
    "/api/auth/login",
    "/api/system/halt",
    "/api/orders/1/why",
    "/autoload.js",
]


def get(web: WebServer, path: str, **headers: str) -> httpx.Response:
    """Ask for ``path``."""
    return httpx.get(web.url + path, headers=headers, timeout=20, trust_env=False)


@pytest.mark.parametrize("path", PAGES)
def test_every_route_carries_the_safe_headers(web, path):
    """No route may be framed, guessed at or cached."""
    headers = get(web, path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers
    assert ("unsafe" in headers["content-security-policy"]) == (path == "/")


@pytest.mark.parametrize("path", [*PAGES, "/static/js/bokeh.min.js"])
@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_every_route_refuses_a_foreign_host_or_origin(web, path, headers):
    """A rebound name and a page of another origin get 403, for static files too."""
    assert get(web, path, **headers).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1", "null", None])
def test_the_pages_socket_refuses_a_foreign_origin(web, origin):
    """The handshake of Panel's WebSocket answers 403 before anything is accepted."""
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{web.port}/ws", origin=origin):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("path", LATER)
def test_what_is_not_there_yet_is_absent(web, path):
    """Later routes answer 404, and nothing is served that loads foreign scripts."""
    assert get(web, path).status_code == 404


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(web, path, method):
    """Until there is a login the server only reads."""
    assert httpx.request(method, web.url + path, timeout=20, trust_env=False).status_code in {404, 405}


@pytest.mark.parametrize("path", ["/api/backtest/history", "/api/portfolio/orders"])
@pytest.mark.parametrize("limit", ["-1", "0", "1000000000", "x", "1e3"])
def test_a_senseless_limit_is_refused(web, path, limit):
    """A page size outside its bounds is 422, not a full scan."""
    assert get(web, f"{path}?limit={limit}").status_code == 422


@pytest.mark.parametrize("name", ["..%2f..%2fetc", "%00", "a" * 4096, "x'; DROP TABLE runs", "%1b[31m", "unknown"])
def test_a_strange_back_test_id_is_not_found(web, name):
    """Paths, NUL, endless names, SQL and escapes are refused or not found, and the server lives on."""
    assert get(web, f"/api/backtest/results/{name}").status_code in {404, 422}
    assert get(web, "/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    "path", ["/components/..%2f..%2f..%2fetc%2fpasswd", "/static/..%2f..%2f..%2fetc%2fpasswd", "/static/js/../../../x"]
)
def test_no_path_leads_out_of_the_static_files(web, path):
    """A path cannot climb out of the served directories."""
    assert get(web, path).status_code in {400, 403, 404}


def test_an_empty_system_has_a_status_and_no_session(web):
    """Before the first session the document is complete and says null; the portfolio says what to do."""
    document = get(web, "/api/system/status").json()
    assert document["session"] is None
    assert document["database"]["kind"] == "external"
    assert document["database"]["schema"] >= 3
    assert document["prefect"] == {"reachable": False, "version": None}
    assert (document["bars"]["rows"], document["backtests"], document["processes"]) == (0, 0, [])
    answer = get(web, "/api/portfolio/performance")
    assert (answer.status_code, "./pi5 up" in answer.json()["detail"]) == (404, True)


def test_it_listens_on_the_loopback_only(web):
    """Nothing of this machine's other addresses answers."""
    listening = {
        row.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for row in open(table, encoding="ascii").read().splitlines()[1:]  # noqa: SIM115, PTH123 a kernel table
        if row.split()[3] == "0A" and int(row.split()[1].rpartition(":")[2], 16) == web.port
    }
    assert {socket.inet_ntoa(bytes.fromhex(place.partition(":")[0])[::-1]) for place in listening} == {"127.0.0.1"}


def test_the_second_process_on_a_port_is_refused_and_a_signal_ends_the_first(web):
    """A taken port is exit 78 with the variable's name; SIGTERM ends the process cleanly."""
    command = [sys.executable, "-m", "dashboards.server"]
    second = subprocess.run(command, check=False, cwd=ROOT, env=web.environment(), capture_output=True, text=True, timeout=60)
    assert second.returncode == 78
    assert f"PI5_WEB_PORT {web.port}" in second.stderr
    assert "Traceback" not in second.stderr
    assert web.stop(signal.SIGTERM) == 0
