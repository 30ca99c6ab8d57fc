"""How the parts of the adapter reach the brokers, and what their errors mean."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from aiokafka import helpers
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from penstock.base.errors import BusFailed, BusUnavailable
from penstock.bus.address import Address

Answer = TypeVar("Answer")
Close = Callable[[], Coroutine[Any, Any, None]]

RETRY_S = 0.2
LEAVE_S = 5
DEFAULT_PORT = 9092


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the address.

    `partitions`, `replication`: of topics that are made (-1: the broker's default). `message_bytes_max`: must not be over
    the broker's `message.max.bytes`. `timeout_ms`: after which a broker counts as out of reach. `security`: Kafka's
    security.protocol; `mechanism`: of SASL, used with the address's user and password.
    """

    partitions: int = 4
    replication: int = -1
    message_bytes_max: int = 1_000_000
    timeout_ms: int = 10_000
    security: str | None = None
    mechanism: str = "PLAIN"


class Connection:
    """Parameters for every client, and `ask`."""

    def __init__(self, address: Address, options: Options) -> None:
        self._address = address
        self.options = options
        self.timeout_s = options.timeout_ms / 1000

    def parameters(self) -> dict[str, Any]:
        """What producer, consumer and admin client have in common."""
        address, options = self._address, self.options
        login = address.user is not None
        security = options.security or ("SASL_PLAINTEXT" if login else "PLAINTEXT")
        return {
            "bootstrap_servers": list(address.hosts),
            "client_id": "penstock",
            "request_timeout_ms": options.timeout_ms,
            # New leaders and partitions are seen soon; the default is five minutes.
            "metadata_max_age_ms": 10_000,
            "security_protocol": security,
            "ssl_context": helpers.create_ssl_context() if security.endswith("SSL") else None,
            "sasl_mechanism": options.mechanism,
            "sasl_plain_username": address.user,
            "sasl_plain_password": address.password,
        }

    async def ask(self, question: Callable[[], Awaitable[Answer]], timeout_s: float | None = None) -> Answer:
        """Asks again for as long as Kafka says that this may help. Raises BusUnavailable or BusFailed."""
        last: BaseException | None = None
        try:
            async with asyncio.timeout(timeout_s or self.timeout_s):
                while True:
                    try:
                        return await question()
                    except (KafkaError, OSError) as error:
                        if not is_passing(error):
                            raise self.failed(error) from error
                        last = error
                        await asyncio.sleep(RETRY_S)
        except TimeoutError as late:
            raise self.unavailable(last or late) from (last or late)

    async def leave(self, stop: Close, *rest: Close) -> None:
        """Stops a client; brokers that are out of reach learn it from silence.

        `rest`: what the client's `stop` leaves open when it is cut short: by LEAVE_S, or by itself (aiokafka 0.14 breaks
        off where a fetch waits to be tried again)."""
        stopping = asyncio.ensure_future(stop())
        await asyncio.wait((stopping,), timeout=LEAVE_S)
        if not stopping.done():
            stopping.cancel()
            await asyncio.wait((stopping,))
        if stopping.cancelled():
            for close in rest:
                await close()
        elif (error := stopping.exception()) is not None and not isinstance(error, KafkaError | OSError):
            raise error

    def failed(self, error: BaseException) -> BusFailed:
        """The error as one of ours."""
        if is_passing(error):
            return self.unavailable(error)
        return BusFailed(f"{self._address} refused: {describe(error)}")

    def unavailable(self, error: BaseException) -> BusUnavailable:
        """The brokers did not answer in time."""
        return BusUnavailable(f"{self._address} is out of reach: {describe(error)}")


def is_passing(error: BaseException) -> bool:
    """Whether trying again may help."""
    passing = (KafkaConnectionError, KafkaTimeoutError, OSError, TimeoutError)
    return isinstance(error, passing) or bool(getattr(error, "retriable", False))


def describe(error: BaseException) -> str:
    """Some errors of Kafka have no text of their own."""
    text = str(error).strip()
    name = type(error).__name__
    return text if text.startswith(name) else f"{name}: {text}".rstrip(": ")
