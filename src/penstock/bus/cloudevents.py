"""CloudEvents 1.0.2: events as messages, in structured and in binary mode, and messages as events.

Structured: the whole event is the body (JSON format, `application/cloudevents+json`). Binary: `data` is the body and the
attributes are headers, named and encoded as the broker's binding says (Kafka §3.2 `ce_`, NATS §3.1 `ce-` with percent
signs, AMQP §3.1 `cloudEvents_`; RabbitMQ has no binding of its own and does as NATS). A message that is neither is taken as
the data of an event whose envelope is what the broker knows.

Extensions used here: `correlationid`, `causationid` (Correlation), `partitionkey` (Partitioning), `traceparent`,
`tracestate` (Distributed Tracing).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from penstock.base.errors import MessageUnreadable
from penstock.bus.protocol import Delivery, HeaderStyle, Message

STRUCTURED_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch"
JSON_TYPE = "application/json"
SPEC_VERSION = "1.0"

_OPTIONAL = ("subject", "time", "datacontenttype", "dataschema")
_CORE = frozenset(("id", "source", "type", "specversion", *_OPTIONAL, "data", "data_base64"))
_NAME = re.compile(r"[a-z0-9]{1,64}\Z")
_STYLES = ("ce_", "ce-", "cloudEvents_", "cloudEvents:")


class Mode(StrEnum):
    """How a message carried its event."""

    STRUCTURED = "structured"
    BINARY = "binary"
    PLAIN = "plain"
    """No CloudEvent: the broker's metadata is the envelope."""


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event. `data`: a JSON value, bytes for any other content, None for none. `time`: RFC 3339.

    `extensions`: name (lower-case letters and digits) → string, integer or boolean.
    """

    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: Any = None
    extensions: Mapping[str, str | int | bool] = {}

    def extension(self, name: str) -> str | None:
        """An extension attribute as text."""
        value = self.extensions.get(name)
        return None if value is None else _text(value)

    @property
    def correlationid(self) -> str | None:
        """What belongs to the same business case."""
        return self.extension("correlationid")

    @property
    def causationid(self) -> str | None:
        """The `id` of the event that caused this one."""
        return self.extension("causationid")

    @property
    def partitionkey(self) -> str | None:
        """Events with the same one keep their order."""
        return self.extension("partitionkey")

    @property
    def traceparent(self) -> str | None:
        """W3C trace context."""
        return self.extension("traceparent")

    def attributes(self) -> dict[str, str | int | bool]:
        """All attributes but the data; what is None is left out."""
        optional = {name: getattr(self, name) for name in _OPTIONAL if getattr(self, name) is not None}
        core = {"specversion": SPEC_VERSION, "id": self.id, "source": self.source, "type": self.type}
        return {**core, **optional, **self.extensions}


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A message that has been read. Where `mode` is PLAIN, `event.id` is the broker's."""

    mode: Mode
    event: CloudEvent
    delivery: Delivery

    @property
    def message_id(self) -> str | None:
        """What tells this event from all others, wherever it lies: `source` and `id`; None when it brings none."""
        return None if self.mode is Mode.PLAIN else f"{self.event.source} {self.event.id}"

    def envelope(self) -> dict[str, Any]:
        """Attributes, `data`, and `broker`: what a mapping's expressions see."""
        delivery = self.delivery
        broker = {"channel": delivery.channel, "id": delivery.id, "key": delivery.key, **delivery.metadata}
        data = self.event.data
        readable = base64.b64encode(data).decode() if isinstance(data, bytes) else data
        return {**self.event.attributes(), "data": readable, "headers": dict(delivery.headers), "broker": broker}


# -- event → message


def structured(event: CloudEvent, channel: str, *, key: str | None = None, delay_ms: int = 0) -> Message:
    """The event as one JSON body. `key`: by default its partition key. Raises ValueError for an event that breaks the
    specification or data that is no JSON."""
    document: dict[str, Any] = dict(_checked(event).attributes())
    if isinstance(event.data, bytes):
        document["data_base64"] = base64.b64encode(event.data).decode()
    elif event.data is not None:
        document["data"] = event.data
    return Message(
        channel=channel,
        body=_encode(document),
        key=key if key is not None else event.partitionkey,
        content_type=STRUCTURED_TYPE,
        delay_ms=delay_ms,
    )


def binary(
    event: CloudEvent, channel: str, style: HeaderStyle, *, key: str | None = None, delay_ms: int = 0
) -> Message:
    """The event with its attributes as headers. Raises ValueError as `structured`, and where `style` is None."""
    if style is None:
        raise ValueError("this broker has no binding of CloudEvents in binary mode: use structured mode")
    content_type = event.datacontenttype or JSON_TYPE
    attributes = _checked(event).attributes()
    attributes.pop("datacontenttype", None)
    return Message(
        channel=channel,
        body=_body(event, content_type),
        key=key if key is not None else event.partitionkey,
        headers={f"{style}{name}": _header(value, style) for name, value in attributes.items()},
        content_type=content_type,
        delay_ms=delay_ms,
    )


def _body(event: CloudEvent, content_type: str) -> bytes:
    if isinstance(event.data, bytes):
        return event.data
    if event.data is None:
        return b""
    if isinstance(event.data, str) and not _is_json(content_type):
        return event.data.encode()
    return _encode(event.data)


def _checked(event: CloudEvent) -> CloudEvent:
    try:
        return _event(event.attributes(), event.data)
    except MessageUnreadable as error:
        raise ValueError(error.message) from error


def _encode(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"the data of an event cannot be written as JSON: {error}") from error


# -- message → event


def read(delivery: Delivery, scheme: str) -> Received:
    """What a message is. `scheme`: of the broker, for the envelope of plain messages. Raises MessageUnreadable."""
    content_type = (delivery.content_type or "").strip().lower()
    if content_type.startswith(BATCH_TYPE):
        raise MessageUnreadable("a batch of CloudEvents in one message cannot be taken: send one event per message")
    if content_type.startswith("application/cloudevents"):
        return _read_structured(delivery, content_type)
    attributes = _binary_attributes(delivery.headers)
    if "specversion" in attributes:
        if delivery.content_type:
            attributes["datacontenttype"] = delivery.content_type
        return Received(mode=Mode.BINARY, event=_event(attributes, _data(delivery)), delivery=delivery)
    return _read_without_header(delivery, scheme)


def _read_structured(delivery: Delivery, content_type: str) -> Received:
    if not content_type.startswith(STRUCTURED_TYPE):
        raise MessageUnreadable(f"CloudEvents are taken in the JSON format only, this has the type {content_type}")
    document = _decode(delivery.body)
    if not isinstance(document, dict):
        raise MessageUnreadable("a CloudEvent in structured mode must be a JSON object")
    return Received(mode=Mode.STRUCTURED, event=_from_document(document), delivery=delivery)


def _read_without_header(delivery: Delivery, scheme: str) -> Received:
    """A body that is a CloudEvent by all its required attributes is one, though nobody said so: Redis, SQS and many
    consoles carry no content type."""
    data = _data(delivery)
    if isinstance(data, dict) and data.get("specversion") == SPEC_VERSION and {"id", "source", "type"} <= data.keys():
        return Received(mode=Mode.STRUCTURED, event=_from_document(data), delivery=delivery)
    event = CloudEvent(
        id=delivery.id,
        source=f"{scheme}:{delivery.channel}",
        type="",
        time=_rfc3339(delivery.published_at_ms),
        datacontenttype=delivery.content_type or JSON_TYPE,
        data=data,
        extensions={} if delivery.key is None else {"partitionkey": delivery.key},
    )
    return Received(mode=Mode.PLAIN, event=event, delivery=delivery)


def _from_document(document: dict[str, Any]) -> CloudEvent:
    attributes = {name: value for name, value in document.items() if name not in ("data", "data_base64")}
    # JSON format §2.2: null is as good as absent.
    attributes = {name: value for name, value in attributes.items() if value is not None}
    encoded = document.get("data_base64")
    if encoded is None:
        return _event(attributes, document.get("data"))
    if "data" in document:
        raise MessageUnreadable("the CloudEvent has both data and data_base64")
    try:
        return _event(attributes, base64.b64decode(encoded, validate=True))
    except (binascii.Error, TypeError, ValueError) as error:
        raise MessageUnreadable(f"data_base64 of the CloudEvent is not Base64: {error}") from error


def _event(attributes: Mapping[str, Any], data: Any) -> CloudEvent:
    """Checks every attribute (CloudEvents 1.0.2 §3)."""
    version = attributes.get("specversion")
    if version != SPEC_VERSION:
        raise MessageUnreadable(f"CloudEvents {version!r} cannot be read, only specversion {SPEC_VERSION!r}")
    required = {name: _string(attributes, name) for name in ("id", "source", "type")}
    optional = {name: _string(attributes, name) for name in _OPTIONAL if name in attributes}
    if "time" in optional:
        _check_time(optional["time"])
    extensions = {name: value for name, value in attributes.items() if name not in _CORE}
    for name, value in extensions.items():
        if not _NAME.match(name):
            raise MessageUnreadable(f"{name!r} cannot be an attribute: only lower-case letters and digits")
        if not isinstance(value, str | int | bool):
            raise MessageUnreadable(f"the attribute {name} of the CloudEvent must be a string, an integer or a boolean")
    return CloudEvent(**required, **optional, data=data, extensions=extensions)


def _string(attributes: Mapping[str, Any], name: str) -> str:
    value = attributes.get(name)
    if not isinstance(value, str) or not value:
        raise MessageUnreadable(f"the attribute {name} of the CloudEvent must be a string that is not empty")
    return value


def _check_time(text: str) -> None:
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise MessageUnreadable(f"the attribute time of the CloudEvent is no RFC 3339 moment: {text!r}") from error
    if moment.tzinfo is None:
        raise MessageUnreadable(f"the attribute time of the CloudEvent has no offset: {text!r}")


def _binary_attributes(headers: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for style in _STYLES:
        prefix = style.lower()
        for name, value in headers.items():
            if name.startswith(prefix):
                found[name.removeprefix(prefix)] = unquote(value) if style == "ce-" else value
    return found


def _data(delivery: Delivery) -> Any:
    """The body: a JSON value unless the content type says otherwise, then text or bytes."""
    if not delivery.body:
        return None
    content_type = (delivery.content_type or JSON_TYPE).lower()
    if _is_json(content_type):
        return _decode(delivery.body)
    if content_type.startswith("text/"):
        try:
            return delivery.body.decode()
        except UnicodeDecodeError as error:
            raise MessageUnreadable(f"the message says {content_type} and is not UTF-8: {error}") from error
    return delivery.body


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageUnreadable(f"the message is not JSON: {error}") from error


def _is_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media in (JSON_TYPE, "text/json") or media.endswith("+json")


def _header(value: str | int | bool, style: str) -> str:
    text = _text(value)
    # NATS binding §3.1.3.2 (as HTTP's): what is not printable ASCII is percent-encoded, and `"` and `%`.
    return quote(text, safe="!#$&'()*+,/:;<=>?@[\\]^`{|}~ ") if style == "ce-" else text


def _text(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _rfc3339(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    seconds, ms = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"
