"""Requests over blocking sockets, for programs without an event loop. May be used by many threads."""

import socket
import time
from threading import Lock

from penstock.worker.errors import ConnectionLost
from penstock.worker.http.aio import CONNECT_S, IDLE_S
from penstock.worker.http.wire import Address, Answer, Ask, Reader

RECEIVE_BYTES = 256 * 1024
IDLE_MAX = 16
"""Most connections that are kept for the next request."""


class Connection:
    """One connection, one request at a time. Raises ConnectionLost."""

    def __init__(self, address: Address) -> None:
        self._reader = Reader()
        self.idle_since_s = 0.0
        try:
            self._socket = socket.create_connection((address.host, address.port), timeout=CONNECT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if address.tls is not None:
                self._socket = address.tls.wrap_socket(self._socket, server_hostname=address.host)
        except OSError as error:
            raise ConnectionLost(f"{address.url} is out of reach: {error}", sent=False) from error

    def exchange(self, request: bytes, ask: Ask) -> Answer:
        """Sends a request and reads its answer."""
        end_s = time.monotonic() + ask.timeout_s
        self._reader.begin(ask.answer_bytes_max)
        try:
            self._socket.settimeout(ask.timeout_s)
            self._socket.sendall(request)
            while self._reader.answer is None:
                self._receive(end_s)
        except TimeoutError:
            raise ConnectionLost(
                f"{ask.method} {ask.path} was not answered within {ask.timeout_s:g} s", sent=True
            ) from None
        except OSError as error:
            raise ConnectionLost(f"the connection broke: {error}", sent=True) from error
        return self._reader.answer

    def _receive(self, end_s: float) -> None:
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._socket.settimeout(left_s)
        data = self._socket.recv(RECEIVE_BYTES)
        if data:
            self._reader.feed(data)
            return
        self._reader.keep = False
        self._reader.end()
        if self._reader.answer is None:
            raise ConnectionLost("the server closed the connection", sent=True)

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return self._reader.keep

    def close(self) -> None:
        self._socket.close()


class Pool:
    """Connections to one server; as many as there are threads that ask at the same time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._idle: list[Connection] = []
        self._lock = Lock()

    def send(self, ask: Ask) -> Answer:
        """One request. Raises ConnectionLost."""
        connection = self._reuse() or Connection(self.address)
        try:
            answer = connection.exchange(self.address.request(ask), ask)
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return answer

    def _reuse(self) -> Connection | None:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if time.monotonic() - connection.idle_since_s < IDLE_S:
                    return connection
                connection.close()
        return None

    def _keep(self, connection: Connection) -> None:
        connection.idle_since_s = time.monotonic()
        with self._lock:
            if connection.usable and len(self._idle) < IDLE_MAX:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Ends the connections that are idle."""
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()
