"""The contract of `penstock.bus.protocol` as tests that anyone can run over an adapter and its real broker.

    import pytest

    pytest.register_assert_rewrite("penstock.testing.bus_suite")
    from penstock.testing.bus_control import BrokerControl
    from penstock.testing.bus_suite import BusSuite


    class TestMyBus(BusSuite):
        @pytest.fixture
        def broker(self) -> BrokerControl:
            return MyBroker()

`broker` is a running broker (it may serve all tests: each uses channels of its own). Needs pytest and pytest-asyncio
(`asyncio_mode = "auto"`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from penstock.base.clock import SystemClock
from penstock.base.errors import BusFailed, BusUnavailable
from penstock.bus.dead_letters import DeadMessage, read_dead_letter, replay
from penstock.bus.protocol import (
    DEFAULT_GROUP,
    Bus,
    Channel,
    DeadLetter,
    Delivery,
    Done,
    Message,
    Retry,
    Subscribe,
    Subscription,
    dead_letter_channel,
)
from penstock.bus.registry import make_bus
from penstock.testing.bus_control import LEASE_MS, BrokerControl

WAIT_S = 60
"""For what must come; brokers that have just started are slow."""
POLL_MS = 250
GROUP = "suite"
CLOCK = SystemClock()


def numbered(channel: str, count: int, **fields: Any) -> list[Message]:
    """Messages whose bodies are 0, 1, 2, …"""
    return [Message(channel=channel, body=str(number).encode(), **fields) for number in range(count)]


def bodies(deliveries: Sequence[Delivery]) -> list[bytes]:
    """Their bodies."""
    return [delivery.body for delivery in deliveries]


def wanted(count: int) -> list[bytes]:
    """The bodies of `numbered`."""
    return [str(number).encode() for number in range(count)]


async def publish(bus: Bus, messages: Sequence[Message]) -> None:
    """Publishes all, over an outage if there is one."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                assert not any(await bus.publish(messages))
                return
            except BusUnavailable:
                await asyncio.sleep(POLL_MS / 1000)


async def receive(subscription: Subscription, count: int) -> list[Delivery]:
    """Waits for at least `count` messages, over an outage if there is one."""
    found: list[Delivery] = []
    async with asyncio.timeout(WAIT_S):
        while len(found) < count:
            found += await receive_some(subscription, count - len(found))
    return found


async def receive_some(subscription: Subscription, most: int) -> Sequence[Delivery]:
    """What is there; nothing during an outage."""
    try:
        return await subscription.receive(most, POLL_MS)
    except BusUnavailable:
        await asyncio.sleep(POLL_MS / 1000)
        return []


async def settle_done(subscription: Subscription, deliveries: Sequence[Delivery]) -> None:
    """Settles as done, over an outage if there is one."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                return await subscription.settle([Done(delivery) for delivery in deliveries])
            except BusUnavailable:
                await asyncio.sleep(POLL_MS / 1000)


async def consume(subscription: Subscription, enough: Callable[[list[Delivery]], bool]) -> list[Delivery]:
    """Receives and settles until it is enough."""
    found: list[Delivery] = []
    async with asyncio.timeout(WAIT_S):
        while not enough(found):
            batch = await receive_some(subscription, 100)
            await settle_done(subscription, batch)
            found += batch
    return found


async def consume_all_of(subscription: Subscription, expected: Sequence[bytes]) -> list[Delivery]:
    """Receives and settles until each body has come at least once."""
    return await consume(subscription, lambda found: set(expected) <= set(bodies(found)))


async def eventually_waiting(bus: Bus, channel: str, group: str, waiting: int) -> None:
    """Brokers count with some delay."""
    found = None
    try:
        async with asyncio.timeout(WAIT_S):
            while (found := (await bus.lag(channel, group)).waiting) != waiting:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(POLL_MS / 1000)
    except TimeoutError:
        pytest.fail(f"{found} messages wait, expected {waiting}")


class BusSuite:
    """The contract. A subclass gives the fixture `broker`."""

    quiet_ms = 1_000
    """What has not come by then does not come."""
    lease_ms = LEASE_MS

    @pytest.fixture
    async def bus(self, broker: BrokerControl) -> AsyncIterator[Bus]:
        """An open bus."""
        bus = make_bus(broker.url, CLOCK)
        await bus.open()
        yield bus
        await bus.close()

    @pytest.fixture
    def channel(self, broker: BrokerControl) -> str:
        """A fresh name."""
        return broker.channel()

    @asynccontextmanager
    async def another(self, broker: BrokerControl) -> AsyncIterator[Bus]:
        """A second bus, as another process would have."""
        bus = make_bus(broker.url, CLOCK)
        await bus.open()
        try:
            yield bus
        finally:
            await bus.close()

    async def subscribe(self, bus: Bus, channel: str, **fields: Any) -> Subscription:
        """A subscription of GROUP, with a short lease."""
        return await bus.subscribe(
            Subscribe(**{"channel": channel, "group": GROUP, "lease_ms": self.lease_ms, **fields})
        )

    async def dead_letters(self, bus: Bus, channel: str) -> Subscription:
        """A subscription of a channel of dead letters; those wait for the default group."""
        return await self.subscribe(bus, channel, group=DEFAULT_GROUP)

    async def assert_quiet(self, subscription: Subscription) -> None:
        """Nothing more comes."""
        assert bodies(await subscription.receive(10, self.quiet_ms)) == []

    # -- what goes in comes out

    async def test_a_message_comes_as_it_was_sent(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        headers = {"ce-type": "OrderAccepted", "x-title": 'Größe "XL" 100 %, ✓'}
        body = bytes(range(256))
        content_type = "application/x-thing; charset=x"
        before_ms = CLOCK.now_ms()
        await publish(
            bus, [Message(channel=channel, body=body, key="kunde-ü/1", headers=headers, content_type=content_type)]
        )
        (delivery,) = await receive(subscription, 1)
        assert (delivery.body, delivery.key, delivery.content_type) == (body, "kunde-ü/1", content_type)
        assert dict(delivery.headers) == headers
        assert (delivery.channel, delivery.attempt) == (channel, 1)
        assert delivery.id
        assert delivery.published_at_ms is None or abs(delivery.published_at_ms - before_ms) < 60_000
        await settle_done(subscription, [delivery])

    async def test_a_message_needs_no_key_and_may_be_empty(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        await publish(bus, [Message(channel=channel, body=b"")])
        (delivery,) = await receive(subscription, 1)
        assert (delivery.body, delivery.key) == (b"", None)
        await settle_done(subscription, [delivery])

    async def test_publishing_nothing_and_settling_nothing_is_fine(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        assert list(await bus.publish([])) == []
        await subscription.settle([])
        await self.assert_quiet(subscription)

    async def test_a_large_message_passes(self, broker: BrokerControl, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        body = Random(1).randbytes(broker.large_bytes)
        await publish(bus, [Message(channel=channel, body=body)])
        (delivery,) = await receive(subscription, 1)
        assert delivery.body == body
        await settle_done(subscription, [delivery])

    async def test_what_is_too_large_is_refused_and_holds_back_its_key_only(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        large = Message(channel=channel, body=bytes(bus.message_bytes_max + 1), key="a")
        messages = [
            Message(channel=channel, body=b"0", key="a"),
            large,
            Message(channel=channel, body=b"held", key="a"),
            Message(channel=channel, body=b"1", key="b"),
            Message(channel=channel, body=b"2"),
        ]
        answers = await bus.publish(messages)
        assert [answer is None for answer in answers] == [True, False, False, True, True]
        assert str(bus.message_bytes_max) in str(answers[1])
        found = await consume_all_of(subscription, wanted(3))
        assert sorted(bodies(found)) == wanted(3)
        await self.assert_quiet(subscription)

    async def test_what_was_published_before_the_first_consumer_is_kept(self, bus: Bus, channel: str) -> None:
        await bus.declare([Channel(channel, (GROUP,))])
        await publish(bus, numbered(channel, 5))
        subscription = await self.subscribe(bus, channel)
        assert sorted(bodies(await consume_all_of(subscription, wanted(5)))) == wanted(5)

    async def test_channels_are_declared_again_without_harm(self, bus: Bus, channel: str) -> None:
        await bus.declare([Channel(channel, (GROUP,))])
        await publish(bus, numbered(channel, 1))
        await bus.declare([Channel(channel, (GROUP, "other")), Channel(channel)])
        subscription = await self.subscribe(bus, channel)
        assert bodies(await consume_all_of(subscription, wanted(1))) == wanted(1)

    # -- settle

    async def test_what_is_settled_never_comes_again(self, broker: BrokerControl, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        await publish(bus, numbered(channel, 20))
        await consume_all_of(subscription, wanted(20))
        await subscription.close()
        async with self.another(broker) as other:
            await self.assert_quiet(await self.subscribe(other, channel))

    async def test_what_is_not_settled_comes_again_when_the_consumer_closes(
        self, broker: BrokerControl, bus: Bus, channel: str
    ) -> None:
        async with self.another(broker) as other:
            first = await self.subscribe(other, channel)
            await publish(bus, numbered(channel, 10))
            given = await receive(first, 10)
            await settle_done(first, given[:4])
        second = await self.subscribe(bus, channel)
        again = await consume_all_of(second, bodies(given[4:]))
        ids = {delivery.id for delivery in given}
        assert {delivery.id for delivery in again} <= ids, "a redelivered message keeps its id"

    async def test_what_a_crashed_consumer_had_comes_again(self, broker: BrokerControl, bus: Bus, channel: str) -> None:
        await bus.declare([Channel(channel, (GROUP,))])
        await publish(bus, numbered(channel, 5))
        lost = await broker.die_receiving(channel, GROUP, 5)
        subscription = await self.subscribe(bus, channel)
        again = await consume_all_of(subscription, wanted(5))
        assert sorted({delivery.id for delivery in again}) == sorted(lost)

    async def test_any_order_of_settling_is_as_good(self, broker: BrokerControl, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        await publish(bus, [*numbered(channel, 30, key="a"), *numbered(channel, 30, key="b")])
        given = await receive(subscription, 60)
        Random(7).shuffle(given)
        for start in range(0, 60, 7):
            await settle_done(subscription, given[start : start + 7])
        await subscription.close()
        async with self.another(broker) as other:
            await self.assert_quiet(await self.subscribe(other, channel))

    async def test_duplicates_are_messages_of_their_own(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        await publish(bus, [*numbered(channel, 3), *numbered(channel, 3)])
        found = await consume(subscription, lambda found: len(found) >= 6)
        assert sorted(bodies(found)) == sorted(wanted(3) * 2)
        assert len({delivery.id for delivery in found}) == 6

    async def test_settling_twice_is_passed_over(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        await publish(bus, numbered(channel, 1))
        (delivery,) = await receive(subscription, 1)
        await settle_done(subscription, [delivery])
        await settle_done(subscription, [delivery])
        await subscription.settle([Retry(delivery)])
        await subscription.settle([DeadLetter(delivery, "twice")])
        await self.assert_quiet(subscription)
        await self.assert_quiet(await self.dead_letters(bus, dead_letter_channel(channel)))

    async def test_closing_in_full_flow_loses_nothing(self, broker: BrokerControl, bus: Bus, channel: str) -> None:
        count = 300
        await bus.declare([Channel(channel, (GROUP,))])
        await publish(bus, numbered(channel, count))
        taken: set[bytes] = set()
        for _ in range(3):
            async with self.another(broker) as other:
                subscription = await self.subscribe(other, channel)
                given = await receive(subscription, 50)
                await settle_done(subscription, given[::2])
                taken.update(bodies(given[::2]))
        subscription = await self.subscribe(bus, channel)
        rest = [body for body in wanted(count) if body not in taken]
        await consume_all_of(subscription, rest)

    # -- order, groups, competing consumers

    async def test_a_key_keeps_its_order(self, broker: BrokerControl, bus: Bus, channel: str) -> None:
        if not broker.keeps_order:
            pytest.skip("this kind of channel has no order on this broker")
        subscription = await self.subscribe(bus, channel)
        sent = [
            Message(channel=channel, body=f"{key} {number:03}".encode(), key=key)
            for number in range(40)
            for key in ("a", "b", "c", "d", "e")
        ]
        for start in range(0, len(sent), 30):
            await publish(bus, sent[start : start + 30])
        found = bodies(await consume(subscription, lambda found: len(found) >= len(sent)))
        assert len(found) == len(sent)
        for key in (b"a", b"b", b"c", b"d", b"e"):
            mine = [body for body in found if body.startswith(key)]
            assert all(first < second for first, second in pairwise(mine)), mine

    async def test_two_consumers_of_one_group_share(self, broker: BrokerControl, bus: Bus, channel: str) -> None:
        count = 200
        async with self.another(broker) as other:
            first, second = await self.subscribe(bus, channel), await self.subscribe(other, channel)
            await publish(bus, [Message(channel=channel, body=body, key=body.decode()) for body in wanted(count)])
            found: list[Delivery] = []

            async def work(subscription: Subscription) -> None:
                while {delivery.body for delivery in found} != set(wanted(count)):
                    batch = await receive_some(subscription, 10)
                    await settle_done(subscription, batch)
                    found.extend(batch)

            async with asyncio.timeout(WAIT_S):
                await asyncio.gather(work(first), work(second))
        await self.assert_quiet(await self.subscribe(bus, channel))

    async def test_each_group_gets_all(self, bus: Bus, channel: str) -> None:
        groups = [await self.subscribe(bus, channel, group=group) for group in ("one", "two")]
        await publish(bus, numbered(channel, 20))
        for subscription in groups:
            assert sorted(bodies(await consume_all_of(subscription, wanted(20)))) == sorted(wanted(20))
        for subscription in groups:
            await self.assert_quiet(subscription)

    # -- bounds

    async def test_a_slow_consumer_is_given_no_more_than_its_bound(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel, max_unsettled=10)
        await publish(bus, numbered(channel, 50))
        given = await receive(subscription, 10)
        assert bodies(await subscription.receive(50, self.quiet_ms)) == []
        await settle_done(subscription, given[:3])
        more = await receive(subscription, 3)
        assert bodies(await subscription.receive(50, POLL_MS)) == []
        await settle_done(subscription, [*given[3:], *more])
        await consume_all_of(subscription, [body for body in wanted(50) if body not in bodies([*given, *more])])

    async def test_nor_many_more_bytes(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel, max_unsettled_bytes=30_000)
        await publish(bus, [Message(channel=channel, body=bytes(10_000)) for _ in range(20)])
        given: list[Delivery] = []
        async with asyncio.timeout(WAIT_S):
            while not given:
                given = list(await subscription.receive(1, POLL_MS))
            while batch := await subscription.receive(1, self.quiet_ms):
                given += batch
        assert len(given) == 3
        await settle_done(subscription, given)
        assert len(await consume(subscription, lambda found: len(found) >= 17)) == 17

    async def test_a_paused_consumer_keeps_what_it_has_and_gets_no_more(
        self, broker: BrokerControl, bus: Bus, channel: str
    ) -> None:
        async with self.another(broker) as other:
            subscription = await self.subscribe(other, channel)
            await publish(bus, numbered(channel, 3))
            given = await receive(subscription, 3)
            subscription.pause()
            await publish(bus, numbered(channel, 6)[3:])
            quiet_ms = self.lease_ms * 4 // 3
            assert bodies(await subscription.receive(10, quiet_ms)) == [], "a lease that ran out, or no pause"
            await settle_done(subscription, given)
            subscription.resume()
            found = await consume_all_of(subscription, wanted(6)[3:])
            assert sorted(bodies(found)) == wanted(6)[3:]
        await self.assert_quiet(await self.subscribe(bus, channel))

    async def test_resuming_wakes_a_receiver(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        subscription.pause()
        await publish(bus, numbered(channel, 1))
        waiting = asyncio.ensure_future(subscription.receive(1, WAIT_S * 1000))
        await asyncio.sleep(POLL_MS / 1000)
        assert not waiting.done()
        subscription.resume()
        async with asyncio.timeout(WAIT_S / 2):
            given = await waiting
        assert bodies(given) == wanted(1)
        await settle_done(subscription, given)

    # -- delay, retry, dead letters

    async def test_a_delayed_message_comes_later(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        before_s = CLOCK.monotonic_s()
        await publish(
            bus, [Message(channel=channel, body=b"later", delay_ms=2_500), Message(channel=channel, body=b"now")]
        )
        found = await consume(subscription, lambda found: len(found) >= 2)
        assert bodies(found) == [b"now", b"later"]
        assert CLOCK.monotonic_s() - before_s >= 1.5

    async def test_a_retry_comes_later_with_one_more_attempt(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        headers = {"x-title": "first ✓"}
        await publish(
            bus, [Message(channel=channel, body=b"again", key="k", headers=headers, content_type="text/plain")]
        )
        (first,) = await receive(subscription, 1)
        before_s = CLOCK.monotonic_s()
        await subscription.settle([Retry(first, delay_ms=2_500)])
        await publish(bus, [Message(channel=channel, body=b"another", key="k")])
        another, second = await consume(subscription, lambda found: len(found) >= 2)
        assert another.body == b"another", "a retry holds nothing up"
        assert CLOCK.monotonic_s() - before_s >= 1.5
        assert (second.id, second.body, second.key) == (first.id, first.body, first.key)
        assert (second.content_type, dict(second.headers)) == ("text/plain", headers)
        assert (second.attempt, second.channel) == (2, channel)
        await self.assert_quiet(subscription)

    async def test_attempts_are_counted_and_survive_the_consumer(
        self, broker: BrokerControl, bus: Bus, channel: str
    ) -> None:
        async with self.another(broker) as other:
            subscription = await self.subscribe(other, channel)
            await publish(bus, numbered(channel, 1))
            for attempt in (1, 2):
                (delivery,) = await receive(subscription, 1)
                assert delivery.attempt == attempt
                await subscription.settle([Retry(delivery)])
        subscription = await self.subscribe(bus, channel)
        (delivery,) = await consume_all_of(subscription, wanted(1))
        assert delivery.attempt == 3

    async def test_a_retry_is_for_its_group_only(self, bus: Bus, channel: str) -> None:
        one, two = [await self.subscribe(bus, channel, group=group) for group in ("one", "two")]
        await publish(bus, numbered(channel, 1))
        await consume_all_of(two, wanted(1))
        (delivery,) = await receive(one, 1)
        await one.settle([Retry(delivery)])
        await consume_all_of(one, wanted(1))
        await self.assert_quiet(two)

    async def test_a_dead_letter_keeps_everything_and_its_reason(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        headers = {"ce-id": "17"}
        await publish(
            bus, [Message(channel=channel, body=b"poison", key="k", headers=headers, content_type="text/plain")]
        )
        (delivery,) = await receive(subscription, 1)
        await subscription.settle([DeadLetter(delivery, "no such process:\n»Bestellung«")])
        await self.assert_quiet(subscription)
        dead = await self.dead_letters(bus, dead_letter_channel(channel))
        (found,) = await consume_all_of(dead, [b"poison"])
        letter = read_dead_letter(found)
        assert (letter.reason, letter.channel, letter.group) == ("no such process: »Bestellung«", channel, GROUP)
        assert (letter.id, letter.attempts) == (delivery.id, 1)
        assert abs(letter.at_ms - CLOCK.now_ms()) < 60_000
        assert (found.key, found.content_type, found.headers["ce-id"]) == ("k", "text/plain", "17")

    async def test_dead_letters_go_where_they_are_told(self, broker: BrokerControl, bus: Bus, channel: str) -> None:
        place = broker.channel()
        subscription = await self.subscribe(bus, channel, dead_letter=place)
        await publish(bus, numbered(channel, 1))
        (delivery,) = await receive(subscription, 1)
        await subscription.settle([DeadLetter(delivery, "reason")])
        assert bodies(await consume_all_of(await self.dead_letters(bus, place), wanted(1))) == wanted(1)

    async def bury(self, bus: Bus, channel: str, count: int) -> list[Delivery]:
        """Puts numbered messages among the dead letters: even ones as "even", odd ones as "odd"."""
        subscription = await self.subscribe(bus, channel)
        await publish(bus, numbered(channel, count))
        given = await receive(subscription, count)
        await subscription.settle([DeadLetter(each, "odd" if int(each.body) % 2 else "even") for each in given])
        await subscription.close()
        return given

    async def test_a_dry_run_of_a_replay_changes_nothing(self, bus: Bus, channel: str) -> None:
        await self.bury(bus, channel, 6)
        for _ in range(2):
            dry = await replay(bus, dead_letter_channel(channel), _is_odd, dry_run=True, quiet_ms=2 * self.quiet_ms)
            assert sorted(letter.delivery.body for letter in dry.matched) == [b"1", b"3", b"5"]
            assert (dry.seen, dry.complete) == (6, True)
        await self.assert_quiet(await self.subscribe(bus, channel))

    async def test_a_replay_brings_back_what_matches(self, bus: Bus, channel: str) -> None:
        buried = {delivery.body: delivery.id for delivery in await self.bury(bus, channel, 6)}
        done = await replay(bus, dead_letter_channel(channel), _is_odd, quiet_ms=2 * self.quiet_ms)
        assert len(done.matched) == 3
        subscription = await self.subscribe(bus, channel)
        found = await consume_all_of(subscription, [b"1", b"3", b"5"])
        assert {delivery.body: delivery.id for delivery in found} == {body: buried[body] for body in (b"1", b"3", b"5")}
        assert not any(name.startswith("penstock-") for delivery in found for name in delivery.headers)
        await self.assert_quiet(subscription)
        rest = await replay(bus, dead_letter_channel(channel), lambda letter: True, quiet_ms=2 * self.quiet_ms)
        assert sorted(letter.delivery.body for letter in rest.matched) == [b"0", b"2", b"4"]
        await consume_all_of(subscription, [b"0", b"2", b"4"])

    async def test_a_replay_is_for_the_group_that_failed(self, bus: Bus, channel: str) -> None:
        other = await self.subscribe(bus, channel, group="other")
        await self.bury(bus, channel, 2)
        await consume_all_of(other, wanted(2))
        await replay(bus, dead_letter_channel(channel), lambda letter: True, quiet_ms=2 * self.quiet_ms)
        await consume_all_of(await self.subscribe(bus, channel), wanted(2))
        await self.assert_quiet(other)
        await eventually_waiting(bus, channel, "other", 0)

    # -- lag

    async def test_lag_counts_what_waits(self, broker: BrokerControl, bus: Bus, channel: str) -> None:
        await bus.declare([Channel(channel, (GROUP,))])
        await eventually_waiting(bus, channel, GROUP, 0)
        assert (await bus.lag(channel, GROUP)).oldest_age_ms is None
        await publish(bus, numbered(channel, 25))
        await eventually_waiting(bus, channel, GROUP, 25)
        await asyncio.sleep(0.2)
        age_ms = (await bus.lag(channel, GROUP)).oldest_age_ms
        if broker.tells_oldest_age:
            assert age_ms is not None
            assert 100 <= age_ms < 60_000
        subscription = await self.subscribe(bus, channel)
        await consume_all_of(subscription, wanted(25))
        await eventually_waiting(bus, channel, GROUP, 0)

    async def test_lag_counts_retries_that_wait(self, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        await publish(bus, numbered(channel, 2))
        given = await receive(subscription, 2)
        await subscription.settle([Retry(delivery, delay_ms=2_000) for delivery in given])
        await eventually_waiting(bus, channel, GROUP, 2)
        await consume_all_of(subscription, wanted(2))
        await eventually_waiting(bus, channel, GROUP, 0)

    # -- outages

    async def test_a_restart_in_full_flow_loses_nothing(self, broker: BrokerControl, bus: Bus, channel: str) -> None:
        count, part = 400, 20
        subscription = await self.subscribe(bus, channel)
        sent = [Message(channel=channel, body=body, key=body.decode()) for body in wanted(count)]

        async def produce() -> None:
            for start in range(0, count, part):
                await publish(bus, sent[start : start + part])

        producing = asyncio.create_task(produce())
        given = await receive(subscription, part)
        await broker.stop()
        await asyncio.sleep(POLL_MS / 1000)
        await broker.start()
        await settle_done(subscription, given)
        missing = set(wanted(count)) - set(bodies(given))
        found = await consume_all_of(subscription, sorted(missing))
        await producing
        assert set(bodies(found)) | set(bodies(given)) == set(wanted(count))
        await consume(subscription, lambda _: True)
        await eventually_waiting_settled(bus, subscription, channel)

    async def test_an_outage_is_said_and_ends(self, broker: BrokerControl, bus: Bus, channel: str) -> None:
        subscription = await self.subscribe(bus, channel)
        await publish(bus, numbered(channel, 1))
        await consume_all_of(subscription, wanted(1))
        await broker.stop()
        try:
            with pytest.raises(BusUnavailable):
                await bus.publish(numbered(channel, 1))
            with pytest.raises(BusUnavailable):
                await bus.lag(channel, GROUP)
            late = make_bus(broker.url, CLOCK)
            with pytest.raises(BusUnavailable):
                await late.open()
            await late.close()
        finally:
            await broker.start()
        await publish(bus, [Message(channel=channel, body=b"after")])
        await consume_all_of(subscription, [b"after"])

    async def test_a_bus_closes_while_the_broker_is_away(self, broker: BrokerControl, channel: str) -> None:
        bus = make_bus(broker.url, CLOCK)
        await bus.open()
        subscription = await self.subscribe(bus, channel)
        await publish(bus, numbered(channel, 1))
        given = await receive(subscription, 1)
        await broker.stop()
        try:
            async with asyncio.timeout(WAIT_S):
                await bus.close()
                await bus.close()
        finally:
            await broker.start()
        async with self.another(broker) as other:
            again = await consume_all_of(await self.subscribe(other, channel), wanted(1))
        assert again[0].id == given[0].id

    async def test_an_unknown_option_is_refused(self, broker: BrokerControl) -> None:
        with pytest.raises(BusFailed, match="colour"):
            make_bus(f"{broker.url}{'&' if '?' in broker.url else '?'}colour=blue", CLOCK)


def _is_odd(letter: DeadMessage) -> bool:
    return letter.reason == "odd"


async def eventually_waiting_settled(bus: Bus, subscription: Subscription, channel: str) -> None:
    """Until nothing waits, settling what comes twice after an outage."""
    async with asyncio.timeout(WAIT_S):
        while True:
            await settle_done(subscription, await receive_some(subscription, 100))
            try:
                if not (await bus.lag(channel, GROUP)).waiting:
                    return
            except BusUnavailable:
                await asyncio.sleep(POLL_MS / 1000)
