"""External tasks: work that a worker fetches (Camunda 7 `ExternalTaskActivityBehavior`, `ExternalTaskEntity`)."""

from __future__ import annotations

from typing import Any

from penstock.base.errors import BadUserRequest, EntitySuspended, NotFound
from penstock.engine.behavior import Maybe, Steps
from penstock.engine.commands import (
    CompleteExternalTask,
    FailExternalTask,
    SetExternalTaskPriority,
    SetExternalTaskRetries,
    ThrowExternalTaskError,
)
from penstock.engine.definition import Activity
from penstock.engine.events import (
    ExternalTaskCompleted,
    ExternalTaskCreated,
    ExternalTaskFailed,
    ExternalTaskPrioritySet,
    ExternalTaskRetriesSet,
)
from penstock.engine.incidents import close_for, incident_of, open_incident
from penstock.engine.state import Execution, ExternalTask
from penstock.engine.task_results import set_reported
from penstock.engine.throwing import throw_error
from penstock.engine.tree import drop_external_task
from penstock.engine.unit import Run
from penstock.engine.variables import Names, evaluate_int, evaluate_text
from penstock.expr import juel
from penstock.expr.host import HostObject


def create_external_task(run: Run, x: Execution, a: Activity, topic: str, priority: str | None) -> None:
    """`x` waits until a worker of `topic` has done its work."""
    text = priority or run.definition.process.task_priority
    assert x.activity_instance is not None
    run.emit(
        ExternalTaskCreated(
            external_task=run.new_id(),
            execution=x.id,
            activity=a.id,
            activity_instance=x.activity_instance,
            topic=evaluate_text(run, topic, x) or "",
            priority=evaluate_int(run, text, x, "Priority value for external task") if text else 0,
            log=run.new_id(),
        )
    )


def _find(run: Run, external_task: str) -> ExternalTask:
    found = run.instance.external_tasks.get(external_task)
    if found is None:
        raise NotFound(f"Cannot find external task with id {external_task}: externalTask is null")
    return found


def _active(run: Run, external_task: str) -> ExternalTask:
    """The task of an instance that is not suspended (Camunda 7 `ExternalTaskEntity.ensureActive`)."""
    task = _find(run, external_task)
    if run.instance.suspended:
        raise EntitySuspended(f"ENGINE-03043 ExternalTask with id '{task.id}' is suspended.")
    return task


def _facts(task: ExternalTask) -> dict[str, Any]:
    return {
        "activity": task.activity,
        "execution": task.execution,
        "activity_instance": task.activity_instance,
        "topic": task.topic,
        "priority": task.priority,
    }


def complete(run: Run, command: CompleteExternalTask) -> Maybe:
    """A worker has done it."""
    task = _active(run, command.external_task)
    x = run.instance.executions[task.execution]
    set_reported(run, x, command)
    if run.activity(x).node is not None and run.activity(x).node.error_definitions:  # type: ignore[union-attr]
        return _complete_unless_error(run, task, x, command.worker)
    _completed(run, task, command.worker)
    run.leave(x)
    return None


def _completed(run: Run, task: ExternalTask, worker: str) -> None:
    close_for(run, task.id, resolved=True)
    run.emit(
        ExternalTaskCompleted(
            external_task=task.id, worker=worker, log=run.new_id(), retries=task.retries, **_facts(task)
        )
    )


def _error_of(run: Run, task: ExternalTask, x: Execution, worker: str) -> tuple[str, str | None] | None:
    node = run.activity(x).node
    assert node is not None
    host = HostObject(
        "externalTask",
        {
            "id": lambda: task.id,
            "topicName": lambda: task.topic,
            "workerId": lambda: worker,
            "errorMessage": lambda: task.error_message,
            "errorDetails": lambda: task.error_details,
            "retries": lambda: task.retries,
            "priority": lambda: task.priority,
            "activityId": lambda: task.activity,
            "executionId": lambda: task.execution,
            "processInstanceId": lambda: run.instance.id,
        },
        {},
    )
    names = Names(run, x, extra={"externalTask": host})
    for definition in node.error_definitions:
        if juel.parse(definition.expression).try_condition(names):
            code = evaluate_text(run, definition.code, x) or ""
            return code, evaluate_text(run, definition.error_message, x)
    return None


def _complete_unless_error(run: Run, task: ExternalTask, x: Execution, worker: str) -> Steps:
    error = _error_of(run, task, x, worker)
    if error is None:
        _completed(run, task, worker)
        run.leave(x)
        return
    drop_external_task(run, task.id, worker)
    yield from throw_error(run, x, error[0], error[1])


def fail(run: Run, command: FailExternalTask) -> Steps:
    """A worker could not do it."""
    task = _active(run, command.external_task)
    x = run.instance.executions[task.execution]
    set_reported(run, x, command)
    node = run.activity(x).node
    retries = max(command.retries, 0)
    before = task.retries
    message = command.error_message[:666] if command.error_message is not None else None
    if node is not None and node.error_definitions:
        task_view = ExternalTask(
            id=task.id,
            execution=task.execution,
            activity=task.activity,
            activity_instance=task.activity_instance,
            topic=task.topic,
            created_ms=task.created_ms,
            priority=task.priority,
            retries=retries,
            error_message=message,
            error_details=command.error_details,
        )
        error = _error_of(run, task_view, x, command.worker)
        if error is not None:
            drop_external_task(run, task.id, command.worker)
            yield from throw_error(run, x, error[0], error[1])
            return
    run.emit(
        ExternalTaskFailed(
            external_task=task.id,
            worker=command.worker,
            error_message=message,
            error_details=command.error_details,
            retries=retries,
            retry_at_ms=run.unit.now_ms + max(command.retry_timeout_ms, 0),
            log=run.new_id(),
            retries_before=before,
            **_facts(task),
        )
    )
    yield from _retries_changed(run, task, before, retries)


def _retries_changed(run: Run, task: ExternalTask, before: int | None, retries: int) -> Steps:
    if retries > 0:
        if before == 0:
            close_for(run, task.id, resolved=True)
    elif incident_of(run, task.id) is None:
        yield from open_incident(
            run,
            run.instance.executions[task.execution],
            type="failedExternalTask",
            activity=task.activity,
            configuration=task.id,
            message=task.error_message,
        )


def throw_task_error(run: Run, command: ThrowExternalTaskError) -> Steps:
    """A worker raises a BPMN error."""
    task = _active(run, command.external_task)
    x = run.instance.executions[task.execution]
    set_reported(run, x, command)
    drop_external_task(run, task.id, command.worker)
    yield from throw_error(run, x, command.error_code, command.error_message)


def set_retries(run: Run, command: SetExternalTaskRetries) -> Steps:
    """An operator sets the retries."""
    task = _find(run, command.external_task)
    before = task.retries
    if command.retries < 0:
        raise BadUserRequest("The number of retries cannot be negative", external_task=task.id)
    run.emit(ExternalTaskRetriesSet(task.id, command.retries))
    yield from _retries_changed(run, task, before, command.retries)


def set_priority(run: Run, command: SetExternalTaskPriority) -> None:
    """An operator sets the priority."""
    run.emit(ExternalTaskPrioritySet(_find(run, command.external_task).id, command.priority))
