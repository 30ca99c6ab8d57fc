"""Filters and routes that the lists of running and historic things have in common."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from penstock.api import problems, removal, values
from penstock.api.http import Request, Route
from penstock.api.querying import Context, Filter, Kind, Refuse, Selection, VariableCondition, counted, custom, listed
from penstock.api.querying import variables as all_variables
from penstock.store.protocol import Row
from penstock.store.query import AnyOf, Exists, Op, Query, Term, Where, eq, is_null

Link = tuple[tuple[str, str], ...]

NOTHING: Term = AnyOf(())
OF_INSTANCE: Link = (("shard", "shard"), ("instance_id", "id"))
"""Inner rows that belong to the process instance of the outer row."""
INSTANCE_OF: Link = (("shard", "shard"), ("id", "instance_id"))
"""The process instance to which the outer row belongs."""
OF_SAME_INSTANCE: Link = (("shard", "shard"), ("instance_id", "instance_id"))
OF_EXECUTION: Link = (("shard", "shard"), ("execution_id", "id"))
OF_TASK: Link = (("shard", "shard"), ("task_id", "id"))
OF_SCOPE_OF_INSTANCE: Link = (("shard", "shard"), ("execution_id", "instance_id"))
"""Variables of the outer row's process instance itself."""
LIVE_IN_EXECUTION: tuple[Term, ...] = (eq("live", True), is_null("task_id"))
LIVE: tuple[Term, ...] = (eq("live", True),)

EQUALITY = ("eq", "neq")
COMPARISONS = ("eq", "neq", "gt", "gteq", "lt", "lteq", "like")
COMPARISONS_AND_NOT_LIKE = (*COMPARISONS, "notLike")


def any_of(column: str, op: Op = Op.IN) -> Filter:
    """A list that the column must be one of; an empty list is no condition (most of Camunda's query DTOs)."""
    return custom(Kind.LIST, lambda value, _: (Where(column, op, tuple(value)),) if value else ())


def nothing(kind: Kind = Kind.TEXT) -> Filter:
    """A criterion that no row of Penstock meets (cases, batches)."""
    return custom(kind, lambda value, _: (NOTHING,) if value not in (False, []) else ())


def ignoring_case(column: str, op: Op = Op.EQ) -> Filter:
    """A text compared without regard to case."""
    return custom(Kind.TEXT, lambda value, _: (Where(column, op, value.lower(), True),))


def without_tenant(column: str = "tenant_id") -> Filter:
    """`withoutTenantId`."""
    return custom(Kind.BOOLEAN, lambda value, _: (is_null(column),) if value else ())


def exists(table: str, link: Link, make: Callable[[Any], Sequence[Term]], kind: Kind = Kind.TEXT) -> Filter:
    """A row of `table` is linked for which the terms that `make` gives hold."""
    return custom(kind, lambda value, _: (Exists(table, link, make(value)),))


def flagged(make: Callable[[], Sequence[Term]]) -> Filter:
    """A flag: with `true` the terms hold; `false` is no condition."""
    return custom(Kind.BOOLEAN, lambda value, _: make() if value else ())


def checked_variables(
    link: Link,
    where: Sequence[Term] = LIVE_IN_EXECUTION,
    *,
    refuse: Refuse = problems.not_valid,
    operators: Collection[str] = COMPARISONS,
    what: str = "variable",
) -> Filter:
    """`querying.variables`, with the comparisons that this resource of Camunda 7 knows; others are 400."""
    inner = all_variables(link, where, refuse=refuse)

    def make(conditions: Sequence[VariableCondition], context: Context) -> Iterable[Term]:
        for condition in conditions:
            if condition.operator not in operators:
                raise problems.invalid(400, f"Invalid {what} comparator specified: {condition.operator}")
        return inner.make(conditions, context)

    return Filter(Kind.VARIABLES, make)


def incident_filters(link: Link) -> dict[str, Filter]:
    """The criteria on open incidents that runtime queries share."""
    is_open = eq("state", "open")
    return {
        "incidentId": exists("incident", link, lambda value: (is_open, eq("id", value))),
        "incidentType": exists("incident", link, lambda value: (is_open, eq("type", value))),
        "incidentMessage": exists("incident", link, lambda value: (is_open, eq("message", value))),
        "incidentMessageLike": exists("incident", link, lambda value: (is_open, Where("message", Op.LIKE, value))),
    }


def list_routes(
    path: str,
    selection: Selection,
    write: Callable[[Row], Any],
    *,
    post: bool = True,
    post_count: bool | None = None,
    posted: Selection | None = None,
) -> tuple[Route, ...]:
    """The routes of a list and its count: GET and, with `post` and `post_count`, POST.

    `posted`: what a body may say, where that differs from the query string."""
    in_body = posted or selection

    def written(row: Mapping[str, Any]) -> Any:
        return write(dict(row))

    async def get(request: Request) -> Any:
        return await listed(request, selection.get(request), written)

    async def get_count(request: Request) -> Any:
        return await counted(request, Query(selection.table, selection.where_of_text(request)))

    async def query(request: Request) -> Any:
        return await listed(request, in_body.post(request), written)

    async def query_count(request: Request) -> Any:
        body = request.object()
        where = in_body.where_of_json(body, request.engine.clock.now_ms())
        return await counted(request, Query(in_body.table, where))

    routes = [Route("GET", path, get), Route("GET", f"{path}/count", get_count)]
    if post:
        routes.append(Route("POST", path, query))
    if post if post_count is None else post_count:
        routes.append(Route("POST", f"{path}/count", query_count))
    return tuple(routes)


def value_of(row: Row, *, deserialize: bool, binary: bool = False) -> dict[str, Any]:
    """`{"type", "value", "valueInfo"}` of a row of `variable` or `detail`; lists leave the content of Bytes out
    (Camunda 7 `disableBinaryFetching`)."""
    written = values.write(values.from_row(row), deserialize=deserialize)
    if not binary and written["type"] == "Bytes":
        written["value"] = None
    return written


async def one(request: Request, query: Query) -> Row | None:
    """The only row of a query, or None."""
    rows = await listed_rows(request, query)
    return rows[0] if rows else None


async def must(request: Request, query: Query, missing: str, status: int = 404, code: int | None = None) -> Row:
    """The only row of a query. Raises `InvalidRequestException` with `status` and the message `missing` without one."""
    row = await one(request, query)
    if row is None:
        raise problems.invalid(status, missing, code)
    return row


async def listed_rows(request: Request, query: Query) -> list[Row]:
    """The rows of a query, each with the moment at which it may be removed from history."""
    return await removal.rows(request.engine, query)
