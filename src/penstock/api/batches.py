"""Making a batch out of a request: which things it is about, and what the operation log says of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.api import problems
from penstock.api.batch.dto import batch
from penstock.api.history_process_instance.query import HISTORIC_PROCESS_INSTANCES
from penstock.api.http import Request
from penstock.api.process_instance.query import PROCESS_INSTANCES
from penstock.engine.events import JobKind
from penstock.identity.changes import OPERATOR, Operation, Property
from penstock.runtime.batches.kinds import NewBatch, Template
from penstock.store.query import Query, is_null


async def make(
    request: Request,
    type: JobKind,
    ids: Sequence[str],
    template: Template,
    operation: Operation | None,
    *,
    tenant: str | None = None,
) -> dict[str, Any]:
    """Makes the batch; returns its `BatchDto`."""
    new = NewBatch(type=type, ids=list(ids), template=template, user=request.user, tenant=tenant)
    return batch(await request.engine.create_batch(new, operation))


def logged(
    type: str,
    count: int,
    *more: tuple[str, str | None],
    entity: str = "ProcessInstance",
    asynchronous: bool = True,
    definition: str | None = None,
    annotation: str | None = None,
) -> Operation:
    """The entry of an operation on `count` things."""
    properties = [Property("nrOfInstances", str(count)), Property("async", "true" if asynchronous else "false")]
    return Operation(
        type=type,
        entity=entity,
        category=OPERATOR,
        properties=[*properties, *(Property(name, value) for name, value in more)],
        definition=definition,
        annotation=annotation,
    )


async def instances(
    request: Request,
    ids: Sequence[Any] | None,
    query: Mapping[str, Any] | None = None,
    historic_query: Mapping[str, Any] | None = None,
    *,
    null: str = "Process instance ids cannot be null: Process instance ids contains null value",
) -> list[str]:
    """The process instances that a request names by id, by a query of running ones or of history, each once.

    Raises 400; `null`: what is said when an id is null."""
    if ids is not None and None in ids:
        raise problems.bad_user_request(null)
    now_ms = request.engine.clock.now_ms()
    found = dict.fromkeys(str(id) for id in ids or ())
    if query is not None:
        running = (is_null("ended_ms"), *PROCESS_INSTANCES.where_of_json(query, now_ms))
        found.update(dict.fromkeys(await _ids(request, Query("process_instance", running, columns=("id",)))))
    if historic_query is not None:
        where = HISTORIC_PROCESS_INSTANCES.where_of_json(historic_query, now_ms)
        found.update(dict.fromkeys(await _ids(request, Query("process_instance", where, columns=("id",)))))
    return list(found)


async def _ids(request: Request, query: Query) -> list[str]:
    return [row["id"] for row in await request.engine.rows(query)]
