"""Saved filters: a stored query of tasks with a name, an owner and properties of the client's own (Camunda 7 `Filter`).

The query is JSON, as clients of `POST /task` write it; the REST layer has checked it.
"""

from typing import Any

import msgspec

from penstock.base.errors import NotFound
from penstock.identity import authorizations
from penstock.identity.changes import TASK_WORKER, Changes, MakeChanges, Operation, Present, Property, gone, put, update
from penstock.identity.permissions import Resource
from penstock.store.query import eq

TABLE = "saved_filter"


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a filter."""

    resource_type: str
    name: str
    owner: str | None
    query: dict[str, Any]
    properties: dict[str, Any] | None


def create(wanted: Filter) -> MakeChanges:
    """A new filter; the result is its row."""

    async def make(present: Present) -> Changes:
        row = {"id": present.ids.new(), **msgspec.structs.asdict(wanted)}
        return Changes([put(TABLE, row)], [_operation("Create", row["id"])], row)

    return make


def change(id: str, wanted: Filter) -> MakeChanges:
    """Another content. Raises NotFound."""

    async def make(present: Present) -> Changes:
        await _must(present, id)
        return Changes([update(TABLE, {"id": id, **msgspec.structs.asdict(wanted)})], [_operation("Update", id)])

    return make


def delete(id: str) -> MakeChanges:
    """The end of a filter and of the authorizations on it. Raises NotFound."""

    async def make(present: Present) -> Changes:
        await _must(present, id)
        rows = [gone(TABLE, id=id), *await authorizations.of_resource(present, Resource.FILTER, id)]
        return Changes(rows, [_operation("Delete", id)])

    return make


async def _must(present: Present, id: str) -> None:
    if not await present.find(TABLE, eq("id", id)):
        raise NotFound(f"Filter with id '{id}' does not exist.")


def _operation(type: str, id: str) -> Operation:
    return Operation(type=type, entity="Filter", category=TASK_WORKER, properties=(Property("filterId", id),))
