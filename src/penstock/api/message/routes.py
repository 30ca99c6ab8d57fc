"""Camunda 7 `POST /message`: a message finds whom it is for, by what the sender knows."""

from collections.abc import Sequence
from typing import Any

from penstock.api import live, problems, values
from penstock.api.http import NO_CONTENT, Request, Route
from penstock.api.message import dto
from penstock.api.process_definition.start import ended_variables, started
from penstock.api.subscriptions import Wanted, executions, receivers, starts
from penstock.base.errors import MismatchingCorrelation, NotFound, NullValue, Refused
from penstock.engine.commands import StartInstance, TriggerMessage
from penstock.expr.values import TypedValue
from penstock.identity.changes import OPERATOR, About, Changes, Operation, Present, Property
from penstock.store.protocol import Row

_NOBODY = "00000000-0000-0000-0000-000000000000"
_MISMATCH = "org.camunda.bpm.engine.MismatchingMessageCorrelationException: "


async def correlate(request: Request) -> Any:
    """`POST /message`: to exactly one execution or start event, or with `all` to every one that fits.

    Executions come before start events. With `processInstanceId` no instance is started."""
    body = request.body(dto.Correlation)
    if body.message_name is None:
        raise problems.invalid(400, "No message name supplied")
    if body.tenant_id is not None and body.without_tenant_id:
        raise problems.invalid(400, "Parameter 'tenantId' cannot be used together with parameter 'withoutTenantId'.")
    if body.variables_in_result_enabled and not body.result_enabled:
        raise problems.invalid(
            400, "Parameter 'variablesInResultEnabled' cannot be used without 'resultEnabled' set to true."
        )
    wanted, variables, local = _read(body)
    reached: list[About] = []
    try:
        results = await _deliver(request, body, wanted, variables, local, reached)
    except MismatchingCorrelation as error:
        if not await _delivered_before(request, wanted):
            raise problems.rest(400, _MISMATCH + error.message) from error
        results = []
    if body.all and reached:
        await _log(request, body, reached)
    return results if body.result_enabled else NO_CONTENT


async def _log(request: Request, body: dto.Correlation, reached: Sequence[About]) -> None:
    """One entry of the operation log, whoever the message has reached."""
    parts = (body.process_variables, body.process_variables_local, body.process_variables_to_triggered_scope)
    variables = sum(len(part or {}) for part in parts)
    alone = reached[0] if len(reached) == 1 else None
    last = Property("processInstanceId", alone.instance) if alone else Property("nrOfInstances", str(len(reached)))
    operation = Operation(
        type="CorrelateMessage",
        entity="ProcessInstance",
        category=OPERATOR,
        properties=[
            Property("messageName", body.message_name),
            *([Property("nrOfVariables", str(variables))] if variables else []),
            last,
        ],
        definition=reached[0].definition,
        tenant=reached[0].tenant,
        about=alone,
    )

    async def make(_: Present) -> Changes:
        return Changes(operations=[operation])

    await request.engine.administer(make, user=request.user)


async def _delivered_before(request: Request, wanted: Wanted) -> bool:
    """Whether a request with this `Idempotency-Key` was answered already; its receiver no longer waits then."""
    key = _key(request)
    if key is None:
        return False
    try:
        # The engine looks for the key first; when it does not know it, there is no such instance.
        command = TriggerMessage(instance=_NOBODY, execution=_NOBODY, name=wanted.name)
        await request.engine.execute(command, idempotency_key=key)
    except Refused:
        return False
    return True


def _read(body: dto.Correlation) -> tuple[Wanted, dict[str, TypedValue], dict[str, TypedValue]]:
    with problems.reported("Cannot deliver message: "):
        wanted = Wanted(
            type="message",
            name=body.message_name or "",
            tenant=body.tenant_id,
            tenant_matters=body.tenant_id is not None or bool(body.without_tenant_id),
            instance=body.process_instance_id,
            business_key=body.business_key,
            variables=values.read_all(body.correlation_keys),
            local_variables=values.read_all(body.local_correlation_keys),
        )
        local = {
            **values.read_all(body.process_variables_local),
            **values.read_all(body.process_variables_to_triggered_scope),
        }
        return wanted, values.read_all(body.process_variables), local


async def _deliver(
    request: Request,
    body: dto.Correlation,
    wanted: Wanted,
    variables: dict[str, TypedValue],
    local: dict[str, TypedValue],
    reached: list[About],
) -> list[dict[str, Any]]:
    """The results, one for each receiver; `reached` gets their process instances."""
    found = executions(await receivers(request, wanted))
    definitions: list[Row] = []
    if body.process_instance_id is None and (body.all or not found):
        definitions = await starts(request, wanted)
    if not body.all:
        _exactly_one(wanted, found, definitions)
    results = []
    for row in found:
        command = TriggerMessage(
            instance=row["instance_id"],
            execution=row["execution_id"],
            name=wanted.name,
            variables=variables,
            local_variables=local,
            user=request.user,
        )
        if await _trigger(request, command, row["id"] if body.all else None):
            results.append(await _execution_result(request, body, row))
            reached.append(About(row["instance_id"], row["root_id"], row["definition_id"], row["tenant_id"]))
    for row in definitions:
        start = StartInstance(
            definition=row["definition_id"],
            start_event=row["activity_id"],
            business_key=wanted.business_key,
            variables={**wanted.variables, **variables, **local},
            user=request.user,
        )
        instance: str = await request.engine.execute(
            start, idempotency_key=_key(request, row["id"] if body.all else None)
        )
        results.append(await _start_result(request, body, row["definition_id"], instance, wanted.business_key))
        reached.append(About(instance, instance, row["definition_id"], row["tenant_id"]))
    return results


def _exactly_one(wanted: Wanted, found: list[Row], definitions: list[Row]) -> None:
    if len(found) > 1 or len(definitions) > 1:
        what = "executions" if found else "process definitions"
        raise MismatchingCorrelation(
            f"Cannot correlate a message with name '{wanted.name}' to a single "
            f"{'execution' if found else 'process definition'}. {max(len(found), len(definitions))} {what} match the "
            "correlation keys"
        )
    if not found and not definitions:
        raise MismatchingCorrelation(
            f"Cannot correlate message '{wanted.name}': No process definition or execution matches the parameters"
        )


async def _trigger(request: Request, command: TriggerMessage, one_of_many: str | None) -> bool:
    """Whether the message arrived. Of many, one whose receiver has gone meanwhile is passed over."""
    try:
        await request.engine.execute(command, idempotency_key=_key(request, one_of_many))
    except (MismatchingCorrelation, NotFound, NullValue) as error:
        if one_of_many is None:
            raise MismatchingCorrelation(
                f"Cannot correlate message '{command.name}': No process definition or execution matches the parameters"
            ) from error
        return False
    return True


def _key(request: Request, one_of_many: str | None = None) -> str | None:
    """The idempotency key; each of many receivers has one of its own."""
    key = request.idempotency_key
    return key if key is None or one_of_many is None else f"{key} {one_of_many}"


async def _execution_result(request: Request, body: dto.Correlation, row: Row) -> dict[str, Any]:
    result = dto.to_execution(row["execution_id"], row["instance_id"], row["tenant_id"])
    if body.variables_in_result_enabled:
        result["variables"] = await _variables(request, row["instance_id"])
    return result


async def _start_result(
    request: Request, body: dto.Correlation, definition_id: str, instance: str, business_key: str | None
) -> dict[str, Any]:
    if not body.result_enabled:
        return {}
    definition = await request.engine.definition(definition_id)
    state = await request.engine.instance(instance)
    result = dto.to_definition(started(request, definition, instance, state, business_key))
    if body.variables_in_result_enabled:
        result["variables"] = await _variables(request, instance)
    return result


async def _variables(request: Request, instance: str) -> dict[str, Any]:
    state = await request.engine.instance(instance)
    found = live.top(state) if state is not None else await ended_variables(request, instance)
    return values.write_all(found, deserialize=False)


ROUTES = (Route("POST", "/message", correlate),)
