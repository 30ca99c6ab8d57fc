"""User tasks (BPMN 2.0.2 §10.3.3.1.1; Camunda 7 `UserTaskActivityBehavior`, `TaskEntity`)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from penstock.base.errors import Failure
from penstock.engine.behavior import Steps
from penstock.engine.definition import Activity, job_definition_id, timer_configuration
from penstock.engine.delegates import call_delegate
from penstock.engine.events import (
    IdentityLinkAdded,
    IdentityLinkRemoved,
    JobCreated,
    JobKind,
    TaskChanged,
    TaskCreated,
    TaskEnded,
    VariableRemoved,
    VariableSet,
)
from penstock.engine.jobs import due_of, job_priority
from penstock.engine.state import Execution, Task, Variable
from penstock.engine.unit import Run, operation
from penstock.engine.variables import (
    all_visible,
    check_kept,
    evaluate,
    evaluate_text,
    remove_variable,
    run_script,
    set_variable,
    store,
    visible,
)
from penstock.expr import juel, schedule
from penstock.expr.host import HostObject
from penstock.expr.values import TypedValue, to_native
from penstock.model.graph import Listener, Trigger

PRIORITY = 50
"""Camunda 7 `Task.PRIORITY_NORMAL`."""

_SPLIT = re.compile(r",(?![^(]*\))")


def create_task(run: Run, x: Execution, a: Activity) -> Steps:
    """A person has to do something where `x` is."""
    node = a.node
    assert node is not None
    spec = node.user_task
    form = node.form
    task_id = run.new_id()
    form_ref = None
    if form is not None and form.form_ref is not None:
        form_ref = {
            "key": evaluate_text(run, form.form_ref, x),
            "binding": form.form_ref_binding,
            "version": evaluate_text(run, form.form_ref_version, x),
        }
    run.emit(
        TaskCreated(
            task=task_id,
            execution=x.id,
            activity_instance=x.activity_instance,
            key=a.id,
            name=evaluate_text(run, node.name, x),
            description=evaluate_text(run, node.documentation, x),
            assignee=evaluate_text(run, spec.assignee, x) if spec else None,
            priority=_priority(run, spec.priority, x) if spec and spec.priority else PRIORITY,
            due_ms=_date(run, spec.due_date, x, "Due date") if spec else None,
            follow_up_ms=_date(run, spec.follow_up_date, x, "Follow up date") if spec else None,
            form_key=evaluate_text(run, form.form_key, x) if form else None,
            form_ref=form_ref,
        )
    )
    task = run.instance.tasks[task_id]
    if spec is None:
        return
    for user in _people(run, spec.candidate_users, x):
        run.emit(IdentityLinkAdded(task_id, "candidate", user, None, run.new_id()))
    for group in _people(run, spec.candidate_groups, x):
        run.emit(IdentityLinkAdded(task_id, "candidate", None, group, run.new_id()))
    for listener in spec.listeners:
        if listener.event == "timeout" and listener.timer is not None:
            _create_timeout(run, x, task, listener, listener.timer)
    yield from notify_task(run, x, task, "create")
    if task.id in run.instance.tasks and task.fields.get("assignee") is not None:
        yield from notify_task(run, x, task, "assignment")


def create_timeout(run: Run, x: Execution, task: Task, listener_id: str) -> None:
    """The timer of one timeout listener (`camunda:taskListener event="timeout"`) of a task that waits already."""
    for listener in listeners_of(run, task):
        if listener.timer is not None and (listener.id or "") == listener_id:
            _create_timeout(run, x, task, listener, listener.timer)


def _create_timeout(run: Run, x: Execution, task: Task, listener: Listener, timer: Trigger) -> None:
    a = run.activity_by_id(task.key)
    due_ms, cycle = due_of(run, timer, x)
    kind = JobKind.TIMER_TASK_LISTENER
    run.emit(
        JobCreated(
            job=run.new_id(),
            kind=kind,
            execution=x.id,
            activity=a.id,
            retries=run.unit.default_retries,
            due_ms=due_ms,
            priority=job_priority(run, x, a),
            exclusive=a.exclusive,
            configuration=f"{task.id}${listener.id or ''}",
            cycle=cycle,
            log=run.new_id(),
            job_definition=job_definition_id(run.definition.id, a.id, kind.value, timer_configuration(timer)),
        )
    )


def _priority(run: Run, text: str, x: Execution) -> int:
    value = evaluate(run, text, x)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Failure(f"Priority does not resolve to a number: {value!r}", element_id=x.activity) from None


def _date(run: Run, text: str | None, x: Execution, what: str) -> int | None:
    if text is None:
        return None
    value = evaluate(run, text, x)
    if value is None:
        return None
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, str):
        return schedule.due_of_date(value, run.unit.now_ms)
    raise Failure(f"{what} expression does not resolve to a Date or Date string: {text}", element_id=x.activity)


def _people(run: Run, text: str | None, x: Execution) -> list[str]:
    if text is None:
        return []
    found: list[str] = []
    for part in _SPLIT.split(text):
        value = evaluate(run, part.strip(), x)
        if isinstance(value, list):
            found += [juel.to_string(item) for item in value]
        elif value is not None:
            found += [item.strip() for item in juel.to_string(value).split(",")]
    return [item for item in found if item]


# ------------------------------------------------------------------------------------------ listeners


def listeners_of(run: Run, task: Task) -> tuple[Listener, ...]:
    """The task listeners of the model; none for standalone tasks."""
    if task.key is None or run.definition is None:
        return ()
    node = run.activity_by_id(task.key).node
    return node.user_task.listeners if node is not None and node.user_task is not None else ()


def notify_task(run: Run, x: Execution | None, task: Task, event: str) -> Steps:
    """Runs the task's listeners for create, assignment, update, complete or delete."""
    for listener in listeners_of(run, task):
        if listener.event == event and x is not None:
            yield from call_task_listener(run, x, task, listener, event)


def call_task_listener(run: Run, x: Execution, task: Task, listener: Listener, event: str) -> Steps:
    """Runs one task listener."""
    try:
        yield from _call(run, x, task, listener, event)
    except Failure as failure:
        failure.trace.append(f"at task listener of the event {event}")
        raise


def _call(run: Run, x: Execution, task: Task, listener: Listener, event: str) -> Steps:
    if listener.script is not None:
        yield from run_script(run, listener.script, x, task, event)
    elif listener.expression is not None:
        evaluate(run, listener.expression, x, task, event)
    else:
        name = listener.class_name or listener.delegate_expression or ""
        yield from call_delegate(run, x, name, "taskListener", listener.fields, task=task, event=event)


# ------------------------------------------------------------------------------------------ changes


def end_task(run: Run, task: Task, reason: str) -> None:
    """The task is over."""
    run.emit(TaskEnded(task.id, reason, task.created_ms, [found.id for found in task.variables.values()]))


def change_task(run: Run, task: Task, **changes: Any) -> None:
    """Sets attributes that differ from what they are."""
    different = {name: value for name, value in changes.items() if task.fields.get(name) != value}
    if different:
        before: dict[str, Any] = {name: task.fields.get(name) for name in ("assignee", "owner") if name in different}
        run.emit(TaskChanged(task.id, different, before, task.activity_instance, run.unit.user))


def set_task_local(run: Run, task: Task, name: str, value: TypedValue) -> None:
    """Sets a variable of the task itself."""
    found = task.variables.get(name)
    check_kept(found, name, value)
    run.emit(
        VariableSet(
            variable=found.id if found else run.new_id(),
            scope=task.id,
            name=name,
            value=value,
            revision=found.revision + 1 if found else 0,
            scope_activity_instance=task.activity_instance,
            source_activity_instance=task.activity_instance,
            task=task.id,
            execution=task.execution,
        )
    )


def remove_task_local(run: Run, task: Task, name: str) -> None:
    """Removes a variable of the task itself, if it is there."""
    found = task.variables.get(name)
    if found is not None:
        run.emit(
            VariableRemoved(
                found.id,
                task.id,
                name,
                task.id,
                task.activity_instance,
                found.revision + 1,
                type=found.value.type,
                source_activity_instance=task.activity_instance,
                execution=task.execution,
            )
        )


def set_task_variable(run: Run, task: Task, name: str, value: TypedValue) -> None:
    """Sets a variable as seen from the task: its own if it has one of that name, else from its execution on."""
    if name in task.variables or task.execution is None:
        set_task_local(run, task, name, value)
    else:
        set_variable(run, run.instance.executions[task.execution], name, value)


def task_variables(run: Run, task: Task) -> dict[str, Variable]:
    """Everything that the task sees."""
    found: dict[str, Variable] = {}
    if task.execution is not None:
        found.update(all_visible(run, run.instance.executions[task.execution]))
    found.update(task.variables)
    return found


@operation
def task_object(run: Run, task: Task, event: str | None = None) -> HostObject:
    """`task` in expressions and scripts (Camunda 7 `DelegateTask`)."""
    x = run.instance.executions[task.execution] if task.execution is not None else None
    fields = task.fields

    def moment(name: str) -> datetime | None:
        ms = fields.get(name)
        return None if ms is None else to_native(TypedValue("Date", ms))

    def setter(name: str) -> Any:
        def put(value: Any) -> None:
            if isinstance(value, datetime):
                value = round(value.timestamp() * 1000)
            change_task(run, task, **{name: value})

        return (put, 1, 1)

    def get(name: Any) -> Any:
        found = task.variables.get(str(name))
        if found is None and x is not None:
            found = visible(run, x, str(name))
        return None if found is None else to_native(found.value)

    def put(name: Any, value: Any) -> None:
        set_task_variable(run, task, str(name), store(value, str(name)))

    def put_local(name: Any, value: Any) -> None:
        set_task_local(run, task, str(name), store(value, str(name)))

    def put_all(values: Any) -> None:
        for name, value in dict(values).items():
            put(name, value)

    def put_all_local(values: Any) -> None:
        for name, value in dict(values).items():
            put_local(name, value)

    def remove(name: Any) -> None:
        if str(name) in task.variables:
            remove_task_local(run, task, str(name))
        elif x is not None:
            remove_variable(run, x, str(name))

    def link(type: str, *, user: bool, add: bool) -> Any:
        def change(value: Any) -> None:
            change_link(run, task, type, str(value) if user else None, None if user else str(value), add)

        return (change, 1, 1)

    def links(*, user: bool) -> Any:
        def change(values: Any) -> None:
            for value in values:
                change_link(run, task, "candidate", str(value) if user else None, None if user else str(value), True)

        return (change, 1, 1)

    def typed_link(*, user: bool, add: bool) -> Any:
        def change(value: Any, type: Any) -> None:
            change_link(run, task, str(type), str(value) if user else None, None if user else str(value), add)

        return (change, 2, 2)

    return HostObject(
        "task",
        {
            "id": lambda: task.id,
            "name": lambda: fields.get("name"),
            "description": lambda: fields.get("description"),
            "assignee": lambda: fields.get("assignee"),
            "owner": lambda: fields.get("owner"),
            "priority": lambda: fields.get("priority", PRIORITY),
            "dueDate": lambda: moment("due_ms"),
            "followUpDate": lambda: moment("follow_up_ms"),
            "createTime": lambda: to_native(TypedValue("Date", task.created_ms)),
            "taskDefinitionKey": lambda: task.key,
            "executionId": lambda: task.execution,
            "processInstanceId": lambda: run.instance.id if task.execution is not None else None,
            "processDefinitionId": lambda: run.instance.definition,
            "tenantId": lambda: run.instance.tenant,
            "eventName": lambda: event,
            "deleteReason": lambda: None,
            "execution": lambda: run.do("execution_object", x, event) if x is not None else None,
            "variables": lambda: {n: to_native(v.value) for n, v in task_variables(run, task).items()},
            "variableNames": lambda: list(task_variables(run, task)),
        },
        {
            "getVariable": (get, 1, 1),
            "getVariableLocal": (lambda n: to_native(v.value) if (v := task.variables.get(str(n))) else None, 1, 1),
            "hasVariable": (lambda n: str(n) in task_variables(run, task), 1, 1),
            "hasVariableLocal": (lambda n: str(n) in task.variables, 1, 1),
            "getVariables": (lambda: {n: to_native(v.value) for n, v in task_variables(run, task).items()}, 0, 0),
            "getVariablesLocal": (lambda: {n: to_native(v.value) for n, v in task.variables.items()}, 0, 0),
            "getVariableNames": (lambda: list(task_variables(run, task)), 0, 0),
            "getVariableNamesLocal": (lambda: list(task.variables), 0, 0),
            "setVariable": (put, 2, 2),
            "setVariableLocal": (put_local, 2, 2),
            "setVariables": (put_all, 1, 1),
            "setVariablesLocal": (put_all_local, 1, 1),
            "removeVariable": (remove, 1, 1),
            "removeVariableLocal": (lambda n: remove_task_local(run, task, str(n)), 1, 1),
            "setName": setter("name"),
            "setDescription": setter("description"),
            "setAssignee": setter("assignee"),
            "setOwner": setter("owner"),
            "setPriority": setter("priority"),
            "setDueDate": setter("due_ms"),
            "setFollowUpDate": setter("follow_up_ms"),
            "addCandidateUser": link("candidate", user=True, add=True),
            "addCandidateGroup": link("candidate", user=False, add=True),
            "addCandidateUsers": links(user=True),
            "addCandidateGroups": links(user=False),
            "deleteCandidateUser": link("candidate", user=True, add=False),
            "deleteCandidateGroup": link("candidate", user=False, add=False),
            "addUserIdentityLink": typed_link(user=True, add=True),
            "addGroupIdentityLink": typed_link(user=False, add=True),
            "deleteUserIdentityLink": typed_link(user=True, add=False),
            "deleteGroupIdentityLink": typed_link(user=False, add=False),
        },
    )


def change_link(run: Run, task: Task, type: str | None, user: str | None, group: str | None, add: bool) -> None:
    """Adds an identity link, or removes those that say the same: there may be several (Camunda 7
    `TaskEntity.addIdentityLink`). Assignee and owner are attributes of the task."""
    if type in ("assignee", "owner"):
        change_task(run, task, **{type: user if add else None})
    elif add:
        run.emit(IdentityLinkAdded(task.id, type, user, group, run.new_id(), run.unit.user))
    else:
        for link in [link for link in task.links if link[:3] == (type, user, group)]:
            run.emit(IdentityLinkRemoved(task.id, type, user, group, link[3], run.unit.user))
