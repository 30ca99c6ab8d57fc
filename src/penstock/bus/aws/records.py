"""Messages as entries of SQS and SNS, and back.

AWS takes text only, and ten attributes: all headers, the key and the content type are one attribute, `penstock-headers`, a
JSON object. A body that is no text that AWS takes goes in base64, which that object says.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from penstock.bus.bookkeeping import CONTENT_TYPE, KEY, NOT_BEFORE_MS, Notes, read_headers
from penstock.bus.protocol import Delivery, Message

HEADERS = "penstock-headers"
ENCODING = "penstock-encoding"
BASE64 = "base64"
DELAY_S_MAX = 900
"""SQS's own; what is to wait longer is hidden again when it comes."""
_REFUSED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Receipt(NamedTuple):
    """SQS's handle of a message that was received."""

    handle: str


def queue_entry(message: Message, now_ms: int) -> dict[str, Any]:
    """The entry of a batch to a queue."""
    delay_s = -(-max(0, message.delay_ms) // 1000)
    text, attributes = _content(message, now_ms if delay_s > DELAY_S_MAX else None)
    entry = {"MessageBody": text, "MessageAttributes": attributes}
    return {**entry, "DelaySeconds": min(delay_s, DELAY_S_MAX)} if delay_s else entry


def topic_entry(message: Message, now_ms: int) -> dict[str, Any]:
    """The entry of a batch to a topic. SNS has no delay: who receives the message hides it until it is due."""
    text, attributes = _content(message, now_ms if message.delay_ms > 0 else None)
    return {"Message": text, "MessageAttributes": attributes}


def _content(message: Message, delayed_from_ms: int | None) -> tuple[str, dict[str, Any]]:
    """Text and attributes; headers of the message win over its content type.

    `delayed_from_ms`: from when on its delay counts, if the message itself must say when it is due."""
    headers = {CONTENT_TYPE: message.content_type, **message.headers}
    if message.key is not None:
        headers[KEY] = message.key
    text = _as_text(message.body)
    if text is None:
        text, headers[ENCODING] = base64.b64encode(message.body).decode() or "=", BASE64
    if delayed_from_ms is not None:
        headers[NOT_BEFORE_MS] = str(delayed_from_ms + message.delay_ms)
    attribute = {"DataType": "String", "StringValue": msgspec.json.encode(headers).decode()}
    return text, {HEADERS: attribute}


def entry_bytes(entry: Mapping[str, Any]) -> int:
    """What AWS counts of an entry."""
    text = entry["MessageBody"] if "MessageBody" in entry else entry["Message"]
    return sum(len(str(part).encode()) for part in (text, HEADERS, *entry["MessageAttributes"][HEADERS].values()))


def delivery_of(found: Mapping[str, Any], channel: str, queue: str) -> tuple[Delivery, Notes]:
    """The message as a delivery on `channel`, and our notes on it."""
    headers = _headers(found.get("MessageAttributes", {}))
    encoding = headers.pop(ENCODING, None)
    notes = read_headers(headers.items())
    facts = found.get("Attributes", {})
    sent_ms = facts.get("SentTimestamp")
    delivery = Delivery(
        id=notes.id or str(found["MessageId"]),
        channel=channel,
        body=_body(str(found.get("Body", "")), encoding),
        key=notes.key,
        headers=notes.headers,
        content_type=notes.content_type,
        published_at_ms=notes.published_at_ms or (int(sent_ms) if sent_ms else None),
        attempt=notes.attempt,
        metadata={"queue": queue.rpartition("/")[2], "message-id": str(found["MessageId"])},
        receipt=Receipt(str(found["ReceiptHandle"])),
    )
    return delivery, notes


def _headers(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Ours, and attributes that somebody else gave."""
    headers = {
        name: str(value["StringValue"])
        for name, value in attributes.items()
        if name != HEADERS and "StringValue" in value
    }
    try:
        headers.update(msgspec.json.decode(attributes.get(HEADERS, {}).get("StringValue", "{}"), type=dict[str, str]))
    except (msgspec.DecodeError, msgspec.ValidationError):
        return headers  # somebody else's attribute of that name
    return headers


def _as_text(body: bytes) -> str | None:
    """None for what AWS would refuse: nothing, no UTF-8, control characters."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if not text or _REFUSED.search(text) else text


def _body(text: str, encoding: str | None) -> bytes:
    if encoding != BASE64:
        return text.encode()
    try:
        return b"" if text == "=" else base64.b64decode(text, validate=True)
    except binascii.Error:
        return text.encode()
