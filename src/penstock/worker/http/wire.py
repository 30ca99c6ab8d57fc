"""Requests as bytes and answers out of bytes; the same for asyncio and for blocking sockets."""

import ssl
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import httptools
import msgspec

from penstock.worker.errors import AnswerTooLong, ConnectionLost

ANSWER_BYTES_MAX = 256 * 1024 * 1024
"""Most bytes of one answer: more than any server with sensible limits sends."""


class Ask(msgspec.Struct, frozen=True):
    """One request. `path`: below the base address, with its query; `beside`: below what is above `/engine-rest`, where
    Penstock has its own resources. `repeatable`: doing it twice is like doing it once.

    `timeout_s`: from the first byte of the request to the last one of the answer.
    """

    method: str
    path: str
    body: bytes | None = None
    repeatable: bool = False
    timeout_s: float = 60.0
    type: str = "application/json"
    accept: str = "application/json"
    headers: Mapping[str, str] = {}
    answer_bytes_max: int = ANSWER_BYTES_MAX
    beside: bool = False


class Answer(msgspec.Struct, frozen=True):
    """One answer. Header names are in lower case."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes

    @property
    def ok(self) -> bool:
        """A success."""
        return 200 <= self.status < 300


class Auth(Protocol):
    """Says who the client is. `headers` is asked for each request, so tokens may be renewed there."""

    def headers(self) -> Mapping[str, str]:
        """The headers to add. What it raises is a ConnectionLost: without them the server is out of reach."""
        ...


class Address:
    """Where the server is. Raises ValueError for what is no http or https address."""

    def __init__(self, base_url: str, tls: ssl.SSLContext | None, auth: Auth | None) -> None:
        try:
            parts = urlsplit(base_url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in ("http", "https"):
            raise ValueError(
                f"{base_url!r} is no address of a server: write something like http://127.0.0.1:8080/engine-rest"
            )
        self.host: str = host
        secure = parts.scheme == "https"
        self.port = port or (443 if secure else 80)
        self.prefix = parts.path.rstrip("/")
        self._above = self.prefix.partition("/engine-rest")[0]
        self.tls = (tls or ssl.create_default_context()) if secure else None
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{self.prefix}"
        self._auth = auth
        host = f"[{self.host}]" if ":" in self.host else self.host
        if port is not None:
            host += f":{port}"
        self._common = f"host: {host}\r\nuser-agent: penstock-worker\r\n"

    def request(self, ask: Ask) -> bytes:
        """The bytes of a request. Raises ConnectionLost when there are no credentials for it now."""
        prefix = self._above if ask.beside else self.prefix
        lines = [f"{ask.method} {prefix}{ask.path} HTTP/1.1\r\n{self._common}accept: {ask.accept}\r\n"]
        if self._auth is not None:
            lines += [f"{name}: {_line(value)}\r\n" for name, value in self._credentials(self._auth).items()]
        lines += [f"{name}: {_line(value)}\r\n" for name, value in ask.headers.items()]
        if ask.body is not None:
            lines.append(f"content-type: {ask.type}\r\ncontent-length: {len(ask.body)}\r\n\r\n")
            return "".join(lines).encode("latin-1") + ask.body
        lines.append("content-length: 0\r\n\r\n" if ask.method in ("POST", "PUT", "PATCH") else "\r\n")
        return "".join(lines).encode("latin-1")

    def _credentials(self, auth: Auth) -> Mapping[str, str]:
        try:
            return auth.headers()
        except Exception as error:
            raise ConnectionLost(f"there are no credentials for {self.url}: {error!r}", sent=False) from error


def _line(value: str) -> str:
    if "\r" in value or "\n" in value:
        raise ValueError("a header contains a line break")
    return value


class Reader:
    """Reads the answers of one connection, one after another."""

    __slots__ = ("_body", "_bytes", "_bytes_max", "_headers", "_parser", "answer", "keep")

    def __init__(self) -> None:
        self.answer: Answer | None = None
        """The answer, when it is whole."""
        self.keep = True
        """Whether the server keeps the connection after it."""
        self.begin()

    def begin(self, bytes_max: int = ANSWER_BYTES_MAX) -> None:
        """A new request goes out; its answer may have so many bytes."""
        self._bytes_max = bytes_max
        self._parser = httptools.HttpResponseParser(self)
        self.answer = None
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._bytes = 0

    def feed(self, data: bytes) -> None:
        """More bytes. Raises ConnectionLost when they are no HTTP, AnswerTooLong when they are too many."""
        if self.answer is not None:
            raise ConnectionLost("the server sent something that nobody asked for", sent=True)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._bytes > self._bytes_max:
                raise AnswerTooLong(f"the answer has more than {self._bytes_max} bytes", sent=True) from None
            raise ConnectionLost(f"the answer is not HTTP/1.1: {error}", sent=True) from error

    def end(self) -> None:
        """The server has closed the connection: an answer without a length ends here."""
        if self.answer is None and self._headers and b"content-length" not in self._headers and not self._is_chunked():
            self.on_message_complete()

    def _is_chunked(self) -> bool:
        return b"chunked" in self._headers.get(b"transfer-encoding", b"").lower()

    # -- what the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._bytes += len(body)
        if self._bytes > self._bytes_max:
            raise ValueError("the answer is too long")  # Ends the parser; `feed` says it.

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._headers = {}
            return
        self.keep = self._parser.should_keep_alive()
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self.answer = Answer(status, self._headers, body)
