"""How the parts of the adapter reach the broker, and what its errors mean."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aio_pika
from aio_pika.abc import AbstractConnection
from aiormq.channel import Channel as AmqpChannel
from aiormq.exceptions import (
    AMQPConnectionError,
    AMQPError,
    AuthenticationError,
    ChannelAccessRefused,
    ChannelClosed,
    ConnectionNotAllowed,
    IncompatibleProtocolError,
    ProbableAuthenticationError,
)

from penstock.bus.adapter.connection import AdapterConnection, AdapterOptions
from penstock.bus.address import Address

Answer = TypeVar("Answer")

DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671}
LEAVE_S = 5
DRIVER_ERRORS = (AMQPError, RuntimeError, OSError, asyncio.CancelledError)
"""A RuntimeError says that a channel or connection was closed meanwhile."""
REFUSED = (
    AuthenticationError,
    ChannelAccessRefused,
    ConnectionNotAllowed,
    IncompatibleProtocolError,
    ProbableAuthenticationError,
)


class Options(AdapterOptions, frozen=True, kw_only=True):
    """The query of the address. `message_bytes_max` must not be over the broker's `max_message_size`."""


class Connection(AdapterConnection):
    """One connection, made again when it is needed and lost. `lease_ms`: after which the broker gives up a silent one."""

    options: Options

    def __init__(self, address: Address, options: Options, lease_ms: int) -> None:
        super().__init__(address, options)
        self._lease_ms = lease_ms
        self._client: AbstractConnection | None = None
        self._opening = asyncio.Lock()

    def another(self, lease_ms: int) -> "Connection":
        """To the same broker, not yet opened."""
        return Connection(self._address, self.options, lease_ms)

    async def open(self) -> None:
        """Connects. Raises BusUnavailable or BusFailed."""
        await self.ask(self._open)

    async def _open(self) -> AbstractConnection:
        async with self._opening:
            if self._client is None or _is_lost(self._client):
                self._client = await self._connect()
            return self._client

    async def _connect(self) -> AbstractConnection:
        """To the first host that answers."""
        last: BaseException = OSError("no host is named")
        for host in self._address.hosts:
            try:
                return await self._connect_to(*host.rsplit(":", 1))
            except (AMQPConnectionError, OSError) as error:
                if isinstance(error, REFUSED):
                    raise
                last = error
        raise last

    async def _connect_to(self, host: str, port: str) -> AbstractConnection:
        address = self._address
        # The broker gives up after two heartbeats that did not come.
        heartbeat_s = max(1, self._lease_ms // 2000)
        return await aio_pika.connect(
            host=host.strip("[]"),
            port=int(port),
            login=address.user or "guest",
            password=address.password or "guest",
            virtualhost=address.path or "/",
            ssl=address.scheme == "amqps",
            client_properties={"connection_name": "penstock"},
            heartbeat=str(heartbeat_s),
        )

    async def close(self) -> None:
        """Disconnects; a broker that is out of reach learns it from silence."""
        if self._client is not None:
            client, self._client = self._client, None
            closing = asyncio.ensure_future(client.close())
            await asyncio.wait((closing,), timeout=LEAVE_S)
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)

    async def channel(self, *, confirms: bool = False) -> AmqpChannel:
        """A new channel; what the broker returns as unroutable is an error of its confirmation."""
        client = await self._open()
        channel = await client.channel(publisher_confirms=confirms, on_return_raises=confirms)
        underlay = await channel.get_underlay_channel()
        assert isinstance(underlay, AmqpChannel)
        return underlay

    async def on_channel(self, question: Callable[[AmqpChannel], Awaitable[Answer]]) -> Answer:
        """Asks on a channel of its own: an answer such as "not found" ends the channel."""

        async def asked() -> Answer:
            channel = await self.channel()
            try:
                return await question(channel)
            finally:
                if not channel.is_closed:
                    await channel.close()

        return await self.ask(asked)

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer. Raises BusUnavailable or BusFailed."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await question()
        except DRIVER_ERRORS as error:
            if is_cancelled(error):
                raise
            raise self.failed(error) from error

    def is_passing(self, error: BaseException) -> bool:
        if isinstance(error, REFUSED):
            return False
        return isinstance(error, AMQPConnectionError | RuntimeError | OSError | asyncio.CancelledError) or (
            isinstance(error, ChannelClosed) and type(error) is ChannelClosed
        )

    def describe(self, error: BaseException) -> str:
        """Some errors have their text elsewhere."""
        reason = getattr(error, "reason", None)
        return f"{type(error).__name__}: {reason}" if reason else super().describe(error)


def _is_lost(client: AbstractConnection) -> bool:
    """The client itself does not notice that the broker has closed the connection."""
    return client.is_closed or client.transport is None or client.transport.connection.is_closed


def is_cancelled(error: BaseException) -> bool:
    """Whether somebody cancelled us; the client also cancels what waits for a connection that is lost."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
