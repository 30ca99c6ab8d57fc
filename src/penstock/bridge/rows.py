"""Rows of `outbox`: what is to be published, written in the commit of what causes it."""

import hashlib
from typing import Any

from penstock.base.clock import Clock
from penstock.base.ids import shard_of
from penstock.bus.protocol import Message
from penstock.store.protocol import AnyChange, Change, Row, RowChange

OUTBOX = "outbox"
SLOTS = 256
"""Keys are spread over so many slots; a slot is one node's at a time."""

_COUNT_BITS = 16


class Positions:
    """Numbers that grow with each commit of a node, and with time between nodes: the order of the outbox."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        self._last = max(self._last + 1, self._clock.now_ms() << _COUNT_BITS)
        return self._last


def outbox_row(
    id: str,
    connection: str,
    message: Message,
    *,
    position: int,
    now_ms: int,
    instance: str | None = None,
    revision: int = 0,
    external_task: str | None = None,
    timeout_ms: int | None = None,
) -> AnyChange:
    """The row of a message; its key keeps its order. `id`: its own, in the shard of its cause. `external_task`: the task
    whose request it is."""
    key = message.key if message.key is not None else id
    values: dict[str, Any] = {
        "shard": shard_of(id),
        "id": id,
        "instance_id": instance,
        "revision": revision,
        "connection": connection,
        "channel": message.channel,
        "slot": slot_of(key),
        "key": key,
        "position": position,
        "body": message.body,
        "content_type": message.content_type,
        "headers": dict(message.headers),
        "external_task_id": external_task,
        "timeout_ms": timeout_ms,
        "created_ms": now_ms,
    }
    return RowChange(OUTBOX, Change.INSERT, values)


def message_of(row: Row) -> Message:
    """The message that a row holds."""
    return Message(
        channel=row["channel"],
        body=row["body"],
        key=row["key"],
        headers=row["headers"] or {},
        content_type=row["content_type"],
    )


def slot_of(key: str) -> int:
    """The slot of a key: the same on every node, for ever."""
    return hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=1).digest()[0]
