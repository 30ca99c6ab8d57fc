"""Asks a server how much there is to do: `GET /penstock/v1/topics`."""

from collections.abc import Collection, Sequence

import msgspec

from penstock.cli.workers.policy import Demand
from penstock.worker.errors import RestError, WorkerError
from penstock.worker.http.aio import Pool
from penstock.worker.http.wire import Ask

ANSWER_S = 10.0


class Load(msgspec.Struct, frozen=True, rename="camel"):
    """One topic, as the server tells it."""

    topic: str
    waiting: int
    locked: int
    drain_seconds: float


class NoLoads(WorkerError):
    """The server does not tell how much there is to do."""


_loads = msgspec.json.Decoder(list[Load])


async def ask(pool: Pool, topics: Collection[str]) -> Demand:
    """What waits and what is locked in these topics. Raises WorkerError."""
    answer = await pool.send(Ask("GET", "/penstock/v1/topics", repeatable=True, timeout_s=ANSWER_S))
    if answer.status == 404:
        raise NoLoads(f"{pool.address.url} does not tell the load of topics: --min and --max need a Penstock server")
    if not answer.ok:
        raise RestError.of("GET /penstock/v1/topics", answer.status, answer.body)
    try:
        loads = _loads.decode(answer.body)
    except msgspec.DecodeError as error:
        raise NoLoads(f"the answer to GET /penstock/v1/topics cannot be read: {error}") from None
    return together([load for load in loads if load.topic in topics])


def together(loads: Sequence[Load]) -> Demand:
    """The demand of several topics: the slowest one says how long it takes."""
    return Demand(
        waiting=sum(load.waiting for load in loads),
        locked=sum(load.locked for load in loads),
        drain_s=max((load.drain_seconds for load in loads if load.waiting), default=0.0),
    )


def root_of(base_url: str) -> str:
    """The address below which `/penstock/v1` is, of that of the REST API."""
    return base_url.partition("/engine-rest")[0]
