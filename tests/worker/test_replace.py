"""Topics that are replaced while the worker runs."""

import asyncio
from collections.abc import Callable

from worker_models import one_task

from penstock.worker import AsyncClient, Worker
from penstock.worker.backoff import Retries
from penstock.worker.handlers import Handler
from penstock.worker.topic import Topic
from support.processes import Server

TURNS = 20


def _topic(name: str, handler: Callable[..., object]) -> Topic:
    return Topic(name=name, handler=Handler(handler), lock_duration_ms=600_000, retries=Retries())


async def test_nothing_is_lost_and_nothing_stays_locked(server: Server, base_url: str, aclient: AsyncClient) -> None:
    """Again and again, at any moment, while tasks of both topics come; a poll that was told to end may have locked some."""
    names = ("r-one", "r-two")
    for name in names:
        await aclient.deploy(name, resources={f"{name}.bpmn": one_task(name, name)})
    done: list[str] = []
    worker = Worker(base_url, "replaced", long_poll_ms=20_000)

    async def handler() -> None:
        await asyncio.sleep(0.01)
        done.append("")

    worker.add(_topic(names[0], handler))
    started = 0
    async with worker:
        for turn in range(TURNS):
            begun = [asyncio.ensure_future(aclient.start(names[number % 2])) for number in range(6)]
            await asyncio.sleep(turn * 0.004)
            worker.replace([_topic(names[turn % 2], handler)])
            await asyncio.gather(*begun)
            started += len(begun)
        worker.replace([_topic(name, handler) for name in names])
        async with asyncio.timeout(30):
            while len(done) < started:  # noqa: ASYNC110 - the server is waited for
                await asyncio.sleep(0.02)
    assert len(done) == started
    assert [row for row in server.get("/external-task") if row["workerId"] == "replaced"] == []


async def test_a_poll_that_waits_ends_for_the_new_topics(base_url: str, aclient: AsyncClient) -> None:
    """Not after the twenty seconds for which it asks."""
    await aclient.deploy("r-new", resources={"r-new.bpmn": one_task("r-new", "r-new")})
    await aclient.start("r-new")
    done = asyncio.Event()
    worker = Worker(base_url, long_poll_ms=20_000)

    async def handler() -> None:
        done.set()

    worker.add(_topic("r-nothing", handler))
    async with worker:
        await asyncio.sleep(0.5)
        worker.replace([_topic("r-new", handler)])
        async with asyncio.timeout(10):
            await done.wait()
