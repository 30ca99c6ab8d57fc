"""Which failed work is meant, and finding it, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from penstock.store.protocol import Row
from penstock.store.query import AllOf, AnyOf, Exists, Op, Order, Query, Term, Where, eq, is_null, not_null, one_of

INCIDENT = "incident"
FAILED_JOB, FAILED_EXTERNAL_TASK = "failedJob", "failedExternalTask"
TYPES = (FAILED_JOB, FAILED_EXTERNAL_TASK)
"""Incidents that end when what has failed gets retries."""

PAGE_ROWS = 1_000
"""Incidents that are looked at in one go."""

_ORDER = (Order("created_ms"), Order("id"))
_OF_INSTANCE = (("shard", "shard"), ("id", "instance_id"))
_OF_TASK = (("shard", "shard"), ("id", "configuration"))


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is stated must all hold. `activity`: where it waits or where it failed; `error`: a part of the message, in any
    case; `from_ms` and later, before `before_ms`: when it was given up. Without any condition `everything` must be true."""

    topic: str | None = None
    definition_key: str | None = None
    definition_version: int | None = None
    definition_id: str | None = None
    activity: str | None = None
    incident_type: str | None = None
    error: str | None = None
    from_ms: int | None = None
    before_ms: int | None = None
    business_key: str | None = None
    instances: tuple[str, ...] | None = None
    tenant: str | None = None
    everything: bool = False


class Failed(msgspec.Struct, frozen=True):
    """A job or external task without retries (`id`), and its incident. `topic`: of external tasks."""

    id: str
    incident: str
    type: str
    instance: str | None
    definition: str | None
    activity: str | None
    topic: str | None
    error: str | None
    created_ms: int


class Reader(Protocol):
    """Where rows are read."""

    async def rows(self, query: Query) -> list[Row]: ...


async def failed(reader: Reader, selection: Selection, most: int) -> AsyncIterator[list[Failed]]:
    """What fits, the oldest first, at most so many in all; a page never holds more than PAGE_ROWS."""
    where = conditions(selection)
    after: Sequence[Term] = ()
    while most > 0:
        rows = await reader.rows(Query(INCIDENT, (*where, *after), _ORDER, limit=min(PAGE_ROWS, most)))
        if rows:
            yield await _with_topics(reader, rows)
        most -= len(rows)
        if len(rows) < PAGE_ROWS:
            return
        after = _behind(rows[-1])


def conditions(selection: Selection) -> list[Term]:
    """The selection as terms on the view `incident`. Incidents that a called process has caused above it are left out."""
    found: list[Term] = [is_null("ended_ms"), not_null("configuration"), one_of("type", TYPES)]
    for column, value in (
        ("definition_key", selection.definition_key),
        ("definition_id", selection.definition_id),
        ("type", selection.incident_type),
        ("tenant_id", selection.tenant),
    ):
        if value is not None:
            found.append(eq(column, value))
    found += _linked(selection)
    if selection.activity is not None:
        found.append(AnyOf((eq("activity_id", selection.activity), eq("failed_activity_id", selection.activity))))
    if selection.error is not None:
        found.append(Where("message", Op.LIKE, f"%{_escaped(selection.error)}%", lower=True))
    if selection.from_ms is not None:
        found.append(Where("created_ms", Op.GE, selection.from_ms))
    if selection.before_ms is not None:
        found.append(Where("created_ms", Op.LT, selection.before_ms))
    if selection.instances is not None:
        found.append(one_of("instance_id", selection.instances))
    return found


def _linked(selection: Selection) -> list[Term]:
    """What the task, instance or definition of an incident says."""
    found: list[Term] = []
    if selection.topic is not None:
        found.append(Exists("external_task", _OF_TASK, (eq("topic", selection.topic),)))
    if selection.business_key is not None:
        found.append(Exists("process_instance", _OF_INSTANCE, (eq("business_key", selection.business_key),)))
    if selection.definition_version is not None:
        version = eq("version", selection.definition_version)
        found.append(Exists("process_definition", (("id", "definition_id"),), (version,)))
    return found


def _escaped(text: str) -> str:
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return text


def _behind(row: Row) -> Sequence[Term]:
    """What comes after `row` in the order of pages."""
    at_ms = row["created_ms"]
    same = AllOf((eq("created_ms", at_ms), Where("id", Op.GT, row["id"])))
    return (Where("created_ms", Op.GE, at_ms), AnyOf((Where("created_ms", Op.GT, at_ms), same)))


async def _with_topics(reader: Reader, rows: Sequence[Row]) -> list[Failed]:
    tasks = [row["configuration"] for row in rows if row["type"] == FAILED_EXTERNAL_TASK]
    query = Query("external_task", (one_of("id", tasks),), columns=("id", "topic"))
    topics = {row["id"]: row["topic"] for row in await reader.rows(query)} if tasks else {}
    return [
        Failed(
            id=row["configuration"],
            incident=row["id"],
            type=row["type"],
            instance=row["instance_id"],
            definition=row["definition_id"],
            activity=row["activity_id"],
            topic=topics.get(row["configuration"]),
            error=row["message"],
            created_ms=row["created_ms"],
        )
        for row in rows
    ]
