"""One process on an engine in memory, asked in the words of its model: activity ids, names, and nothing that is stored.

Answers about the past come from events only, never from the state that the same code has built.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from penstock.base.errors import Failure
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine.state import Execution, Instance, Phase
from penstock.expr.script import ScriptResult, ScriptWrite
from penstock.expr.values import TypedValue, from_native, to_native
from penstock.testing.engine import Engine

WORKER = "worker"


@dataclass
class Row:
    """One activity instance of history."""

    id: str
    activity: str
    type: str
    parent: str
    execution: str
    state: str = "open"
    """`open`, `completed`, `canceled`, `completes scope`."""


class Scenario:
    """An engine with the models deployed and one instance under observation: the one that was started last."""

    def __init__(self, *models: Path | str) -> None:
        self.engine = Engine(checked=True)
        for model in models:
            self.engine.deploy(model.read_bytes() if isinstance(model, Path) else model)
        self.key = next(iter(self.engine.definitions.values())).key
        self.id = ""

    # ------------------------------------------------------------------------------------------ doing

    def start(self, key: str | None = None, **variables: Any) -> Scenario:
        """Starts an instance of `key`, or of the first process that was deployed."""
        self.id = self.engine.start(key or self.key, **variables)
        return self

    def do(self, command: c.Command) -> Any:
        """Executes a command."""
        return self.engine.execute(command)

    def complete(self, activity: str, **variables: Any) -> Scenario:
        """Completes the first open user task of `activity`, here or in an instance that this one has called."""
        instance, task = self._one("tasks", "key", activity)
        self.do(c.CompleteTask(instance=instance, task=task.id, variables=typed(variables)))
        return self

    def work(self, activity: str, local: dict[str, Any] | None = None, **variables: Any) -> Scenario:
        """Completes the first external task of `activity`."""
        instance, task = self._one("external_tasks", "activity", activity)
        self.do(
            c.CompleteExternalTask(
                instance=instance,
                external_task=task.id,
                worker=WORKER,
                variables=typed(variables),
                local_variables=typed(local or {}),
            )
        )
        return self

    def fail_work(self, activity: str, retries: int, message: str = "broken", **more: Any) -> Scenario:
        """Reports a failure of the first external task of `activity`."""
        instance, task = self._one("external_tasks", "activity", activity)
        self.do(
            c.FailExternalTask(
                instance=instance, external_task=task.id, worker=WORKER, retries=retries, error_message=message, **more
            )
        )
        return self

    def error(self, activity: str, code: str, message: str | None = None, **variables: Any) -> Scenario:
        """The worker of the first external task of `activity` raises a BPMN error."""
        instance, task = self._one("external_tasks", "activity", activity)
        self.do(
            c.ThrowExternalTaskError(
                instance=instance,
                external_task=task.id,
                worker=WORKER,
                error_code=code,
                error_message=message,
                variables=typed(variables),
            )
        )
        return self

    def message(self, name: str, local: dict[str, Any] | None = None, **variables: Any) -> Scenario:
        """Delivers the message to the first execution that waits for it."""
        instance, found = self._subscription("message", name)
        self.do(
            c.TriggerMessage(
                instance=instance,
                execution=found.execution,
                name=name,
                variables=typed(variables),
                local_variables=typed(local or {}),
            )
        )
        return self

    def signal(self, name: str, **variables: Any) -> Scenario:
        """Broadcasts the signal to everybody who waits for it."""
        receivers = tuple(
            (instance.id, found.id)
            for instance in self.engine.instances.values()
            for found in instance.subscriptions.values()
            if found.type == "signal" and found.name == name
        )
        assert receivers, f"nobody waits for the signal {name}"
        self.do(c.BroadcastSignal(name=name, receivers=receivers, variables=typed(variables)))
        return self

    def job(self, activity: str) -> Scenario:
        """Executes the first job of `activity`, due or not."""
        instance, found = self._one("jobs", "activity", activity)
        self.do(c.ExecuteJob(instance=instance, job=found.id))
        return self

    def timer(self, activity: str) -> Scenario:
        """Moves the clock just past the due date of the first job of `activity` and executes it."""
        instance, found = self._one("jobs", "activity", activity)
        assert found.due_ms is not None, f"the job of {activity} is no timer"
        self.engine.clock.advance_ms(max(found.due_ms + 1 - self.engine.clock.now_ms(), 0))
        self.do(c.ExecuteJob(instance=instance, job=found.id))
        return self

    def job_fails(self, activity: str) -> Failure:
        """Executes the first job of `activity`, which fails."""
        with pytest.raises(Failure) as failure:
            self.job(activity)
        return failure.value

    def set(self, **variables: Any) -> Scenario:
        """Sets variables of the instance from outside."""
        self.do(c.SetVariables(instance=self.id, modifications=typed(variables)))
        return self

    def modify(self, *instructions: c.StartInstruction) -> Scenario:
        """Modifies the instance."""
        self.do(c.ModifyInstance(instance=self.id, instructions=instructions))
        return self

    def delete(self, reason: str = "away") -> Scenario:
        """Deletes the instance."""
        self.do(c.DeleteInstance(instance=self.id, reason=reason))
        return self

    def _one(self, what: str, field: str, activity: str) -> tuple[str, Any]:
        for instance in self._family():
            for found in getattr(instance, what).values():
                if getattr(found, field) == activity:
                    return instance.id, found
        raise AssertionError(f"{activity} is not among the {what}; what waits: {self.waits()}")

    def _family(self) -> list[Instance]:
        """The live instances of the same root."""
        root = self.engine.history[self.id][0].root
        return [instance for instance in self.engine.instances.values() if instance.root == root]

    def _subscription(self, type: str, name: str) -> tuple[str, Any]:
        for instance in self._family():
            for found in instance.subscriptions.values():
                if found.type == type and found.name == name:
                    return instance.id, found
        raise AssertionError(f"nobody waits for the {type} {name}")

    # ------------------------------------------------------------------------------------------ asking

    @property
    def state(self) -> Instance:
        """The live state."""
        return self.engine.instances[self.id]

    def events(self, *classes: type, instance: str | None = None) -> list[Any]:
        """The events of the instance, or those of the given classes."""
        units = self.engine.history[instance or self.id]
        return [e for unit in units for e in unit.events if not classes or isinstance(e, classes)]

    def rows(self, instance: str | None = None) -> list[Row]:
        """Activity instances in the order in which they started."""
        found: dict[str, Row] = {}
        for e in self.events(ev.ActivityStarted, ev.ActivityEnded, instance=instance):
            if isinstance(e, ev.ActivityStarted):
                found[e.activity_instance] = Row(
                    e.activity_instance, e.activity, e.type, e.parent_activity_instance, e.execution
                )
            elif e.activity_instance in found:
                state = "canceled" if e.canceled else "completes scope" if e.completes_scope else "completed"
                found[e.activity_instance].state = state
        return list(found.values())

    def path(self, instance: str | None = None) -> list[str]:
        """Ids of the activities in the order in which they started."""
        return [row.activity for row in self.rows(instance)]

    def states(self, activity: str, instance: str | None = None) -> list[str]:
        """The states of the activity's instances, in the order in which they started."""
        return [row.state for row in self.rows(instance) if row.activity == activity]

    def type(self, activity: str) -> str:
        """Camunda's type of the activity in history."""
        return next(row.type for row in self.rows() if row.activity == activity)

    def parent(self, activity: str) -> str:
        """The activity in whose instance the first instance of `activity` lies; `""` for the process instance."""
        rows = self.rows()
        row = next(row for row in rows if row.activity == activity)
        return next((outer.activity for outer in rows if outer.id == row.parent), "")

    def waits(self, instance: str | None = None) -> list[str]:
        """Where tokens stand, sorted: activities without anything live inside, continuations and joins among them."""
        state = self.engine.instances.get(instance or self.id)
        if state is None:
            return []
        found = []
        for x in state.executions.values():
            if x.activity is None or x.kind is ev.ExecutionKind.KEPT or _live_children(state, x):
                continue
            if x.phase is not Phase.IDLE:
                found.append(x.activity)
        return sorted(found)

    @property
    def ended(self) -> str | None:
        """The state in which the instance has ended, or None."""
        return self.ended_of(self.id)

    def ended_of(self, instance: str) -> str | None:
        """The state in which an instance has ended, or None."""
        found = self.events(ev.InstanceEnded, instance=instance)
        return found[0].state.value if found else None

    def variables(self, scope: str | None = None) -> dict[str, Any]:
        """Final values by name, of the process instance or of the first instance of the activity `scope`, as history
        has them: a variable that was removed is not there, one that ended with its scope is."""
        place = self.id
        if scope is not None:
            place = next(row.id for row in self.rows() if row.activity == scope)
        found: dict[str, tuple[str, Any]] = {}
        for e in self.events(ev.VariableSet, ev.VariableRemoved):
            if isinstance(e, ev.VariableRemoved):
                found = {name: v for name, v in found.items() if v[0] != e.variable}
            elif e.scope_activity_instance == place:
                found[e.name] = (e.variable, to_native(e.value))
            else:
                known = next((name for name, v in found.items() if v[0] == e.variable), None)
                if known is not None:
                    found[known] = (e.variable, to_native(e.value))
        return {name: value for name, (_, value) in found.items()}

    def local(self, activity: str) -> dict[str, Any]:
        """Variables of the live scope of `activity`."""
        for x in self.state.executions.values():
            if x.kind is ev.ExecutionKind.SCOPE and x.scope_activity == activity:
                return {name: to_native(v.value) for name, v in x.variables.items()}
        raise AssertionError(f"{activity} is no open scope")

    def subscriptions(self, instance: str | None = None) -> list[tuple[str, str | None, str]]:
        """(type, name, activity) of what the instance waits for, sorted."""
        state = self.engine.instances.get(instance or self.id)
        found = state.subscriptions.values() if state is not None else ()
        return sorted(((s.type, s.name, s.activity) for s in found), key=str)

    def jobs(self, instance: str | None = None) -> list[tuple[str, str]]:
        """(activity, kind) of the jobs, sorted."""
        state = self.engine.instances.get(instance or self.id)
        return sorted((j.activity or "", j.kind.value) for j in state.jobs.values()) if state is not None else []

    def incidents(self, instance: str | None = None) -> list[tuple[str, str | None]]:
        """(type, activity) of the open incidents, sorted."""
        state = self.engine.instances.get(instance or self.id)
        return sorted((i.type, i.activity) for i in state.incidents.values()) if state is not None else []

    def called(self, activity: str | None = None) -> list[str]:
        """Ids of the instances that this one has called, in order."""
        named = {row.id for row in self.rows() if activity in (None, row.activity)}
        return [
            e.called_instance
            for e in self.events(ev.ActivityUpdated)
            if e.called_instance is not None and e.activity_instance in named
        ]

    def instance_of(self, activity: str) -> str:
        """The id of the first open instance of `activity`."""
        return next(row.id for row in self.rows() if row.activity == activity and row.state == "open")


def _live_children(state: Instance, x: Execution) -> bool:
    return any(state.executions[id].kind is not ev.ExecutionKind.KEPT for id in x.children)


def typed(values: dict[str, Any]) -> dict[str, TypedValue]:
    """Stored forms of native values."""
    return {name: value if isinstance(value, TypedValue) else from_native(value) for name, value in values.items()}


def writes(**variables: Any) -> ScriptResult:
    """What a script leaves behind that sets variables."""
    return ScriptResult(writes=tuple(ScriptWrite("execution", "setVariable", item) for item in variables.items()))


def scenario(test_file: str, *models: str, shared: Iterable[Path] = ()) -> Scenario:
    """The models `NAME.bpmn` that lie beside a test, deployed; the first is the one that `start` starts."""
    folder = Path(test_file).parent
    return Scenario(*(folder / f"{name}.bpmn" for name in models), *shared)


HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="test">'
)


def model(body: str, *, flows: str = "", roots: str = "", key: str = "p") -> str:
    """A whole file around the nodes of one process. `flows`: `a b, b c` are sequence flows from a to b and from b to c."""
    process = f'<process id="{key}" isExecutable="true" camunda:historyTimeToLive="P1D">{body}{flow_elements(flows)}'
    return f"{HEAD}{roots}{process}</process></definitions>"


def flow_elements(flows: str) -> str:
    """Sequence flows from `a b, b c`."""
    found = ""
    for pair in filter(None, (part.strip() for part in flows.split(","))):
        source, target = pair.split()
        found += f'<sequenceFlow id="{source}_{target}" sourceRef="{source}" targetRef="{target}"/>'
    return found
