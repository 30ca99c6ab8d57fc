"""External tasks whose topic is bound to a bus: their request, or event, becomes an outbox row in the unit's own commit.

Such a task is locked by the worker `penstock-bus` from its first moment, for the time in which an answer must come; while
the request has not reached the broker (`outbox`) that time does not pass (`attempts`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from penstock.api import live, values
from penstock.api.external_task import dto
from penstock.base.errors import Failure, MessageUnreadable
from penstock.base.ids import Ids
from penstock.bridge.cause import cause
from penstock.bridge.config import Connection, Topic
from penstock.bridge.rows import Positions, outbox_row
from penstock.bridge.tokens import callback_url
from penstock.bus.cloudevents import JSON_TYPE, SPEC_VERSION, STRUCTURED_TYPE
from penstock.bus.protocol import Message
from penstock.engine.state import Instance
from penstock.expr.values import to_native
from penstock.runtime.definitions import beside
from penstock.runtime.ready import EXTERNAL_TASK
from penstock.store.protocol import AnyChange, Change, Row, RowChange
from penstock.store.tables import TABLES

WORKER = "penstock-bus"
CALLBACK_HEADER, IDEMPOTENCY_HEADER = "penstock-callback", "idempotency-key"
ATTEMPT_KEPT_MS = 7 * 86_400_000
"""How long it is known that an attempt is over."""

_BLANK: Row = dict.fromkeys(TABLES[EXTERNAL_TASK].columns)


class Requests:
    """What leaves of one node. `topics`: those that are bound now, by name; `connections`: those that there are now;
    `endpoints`: those of them that call back. See `runtime.protocol.Outgoing`."""

    def __init__(self, ids: Ids, positions: Positions) -> None:
        self._ids = ids
        self._positions = positions
        self.topics: Mapping[str, Topic] = {}
        self.connections: frozenset[str] = frozenset()
        self.endpoints: Mapping[str, Connection] = {}

    def takes(self, topic: str) -> bool:
        return topic in self.topics

    def with_requests(self, rows: list[AnyChange], instance: Instance, now_ms: int) -> list[AnyChange]:
        found: list[AnyChange] = []
        for row in rows:
            if type(row) is not RowChange or row.table != EXTERNAL_TASK or row.change is Change.DELETE:
                found.append(row)
            elif row.change is Change.UPDATE:
                found.append(_failed(row))
            elif row.values["topic"] in self.topics and not row.values["suspended"]:
                lease, request = self.request(_BLANK | dict(row.values), instance, now_ms)
                found += (RowChange(EXTERNAL_TASK, Change.INSERT, {**row.values, **lease}), request)
            else:
                found.append(row)
        return found

    def request(self, row: Row, instance: Instance, now_ms: int) -> tuple[dict[str, Any], AnyChange]:
        """The lease of a task that leaves, as columns of its row, and the outbox row. Raises Failure when what is to be
        sent cannot be made."""
        topic = self.topics[row["topic"]]
        id = beside(self._ids, row["id"])
        lease = {"worker_id": WORKER, "lock_expires_ms": now_ms + topic.timeout_ms, "request_id": id}
        key = row["business_key"] or row["instance_id"]
        leased = {**row, **lease}
        endpoint = self.endpoints.get(topic.connection)
        if endpoint is None or topic.reply is None:
            body, content_type, headers = _event(topic, id, key, leased, instance, now_ms), STRUCTURED_TYPE, {}
        else:
            url = callback_url(topic.connection, endpoint, row["id"], id)
            headers = {CALLBACK_HEADER: url, IDEMPOTENCY_HEADER: id}
            if topic.data:
                body, content_type = _encoded(_data(topic, leased, instance, url), row), JSON_TYPE
            else:
                body, content_type = _event(topic, id, key, leased, instance, now_ms), STRUCTURED_TYPE
        message = Message(channel=topic.channel, body=body, key=key, headers=headers, content_type=content_type)
        return lease, outbox_row(
            id,
            topic.connection,
            message,
            position=self._positions.next(),
            now_ms=now_ms,
            instance=instance.id,
            revision=instance.revision,
            external_task=row["id"],
            timeout_ms=topic.timeout_ms if topic.reply is not None else 0,
        )


def attempt_key(request: str) -> str:
    """The key under which an attempt of a task ends without having done it, once, whoever says so: the answer to its
    `request`, the time that is over, the broker that refuses it."""
    return f"bus:attempt:{request}"


def _failed(row: RowChange) -> RowChange:
    """A task whose attempt has failed is between two requests. (Its worker stays until somebody locks it, as in Camunda.)"""
    if "lock_expires_ms" not in row.values:
        return row
    return RowChange(EXTERNAL_TASK, Change.UPDATE, {**row.values, "request_id": None})


def _event(topic: Topic, id: str, key: str, row: Row, instance: Instance, now_ms: int) -> bytes:
    """The CloudEvent in structured mode."""
    document: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": id,
        "source": f"/penstock/{row['definition_key'] or 'tasks'}",
        "type": topic.event,
        "subject": row["id"],
        "time": _rfc3339(now_ms),
        "datacontenttype": "application/json",
        "correlationid": row["business_key"] or instance.root,
        # The message that was taken in, if one was, else what it is all about.
        "causationid": cause() or instance.id,
        "partitionkey": key,
    }
    task = instance.external_tasks.get(row["id"])
    if task is not None and task.trace is not None:
        document["traceparent"] = task.trace
    document["data"] = _data(topic, row, instance)
    return _encoded(document, row)


def _encoded(document: Any, row: Row) -> bytes:
    try:
        return msgspec.json.encode(document)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Failure(f"What is to be sent for '{row['activity_id']}' is no JSON: {error}") from error


def _data(topic: Topic, row: Row, instance: Instance, callback: str | None = None) -> Any:
    """The task as fetchAndLock gives it, or what the topic's mappings make of it, its variables and where to call back."""
    visible = live.visible(instance, row["execution_id"])
    task = dto.locked(row, values.write_all(visible, deserialize=False), row["properties"] or {})
    if not topic.data:
        return task
    names = {
        "task": task,
        "variables": {name: to_native(value) for name, value in visible.items()},
        "callback": callback,
    }
    try:
        return topic.data.values(names)
    except MessageUnreadable as error:
        raise Failure(f'[topic."{topic.name}"] data: {error.message}', element_id=row["activity_id"]) from error


def _rfc3339(now_ms: int) -> str:
    seconds, ms = divmod(now_ms, 1000)
    return f"{_second(seconds)}.{ms:03d}Z"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
