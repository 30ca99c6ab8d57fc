"""The contract of a bus: channels, messages, and what becomes of each.

The same words mean the same on every broker. What a broker lacks (delay, attempt count, dead letters) its adapter adds
with the headers of `bus.bookkeeping`.

Words
- **channel**: a topic, queue, stream or subject, named as in `penstock.toml` (letters, digits and `. _ -`).
- **group**: consumers that share the work. Each group gets every message published after the group was declared (where
  the broker keeps a log, earlier ones too); within a group each message goes to one consumer.
- **settle**: say what becomes of a message. A message that nobody settled comes again.

Promises of every adapter
- `publish` returns when the broker has each message durably, or says per message why it refused it.
- At least once: a message is gone from a group only when it was settled. If the consumer dies (crash, lost connection,
  `close` without settling) its unsettled messages come again to the group, within `lease_ms` and a few seconds; where the
  broker only knows a position (Kafka), settled ones behind them too.
- `Delivery.id` is the broker's own id and the same at each redelivery and retry of that message.
- Order: a subscription gives the messages of one key in the order in which they were published. A message that is
  retried or that comes again after a crash may be overtaken by later ones of its key.
- Memory is bounded: a subscription never has more than `Subscribe.max_unsettled` messages (and not many more than
  `max_unsettled_bytes`) given out; what is fetched ahead is bounded by the same numbers.
- Adapters connect again by themselves. While the broker is out of reach calls raise BusUnavailable within the `timeout_ms`
  that an address may have (`receive` may answer with nothing instead); the bus and its subscriptions stay usable, and the
  same call may simply be made again.
- Errors: BusUnavailable as above; BusFailed for what will never work (no permission, bad name or option). No error of a
  driver comes out.
- All methods may be called from one event loop only, concurrently; one subscription has one caller of `receive` at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

DEFAULT_GROUP = "penstock"
DEFAULT_LEASE_MS = 30_000
DEFAULT_MAX_UNSETTLED = 1_000
DEFAULT_MAX_UNSETTLED_BYTES = 32 * 1024 * 1024

HeaderStyle = Literal["ce_", "ce-", "cloudEvents_"] | None
"""How the broker's binding of CloudEvents names attributes in headers; None: it has no binary mode."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message to publish.

    `key`: messages with the same key keep their order. `headers`: values are any text without control characters.
    `delay_ms`: not delivered earlier than that; best effort to the second.
    """

    channel: str
    body: bytes
    key: str | None = None
    headers: Mapping[str, str] = {}
    content_type: str = "application/json"
    delay_ms: int = 0


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message as a subscription gives it.

    `id`: the broker's own id: "topic/partition/offset", stream entry, MessageId, …
    `headers`: names in lower case, however they were sent.
    `attempt`: 1, and one more for each `Retry`; a broker that counts by itself may count crashed deliveries too.
    `published_at_ms`: the broker's stamp; None where it keeps none.
    `metadata`: what the broker knows besides ("partition", "offset", "exchange", …), for mappings.
    `receipt`: the adapter's own handle.
    """

    id: str
    channel: str
    body: bytes
    key: str | None
    headers: Mapping[str, str]
    content_type: str | None
    published_at_ms: int | None
    attempt: int
    metadata: Mapping[str, str | int]
    receipt: Any


class Done(msgspec.Struct, frozen=True):
    """The message has had its effect, which is durable."""

    delivery: Delivery


class Retry(msgspec.Struct, frozen=True):
    """The message comes again to this group only, after `delay_ms`, with one more attempt."""

    delivery: Delivery
    delay_ms: int = 0


class DeadLetter(msgspec.Struct, frozen=True):
    """The message goes to the subscription's dead-letter channel with its reason (`bus.dead_letters` reads them)."""

    delivery: Delivery
    reason: str


Settlement = Done | Retry | DeadLetter


class Channel(msgspec.Struct, frozen=True):
    """A channel that must exist. `groups`: those that must get what is published from now on.

    Without groups, a channel that is made new keeps its messages for DEFAULT_GROUP.
    """

    name: str
    groups: Sequence[str] = ()


class Subscribe(msgspec.Struct, frozen=True, kw_only=True):
    """What to consume, and the bounds.

    `max_unsettled`: messages, `max_unsettled_bytes`: bytes of their bodies, that may be given out and not settled.
    `lease_ms`: how long the broker waits for a consumer that gives no sign of life. A living subscription keeps its
    messages for as long as they take; its adapter renews whatever lease the broker has.
    `dead_letter`: None: `dead_letter_channel(channel)`.
    """

    channel: str
    group: str = DEFAULT_GROUP
    max_unsettled: int = DEFAULT_MAX_UNSETTLED
    max_unsettled_bytes: int = DEFAULT_MAX_UNSETTLED_BYTES
    lease_ms: int = DEFAULT_LEASE_MS
    dead_letter: str | None = None


class Lag(msgspec.Struct, frozen=True):
    """How far a group is behind.

    `waiting`: messages that it has not settled; those given out count where the broker can tell. Retries that wait count.
    `oldest_age_ms`: since the oldest of them was published; None when nothing waits or the broker cannot tell.
    """

    waiting: int
    oldest_age_ms: int | None


def dead_letter_channel(channel: str) -> str:
    """Where the dead letters of `channel` go unless it is configured."""
    return f"{channel}.dead"


class Subscription(Protocol):
    """A consumer of one channel in one group."""

    async def receive(self, max_messages: int, timeout_ms: int) -> Sequence[Delivery]:
        """Up to `max_messages`, at once when there are any, else what comes within `timeout_ms`.

        Empty when nothing came, while paused, and while as much is unsettled as may be."""
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Settles messages of this subscription, in any order; durable when it returns.

        A message that is no longer this subscription's (settled already, or the broker has given it to another since the
        connection was lost) is passed over: it comes again, or has come again. After BusUnavailable the same settlements
        may be made again; those that took effect are passed over, though copies for retry or dead letters can be doubled.
        """
        ...

    def pause(self) -> None:
        """Receives nothing until `resume`; what is given out stays this subscription's and can be settled."""
        ...

    def resume(self) -> None:
        """Receives again."""
        ...

    async def close(self) -> None:
        """Gives back what is unsettled and ends. Never raises for a broker that is out of reach; a second call does
        nothing."""
        ...


class Bus(Protocol):
    """A connection to one broker."""

    header_style: HeaderStyle
    """How CloudEvents in binary mode look here (`bus.cloudevents`)."""
    message_bytes_max: int
    """Larger bodies are refused by `publish`."""
    groups_span_channels: bool
    """Whether a group is one over all its channels (Kafka): whoever joins it for one makes all its consumers pause."""

    async def open(self) -> None:
        """Connects. Raises BusUnavailable; BusFailed when the broker refuses us."""
        ...

    async def close(self) -> None:
        """Closes the subscriptions and the connection; as for `Subscription.close` nothing is lost and nothing raised."""
        ...

    async def declare(self, channels: Sequence[Channel]) -> None:
        """Makes channels and groups that do not exist, durable; existing ones are never changed. `publish` and
        `subscribe` do this for channels that they have not seen."""
        ...

    async def publish(self, messages: Sequence[Message]) -> Sequence[str | None]:
        """Publishes in order; durable when it returns. One entry per message: None, or why the broker refused it (the
        others are published all the same, except later ones of the same channel and key, which it holds back).

        After BusUnavailable any of them may have been published; publish all again (receivers know duplicates by the
        ids in their envelopes)."""
        ...

    async def subscribe(self, to: Subscribe) -> Subscription:
        """Starts to consume; declares channel and group, and the dead-letter channel for DEFAULT_GROUP."""
        ...

    async def lag(self, channel: str, group: str) -> Lag:
        """How far `group` is behind on `channel`."""
        ...
