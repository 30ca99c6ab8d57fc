"""Requests, answers and routes: what handlers see of HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote

import msgspec
import python_multipart
from python_multipart.exceptions import FormParserError

from penstock.api import problems
from penstock.api.dto import Body, decode, refuse_nul
from penstock.runtime.protocol import Engine

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[..., Awaitable[Any]]
B = TypeVar("B", bound=Body)

JSON = "application/json"
MULTIPART = "multipart/form-data"
UNKNOWN_ROUTE = "(unknown)"
_WITHOUT_BODY = (204, 304)

_encoder = msgspec.json.Encoder()


class Response:
    """An answer. `type` is the exact Content-Type; None when there is no body."""

    __slots__ = ("body", "headers", "status", "type", "unsent")

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        type: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        unsent: Callable[[], None] | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.type = type
        self.headers = headers
        self.unsent = unsent
        """Called when the client has left before the answer could be written."""

    def head(self) -> list[tuple[bytes, bytes]]:
        """The headers that it goes out with: its own, and what is known of the body."""
        found = list(self.headers)
        if self.type is not None:
            found.append((b"content-type", self.type.encode("latin-1")))
        if self.status not in _WITHOUT_BODY:
            found.append((b"content-length", b"%d" % len(self.body)))
        return found


NO_CONTENT = Response(204)


def json(content: Any, status: int = 200, type: str = JSON) -> Response:
    """A JSON answer; its type is exactly `application/json` unless told otherwise."""
    return Response(status, _encoder.encode(content), type)


def attachment(content: bytes, type: str, filename: str) -> Response:
    """A file to download, with the name in both forms that Camunda sends."""
    plain = filename.encode("ascii", "replace").decode().replace('"', "'")
    for bad in "\r\n":
        plain = plain.replace(bad, "")
    value = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
    return Response(200, content, type, ((b"content-disposition", value.encode()),))


class Part(msgspec.Struct, frozen=True):
    """One part of a multipart body. `filename` and `type` are None when the part does not state them."""

    name: str
    content: bytes
    filename: str | None = None
    type: str | None = None

    @property
    def text(self) -> str:
        """The content as UTF-8. Raises Problem 400."""
        try:
            found = self.content.decode()
        except UnicodeDecodeError:
            found = "\x00"
        if "\x00" in found:
            raise problems.invalid(400, f"The form field '{self.name}' is not UTF-8 text without NUL.")
        return found


class Route:
    """One operation: method and path below `/engine-rest`, and the coroutine that answers it.

    `consumes`: the media type of the body; None takes anything. It is checked only when the request states one.
    `produces`: media types of the answer, the preferred one first; None produces anything.
    """

    __slots__ = ("consumes", "consumes_exactly", "handler", "method", "path", "produces")

    def __init__(
        self,
        method: str,
        path: str,
        handler: Handler,
        *,
        consumes: str | None = JSON,
        produces: Sequence[str] | None = (JSON,),
    ) -> None:
        self.method = method
        self.path = path
        self.handler = handler
        self.consumes = consumes
        self.consumes_exactly = None if consumes is None else consumes.encode()
        """The header of most requests, which need not be taken apart then."""
        self.produces = None if produces is None else tuple(produces)


class Request:
    """A request: its headers, its whole body, and the node that answers it."""

    __slots__ = (
        "_query",
        "accepted",
        "content",
        "engine",
        "gone",
        "headers",
        "method",
        "receive",
        "route",
        "scope",
        "user",
    )

    def __init__(self, engine: Engine, scope: Scope, receive: Receive | None, headers: Mapping[bytes, bytes]) -> None:
        self.engine = engine
        self.scope = scope
        self.headers = headers
        self.method: str = scope["method"]
        self.content = b""
        self.accepted = JSON
        self.user: str | None = None
        self.route = UNKNOWN_ROUTE
        """The template of the path, as metrics, logs and spans name it."""
        self.receive = receive
        """Where the body comes from; None: it is in `content` already."""
        self.gone: Callable[[], Awaitable[None]] | None = None
        """Returns when the client has closed the connection; None: `receive` tells it."""
        self._query: dict[str, list[str]] | None = None

    # -- query string

    @property
    def query(self) -> dict[str, list[str]]:
        """Every query parameter with its values, in order."""
        if self._query is None:
            found: dict[str, list[str]] = {}
            text = self.scope["query_string"]
            if b"%00" in text:
                raise problems.invalid(400, "The query contains the character NUL, which nothing can match.")
            if text:
                for name, value in parse_qsl(text.decode("latin-1"), keep_blank_values=True):
                    found.setdefault(name, []).append(value)
            self._query = found
        return self._query

    def text(self, name: str) -> str | None:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else None

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean query parameter as JAX-RS reads it: `true` in any case is true, everything else false."""
        value = self.text(name)
        return default if value is None else value.lower() == "true"

    def integer(self, name: str) -> int | None:
        """An integer query parameter as JAX-RS reads it. Raises 404 `QueryParamException` for anything else."""
        value = self.text(name)
        if value is None:
            return None
        try:
            found = int(value)
            if value.strip() != value or "_" in value or not -(2**31) <= found < 2**31:
                raise ValueError
        except ValueError:
            raise problems.http(404, "QueryParamException", "Not Found") from None
        return found

    # -- body

    def body(self, kind: type[B]) -> B:
        """The JSON body as `kind`; an empty body is a `kind` without properties. Raises 400."""
        return decode(self.content, kind)

    def object(self) -> dict[str, Any]:
        """The JSON object in the body, `{}` for an empty body. Raises 400."""
        if not self.content:
            return {}
        refuse_nul(self.content)
        try:
            found = msgspec.json.decode(self.content)
        except (msgspec.DecodeError, RecursionError):
            raise problems.unreadable() from None
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise problems.unreadable()
        return found

    def form(self) -> list[Part]:
        """The parts of a multipart body, in order. Raises 400."""
        parts: list[Part] = []
        try:
            _parse_multipart(self.headers.get(b"content-type", b""), self.content, parts)
        except FormParserError as error:
            raise problems.invalid(400, f"The multipart body cannot be read: {error}") from None
        if any("\x00" in part.name or "\x00" in (part.filename or "") for part in parts):
            raise problems.invalid(400, "The name of a part contains the character NUL, which cannot be stored.")
        return parts

    # -- addresses and identity

    def link(self, path: str) -> str:
        """The absolute address of a path below `/engine-rest`, as the client sees this server."""
        host = self.headers.get(b"host")
        if host is None:
            server = self.scope.get("server") or ("localhost", 80)
            host = f"{server[0]}:{server[1]}".encode()
        root = self.scope.get("root_path", "").rstrip("/")
        return f"{self.scope.get('scheme', 'http')}://{host.decode('latin-1')}{root}/engine-rest{path}"

    @property
    def idempotency_key(self) -> str | None:
        """The `Idempotency-Key`, bound to this operation; None without one."""
        key = self.headers.get(b"idempotency-key")
        return f"{self.method} {self.scope['path']} {key.decode('latin-1')}" if key else None

    async def unless_gone(self, answer: Awaitable[Any]) -> Any:
        """Waits for `answer`, but cancels it as soon as the client has closed the connection (then: 204 to nobody)."""
        work = asyncio.ensure_future(answer)
        gone = asyncio.ensure_future(self._disconnected() if self.gone is None else self.gone())
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            return NO_CONTENT
        finally:
            for task in (work, gone):
                if not task.done():
                    task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)

    async def _disconnected(self) -> None:
        assert self.receive is not None
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], bytes_max: int) -> bytes:
    """The whole body, at most `bytes_max` bytes. Raises Problem 413, ConnectionError when the client left."""
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > bytes_max:
        raise too_large(bytes_max)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ConnectionError("the client has gone")
    first: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(first) > bytes_max:
            raise too_large(bytes_max)
        return first
    size, chunks = len(first), [first]
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client has gone")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > bytes_max:
            raise too_large(bytes_max)
    return b"".join(chunks)


def too_large(bytes_max: int) -> problems.Problem:
    """A body of more than `bytes_max` bytes: 413."""
    return problems.http(413, "RequestTooLarge", f"Payload Too Large: a body may have at most {bytes_max} bytes")


def _parse_multipart(content_type: bytes, content: bytes, parts: list[Part]) -> None:
    media, options = python_multipart.multipart.parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if media != MULTIPART.encode() or not boundary:
        raise FormParserError("the Content-Type states no boundary")
    headers: dict[bytes, bytes] = {}
    field, value, data = bytearray(), bytearray(), bytearray()

    def begin() -> None:
        headers.clear()
        data.clear()

    def header_end() -> None:
        headers[bytes(field).lower()] = bytes(value)
        field.clear()
        value.clear()

    def end() -> None:
        _, found = python_multipart.multipart.parse_options_header(headers.get(b"content-disposition", b""))
        name, filename, kind = found.get(b"name"), found.get(b"filename"), headers.get(b"content-type")
        parts.append(
            Part(
                (name or b"").decode("utf-8", "replace"),
                bytes(data),
                None if filename is None else filename.decode("utf-8", "replace"),
                None if kind is None else kind.decode("latin-1"),
            )
        )

    parser = python_multipart.MultipartParser(
        boundary,
        {
            "on_part_begin": begin,
            "on_part_data": lambda chunk, start, stop: data.extend(chunk[start:stop]),
            "on_header_field": lambda chunk, start, stop: field.extend(chunk[start:stop]),
            "on_header_value": lambda chunk, start, stop: value.extend(chunk[start:stop]),
            "on_header_end": header_end,
            "on_part_end": end,
        },
    )
    parser.write(content)
    parser.finalize()
