"""Camunda 7 `POST /signal`: to every subscription and start event, or to one execution."""

from typing import Any

from penstock.api import problems, values
from penstock.api.dto import Body
from penstock.api.http import Request, Route
from penstock.api.subscriptions import Wanted, receivers, starts
from penstock.engine.commands import BroadcastSignal, TriggerSignal


class Signal(Body):
    """`SignalDto`."""

    name: str | None = None
    execution_id: str | None = None
    variables: dict[str, Any] | None = None
    tenant_id: str | None = None
    without_tenant_id: bool | None = None


async def throw(request: Request) -> None:
    """`POST /signal`"""
    body = request.body(Signal)
    if not body.name:
        raise problems.invalid(400, "No signal name given")
    variables = values.read_all(body.variables)
    tenant_matters = body.tenant_id is not None or bool(body.without_tenant_id)
    if body.execution_id is not None:
        if tenant_matters:
            raise problems.bad_user_request(
                "ENGINE-13027 Cannot specify a tenant-id when deliver a signal to a single execution."
            )
        await _to_execution(request, body.name, body.execution_id, variables)
        return
    wanted = Wanted(
        type="signal",
        name=body.name,
        tenant=None if body.without_tenant_id else body.tenant_id,
        tenant_matters=tenant_matters,
    )
    waiting = await receivers(request, wanted)
    beginning = await starts(request, wanted)
    if waiting or beginning:
        await request.engine.execute(
            BroadcastSignal(
                name=body.name,
                receivers=tuple((row["instance_id"], row["id"]) for row in waiting),
                starts=tuple((row["definition_id"], row["activity_id"]) for row in beginning),
                variables=variables,
                user=request.user,
            ),
            idempotency_key=request.idempotency_key,
        )


async def _to_execution(request: Request, name: str, execution: str, variables: dict[str, Any]) -> None:
    instance = await request.engine.instance_of("execution", execution)
    state = None if instance is None else await request.engine.instance(instance)
    found = None if state is None else state.executions.get(execution)
    if state is None or found is None:
        raise problems.null(f"Cannot find execution with id '{execution}': execution is null")
    subscription = next(
        (
            id
            for id in found.subscriptions
            if state.subscriptions[id].type == "signal" and state.subscriptions[id].name == name
        ),
        None,
    )
    if subscription is None:
        raise problems.null(f"Execution '{execution}' has not subscribed to a signal event with name '{name}'.")
    await request.engine.execute(
        TriggerSignal(
            instance=state.id,
            execution=execution,
            subscription=subscription,
            name=name,
            variables=variables,
            user=request.user,
        ),
        idempotency_key=request.idempotency_key,
    )


ROUTES = (Route("POST", "/signal", throw),)
