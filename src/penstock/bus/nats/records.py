"""Messages as NATS has them, and back.

Names and values of headers are percent-encoded as the binding of CloudEvents says (space, `"`, `%`, and all that is not
printable ASCII); the key is the header `penstock-key`.
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

from nats.aio.msg import Msg

from penstock.bus.bookkeeping import CONTENT_TYPE, KEY, Notes, read_headers
from penstock.bus.protocol import Delivery, Message

_SAFE_VALUE = "!#$&'()*+,/:;<=>?@[\\]^`{|}~"
_SAFE_NAME = "!#$&'*+^`|~"
PLAIN_TOKENS = 9
"""Tokens of the subject under which a message is acknowledged; newer servers put domain and account before them."""


class Receipt(NamedTuple):
    """`subject`: under which the message is acknowledged; `arrived_s`: on the loop's clock."""

    subject: str
    arrived_s: float


def message_headers(message: Message, notes: Mapping[str, str]) -> dict[str, str]:
    """The headers of `message`; they and `notes` win over its content type."""
    named = {CONTENT_TYPE: message.content_type, **message.headers, **notes}
    if message.key is not None:
        named[KEY] = message.key
    return {quote(name, _SAFE_NAME): quote(value, _SAFE_VALUE) for name, value in named.items()}


def delivery_of(message: Msg, channel: str, arrived_s: float) -> tuple[Delivery, Notes]:
    """The message as a delivery on `channel`, and our notes on it.

    A message that was delayed has been delivered once before, to be put back unseen."""
    stream, _, delivered, sequence, _, stamp_ns, _ = ack_tokens(message.reply)
    notes = read_headers((unquote(name), unquote(value)) for name, value in (message.headers or {}).items())
    delivery = Delivery(
        id=notes.id or f"{stream}/{sequence}",
        channel=channel,
        body=message.data,
        key=notes.key,
        headers=notes.headers,
        content_type=notes.content_type,
        published_at_ms=notes.published_at_ms or int(stamp_ns) // 1_000_000,
        attempt=max(1, int(delivered) - (notes.not_before_ms > 0)),
        metadata={"stream": stream, "sequence": int(sequence), "subject": message.subject},
        receipt=Receipt(message.reply, arrived_s),
    )
    return delivery, notes


def ack_tokens(subject: str) -> list[str]:
    """Stream, consumer, times delivered, sequence in the stream and in the consumer, stamp in ns, pending."""
    tokens = subject.split(".")
    return tokens[2:9] if len(tokens) == PLAIN_TOKENS else tokens[4:11]
