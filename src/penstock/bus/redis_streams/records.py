"""Messages as entries of a stream, and back.

An entry's fields: `data`, `content-type`, `penstock-key`, and each header under its own name; a header that would take one
of these names, or begins with `header:`, gets `header:` before it. An entry without `data`, which somebody else wrote, is
taken as a JSON object of its fields.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from penstock.bus.bookkeeping import CONTENT_TYPE, KEY, Notes, read_headers
from penstock.bus.protocol import Delivery, Message

DATA = "data"
ESCAPE = "header:"
_TAKEN = frozenset((DATA, KEY))

Entry = tuple[bytes, Sequence[bytes] | None]
"""Id, and names and values in turn, as Redis answers; None for an entry that was deleted before it was settled."""


class Receipt(NamedTuple):
    """Where an entry lies."""

    stream: str
    entry: str


def entry_fields(message: Message, notes: Mapping[str, str]) -> list[str | bytes]:
    """Names and values in turn; `notes` and the headers of the message win over its content type."""
    fields: list[str | bytes] = [DATA, message.body]
    if message.key is not None:
        fields += (KEY, message.key)
    named = {CONTENT_TYPE: message.content_type, **message.headers, **notes}
    for name, value in named.items():
        fields += (_escaped(name), value)
    return fields


def delivery_of(entry: Entry, stream: str, channel: str) -> tuple[Delivery, Notes]:
    """The entry of `stream` as a delivery on `channel`, and our notes on it."""
    number = entry[0].decode()
    fields = dict(_pairs(entry[1] or ()))
    body = fields.pop(DATA, None)
    if body is None:
        body, fields = _foreign(fields), {CONTENT_TYPE: b"application/json"}
    notes = read_headers((_plain(name), value.decode(errors="replace")) for name, value in fields.items())
    delivery = Delivery(
        id=notes.id or f"{stream}/{number}",
        channel=channel,
        body=body,
        key=notes.key,
        headers=notes.headers,
        content_type=notes.content_type,
        published_at_ms=notes.published_at_ms or _stamp_ms(number),
        attempt=notes.attempt,
        metadata={"stream": stream, "entry": number},
        receipt=Receipt(stream, number),
    )
    return delivery, notes


def _escaped(name: str) -> str:
    return ESCAPE + name if name in _TAKEN or name.startswith(ESCAPE) else name


def _plain(name: str) -> str:
    return name.removeprefix(ESCAPE)


def _pairs(flat: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    return ((flat[at].decode(errors="replace"), flat[at + 1]) for at in range(0, len(flat), 2))


def _foreign(fields: Mapping[str, bytes]) -> bytes:
    return msgspec.json.encode({name: value.decode(errors="replace") for name, value in fields.items()})


def _stamp_ms(number: str) -> int | None:
    stamp = number.partition("-")[0]
    return int(stamp) if stamp else None
