"""`POST /condition`: starts instances at conditional start events whose condition holds."""

from typing import Any

from penstock.api import problems, values
from penstock.api.dto import Body
from penstock.api.http import Request, Route
from penstock.api.process_instance.dto import process_instance
from penstock.api.querying import by_ids
from penstock.engine.commands import StartInstance
from penstock.engine.definition import Definition
from penstock.expr import juel
from penstock.expr.values import TypedValue, to_native
from penstock.store.query import Query, Term, eq, is_null


class Evaluation(Body):
    """`EvaluationConditionDto`."""

    variables: dict[str, Any] | None = None
    business_key: str | None = None
    tenant_id: str | None = None
    without_tenant_id: bool = False
    process_definition_id: str | None = None


class _Names:
    """What a start condition sees: the variables of the request."""

    def __init__(self, variables: dict[str, TypedValue], now_ms: int) -> None:
        self._variables = variables
        self._now_ms = now_ms

    def lookup(self, name: str) -> Any:
        return to_native(self._variables[name])

    def now_ms(self) -> int:
        return self._now_ms


def holds(definition: Definition, start_event: str, variables: dict[str, TypedValue], now_ms: int) -> bool:
    """Whether the condition of a start event holds; false while it reads a variable that is not there, or when the event
    watches a variable that is not among these (Camunda 7 `DefaultConditionHandler`).

    Raises ExpressionFailed, and Problem for a condition in a script."""
    trigger = definition.activities[start_event].trigger
    if trigger is None:
        return False
    if trigger.variable_name is not None and trigger.variable_name not in variables:
        return False
    if trigger.condition_script is not None:
        raise problems.unsupported("A start condition in a script")
    if trigger.condition is None:
        return False
    return juel.parse(trigger.condition).try_condition(_Names(variables, now_ms))


async def evaluate(request: Request) -> Any:
    """`POST /condition`."""
    body = request.body(Evaluation)
    if body.tenant_id is not None and body.without_tenant_id:
        raise problems.invalid(400, "Parameter 'tenantId' cannot be used together with parameter 'withoutTenantId'.")
    variables = values.read_all(body.variables)
    engine = request.engine
    where: list[Term] = [eq("type", "conditional"), is_null("instance_id")]
    if body.tenant_id is not None:
        where.append(eq("tenant_id", body.tenant_id))
    elif body.without_tenant_id:
        where.append(is_null("tenant_id"))
    if body.process_definition_id is not None:
        if not await engine.rows(Query("process_definition", (eq("id", body.process_definition_id),))):
            raise problems.Problem(
                400,
                "NotFoundException",
                f"no deployed process definition found with id '{body.process_definition_id}': "
                "processDefinition is null",
                0,
            )
        where.append(eq("definition_id", body.process_definition_id))
    subscriptions = await engine.rows(Query("event_subscription", where))
    if not subscriptions:
        raise problems.engine(
            "ENGINE-13043 No subscriptions were found during evaluation of the conditional start events."
        )
    starts: list[tuple[str, str]] = []
    for row in subscriptions:
        definition = await engine.definition(row["definition_id"])
        if holds(definition, row["activity_id"], variables, engine.clock.now_ms()):
            starts.append((definition.id, row["activity_id"]))
    started = [
        await engine.execute(
            StartInstance(
                definition=definition_id,
                start_event=event,
                business_key=body.business_key,
                variables=variables,
                user=request.user,
            )
        )
        for definition_id, event in starts
    ]
    if not started:
        return []
    rows = {row["id"]: row for row in await engine.rows(Query("process_instance", by_ids(started)))}
    return [process_instance(rows[id]) for id in started]


ROUTES: tuple[Route, ...] = (Route("POST", "/condition", evaluate),)
