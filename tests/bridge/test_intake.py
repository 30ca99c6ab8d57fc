"""Bus → engine."""

import asyncio

import msgspec
import pytest
from bridge_models import FAILING, PAYMENT, TICKET, USER
from site_of_tests import Site, plain, until

from penstock.base.errors import MessageUnreadable, StoreFailed
from penstock.bridge.config import parse
from penstock.bridge.rules import read_arrival
from penstock.bus import cloudevents
from penstock.bus.protocol import Delivery, Message

ORDERS = """
[[bridge]]
connection = "events"
channel = "orders"
event = "OrderAccepted"
start = "order"
business_key = "data.orderId"
variables = { amount = "data.amount * 2", who = "source", all = "data" }
"""
PAYMENTS = """
[[bridge]]
name = "payments"
connection = "events"
channel = "payments"
message = "PaymentReceived"
business_key = "data.orderId"
variables = { paid = "data.sum" }
"""


async def test_an_event_starts_an_instance_with_what_is_mapped(site: Site) -> None:
    await site.start(ORDERS, USER)
    await site.event("orders", "OrderAccepted", {"orderId": "A1", "amount": 21})
    await site.event("orders", "OrderRejected", {"orderId": "A2"})
    (row,) = await site.instances("order", 1)
    instance = await site.node.instance(row["id"])
    assert instance is not None and instance.business_key == "A1"
    variables = {name: v.value for name, v in instance.executions[instance.id].variables.items()}
    assert (variables["amount"].type, variables["amount"].value) == ("Integer", 42)
    assert variables["who"].value == "/test"
    assert variables["all"].type == "Object"


async def test_a_message_has_one_effect_however_often_it_comes(site: Site) -> None:
    await site.start(ORDERS, USER)
    for _ in range(3):
        for number in range(20):
            await site.event("orders", "OrderAccepted", {"orderId": f"A{number}", "amount": 1}, id=f"id-{number}")
    await site.instances("order", 20)

    async def all_taken() -> bool:
        return site.counts().total() == 60

    await until(all_taken)
    assert site.counts() == {"started": 20, "duplicate": 40}
    assert len(await site.instances("order")) == 20


async def test_the_inbox_knows_a_message_after_a_restart(site: Site) -> None:
    await site.start(ORDERS, USER)
    await site.event("orders", "OrderAccepted", {"orderId": "A", "amount": 1}, id="one")
    await site.instances("order", 1)
    await site.bridges.close()
    await site.restart_bridges()
    await site.event("orders", "OrderAccepted", {"orderId": "A", "amount": 1}, id="one")

    async def taken() -> bool:
        return site.counts()["duplicate"] == 1

    await until(taken)
    assert len(await site.instances("order")) == 1


async def test_an_id_can_be_mapped_for_messages_without_one(site: Site) -> None:
    await site.start(ORDERS.replace('event = "OrderAccepted"', 'id = "data.no"'), USER)
    await site.publish(*(plain("orders", {"orderId": "x", "amount": 1, "no": number % 2}) for number in range(6)))
    await site.instances("order", 2)
    await asyncio.sleep(0.2)
    assert len(await site.instances("order")) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"{no json", "not JSON"), (b'{"amount": 1}', "business key (data.orderId) is null")],
)
async def test_what_cannot_be_read_goes_to_the_dead_letters(site: Site, body: bytes, reason: str) -> None:
    await site.start(ORDERS.replace('event = "OrderAccepted"', ""), USER)
    await site.publish(Message(channel="orders", body=body))
    (letter,) = await site.dead("orders.dead")
    assert reason in letter.reason and letter.channel == "orders" and letter.delivery.body == body


async def test_what_the_engine_fails_at_is_tried_again_and_kept(site: Site) -> None:
    bridge = ORDERS.replace('"order"', '"failing"') + "attempts = 2\n"
    await site.start(bridge, FAILING)
    await site.event("orders", "OrderAccepted", {"orderId": "A", "amount": 1})
    (letter,) = await site.dead("orders.dead")
    assert "nothing" in letter.reason and "after 2 attempts" in letter.reason
    assert await site.instances("failing") == []


async def test_messages_of_one_key_keep_their_order(site: Site) -> None:
    await site.start(ORDERS, USER)
    events = [
        ("orders", "OrderAccepted", {"orderId": f"{key}-{number:02}", "amount": 1}, key)
        for number in range(25)
        for key in ("a", "b")
    ]
    for channel, kind, data, key in events:
        await site.event(channel, kind, data, key=key)
    rows = await site.instances("order", 50)
    for key in ("a", "b"):
        keys = [row["business_key"] for row in sorted(rows, key=lambda r: r["id"]) if row["business_key"][0] == key]
        assert keys == sorted(keys)


async def test_a_store_that_is_away_loses_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.start(ORDERS, USER)
    commit = site.node.store.commit

    async def broken(batch: object) -> int:
        raise StoreFailed("the store is away")

    monkeypatch.setattr(site.node.store, "commit", broken)
    for number in range(30):
        await site.event("orders", "OrderAccepted", {"orderId": f"A{number}", "amount": 1})
    await asyncio.sleep(0.5)
    monkeypatch.setattr(site.node.store, "commit", commit)
    await site.instances("order", 30)

    async def settled() -> bool:
        return (await site.bus.lag("orders", "penstock")).waiting == 0

    await until(settled)
    assert len(await site.instances("order")) == 30


async def test_a_message_reaches_the_instance_with_its_business_key(site: Site) -> None:
    await site.start(PAYMENTS, PAYMENT)
    first = await site.start_instance("payment", "A")
    second = await site.start_instance("payment", "B")
    await site.publish(plain("payments", {"orderId": "B", "sum": 5}))
    await site.ended(second)
    assert await site.node.instance(first) is not None


async def test_correlation_keys_choose_among_instances(site: Site) -> None:
    await site.start(
        PAYMENTS.replace('business_key = "data.orderId"', 'correlation_keys = { order = "data.orderId" }'), PAYMENT
    )
    first = await site.start_instance("payment", order="A")
    second = await site.start_instance("payment", order="B")
    await site.publish(plain("payments", {"orderId": "A", "sum": 5}))
    await site.ended(first)
    assert await site.node.instance(second) is not None


async def test_a_message_for_more_than_one_is_refused_and_kept(site: Site) -> None:
    await site.start(PAYMENTS, PAYMENT)
    await site.start_instance("payment", "A")
    await site.start_instance("payment", "A")
    await site.publish(plain("payments", {"orderId": "A", "sum": 5}))
    (letter,) = await site.dead("payments.dead")
    assert "2 executions wait for the message 'PaymentReceived'" in letter.reason


async def test_a_message_can_start_a_process_by_its_name(site: Site) -> None:
    await site.start(PAYMENTS.replace("PaymentReceived", "TicketOpened"), TICKET)
    await site.publish(plain("payments", {"orderId": "T", "sum": 1}))
    (row,) = await site.instances("ticket", 1)
    assert row["business_key"] == "T" and row["start_activity_id"] == "s"


async def test_an_early_message_waits_for_its_instance(site: Site) -> None:
    await site.start(PAYMENTS, PAYMENT)
    await site.publish(plain("payments", {"orderId": "A", "sum": 5}), plain("payments", {"orderId": "B", "sum": 6}))

    async def kept() -> bool:
        return await site.bridges.early.waiting() == 2

    await until(kept)
    instance = await site.start_instance("payment", "B")
    await site.ended(instance)
    assert await site.bridges.early.waiting() == 1


async def test_an_early_message_is_kept_over_a_restart_and_has_one_effect(site: Site) -> None:
    await site.start(PAYMENTS, PAYMENT)
    for _ in range(2):
        await site.event("payments", "P", {"orderId": "A", "sum": 5}, id="one")

    async def kept() -> bool:
        lag = await site.bus.lag("payments", "penstock")
        return lag.waiting == 0 and await site.bridges.early.waiting() == 1

    await until(kept)
    await site.bridges.close()
    instance = await site.start_instance("payment", "A")
    await site.restart_bridges()
    await site.ended(instance)
    other = await site.start_instance("payment", "A")
    await site.event("payments", "P", {"orderId": "A", "sum": 5}, id="one")
    await asyncio.sleep(0.3)
    assert await site.node.instance(other) is not None
    assert await site.bridges.early.waiting() == 0


async def test_a_message_that_nobody_waited_for_is_kept_with_the_reason(site: Site) -> None:
    await site.start(PAYMENTS + 'early = "PT1S"\n', PAYMENT)
    await site.publish(plain("payments", {"orderId": "A", "sum": 5}))
    (letter,) = await site.dead("payments.dead")
    assert "nobody waited for the message 'PaymentReceived' within 1 s" in letter.reason
    assert msgspec.json.decode(letter.delivery.body) == {"orderId": "A", "sum": 5}
    assert await site.bridges.early.waiting() == 0


async def test_a_late_message_is_refused_and_kept(site: Site) -> None:
    await site.start(PAYMENTS, PAYMENT)
    instance = await site.start_instance("payment", "A")
    await site.publish(plain("payments", {"orderId": "A", "sum": 5}))
    await site.ended(instance)
    await site.publish(plain("payments", {"orderId": "A", "sum": 6}))
    (letter,) = await site.dead("payments.dead")
    assert f"too late: the process instance {instance}" in letter.reason


async def test_a_message_is_late_by_its_correlation_keys_too(site: Site) -> None:
    keys = 'correlation_keys = { order = "data.orderId", part = "data.part" }'
    await site.start(PAYMENTS.replace('business_key = "data.orderId"', keys), PAYMENT)
    first = await site.start_instance("payment", order="A", part=1)
    await site.publish(plain("payments", {"orderId": "A", "part": 1}))
    await site.ended(first)
    second = await site.start_instance("payment", order="A", part=2)
    await site.publish(plain("payments", {"orderId": "A", "part": 1}), plain("payments", {"orderId": "A", "part": 3}))
    (letter,) = await site.dead("payments.dead")
    assert f"too late: the process instance {first} with the same order, part has ended" in letter.reason

    async def kept() -> bool:
        return await site.bridges.early.waiting() == 1

    await until(kept, "the message for part 3 is early")
    assert await site.node.instance(second) is not None


async def test_a_change_of_the_file_is_followed(site: Site) -> None:
    await site.start("", USER)
    site.write(ORDERS)
    await site.event("orders", "OrderAccepted", {"orderId": "A", "amount": 1})
    await site.instances("order", 1)
    site.write(ORDERS + "nonsense = 1\n")
    await asyncio.sleep(1.5)
    await site.event("orders", "OrderAccepted", {"orderId": "B", "amount": 1})
    await site.instances("order", 2)
    site.write("")

    async def gone() -> bool:
        return not site.bridges.links["events"].consumers

    await until(gone)


def test_a_message_without_any_id_is_refused_unless_that_is_allowed() -> None:
    bridge = {"connection": "events", "channel": "orders", "start": "order"}
    content = {"connections": {"events": {"url": "memory://x"}}}
    delivery = Delivery(
        id="",
        channel="orders",
        body=b"{}",
        key=None,
        headers={},
        content_type=None,
        published_at_ms=None,
        attempt=1,
        metadata={},
        receipt=None,
    )
    received = cloudevents.read(delivery, "amqp")
    (strict,) = parse({**content, "bridge": [bridge]}, "f", {}).bridges
    with pytest.raises(MessageUnreadable, match="no id"):
        read_arrival(strict, received, received.envelope())
    (loose,) = parse({**content, "bridge": [{**bridge, "delivery": "at-least-once"}]}, "f", {}).bridges
    assert read_arrival(loose, received, received.envelope()).key is None
