"""REST API and cockpit of an embedded engine, to be mounted in an ASGI application."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

_NOT_NOW = b'{"type":"Overloaded","message":"The engine is not started","code":0}'


class Mounted:
    """Serves below whatever path it is mounted at. `app`: the application while the engine runs, else None."""

    def __init__(self, app: Callable[[], ASGI | None]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("the lifespan is that of the application in which this is mounted: engine.lifespan")
        app = self._app()
        if app is not None:
            await app(_below(scope), receive, send)
        elif scope["type"] == "http":
            headers = [(b"content-type", b"application/json"), (b"retry-after", b"1")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": _NOT_NOW})
        else:
            await send({"type": "websocket.close", "code": 1013})


def _below(scope: Scope) -> Scope:
    """The scope as it would be at the top: without the path of the mount (ASGI `root_path`)."""
    root = scope.get("root_path", "").rstrip("/")
    if not root:
        return scope
    found = {**scope, "path": _without(scope["path"], root)}
    raw = scope.get("raw_path")
    if raw is not None:
        found["raw_path"] = _without(raw.decode("latin-1"), root).encode("latin-1")
    return found


def _without(path: str, root: str) -> str:
    return path.removeprefix(root) or "/" if path == root or path.startswith(f"{root}/") else path
