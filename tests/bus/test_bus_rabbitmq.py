"""The bus on RabbitMQ: the contract, and what is its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aiormq import spec
from aiormq.abc import DeliveredMessage
from pamqp.header import ContentHeader

from penstock.base.clock import SystemClock
from penstock.base.errors import BusFailed
from penstock.bus.protocol import Bus, Retry, Subscribe
from penstock.bus.rabbitmq.bus import make_bus
from penstock.bus.rabbitmq.queues import LEVELS_S, level_for
from penstock.bus.rabbitmq.records import Receipt, delivery_of

pytest.register_assert_rewrite("penstock.testing.bus_suite")
from penstock.testing.bus_control import BrokerControl  # noqa: E402
from penstock.testing.bus_suite import BusSuite, bodies, consume, consume_all_of, numbered, publish, receive, wanted  # noqa: E402


class TestRabbitBus(BusSuite):
    quiet_ms = 300

    @pytest.fixture
    def broker(self, rabbitmq_broker: BrokerControl) -> BrokerControl:
        return rabbitmq_broker


@asynccontextmanager
async def connected(broker: BrokerControl) -> AsyncIterator[tuple[Bus, AbstractChannel]]:
    """A bus, and a channel of somebody else."""
    bus = make_bus(broker.url, SystemClock())
    connection = await aio_pika.connect(broker.url.partition("?")[0])
    await bus.open()
    try:
        yield bus, await connection.channel()
    finally:
        await bus.close()
        await connection.close()


async def test_who_sends_to_the_queue_reaches_the_default_group(rabbitmq_broker: BrokerControl) -> None:
    name = rabbitmq_broker.channel()
    async with connected(rabbitmq_broker) as (bus, channel):
        subscription = await bus.subscribe(Subscribe(channel=name))
        message = aio_pika.Message(b"{}", message_id="m-1", content_type="text/x", headers={"Trace": 7})
        await channel.default_exchange.publish(message, routing_key=name)
        (delivery,) = await receive(subscription, 1)
        assert (delivery.id, delivery.content_type, dict(delivery.headers)) == (f"{name}/m-1", "text/x", {"trace": "7"})


def test_a_message_without_an_id_has_an_empty_one() -> None:
    frame = spec.Basic.Deliver(consumer_tag="c", delivery_tag=7, exchange="", routing_key="q")
    message = DeliveredMessage(
        delivery=frame,
        header=ContentHeader(properties=spec.Basic.Properties()),
        body=b"{}",
        channel=None,  # type: ignore[arg-type]
    )
    delivery, _ = delivery_of(message, "q", 1)
    assert (delivery.id, delivery.published_at_ms, delivery.receipt) == ("", None, Receipt(1, 7))


async def test_a_queue_of_others_is_used_as_it_is(rabbitmq_broker: BrokerControl) -> None:
    name = rabbitmq_broker.channel()
    async with connected(rabbitmq_broker) as (bus, channel):
        await channel.declare_queue(name, durable=True)  # a classic queue
        await publish(bus, numbered(name, 3))
        subscription = await bus.subscribe(Subscribe(channel=name))
        assert bodies(await consume_all_of(subscription, wanted(3))) == wanted(3)


async def test_a_queue_that_was_removed_is_made_again(rabbitmq_broker: BrokerControl) -> None:
    name = rabbitmq_broker.channel()
    async with connected(rabbitmq_broker) as (bus, channel):
        subscription = await bus.subscribe(Subscribe(channel=name))
        await channel.queue_delete(name)
        await channel.exchange_delete(name)
        while await subscription.receive(1, 100):
            pass
        await publish(bus, numbered(name, 3))
        assert bodies(await consume_all_of(subscription, wanted(3))) == wanted(3)


async def test_order_holds_while_more_is_sent_ahead(rabbitmq_broker: BrokerControl) -> None:
    name = rabbitmq_broker.channel()
    async with connected(rabbitmq_broker) as (bus, _):
        subscription = await bus.subscribe(Subscribe(channel=name))
        await publish(bus, numbered(name, 300))
        found = [int(body) for body in bodies(await consume(subscription, lambda found: len(found) >= 300))]
        assert all(first < second for first, second in pairwise(found))


async def test_a_long_wait_goes_over_several_queues(rabbitmq_broker: BrokerControl) -> None:
    name = rabbitmq_broker.channel()
    async with connected(rabbitmq_broker) as (bus, _):
        subscription = await bus.subscribe(Subscribe(channel=name))
        await publish(bus, numbered(name, 1))
        (first,) = await receive(subscription, 1)
        started_s = asyncio.get_running_loop().time()
        await subscription.settle([Retry(first, delay_ms=5_500)])
        (again,) = await receive(subscription, 1)
        assert asyncio.get_running_loop().time() - started_s >= 5
        assert (again.id, again.attempt) == (first.id, 2)
        await bus.close()


@pytest.mark.parametrize(("delay_ms", "level_s"), [(1, 1), (1_000, 1), (3_999, 1), (4_000, 4), (10**9, LEVELS_S[-1])])
def test_no_wait_is_longer_than_the_delay_but_the_shortest(delay_ms: int, level_s: int) -> None:
    assert level_for(delay_ms) == level_s


async def test_a_wrong_password_is_said_without_it(rabbitmq_broker: BrokerControl) -> None:
    bus = make_bus(rabbitmq_broker.url.replace("://", "://someone:secret@"), SystemClock())
    with pytest.raises(BusFailed) as refused:
        await bus.open()
    assert type(refused.value) is BusFailed
    assert "secret" not in refused.value.message
