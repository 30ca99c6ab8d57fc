"""A call as a model's input parameters describe it (Camunda Connect `HttpRequest`), checked."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from penstock.base.errors import ConnectorRefused
from penstock.connect.allowed import DEFAULT_PORTS, literal
from penstock.connect.inputs import content_of, mapping_of
from penstock.expr.values import FileValue, JsonNode, XmlText

METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"})
"""Camunda Connect `HttpBaseRequest`."""

URL_CHARS_MAX = 8_192
HEADERS_MAX = 100
REDIRECTS_MAX = 10

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[ -~]*")
_PATH_SAFE = "%/:@!$&'()*+,;=?~"
_NOT_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
"""Headers that the transport decides."""


class Target(msgspec.Struct, frozen=True):
    """Where a URL leads. `host`: lower case, in the form of DNS, an address without brackets."""

    url: str
    scheme: str
    host: str
    port: int
    path: str
    """With the query."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a browser would call the same place."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host, and port unless the scheme has it by itself."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """For messages: without the query, which may hold secrets."""
        return f"{self.scheme}://{self.authority}{self.path.partition('?')[0]}"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `connect_ms`, `read_ms`: None for no bound but that of the whole call."""

    method: str
    target: Target
    headers: tuple[tuple[str, str], ...] = ()
    payload: bytes | None = None
    connect_ms: int | None = None
    read_ms: int | None = None
    redirects_max: int = REDIRECTS_MAX
    fails_on_status: bool = False
    """Whether a status of 400 or more is a failure (`throw-http-error`)."""


def read(inputs: Mapping[str, Any], key: str) -> Call:
    """The call of these inputs; `key` goes with it as `Idempotency-Key`. Raises ConnectorRefused naming the input."""
    method, url = inputs.get("method"), inputs.get("url")
    if not isinstance(url, str) or not url.strip():
        raise ConnectorRefused("Request url required: the input parameter 'url' of the http-connector is missing")
    if not isinstance(method, str) or not method.strip():
        raise ConnectorRefused("Request method required: the input parameter 'method' of the http-connector is missing")
    name = method.strip().upper()
    if name not in METHODS:
        raise ConnectorRefused(f"Unknown or unsupported HTTP method '{method}': use {', '.join(sorted(METHODS))}")
    return Call(
        method=name,
        target=target_of(url.strip()),
        headers=_headers(inputs.get("headers"), key),
        payload=_payload(inputs.get("payload")),
        **_options(inputs.get("configuration")),
    )


def target_of(url: str, base: str = "") -> Target:
    """Reads a URL; `base`: the one that a redirect is relative to. Raises ConnectorRefused."""
    if len(url) > URL_CHARS_MAX:
        raise ConnectorRefused(f"The URL has {len(url)} characters, more than {URL_CHARS_MAX}")
    if not url.isprintable() or " " in url:
        raise ConnectorRefused(f"The URL {_shown(url)!r} has characters that must be encoded")
    try:
        url = urljoin(base, url)
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConnectorRefused(f"'{_shown(url)}' is no URL: look at its host and port") from None
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise ConnectorRefused(f"'{_shown(url)}' must begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ConnectorRefused("A URL with a user in it is not called: send the header Authorization")
    host = _host(parts.hostname or "", url)
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    if parts.query:
        path += f"?{quote(parts.query, safe=_PATH_SAFE)}"
    return Target(url, scheme, host, port if port is not None else DEFAULT_PORTS[scheme], path)


def _shown(url: str) -> str:
    """A URL that cannot be read, for messages: without what may hold secrets, the query and who is before an @."""
    before, at, rest = url.partition("?")[0].partition("#")[0].rpartition("@")
    return f"{before.partition('://')[0]}://…@{rest}" if at else rest


def _host(host: str, url: str) -> str:
    """The host in lower case and in the form of DNS; one dot at the end means nothing."""
    address = literal(host)
    if address is not None:
        if "%" in host:
            raise ConnectorRefused(f"'{_shown(url)}' names a zone of an address: it is not called")
        return str(address)
    try:
        name = host.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if not name:
        raise ConnectorRefused(f"'{_shown(url)}' names no host")
    return name


def _headers(found: Any, key: str) -> tuple[tuple[str, str], ...]:
    found = mapping_of("headers", found)
    if len(found) > HEADERS_MAX:
        raise ConnectorRefused(f"{len(found)} headers are more than {HEADERS_MAX}")
    headers = []
    for name, value in found.items():
        if value is None:
            continue
        text = str(value)
        if _TOKEN.fullmatch(str(name)) is None or _VALUE.fullmatch(text) is None:
            raise ConnectorRefused(f"The header {str(name)!r} cannot be sent: ASCII only, without line breaks")
        if str(name).lower() in _NOT_OURS:
            continue
        headers.append((str(name), text))
    if all(name.lower() != "idempotency-key" for name, _ in headers):
        headers.append(("Idempotency-Key", key))
    return tuple(headers)


def _payload(found: Any) -> bytes | None:
    if found is None or found == "":
        return None
    if isinstance(found, bytes | str | FileValue | XmlText | JsonNode | Mapping | list | tuple):
        return content_of("payload", found)
    raise ConnectorRefused(f"The input parameter 'payload' must be text or JSON, but is {type(found).__name__}")


def _options(found: Any) -> dict[str, Any]:
    """`configuration`: those of Apache's client options that make sense here."""
    options: dict[str, Any] = {}
    for name, value in mapping_of("configuration", found).items():
        if name in ("connection-timeout", "connection-request-timeout"):
            options["connect_ms"] = _number(name, value)
        elif name == "socket-timeout":
            options["read_ms"] = _number(name, value)
        elif name == "max-redirects":
            options["redirects_max"] = min(_number(name, value), REDIRECTS_MAX)
        elif name == "redirects-enabled":
            if not _flag(name, value):
                options["redirects_max"] = 0
        elif name == "throw-http-error":
            options["fails_on_status"] = _flag(name, value)
        else:
            raise ConnectorRefused(
                f"The configuration option '{name}' of the http-connector is not supported: there are connection-timeout, "
                "socket-timeout, redirects-enabled, max-redirects and throw-http-error"
            )
    return options


def _number(name: str, value: Any) -> int:
    try:
        found = int(str(value))
    except ValueError:
        found = 0
    if found <= 0:
        raise ConnectorRefused(f"The configuration option '{name}' must be a positive number, but is {value!r}")
    return found


def _flag(name: str, value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise ConnectorRefused(f"The configuration option '{name}' must be true or false, but is {value!r}")
    return text == "true"
