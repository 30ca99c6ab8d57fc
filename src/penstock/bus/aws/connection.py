"""How the adapters reach AWS, and what its errors mean."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
)

from penstock.base.errors import BusFailed, BusUnavailable
from penstock.bus.adapter.connection import AdapterConnection, AdapterOptions
from penstock.bus.address import Address

REQUESTS_MAX = 16
"""At the same time."""
ENTRIES_MAX = 10
"""Per request, by SQS and SNS."""
HIDDEN_S_MAX = 43_200
"""SQS hides a message that was received for twelve hours at most."""
OK = 200
SERVER_ERROR = 500
PASSING = (
    "Throttling",
    "ThrottlingException",
    "Throttled",
    "ThrottledException",
    "RequestThrottled",
    "OverLimit",
    "TooManyRequestsException",
)
MISSING = ("QueueDoesNotExist", "NonExistentQueue", "NotFound", "NotFoundException")


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """How one of AWS' services calls what is alike: where a batch goes, its entries, and a question to begin with."""

    destination: str
    entries: str
    probe: str
    probe_parameters: Mapping[str, int] = {}


SERVICES = {
    "sqs": Service(destination="QueueUrl", entries="Entries", probe="list_queues", probe_parameters={"MaxResults": 1}),
    "sns": Service(destination="TopicArn", entries="PublishBatchRequestEntries", probe="list_topics"),
}


class Options(AdapterOptions, frozen=True, kw_only=True):
    """The query of the address.

    `region`: of AWS; left out: as AWS' own configuration says. `message_bytes_max`: AWS takes 262,144 bytes with headers,
    and bodies that are no text grow by a third. `timeout_ms`: after which AWS counts as out of reach. `wait_s`: how long one
    request for messages waits (0 to 20); longer costs less, and closing waits for it or leaves its messages to the lease.
    """

    region: str | None = None
    message_bytes_max: int = 180_000
    wait_s: int = 10


class Connection(AdapterConnection):
    """A client of the service that the address begins with (`sqs+https:`), and `ask`."""

    options: Options

    def __init__(self, address: Address, options: Options) -> None:
        super().__init__(address, options)
        self._name, _, self._scheme = address.scheme.partition("+")
        self._service = SERVICES[self._name]
        self.generation = 0
        """Changes when a queue or topic was missing: what is known of them may be wrong."""
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._requests = asyncio.Semaphore(REQUESTS_MAX)

    async def open(self) -> None:
        """Connects. Raises BusUnavailable or BusFailed."""
        config = AioConfig(
            connect_timeout=self.timeout_s,
            read_timeout=self.timeout_s + self.options.wait_s,
            max_pool_connections=REQUESTS_MAX * 4,
            retries={"total_max_attempts": 1},
        )
        try:
            self._client = await self._stack.enter_async_context(
                get_session().create_client(
                    self._name,
                    endpoint_url=f"{self._scheme}://{self._address.only_host()}",
                    region_name=self.options.region,
                    aws_access_key_id=self._address.user,
                    aws_secret_access_key=self._address.password,
                    config=config,
                )
            )
            await self.ask(self._service.probe, **self._service.probe_parameters)
        except BotoCoreError as error:
            raise self.failed(error) from error
        except BusFailed:
            await self.close()
            raise

    async def close(self) -> None:
        """Disconnects."""
        self._client = None
        await self._stack.aclose()

    async def ask(self, operation: str, wait_s: int = 0, **parameters: Any) -> Any:
        """What AWS answers. `wait_s`: how long it may wait by itself. Raises BusUnavailable or BusFailed."""
        if self._client is None:
            raise BusFailed("the bus is not open")
        call: Callable[..., Awaitable[Any]] = getattr(self._client, operation)
        try:
            async with asyncio.timeout(self.timeout_s + wait_s):
                return await call(**parameters)
        except (BotoCoreError, ClientError, OSError) as error:
            if is_missing(error):
                self.generation += 1
            raise self.failed(error) from error

    async def ask_in_parts(self, operation: str, place: str, entries: Sequence[dict[str, Any]]) -> list[str | None]:
        """A batch operation on a queue or topic: any number of entries, several requests at a time. Returns why not, per entry.

        Raises BusUnavailable when a part did not get through."""
        parts = [entries[at : at + ENTRIES_MAX] for at in range(0, len(entries), ENTRIES_MAX)]
        return await self.ask_parts(operation, place, parts)

    async def ask_parts(
        self, operation: str, place: str, parts: Sequence[Sequence[dict[str, Any]]]
    ) -> list[str | None]:
        """The same with parts that are cut already."""
        tasks = [asyncio.ensure_future(self._ask_part(operation, place, part)) for part in parts]
        try:
            found = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return [answer for part in found for answer in part]

    async def _ask_part(self, operation: str, place: str, entries: Sequence[dict[str, Any]]) -> list[str | None]:
        numbered = [{**entry, "Id": str(at)} for at, entry in enumerate(entries)]
        async with self._requests:
            parameters = {self._service.destination: place, self._service.entries: numbered}
            answer = await self.ask(operation, 0, **parameters)
        answers: list[str | None] = [None] * len(entries)
        failures = answer.get("Failed", ())
        if len(answer.get("Successful", ())) + len(failures) < len(entries):
            raise BusUnavailable(f"{self._address} is out of reach: it says nothing of a part of a batch")
        for failure in failures:
            if not failure.get("SenderFault", True):
                raise BusUnavailable(f"{self._address} is out of reach: {_failure(failure)}")
            answers[int(failure["Id"])] = _failure(failure)
        return answers

    def is_passing(self, error: BaseException) -> bool:
        if isinstance(error, ClientError):
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", OK)
            return status >= SERVER_ERROR or error_code(error) in PASSING or is_missing(error)
        return isinstance(error, ConnectionError | HTTPClientError | OSError)


def is_missing(error: BaseException | None) -> bool:
    """Whether there is no such queue or topic: it is made again when the same is asked again."""
    return isinstance(error, ClientError) and error_code(error) in MISSING


def error_code(error: ClientError) -> str:
    """AWS' name of it, without the service before it."""
    return str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]


def _failure(failure: dict[str, Any]) -> str:
    return f"{failure.get('Code', 'refused')}: {failure.get('Message', '')}".rstrip(": ")
