"""Starting instances: `POST …/start`, `…/submit-form`, and restarting ended ones."""

from typing import Any

from penstock.api import batches, forms, instructions, live, problems, values
from penstock.api.http import Request
from penstock.api.options import self_link
from penstock.api.process_definition import dto
from penstock.api.querying import by_id
from penstock.engine.commands import StartInstance
from penstock.engine.definition import Definition
from penstock.engine.events import JobKind
from penstock.engine.state import Instance
from penstock.expr.values import TypedValue
from penstock.runtime.batches.kinds import Restart
from penstock.runtime.batches.work import restart_of
from penstock.store.query import Order, Query, eq, is_null


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
        "links": [self_link(request, f"/process-instance/{instance}")],
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


async def submit_form(request: Request, id: str) -> Any:
    """`POST /process-definition/{id}/submit-form`"""
    body = request.body(dto.SubmitForm)
    with problems.reported(f"Cannot instantiate process definition {id}: "):
        definition = await request.engine.definition(id)
        scope = forms.Scope({}, request.engine.clock.now_ms())
        sent = values.read_all(body.variables)
        command = StartInstance(
            definition=id,
            business_key=body.business_key,
            variables=forms.submitted(forms.of_start(definition), sent, scope),
            submitted=forms.texts(sent),
            user=request.user,
        )
        instance: str = await request.engine.execute(command, idempotency_key=request.idempotency_key)
    state = await request.engine.committed(instance)
    return started(request, definition, instance, state, body.business_key)


async def restart(request: Request, id: str) -> None:
    """`POST /process-definition/{id}/restart`: ended instances again, each with its last or its first variables. All, or
    none."""
    body = request.body(dto.Restart)
    with problems.reported("", _invalid):
        template, targets = await _restart_of(request, id, body)
        starts = [await restart_of(request.engine, template, old) for old in targets]
        definition = await request.engine.definition(id)
        for step in template.start.instructions:
            for target in (step.activity, step.transition):
                if target is not None and target not in definition.activities and target not in definition.flows:
                    raise problems.invalid(
                        400, f"Element '{target}' does not exist in process {id}: targetElement is null"
                    )
        operation = batches.logged("RestartProcessInstance", len(targets), asynchronous=False, definition=id)
        await request.engine.execute_together(starts, operation, user=request.user)


async def restart_async(request: Request, id: str) -> Any:
    """`POST /process-definition/{id}/restart-async`"""
    body = request.body(dto.Restart)
    with problems.reported("", _invalid):
        template, targets = await _restart_of(request, id, body)
    operation = batches.logged("RestartProcessInstance", len(targets), definition=id)
    definition = await request.engine.definition(id)
    return await batches.make(request, JobKind.INSTANCE_RESTART, targets, template, operation, tenant=definition.tenant)


async def _restart_of(request: Request, id: str, body: dto.Restart) -> tuple[Restart, list[str]]:
    """What to do, and to which ended instances. Raises 400, and 500 without instructions, as Camunda."""
    if body.instructions is None:
        raise problems.engine("A restart needs 'instructions'.", None)
    steps = instructions.read(body.instructions, cancel=False)
    if not steps:
        raise problems.invalid(400, "Restart instructions cannot be empty: instructions is empty")
    if body.process_instance_ids is not None and None in body.process_instance_ids:
        raise problems.invalid(400, "Process instance ids cannot be null: processInstanceIds contains null value")
    targets = await batches.instances(request, body.process_instance_ids, None, body.historic_process_instance_query)
    if not targets:
        raise problems.invalid(400, "processInstanceIds is empty")
    await request.engine.definition(id)
    start = StartInstance(
        definition=id,
        instructions=steps,
        skip_custom_listeners=bool(body.skip_custom_listeners),
        skip_io_mappings=bool(body.skip_io_mappings),
        user=request.user,
    )
    template = Restart(
        start=start,
        initial_variables=bool(body.initial_variables),
        without_business_key=bool(body.without_business_key),
        user=request.user,
    )
    return template, targets


def _invalid(message: str, _code: int | None) -> problems.Problem:
    return problems.invalid(400, message)
