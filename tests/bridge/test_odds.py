"""What goes wrong around a message: copies, defects, pauses, a configuration that changes under what is under way."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from bridge_models import CHARGE, PAYMENT, SHIPPED, USER
from site_of_tests import Site, plain, until
from test_intake import ORDERS, PAYMENTS
from test_letters import PATH, ask
from test_requests import CHARGES, EVENTS, HASTY, reply

from penstock.base.errors import BusUnavailable
from penstock.bridge import early, outbox
from penstock.bridge.consuming import Chunk, Consumed, Consumer
from penstock.bus.protocol import Delivery, Message, Subscribe, Subscription
from penstock.engine.commands import StartInstance
from penstock.engine.state import Instance
from penstock.runtime.committer import AlreadyTaken
from penstock.store.protocol import Batch, Change, Row, RowChange
from penstock.store.query import Query, eq

FAR_MS = 86_400_000


async def commit(site: Site, *rows: RowChange) -> None:
    await site.node.store.commit(Batch(stream="", log=None, at_ms=site.clock.now_ms(), rows=rows))


async def early_rows(site: Site, number: int) -> list[Row]:
    async def enough() -> list[Row]:
        rows = await site.node.store.rows(Query(early.TABLE))
        return rows if len(rows) == number else []

    return await until(enough, f"{number} early messages")


async def no_early_rows(site: Site) -> None:
    async def none() -> bool:
        return not await site.bridges.early.waiting()

    await until(none, "no early messages")


# ---------------------------------------------------------------------------------------------- copies


async def test_copies_that_meet_in_one_commit_have_one_effect(site: Site) -> None:
    await site.start("", USER)
    definition = await site.node.latest("order", None)
    assert definition is not None
    expires_ms = site.clock.now_ms() + FAR_MS
    copies = [site.node.take_in(StartInstance(definition=definition), key="k", expires_ms=expires_ms) for _ in range(3)]
    answers = await asyncio.gather(*copies, return_exceptions=True)
    assert [type(answer) for answer in answers].count(AlreadyTaken) == 2
    assert len(await site.instances("order", 1)) == 1


async def test_a_copy_is_one_though_two_others_wait_for_its_like_by_now(site: Site) -> None:
    await site.start(PAYMENTS, PAYMENT)
    first = await site.start_instance("payment", "A")
    await site.event("payments", "P", {"orderId": "A", "sum": 5}, id="one")
    await site.ended(first)
    await site.restart_bridges()
    for _ in range(2):
        await site.start_instance("payment", "A")
    await site.event("payments", "P", {"orderId": "A", "sum": 5}, id="one")

    async def taken() -> bool:
        return site.counts().total() == 1

    await until(taken)
    assert site.counts() == {"duplicate": 1}


async def test_a_failure_that_is_told_twice_is_no_dead_letter(site: Site) -> None:
    await site.start(CHARGES, CHARGE)
    await site.start_instance("charge")
    (request,) = await site.received("charge.requests", 1)
    for number in (1, 2):
        await reply(site, request, "failed", {"errorMessage": "down", "retryTimeout": 60_000}, id="same")

        async def taken(number: int = number) -> bool:
            return site.counts().total() == number

        await until(taken)
    assert site.counts() == {"penstock.task.failed": 1, "duplicate": 1}


async def test_an_id_is_not_remembered_for_longer_than_is_said(site: Site) -> None:
    await site.start(ORDERS + 'dedup_window = "PT0.3S"\n', USER)
    await site.event("orders", "OrderAccepted", {"orderId": "A", "amount": 1}, id="one")
    await site.instances("order", 1)
    await asyncio.sleep(0.6)
    await site.event("orders", "OrderAccepted", {"orderId": "A", "amount": 1}, id="one")
    await site.instances("order", 2)


async def test_an_early_message_that_two_nodes_have_read_has_one_effect_even_without_an_id(site: Site) -> None:
    await site.start(PAYMENTS + 'delivery = "at-least-once"\n', PAYMENT)
    await site.publish(plain("payments", {"orderId": "A", "sum": 5}))
    (row,) = await early_rows(site, 1)
    first = await site.start_instance("payment", "A")
    await site.ended(first)
    second = await site.start_instance("payment", "A")
    await site.bridges.early._deliver(row)
    assert await site.node.instance(second) is not None


# ---------------------------------------------------------------------------------------------- early messages


async def test_early_messages_of_a_bridge_that_is_gone_wait_for_it_and_hold_nothing_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "PAGE_ROWS", 2)
    await site.start(PAYMENTS + 'early = "PT1S"\n', PAYMENT)
    gone = [
        {"id": f"a-{number}", "bridge": "gone", "name": "PaymentReceived", "message": b"", "expires_ms": 1}
        for number in range(5)
    ]
    await commit(site, *(RowChange(early.TABLE, Change.INSERT, {**row, "created_ms": 0}) for row in gone))
    await site.publish(plain("payments", {"orderId": "A", "sum": 5}))
    (letter,) = await site.dead("payments.dead")
    assert "nobody waited" in letter.reason
    assert {row["bridge"] for row in await early_rows(site, 5)} == {"gone"}


async def test_an_early_message_with_a_defect_holds_nothing_up(site: Site) -> None:
    await site.start(PAYMENTS + 'early = "PT1S"\n', PAYMENT)
    await site.start_instance("payment", "somebody who waits")
    far_ms = site.clock.now_ms() + FAR_MS
    bad = {"bridge": "payments", "name": "PaymentReceived", "message": b"\xc1", "created_ms": 0}
    for id, expires_ms in (("over", 1), ("waits", far_ms)):
        await commit(site, RowChange(early.TABLE, Change.INSERT, {**bad, "id": id, "expires_ms": expires_ms}))
    await site.publish(plain("payments", {"orderId": "A", "sum": 5}))
    (letter,) = await site.dead("payments.dead")
    assert "nobody waited" in letter.reason


# ---------------------------------------------------------------------------------------------- defects


async def test_a_consumer_outlives_a_defect_of_its_bus(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = site.bus.subscribe
    defects = {"receive", "settle"}

    async def subscribe(to: Subscribe) -> Subscription:
        found = await real(to)
        for name in list(defects):
            monkeypatch.setattr(found, name, once_broken(name, getattr(found, name)))
        return found

    def once_broken(name: str, call: Any) -> Any:
        async def broken(*args: Any) -> Any:
            if name in defects:
                defects.discard(name)
                raise RuntimeError(name)
            return await call(*args)

        return broken

    async def take(delivery: Delivery, chunk: Chunk) -> str:
        return "taken"

    monkeypatch.setattr(site.bus, "subscribe", subscribe)
    consumer = Consumer(site.bus, Consumed(name="c", to=Subscribe(channel="c"), attempts=1), take)
    consumer.start()
    await site.publish(Message(channel="c", body=b"1"))

    async def settled() -> bool:
        return consumer.counts["taken"] == 1 and (await site.bus.lag("c", "penstock")).waiting == 0

    await until(settled)
    await consumer.close()
    assert not defects


async def test_a_task_that_cannot_be_sent_holds_no_other_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.start("", CHARGE)
    bad, good = [await site.start_instance("charge", key) for key in ("bad", "good")]
    request = site.bridges.requests.request

    def sometimes(row: Row, instance: Instance, now_ms: int) -> Any:
        if instance.id == bad:
            raise RuntimeError("no")
        return request(row, instance, now_ms)

    monkeypatch.setattr(site.bridges.requests, "request", sometimes)
    site.write(CHARGES)
    (sent,) = await site.received("charge.requests", 1)
    assert sent.data["processInstanceId"] == good

    async def told() -> bool:
        return bool((await site.task(bad))["error_message"] == "RuntimeError: no")

    await until(told)


# ---------------------------------------------------------------------------------------------- pauses


async def test_an_attempt_fails_once_however_many_nodes_see_that_it_is_over(site: Site) -> None:
    await site.start(CHARGES + 'retry_timeout = "PT0.1S"\n', CHARGE)
    instance = await site.start_instance("charge")
    await site.received("charge.requests", 1)
    row = await site.task(instance)
    await site.bridges.attempts._end(row)
    (second,) = await site.received("charge.requests", 1)
    await site.bridges.attempts._end(row)
    assert (await site.task(instance))["request_id"] == second.id


async def test_a_late_publication_does_not_move_the_lock_of_somebody_else(site: Site) -> None:
    await site.start(CHARGES, CHARGE)
    instance = await site.start_instance("charge")
    await site.received("charge.requests", 1)
    await site.clean_outbox()
    task = await site.task(instance)
    old = {"shard": task["shard"], "id": "old", "key": "k", "external_task_id": task["id"]}
    await site.bridges.links["events"].publisher._finish([{**old, "timeout_ms": 1, "created_ms": 0}])
    assert (await site.task(instance))["lock_expires_ms"] == task["lock_expires_ms"]


# ---------------------------------------------------------------------------------------------- configuration


@pytest.mark.parametrize(
    ("topics", "model", "key", "channel"),
    [(HASTY, CHARGE, "charge", "charge.requests"), (EVENTS, SHIPPED, "shipping", "parcels")],
)
async def test_what_lies_for_a_connection_that_is_gone_leaves_over_the_new_one(
    site: Site, topics: str, model: bytes, key: str, channel: str
) -> None:
    quick = topics.replace('event = "ParcelPacked"', 'event = "ParcelPacked"\ntimeout = "PT0.6S"')
    await site.start(quick, model)
    await site.broker.stop()
    await site.start_instance(key, "K", weight=1)
    site.file.write_text('[connections.other]\nurl = "${BUS}"\n' + quick.replace('"events"', '"other"'))

    async def changed() -> bool:
        return set(site.bridges.links) == {"other"}

    await until(changed)
    await site.broker.start()
    assert (await site.received(channel, 1))[0].correlationid == "K"
    for row in await site.node.store.rows(Query("outbox", (eq("connection", "events"),))):
        pytest.fail(f"{row['id']} lies there for ever")


async def test_a_dead_letter_of_a_stranger_breaks_nothing(site: Site) -> None:
    await site.start(ORDERS, USER)
    headers = {"penstock-dead-channel": "orders", "penstock-dead-at-ms": "9" * 18}
    await site.publish(Message(channel="orders.dead", body=msgspec.json.encode(1), headers=headers))
    status, found = await ask(site, "GET", f"{PATH}?channel=orders")
    assert (status, found["count"]) == (200, 1)


async def test_a_broker_that_cannot_take_much_at_once_gets_it_in_parts(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PAUSE_FIRST_S", 0.01)
    await site.start(EVENTS, SHIPPED)
    bus = site.bridges.links["events"].bus
    publish, sizes = bus.publish, []

    async def slow(messages: Sequence[Message]) -> Sequence[str | None]:
        sizes.append(len(messages))
        if len(messages) > 4:
            raise BusUnavailable("it takes too long")
        return await publish(messages)

    monkeypatch.setattr(bus, "publish", slow)
    instances = await asyncio.gather(*(site.start_instance("shipping", f"K{number}", weight=1) for number in range(30)))
    for instance in instances:
        await site.ended(instance)
    assert max(sizes) > 4
    assert len(await site.received("parcels", 90)) == 90


async def test_a_copy_that_waits_is_gone_when_another_one_has_had_the_effect(site: Site) -> None:
    await site.start(PAYMENTS, PAYMENT)
    await site.event("payments", "P", {"orderId": "A", "sum": 5}, id="one")
    await early_rows(site, 1)
    await site.bridges.early.close()
    instance = await site.start_instance("payment", "A")
    await site.event("payments", "P", {"orderId": "A", "sum": 5}, id="one")
    await site.ended(instance)
    await no_early_rows(site)


async def test_a_copy_that_is_over_is_no_dead_letter_when_another_one_had_the_effect(site: Site) -> None:
    await site.start(PAYMENTS + 'early = "PT1S"\n', PAYMENT)
    await site.event("payments", "P", {"orderId": "A", "sum": 5}, id="one")
    (row,) = await early_rows(site, 1)
    await site.ended(await site.start_instance("payment", "A"))
    await commit(site, RowChange(early.TABLE, Change.INSERT, row))
    await no_early_rows(site)
    assert not await site.node.store.count(Query("outbox"))
    assert not site.bridges.links["events"].publisher.published
