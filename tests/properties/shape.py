"""The shape of a live state: one tree, and nothing waits but at the place that waits for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from penstock.engine import events as ev
from penstock.engine.definition import Activity, Definition
from penstock.engine.state import Execution, Instance, Job, Phase, Subscription
from penstock.model.graph import TriggerKind

OPERATOR_INCIDENT = "operator"
"""Type of the incidents that the tests open themselves."""
FAILED = ("failedJob", "failedExternalTask")


def check_tree(instance: Instance) -> None:
    """Executions form one tree whose links agree in both directions, and what waits belongs to one of them."""
    executions = instance.executions
    roots = [x.id for x in executions.values() if x.parent is None]
    assert roots == [instance.id], f"roots {roots}"
    assert executions[instance.id].kind is ev.ExecutionKind.INSTANCE
    reached: list[str] = []
    todo = [instance.id]
    while todo:
        x = executions[todo.pop()]
        reached.append(x.id)
        for child in x.children:
            assert executions[child].parent == x.id, f"{child} is a child of {x.id} and says {executions[child].parent}"
            todo.append(child)
    assert sorted(reached) == sorted(executions), "executions outside of the tree"
    for name in ("tasks", "external_tasks", "jobs", "subscriptions", "incidents"):
        records: dict[str, Any] = getattr(instance, name)
        listed = sorted(id for x in executions.values() for id in getattr(x, name))
        assert listed == sorted(records), f"{name}: listed {listed}, there {sorted(records)}"
        for id, record in records.items():
            assert id in getattr(executions[record.execution], name), f"{name}: {id} is not at its execution"
    paths = {x.parent for x in executions.values() if x.kind is ev.ExecutionKind.PATH}
    for parent in paths:
        siblings = [executions[id] for id in executions[parent or ""].children]
        active = [x for x in siblings if x.kind in (ev.ExecutionKind.PATH, ev.ExecutionKind.SCOPE)]
        assert active, "a concurrent path without a place"


def check_incidents(instance: Instance) -> None:
    """Jobs and external tasks have an incident exactly when they have no retries left."""
    stuck = {id for id, job in instance.jobs.items() if job.retries <= 0}
    stuck |= {id for id, task in instance.external_tasks.items() if task.retries is not None and task.retries <= 0}
    shown: dict[str, int] = {}
    for incident in instance.incidents.values():
        if incident.type in FAILED and incident.cause in ("", incident.id):
            shown[incident.configuration or ""] = shown.get(incident.configuration or "", 0) + 1
    assert shown == dict.fromkeys(stuck, 1), f"without retries: {stuck}, with incidents: {shown}"


# ------------------------------------------------------------------------------------------ what waits, and where


def check_waits(instance: Instance, definition: Definition, revived: Collection[str]) -> None:
    """Whatever waits belongs to an activity instance that is open at its execution: nothing outlives its end. `revived`:
    executions of scopes that are compensated, which listen to nothing."""
    executions = instance.executions
    for task in instance.tasks.values():
        x = executions[task.execution or ""]
        assert (x.activity_instance, x.activity) == (task.activity_instance, task.key), f"{task} at {x}"
    for external in instance.external_tasks.values():
        x = executions[external.execution]
        assert (x.activity_instance, x.activity) == (external.activity_instance, external.activity), (
            f"{external} at {x}"
        )
    for subscription in instance.subscriptions.values():
        _check_subscription(instance, definition, subscription)
    for job in instance.jobs.values():
        _check_job(instance, definition, job)
    for x in executions.values():
        if x.id not in revived:
            _check_listening(instance, definition, x)


def _check_subscription(instance: Instance, definition: Definition, s: Subscription) -> None:
    x = instance.executions[s.execution]
    a = definition.activities[s.activity]
    if s.type != "compensate":
        assert _listens(x, a), f"{s} at {x}"
        return
    assert x.kind is not ev.ExecutionKind.PATH, f"{s} at the path {x}"
    if s.configuration:
        kept = instance.executions[s.configuration]
        assert kept.kind is ev.ExecutionKind.KEPT, f"{s} is for {kept}"
    else:
        assert a.compensates is not None or a.compensates_scope, f"{s} compensates nothing"


def _check_job(instance: Instance, definition: Definition, job: Job) -> None:
    x = instance.executions[job.execution or ""]
    a = definition.activities[job.activity or ""]
    if job.kind is ev.JobKind.ASYNC:
        phase = Phase.BEFORE if job.configuration == "async-before" else Phase.AFTER
        assert (x.activity, x.phase) == (a.id, phase), f"{job} at {x}"
    elif job.kind is ev.JobKind.TIMER_TASK_LISTENER:
        assert (job.configuration or "").split("$")[0] in x.tasks, f"{job} at {x}"
    elif job.kind is not ev.JobKind.SIGNAL:
        assert _listens(x, a), f"{job} at {x}"


def _listens(x: Execution, a: Activity) -> bool:
    """Whether the event `a` may come at `x`: at the open scope that it belongs to, or where a path stands in it."""
    if a.event_scope is not None:
        open_ = x.kind is not ev.ExecutionKind.KEPT and x.scope_instance is not None and not _has_ended(x)
        return open_ and x.scope_activity == a.event_scope.id
    return x.activity == a.id and x.phase is Phase.ACTIVE


def _has_ended(x: Execution) -> bool:
    """Whether the scope is only there for the asynchronous continuation after its activity."""
    return x.phase is Phase.AFTER and x.activity == x.scope_activity


def _check_listening(instance: Instance, definition: Definition, x: Execution) -> None:
    """An open scope listens once to each of its messages, signals and conditions; to none after an interrupting event
    sub-process has begun in it."""
    if x.kind in (ev.ExecutionKind.KEPT, ev.ExecutionKind.PATH) or x.scope_instance is None or _has_ended(x):
        return
    a = definition.activities.get(x.scope_activity or "", definition.root)
    found = Counter(s.activity for id in x.subscriptions if (s := instance.subscriptions[id]).type != "compensate")
    wanted = [h.id for h in a.handlers if h.trigger is not None and h.trigger.kind.value in _SUBSCRIBED]
    if wanted:
        counts = {found[id] for id in wanted}
        assert counts in ({0}, {1}), f"{x} listens to {found}, not to {wanted}"
        if counts == {0}:
            assert any(True for _ in _interrupting(instance, definition, x)), f"{x} does not listen to {wanted}"


_SUBSCRIBED = ("message", "signal", "conditional")


def _interrupting(instance: Instance, definition: Definition, scope: Execution) -> Iterator[str]:
    """What interrupts `scope` and runs in it: event sub-processes, cancel end events."""
    todo = list(scope.children)
    while todo:
        x = instance.executions[todo.pop()]
        if x.kind is ev.ExecutionKind.PATH:
            todo += x.children
        inside = definition.activities.get(x.scope_activity or x.activity or "")
        if inside is not None and inside.node is not None and (inside.node.triggered_by_event or _cancels(inside)):
            yield inside.id


def _cancels(a: Activity) -> bool:
    return a.trigger is not None and a.trigger.kind is TriggerKind.CANCEL


# ------------------------------------------------------------------------------------------ between instances


def check_calls(instances: Mapping[str, Instance]) -> None:
    """Who has called and who was called know of each other, and an incident shows in every instance above."""
    for instance in instances.values():
        for x in instance.executions.values():
            if x.called is not None:
                called = instances[x.called]
                assert (called.super_instance, called.super_execution) == (instance.id, x.id), (
                    f"{x} has called {called}"
                )
        if instance.super_instance is not None:
            caller = instances[instance.super_instance].executions[instance.super_execution or ""]
            assert caller.called == instance.id, f"{instance.id} was not called by {caller}"
        for incident in instance.incidents.values():
            _check_incident_above(instances, instance, incident.id)
            if incident.cause not in ("", incident.id):
                below = instances[instance.executions[incident.execution].called or ""]
                assert incident.cause in below.incidents, f"{incident} has lost its cause"


def _check_incident_above(instances: Mapping[str, Instance], instance: Instance, incident: str) -> None:
    if instance.super_instance is None:
        return
    above = instances[instance.super_instance]
    caused = [i.execution for i in above.incidents.values() if i.cause == incident]
    assert caused == [instance.super_execution], f"{incident} shows above at {caused}"
