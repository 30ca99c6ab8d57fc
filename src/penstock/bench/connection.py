"""A keep-alive HTTP connection that does no more than a load generator needs. Standard library only."""

import selectors
import socket
import time
from collections.abc import Callable

Answered = Callable[["Connection", int, bytes], None]
"""Told of an answer: connection, status, whole body."""

RECEIVE_BYTES = 64 * 1024
"""A larger buffer would be mapped and unmapped with each call, which takes as long as all the rest."""


class ConnectionLost(Exception):
    """The server closed the connection, or what came is no HTTP that this client reads."""


class Connection:
    """One socket; one request at a time. `sent_s`: when the request under way was sent (monotonic)."""

    __slots__ = ("_answered", "_received", "busy", "kind", "sent_s", "socket")

    def __init__(self, host: str, port: int, selector: selectors.BaseSelector) -> None:
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.sent_s = 0.0
        self.busy = False
        self.kind = 0
        self._received = b""
        self._answered: Answered | None = None
        selector.register(self.socket, selectors.EVENT_READ, self)

    def send(self, request: bytes, answered: Answered) -> None:
        """Sends a whole request. Raises ConnectionLost when the server does not take it."""
        self.busy = True
        self._answered = answered
        self.sent_s = time.monotonic()
        try:
            sent = self.socket.send(request)
        except OSError as error:
            raise ConnectionLost(f"a request could not be sent: {error}") from None
        if sent != len(request):
            raise ConnectionLost("the server does not read")

    def readable(self) -> None:
        """Takes what has come; calls back when the answer is whole."""
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise ConnectionLost(f"the connection broke: {error}") from None
        if not data:
            raise ConnectionLost("the server closed the connection")
        if self._received:
            data = self._received + data
        head_end = data.find(b"\r\n\r\n")
        if head_end < 0:
            self._received = data
            return
        status = int(data[9:12])
        if status == 204:
            body = b""
        else:
            start = head_end + 4
            length = _content_length(data[:head_end])
            if len(data) - start < length:
                self._received = data
                return
            body = data[start : start + length]
        self._received = b""
        self.busy = False
        answered = self._answered
        assert answered is not None
        answered(self, status, body)


def _content_length(head: bytes) -> int:
    at = head.find(b"content-length: ")
    if at < 0:
        head = head.lower()
        at = head.find(b"content-length: ")
        if at < 0:
            raise ConnectionLost("an answer without Content-Length")
    end = head.find(b"\r\n", at)
    return int(head[at + 16 : end if end >= 0 else len(head)])


def request(host: str, port: int, path: str, body: bytes) -> bytes:
    """The bytes of a POST."""
    return post_head(host, port, path, len(body)) + body


def post_head(host: str, port: int, path: str, length: int) -> bytes:
    """The head of a POST with a JSON body of `length` bytes."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()
