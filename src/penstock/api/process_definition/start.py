"""Starting instances: `POST …/start`, `…/submit-form`, and restarting ended ones."""

from typing import Any

from penstock.api import forms, instructions, live, problems, values
from penstock.api.http import Request
from penstock.api.process_definition import dto
from penstock.api.querying import by_id
from penstock.engine.commands import StartInstance, StartInstruction
from penstock.engine.definition import Definition
from penstock.engine.state import Instance
from penstock.expr.values import TypedValue
from penstock.model.graph import FormSpec
from penstock.store.query import Order, Query, eq, is_null, not_null


async def start(request: Request, id: str) -> Any:
    """`POST /process-definition/{id}/start`"""
    body = request.body(dto.Start)
    with problems.reported(f"Cannot instantiate process definition {id}: "):
        definition = await request.engine.definition(id)
        command = StartInstance(
            definition=id,
            business_key=body.business_key,
            variables=values.read_all(body.variables),
            instructions=instructions.read(body.start_instructions, cancel=False) if body.start_instructions else (),
            skip_custom_listeners=bool(body.skip_custom_listeners),
            skip_io_mappings=bool(body.skip_io_mappings),
            case_instance=body.case_instance_id,
            user=request.user,
        )
        instance: str = await request.engine.execute(command, idempotency_key=request.idempotency_key)
    state = await request.engine.committed(instance)
    answer = started(request, definition, instance, state, command.business_key, command.case_instance)
    if body.with_variables_in_return:
        found = live.top(state) if state is not None else await ended_variables(request, instance)
        answer["variables"] = values.write_all(found, deserialize=False)
    return answer


def started(
    request: Request,
    definition: Definition,
    instance: str,
    state: Instance | None,
    business_key: str | None,
    case_instance: str | None = None,
) -> dict[str, Any]:
    """`ProcessInstanceDto` of an instance that was just started. `state` is None when it has ended already."""
    return {
        "links": [{"method": "GET", "href": request.link(f"/process-instance/{instance}"), "rel": "self"}],
        "id": instance,
        "definitionId": definition.id,
        "businessKey": business_key if state is None else state.business_key,
        "caseInstanceId": case_instance,
        "ended": state is None,
        "suspended": state is not None and state.suspended,
        "tenantId": definition.tenant,
        "definitionKey": definition.key,
    }


async def ended_variables(request: Request, instance: str) -> dict[str, TypedValue]:
    """The variables that an ended instance had at the end, from history."""
    where = (*by_id(instance, "instance_id"), eq("execution_id", instance), is_null("task_id"))
    rows = await request.engine.rows(Query("variable", where, (Order("created_ms"),)))
    return {row["name"]: values.from_row(row) for row in rows}


def start_form(definition: Definition) -> FormSpec | None:
    """The form of the none start event."""
    for child in definition.process.children:
        node = definition.process.nodes[child]
        if node.kind == "startEvent" and not node.triggers:
            return node.form
    return None


async def submit_form(request: Request, id: str) -> Any:
    """`POST /process-definition/{id}/submit-form`"""
    body = request.body(dto.SubmitForm)
    with problems.reported(f"Cannot instantiate process definition {id}: "):
        definition = await request.engine.definition(id)
        spec = start_form(definition)
        variables = forms.submitted(spec, values.read_all(body.variables))
        business_key = body.business_key
        if business_key is None and spec is not None and spec.business_key_field:
            field = variables.get(spec.business_key_field)
            business_key = None if field is None or field.value is None else str(field.value)
        command = StartInstance(definition=id, business_key=business_key, variables=variables, user=request.user)
        instance: str = await request.engine.execute(command, idempotency_key=request.idempotency_key)
    state = await request.engine.committed(instance)
    return started(request, definition, instance, state, business_key)


async def restart(request: Request, id: str) -> None:
    """`POST /process-definition/{id}/restart`: ended instances again, each with its last or its first variables."""
    body = request.body(dto.Restart)
    with problems.reported("", _invalid):
        steps, targets = await _restart_of(request, id, body)
        for old in targets:
            await _restart_one(request, id, body, steps, old)


async def restart_async(request: Request, id: str) -> None:
    """`POST /process-definition/{id}/restart-async`"""
    with problems.reported("", _invalid):
        await _restart_of(request, id, request.body(dto.Restart))
    raise problems.unsupported("A batch (POST /process-definition/{id}/restart-async; use …/restart instead)")


async def _restart_of(request: Request, id: str, body: dto.Restart) -> tuple[tuple[StartInstruction, ...], list[str]]:
    """What to do, and to which ended instances. Raises 400, and 500 without instructions, as Camunda."""
    if body.instructions is None:
        raise problems.engine("A restart needs 'instructions'.", None)
    steps = instructions.read(body.instructions, cancel=False)
    definition = await request.engine.definition(id)
    targets = _targets(body)
    for step in steps:
        for target in (step.activity, step.transition):
            if target is not None and target not in definition.activities and target not in definition.flows:
                raise problems.invalid(400, f"Element '{target}' does not exist in process {id}: targetElement is null")
    return steps, targets


async def _restart_one(
    request: Request, id: str, body: dto.Restart, steps: tuple[StartInstruction, ...], old: str
) -> None:
    where = (*by_id(old), eq("definition_id", id), not_null("ended_ms"))
    rows = await request.engine.rows(Query("process_instance", where))
    if not rows:
        raise problems.invalid(400, "Historic process instance cannot be found: historicProcessInstanceId is null")
    read = first_variables if body.initial_variables else ended_variables
    await request.engine.execute(
        StartInstance(
            definition=id,
            business_key=None if body.without_business_key else rows[0]["business_key"],
            variables=await read(request, old),
            instructions=steps,
            skip_custom_listeners=bool(body.skip_custom_listeners),
            skip_io_mappings=bool(body.skip_io_mappings),
            user=request.user,
        )
    )


def _invalid(message: str, _code: int | None) -> problems.Problem:
    return problems.invalid(400, message)


def _targets(body: dto.Restart) -> list[str]:
    found = list(body.process_instance_ids or ())
    query = body.historic_process_instance_query
    if query is not None:
        ids = query.get("processInstanceIds")
        if not isinstance(ids, list) or set(query) - {"processInstanceIds"}:
            raise problems.invalid(
                400, "A restart by query understands 'processInstanceIds' only; send the ids of the instances."
            )
        found.extend(str(id) for id in ids)
    if not found:
        raise problems.invalid(400, "processInstanceIds is empty")
    return list(dict.fromkeys(found))


async def first_variables(request: Request, instance: str) -> dict[str, TypedValue]:
    """The variables that an instance was started with, from history."""
    where = (
        *by_id(instance, "instance_id"),
        eq("execution_id", instance),
        eq("initial", True),
        eq("type", "variableUpdate"),
    )
    rows = await request.engine.rows(Query("detail", where, (Order("sequence"),)))
    return {row["name"]: values.stored(row["variable_type"], row) for row in rows}
