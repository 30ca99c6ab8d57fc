"""The bus on SNS: the contract, and what is its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from penstock.base.clock import SystemClock
from penstock.base.errors import BusFailed
from penstock.bus.address import parse_address
from penstock.bus.aws.connection import Connection
from penstock.bus.protocol import Channel, Message, Subscribe
from penstock.bus.sns.bus import Options, SnsBus, make_bus, queues_address

pytest.register_assert_rewrite("penstock.testing.bus_suite")
from penstock.testing.bus_control import BrokerControl  # noqa: E402
from penstock.testing.bus_suite import (  # noqa: E402
    WAIT_S,
    BusSuite,
    bodies,
    consume_all_of,
    numbered,
    publish,
    receive,
    receive_some,
    wanted,
)


class TestSnsBus(BusSuite):
    quiet_ms = 1_500

    @pytest.fixture
    def broker(self, sns_broker: BrokerControl) -> BrokerControl:
        return sns_broker


class Others:
    """Clients of somebody else, one for each service."""

    def __init__(self, url: str) -> None:
        address = parse_address(url, None)
        options = address.options(Options)
        self.sns = Connection(address, options)
        self.sqs = Connection(queues_address(address, options), options)

    async def topic(self, name: str) -> str:
        """Its ARN; it is made when it does not exist."""
        return str((await self.sns.ask("create_topic", Name=name))["TopicArn"])

    async def queue(self, name: str) -> str:
        """Its address."""
        return str((await self.sqs.ask("get_queue_url", QueueName=name))["QueueUrl"])

    async def subscriptions(self, topic: str) -> list[dict[str, Any]]:
        """Of a topic."""
        listed = await self.sns.ask("list_subscriptions_by_topic", TopicArn=topic)
        return list(listed["Subscriptions"])


@asynccontextmanager
async def connected(broker: BrokerControl) -> AsyncIterator[tuple[SnsBus, Others]]:
    """A bus, and clients of somebody else."""
    bus, others = make_bus(broker.url, SystemClock()), Others(broker.url)
    assert isinstance(bus, SnsBus)
    await bus.open()
    await others.sns.open()
    await others.sqs.open()
    try:
        yield bus, others
    finally:
        await bus.close()
        await others.sns.close()
        await others.sqs.close()


async def test_messages_of_others_are_taken_as_they_are(sns_broker: BrokerControl) -> None:
    channel = sns_broker.channel()
    async with connected(sns_broker) as (bus, others):
        subscription = await bus.subscribe(Subscribe(channel=channel))
        attributes = {"Type": {"DataType": "String", "StringValue": "Größe"}}
        await others.sns.ask(
            "publish", TopicArn=await others.topic(channel), Message='{"a": 1}', MessageAttributes=attributes
        )
        (found,) = await receive(subscription, 1)
        assert (found.body, dict(found.headers), found.content_type) == (b'{"a": 1}', {"type": "Größe"}, None)
        assert found.id


@pytest.mark.parametrize("body", [b"", b"=", b"\x00\x01", b"\xff", "€ \ufffe".encode(), "🙂\t\r\n".encode()])
async def test_any_bytes_pass(sns_broker: BrokerControl, body: bytes) -> None:
    channel = sns_broker.channel()
    async with connected(sns_broker) as (bus, _):
        subscription = await bus.subscribe(Subscribe(channel=channel))
        await publish(bus, [Message(channel=channel, body=body)])
        assert bodies(await consume_all_of(subscription, [body])) == [body]


async def test_a_group_that_another_process_has_just_declared_misses_nothing(sns_broker: BrokerControl) -> None:
    channel = sns_broker.channel()
    async with connected(sns_broker) as (publisher, _), connected(sns_broker) as (bus, _):
        await publish(publisher, numbered(channel, 1))
        await bus.declare([Channel(channel, ("late",))])
        await publish(publisher, numbered(channel, 12)[1:])
        subscription = await bus.subscribe(Subscribe(channel=channel, group="late"))
        found = await consume_all_of(subscription, wanted(12)[1:])
        assert sorted(bodies(found)) == sorted(wanted(12)[1:])
        assert (await bus.lag(channel, "penstock")).waiting == 12


async def test_dots_are_hyphens_and_queues_let_their_topic_only_send(sns_broker: BrokerControl) -> None:
    name = sns_broker.channel()
    async with connected(sns_broker) as (bus, others):
        await bus.declare([Channel(f"{name}.eu", ("one", "penstock"))])
        topic = await others.topic(f"{name}-eu")
        endpoints = {each["Endpoint"].rpartition(":")[2] for each in await others.subscriptions(topic)}
        assert endpoints == {f"{name}-eu", f"{name}-eu-one"}
        queue = await others.queue(f"{name}-eu-one")
        found = await others.sqs.ask("get_queue_attributes", QueueUrl=queue, AttributeNames=["Policy", "QueueArn"])
        (statement,) = msgspec.json.decode(found["Attributes"]["Policy"])["Statement"]
        assert statement["Resource"] == found["Attributes"]["QueueArn"]
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": topic}}
        assert statement["Principal"] == {"Service": "sns.amazonaws.com"}


async def test_a_topic_with_subscribers_of_others_gets_no_queue_by_publishing(sns_broker: BrokerControl) -> None:
    channel = sns_broker.channel()
    async with connected(sns_broker) as (bus, others):
        topic = await others.topic(channel)
        await others.sns.ask("subscribe", TopicArn=topic, Protocol="sms", Endpoint="+15551234567")
        await bus.declare([Channel(channel)])
        assert [each["Protocol"] for each in await others.subscriptions(topic)] == ["sms"]


async def test_a_crash_between_queue_and_subscription_is_mended(sns_broker: BrokerControl) -> None:
    channel = sns_broker.channel()
    async with connected(sns_broker) as (bus, others):
        await bus.declare([Channel(channel, ("one",))])
        (subscribed,) = await others.subscriptions(await others.topic(channel))
        await others.sns.ask("unsubscribe", SubscriptionArn=subscribed["SubscriptionArn"])
    async with connected(sns_broker) as (bus, _):
        subscription = await bus.subscribe(Subscribe(channel=channel, group="one"))
        await publish(bus, numbered(channel, 1))
        await consume_all_of(subscription, wanted(1))


async def test_a_queue_made_for_sqs_lets_the_topic_send_from_now_on(sns_broker: BrokerControl) -> None:
    channel = sns_broker.channel()
    async with connected(sns_broker) as (bus, others):
        tags = {"penstock-channel": channel, "penstock-group": "penstock"}
        queue = (await others.sqs.ask("create_queue", QueueName=channel, tags=tags))["QueueUrl"]
        await bus.declare([Channel(channel, ("penstock",))])
        found = await others.sqs.ask("get_queue_attributes", QueueUrl=queue, AttributeNames=["Policy"])
        assert "aws:SourceArn" in found["Attributes"]["Policy"]


async def test_a_queue_of_somebody_else_is_not_changed(sns_broker: BrokerControl) -> None:
    channel = sns_broker.channel()
    async with connected(sns_broker) as (bus, others):
        await others.sqs.ask("create_queue", QueueName=channel)
        with pytest.raises(BusFailed, match="its policy must be"):
            await bus.declare([Channel(channel, ("penstock",))])


async def test_two_channels_do_not_share_a_queue(sns_broker: BrokerControl) -> None:
    channel = sns_broker.channel()
    async with connected(sns_broker) as (bus, _):
        await bus.declare([Channel(channel, ("eu",))])
        with pytest.raises(BusFailed, match="is that of the group eu of the channel"):
            await bus.declare([Channel(f"{channel}-eu")])


async def test_a_subscription_that_is_not_raw_is_refused(sns_broker: BrokerControl) -> None:
    channel = sns_broker.channel()
    async with connected(sns_broker) as (bus, others):
        await bus.declare([Channel(channel, ("one",))])
        (subscribed,) = await others.subscriptions(await others.topic(channel))
        wrapped = {"AttributeName": "RawMessageDelivery", "AttributeValue": "false"}
        await others.sns.ask("set_subscription_attributes", SubscriptionArn=subscribed["SubscriptionArn"], **wrapped)
    async with connected(sns_broker) as (bus, _):
        with pytest.raises(BusFailed, match="set RawMessageDelivery"):
            await bus.declare([Channel(channel, ("one",))])


async def test_a_queue_and_a_topic_that_were_removed_are_made_again(sns_broker: BrokerControl) -> None:
    channel = sns_broker.channel()
    async with connected(sns_broker) as (bus, others):
        subscription = await bus.subscribe(Subscribe(channel=channel, group="one"))
        await others.sns.ask("delete_topic", TopicArn=await others.topic(channel))
        await others.sqs.ask("delete_queue", QueueUrl=await others.queue(f"{channel}-one"))
        await publish(bus, numbered(channel, 1))
        topic = await others.topic(channel)
        async with asyncio.timeout(WAIT_S):
            while f"{channel}-one" not in str(await others.subscriptions(topic)):
                await receive_some(subscription, 1)
        await publish(bus, [Message(channel=channel, body=b"late")])
        assert bodies(await consume_all_of(subscription, [b"late"])) == [b"late"]


async def test_a_name_that_aws_refuses_is_said(sns_broker: BrokerControl) -> None:
    async with connected(sns_broker) as (bus, _):
        with pytest.raises(BusFailed):
            await bus.declare([Channel("x" * 100)])


@pytest.mark.parametrize(
    ("host", "option", "expected"),
    [
        ("sns.eu-central-1.amazonaws.com", "", "sqs.eu-central-1.amazonaws.com"),
        ("127.0.0.1:5000", "", "127.0.0.1:5000"),
        ("sns.example", "?queues_host=queues.example:1", "queues.example:1"),
    ],
)
def test_queues_are_beside_the_topics(host: str, option: str, expected: str) -> None:
    address = parse_address(f"sns+https://{host}{option}", None)
    found = queues_address(address, address.options(Options))
    assert (found.scheme, list(found.hosts)) == ("sqs+https", [expected])
