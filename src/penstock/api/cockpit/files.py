"""Serves the built cockpit: its page, its assets, and redirects from where Camunda's web applications are.

The page may be embedded nowhere and loads nothing from elsewhere. Names of assets carry a hash of their content, so they
are kept for ever; the page that names them is asked for each time.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from penstock.api.http import Request, Response

STATIC = Path(__file__).with_name("static")

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_FOR_EVER = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN = (b"cache-control", b"no-cache")

_HTML = "text/html; charset=utf-8"
_TYPES = {
    ".html": _HTML,
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".md": "text/plain; charset=utf-8",
}
_NAME = re.compile(r"(?:assets/)?[A-Za-z0-9_][A-Za-z0-9_.-]*")

_NOT_BUILT = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Penstock</title></head>
<body><h1>Penstock</h1>
<p>The server runs; its cockpit has not been built. In a source checkout <code>make cockpit</code> builds it,
and so does <code>pip install .</code>; then load this page again.</p>
<p>The REST API is at <a href="engine-rest/version">/engine-rest</a>;
<a href="health">health</a>, <a href="metrics">metrics</a>.</p></body></html>
"""

Page = Callable[[Request], Response]


def start(_request: Request) -> Response:
    """`/`: the cockpit; without its files, how to build them."""
    content = _content("index.html")
    return Response(200, _NOT_BUILT if content is None else content, _HTML, (*_HEADERS, _ASK_AGAIN))


def find(path: str) -> Page | None:
    """What answers at `path` (without its first slash): a redirect, a file, or None."""
    moved = _MOVED.get(path)
    if moved is not None:
        return _redirect(moved)
    content = _content(path)
    if content is None:
        return None
    kept = _FOR_EVER if path.startswith("assets/") else _ASK_AGAIN
    answer = Response(200, content, _TYPES[Path(path).suffix], (*_HEADERS, kept))
    return lambda _request: answer


def _content(path: str) -> bytes | None:
    """The built file; None when there is none of that name, or when it is not for browsers."""
    if not _NAME.fullmatch(path) or Path(path).suffix not in _TYPES:
        return None
    try:
        return (STATIC / path).read_bytes()
    except FileNotFoundError:
        return None


def _redirect(to: str) -> Page:
    """To the cockpit, relative to where the client is, because a proxy may have put us below a path of its own.
    A browser keeps what follows `#` unless the new address has a fragment itself."""

    def answer(request: Request) -> Response:
        raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        depth = raw.partition(b"?")[0].count(b"/") - 1
        return Response(302, headers=((b"location", b"../" * depth + b"./" + to.encode()), _ASK_AGAIN))

    return answer


def _places() -> Mapping[str, str]:
    """Paths of Camunda's web applications (with Tomcat's `camunda` before them or not) → where they lead below `/`."""
    found = {}
    for prefix in ("", "app/", "camunda/app/"):
        for name, to in (("cockpit", ""), ("tasklist", "#/tasks"), ("admin", ""), ("welcome", "")):
            found[f"{prefix}{name}"] = found[f"{prefix}{name}/default"] = to
    return found


_MOVED = _places()
