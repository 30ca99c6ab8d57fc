"""`step`: a command becomes events and effects.

The generator yields questions (`engine.questions`), gets the answers sent in, and returns the command's result. What
happened is in the unit. Raising `Refused` or `Failure` means: drop the unit whole.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from penstock.base.errors import BadUserRequest, EntitySuspended, Failure, NotFound, NullValue, TaskAlreadyClaimed
from penstock.engine import commands as c
from penstock.engine import conditions, connectors, external, job_commands, modify, operations, remarks, task_results
from penstock.engine import paths as _paths  # noqa: F401 - it registers operations
from penstock.engine.behavior import Maybe, Steps
from penstock.engine.catching import deliver
from penstock.engine.events import (
    ExecutionKind,
    FormSubmitted,
    IncidentAnnotated,
    InstanceState,
    SuspensionSet,
    TaskCreated,
)
from penstock.engine.incidents import close, open_incident
from penstock.engine.instances import begin_instance, new_instance, start_of
from penstock.engine.jobs import delete_job
from penstock.engine.migration import migrate
from penstock.engine.questions import LoadDefinition, LoadInstance, Question
from penstock.engine.state import Execution, Instance, Task
from penstock.engine.tasks import (
    PRIORITY,
    change_link,
    change_task,
    end_task,
    notify_task,
    remove_task_local,
    set_task_local,
    set_task_variable,
)
from penstock.engine.throwing import throw_error, throw_escalation
from penstock.engine.trace import locate
from penstock.engine.unit import Run, Unit, operation
from penstock.engine.variables import remove_local, remove_variable, set_all, set_local, set_variable


def step(unit: Unit, command: c.Command) -> Generator[Question, Any, Any]:
    """Runs one command. The instance of an `InstanceCommand` has been adopted by the unit; NotFound otherwise."""
    handler = _HANDLERS[type(command)]
    log = operations.watch(unit, command)
    try:
        result = yield from handler(unit, command)
    except Failure as failure:
        run = unit.runs.get(getattr(command, "instance", None) or "")
        if run is not None:
            locate(failure, run, None)
        raise
    if log is not None:
        log(result)
    yield from unit.work()
    return result


def _run(unit: Unit, instance: str) -> Run:
    run = unit.runs.get(instance)
    if run is None:
        raise NotFound(f"The process instance with id '{instance}' does not exist or has ended")
    return run


def _execution(run: Run, execution: str) -> Execution:
    found = run.instance.executions.get(execution)
    if found is None:
        raise NullValue(f"execution {execution} doesn't exist: execution is null")
    return found


def _active(run: Run, kind: str, id: str) -> None:
    if run.instance.suspended:
        raise EntitySuspended(f"ENGINE-03043 {kind} with id '{id}' is suspended.")


def _of_instance(function: Callable[[Run, Any], Maybe]) -> Callable[[Unit, Any], Steps]:
    """A handler for commands to one instance, from a function that may or may not ask."""

    def handle(unit: Unit, command: Any) -> Steps:
        steps = function(_run(unit, command.instance), command)
        if steps is not None:
            return (yield from steps)
        return None

    return handle


# ------------------------------------------------------------------------------------------ instances


def _start_instance(unit: Unit, command: c.StartInstance) -> Steps:
    definition = yield LoadDefinition(id=command.definition)
    start = None if command.instructions else start_of(definition, command.start_event)
    run = new_instance(
        unit, definition, business_key=command.business_key, start=start, case_instance=command.case_instance
    )
    run.skip_listeners, run.skip_io_mappings = command.skip_custom_listeners, command.skip_io_mappings
    if start is not None:
        steps = begin_instance(run, start, command.variables)
        for field in command.submitted or ():
            run.emit(FormSubmitted(run.top.id, run.instance.id, [field]))
        if steps is not None:
            yield from steps
    else:
        set_all(run, run.top, command.variables, local=True)
        yield from unit.work()
        yield from modify.modify(run, command.instructions)
    return run.instance.id


def _delete_instance(run: Run, command: c.DeleteInstance) -> Steps:
    run.skip_listeners = command.skip_custom_listeners
    run.skip_io_mappings = command.skip_io_mappings
    state = (
        InstanceState.EXTERNALLY_TERMINATED if command.externally_terminated else InstanceState.INTERNALLY_TERMINATED
    )
    run.unit.called_state = state
    yield from modify.end_instance(run, state, command.reason)


def _modify_instance(run: Run, command: c.ModifyInstance) -> Steps:
    i = run.instance
    if command.definition is not None and i.definition != command.definition:
        raise Failure(
            f"ENGINE-13037 Process instance '{i.id}' cannot be modified. Its process definition '{i.definition}' does not "
            f"match given process definition '{command.definition}'"
        )
    run.skip_listeners = command.skip_custom_listeners
    run.skip_io_mappings = command.skip_io_mappings
    yield from modify.modify(run, command.instructions)


def _activate_ad_hoc(run: Run, command: c.ActivateAdHoc) -> None:
    _active(run, "Execution", run.instance.id)
    for x in run.instance.executions.values():
        if x.kind is ExecutionKind.SCOPE and x.scope_instance == command.activity_instance:
            a = run.activity_by_id(x.scope_activity)
            a.kind.activate(run, x, a, command.activities)
            return
    raise NotFound(
        f"There is no activity instance '{command.activity_instance}' with paths inside in process instance "
        f"'{run.instance.id}'"
    )


def _set_suspension(run: Run, command: c.SetSuspension) -> Maybe:
    if run.instance.suspended != command.suspended:
        run.emit(SuspensionSet(command.suspended))
    return None


# ------------------------------------------------------------------------------------------ variables


def _set_variables(run: Run, command: c.SetVariables) -> Maybe:
    if command.task is not None:
        task = _task(run, command.task)
        for name, value in command.modifications.items():
            (set_task_local if command.local else set_task_variable)(run, task, name, value)
        for name in command.deletions:
            if command.local or name in task.variables or task.execution is None:
                remove_task_local(run, task, name)
            else:
                remove_variable(run, run.instance.executions[task.execution], name)
        return None
    x = _execution(run, command.execution or run.instance.id)
    for name, value in command.modifications.items():
        if command.extends_results:
            task_results.check_extends(run, x, name, value)
        (set_local if command.local else set_variable)(run, x, name, value)
    for name in command.deletions:
        (remove_local if command.local else remove_variable)(run, x, name)
    return None


# ------------------------------------------------------------------------------------------ events


def _trigger_message(run: Run, command: c.TriggerMessage) -> Maybe:
    _active(run, "Execution", run.instance.id)
    x = _execution(run, command.execution)
    for id in x.subscriptions:
        found = run.instance.subscriptions[id]
        if found.type == "message" and found.name == command.name:
            return deliver(run, id, command.variables, command.local_variables)
    raise BadUserRequest(
        f"Execution with id '{command.execution}' does not have a subscription to a message event with name '{command.name}'"
    )


def _trigger_signal(run: Run, command: c.TriggerSignal) -> Maybe:
    _active(run, "Execution", run.instance.id)
    x = _execution(run, command.execution)
    for id in x.subscriptions:
        found = run.instance.subscriptions[id]
        if found.type == "signal" and found.name == command.name:
            return deliver(run, id, command.variables)
    raise BadUserRequest(
        f"Execution '{command.execution}' has not subscribed to a signal event with name '{command.name}'."
    )


def _broadcast_signal(unit: Unit, command: c.BroadcastSignal) -> Steps:
    yield from broadcast(unit, command.receivers, command.starts, command.variables)


def broadcast(
    unit: Unit,
    receivers: tuple[tuple[str, str], ...],
    starts: tuple[tuple[str, str], ...],
    variables: c.Variables,
    *,
    asynchronous: bool = False,
) -> Steps:
    """A signal reaches its receivers in order, then starts instances (Camunda 7 `SignalEventReceivedCmd`).

    `asynchronous`: each receiver gets a job instead (`camunda:async` of a signal that a process throws)."""
    for instance, subscription in receivers:
        run = unit.runs.get(instance)
        if run is None:
            yield LoadInstance(id=instance)
            run = unit.runs.get(instance)
        if run is None or run.instance.ended or subscription not in run.instance.subscriptions:
            continue
        if run.instance.suspended:
            continue
        if asynchronous:
            job_commands.create_signal(run, run.instance.subscriptions[subscription], variables)
            continue
        steps = deliver(run, subscription, variables)
        if steps is not None:
            yield from steps
        yield from unit.work()
    for definition_id, event in starts:
        definition = yield LoadDefinition(id=definition_id)
        start = start_of(definition, event)
        run = new_instance(unit, definition, business_key=None, start=start)
        steps = begin_instance(run, start, variables)
        if steps is not None:
            yield from steps
        yield from unit.work()


@operation
def broadcast_here(
    run: Run,
    x: Execution | None,
    receivers: tuple[tuple[str, str], ...],
    starts: tuple[tuple[str, str], ...],
    variables: c.Variables,
    asynchronous: bool,
) -> Steps:
    """A signal that the process itself has thrown."""
    yield from broadcast(run.unit, receivers, starts, variables, asynchronous=asynchronous)


def _signal_execution(run: Run, command: c.SignalExecution) -> Maybe:
    _active(run, "Execution", run.instance.id)
    x = _execution(run, command.execution)
    set_all(run, x, command.variables)
    a = run.activity(x)
    if x.activity_instance is None:
        raise BadUserRequest(f"cannot signal execution {x.id}: it has no current activity")
    return a.kind.signal(run, x, a, command.signal_name, None)


def _evaluate_conditions(run: Run, command: c.EvaluateConditions) -> Maybe:
    return conditions.evaluate_all(run, None)


# ------------------------------------------------------------------------------------------ user tasks


def _task(run: Run, task: str) -> Task:
    found = run.instance.tasks.get(task)
    if found is None:
        raise NullValue(f"Cannot find task with id {task}: task is null")
    return found


def _task_execution(run: Run, task: Task) -> Execution | None:
    return run.instance.executions[task.execution] if task.execution is not None else None


def _complete_task(run: Run, command: c.CompleteTask) -> Steps:
    task = _task(run, command.task)
    _active(run, "task", task.id)
    x = _task_execution(run, task)
    for name, value in command.variables.items():
        set_task_variable(run, task, name, value)
    _note_form(run, task, command.submitted)
    yield from notify_task(run, x, task, "complete")
    if task.id not in run.instance.tasks:
        return
    end_task(run, task, "completed")
    if x is not None:
        _drop_timeout_jobs(run, x, task)
        run.leave(x)
    else:
        run.instance.ended = True


def _note_form(run: Run, task: Task, submitted: Sequence[tuple[str, str]]) -> None:
    """History has the fields of a submitted form, unless the task stands alone: each in an event of its own, so that their
    order is known."""
    if task.execution is not None:
        for field in submitted:
            run.emit(FormSubmitted(task.execution, task.activity_instance, [field], task.id))


def _drop_timeout_jobs(run: Run, x: Execution, task: Task) -> None:
    for id in list(x.jobs):
        if (run.instance.jobs[id].configuration or "").startswith(task.id + "$"):
            delete_job(run, run.instance.jobs[id])


def _throw_task_error(run: Run, command: c.ThrowTaskError) -> Steps:
    task = _task(run, command.task)
    _active(run, "task", task.id)
    x = _task_execution(run, task)
    if x is None:
        raise BadUserRequest(f"The task '{task.id}' belongs to no process: it cannot throw a BPMN error")
    set_all(run, x, command.variables)
    yield from throw_error(run, x, command.error_code, command.error_message)
    if task.id in run.instance.tasks:
        end_task(run, task, "deleted")


def _throw_task_escalation(run: Run, command: c.ThrowTaskEscalation) -> Steps:
    task = _task(run, command.task)
    _active(run, "task", task.id)
    x = _task_execution(run, task)
    if x is None:
        raise BadUserRequest(f"The task '{task.id}' belongs to no process: it cannot throw an escalation")
    set_all(run, x, command.variables)
    caught, _interrupted = yield from throw_escalation(run, x, command.escalation_code)
    if not caught:
        raise NullValue(
            f"ENGINE-02043 Execution with id '{x.activity}' throws an escalation event with escalationCode "
            f"'{command.escalation_code}', but no escalation handler was defined. "
        )


def _change_task(run: Run, command: c.ChangeTask) -> Steps:
    task = _task(run, command.task)
    _active(run, "task", task.id)
    before = task.fields.get("assignee")
    if command.operation == "claim":
        user = command.changes.get("assignee")
        if user is not None and before is not None and before != user:
            raise TaskAlreadyClaimed(f"Task '{task.id}' is already claimed by someone else.", task=task.id)
    for name, value in command.variables.items():
        set_task_variable(run, task, name, value)
    _note_form(run, task, command.submitted)
    change_task(run, task, **command.changes)
    if command.changes:
        yield from _notify_changed(run, task, before)


def _change_identity_link(run: Run, command: c.ChangeIdentityLink) -> Steps:
    task = _task(run, command.task)
    _active(run, "task", task.id)
    before = task.fields.get("assignee")
    change_link(run, task, command.type, command.link_user, command.link_group, command.add)
    yield from _notify_changed(run, task, before)


def _notify_changed(run: Run, task: Task, assignee_before: str | None) -> Steps:
    x = _task_execution(run, task)
    yield from notify_task(run, x, task, "update")
    after = task.fields.get("assignee")
    if after is not None and after != assignee_before and task.id in run.instance.tasks:
        yield from notify_task(run, x, task, "assignment")


def _create_task(unit: Unit, command: c.CreateTask) -> Steps:
    yield from ()
    fields = dict(command.fields)
    id = fields.pop("id", None) or unit.ids.new()
    run = unit.adopt(Instance(id=id, root=id, definition=None, tenant=command.tenant), None)
    fields.setdefault("priority", PRIORITY)
    run.emit(TaskCreated(task=id, execution=None, activity_instance=None, key=None, **fields))
    return id


def _delete_task(run: Run, command: c.DeleteTask) -> Maybe:
    task = _task(run, command.task)
    if task.execution is not None:
        raise BadUserRequest(
            f"The task cannot be deleted because is part of a running process: task '{task.id}'", task=task.id
        )
    end_task(run, task, command.reason or "deleted")
    run.instance.ended = True
    return None


# ------------------------------------------------------------------------------------------ incidents


def _create_incident(run: Run, command: c.CreateIncident) -> Steps:
    x = _execution(run, command.execution)
    if x.activity is None:
        raise NullValue("Execution must be related to an activity: activity is null")
    return (
        yield from open_incident(
            run,
            x,
            type=command.type,
            activity=x.activity,
            configuration=command.configuration,
            message=command.message,
        )
    )


def _resolve_incident(run: Run, command: c.ResolveIncident) -> Maybe:
    found = run.instance.incidents.get(command.incident)
    if found is None:
        raise NotFound(f"Cannot find an incident with id '{command.incident}'")
    if found.type in ("failedJob", "failedExternalTask"):
        raise BadUserRequest(f"Cannot resolve an incident of type {found.type}")
    close(run, found, resolved=True)
    return None


def _annotate_incident(run: Run, command: c.AnnotateIncident) -> Maybe:
    if command.incident not in run.instance.incidents:
        raise BadUserRequest(f"Cannot find an incident with id '{command.incident}': incident is null")
    run.emit(IncidentAnnotated(command.incident, command.annotation))
    return None


def _together(unit: Unit, command: c.Together) -> Steps:
    for one in command.commands:
        yield from step(unit, one)


_HANDLERS: dict[type[c.Command], Callable[[Unit, Any], Steps]] = {
    c.StartInstance: _start_instance,
    c.BroadcastSignal: _broadcast_signal,
    c.CreateTask: _create_task,
    c.DeleteInstance: _of_instance(_delete_instance),
    c.MigrateInstance: migrate,
    c.Together: _together,
    c.ModifyInstance: _of_instance(_modify_instance),
    c.ActivateAdHoc: _of_instance(_activate_ad_hoc),
    c.SetSuspension: _of_instance(_set_suspension),
    c.SetVariables: _of_instance(_set_variables),
    c.TriggerMessage: _of_instance(_trigger_message),
    c.TriggerSignal: _of_instance(_trigger_signal),
    c.SignalExecution: _of_instance(_signal_execution),
    c.EvaluateConditions: _of_instance(_evaluate_conditions),
    c.CompleteTask: _of_instance(_complete_task),
    c.ThrowTaskError: _of_instance(_throw_task_error),
    c.ThrowTaskEscalation: _of_instance(_throw_task_escalation),
    c.ChangeTask: _of_instance(_change_task),
    c.ChangeIdentityLink: _of_instance(_change_identity_link),
    c.DeleteTask: _of_instance(_delete_task),
    c.AddComment: _of_instance(remarks.add_comment),
    c.ChangeComment: _of_instance(remarks.change_comment),
    c.DeleteComments: _of_instance(remarks.delete_comments),
    c.AddAttachment: _of_instance(remarks.add_attachment),
    c.DeleteAttachment: _of_instance(remarks.delete_attachment),
    c.CompleteExternalTask: _of_instance(external.complete),
    c.FailExternalTask: _of_instance(external.fail),
    c.ThrowExternalTaskError: _of_instance(external.throw_task_error),
    c.SetExternalTaskRetries: _of_instance(external.set_retries),
    c.SetExternalTaskPriority: _of_instance(external.set_priority),
    c.ExecuteJob: _of_instance(job_commands.execute),
    c.CompleteConnector: _of_instance(connectors.complete),
    c.FailJob: _of_instance(job_commands.fail),
    c.ChangeJob: _of_instance(job_commands.change),
    c.DeleteJob: _of_instance(job_commands.delete),
    c.RecalculateJob: _of_instance(job_commands.recalculate),
    c.CreateIncident: _of_instance(_create_incident),
    c.ResolveIncident: _of_instance(_resolve_incident),
    c.AnnotateIncident: _of_instance(_annotate_incident),
}
"""One handler per command."""
