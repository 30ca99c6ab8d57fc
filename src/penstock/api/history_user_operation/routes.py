"""`/history/user-operation`: what people and clients did."""

from collections.abc import Iterable
from typing import Any

from penstock.api import problems
from penstock.api.dto import Body
from penstock.api.history_user_operation.dto import operation
from penstock.api.http import Request, Route
from penstock.api.querying import Context, Filter, Kind, Selection, custom, identifier, moment, text
from penstock.api.shared_query import any_of, list_routes, listed_rows, nothing, one
from penstock.engine.events import OperationAnnotated
from penstock.identity.changes import OPERATOR, About, Changes, Operation, Present, Property
from penstock.store.protocol import Row
from penstock.store.query import AnyOf, Exists, Op, Order, Query, Term, eq, one_of

PATH = "/history/user-operation"


def _of_deployment(value: str, _: Context) -> Iterable[Term]:
    """The entry's own deployment, or that of its process definition."""
    of_definition = Exists("process_definition", (("id", "definition_id"),), (eq("deployment_id", value),))
    yield AnyOf((eq("deployment_id", value), of_definition))


FILTERS: dict[str, Filter] = {
    "deploymentId": custom(Kind.TEXT, _of_deployment),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "processInstanceId": identifier("instance_id"),
    "executionId": identifier("execution_id"),
    "caseDefinitionId": nothing(),
    "caseInstanceId": nothing(),
    "caseExecutionId": nothing(),
    "taskId": identifier("task_id"),
    "externalTaskId": identifier("external_task_id"),
    "batchId": text("batch_id"),
    "jobId": identifier("job_id"),
    "jobDefinitionId": text("job_definition_id"),
    "userId": text("user_id"),
    "operationId": text("operation_id"),
    "operationType": text("operation_type"),
    "entityType": text("entity_type"),
    "entityTypeIn": any_of("entity_type"),
    "category": text("category"),
    "categoryIn": any_of("category"),
    "property": text("property"),
    "afterTimestamp": moment("occurred_ms", Op.GE),
    "beforeTimestamp": moment("occurred_ms", Op.LE),
}

OPERATIONS = Selection("operation_log", FILTERS, {"timestamp": Order("occurred_ms")})


async def get_all(request: Request) -> Any:
    """`GET /history/user-operation`."""
    rows = await listed_rows(request, OPERATIONS.get(request))
    deployments = await _deployments(request, rows)
    return [
        {**operation(row), "deploymentId": row["deployment_id"] or deployments.get(row["definition_id"])}
        for row in rows
    ]


async def _deployments(request: Request, rows: list[Row]) -> dict[str | None, str]:
    """Camunda names the deployment of the definition on every entry."""
    ids = sorted({row["definition_id"] for row in rows if row["definition_id"] and not row["deployment_id"]})
    if not ids:
        return {}
    query = Query("process_definition", (one_of("id", ids),), columns=("id", "deployment_id"))
    return {row["id"]: row["deployment_id"] for row in await request.engine.rows(query)}


class Annotation(Body):
    """`AnnotationDto`."""

    annotation: str | None = None


async def set_annotation(request: Request, id: str) -> None:
    """`PUT /history/user-operation/{operationId}/set-annotation`."""
    await _annotate(request, id, request.body(Annotation).annotation, "SetAnnotation")


async def clear_annotation(request: Request, id: str) -> None:
    """`PUT /history/user-operation/{operationId}/clear-annotation`."""
    await _annotate(request, id, None, "ClearAnnotation")


async def _annotate(request: Request, id: str, annotation: str | None, type: str) -> None:
    entry = await one(request, Query("operation_log", (eq("operation_id", id),), limit=1))
    if entry is None:
        raise problems.bad_user_request("operation is null")
    instance, root = entry["instance_id"] or id, entry["root_id"] or id
    about = About(instance, root, tenant=entry["tenant_id"])
    operation = Operation(
        type=type,
        entity="OperationLog",
        category=OPERATOR,
        properties=(Property("operationId", id),),
        tenant=entry["tenant_id"],
    )

    async def make(_: Present) -> Changes:
        return Changes(operations=[operation], events=[(about, OperationAnnotated(id, annotation))])

    await request.engine.administer(make, user=request.user)


ROUTES: tuple[Route, ...] = (
    Route("GET", PATH, get_all),
    *(route for route in list_routes(PATH, OPERATIONS, operation, post=False) if route.path.endswith("/count")),
    Route("PUT", PATH + "/{id}/set-annotation", set_annotation),
    Route("PUT", PATH + "/{id}/clear-annotation", clear_annotation, consumes=None),
)
