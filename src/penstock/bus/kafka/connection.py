"""How the parts of the adapter reach the brokers, and what their errors mean."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from aiokafka import helpers
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from penstock.bus.adapter.connection import AdapterConnection, AdapterOptions

Answer = TypeVar("Answer")
Close = Callable[[], Coroutine[Any, Any, None]]

RETRY_S = 0.2
LEAVE_S = 5
DEFAULT_PORT = 9092


class Options(AdapterOptions, frozen=True, kw_only=True):
    """The query of the address.

    `partitions`, `replication`: of topics that are made (-1: the broker's default). `message_bytes_max`: must not be over
    the broker's `message.max.bytes`. `timeout_ms`: after which a broker counts as out of reach. `security`: Kafka's
    security.protocol; `mechanism`: of SASL, used with the address's user and password.
    """

    partitions: int = 4
    replication: int = -1
    message_bytes_max: int = 1_000_000
    security: str | None = None
    mechanism: str = "PLAIN"


class Connection(AdapterConnection):
    """Parameters for every client, and `ask`."""

    options: Options

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
                        if not self.is_passing(error):
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

    def is_passing(self, error: BaseException) -> bool:
        passing = (KafkaConnectionError, KafkaTimeoutError, OSError, TimeoutError)
        return isinstance(error, passing) or bool(getattr(error, "retriable", False))

    def describe(self, error: BaseException) -> str:
        """Some errors of Kafka name themselves."""
        text = str(error).strip()
        return text if text.startswith(type(error).__name__) else super().describe(error)
