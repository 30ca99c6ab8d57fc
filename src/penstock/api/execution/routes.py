"""`/execution`: the execution tree of running instances."""

from typing import Any

from penstock.api import problems, values
from penstock.api.dto import Body
from penstock.api.event_subscription.dto import event_subscription
from penstock.api.execution.dto import execution
from penstock.api.execution.query import EXECUTIONS
from penstock.api.http import Request, Route
from penstock.api.incident.dto import incident
from penstock.api.querying import by_id
from penstock.api.shared_query import list_routes, one
from penstock.api.shared_variables import Scope, execution_scope, variable_routes
from penstock.engine.commands import CreateIncident, SignalExecution, TriggerMessage
from penstock.store.query import Query, eq

PATH = "/execution"


class Trigger(Body):
    """`ExecutionTriggerDto`."""

    variables: dict[str, Any] | None = None


class NewIncident(Body):
    """`CreateIncidentDto`."""

    incident_type: str | None = None
    configuration: str | None = None
    message: str | None = None


async def get(request: Request, id: str) -> Any:
    """`GET /execution/{id}`."""
    row = await one(request, Query("execution", by_id(id)))
    if row is None:
        raise problems.invalid(404, f"Execution with id {id} does not exist")
    return execution(row)


async def signal(request: Request, id: str) -> Any:
    """`POST /execution/{id}/signal`."""
    body = request.body(Trigger)
    prefix = f"Cannot signal execution {id}: "
    with problems.reported(prefix):
        variables = values.read_all(body.variables)
    with problems.reported(prefix, refused=_engine_error):
        scope = await execution_scope(request, id)
        await request.engine.execute(
            SignalExecution(instance=scope.instance.id, execution=id, variables=variables, user=request.user)
        )


def _engine_error(message: str, code: int | None) -> problems.Problem:
    return problems.rest(500, message)


async def create_incident(request: Request, id: str) -> Any:
    """`POST /execution/{id}/create-incident`. The execution must stand in an activity."""
    body = request.body(NewIncident)
    scope = await _found(request, id)
    if scope is None:
        raise problems.rest(400, f"Cannot find an execution with executionId '{id}': execution is null")
    if not body.incident_type:
        raise problems.rest(400, "incidentType is null")
    if scope.instance.executions[id].activity is None:
        raise problems.rest(400, "Execution must be related to an activity: activity is null")
    with problems.reported("", lambda message, _: problems.rest(400, message)):
        created = await request.engine.execute(
            CreateIncident(
                instance=scope.instance.id,
                execution=id,
                type=body.incident_type,
                configuration=body.configuration,
                message=body.message,
                user=request.user,
            )
        )
    row = await one(request, Query("incident", by_id(created)))
    if row is None:
        raise problems.rest(400, f"The incident {created} was closed while it was being read.")
    return incident(row)


async def _found(request: Request, id: str) -> Scope | None:
    try:
        return await execution_scope(request, id)
    except problems.Problem:
        return None


async def message_subscription(request: Request, id: str, name: str) -> Any:
    """`GET /execution/{id}/messageSubscriptions/{messageName}`."""
    terms = (*by_id(id, "execution_id"), eq("type", "message"), eq("name", name))
    row = await one(request, Query("event_subscription", terms))
    if row is None:
        raise problems.invalid(404, f"Message event subscription for execution {id} named {name} does not exist")
    return event_subscription(row)


async def trigger(request: Request, id: str, name: str) -> Any:
    """`POST /execution/{id}/messageSubscriptions/{messageName}/trigger`."""
    body = request.body(Trigger)
    prefix = f"Cannot trigger message {name} for execution {id}: "
    with problems.reported(prefix):
        variables = values.read_all(body.variables)
    with problems.reported(prefix, refused=_engine_error):
        scope = await execution_scope(request, id)
        await request.engine.execute(
            TriggerMessage(instance=scope.instance.id, execution=id, name=name, variables=variables, user=request.user)
        )


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, EXECUTIONS, execution),
    Route("GET", PATH + "/{id}", get),
    Route("POST", PATH + "/{id}/signal", signal),
    Route("POST", PATH + "/{id}/create-incident", create_incident),
    Route("GET", PATH + "/{id}/messageSubscriptions/{name}", message_subscription),
    Route("POST", PATH + "/{id}/messageSubscriptions/{name}/trigger", trigger),
    *variable_routes(PATH + "/{id}/localVariables", "execution", execution_scope, local=True),
)
