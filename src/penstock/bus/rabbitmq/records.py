"""Messages as AMQP has them, and back."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiormq import spec
from aiormq.abc import DeliveredMessage

from penstock.bus.bookkeeping import KEY, Notes, read_headers
from penstock.bus.protocol import Delivery, Message

PERSISTENT = 2
BROKERS = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count", "x-opt-")
"""How headers begin that the broker writes."""


class Receipt(NamedTuple):
    """`generation`: the channel that the message came on; `tag`: its number there."""

    generation: int
    tag: int


def message_properties(
    message: Message, notes: Mapping[str, str], message_id: str, now_ms: int
) -> spec.Basic.Properties:
    """What goes with the body. RabbitMQ gives messages neither id nor stamp: both are the sender's."""
    headers: dict[str, Any] = {**message.headers, **notes}
    if message.key is not None:
        headers[KEY] = message.key
    return spec.Basic.Properties(
        content_type=message.content_type,
        headers=headers,
        delivery_mode=PERSISTENT,
        message_id=message_id,
        timestamp=datetime.fromtimestamp(now_ms // 1000, UTC),
    )


def delivery_of(message: DeliveredMessage, channel: str, generation: int) -> tuple[Delivery, Notes]:
    """The message as a delivery on `channel`, and our notes on it. Without an id of its sender's it has an empty one."""
    properties = message.header.properties
    notes = read_headers(_texts(properties.headers or {}))
    delivery = Delivery(
        id=notes.id or (f"{channel}/{properties.message_id}" if properties.message_id else ""),
        channel=channel,
        body=message.body,
        key=notes.key,
        headers=notes.headers,
        content_type=notes.content_type or properties.content_type,
        published_at_ms=notes.published_at_ms or _stamp_ms(properties.timestamp),
        attempt=notes.attempt,
        metadata={"exchange": message.exchange or "", "routing_key": message.routing_key or ""},
        receipt=Receipt(generation, message.delivery_tag or 0),
    )
    return delivery, notes


def _texts(headers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        if not name.startswith(BROKERS):
            yield name, value.decode(errors="replace") if isinstance(value, bytes | bytearray) else str(value)


def _stamp_ms(stamp: datetime | None) -> int | None:
    return None if stamp is None else int(stamp.timestamp() * 1000)
