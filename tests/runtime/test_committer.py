"""Group commit when the store refuses, fails, or is gone: with a store that does so on demand."""

import asyncio
from collections.abc import Callable

import pytest
from runtime_models import EXPRESSION, EXTERNAL, MakeNode, deployed_id, one_task, until

from penstock.base.clock import VirtualClock
from penstock.base.errors import BadUserRequest, Failure, StoreFailed
from penstock.engine import commands as c
from penstock.expr.values import TypedValue
from penstock.runtime.node import Node
from penstock.store.memory.store import MemoryStore
from penstock.store.protocol import Batch, LockCheck, Rejected
from penstock.store.query import Query, eq


class Unwilling(MemoryStore):
    """Refuses what `refuse` says; every commit takes a turn of the loop, so that batches form."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.refuse: Callable[[Batch], Rejected | Exception | None] = lambda batch: None
        self.sizes: list[int] = []
        self.held = asyncio.Event()
        self.held.set()

    async def commit(self, batch: Batch) -> int | Rejected:
        for _ in range(3):
            await asyncio.sleep(0)
        await self.held.wait()
        self.sizes.append(len(batch.instances))
        answer = self.refuse(batch)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer
        return await super().commit(batch)


@pytest.fixture
def unwilling(clock: VirtualClock) -> Unwilling:
    return Unwilling(clock)


@pytest.fixture
async def stubborn(unwilling: Unwilling, make_node: MakeNode) -> Node:
    return await make_node(unwilling)


def variable(instance: str, name: str, value: int = 1) -> c.SetVariables:
    return c.SetVariables(instance=instance, modifications={name: TypedValue("Long", value)})


async def started(node: Node, count: int) -> list[str]:
    definition = await deployed_id(node, EXTERNAL)
    return await asyncio.gather(*(node.execute(c.StartInstance(definition=definition)) for _ in range(count)))


async def names(node: Node, instance: str) -> set[str]:
    state = await node.instance(instance)
    assert state is not None
    return set(state.executions[instance].variables)


async def test_many_units_share_a_commit(stubborn: Node, unwilling: Unwilling) -> None:
    await started(stubborn, 50)
    assert max(unwilling.sizes) >= 40
    assert len(unwilling.sizes) <= 5


async def test_an_instance_that_moved_is_stepped_again_and_nobody_notices(stubborn: Node, unwilling: Unwilling) -> None:
    one, two = await started(stubborn, 2)
    rejections = [Rejected(instances=[one]), Rejected(instances=[one])]
    unwilling.refuse = lambda batch: (
        rejections.pop() if rejections and any(write.id == one for write in batch.instances) else None
    )
    await asyncio.gather(
        *(stubborn.execute(variable(one, f"a{n}")) for n in range(3)), stubborn.execute(variable(two, "b"))
    )
    assert await names(stubborn, one) == {"a0", "a1", "a2"}
    assert await names(stubborn, two) == {"b"}
    assert stubborn.metrics()["units_stepped_again_total"] >= 3
    rows = await stubborn.rows(Query("variable", (eq("instance_id", one),)))
    assert len(rows) == 3


async def test_a_lost_lock_is_told_and_the_others_of_the_batch_go_on(stubborn: Node, unwilling: Unwilling) -> None:
    (one,) = await started(stubborn, 1)
    task = await one_task(stubborn, "w")
    (two,) = await asyncio.gather(stubborn.execute(c.StartInstance(definition=await deployed_id(stubborn, EXTERNAL))))
    await unwilling.unlock(task["id"])
    await unwilling.lock(task["id"], "thief", 2**60, 0)
    done = await asyncio.gather(
        stubborn.execute(variable(one, "before")),
        stubborn.execute(c.CompleteExternalTask(instance=one, external_task=task["id"], worker="w")),
        stubborn.execute(variable(one, "after")),
        stubborn.execute(variable(two, "other")),
        return_exceptions=True,
    )
    assert isinstance(done[1], BadUserRequest)
    assert done[1].message.endswith("It is locked by worker 'thief'.")
    assert [done[0], done[2], done[3]] == [None] * 3
    assert await names(stubborn, one) == {"before", "after"}
    assert await names(stubborn, two) == {"other"}


async def test_a_batch_that_fails_is_halved_until_the_culprit_is_alone(stubborn: Node, unwilling: Unwilling) -> None:
    instances = await started(stubborn, 8)
    bad = instances[5]

    def refuse(batch: Batch) -> Exception | None:
        return ValueError("no such column") if any(write.id == bad for write in batch.instances) else None

    unwilling.refuse = refuse
    done = await asyncio.gather(*(stubborn.execute(variable(id, "v")) for id in instances), return_exceptions=True)
    assert [n for n, outcome in enumerate(done) if outcome is not None] == [5]
    assert isinstance(done[5], Failure)
    assert "no such column" in done[5].message
    unwilling.refuse = lambda batch: None
    assert await names(stubborn, bad) == set()
    await stubborn.execute(variable(bad, "w"))
    assert await names(stubborn, bad) == {"w"}


async def test_when_the_store_is_gone_nobody_is_told_that_it_worked(
    stubborn: Node, unwilling: Unwilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.runtime.committer.RECOVER_EVERY_S", 0.02)
    (one,) = await started(stubborn, 1)
    unwilling.refuse = lambda batch: StoreFailed("the disk is full")
    done = await asyncio.gather(*(stubborn.execute(variable(one, f"v{n}")) for n in range(5)), return_exceptions=True)
    assert all(isinstance(outcome, StoreFailed) for outcome in done)
    assert not stubborn.health()["ready"]
    assert stubborn.health()["problems"] == {"store": "the disk is full"}
    unwilling.refuse = lambda batch: None
    await until(lambda: bool(stubborn.health()["ready"]))
    await stubborn.execute(variable(one, "again"))
    assert await names(stubborn, one) == {"again"}


async def test_a_newer_epoch_has_everything_stepped_again(stubborn: Node, unwilling: Unwilling) -> None:
    definition = await deployed_id(stubborn, EXPRESSION)
    # Another node has changed the definitions.
    await unwilling.commit(Batch(stream="other", log=None, at_ms=0, bump_epoch=True))
    await asyncio.gather(*(stubborn.execute(c.StartInstance(definition=definition)) for _ in range(3)))
    assert await stubborn.count(Query("process_instance")) == 3
    assert stubborn.metrics()["batches_rejected_total"] == 1


async def test_a_refusal_that_rests_on_an_uncommitted_unit_is_checked_again(
    stubborn: Node, unwilling: Unwilling
) -> None:
    (one,) = await started(stubborn, 1)
    task = await one_task(stubborn, "w")
    rejected = [ValueError("this unit cannot be stored")]
    unwilling.refuse = lambda batch: rejected.pop() if rejected else None
    complete = c.CompleteExternalTask(instance=one, external_task=task["id"], worker="w")
    done = await asyncio.gather(stubborn.execute(complete), stubborn.execute(complete), return_exceptions=True)
    # The first failed after the second had been refused because of it: the second counts.
    assert isinstance(done[0], Failure)
    assert done[1] is None


async def test_checks_and_state_of_a_batch_come_from_the_same_units(stubborn: Node, unwilling: Unwilling) -> None:
    (one,) = await started(stubborn, 1)
    task = await one_task(stubborn, "w")
    seen: list[Batch] = []
    unwilling.refuse = lambda batch: seen.append(batch)  # type: ignore[func-returns-value]
    await asyncio.gather(
        stubborn.execute(variable(one, "a")),
        stubborn.execute(c.CompleteExternalTask(instance=one, external_task=task["id"], worker="w")),
    )
    (batch,) = seen
    (write,) = batch.instances
    assert (write.revision_before, write.revision, write.head) == (1, 3, None)
    assert list(batch.locks) == [LockCheck(task["id"], "w")]


async def test_a_caller_that_goes_away_does_not_take_its_unit_back(stubborn: Node, unwilling: Unwilling) -> None:
    (one,) = await started(stubborn, 1)
    leaving = asyncio.create_task(stubborn.execute(variable(one, "a")))
    staying = asyncio.create_task(stubborn.execute(variable(one, "b")))
    unwilling.held.clear()
    await until(lambda: stubborn.metrics()["units_waiting"] == 2)
    leaving.cancel()
    unwilling.held.set()
    await staying
    assert leaving.cancelled()
    assert await names(stubborn, one) == {"a", "b"}
    assert stubborn.metrics()["batches_rejected_total"] == 0
