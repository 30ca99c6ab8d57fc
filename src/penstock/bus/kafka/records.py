"""Messages as Kafka's records, and back."""

from collections.abc import Iterator
from typing import NamedTuple

from aiokafka import ConsumerRecord

from penstock.bus.bookkeeping import CONTENT_TYPE, Notes, read_headers
from penstock.bus.protocol import Delivery, Message


class Receipt(NamedTuple):
    """Where a record lies; `generation`: the assignment of partitions under which it was read."""

    topic: str
    partition: int
    offset: int
    generation: int


def record_headers(message: Message) -> list[tuple[str, bytes]]:
    """The headers of the record for `message`; those of the message win over its content type."""
    named = {CONTENT_TYPE: message.content_type, **message.headers}
    return [(name, value.encode()) for name, value in named.items()]


def header_pairs(record: ConsumerRecord) -> Iterator[tuple[str, str]]:
    """A record's headers as text; bytes that are no UTF-8 are replaced."""
    return ((name, (value or b"").decode(errors="replace")) for name, value in record.headers)


def delivery_of(record: ConsumerRecord, channel: str, generation: int) -> tuple[Delivery, Notes]:
    """The record as a delivery on `channel`, and our notes on it."""
    notes = read_headers(header_pairs(record))
    delivery = Delivery(
        id=notes.id or f"{record.topic}/{record.partition}/{record.offset}",
        channel=channel,
        body=record.value or b"",
        key=None if record.key is None else record.key.decode(errors="replace"),
        headers=notes.headers,
        content_type=notes.content_type,
        published_at_ms=notes.published_at_ms or record.timestamp,
        attempt=notes.attempt,
        metadata={"topic": record.topic, "partition": record.partition, "offset": record.offset},
        receipt=Receipt(record.topic, record.partition, record.offset, generation),
    )
    return delivery, notes
