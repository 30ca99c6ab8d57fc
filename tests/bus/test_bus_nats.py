"""The bus on NATS JetStream: the contract, and what is its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from nats.aio.client import Client

from penstock.base.clock import SystemClock
from penstock.base.errors import BusFailed
from penstock.bus.nats.bus import make_bus
from penstock.bus.nats.streams import token
from penstock.bus.protocol import Bus, Channel, Message, Subscribe

pytest.register_assert_rewrite("penstock.testing.bus_suite")
from penstock.testing.bus_control import BrokerControl  # noqa: E402
from penstock.testing.bus_suite import BusSuite, bodies, consume_all_of, numbered, publish, receive, wanted  # noqa: E402


class TestNatsBus(BusSuite):
    quiet_ms = 300

    @pytest.fixture
    def broker(self, nats_broker: BrokerControl) -> BrokerControl:
        return nats_broker


@asynccontextmanager
async def connected(broker: BrokerControl) -> AsyncIterator[tuple[Bus, Any]]:
    """A bus, and a JetStream client of somebody else."""
    bus, client = make_bus(broker.url, SystemClock()), Client()
    await client.connect(broker.url.partition("?")[0])
    await bus.open()
    try:
        yield bus, client.jetstream()
    finally:
        await bus.close()
        await client.close()


async def test_a_stream_of_others_that_has_the_subject_is_used_as_it_is(nats_broker: BrokerControl) -> None:
    channel = nats_broker.channel()
    async with connected(nats_broker) as (bus, jetstream):
        await jetstream.add_stream(name=f"others-{channel}", subjects=[f"{channel}.>"])
        await jetstream.publish(f"{channel}.created", b"0", headers={"Trace": "100 %"})
        subscription = await bus.subscribe(Subscribe(channel=f"{channel}.created", lease_ms=400))
        (delivery,) = await receive(subscription, 1)
        assert dict(delivery.headers) == {"trace": "100 %"}
        assert delivery.metadata["stream"] == f"others-{channel}"
        await publish(bus, numbered(f"{channel}.created", 300)[1:])
        await consume_all_of(subscription, wanted(300)[1:])
        await asyncio.sleep(0.5)
        assert (await jetstream.stream_info(f"others-{channel}")).state.messages == 300


async def test_names_with_dots_are_fine(nats_broker: BrokerControl) -> None:
    channel = f"{nats_broker.channel()}.of.dots"
    async with connected(nats_broker) as (bus, jetstream):
        subscription = await bus.subscribe(Subscribe(channel=channel, group="a.b"))
        await publish(bus, numbered(channel, 2))
        assert bodies(await consume_all_of(subscription, wanted(2))) == wanted(2)
        assert (await jetstream.consumer_info(token(channel), "a=b")).config.filter_subject == channel


async def test_what_all_groups_have_settled_is_removed(nats_broker: BrokerControl) -> None:
    channel = nats_broker.channel()
    async with connected(nats_broker) as (bus, jetstream):
        fast = await bus.subscribe(Subscribe(channel=channel, group="fast", lease_ms=400))
        slow = await bus.subscribe(Subscribe(channel=channel, group="slow", lease_ms=400))
        await publish(bus, numbered(channel, 500))
        await consume_all_of(fast, wanted(500))
        await asyncio.sleep(0.5)
        assert (await jetstream.stream_info(channel)).state.messages == 500
        assert bodies(await consume_all_of(slow, wanted(500))) == wanted(500)
        async with asyncio.timeout(30):
            while (await jetstream.stream_info(channel)).state.messages > 100:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)


async def test_a_stream_that_was_removed_is_made_again(nats_broker: BrokerControl) -> None:
    channel = nats_broker.channel()
    async with connected(nats_broker) as (bus, jetstream):
        subscription = await bus.subscribe(Subscribe(channel=channel))
        await jetstream.delete_stream(channel)
        await publish(bus, numbered(channel, 3))
        assert bodies(await consume_all_of(subscription, wanted(3))) == wanted(3)


async def test_a_full_stream_refuses(nats_broker: BrokerControl) -> None:
    channel = nats_broker.channel()
    async with connected(nats_broker) as (bus, jetstream):
        await jetstream.add_stream(name=channel, subjects=[channel], max_msgs=2, discard="new")
        await bus.declare([Channel(channel)])
        answers = await bus.publish(numbered(channel, 3))
        assert answers[:2] == [None, None]
        assert "exceeded" in str(answers[2])


async def test_a_name_that_is_no_subject_is_said(nats_broker: BrokerControl) -> None:
    async with connected(nats_broker) as (bus, _):
        with pytest.raises(BusFailed):
            await bus.publish([Message(channel="a..b", body=b"")])


async def test_the_first_host_may_be_away(nats_broker: BrokerControl) -> None:
    bus = make_bus(nats_broker.url.replace("127.0.0.1", "127.0.0.1:1,127.0.0.1", 1), SystemClock())
    await bus.open()
    await bus.close()
