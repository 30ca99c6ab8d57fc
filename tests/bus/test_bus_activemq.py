"""The bus on ActiveMQ Artemis: the contract, and what is its own."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("proton") is None and os.environ.get("CI") != "true":
    pytest.skip("NOTHING OF ACTIVEMQ IS TESTED: pip install 'penstock[activemq]'", allow_module_level=True)
from proton import Message as AmqpMessage

from penstock.base.clock import SystemClock
from penstock.base.errors import BusFailed, BusUnavailable
from penstock.bus.activemq.bus import ActiveMqBus, make_bus
from penstock.bus.activemq.connection import DEFAULT_PORT, Connection, Options
from penstock.bus.activemq.queues import queue_address
from penstock.bus.address import parse_address
from penstock.bus.protocol import DEFAULT_GROUP, Channel, Message, Subscribe

pytest.register_assert_rewrite("penstock.testing.bus_suite")
from penstock.testing.bus_control import BrokerControl  # noqa: E402
from penstock.testing.bus_suite import BusSuite, bodies, consume_all_of, publish, receive  # noqa: E402


class TestActiveMqBus(BusSuite):
    quiet_ms = 300

    @pytest.fixture
    def broker(self, activemq_broker: BrokerControl) -> BrokerControl:
        return activemq_broker


@asynccontextmanager
async def connected(broker: BrokerControl) -> AsyncIterator[tuple[ActiveMqBus, Connection]]:
    """A bus, and a connection of somebody else."""
    address = parse_address(broker.url, DEFAULT_PORT)
    bus, other = make_bus(broker.url, SystemClock()), Connection(address, address.options(Options))
    assert isinstance(bus, ActiveMqBus)
    await bus.open()
    await other.open()
    try:
        yield bus, other
    finally:
        await bus.close()
        await other.close()


async def test_messages_of_others_are_taken_as_they_are(activemq_broker: BrokerControl) -> None:
    channel = activemq_broker.channel()
    async with connected(activemq_broker) as (bus, other):
        subscription = await bus.subscribe(Subscribe(channel=channel))
        sent = [
            AmqpMessage(
                "Größe", id="ID:1", properties={"Count": 7, "good": True}, group_id="k", content_type="text/plain"
            ),
            AmqpMessage({"orderId": "4711"}, id="ID:2"),
            AmqpMessage(),
        ]
        assert not any(await other.send(channel, [message.encode() for message in sent]))
        text, mapped, empty = await receive(subscription, 3)
        assert (text.id, text.body.decode(), text.key, text.content_type) == ("ID:1", "Größe", "k", "text/plain")
        assert dict(text.headers) == {"count": "7", "good": "true"}
        assert json.loads(mapped.body) == {"orderId": "4711"}
        assert (empty.id, empty.body, empty.content_type, empty.published_at_ms) == ("", b"", None, None)


async def test_what_is_sent_to_the_queue_of_the_channel_reaches_the_default_group(
    activemq_broker: BrokerControl,
) -> None:
    channel = activemq_broker.channel()
    async with connected(activemq_broker) as (bus, other):
        mine = await bus.subscribe(Subscribe(channel=channel))
        another = await bus.subscribe(Subscribe(channel=channel, group="another"))
        await other.send(queue_address(channel, DEFAULT_GROUP), [AmqpMessage(b"x", inferred=True, id="1").encode()])
        assert bodies(await consume_all_of(mine, [b"x"])) == [b"x"]
        assert bodies(await another.receive(1, 300)) == []


async def test_the_broker_never_gives_up_on_a_message(activemq_broker: BrokerControl) -> None:
    channel = activemq_broker.channel()
    async with connected(activemq_broker) as (bus, other):
        await bus.declare([Channel(channel)])
        properties = {"_AMQ_ResourceName": "broker", "_AMQ_OperationName": "getAddressSettingsAsJSON"}
        assert json.loads(await other.manage(properties, channel))["maxDeliveryAttempts"] == -1


async def test_a_queue_that_was_removed_is_made_again(activemq_broker: BrokerControl) -> None:
    channel = activemq_broker.channel()
    async with connected(activemq_broker) as (bus, other):
        subscription = await bus.subscribe(Subscribe(channel=channel))
        properties = {"_AMQ_ResourceName": "broker", "_AMQ_OperationName": "destroyQueue"}
        await other.manage(properties, channel, True, True)
        receiving = asyncio.create_task(consume_all_of(subscription, [b"late"]))
        async with asyncio.timeout(30):
            while not receiving.done():
                await publish(bus, [Message(channel=channel, body=b"late")])
                await asyncio.sleep(0.1)
        await receiving


async def test_a_wrong_password_is_said_without_it(activemq_broker: BrokerControl) -> None:
    bus = make_bus(activemq_broker.url.replace("admin:admin", "admin:secret"), SystemClock())
    with pytest.raises(BusFailed) as refused:
        await bus.open()
    assert not isinstance(refused.value, BusUnavailable)
    assert "secret" not in refused.value.message


async def test_a_closed_bus_leaves_no_thread_and_no_file_open(activemq_broker: BrokerControl) -> None:
    def used() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/dev/fd").iterdir()))

    await asyncio.to_thread(int)  # the pool's thread
    before = used()
    for _ in range(3):
        async with connected(activemq_broker) as (bus, _):
            await bus.subscribe(Subscribe(channel=activemq_broker.channel()))
    threads, files = used()
    assert (threads, files) <= (before[0] + 3, before[1])
