"""What goes over the wire."""

import base64
from collections.abc import Mapping
from typing import Any

from penstock.api import dates
from penstock.api.dto import Body
from penstock.runtime.letters import Letter

BODY_BYTES_SHOWN = 4_096


class Replay(Body):
    """Which dead letters go back to where they came from; what is left out is any."""

    connection: str | None = None
    channel: str | None = None
    reason: str | None = None
    id: str | None = None
    since: str | None = None
    until: str | None = None
    dry_run: bool | None = None


class DeadLetter(Body):
    """`body` as text where it is UTF-8, else `bodyBase64`; the first 4,096 bytes of either (`bodyBytes` says how many
    there are). `channel`: where it came from; `deadLetterChannel`: where it lies."""

    id: str
    connection: str
    channel: str
    dead_letter_channel: str
    group: str
    reason: str
    at: str | None
    attempts: int
    key: str | None
    content_type: str | None
    headers: Mapping[str, str]
    body: str | None
    body_base64: str | None
    body_bytes: int


def dead_letter(found: Letter) -> DeadLetter:
    """A dead letter as clients see it."""
    letter, delivery = found.letter, found.letter.delivery
    text, coded = _shown(delivery.body)
    return DeadLetter(
        id=letter.id,
        connection=found.connection,
        channel=letter.channel,
        dead_letter_channel=found.place,
        group=letter.group,
        reason=letter.reason,
        at=dates.write(letter.at_ms) if letter.at_ms else None,
        attempts=letter.attempts,
        key=delivery.key,
        content_type=delivery.content_type,
        headers=delivery.headers,
        body=text,
        body_base64=coded,
        body_bytes=len(delivery.body),
    )


def _shown(body: bytes) -> tuple[str | None, str | None]:
    part = body[:BODY_BYTES_SHOWN]
    try:
        # A character that the bound cuts in two is no reason to show digits.
        return part.decode(errors="ignore" if len(part) < len(body) and _is_text(body) else "strict"), None
    except UnicodeDecodeError:
        return None, base64.b64encode(part).decode()


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "connection": {"type": "string"},
        "channel": {"type": "string", "description": "Where it came from, and goes when it is replayed"},
        "deadLetterChannel": {"type": "string"},
        "group": {"type": "string"},
        "reason": {"type": "string"},
        "at": {"type": ["string", "null"]},
        "attempts": {"type": "integer"},
        "key": {"type": ["string", "null"]},
        "contentType": {"type": ["string", "null"]},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "body": {"type": ["string", "null"], "description": "Text, at most 4,096 bytes of it"},
        "bodyBase64": {"type": ["string", "null"], "description": "What is no text, at most 4,096 bytes of it"},
        "bodyBytes": {"type": "integer"},
    },
}
