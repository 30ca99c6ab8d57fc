"""`http-connector` (Camunda Connect): one HTTP request, its answer as `statusCode`, `headers` and `response`.

A host is resolved here, its addresses are checked, and the connection is made to a checked address: the name is not
resolved a second time. Redirects are checked like the first URL. Nothing is kept between calls: no connections, no cookies.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import httpx

from penstock import __version__
from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.connect.allowed import Address, Allowed, literal
from penstock.connect.connections import Connections, HttpConnection
from penstock.connect.egress import ADDRESSES_MAX, Resolve, addresses, resolve
from penstock.connect.errors import status_causes
from penstock.connect.http.bound import bound
from penstock.connect.http.request import Call, Target, read, target_of
from penstock.connect.inputs import text_of
from penstock.connect.protocol import Answer

ID = "http-connector"

_CHARSETS = frozenset({"us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "utf-16", "utf-16le", "utf-16be"})
"""What an answer may be written in, beside UTF-8. Not all that Python knows: some of its codecs take forever."""

_DECLARATION = re.compile(rb"<\?xml[^>]{1,100}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})")

_REDIRECTS = frozenset({301, 302, 307, 308})
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization", "idempotency-key"})
"""Headers that another origin does not get."""


class HttpConnector:
    """Calls what `allowed` allows, and `connections`; an answer has at most `bytes_max` bytes."""

    def __init__(
        self,
        allowed: Allowed,
        bytes_max: int,
        resolve: Resolve = resolve,
        connections: Connections | None = None,
    ) -> None:
        self._allowed = allowed
        self._bytes_max = bytes_max
        self._resolve = resolve
        self._connections = connections or Connections()
        self._transport: httpx.AsyncHTTPTransport | None = None

    async def call(self, inputs: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        """See `Connector.call`; Camunda's input and output parameters."""
        name = text_of("connection", inputs.get("connection"))
        connection = None if name is None else self._connections.of(name, HttpConnection, ID)
        return await self.send(inputs, connection, key)

    async def send(self, inputs: Mapping[str, Any], connection: HttpConnection | None, key: str) -> Answer:
        """Makes the call, over the connection if there is one."""
        if connection is not None:
            inputs = bound(inputs, connection)
        call = read(inputs, key)
        answer = await self._follow(call, connection)
        answer.causes = status_causes(answer["statusCode"])
        if call.fails_on_status and answer.causes:
            raise ConnectorFailed(
                f"HTTP request failed with Status Code: {answer['statusCode']}, Response: {answer['response'][:1_000]}",
                causes=answer.causes,
            )
        return answer

    async def close(self) -> None:
        """Gives back what the client holds."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    async def _follow(self, call: Call, connection: HttpConnection | None) -> Answer:
        allowed = self._allowed if connection is None else self._connections.allowed(connection)
        target, method, headers, payload = call.target, call.method, call.headers, call.payload
        for left in range(call.redirects_max, -1, -1):
            response = await self._send(call, target, method, headers, payload, allowed)
            try:
                location = _location(method, response) if call.redirects_max else None
                if location is None:
                    return await self._read(response, target)
            finally:
                await response.aclose()
            if not left:
                break
            before, target = target, target_of(location, target.url)
            if response.status_code == 303 and method != "HEAD":
                method, payload = "GET", None
            if target.origin != before.origin:
                if connection is not None:
                    raise ConnectorRefused(
                        f"{before.shown} redirects to {target.scheme}://{target.authority}, where the connection "
                        f"'{connection.name}' does not lead"
                    )
                headers = tuple(item for item in headers if item[0].lower() not in _SECRET)
        raise ConnectorFailed(f"{call.target.shown} redirects more than {call.redirects_max} times")

    async def _send(
        self,
        call: Call,
        target: Target,
        method: str,
        headers: Sequence[tuple[str, str]],
        payload: bytes | None,
        allowed: Allowed,
    ) -> httpx.Response:
        allowed.check_host(target.host, target.port, target.scheme)
        found = await addresses(target.host, target.port, allowed, self._resolve)
        client = await self._client()
        failed: ConnectorFailed | None = None
        for address in found[:ADDRESSES_MAX]:
            request = _request(call, target, address, method, headers, payload)
            try:
                return await client.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = _failed(target, error)
            except httpx.HTTPError as error:
                raise _failed(target, error) from error
        assert failed is not None
        raise failed

    async def _client(self) -> httpx.AsyncHTTPTransport:
        if self._transport is None:
            # Reading the certificates of the machine takes a while.
            context = await asyncio.to_thread(tls_context)
            # A connection that is kept would be found again by its address, and may have been made for another name.
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
            self._transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)
        return self._transport

    async def _read(self, response: httpx.Response, target: Target) -> Answer:
        headers: dict[str, str] = {}
        for raw_name, raw_value in response.headers.raw:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise ConnectorRefused(f"{target.shown} answers in the encoding '{encoding}', which was not asked for")
        body = bytearray()
        try:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._bytes_max:
                    raise ConnectorRefused(
                        f"{target.shown} answers with more than {self._bytes_max} bytes (setting "
                        "connector_response_bytes_max)"
                    )
        except httpx.HTTPError as error:
            raise _failed(target, error) from error
        return Answer(statusCode=response.status_code, headers=headers, response=_text(bytes(body), response))


@cache
def tls_context() -> ssl.SSLContext:
    """Trusts what the machine trusts (`SSL_CERT_FILE`, `SSL_CERT_DIR`)."""
    return ssl.create_default_context()


def _request(
    call: Call,
    target: Target,
    address: Address,
    method: str,
    headers: Sequence[tuple[str, str]],
    payload: bytes | None,
) -> httpx.Request:
    url = httpx.URL(
        scheme=target.scheme, host=str(address), port=target.port, raw_path=target.path.encode("ascii", "strict")
    )
    own = [("Host", target.authority), ("Accept-Encoding", "identity")]
    known = {name.lower() for name, _ in headers}
    own += [
        item for item in (("Accept", "*/*"), ("User-Agent", f"penstock/{__version__}")) if item[0].lower() not in known
    ]
    extensions: dict[str, Any] = {
        "timeout": {
            "connect": _seconds(call.connect_ms),
            "read": _seconds(call.read_ms),
            "write": _seconds(call.read_ms),
            "pool": None,
        }
    }
    if literal(target.host) is None:
        extensions["sni_hostname"] = target.host
    return httpx.Request(method, url, headers=[*own, *headers], content=payload, extensions=extensions)


def _seconds(span_ms: int | None) -> float | None:
    return None if span_ms is None else span_ms / 1_000


def _location(method: str, response: httpx.Response) -> str | None:
    """Where a redirect leads that is followed (RFC 9110 §15.4; as Apache's client, only what changes nothing is sent again)."""
    status = response.status_code
    if status != 303 and not (status in _REDIRECTS and method in ("GET", "HEAD")):
        return None
    return response.headers.get("location") or None


def _text(body: bytes, response: httpx.Response) -> str:
    charset = (response.charset_encoding or _declared(body)).lower()
    text = body.decode(charset if charset in _CHARSETS else "utf-8", errors="replace")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _declared(body: bytes) -> str:
    """What an XML document says of its own encoding (RFC 7303 §3: it counts where the header says nothing)."""
    found = _DECLARATION.match(body)
    return found[1].decode("ascii") if found is not None else ""


def _failed(target: Target, error: httpx.HTTPError) -> ConnectorFailed:
    if isinstance(error, httpx.TimeoutException):
        return ConnectorFailed(f"{target.shown} did not answer in time")
    return ConnectorFailed(f"{target.shown} cannot be reached: {str(error) or type(error).__name__}")
