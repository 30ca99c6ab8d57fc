"""HTTP/1.1 connections: the bytes of a request in, one whole answer out.

It takes the place of the server's own protocol, because that was a quarter of what a request cost: an ASGI message for
each part of the body and of the answer, an event and a timer for each request. Here a request is handed over when its
body is complete, and an answer is one write.

Bounds: a request line with headers, a body (`payload_bytes_max`), the time that a request may take to arrive, and the
time a connection may be idle. A connection that asks for more before its answer is there is not read meanwhile.
"""

import asyncio
from collections import deque
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote

import httptools
import structlog
from uvicorn.config import Config
from uvicorn.server import ServerState

from penstock.api import problems
from penstock.api.app import App, refusal
from penstock.api.http import Request, Response, Scope, too_large

_log = structlog.get_logger("penstock.api")

HEAD_BYTES_MAX = 65_536
"""Of a request line and headers: four times what common proxies let through."""

ARRIVAL_S = 60
"""How long a request may take to arrive, once its first byte is there."""

ONE_WRITE_BYTES = 65_536
"""Up to this size a body is copied behind its headers, so that both leave in one packet or few."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE = b"connection: close\r\n"
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Connection(asyncio.Protocol):
    """One connection. It is made and told to shut down by `uvicorn.Server`, with whose arguments it is called."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._app = cast(App, config.loaded_app)
        self._loop = _loop or asyncio.get_running_loop()
        self._state = server_state
        self._idle_s = config.timeout_keep_alive
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._timer: asyncio.TimerHandle | None = None
        self._server: tuple[str, int] | None = None
        self._client: tuple[str, int] | None = None
        # The request that arrives.
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._refused: problems.Problem | None = None
        """What is wrong with it: the rest of it is read and thrown away, so that the client sees the answer."""
        self._arriving = False
        self._since_s = 0.0
        """When the request that arrives began, or the connection became idle."""
        # The one that is answered, and those behind it.
        self._busy = False
        self._serving: asyncio.Task[None] = cast("asyncio.Task[None]", None)
        self._waiting: deque[tuple[Request, bool, problems.Problem | None]] = deque()
        self._closing = False
        self._gone: asyncio.Event | None = None

    # ------------------------------------------------------------------------------------------ the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._state.connections.add(self)  # type: ignore[arg-type]
        self._server = _address(transport.get_extra_info("sockname"))
        self._client = _address(transport.get_extra_info("peername"))
        self._since_s = self._loop.time()
        self._timer = self._loop.call_later(self._idle_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._state.connections.discard(self)
        self._closing = True
        self._waiting.clear()
        # It holds this connection, which holds it: nobody would find the two for a long time.
        self._parser = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._gone is not None:
            self._gone.set()

    def data_received(self, data: bytes) -> None:
        if self._closing or self._parser is None:
            return
        if not self._arriving and not self._busy:
            self._since_s = self._loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing here is spoken but HTTP/1.1: it is answered as if it had not asked, and is the last one.
            self._last()
        except httptools.HttpParserError as error:
            self._hang_up(self._refused or _unreadable(error))

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        """A client that does not read its answers gets no more of them."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._waiting:
            self._transport.resume_reading()

    def shutdown(self) -> None:
        """Asked by the server: what was taken is still answered."""
        if self._busy:
            self._closing = True
        else:
            self._transport.close()

    def _look(self) -> None:
        """Closes what has been idle, or arriving, for too long. One timer for the life of a connection."""
        now_s = self._loop.time()
        allowed_s = ARRIVAL_S if self._arriving else self._idle_s
        left_s = self._since_s + allowed_s - now_s
        if self._busy or left_s > 0:
            self._timer = self._loop.call_later(allowed_s if self._busy else left_s, self._look)
        elif self._arriving:
            self._hang_up(problems.http(408, "RequestTimeout", "Request Timeout: the request did not arrive in time"))
        else:
            self._transport.close()

    # ------------------------------------------------------------------------------------------ the parser

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = {}
        self._head_bytes = 0
        self._body = []
        self._body_bytes = 0
        self._refused = None
        self._arriving = True

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._head_bytes += len(url)
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value
        # Six times a request: no call for it.
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse_head()

    def _refuse_head(self) -> None:
        self._refused = problems.http(
            431, "RequestHeaderFieldsTooLarge", f"A request line with headers has at most {HEAD_BYTES_MAX} bytes"
        )
        raise self._refused  # the parser stops

    def on_headers_complete(self) -> None:
        declared = self._headers.get(b"content-length")
        if declared is not None and int(declared) > self._app.bytes_max:
            self._refuse_body()
        elif b"expect" in self._headers and self._headers[b"expect"].lower() == b"100-continue" and not self._busy:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        if self._refused is not None:
            return
        self._body.append(body)
        self._body_bytes += len(body)
        if self._body_bytes > self._app.bytes_max:
            self._refuse_body()

    def _refuse_body(self) -> None:
        self._refused = too_large(self._app.bytes_max)
        self._body = []
        self._hand_over()

    def on_message_complete(self) -> None:
        self._arriving = False
        if self._refused is None:
            self._hand_over()
        else:
            self._last()

    # ------------------------------------------------------------------------------------------ requests and answers

    def _hand_over(self) -> None:
        parser = self._parser
        assert parser is not None  # it is the one who calls
        keep = parser.should_keep_alive() and self._refused is None
        request = Request(self._app.engine, self._scope(parser.get_method()), None, self._headers)
        request.content = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request.gone = self._disconnected
        if self._busy:
            self._waiting.append((request, keep, self._refused))
            self._transport.pause_reading()
        else:
            self._begin(request, keep, self._refused)

    def _scope(self, method: bytes) -> Scope:
        path, _, query = self._url.partition(b"?")
        if not path.startswith(b"/"):
            path, query = _absolute(self._url)
        text = path.decode("latin-1")
        return {
            "type": "http",
            "method": method.decode("latin-1"),
            "path": unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "scheme": "http",
            "server": self._server,
            "client": self._client,
        }

    def _begin(self, request: Request, keep: bool, refused: problems.Problem | None) -> None:
        self._busy = True
        self._serving = self._loop.create_task(self._serve(request, keep, refused))
        self._state.tasks.add(self._serving)

    async def _serve(self, request: Request, keep: bool, refused: problems.Problem | None) -> None:
        answered = False
        try:
            response = refusal(refused) if refused is not None else await self._app.respond(request)
            if response is not None and not self._transport.is_closing():
                self._write(request, response, keep and not self._closing)
                answered = True
            elif response is not None and response.unsent is not None:
                response.unsent()
        finally:
            self._state.tasks.discard(self._serving)
            self._answered(keep and answered)

    def _write(self, request: Request, response: Response, keep: bool) -> None:
        body = response.body
        head = [_STATUS_LINES.get(response.status) or b"HTTP/1.1 %d \r\n" % response.status]
        headers = (*self._state.default_headers, *response.head(), *self._app.cors(request))
        head += [b"%b: %b\r\n" % header for header in headers]
        if not keep:
            head.append(_CLOSE)
        head.append(b"\r\n")
        if request.method != "HEAD" and len(body) <= ONE_WRITE_BYTES:
            head.append(body)
            body = b""
        self._transport.write(b"".join(head))
        if body and request.method != "HEAD":
            self._transport.write(body)

    def _answered(self, keep: bool) -> None:
        self._busy = False
        self._state.total_requests += 1
        if self._refused is not None and self._arriving:
            return
        if not keep or self._closing:
            self._transport.close()
            return
        self._since_s = self._loop.time()
        if self._waiting:
            self._begin(*self._waiting.popleft())
            if not self._waiting:
                self._transport.resume_reading()

    def _last(self) -> None:
        """After what is being answered, the connection ends."""
        self._closing = True
        if not self._busy:
            self._transport.close()

    def _hang_up(self, problem: problems.Problem) -> None:
        """What arrives cannot be read: it is refused behind the answers that are under way, and the connection ends."""
        self._closing = True
        if self._busy or self._transport.is_closing():
            return
        response = refusal(problem)
        self._write(Request(self._app.engine, {"method": "GET"}, None, {}), response, keep=False)
        self._transport.close()

    async def _disconnected(self) -> None:
        if self._gone is None:
            self._gone = asyncio.Event()
        if not self._transport.is_closing():
            await self._gone.wait()


def _unreadable(error: httptools.HttpParserError) -> problems.Problem:
    cause = error.__context__
    if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(cause, httptools.HttpParserError):
        _log.error("defect", exc_info=cause)
        return problems.internal()
    return problems.invalid(400, "This is not a request in HTTP/1.1.")


def _absolute(url: bytes) -> tuple[bytes, bytes]:
    """Path and query of a request target in absolute form (RFC 9112 §3.2.2), or `*`, which has no path."""
    if url == b"*":
        return b"*", b""
    parsed = httptools.parse_url(url)
    return parsed.path or b"/", parsed.query or b""


def _address(found: Any) -> tuple[str, int] | None:
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) and len(found) >= 2 else None
