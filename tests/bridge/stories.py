"""What bridges do, told once and played on every broker, many at a time over one connection."""

import asyncio
from collections import defaultdict
from typing import Any

from site_of_tests import Site, plain, until
from test_letters import PATH, ask

from penstock.bridge.config import REQUESTED
from penstock.bus.cloudevents import CloudEvent, read
from penstock.bus.protocol import Delivery, Done, Message, Subscribe

SECTIONS = """
[[bridge]]
connection = "events"
channel = "orders"
event = "OrderAccepted"
start = "order"
business_key = "data.orderId"
variables = { amount = "data.amount * 2" }

[[bridge]]
connection = "events"
channel = "payments"
message = "PaymentReceived"
business_key = "data.orderId"
variables = { paid = "data.sum" }

[[bridge]]
connection = "events"
channel = "tickets"
message = "TicketOpened"
business_key = "data.orderId"
id = "data.no"

[topic."charge-card"]
connection = "events"
request = "charge.requests"
reply = "charge.replies"
timeout = "PT3S"
retries = 5
retry_timeout = "PT1S"

[topic.packed]
connection = "events"
publish = "parcels"
event = "ParcelPacked"
data = { order = "task.businessKey", weight = "variables.weight * 2" }
[topic.notify]
connection = "events"
publish = "parcels"
event = "CustomerNotified"
[topic.shipped]
connection = "events"
publish = "parcels"
event = "ParcelShipped"
"""
MENDED = SECTIONS.replace('"data.orderId"\nid', '"if data.orderId = null then data.ticket else data.orderId"\nid')


class Watched:
    """All messages of a channel, as they come."""

    def __init__(self, site: Site, channel: str) -> None:
        self._site = site
        self._channel = channel
        self.found: list[Delivery] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Watched":
        self._subscription = await self._site.bus.subscribe(Subscribe(channel=self._channel))
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._subscription.close()

    async def _watch(self) -> None:
        while True:
            more = await self._subscription.receive(100, 500)
            await self._subscription.settle([Done(delivery) for delivery in more])
            self.found += more

    def events(self) -> list[CloudEvent]:
        return [read(delivery, "test").event for delivery in self.found]

    async def of_subject(self, subject: str, number: int) -> list[CloudEvent]:
        """The first `number` events about a subject, each once."""

        async def enough() -> list[CloudEvent]:
            found = {event.id: event for event in self.events() if event.subject == subject}
            return list(found.values()) if len(found) >= number else []

        return await until(enough, f"{number} messages on {self._channel} about {subject}")


async def messages_start_and_duplicates_do_not(site: Site, *, ordered: bool) -> None:
    keys = [f"{key}-{number:02}" for number in range(20) for key in ("a", "b")]
    for key in keys:
        data = {"orderId": key, "amount": 21}
        for _ in range(2):
            await site.event("orders", "OrderAccepted", data, id=f"id-{key}", key=key[0])
        await site.event("orders", "OrderRejected", data, key=key[0])

    async def taken() -> bool:
        counts = site.counts()
        return counts["ignored"] >= 40 and counts["duplicate"] >= 40

    await until(taken, "all orders are taken in")
    rows = await site.instances("order", len(keys))
    assert sorted(row["business_key"] for row in rows) == sorted(keys)
    if ordered:
        for key in ("a", "b"):
            of_one = [row["business_key"] for row in sorted(rows, key=lambda row: row["id"])]
            of_one = [business_key for business_key in of_one if business_key[0] == key]
            assert of_one == sorted(of_one)
    instance = await site.node.instance(rows[0]["id"])
    assert instance is not None and instance.executions[instance.id].variables["amount"].value.value == 42


async def messages_reach_who_waits_also_later(site: Site) -> None:
    waiting = await site.start_instance("payment", "P1")
    await site.event("payments", "P", {"orderId": "P1", "sum": 5})
    await site.event("payments", "P", {"orderId": "P2", "sum": 6})
    await site.ended(waiting)

    async def kept() -> bool:
        return await site.bridges.early.waiting() == 1

    await until(kept, "the early message is kept")
    await site.ended(await site.start_instance("payment", "P2"))
    assert not await site.bridges.early.waiting()
    async with Watched(site, "payments.dead") as dead:
        await site.event("payments", "P", {"orderId": "P1", "sum": 7})

        async def refused() -> bool:
            return len(dead.found) == 1

        await until(refused, "the late message is refused")
        assert "too late" in dead.found[0].headers["penstock-dead-reason"]


async def what_cannot_be_taken_is_kept_and_replayed(site: Site) -> None:
    """Poison, then a change of the file, then a replay."""
    good = [{"no": f"n{number}", "orderId": f"T{number}"} for number in range(3)]
    odd = [{"no": f"m{number}", "ticket": f"U{number}"} for number in range(3)]
    await site.publish(Message(channel="tickets", body=b"{no json"))
    await site.publish(*(plain("tickets", data) for data in (*odd, *good, *good)))
    await site.instances("ticket", 3)

    async def all_dead() -> bool:
        consumers = site.bridges.links["events"].consumers
        return consumers["tickets", "penstock"][1].counts["dead"] == 4

    await until(all_dead, "four dead letters")

    async def listed() -> bool:
        letters = (await ask(site, "GET", f"{PATH}?channel=tickets"))[1]["deadLetters"]
        assert isinstance(letters, list) and {letter["deadLetterChannel"] for letter in letters} <= {"tickets.dead"}
        return sorted("business key" in letter["reason"] for letter in letters) == [False, True, True, True]

    await until(listed, "they are listed")
    site.write(MENDED)

    async def changed() -> bool:
        return "ticket" in site.bridges.config.bridges[2].business_key.text  # type: ignore[union-attr]

    await until(changed, "the file is followed")
    for dry_run, replayed in ((True, 0), (False, 3)):
        asked = {"channel": "tickets", "reason": "business key", "dryRun": dry_run}
        done = {"matched": 3, "replayed": replayed, "complete": True}

        async def passed(asked: dict[str, Any] = asked, done: dict[str, Any] = done) -> bool:
            return await ask(site, "POST", f"{PATH}/replay", asked) == (200, done)

        await until(passed, f"a pass over them, dry run {dry_run}")
    rows = await site.instances("ticket", 6)
    assert sorted(row["business_key"] for row in rows) == ["T0", "T1", "T2", "U0", "U1", "U2"]

    async def one_left() -> bool:
        left = (await ask(site, "GET", f"{PATH}?channel=tickets"))[1]["deadLetters"]
        assert isinstance(left, list)
        return ["not JSON" in letter["reason"] for letter in left] == [True]

    await until(one_left, "what is no JSON stays")


class Service:
    """Answers requests: what it does with the n-th request of a task is said by the task's business key."""

    def __init__(self, site: Site, requests: Watched) -> None:
        self._site = site
        self._requests = requests

    async def requests(self, instance: str, number: int) -> list[CloudEvent]:
        task = (await self._site.task(instance))["id"]
        found = await self._requests.of_subject(task, number)
        assert all(request.type == REQUESTED and request.data["processInstanceId"] == instance for request in found)
        return found

    async def answer(self, request: CloudEvent, kind: str, data: Any = None) -> None:
        event = {"subject": request.subject, "causationid": request.id}
        await self._site.event("charge.replies", f"penstock.task.{kind}", data, **event)


async def tasks_go_out_and_answers_come_in(site: Site) -> None:
    async with Watched(site, "charge.requests") as requests, Watched(site, "charge.replies.dead") as dead:
        service = Service(site, requests)
        names = ("done", "error", "failed", "late")
        done, error, failed, late = [await site.start_instance("charge", name, amount=7) for name in names]

        (request,) = await service.requests(done, 1)
        assert request.data["variables"]["amount"]["value"] == 7
        for _ in range(2):
            await service.answer(request, "completed", {"variables": {"paid": {"value": 7, "type": "Integer"}}})
        found = await site.at(done, "t")
        assert found.executions[done].variables["paid"].value.value == 7

        (request,) = await service.requests(error, 1)
        await service.answer(request, "bpmn-error", {"errorCode": "DECLINED"})
        await site.at(error, "refused")

        (request,) = await service.requests(failed, 1)
        await service.answer(request, "failed", {"errorMessage": "down", "retryTimeout": 0})
        first, second = await service.requests(failed, 2)
        assert first.id == request.id and second.id != first.id
        await service.answer(second, "completed")
        await site.at(failed, "t")

        first, second = (await service.requests(late, 2))[:2]
        await service.answer(first, "failed", {"errorMessage": "too late"})

        async def refused() -> bool:
            reasons = [delivery.headers["penstock-dead-reason"] for delivery in dead.found]
            late_one = any("late" in reason and first.id in reason for reason in reasons)
            return late_one and any("does not wait any more" in reason for reason in reasons)

        await until(refused, "the late failure and the second completion are kept")
        await service.answer(first, "completed")
        await site.at(late, "t")


async def events_leave_in_order(site: Site, *, ordered: bool) -> None:
    async with Watched(site, "parcels") as parcels:
        keys = [f"S{number}" for number in range(6)]
        instances = [await site.start_instance("shipping", key, weight=len(key)) for key in keys]
        for instance in instances:
            await site.ended(instance)

        async def all_there() -> bool:
            return len({event.id for event in parcels.events()}) == 3 * len(keys)

        await until(all_there, "all events of shipping")
        found: dict[str, list[CloudEvent]] = defaultdict(list)
        for event in parcels.events():
            found[event.correlationid or ""].append(event)
        for key, instance in zip(keys, instances, strict=True):
            types = list(dict.fromkeys(event.type for event in found[key]))
            expected = ["ParcelPacked", "CustomerNotified", "ParcelShipped"]
            assert types == expected if ordered else sorted(types) == sorted(expected)
            packed = next(event for event in found[key] if event.type == "ParcelPacked")
            assert packed.data == {"order": key, "weight": 2 * len(key)}
            assert {event.causationid for event in found[key]} == {instance}
