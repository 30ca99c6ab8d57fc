"""What lists of process definitions understand, and how one definition is named in a path."""

from typing import Any

from penstock.api import definitions, problems
from penstock.api.http import Request
from penstock.api.querying import (
    Context,
    Kind,
    Selection,
    custom,
    like,
    moment,
    text,
    texts,
    when,
)
from penstock.base.errors import NotFound
from penstock.engine.definition import Definition
from penstock.store.protocol import Row
from penstock.store.query import Exists, Op, Order, Query, Term, Where, eq, is_null, one_of


def _incident(column: str, op: Op = Op.EQ) -> Any:
    def make(value: str, _context: Context) -> tuple[Term, ...]:
        return (Exists("incident", (("definition_id", "id"),), (Where(column, op, value), is_null("ended_ms"))),)

    return custom(Kind.TEXT, make)


SELECTION = Selection(
    "process_definition",
    filters={
        **definitions.filters("processDefinition"),
        "deployedAfter": moment("deployed_ms", Op.GT),
        "deployedAt": moment("deployed_ms", Op.EQ),
        "keysIn": texts("key"),
        "active": when(eq("suspended", False)),
        "suspended": when(eq("suspended", True)),
        "incidentId": _incident("id"),
        "incidentType": _incident("type"),
        "incidentMessage": _incident("message"),
        "incidentMessageLike": _incident("message", Op.LIKE),
        "versionTag": text("version_tag"),
        "versionTagLike": like("version_tag"),
        "withoutVersionTag": when(is_null("version_tag")),
        "startableInTasklist": when(eq("startable_in_tasklist", True)),
        "notStartableInTasklist": when(eq("startable_in_tasklist", False)),
    },
    sortings={
        **definitions.SORTINGS,
        "deployTime": Order("deployed_ms"),
        "versionTag": Order("version_tag"),
    },
)


async def selected(request: Request) -> Query:
    """The query of `GET /process-definition`. `startableBy` looks into the models, which alone know who may start."""
    query = SELECTION.get(request)
    person = request.text("startableBy")
    if person is None:
        return query
    startable = []
    for row in await request.engine.rows(Query(query.table, query.where, columns=("id",))):
        definition = await request.engine.definition(row["id"])
        users = definition.process.candidate_starter_users or ""
        if person in {user.strip() for user in users.split(",")}:
            startable.append(row["id"])
    where = (*query.where, one_of("id", startable))
    return Query(query.table, where, query.order, query.offset, query.limit)


async def by_key(request: Request, key: str, tenant: str | None = None) -> str:
    """The id of the newest definition of `key`, of this tenant or of none. Raises 404 `RestException`."""
    found = await request.engine.latest(key, tenant)
    if found is None:
        raise definitions.unmatched("process", key, tenant)
    return found


async def row_of(request: Request, id: str) -> Row:
    """The row of a definition. Raises 404."""
    rows = await request.engine.rows(Query("process_definition", (eq("id", id),)))
    if not rows:
        raise problems.invalid(404, f"No matching definition with id {id}", 0)
    return rows[0]


async def definition_of(request: Request, id: str) -> Definition:
    """The compiled definition. Raises 404."""
    try:
        return await request.engine.definition(id)
    except NotFound:
        raise problems.invalid(404, f"No matching process definition with id {id}", 0) from None
