"""Idempotency keys: the same for everybody who makes one attempt, another one for the next."""

import asyncio
from typing import Any

import pytest
from worker_models import one_task

from penstock.worker import (
    AsyncClient,
    Backoff,
    Breaker,
    BreakerPolicy,
    ExternalTask,
    Outcome,
    Retries,
    TaskFailure,
    Worker,
)
from penstock.worker.attempts import current, marked, parks
from support.processes import Server

QUICK = Retries(count=3, backoff=Backoff(first_ms=20, most_ms=20))


@pytest.mark.parametrize(
    ("details", "retries", "attempt"),
    [
        (None, None, 1),
        (marked("Traceback …", 2), 2, 2),
        (marked("", 7), 1, 7),
        (marked("ends here\n", 12), 0, 12),
        (marked("endpoint e is open", 3, parks=12), 2, 3),
        ("(next attempt: 3) and more", None, 1),
        ("somebody else's words", 4, 1_000_004),
    ],
)
def test_the_number_of_an_attempt(details: str | None, retries: int | None, attempt: int) -> None:
    assert current(details, retries) == attempt


def test_how_often_a_task_was_parked() -> None:
    assert [parks(details) for details in (None, "words", marked("", 2), marked("why", 2, parks=7))] == [0, 0, 0, 7]


async def _keys(client: AsyncClient, base_url: str, topic: str, outcomes: list[BaseException | None]) -> list[str]:
    """The keys of a task whose handler ends so, one after another."""
    await client.deploy(topic, resources={f"{topic}.bpmn": one_task(topic, topic)})
    worker = Worker(base_url, retries=QUICK)
    seen: list[str] = []

    @worker.task(topic)
    async def handler(task: ExternalTask) -> None:
        seen.append(task.idempotency_key.partition(":")[2])
        error = outcomes[len(seen) - 1]
        if len(seen) == len(outcomes):
            worker.stop()
        if error is not None:
            raise error

    await client.start(topic)
    await asyncio.wait_for(worker.run_async(), 60)
    return seen


async def test_each_failure_begins_another_attempt(base_url: str, aclient: AsyncClient) -> None:
    assert await _keys(aclient, base_url, "k-fail", [OSError("a"), OSError("b"), None]) == ["1", "2", "3"]


async def test_as_long_as_nobody_knows_it_is_the_same_attempt(base_url: str, aclient: AsyncClient) -> None:
    unclear = TaskFailure("no answer", unclear=True)
    assert await _keys(aclient, base_url, "k-unclear", [OSError("a"), unclear, None]) == ["1", "2", "2"]


async def test_who_gets_the_task_of_a_dead_worker_makes_the_same_attempt(
    server: Server, base_url: str, aclient: AsyncClient
) -> None:
    await aclient.deploy("k-dead", resources={"k-dead.bpmn": one_task("k-dead", "k-dead")})
    await aclient.start("k-dead")
    topics = [{"topicName": "k-dead", "lockDuration": 600_000}]
    (task,) = server.post("/external-task/fetchAndLock", {"workerId": "dead", "maxTasks": 1, "topics": topics})
    server.post(f"/external-task/{task['id']}/unlock", {})
    seen: list[str] = []
    worker = Worker(base_url)

    @worker.task("k-dead")
    async def handler(task: ExternalTask) -> None:
        seen.append(task.idempotency_key)
        worker.stop()

    await asyncio.wait_for(worker.run_async(), 60)
    assert seen == [f"{task['id']}:1"]


async def test_the_only_task_that_there_is_becomes_an_incident_when_it_always_fails(
    server: Server, base_url: str, aclient: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.worker.attempts.PARKS_MAX", 2)
    await aclient.deploy("k-alone", resources={"k-alone.bpmn": one_task("k-alone", "k-alone")})
    finished: list[Any] = []
    keys: set[str] = set()
    worker = Worker(
        base_url, retries=Retries(count=2, backoff=Backoff(first_ms=20, most_ms=20)), observer=finished.append
    )
    breaker = Breaker(BreakerPolicy(failures=1, pause=Backoff(first_ms=100, most_ms=100)))

    @worker.task("k-alone", gate=breaker)
    async def handler(task: ExternalTask) -> None:
        keys.add(task.idempotency_key)
        with breaker.guard(OSError):
            raise OSError("out of reach")

    await aclient.start("k-alone")
    async with worker, asyncio.timeout(60):
        while not server.get("/incident/count", processDefinitionKeyIn="k-alone")["count"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    outcomes = [done.outcome for done in finished]
    first = outcomes.index(Outcome.FAILED)
    # The call that opens the breaker, and two probes that cost nothing; again two after the one that takes a retry.
    assert set(outcomes[:first]) == {Outcome.PARKED} and first >= 3
    assert outcomes[-1] is Outcome.FAILED and outcomes.count(Outcome.FAILED) == 2 and len(outcomes) - first >= 4
    assert len(keys) == 1, "nobody knows what became of any of them"


async def test_a_breaker_of_a_handler_in_python_parks(server: Server, base_url: str, aclient: AsyncClient) -> None:
    """One breaker for two topics: the outage of what they call is found by one and spares the other."""
    for topic in ("k-one", "k-two"):
        await aclient.deploy(topic, resources={f"{topic}.bpmn": one_task(topic, topic)})
    finished: list[Any] = []
    worker = Worker(base_url, retries=QUICK, observer=finished.append, concurrency=2)
    breaker = Breaker(BreakerPolicy(failures=2, pause=Backoff(first_ms=300, most_ms=300)))
    down = True

    def call() -> None:
        with breaker.guard(OSError):
            if down:
                raise OSError("out of reach")

    @worker.task("k-one", gate=breaker)
    def one(task: ExternalTask) -> None:
        call()

    @worker.task("k-two", gate=breaker)
    async def two(task: ExternalTask) -> None:
        call()

    for topic in ("k-one", "k-two"):
        for _ in range(10):
            await aclient.start(topic)
    async with worker:
        while sum(done.outcome is Outcome.PARKED for done in finished) < 3:  # noqa: ASYNC110 - the server is waited for
            await asyncio.sleep(0.02)
        failed = [done for done in finished if done.outcome is Outcome.FAILED]
        assert len(failed) == 1, "the one before it opened"
        down = False
        while sum(done.outcome is Outcome.COMPLETED for done in finished) < 20:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert server.get("/external-task/count", topicName="k-one")["count"] == 0
