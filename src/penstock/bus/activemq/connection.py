"""How the parts of the adapter reach the broker, and what its errors mean."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec
from proton import Message

from penstock.base.errors import BusFailed, BusUnavailable
from penstock.bus.activemq.reactor import LinkFailed, Reactor, Server
from penstock.bus.adapter.connection import AdapterConnection, AdapterOptions
from penstock.bus.address import Address

Answer = TypeVar("Answer")

DEFAULT_PORT = 5672
RETRY_S = 0.5
MANAGEMENT = "activemq.management"
PASSING = (
    "amqp:connection:forced",
    "amqp:resource-limit-exceeded",
    "amqp:connection:framing-error",
    "amqp:internal-error",
)
"""Conditions of AMQP that end when the broker is back or has room; those that proton names itself do so too."""


class Options(AdapterOptions, frozen=True, kw_only=True):
    """The query of the address. The broker itself has no bound on the size of messages."""


class Connection(AdapterConnection):
    """One connection, made again when it was lost. `generation` counts them."""

    def __init__(self, address: Address, options: Options) -> None:
        super().__init__(address, options)
        self.generation = 0
        self._reactor: Reactor | None = None
        self._connected = False
        self._lost_again = False
        self._reply_address = ""
        self._replies: dict[str, asyncio.Future[Message]] = {}
        self._requests = 0
        self._lost_listeners: set[Callable[[], None]] = set()
        self._again: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connects. Raises BusUnavailable or BusFailed."""
        self._reactor = Reactor(self._on_lost, self._on_reply)
        self._reactor.start()
        try:
            await self._connect(self._reactor)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Disconnects."""
        again, self._again = self._again, None
        reactor, self._reactor = self._reactor, None
        self._connected = False
        if again is not None:
            again.cancel()
            await asyncio.wait((again,))
        if reactor is not None:
            await reactor.stop()

    async def _connect(self, reactor: Reactor) -> None:
        """To the first host that answers."""
        failure: BusFailed | None = None
        for host in self._address.hosts:
            server = Server(host=host, user=self._address.user, password=self._address.password)
            self._lost_again = False
            try:
                async with asyncio.timeout(self.timeout_s):
                    self._reply_address = await reactor.connect(server)
                if self._lost_again:
                    raise LinkFailed("", "the connection was lost at once")
                self._connected, self.generation = True, self.generation + 1
                return
            except (LinkFailed, OSError) as error:
                failure = self.failed(error)
        raise failure or BusFailed(f"{self._address} names no host")

    def _on_lost(self, why: LinkFailed) -> None:
        self._lost_again = True
        if not self._connected:
            return
        self._connected = False
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(why)
        for lost in list(self._lost_listeners):
            lost()
        self._again = asyncio.create_task(self._connect_again())

    async def _connect_again(self) -> None:
        while self._reactor is not None and not self._connected:
            await asyncio.sleep(RETRY_S)
            with contextlib.suppress(BusFailed):  # whoever asks for something is told that there is no connection
                await self._connect(self._reactor)

    def on_lost(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` whenever the connection is lost. Returns what ends that."""
        self._lost_listeners.add(listener)
        return lambda: self._lost_listeners.discard(listener)

    # -- asking

    def reactor(self) -> Reactor:
        """Raises BusUnavailable while there is no connection."""
        if self._reactor is None:
            raise BusFailed("the bus is not open")
        if not self._connected:
            raise BusUnavailable(f"{self._address} is out of reach: the connection was lost")
        return self._reactor

    async def ask(self, question: Awaitable[Answer]) -> Answer:
        """Waits for an answer. A broker that gives none in time is connected to anew."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await question
        except TimeoutError as late:
            if self._reactor is not None:
                self._reactor.disconnect("the broker did not answer in time")
            raise self.failed(late) from late
        except LinkFailed as error:
            raise self.failed(error) from error

    async def send(self, target: str, payloads: Sequence[bytes]) -> list[str | None]:
        """Sends messages, to `target` or where each says. Returns why not, per message."""
        return await self.ask(self.reactor().send(target, payloads)) if payloads else []

    async def manage(self, properties: dict[str, str], *arguments: object) -> Any:
        """What the management of the broker answers (Artemis, "Management via AMQP"). Raises BusFailed with its words."""
        reactor = self.reactor()
        self._requests += 1
        number = str(self._requests)
        request = Message(reply_to=self._reply_address, correlation_id=number, properties=dict(properties))
        request.body = msgspec.json.encode(arguments).decode()
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        try:
            (refusal,) = await self.ask(reactor.send(MANAGEMENT, [request.encode()]))
            if refusal is not None:
                raise BusFailed(f"{self._address} refused: {refusal}")
            return self._result(await self.ask(reply))
        finally:
            del self._replies[number]

    def _on_reply(self, payload: bytes) -> None:
        reply = Message()
        reply.decode(payload)
        waiting = self._replies.get(str(reply.correlation_id))
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    def _result(self, reply: Message) -> Any:
        results = msgspec.json.decode(str(reply.body or "[]")) or [None]
        if not (reply.properties or {}).get("_AMQ_OperationSucceeded"):
            raise BusFailed(f"{self._address} refused: {results[0]}")
        return results[0]

    def is_passing(self, error: BaseException) -> bool:
        if isinstance(error, LinkFailed):
            return error.name in PASSING or not error.name.startswith("amqp:")
        return isinstance(error, OSError)

    def describe(self, error: BaseException) -> str:
        """Conditions of AMQP have names."""
        if isinstance(error, LinkFailed):
            return f"{error.name}: {error}".removeprefix(": ")
        return super().describe(error)
