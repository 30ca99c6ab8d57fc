"""The bus on Redis Streams: the contract, and what is its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from penstock.base.clock import SystemClock
from penstock.base.errors import BusFailed
from penstock.bus.protocol import Message, Subscribe
from penstock.bus.redis_streams.bus import RedisBus, make_bus
from penstock.bus.redis_streams.scripts import TRIM
from penstock.bus.redis_streams.streams import made_mark, retry_stream

pytest.register_assert_rewrite("penstock.testing.bus_suite")
from penstock.testing.bus_control import BrokerControl  # noqa: E402
from penstock.testing.bus_suite import BusSuite, bodies, consume_all_of, numbered, publish, receive, wanted  # noqa: E402


class TestRedisBus(BusSuite):
    quiet_ms = 300

    @pytest.fixture
    def broker(self, redis_streams_broker: BrokerControl) -> BrokerControl:
        return redis_streams_broker


@asynccontextmanager
async def connected(broker: BrokerControl) -> AsyncIterator[tuple[RedisBus, Redis]]:
    """A bus, and a client of somebody else."""
    bus = make_bus(broker.url, SystemClock())
    assert isinstance(bus, RedisBus)
    port = int(broker.url.partition("?")[0].rpartition(":")[2])
    client = Redis(host="127.0.0.1", port=port)
    await bus.open()
    try:
        yield bus, client
    finally:
        await bus.close()
        await client.aclose()


async def test_entries_of_others_are_taken_as_json(redis_streams_broker: BrokerControl) -> None:
    channel = redis_streams_broker.channel()
    async with connected(redis_streams_broker) as (bus, client):
        await client.xadd(channel, {"data": '{"a": 1}', "content-type": "application/json", "Trace": "7"})
        await client.xadd(channel, {"orderId": "4711", "amount": "12"})
        subscription = await bus.subscribe(Subscribe(channel=channel))
        first, second = await receive(subscription, 2)
        assert (first.body, first.content_type, dict(first.headers)) == (
            b'{"a": 1}',
            "application/json",
            {"trace": "7"},
        )
        assert json.loads(second.body) == {"orderId": "4711", "amount": "12"}


async def test_headers_may_have_the_names_of_our_fields(redis_streams_broker: BrokerControl) -> None:
    channel = redis_streams_broker.channel()
    headers = {"data": "1", "header:data": "2"}
    async with connected(redis_streams_broker) as (bus, _):
        subscription = await bus.subscribe(Subscribe(channel=channel))
        await publish(bus, [Message(channel=channel, body=b"body", headers=headers)])
        (delivery,) = await receive(subscription, 1)
        assert (delivery.body, dict(delivery.headers)) == (b"body", headers)


async def test_what_is_settled_is_removed_from_streams_made_here_only(redis_streams_broker: BrokerControl) -> None:
    mine, others = redis_streams_broker.channel(), redis_streams_broker.channel()
    async with connected(redis_streams_broker) as (bus, client):
        await client.xadd(others, {"data": "first"})
        for channel in (mine, others):
            subscription = await bus.subscribe(Subscribe(channel=channel, lease_ms=150))
            await publish(bus, numbered(channel, 500))
            await consume_all_of(subscription, wanted(500))
        async with asyncio.timeout(30):
            while await client.xlen(mine) > 200:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        assert await client.xlen(others) == 501
        assert not await client.exists(made_mark(others))


async def test_nothing_unsettled_is_removed(redis_streams_broker: BrokerControl) -> None:
    channel = redis_streams_broker.channel()
    async with connected(redis_streams_broker) as (bus, client):
        slow = await bus.subscribe(Subscribe(channel=channel, group="slow"))
        fast = await bus.subscribe(Subscribe(channel=channel, group="fast"))
        await publish(bus, numbered(channel, 300))
        given = await receive(slow, 10)
        await consume_all_of(fast, wanted(300))
        await client.eval(TRIM, 2, channel, retry_stream(channel, "slow"))
        rest = await consume_all_of(slow, wanted(300)[10:])
        assert bodies([*given, *rest]) == wanted(300)


async def test_what_was_read_by_a_call_that_was_cut_short_comes_all_the_same(
    redis_streams_broker: BrokerControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = redis_streams_broker.channel()
    async with connected(redis_streams_broker) as (bus, _):
        subscription = await bus.subscribe(Subscribe(channel=channel))
        await publish(bus, numbered(channel, 3))
        with monkeypatch.context() as patch:
            patch.setattr(
                subscription, "_take_in", lambda stream, entries: (_ for _ in ()).throw(asyncio.CancelledError)
            )
            with pytest.raises(asyncio.CancelledError):
                await subscription.receive(3, 1_000)
        assert bodies(await receive(subscription, 3)) == wanted(3)


async def test_a_key_that_is_no_stream_is_said(redis_streams_broker: BrokerControl) -> None:
    channel = redis_streams_broker.channel()
    async with connected(redis_streams_broker) as (bus, client):
        await client.set(channel, "text")
        with pytest.raises(BusFailed, match="WRONGTYPE"):
            await bus.subscribe(Subscribe(channel=channel))


async def test_a_wrong_password_is_said_without_it(redis_streams_broker: BrokerControl) -> None:
    bus = make_bus(redis_streams_broker.url.replace("://", "://someone:secret@"), SystemClock())
    with pytest.raises(BusFailed) as refused:
        await bus.open()
    assert "secret" not in refused.value.message
