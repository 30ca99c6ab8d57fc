"""CloudEvents: what is written is read again, and what breaks the specification is refused with its reason."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.base.errors import MessageUnreadable
from penstock.bus.cloudevents import STRUCTURED_TYPE, CloudEvent, Mode, binary, read, structured
from penstock.bus.protocol import Delivery, HeaderStyle, Message

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["correlationid", "causationid", "partitionkey", "traceparent", "x1"])
EVENTS = st.builds(
    CloudEvent,
    id=TEXTS,
    source=TEXTS,
    type=TEXTS,
    subject=st.none() | TEXTS,
    time=st.none() | st.just("2026-01-02T03:04:05.678Z"),
    data=JSON_VALUES | st.binary(min_size=1),
    extensions=st.dictionaries(NAMES, TEXTS, max_size=3),
)


def delivered(body: bytes, content_type: str | None = None, headers: dict[str, str] | None = None) -> Delivery:
    """A message as a broker would give it."""
    return Delivery(
        id="orders/0/17",
        channel="orders",
        body=body,
        key="k",
        headers=headers or {},
        content_type=content_type,
        published_at_ms=1_767_225_600_123,
        attempt=1,
        metadata={"partition": 0, "offset": 17},
        receipt=17,
    )


def through(message: Message) -> Delivery:
    """The delivery of a published message."""
    return delivered(
        message.body, message.content_type, {name.lower(): value for name, value in message.headers.items()}
    )


def document(**fields: Any) -> bytes:
    """A structured event; a field that is None is left out."""
    given = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "OrderAccepted", **fields}
    return msgspec.json.encode({name: value for name, value in given.items() if value is not None})


@given(EVENTS)
def test_structured_mode_brings_the_event_back(event: CloudEvent) -> None:
    received = read(through(structured(event, "orders")), "kafka")
    assert (received.mode, received.event) == (Mode.STRUCTURED, event)
    assert received.message_id == f"{event.source} {event.id}"


@given(EVENTS, st.sampled_from(["ce_", "ce-", "cloudEvents_"]))
def test_binary_mode_brings_the_event_back(event: CloudEvent, style: HeaderStyle) -> None:
    kind = "application/octet-stream" if isinstance(event.data, bytes) else "application/json"
    event = msgspec.structs.replace(event, datacontenttype=kind)
    received = read(through(binary(event, "orders", style)), "kafka")
    sent_nothing = event.data is None
    assert received.mode is Mode.BINARY
    assert received.event == (msgspec.structs.replace(event, data=None) if sent_nothing else event)


def test_headers_of_nats_are_percent_encoded() -> None:
    message = binary(CloudEvent(id="1", source="/s", type="Größe 100 %"), "c", "ce-")
    assert message.headers["ce-type"] == "Gr%C3%B6%C3%9Fe 100 %25"
    assert read(through(message), "nats").event.type == "Größe 100 %"


def test_a_broker_without_a_binding_has_no_binary_mode() -> None:
    with pytest.raises(ValueError, match="structured"):
        binary(CloudEvent(id="1", source="/s", type="t"), "c", None)


def test_the_partition_key_is_the_key() -> None:
    event = CloudEvent(id="1", source="/s", type="t", extensions={"partitionkey": "p"})
    assert structured(event, "c").key == "p"
    assert structured(event, "c", key="other").key == "other"


def test_plain_json_is_data_and_the_broker_is_the_envelope() -> None:
    received = read(delivered(b'{"orderId": 5}'), "kafka")
    assert (received.mode, received.message_id) == (Mode.PLAIN, None)
    envelope = received.envelope()
    assert envelope["data"] == {"orderId": 5}
    assert (envelope["id"], envelope["source"], envelope["time"]) == (
        "orders/0/17",
        "kafka:orders",
        "2026-01-01T00:00:00.123Z",
    )
    assert envelope["broker"] == {"channel": "orders", "id": "orders/0/17", "key": "k", "partition": 0, "offset": 17}


def test_a_structured_event_needs_no_content_type() -> None:
    received = read(delivered(document(data={"a": 1})), "redis")
    assert (received.mode, received.event.data) == (Mode.STRUCTURED, {"a": 1})


def test_text_is_data() -> None:
    assert read(delivered("grün".encode(), "text/plain; charset=utf-8"), "kafka").event.data == "grün"


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"{", None, "not JSON"),
        (b"\xff", "application/json", "not JSON"),
        (b"[" * 100_000, None, "not JSON"),
        (b"\xff", "text/plain", "not UTF-8"),
        (b"[]", STRUCTURED_TYPE, "JSON object"),
        (b"[]", "application/cloudevents-batch+json", "batch"),
        (b"<e/>", "application/cloudevents+xml", "JSON format only"),
        (document(specversion="0.3"), STRUCTURED_TYPE, "'0.3'"),
        (document(id=""), STRUCTURED_TYPE, "attribute id"),
        (document(source=5), STRUCTURED_TYPE, "attribute source"),
        (document(type=None), STRUCTURED_TYPE, "attribute type"),
        (document(time="yesterday"), STRUCTURED_TYPE, "RFC 3339"),
        (document(time="2026-01-01T00:00:00"), STRUCTURED_TYPE, "no offset"),
        (document(Correlation="x"), STRUCTURED_TYPE, "'Correlation'"),
        (document(correlationid={}), STRUCTURED_TYPE, "correlationid"),
        (document(data=1, data_base64="AA=="), STRUCTURED_TYPE, "both"),
        (document(data_base64="?"), STRUCTURED_TYPE, "Base64"),
        (document(data_base64=5), STRUCTURED_TYPE, "Base64"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value),
)
def test_what_cannot_be_read_says_why(body: bytes, content_type: str | None, reason: str) -> None:
    with pytest.raises(MessageUnreadable, match=reason):
        read(delivered(body, content_type), "kafka")


@given(st.binary(max_size=60), st.sampled_from([None, STRUCTURED_TYPE, "application/json", "text/plain", "x"]))
def test_no_bytes_end_in_another_error(body: bytes, content_type: str | None) -> None:
    try:
        read(delivered(body, content_type), "kafka").envelope()
    except MessageUnreadable as error:
        assert error.message


def test_an_event_that_breaks_the_specification_is_not_written() -> None:
    with pytest.raises(ValueError, match="attribute id"):
        structured(CloudEvent(id="", source="/s", type="t"), "c")
    with pytest.raises(ValueError, match="JSON"):
        structured(CloudEvent(id="1", source="/s", type="t", data=object()), "c")
