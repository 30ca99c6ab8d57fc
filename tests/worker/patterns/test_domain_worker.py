"""Classes whose methods do topics, and work that is done once in the service's own database."""

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from worker_models import one_task

from penstock.worker import (
    AsyncClient,
    Backoff,
    BpmnError,
    Completed,
    ExternalTask,
    Retries,
    TaskResult,
    Typed,
    Worker,
    handles,
    once,
)
from penstock.worker.once import DDL
from penstock.worker.records import LockedTask
from support.processes import Server


class Order(msgspec.Struct):
    order_id: str
    amount: float = 1.0


@dataclass
class Booked:
    booking: str


class Bookings:
    """`prefix` stands for what a real one depends on."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    @handles("d-book")
    async def book(self, order: Order) -> Booked:
        await asyncio.sleep(0)
        return Booked(f"{self.prefix}-{order.order_id}")

    @handles("d-cancel", lock_duration_ms=90_000)
    def cancel(self, order: Order, task: ExternalTask) -> dict[str, Any]:
        return {"cancelled": f"{self.prefix}-{order.order_id}", "lock": task.lock_duration_ms}

    def helper(self) -> None:
        """Not marked: no topic."""


class Special(Bookings):
    async def book(self, order: Order) -> Booked:
        return Booked(f"special-{order.order_id}")


async def _one(server: Server, client: AsyncClient, worker: Worker, topic: str, **variables: Any) -> dict[str, Any]:
    """The variables of a process with one task after it was done."""
    await client.deploy(topic, resources={f"{topic}.bpmn": one_task(topic, topic)})
    started = await client.start(topic, variables)
    async with worker:
        query = {"processInstanceId": started.id, "finished": "true"}
        while not server.get("/history/process-instance", **query):  # noqa: ASYNC110 - the server is waited for
            await asyncio.sleep(0.02)
    found = server.get("/history/variable-instance", processInstanceId=started.id, deserializeValues="false")
    return {row["name"]: row["value"] for row in found}


async def test_methods_do_topics(server: Server, base_url: str, aclient: AsyncClient) -> None:
    worker = Worker(base_url)
    worker.include(Bookings("b"))
    assert set(worker.topics) == {"d-book", "d-cancel"}
    assert (await _one(server, aclient, worker, "d-book", order_id="7"))["booking"] == "b-7"
    found = await _one(server, aclient, worker, "d-cancel", order_id="7")
    assert (found["cancelled"], found["lock"]) == ("b-7", 90_000)


async def test_a_subclass_overrides(server: Server, base_url: str, aclient: AsyncClient) -> None:
    worker = Worker(base_url)
    worker.include(Special("b"))
    assert (await _one(server, aclient, worker, "d-book", order_id="7"))["booking"] == "special-7"


def test_an_object_without_topics_is_a_mistake(base_url: str) -> None:
    with pytest.raises(TypeError, match="Path has no method that is marked"):
        Worker(base_url).include(Path("x"))


class Ledger:
    """A service with money and a database. `crashes`: how often it dies between its commit and the engine's."""

    def __init__(self, path: Path, crashes: int) -> None:
        self.path = path
        self.crashes = crashes
        with self.database() as connection:
            connection.executescript(f"CREATE TABLE paid (order_id TEXT, amount REAL); {DDL};")

    def database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30)

    @handles("d-pay")
    def pay(self, order: Order, task: ExternalTask) -> Completed:
        connection = self.database()
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                done = once(connection, task, lambda: self._pay(connection, order))
        finally:
            connection.close()
        if self.crashes:
            self.crashes -= 1
            raise OSError("the answer got lost")
        return done

    def _pay(self, connection: sqlite3.Connection, order: Order) -> Completed:
        if order.amount < 0:
            connection.execute("INSERT INTO paid VALUES (?, ?)", (order.order_id, order.amount))
            raise BpmnError("NEGATIVE")
        connection.execute("INSERT INTO paid VALUES (?, ?)", (order.order_id, order.amount))
        (count,) = connection.execute("SELECT count(*) FROM paid").fetchone()
        return Completed(
            variables={"number": count, "exact": Typed("Long", 3), "list": [1, "a"], "none": None},
            local_variables={"mine": True},
            result=TaskResult(data={"paid": order.amount}),
        )

    def paid(self) -> list[Any]:
        connection = self.database()
        try:
            return connection.execute("SELECT order_id, amount FROM paid").fetchall()
        finally:
            connection.close()


async def test_a_local_transaction_happens_once(
    server: Server, base_url: str, aclient: AsyncClient, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger.db", crashes=2)
    worker = Worker(base_url, retries=Retries(count=5, backoff=Backoff(first_ms=20)))
    worker.include(ledger)
    found = await _one(server, aclient, worker, "d-pay", order_id="7", amount=12.5)
    assert ledger.crashes == 0 and ledger.paid() == [("7", 12.5)]
    # The outcome of the first time, types included, after two times that came to nothing.
    assert (found["number"], found["exact"], found["list"], found["none"]) == (1, 3, '[1,"a"]', None)
    assert found["ProcessTaskResults"]


async def test_a_bpmn_error_leaves_nothing_behind(
    server: Server, base_url: str, aclient: AsyncClient, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger.db", crashes=0)
    worker = Worker(base_url)
    worker.include(ledger)
    await aclient.deploy("d-neg", resources={"d-neg.bpmn": one_task("d-neg", "d-pay")})
    started = await aclient.start("d-neg", {"order_id": "8", "amount": -1.0})
    async with worker:
        query = {"processInstanceId": started.id, "finished": "true"}
        while not server.get("/history/process-instance", **query):  # noqa: ASYNC110 - the server is waited for
            await asyncio.sleep(0.02)
    assert ledger.paid() == []


async def test_two_at_the_same_moment_do_it_once(tmp_path: Path) -> None:
    """A lock was lost, and another worker has the task as well: one of them fails on the primary key."""
    ledger = Ledger(tmp_path / "ledger.db", crashes=0)
    task = ExternalTask(LockedTask("t-1", "d-pay"), hub=None, lock_duration_ms=1_000, complete=True, appends=False)  # type: ignore[arg-type]
    order = Order("7", 5.0)
    both = asyncio.gather(*(asyncio.to_thread(ledger.pay, order, task) for _ in range(8)))
    outcomes = {outcome.variables["number"].value for outcome in await both}
    assert outcomes == {1} and ledger.paid() == [("7", 5.0)]
