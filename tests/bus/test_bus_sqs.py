"""The bus on SQS: the contract, and what is its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from penstock.base.clock import SystemClock
from penstock.base.errors import BusFailed
from penstock.bus.address import parse_address
from penstock.bus.aws.connection import Connection, Options
from penstock.bus.aws.records import queue_entry
from penstock.bus.protocol import Channel, Message, Subscribe
from penstock.bus.sqs.bus import SqsBus, make_bus

pytest.register_assert_rewrite("penstock.testing.bus_suite")
from penstock.testing.bus_control import BrokerControl  # noqa: E402
from penstock.testing.bus_suite import BusSuite, bodies, consume_all_of, publish, receive  # noqa: E402


class TestSqsBus(BusSuite):
    quiet_ms = 1_500

    @pytest.fixture
    def broker(self, sqs_broker: BrokerControl) -> BrokerControl:
        return sqs_broker


@asynccontextmanager
async def connected(broker: BrokerControl) -> AsyncIterator[tuple[SqsBus, Connection]]:
    """A bus, and a client of somebody else."""
    address = parse_address(broker.url, None)
    bus, other = make_bus(broker.url, SystemClock()), Connection(address, address.options(Options))
    assert isinstance(bus, SqsBus)
    await bus.open()
    await other.open()
    try:
        yield bus, other
    finally:
        await bus.close()
        await other.close()


async def test_messages_of_others_are_taken_as_they_are(sqs_broker: BrokerControl) -> None:
    channel = sqs_broker.channel()
    async with connected(sqs_broker) as (bus, other):
        subscription = await bus.subscribe(Subscribe(channel=channel))
        queue = (await other.ask("get_queue_url", QueueName=channel))["QueueUrl"]
        attributes = {"Type": {"DataType": "String", "StringValue": "Größe"}}
        sent = await other.ask("send_message", QueueUrl=queue, MessageBody='{"a": 1}', MessageAttributes=attributes)
        (found,) = await receive(subscription, 1)
        assert (found.id, found.body, dict(found.headers)) == (sent["MessageId"], b'{"a": 1}', {"type": "Größe"})
        assert found.content_type is None


@pytest.mark.parametrize("body", [b"", b"=", b"\x00\x01", b"\xff", "€ \ufffe".encode(), "🙂\t\r\n".encode()])
async def test_any_bytes_pass(sqs_broker: BrokerControl, body: bytes) -> None:
    channel = sqs_broker.channel()
    async with connected(sqs_broker) as (bus, _):
        subscription = await bus.subscribe(Subscribe(channel=channel))
        await publish(bus, [Message(channel=channel, body=body)])
        assert bodies(await consume_all_of(subscription, [body])) == [body]


async def test_dots_are_hyphens_and_names_that_only_begin_alike_are_others(sqs_broker: BrokerControl) -> None:
    name = sqs_broker.channel()
    async with connected(sqs_broker) as (bus, other):
        await bus.declare([Channel(f"{name}.eu", ("one",)), Channel(f"{name}.eu.west")])
        await publish(bus, [Message(channel=f"{name}.eu", body=b"x")])
        listed = await other.ask("list_queues", QueueNamePrefix=name)
        names = {url.rpartition("/")[2] for url in listed["QueueUrls"]}
        assert names == {f"{name}-eu-one", f"{name}-eu-west"}
        assert (await bus.lag(f"{name}.eu", "one")).waiting == 1
        assert (await bus.lag(f"{name}.eu.west", "penstock")).waiting == 0


async def test_a_queue_that_was_removed_is_made_again(sqs_broker: BrokerControl) -> None:
    channel = sqs_broker.channel()
    async with connected(sqs_broker) as (bus, other):
        subscription = await bus.subscribe(Subscribe(channel=channel))
        queue = (await other.ask("get_queue_url", QueueName=channel))["QueueUrl"]
        await other.ask("delete_queue", QueueUrl=queue)
        await publish(bus, [Message(channel=channel, body=b"late")])
        assert bodies(await consume_all_of(subscription, [b"late"])) == [b"late"]


async def test_a_delay_longer_than_sqs_has_is_kept_in_the_message() -> None:
    entry = queue_entry(Message(channel="c", body=b"x", delay_ms=3_600_000), 1_000)
    assert entry["DelaySeconds"] == 900
    assert '"penstock-not-before-ms":"3601000"' in entry["MessageAttributes"]["penstock-headers"]["StringValue"]


async def test_a_name_that_sqs_refuses_is_said(sqs_broker: BrokerControl) -> None:
    async with connected(sqs_broker) as (bus, _):
        with pytest.raises(BusFailed):
            await bus.declare([Channel("x" * 100)])
