"""Messages as AMQP 1.0's, and back.

Headers are application properties. The key is the one of that name in `bus.bookkeeping`; of messages of others the property
`group-id` is taken (not written: the broker would hold a key's messages for a consumer that is paused).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from proton import Message as AmqpMessage
from proton import symbol

from penstock.bus.bookkeeping import CONTENT_TYPE, KEY, Notes, read_headers
from penstock.bus.protocol import Delivery, Message

NOT_BEFORE = symbol("x-opt-delivery-time")
"""The annotation by which Artemis delays."""


class Receipt(NamedTuple):
    """Which message of which link; `generation`: of the link."""

    number: int
    generation: int


def payload_of(message: Message, address: str | None, id: str, now_ms: int) -> bytes:
    """The message in AMQP's form; a header for the content type wins over its own."""
    headers = dict(message.headers)
    if message.key is not None:
        headers[KEY] = message.key
    content_type = headers.pop(CONTENT_TYPE, message.content_type)
    if not content_type.isascii():
        headers[CONTENT_TYPE], content_type = content_type, ""
    amqp = AmqpMessage(message.body, inferred=True, durable=True, id=id, properties=headers)
    amqp.address = address
    amqp.content_type = content_type or None
    amqp.creation_time = now_ms / 1000
    if message.delay_ms > 0:
        amqp.annotations = {NOT_BEFORE: now_ms + message.delay_ms}
    encoded: bytes = amqp.encode()
    return encoded


def delivery_of(payload: bytes, channel: str, receipt: Receipt) -> tuple[Delivery, Notes]:
    """The message as a delivery on `channel`, and our notes on it. Its id is empty if its sender gave none."""
    amqp = AmqpMessage()
    amqp.decode(payload)
    notes = read_headers(_headers(amqp.properties or {}))
    delivery = Delivery(
        id=notes.id or ("" if amqp.id is None else _text(amqp.id)),
        channel=channel,
        body=_body(amqp.body),
        key=notes.key or amqp.group_id or None,
        headers=notes.headers,
        content_type=notes.content_type or _content_type(amqp),
        published_at_ms=notes.published_at_ms or round(amqp.creation_time * 1000) or None,
        attempt=notes.attempt,
        metadata=_metadata(amqp),
        receipt=receipt,
    )
    return delivery, notes


def _headers(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((str(name), _text(value)) for name, value in properties.items() if value is not None)


def _text(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode(errors="replace")
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _body(body: Any) -> bytes:
    """Data as they are, text in UTF-8, maps and lists of others as JSON."""
    if body is None:
        return b""
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body, enc_hook=str)


def _content_type(amqp: AmqpMessage) -> str | None:
    """proton reads one that is not there as the text "None"."""
    found = str(amqp.content_type or "")
    return None if found in ("", "None") else found


def _metadata(amqp: AmqpMessage) -> dict[str, str | int]:
    known = {"address": amqp.address, "subject": amqp.subject, "reply-to": amqp.reply_to}
    if amqp.correlation_id is not None:
        known["correlation-id"] = _text(amqp.correlation_id)
    return {name: value for name, value in known.items() if value}
