"""Requests over asyncio: a bounded pool of keep-alive connections."""

import asyncio
from collections import deque
from typing import cast

from penstock.worker.errors import ConnectionLost
from penstock.worker.http.wire import ANSWER_BYTES_MAX, Address, Answer, Ask, Reader

CONNECT_S = 10.0
IDLE_S = 4.0
"""A connection that was idle for longer is not used again: servers close theirs after 5 s and more, and a request on a
connection that is being closed is lost."""


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: Address) -> None:
        self._loop = loop
        self._address = address
        self._reader = Reader()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self.idle_since_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
        except ConnectionLost as lost:
            self._end(lost)
            self.close()
            return
        self._deliver()

    def eof_received(self) -> bool:
        self._reader.end()
        self._deliver()
        return False

    def _deliver(self) -> None:
        if self._answer is not None and not self._answer.done() and self._reader.answer is not None:
            self._answer.set_result(self._reader.answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(
            ConnectionLost(f"the connection broke: {error}" if error else "the server closed the connection", sent=True)
        )

    def _end(self, lost: ConnectionLost) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(lost)

    # -- for the pool

    async def exchange(self, ask: Ask) -> Answer:
        """See `network.Connection`: the answer within the time that `ask` has."""
        return await within(self.send(self._address.request(ask), ask.answer_bytes_max), ask)

    def send(self, request: bytes, bytes_max: int = ANSWER_BYTES_MAX) -> "asyncio.Future[Answer]":
        """Sends a whole request; its answer of at most so many bytes, or ConnectionLost."""
        self._reader.begin(bytes_max)
        self._answer = self._loop.create_future()
        assert self._transport is not None
        self._transport.write(request)
        return self._answer

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return self._reader.keep and self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Ends the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def say_goodbye(self) -> None:
        """Tells the server that nothing more will come, while an answer that is on its way is still taken. A connection
        with TLS cannot say that."""
        if self._transport is not None and not self._transport.is_closing() and self._transport.can_write_eof():
            self._transport.write_eof()


class Pool:
    """Connections to one server. At most `connections_max` at a time; more requests wait for one, first come first served."""

    def __init__(self, address: Address, connections_max: int) -> None:
        self.address = address
        self._free = connections_max
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._busy: set[Connection] = set()
        self._closed = False

    async def send(self, ask: Ask) -> Answer:
        """One request. Raises ConnectionLost."""
        await self._turn()
        connection: Connection | None = None
        try:
            connection = self._reuse() or await self.connect()
            self._busy.add(connection)
            return await connection.exchange(ask)
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        finally:
            self._release(connection)

    async def _turn(self) -> None:
        if self._closed:
            raise ConnectionLost("the client is closed", sent=False)
        if self._free:
            self._free -= 1
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        self._free += 1

    def _reuse(self) -> Connection | None:
        now_s = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and now_s - connection.idle_since_s < IDLE_S:
                return connection
            connection.close()
        return None

    def _release(self, connection: Connection | None) -> None:
        if connection is not None:
            self._busy.discard(connection)
            if connection.usable and not self._closed:
                connection.idle_since_s = asyncio.get_running_loop().time()
                self._idle.append(connection)
            else:
                connection.close()
        self._pass_on()

    async def connect(self) -> Connection:
        """A new connection, which is the caller's. Raises ConnectionLost."""
        address = self.address
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                _, made = await loop.create_connection(
                    lambda: Connection(loop, address),
                    address.host,
                    address.port,
                    ssl=address.tls,
                    server_hostname=address.host if address.tls else None,
                )
                return made
        except TimeoutError:
            raise ConnectionLost(f"{address.url} does not answer within {CONNECT_S:.0f} s", sent=False) from None
        except OSError as error:
            raise ConnectionLost(f"{address.url} is out of reach: {error}", sent=False) from error

    async def close(self) -> None:
        """Ends every connection."""
        self._closed = True
        for connection in (*self._idle, *self._busy):
            connection.close()
        self._idle.clear()
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(ConnectionLost("the client is closed", sent=False))
        await asyncio.sleep(0)


class Network:
    """A server at an address, over HTTP."""

    def __init__(self, address: Address) -> None:
        self._address = address

    @property
    def url(self) -> str:
        """See `network.Network`."""
        return self._address.url

    def pool(self, connections_max: int) -> Pool:
        """See `network.Network`."""
        return Pool(self._address, connections_max)


async def within(answer: "asyncio.Future[Answer]", ask: Ask) -> Answer:
    """The answer, or ConnectionLost when it does not come in time."""
    loop = asyncio.get_running_loop()
    timer = loop.call_later(ask.timeout_s, _too_late, answer, ask)
    try:
        return await answer
    finally:
        timer.cancel()


def _too_late(answer: "asyncio.Future[Answer]", ask: Ask) -> None:
    if not answer.done():
        answer.set_exception(
            ConnectionLost(f"{ask.method} {ask.path} was not answered within {ask.timeout_s:g} s", sent=True)
        )
