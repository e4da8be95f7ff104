"""Static files: compressed once, cached by the browser."""

from __future__ import annotations

import gzip

from dashboards.static_cache import StaticCache

SCRIPT = b"console.log('bars');" * 200


class Files:
    """An application with one script and one picture; counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    async def __call__(self, scope, _receive, send):
        """Answer the script, the picture, or 404."""
        self.asked += 1
        kinds = {"/static/a.js": b"text/javascript", "/static/b.png": b"image/png"}
        kind = kinds.get(scope["path"])
        await send(
            {"type": "http.response.start", "status": 200 if kind else 404, "headers": [(b"content-type", kind or b"text/plain")]}
        )
        await send({"type": "http.response.body", "body": SCRIPT[:900], "more_body": True})
        await send({"type": "http.response.body", "body": SCRIPT[900:]})


async def get(app, path, query=b"", **headers):
    """Return status, headers and body of one request."""
    messages = []

    async def send(message):
        messages.append(message)

    pairs = [(name.replace("_", "-").encode(), value) for name, value in ({"accept_encoding": b"gzip, br"} | headers).items()]
    await app({"type": "http", "method": "GET", "path": path, "query_string": query, "headers": pairs}, None, send)
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return messages[0]["status"], dict(messages[0]["headers"]), body


async def test_a_versioned_script_is_compressed_once_and_never_asked_for_again():
    """The second visitor is answered from memory, with the same bytes; the browser may keep them for a year."""
    files = Files()
    cache = StaticCache(files)
    first = await get(cache, "/static/a.js", b"v=1")
    second = await get(cache, "/static/a.js", b"v=1")
    assert first == second
    assert files.asked == 1
    assert gzip.decompress(first[2]) == SCRIPT
    assert b"immutable" in first[1][b"cache-control"]
    assert len(first[2]) < len(SCRIPT) / 10


async def test_a_script_without_version_is_checked_by_its_tag():
    """A browser that has it gets 304 and no bytes; after an upgrade the tag differs."""
    cache = StaticCache(Files())
    status, headers, _ = await get(cache, "/static/a.js")
    assert (status, headers[b"cache-control"]) == (200, b"no-cache")
    status, _, body = await get(cache, "/static/a.js", if_none_match=headers[b"etag"])
    assert (status, body) == (304, b"")


async def test_a_picture_and_an_old_browser_get_the_bytes_as_they_are():
    """Pictures are compressed already; who takes no gzip gets none."""
    files = Files()
    cache = StaticCache(files)
    assert (await get(cache, "/static/b.png"))[2] == SCRIPT
    assert (await get(cache, "/static/a.js", accept_encoding=b"identity"))[2] == SCRIPT


async def test_a_missing_file_is_not_remembered():
    """A 404 is passed on each time."""
    files = Files()
    cache = StaticCache(files)
    assert (await get(cache, "/static/none.js"))[0] == 404
    assert (await get(cache, "/static/none.js"))[0] == 404
    assert files.asked == 2


async def test_bundles_no_page_needs_are_empty():
    """The formula renderer and WebGL, half of all bytes, are not sent."""
    status, headers, body = await get(StaticCache(Files()), "/static/js/bokeh-mathjax.min.js")
    assert (status, body, headers[b"content-type"]) == (200, b"", b"text/javascript")
