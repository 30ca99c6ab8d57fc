"""What adapters write into headers where a broker keeps no attempt count, delay or original id of its own.

An adapter publishes a copy with `copy_headers` and reads every message with `read_headers`, so that a retried message
keeps its id, its attempts and its own headers. Receivers never see these names; those of dead letters they do
(`bus.dead_letters`).
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from penstock.bus.protocol import Delivery, Message

ID = "penstock-id"
ATTEMPT = "penstock-attempt"
NOT_BEFORE_MS = "penstock-not-before-ms"
PUBLISHED_AT_MS = "penstock-published-at-ms"
KEY = "penstock-key"
FOR_GROUP = "penstock-for-group"
CONTENT_TYPE = "content-type"

_OURS = frozenset((ID, ATTEMPT, NOT_BEFORE_MS, PUBLISHED_AT_MS, KEY, FOR_GROUP, CONTENT_TYPE))


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers of a message say. `id`, `published_at_ms`: None on a message that is no copy; `headers`: the rest.

    `for_group`: the only group that is meant (a replayed dead letter); None: all.
    """

    id: str | None
    attempt: int
    not_before_ms: int
    published_at_ms: int | None
    key: str | None
    for_group: str | None
    content_type: str | None
    headers: Mapping[str, str]

    def is_for(self, group: str) -> bool:
        """Whether `group` is meant; what is not, a subscription settles unseen."""
        return self.for_group is None or self.for_group == group


def read_headers(headers: Iterable[tuple[str, str]]) -> Notes:
    """Takes our notes out of a message's headers. What somebody else wrote badly counts as absent."""
    named = {name.lower(): value for name, value in headers}
    return Notes(
        id=named.get(ID),
        attempt=max(1, _number(named.get(ATTEMPT)) or 1),
        not_before_ms=_number(named.get(NOT_BEFORE_MS)) or 0,
        published_at_ms=_number(named.get(PUBLISHED_AT_MS)),
        key=named.get(KEY),
        for_group=named.get(FOR_GROUP),
        content_type=named.get(CONTENT_TYPE),
        headers={name: value for name, value in named.items() if name not in _OURS},
    )


def copy_headers(delivery: Delivery, *, attempt: int, not_before_ms: int = 0) -> dict[str, str]:
    """Headers of a copy of `delivery` that keeps its id."""
    notes = {ID: delivery.id, ATTEMPT: str(attempt), NOT_BEFORE_MS: str(not_before_ms)}
    if delivery.published_at_ms is not None:
        notes[PUBLISHED_AT_MS] = str(delivery.published_at_ms)
    if delivery.content_type is not None:
        notes[CONTENT_TYPE] = delivery.content_type
    return {**delivery.headers, **notes}


def refusals(messages: Sequence[Message], message_bytes_max: int) -> list[str | None]:
    """Why messages cannot be sent, known before sending: too large, or behind such a one of the same key."""
    answers: list[str | None] = []
    stopped: set[tuple[str, str]] = set()
    for message in messages:
        reason = _refusal(message, message_bytes_max)
        if message.key is not None:
            place = (message.channel, message.key)
            if place in stopped:
                reason = f"held back: an earlier message with the key {message.key!r} was refused"
            elif reason is not None:
                stopped.add(place)
        answers.append(reason)
    return answers


def _refusal(message: Message, message_bytes_max: int) -> str | None:
    size = len(message.body)
    if size > message_bytes_max:
        return f"the message has {size} bytes, the broker takes {message_bytes_max}"
    return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 19 else None
