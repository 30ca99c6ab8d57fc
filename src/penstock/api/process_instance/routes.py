"""`/process-instance`: running process instances."""

from typing import Any

from penstock.api import problems
from penstock.api.dto import Body
from penstock.api.history_process_instance.query import HISTORIC_PROCESS_INSTANCES
from penstock.api.http import Request, Route
from penstock.api.process_instance import asynchronous, instructions
from penstock.api.process_instance.dto import process_instance
from penstock.api.process_instance.query import PROCESS_INSTANCES
from penstock.api.process_instance.tree import activity_instances
from penstock.api.querying import by_id
from penstock.api.shared_query import list_routes, one
from penstock.api.shared_suspension import Suspension, of_definition
from penstock.api.shared_variables import execution_scope, variable_routes
from penstock.base.errors import NotFound
from penstock.engine.commands import DeleteInstance, ModifyInstance, SetSuspension
from penstock.store.query import Query, Term, is_null, one_of

PATH = "/process-instance"


class Modification(Body):
    """`ProcessInstanceModificationDto`."""

    skip_custom_listeners: bool = False
    skip_io_mappings: bool = False
    instructions: list[Any] | None = None
    annotation: str | None = None


def _absent(id: str) -> problems.Problem:
    return problems.invalid(404, f"Process instance with id {id} does not exist")


async def get(request: Request, id: str) -> Any:
    """`GET /process-instance/{id}`."""
    row = await one(request, Query("process_instance", (is_null("ended_ms"), *by_id(id))))
    if row is None:
        raise _absent(id)
    return process_instance(row)


async def delete(request: Request, id: str) -> Any:
    """`DELETE /process-instance/{id}`."""
    must_exist = request.flag("failIfNotExists", True)
    gone = problems.invalid(404, f"No process instance found for id '{id}': processInstance is null", 0)
    if await request.engine.instance(id) is None:
        if must_exist:
            raise gone
        return
    command = DeleteInstance(
        instance=id,
        skip_custom_listeners=request.flag("skipCustomListeners"),
        skip_io_mappings=request.flag("skipIoMappings"),
        skip_subprocesses=request.flag("skipSubprocesses"),
        fail_if_not_exists=must_exist,
        user=request.user,
    )
    try:
        await request.engine.execute(command)
    except NotFound:
        raise gone from None


async def tree(request: Request, id: str) -> Any:
    """`GET /process-instance/{id}/activity-instances`."""
    instance = await request.engine.instance(id)
    if instance is None or instance.definition is None:
        raise _absent(id)
    return activity_instances(instance, await request.engine.definition(instance.definition))


async def modify(request: Request, id: str) -> Any:
    """`POST /process-instance/{id}/modification`."""
    body = request.body(Modification)
    found = instructions.read(body.instructions)
    if await request.engine.instance(id) is None:
        raise problems.engine(f"Process instance '{id}' cannot be modified. The process instance does not exist")
    await request.engine.execute(
        ModifyInstance(
            instance=id,
            instructions=found,
            skip_custom_listeners=body.skip_custom_listeners,
            skip_io_mappings=body.skip_io_mappings,
            annotation=body.annotation,
            user=request.user,
        )
    )


async def _suspend(request: Request, id: str, suspended: bool) -> None:
    """Suspends or activates; an instance that does not exist (any more) is passed over, as in Camunda."""
    if await request.engine.instance(id) is None:
        return
    try:
        await request.engine.execute(SetSuspension(instance=id, suspended=suspended, user=request.user))
    except NotFound:
        return


async def suspend(request: Request, id: str) -> Any:
    """`PUT /process-instance/{id}/suspended`."""
    await _suspend(request, id, request.body(Suspension).suspended)


async def suspend_all(request: Request) -> Any:
    """`PUT /process-instance/suspended`: by ids, queries, or definition."""
    body = request.body(Suspension)
    for id in await _selected(request, body):
        await _suspend(request, id, body.suspended)


async def _selected(request: Request, body: Suspension) -> list[str]:
    now_ms = request.engine.clock.now_ms()
    by_instances: list[list[Term]] = []
    if body.process_instance_ids is not None:
        if None in body.process_instance_ids:
            raise problems.bad_user_request("Cannot be null.: Process Instance ids contains null value")
        by_instances.append([one_of("id", body.process_instance_ids)])
    if body.process_instance_query is not None:
        by_instances.append(PROCESS_INSTANCES.where_of_json(body.process_instance_query, now_ms))
    if body.historic_process_instance_query is not None:
        by_instances.append(HISTORIC_PROCESS_INSTANCES.where_of_json(body.historic_process_instance_query, now_ms))
    id, key = body.process_definition_id, body.process_definition_key
    if id is not None and key is not None:
        raise problems.invalid(
            400, "Only one of processDefinitionId or processDefinitionKey should be set to update the suspension state."
        )
    if id is not None or key is not None:
        by_instances.append(list(of_definition(body)))
    if not by_instances:
        raise problems.invalid(
            400, "Either processDefinitionId or processDefinitionKey should be set to update the suspension state."
        )
    ids: dict[str, None] = {}
    for terms in by_instances:
        query = Query("process_instance", (is_null("ended_ms"), *terms), columns=("id",))
        ids.update((row["id"], None) for row in await request.engine.rows(query))
    return list(ids)


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, PROCESS_INSTANCES, process_instance),
    Route("GET", PATH + "/{id}", get),
    Route("DELETE", PATH + "/{id}", delete, consumes=None),
    Route("GET", PATH + "/{id}/activity-instances", tree),
    Route("POST", PATH + "/{id}/modification", modify),
    Route("PUT", PATH + "/{id}/suspended", suspend),
    Route("PUT", PATH + "/suspended", suspend_all),
    *variable_routes(PATH + "/{id}/variables", "process instance", execution_scope, local=False),
    Route("POST", PATH + "/{id}/modification-async", asynchronous.modify),
    Route("POST", PATH + "/delete", asynchronous.delete),
    Route("POST", PATH + "/delete-historic-query-based", asynchronous.delete_by_history),
    Route("POST", PATH + "/job-retries", asynchronous.set_job_retries),
    Route("POST", PATH + "/job-retries-historic-query-based", asynchronous.set_job_retries_by_history),
    Route("POST", PATH + "/message-async", asynchronous.correlate),
    Route("POST", PATH + "/suspended-async", asynchronous.suspend),
    Route("POST", PATH + "/variables-async", asynchronous.set_variables),
)
