"""How the parts of the adapter reach NATS, and what its errors mean."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from nats.aio.client import Client
from nats.errors import AuthorizationError, BadSubjectError, Error, MaxPayloadError
from nats.js.errors import APIError

from penstock.base.errors import BusFailed, BusUnavailable
from penstock.bus.adapter.connection import AdapterConnection, AdapterOptions
from penstock.bus.address import Address

Answer = TypeVar("Answer")

DEFAULT_PORT = 4222
RETRY_S = 0.1
REFUSED = ("authorization", "permissions", "authentication")
PASSING_CODES = frozenset((503, 408))


class Options(AdapterOptions, frozen=True, kw_only=True):
    """The query of the address.

    `replicas`: of streams that are made. `message_bytes_max`: must be under the server's `max_payload`, which counts headers
    too. `timeout_ms`: after which a server counts as out of reach. `tls`: encrypt, and verify the server.
    """

    replicas: int = 1
    message_bytes_max: int = 1_000_000
    tls: bool = False


class Fault(msgspec.Struct, frozen=True):
    """What JetStream says is wrong."""

    code: int
    description: str = ""


class Connection(AdapterConnection):
    """One connection, made again by the client, and `ask`.

    `generation` grows with each new connection: what was asked on an earlier one is not answered any more."""

    options: Options

    def __init__(self, address: Address, options: Options) -> None:
        super().__init__(address, options)
        self.generation = 0
        self._client: Client | None = None
        self._last: BaseException | None = None

    async def open(self) -> None:
        """Connects. Raises BusUnavailable or BusFailed."""
        client, address = Client(), self._address
        connecting = client.connect(
            servers=[f"nats://{host}" for host in address.hosts],
            user=address.user,
            password=address.password,
            tls=ssl.create_default_context() if self.options.tls else None,
            name="penstock",
            max_reconnect_attempts=-1,
            reconnect_time_wait=RETRY_S,  # type: ignore[arg-type]
            connect_timeout=self.timeout_s,  # type: ignore[arg-type]
            pending_size=0,  # what cannot be sent now is refused now, not sent after the outage
            error_cb=self._on_error,
            reconnected_cb=self._on_reconnected,
        )
        try:
            async with asyncio.timeout(self.timeout_s):
                await connecting
        except (Error, OSError) as error:
            await client.close()
            raise self.failed(self._last or error) from error
        self._client = client

    async def close(self) -> None:
        """Disconnects."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._client is not None and self._client.is_connected

    @property
    def client(self) -> Client:
        """The client. Raises BusFailed when the bus is not open, BusUnavailable while there is no connection."""
        if self._client is None:
            raise BusFailed("the bus is not open")
        if not self._client.is_connected:
            raise self.failed(self._last or ConnectionError("disconnected"))
        return self._client

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """Asks again for as long as NATS says that this may help. Raises BusUnavailable or BusFailed."""
        last: BaseException | None = None
        try:
            async with asyncio.timeout(self.timeout_s):
                while True:
                    try:
                        return await question()
                    except (Error, OSError, BusUnavailable) as error:
                        if not self.is_passing(error):
                            raise self.failed(error) from error
                        last = error
                        await asyncio.sleep(RETRY_S)
        except TimeoutError as late:
            raise self.failed(last or late) from (last or late)

    async def request(self, subject: str, payload: bytes = b"") -> bytes:
        """An answer of JetStream, once. Raises what `ask` understands; an error that JetStream answers as APIError."""
        message = await self.client.request(subject, payload, timeout=self.timeout_s)
        fault = fault_of(message.data)
        if fault is not None:
            raise APIError(code=fault.code, description=fault.description)
        return message.data

    def is_passing(self, error: BaseException) -> bool:
        if isinstance(error, APIError):
            return error.code in PASSING_CODES
        if isinstance(error, BusFailed):
            return isinstance(error, BusUnavailable)
        if isinstance(error, AuthorizationError | BadSubjectError | MaxPayloadError):
            return False
        return not any(word in str(error).lower() for word in REFUSED)

    def describe(self, error: BaseException) -> str:
        """Errors of JetStream have their text elsewhere."""
        if isinstance(error, APIError):
            return f"{type(error).__name__}: {error.description}"
        return super().describe(error)

    async def _on_error(self, error: Exception) -> None:
        self._last = error

    async def _on_reconnected(self) -> None:
        self._last = None
        self.generation += 1


class _Answer(msgspec.Struct):
    error: Fault | None = None


def fault_of(answer: bytes) -> Fault | None:
    """The error in an answer of JetStream, if there is one. Payloads of acknowledgements are empty or `+OK`."""
    if not answer.startswith(b"{") or b'"error"' not in answer:
        return None
    return msgspec.json.decode(answer, type=_Answer).error
