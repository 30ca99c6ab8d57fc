"""Operations on many process instances, as batches: `POST /process-instance/delete`, `…-async`, `…/job-retries`."""

from typing import Any

from penstock.api import batches, problems, values
from penstock.api.dto import Body
from penstock.api.http import Request
from penstock.api.job.routes import moment
from penstock.api.process_instance import instructions
from penstock.api.shared_suspension import Suspension
from penstock.engine.commands import ChangeJob, DeleteInstance, ModifyInstance, SetSuspension, SetVariables, Variables
from penstock.engine.events import JobKind
from penstock.runtime.batches.kinds import Correlation
from penstock.store.query import Query, one_of


class Chosen(Body):
    """The instances that a body names."""

    process_instance_ids: list[str | None] | None = None
    process_instance_query: dict[str, Any] | None = None
    historic_process_instance_query: dict[str, Any] | None = None


class Deletion(Chosen):
    """`DeleteProcessInstancesDto`."""

    delete_reason: str | None = None
    skip_custom_listeners: bool = False
    skip_subprocesses: bool = False
    skip_io_mappings: bool = False


class JobRetries(Body):
    """`SetJobRetriesByProcessDto`."""

    process_instances: list[str | None] | None = None
    process_instance_query: dict[str, Any] | None = None
    historic_process_instance_query: dict[str, Any] | None = None
    retries: int | None = None
    due_date: str | int | None = None


class VariablesBody(Chosen):
    """`SetVariablesAsyncDto`."""

    variables: dict[str, Any] | None = None


class CorrelationBody(VariablesBody):
    """`CorrelationMessageAsyncDto`."""

    message_name: str | None = None


class Modification(Body):
    """`ProcessInstanceModificationDto`."""

    skip_custom_listeners: bool = False
    skip_io_mappings: bool = False
    instructions: list[Any] | None = None
    annotation: str | None = None


async def delete(request: Request) -> Any:
    """`POST /process-instance/delete`."""
    body = request.body(Deletion)
    return await _delete(request, body, body.process_instance_query, None)


async def delete_by_history(request: Request) -> Any:
    """`POST /process-instance/delete-historic-query-based`."""
    body = request.body(Deletion)
    return await _delete(request, body, None, body.historic_process_instance_query)


async def _delete(
    request: Request, body: Deletion, query: dict[str, Any] | None, historic: dict[str, Any] | None
) -> Any:
    ids = await batches.instances(request, body.process_instance_ids, query, historic)
    if not ids:
        raise problems.invalid(400, "processInstanceIds is empty")
    template = DeleteInstance(
        instance="",
        reason=body.delete_reason,
        skip_custom_listeners=body.skip_custom_listeners,
        skip_io_mappings=body.skip_io_mappings,
        skip_subprocesses=body.skip_subprocesses,
        fail_if_not_exists=False,
        user=request.user,
        logged=False,
    )
    kind = ("type", "history" if historic is not None else "runtime")
    operation = batches.logged("Delete", len(ids), ("deleteReason", body.delete_reason), kind)
    return await batches.make(request, JobKind.INSTANCE_DELETION, ids, template, operation)


async def suspend(request: Request) -> Any:
    """`POST /process-instance/suspended-async`."""
    body = request.body(Suspension)
    chosen = (body.process_instance_ids, body.process_instance_query, body.historic_process_instance_query)
    if all(item is None for item in chosen):
        raise problems.invalid(
            400,
            "Either processInstanceIds, processInstanceQuery or historicProcessInstanceQuery should be set to update the "
            "suspension state.",
        )
    ids = await batches.instances(request, *chosen, null="Cannot be null.: Process Instance ids contains null value")
    if not ids:
        raise problems.invalid(400, "No process instance ids given: process Instance Ids is empty")
    template = SetSuspension(instance="", suspended=body.suspended, user=request.user, logged=False)
    operation = batches.logged("SuspendJob" if body.suspended else "ActivateJob", len(ids))
    return await batches.make(request, JobKind.INSTANCE_SUSPENSION, ids, template, operation)


async def set_job_retries(request: Request) -> Any:
    """`POST /process-instance/job-retries`."""
    body = request.body(JobRetries)
    if body.retries is None:
        raise problems.invalid(400, "retries is null")
    return await _job_retries(request, body, body.retries, body.process_instance_query, None)


async def set_job_retries_by_history(request: Request) -> Any:
    """`POST /process-instance/job-retries-historic-query-based`."""
    body = request.body(JobRetries)
    if body.retries is None:
        raise problems.Problem(500, "NullPointerException", "retries is null")
    return await _job_retries(request, body, body.retries, None, body.historic_process_instance_query)


async def _job_retries(
    request: Request,
    body: JobRetries,
    retries: int,
    query: dict[str, Any] | None,
    historic: dict[str, Any] | None,
) -> Any:
    if not body.process_instances and query is None and historic is None:
        raise problems.engine(
            "ENGINE-13051 You must specify at least one of or one of processInstanceIds, processInstanceQuery, or "
            "historicProcessInstanceQuery."
        )
    ids = await batches.instances(request, body.process_instances, query, historic)
    jobs = await request.engine.rows(Query("job", (one_of("instance_id", ids),), columns=("id",)))
    return await retries_of_jobs(request, [row["id"] for row in jobs], retries, body.due_date)


async def retries_of_jobs(request: Request, ids: list[str], retries: int, due_date: str | int | None) -> Any:
    """A batch that sets retries, and with `due_date` the due date, of jobs."""
    if not ids:
        raise problems.invalid(400, "jobIds is empty")
    if retries < 0:
        raise problems.engine("Retries count is not greater than or equal to 0")
    changes: dict[str, Any] = {"retries": retries}
    if due_date is not None:
        changes["due_ms"] = moment(due_date)
    template = ChangeJob(instance="", job="", changes=changes, user=request.user, logged=False)
    operation = batches.logged("SetJobRetries", len(ids), ("retries", str(retries)), entity="Job")
    return await batches.make(request, JobKind.SET_JOB_RETRIES, ids, template, operation)


def _read_variables(found: dict[str, Any] | None) -> Variables | None:
    if found is None:
        return None
    with problems.reported("Cannot set variables: "):
        return values.read_all(found)


async def set_variables(request: Request) -> Any:
    """`POST /process-instance/variables-async`."""
    body = request.body(VariablesBody)
    variables = _read_variables(body.variables)
    if variables is None:
        raise problems.invalid(400, "variables is null")
    if not variables:
        raise problems.bad_user_request("variables is empty")
    ids = await _named(request, body)
    template = SetVariables(instance="", modifications=variables, user=request.user, logged=False)
    operation = batches.logged("SetVariables", len(ids), ("nrOfVariables", str(len(variables))))
    return await batches.make(request, JobKind.SET_VARIABLES, ids, template, operation)


async def correlate(request: Request) -> Any:
    """`POST /process-instance/message-async`."""
    body = request.body(CorrelationBody)
    variables = _read_variables(body.variables) or {}
    ids = await _named(request, body)
    template = Correlation(name=body.message_name, variables=variables, user=request.user)
    operation = batches.logged(
        "CorrelateMessage", len(ids), ("messageName", body.message_name), ("nrOfVariables", str(len(variables)))
    )
    return await batches.make(request, JobKind.CORRELATE_MESSAGE, ids, template, operation)


async def _named(request: Request, body: Chosen) -> list[str]:
    chosen = (body.process_instance_ids, body.process_instance_query, body.historic_process_instance_query)
    if all(item is None for item in chosen):
        raise problems.invalid(400, "No process instances found.")
    ids = await batches.instances(request, *chosen)
    if not ids:
        raise problems.bad_user_request("Process instance ids cannot be empty: process instance ids is empty")
    return ids


async def modify(request: Request, id: str) -> Any:
    """`POST /process-instance/{id}/modification-async`."""
    body = request.body(Modification)
    if not body.instructions:
        raise problems.invalid(400, "The provided instuctions are invalid.")
    steps = instructions.read(body.instructions)
    instance = await request.engine.instance(id)
    if instance is None or instance.definition is None:
        raise problems.engine(
            f"ENGINE-13036 Process instance '{id}' cannot be modified. The process instance does not exist"
        )
    template = ModifyInstance(
        instance="",
        instructions=steps,
        skip_custom_listeners=body.skip_custom_listeners,
        skip_io_mappings=body.skip_io_mappings,
        annotation=body.annotation,
        user=request.user,
        logged=False,
    )
    operation = batches.logged("ModifyProcessInstance", 1, annotation=body.annotation)
    tenant = instance.tenant
    return await batches.make(request, JobKind.INSTANCE_MODIFICATION, [id], template, operation, tenant=tenant)
