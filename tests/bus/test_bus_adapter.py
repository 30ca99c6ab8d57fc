"""What all adapters do alike, over a broker that is a list."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from penstock.base.clock import SystemClock
from penstock.base.errors import BusFailed, BusUnavailable
from penstock.bus.adapter.bus import AdapterBus
from penstock.bus.adapter.connection import AdapterConnection, AdapterOptions
from penstock.bus.adapter.producer import PART_BYTES, PART_MESSAGES, AdapterProducer
from penstock.bus.adapter.subscription import AdapterSubscription
from penstock.bus.address import parse_address
from penstock.bus.protocol import Channel, DeadLetter, Delivery, Done, Lag, Message, Retry, Settlement, Subscribe

CLOCK = SystemClock()


class ListConnection(AdapterConnection):
    """`broken`: the step that fails. `log`: what was done."""

    def __init__(self, broken: str = "") -> None:
        super().__init__(parse_address("list://user:secret@host", 1), AdapterOptions(message_bytes_max=PART_BYTES))
        self.broken = broken
        self.log: list[str] = []

    async def open(self) -> None:
        """It is there."""
        self.log.append("opened")

    async def close(self) -> None:
        """It is not."""
        self.log.append("closed")

    def is_passing(self, error: BaseException) -> bool:
        return isinstance(error, OSError)


class ListProducer(AdapterProducer):
    """`parts`: what was sent together."""

    def __init__(self, connection: ListConnection, places: "ListPlaces") -> None:
        super().__init__(places, connection.options.message_bytes_max, CLOCK)
        self._connection = connection
        self.parts: list[Sequence[Message]] = []

    async def open(self) -> None:
        """After the connection."""
        if self._connection.broken == "producer":
            raise BusUnavailable("the producer cannot be opened")

    async def close(self) -> None:
        """Nothing to do."""

    async def _write(self, messages: Sequence[Message]) -> Sequence[str | None]:
        self.parts.append(messages)
        return ["full" if message.channel.endswith("full") else None for message in messages]


class ListPlaces:
    """`declared`: the names."""

    def __init__(self) -> None:
        self.declared: list[str] = []

    async def declare(self, channels: Sequence[Channel]) -> None:
        """Remembers."""
        self.declared += [channel.name for channel in channels]

    async def lag(self, channel: str, group: str) -> Lag:
        """None."""
        return Lag(0, None)


class ListSubscription(AdapterSubscription):
    """`settled`, `left`: the receipts."""

    broken = False

    def __init__(self, producer: AdapterProducer, to: Subscribe, place: str) -> None:
        super().__init__(producer, to, place, CLOCK)
        self.settled: list[int] = []
        self.left: list[int] = []
        self.rounds = 0

    async def open(self) -> None:
        if self.broken:
            raise BusUnavailable("nobody is there")
        self._repeat(lambda: 0, self._round)

    async def _round(self) -> None:
        self.rounds += 1
        raise BusUnavailable("a round that fails is not the last")

    def come(self, *deliveries: Delivery) -> None:
        """The broker sends these."""
        self._ahead.extend(deliveries)
        self._arrived.set()

    async def _fetch(self, max_messages: int, timeout_s: float) -> None:
        self._arrived.clear()
        await self._wait_arrived(timeout_s)

    async def _settle(self, mine: Mapping[Any, Settlement]) -> None:
        await self._bury(mine.values())
        self.settled += mine

    async def _leave(self, held: Sequence[Any]) -> None:
        self.left += held
        raise BusUnavailable("it has gone")


class ListBus(AdapterBus):
    """`connection`, `places`, `producer`: its parts."""

    def __init__(self, connection: ListConnection) -> None:
        self.connection = connection
        self.places = ListPlaces()
        self.producer = ListProducer(connection, self.places)
        bytes_max = connection.options.message_bytes_max
        super().__init__([connection, self.producer], self.places, self.producer, bytes_max, CLOCK)

    def _subscription(self, to: Subscribe, dead_letter_channel: str) -> ListSubscription:
        return ListSubscription(self.producer, to, dead_letter_channel)


def delivery(number: int) -> Delivery:
    """Any."""
    return Delivery(
        id=str(number),
        channel="c",
        body=b"x",
        key=None,
        headers={},
        content_type=None,
        published_at_ms=None,
        attempt=1,
        metadata={},
        receipt=number,
    )


async def subscribed(**fields: Any) -> tuple[ListBus, ListSubscription]:
    """A bus and a subscription."""
    bus = ListBus(ListConnection())
    subscription = await bus.subscribe(Subscribe(channel="c", **fields))
    assert isinstance(subscription, ListSubscription)
    return bus, subscription


async def test_what_was_opened_is_closed_when_the_rest_cannot_be() -> None:
    bus = ListBus(ListConnection(broken="producer"))
    with pytest.raises(BusUnavailable):
        await bus.open()
    assert bus.connection.log == ["opened", "closed"]


async def test_a_batch_goes_in_parts_and_what_is_refused_stays() -> None:
    bus = ListBus(ListConnection())
    few, large = Message(channel="a", body=b"x"), Message(channel="b", body=bytes(PART_BYTES // 2))
    too_large = Message(channel="c", body=bytes(PART_BYTES + 1))
    full = Message(channel="full", body=b"x")
    answers = await bus.publish([too_large, *[few] * (PART_MESSAGES + 1), large, large, full])
    assert [len(part) for part in bus.producer.parts] == [PART_MESSAGES, 3, 1]
    assert [number for number, answer in enumerate(answers) if answer is not None] == [0, len(answers) - 1]
    assert bus.places.declared == ["c", "a", "b", "full"]


async def test_a_subscription_that_cannot_be_opened_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ListSubscription, "broken", True)
    made: list[ListSubscription] = []
    monkeypatch.setattr(ListSubscription, "_stop", lambda self: asyncio.sleep(0, made.append(self)))
    with pytest.raises(BusUnavailable):
        await subscribed()
    assert [each.closed for each in made] == [True]


async def test_subscriptions_that_were_closed_are_not_kept() -> None:
    bus, first = await subscribed()
    await first.close()
    await bus.subscribe(Subscribe(channel="c"))
    assert len(bus._subscriptions) == 1
    await bus.close()


async def test_what_is_here_is_given_back_when_it_closes_and_rounds_end() -> None:
    bus, subscription = await subscribed(max_unsettled=2)
    subscription.come(delivery(1), delivery(2), delivery(3))
    given = await subscription.receive(10, 0)
    await subscription.settle([Done(given[0])])
    async with asyncio.timeout(10):
        while subscription.rounds < 3:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
    await bus.close()
    assert (subscription.settled, subscription.left) == ([1], [2, 3])
    rounds = subscription.rounds
    await asyncio.sleep(0.01)
    assert subscription.rounds == rounds
    assert list(await subscription.receive(10, 60_000)) == []


async def test_what_is_not_given_out_is_passed_over() -> None:
    bus, subscription = await subscribed()
    subscription.come(delivery(1))
    await subscription.receive(1, 0)
    for _ in range(2):
        await subscription.settle([Retry(delivery(1)), Done(delivery(9))])
    assert subscription.settled == [1]
    await bus.close()


async def test_a_dead_letter_that_is_refused_settles_nothing() -> None:
    bus, subscription = await subscribed(dead_letter="full")
    subscription.come(delivery(1))
    (given,) = await subscription.receive(1, 0)
    with pytest.raises(BusFailed, match="cannot be kept: full"):
        await subscription.settle([DeadLetter(given, "reason")])
    assert subscription.settled == []
    await bus.close()


def test_errors_are_ours_and_name_the_place_without_secrets() -> None:
    connection = ListConnection()
    away, refused = connection.failed(TimeoutError()), connection.failed(ValueError("no"))
    assert (type(away), away.message) == (BusUnavailable, "list://host:1 is out of reach: TimeoutError")
    assert (type(refused), refused.message) == (BusFailed, "list://host:1 refused: ValueError: no")
    assert connection.failed(refused) is refused
