"""How the parts of the adapter reach Redis, and what its errors mean."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ConnectionError,
    RedisError,
    ResponseError,
    TimeoutError,
)

from penstock.base.errors import BusFailed
from penstock.bus.adapter.connection import AdapterConnection, AdapterOptions
from penstock.bus.address import Address

Answer = TypeVar("Answer")

DEFAULT_PORT = 6379
PASSING = (
    "LOADING",
    "BUSY",
    "TRYAGAIN",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "NOGROUP",
)
"""Answers that end when somebody makes room, a failover ends, or the stream is made again."""


class Options(AdapterOptions, frozen=True, kw_only=True):
    """The query of the address. `message_bytes_max` must not be over the server's `proto-max-bulk-len`."""


class Connection(AdapterConnection):
    """A pool of connections, and `ask`."""

    def __init__(self, address: Address, options: Options) -> None:
        super().__init__(address, options)
        self._client: Redis | None = None

    async def open(self) -> None:
        """Connects. Raises BusUnavailable or BusFailed."""
        host, _, port = self._address.only_host().rpartition(":")
        if self._address.path and not self._address.path.isdigit():
            raise BusFailed(f"{self._address} must end with the number of a database, or without a path")
        client = Redis(
            host=host.strip("[]"),
            port=int(port),
            db=int(self._address.path or 0),
            username=self._address.user,
            password=self._address.password,
            ssl=self._address.scheme == "rediss",
            socket_connect_timeout=self.timeout_s,
            socket_timeout=None,  # `ask` bounds each call; readers wait long
            retry=Retry(NoBackoff(), 0),
            client_name="penstock",
            protocol=2,
        )
        client.response_callbacks.pop(
            "XREADGROUP", None
        )  # entries as the server sends them: less work, same as in scripts
        try:
            await self._ask(client.ping(), self.timeout_s)
        except BusFailed:
            await client.aclose()
            raise
        self._client = client

    async def close(self) -> None:
        """Disconnects."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    def pipeline(self) -> Pipeline:
        """Commands that go out together."""
        if self._client is None:
            raise BusFailed("the bus is not open")
        return self._client.pipeline(transaction=False)

    async def send(self, pipeline: Pipeline, wait_ms: int = 0) -> list[Any]:
        """The answers, errors of single commands among them. `wait_ms`: how long the commands themselves may wait.

        Raises BusUnavailable, also where an answer says that trying again may help."""
        answers = await self._ask(pipeline.execute(raise_on_error=False), self.timeout_s + wait_ms / 1000)
        for answer in answers:
            if isinstance(answer, RedisError) and self.is_passing(answer):
                raise self.failed(answer) from answer
        return answers

    async def ask(self, pipeline: Pipeline, wait_ms: int = 0) -> list[Any]:
        """`send`, with no error among the answers. Raises BusFailed for the first that there is."""
        answers = await self.send(pipeline, wait_ms)
        for answer in answers:
            if isinstance(answer, RedisError):
                raise self.failed(answer) from answer
        return answers

    async def run(self, script: str, keys: Sequence[str], *arguments: str | int | bytes) -> Any:
        """What a script answers."""
        pipeline = self.pipeline()
        evaluate(pipeline, script, keys, *arguments)
        return (await self.ask(pipeline))[0]

    async def _ask(self, question: Awaitable[Answer], timeout_s: float) -> Answer:
        try:
            async with asyncio.timeout(timeout_s):
                return await question
        except (RedisError, OSError) as error:
            raise self.failed(error) from error

    def is_passing(self, error: BaseException) -> bool:
        if isinstance(error, AuthenticationError | AuthorizationError):
            return False
        if isinstance(error, ResponseError):
            # An error inside a script comes with the script's place before it.
            return any(word in PASSING for word in str(error).split()[:1]) or any(
                f"{word} " in str(error) for word in PASSING
            )
        return isinstance(error, ConnectionError | TimeoutError | BusyLoadingError | OSError)


def evaluate(pipeline: Pipeline, script: str, keys: Sequence[str], *arguments: str | int | bytes) -> None:
    """Adds a script. By its text, not its hash: a server that was restarted has forgotten hashes."""
    pipeline.execute_command("EVAL", script, len(keys), *keys, *arguments)
