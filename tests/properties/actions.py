"""Everything that can be done to live instances, in groups; each thing has a name by which it is found again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from shape import OPERATOR_INCIDENT
from written import BELL, ERRORS, ESCALATIONS, GATE, SIGNALS

from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine.definition import Definition
from penstock.engine.state import Execution, Instance, Phase
from penstock.engine.tree import throws_compensation
from penstock.expr.values import TypedValue, from_native
from penstock.testing.engine import Engine

FAILS = "fails"
"""The delegate's mood in which it is out of order; another one is the code of the BPMN error that it throws."""


@dataclass(frozen=True)
class Action:
    """One thing to do. `forward`: it brings an instance nearer to its end."""

    name: str
    commands: tuple[c.Command, ...]
    forward: bool = False
    lossy: bool = False
    """Afterwards a path may end without a way on, and what waits for it may wait for ever."""
    injects: bool = False
    """It puts tokens somewhere or takes them away."""
    due_ms: int | None = None
    mood: str = ""


class World(NamedTuple):
    """What is live, and the names of it."""

    engine: Engine
    names: Mapping[str, str]
    """Instance id → its name: process key and number."""

    @property
    def live(self) -> list[Instance]:
        return sorted(self.engine.instances.values(), key=lambda i: i.id)

    def name(self, instance: Instance) -> str:
        return self.names[instance.id]


Actions = Iterator[Action]
_T = TypeVar("_T")


def _sorted(records: Mapping[str, _T]) -> list[_T]:
    """By id: what comes when must not depend on how the state was stored."""
    return [record for _, record in sorted(records.items())]


def _values(**values: Any) -> dict[str, TypedValue]:
    return {name: from_native(value) for name, value in values.items()}


# ------------------------------------------------------------------------------------------ work


def complete_external(w: World) -> Actions:
    for i in w.live:
        for id, task in sorted(i.external_tasks.items()):
            report: dict[str, Any] = {"instance": i.id, "external_task": id, "worker": "w"}
            done = c.CompleteExternalTask(**report, variables=_values(x1=1), local_variables=_values(l=2))
            yield Action(f"{w.name(i)} {task.activity}", (done,), forward=True)


def fail_external(w: World) -> Actions:
    for i in w.live:
        for id, task in sorted(i.external_tasks.items()):
            for retries in (0, 2):
                failed = c.FailExternalTask(
                    instance=i.id,
                    external_task=id,
                    worker="w",
                    error_message="no",
                    retries=retries,
                    retry_timeout_ms=1000,
                    variables=_values(x2=3),
                )
                yield Action(f"{w.name(i)} {task.activity} retries {retries}", (failed,))


def external_retries(w: World) -> Actions:
    for i in w.live:
        for id, task in sorted(i.external_tasks.items()):
            one: dict[str, Any] = {"instance": i.id, "external_task": id}
            for retries in (0, 2):
                yield Action(
                    f"{w.name(i)} {task.activity} {retries}", (c.SetExternalTaskRetries(**one, retries=retries),)
                )
            yield Action(f"{w.name(i)} {task.activity} priority", (c.SetExternalTaskPriority(**one, priority=7),))


def external_error(w: World) -> Actions:
    for i in w.live:
        for id, task in sorted(i.external_tasks.items()):
            for code in (*ERRORS, "E9"):
                thrown = c.ThrowExternalTaskError(
                    instance=i.id, external_task=id, worker="w", error_code=code, variables=_values(x2=1)
                )
                yield Action(f"{w.name(i)} {task.activity} {code}", (thrown,), lossy=True)


def complete_task(w: World) -> Actions:
    for i in w.live:
        for id, task in sorted(i.tasks.items()):
            done = c.CompleteTask(instance=i.id, task=id, variables=_values(x3=1))
            yield Action(f"{w.name(i)} {task.key}", (done,), forward=True)


def change_task(w: World) -> Actions:
    for i in w.live:
        for id, task in sorted(i.tasks.items()):
            key: dict[str, Any] = {"instance": i.id, "task": id}
            name = f"{w.name(i)} {task.key}"
            for operation, changes in (
                ("claim", {"assignee": "a"}),
                ("assign", {"assignee": None}),
                ("update", {"due_ms": 5, "owner": "o", "priority": 9}),
                ("delegate", {"assignee": "d", "delegation_state": "PENDING"}),
            ):
                yield Action(f"{name} {operation}", (c.ChangeTask(**key, operation=operation, changes=changes),))
            for add in (True, False):
                link = c.ChangeIdentityLink(**key, type="candidate", add=add, link_user="b")
                yield Action(f"{name} {'candidate' if add else 'no candidate'}", (link,))
            local = c.SetVariables(**key, modifications=_values(t="local", x0=2), local=True)
            yield Action(f"{name} local variable", (local,))
            yield Action(f"{name} no local variable", (c.SetVariables(**key, deletions=("t",), local=True),))
            yield Action(f"{name} variable", (c.SetVariables(**key, modifications=_values(x1=3, fresh="f")),))


def task_error(w: World) -> Actions:
    for i in w.live:
        for id, task in sorted(i.tasks.items()):
            for code in (*ERRORS, "E9"):
                thrown = c.ThrowTaskError(instance=i.id, task=id, error_code=code, error_message="m")
                yield Action(f"{w.name(i)} {task.key} {code}", (thrown,), lossy=True)
            for code in ESCALATIONS:
                escalated = c.ThrowTaskEscalation(instance=i.id, task=id, escalation_code=code)
                # Who throws may go on when nobody interrupts it: the task is still there.
                yield Action(f"{w.name(i)} {task.key} {code}", (escalated,), lossy=True)


def job(w: World) -> Actions:
    for i in w.live:
        for id, found in sorted(i.jobs.items()):
            run = c.ExecuteJob(instance=i.id, job=id)
            yield Action(f"{w.name(i)} {found.activity} {found.kind.value}", (run,), forward=True, due_ms=found.due_ms)


def failing_job(w: World) -> Actions:
    for action in job(w):
        for mood in (FAILS, *ERRORS):
            yield Action(f"{action.name} {mood}", action.commands, due_ms=action.due_ms, mood=mood, lossy=mood != FAILS)


def change_job(w: World) -> Actions:
    for i in w.live:
        for id, found in sorted(i.jobs.items()):
            name = f"{w.name(i)} {found.activity} {found.kind.value}"
            for retries in (0, 1):
                yield Action(f"{name} retries {retries}", (_job(i, id, retries=retries),))
            for suspended in (True, False):
                yield Action(f"{name} suspended {suspended}", (_job(i, id, suspended=suspended),))
            yield Action(f"{name} priority", (_job(i, id, priority=3),))
            if found.due_ms is not None:
                yield Action(f"{name} later", (_job(i, id, due_ms=found.due_ms + 2000),))
                yield Action(f"{name} recalculated", (c.RecalculateJob(instance=i.id, job=id),))
                yield Action(f"{name} deleted", (c.DeleteJob(instance=i.id, job=id),), lossy=True)


def _job(i: Instance, id: str, **changes: Any) -> c.Command:
    return c.ChangeJob(instance=i.id, job=id, changes=changes)


# ------------------------------------------------------------------------------------------ events


def message(w: World) -> Actions:
    for i in w.live:
        for s in _sorted(i.subscriptions):
            if s.type == "message" and s.name is not None:
                sent = c.TriggerMessage(
                    instance=i.id,
                    execution=s.execution,
                    name=s.name,
                    variables=_values(x0=2),
                    local_variables=_values(of_message=1),
                )
                yield Action(f"{w.name(i)} {s.activity}", (sent,), forward=_is_way_on(s.activity))


def signal(w: World) -> Actions:
    for i in w.live:
        for s in _sorted(i.subscriptions):
            if s.type == "signal" and s.name is not None:
                sent = c.TriggerSignal(instance=i.id, execution=s.execution, subscription=s.id, name=s.name)
                yield Action(f"{w.name(i)} {s.activity}", (sent,), forward=_is_way_on(s.activity))
        for x in _sorted(i.executions):
            if x.activity is not None and x.activity.startswith("signalled") and x.phase is Phase.ACTIVE:
                sent_to = c.SignalExecution(instance=i.id, execution=x.id, variables=_values(x1=0))
                yield Action(f"{w.name(i)} {x.activity}", (sent_to,), forward=True)


def broadcast(w: World) -> Actions:
    for name in SIGNALS:
        found = tuple(
            (i.id, s.id) for i in w.live for s in _sorted(i.subscriptions) if (s.type, s.name) == ("signal", name)
        )
        for mood in ("", FAILS):
            sent = c.BroadcastSignal(name=name, receivers=found, variables=_values(x2=2))
            yield Action(f"{name} {mood}".strip(), (sent,), mood=mood)


def condition(w: World) -> Actions:
    """Conditions that hold, and hold no more."""
    for i in w.live:
        conditional = [s for s in _sorted(i.subscriptions) if s.type == "conditional"]
        for name in (GATE, BELL):
            for value in (1, 0):
                set_ = c.SetVariables(instance=i.id, modifications=_values(**{name: value}))
                waits = name == GATE and any(s.activity.startswith("gate") for s in conditional)
                yield Action(f"{w.name(i)} {name} {value}", (set_,), forward=bool(waits and value))
        if conditional:
            yield Action(f"{w.name(i)} evaluated", (c.EvaluateConditions(instance=i.id),))


def _is_way_on(activity: str) -> bool:
    """Not what does not interrupt: it could be triggered for ever."""
    return not activity.startswith(("boundary", "eventStart"))


# ------------------------------------------------------------------------------------------ operators


def suspend(w: World) -> Actions:
    for i in w.live:
        yield Action(f"{w.name(i)} {not i.suspended}", (c.SetSuspension(instance=i.id, suspended=not i.suspended),))


def variables(w: World) -> Actions:
    for i in w.live:
        for place, x in _places(i):
            for local in (False, True):
                name = f"{w.name(i)} {place} {'local' if local else 'global'}"
                for value in (0, 2):
                    values = _values(x1=value, y=f"y{value}", z=value)
                    set_ = c.SetVariables(instance=i.id, execution=x.id, modifications=values, local=local)
                    yield Action(f"{name} {value}", (set_,))
                gone = c.SetVariables(instance=i.id, execution=x.id, deletions=("y",), local=local)
                yield Action(f"{name} removed", (gone,))


def _places(i: Instance) -> Iterator[tuple[str, Execution]]:
    for x in _sorted(i.executions):
        if x.kind is not ev.ExecutionKind.KEPT:
            yield x.activity or f"in {x.scope_activity or 'a path'}", x


def incident(w: World) -> Actions:
    for i in w.live:
        for place, x in _places(i):
            opened = c.CreateIncident(
                instance=i.id, execution=x.id, type=OPERATOR_INCIDENT, configuration="c", message="m"
            )
            yield Action(f"{w.name(i)} at {place}", (opened,))
        for found in _sorted(i.incidents):
            note = c.AnnotateIncident(instance=i.id, incident=found.id, annotation="note")
            yield Action(f"{w.name(i)} {found.type} {found.activity} noted", (note,))
            if found.type == OPERATOR_INCIDENT and found.cause == found.id:
                closed = c.ResolveIncident(instance=i.id, incident=found.id)
                yield Action(f"{w.name(i)} {found.activity} resolved", (closed,))


def modify(w: World) -> Actions:
    for i in w.live:
        assert i.definition is not None
        definition = w.engine.definitions[i.definition]
        if any(_is_compensating(definition, x) for x in i.executions.values()):
            # What begins in a scope while it is compensated goes on from there as if it were not.
            continue
        for id, a in definition.activities.items():
            for kind in ("startBeforeActivity", "startAfterActivity", "cancel"):
                if a.node is not None and a.inner is None:
                    yield _modification(w, i, f"{kind} {id}", c.StartInstruction(type=kind, activity=id))
        for id in definition.flows:
            yield _modification(w, i, f"along {id}", c.StartInstruction(type="startTransition", transition=id))
        for place, x in _places(i):
            if x.activity_instance is not None:
                gone = c.StartInstruction(type="cancel", activity_instance=x.activity_instance)
                yield _modification(w, i, f"cancel instance {place}", gone)
            elif x.phase in (Phase.BEFORE, Phase.AFTER):
                gone = c.StartInstruction(type="cancel", transition_instance=x.id)
                yield _modification(w, i, f"cancel transition {place}", gone)


def _is_compensating(definition: Definition, x: Execution) -> bool:
    a = definition.activities.get(x.scope_activity or "")
    return a is not None and x.kind is ev.ExecutionKind.SCOPE and throws_compensation(a)


def _modification(w: World, i: Instance, name: str, *instructions: c.StartInstruction) -> Action:
    modified = c.ModifyInstance(instance=i.id, instructions=instructions)
    return Action(f"{w.name(i)} {name}", (modified,), lossy=True, injects=True)


def delete(w: World) -> Actions:
    for i in w.live:
        for skip in (False, True):
            gone = c.DeleteInstance(instance=i.id, reason="r", skip_custom_listeners=skip, skip_io_mappings=skip)
            name = f"{w.name(i)} {'without listeners' if skip else 'with listeners'}"
            yield Action(name, (gone,), lossy=True, injects=i.super_instance is not None)


GROUPS: dict[str, tuple[int, Callable[[World], Actions]]] = {
    "complete": (16, complete_task),
    "work": (14, complete_external),
    "job": (22, job),
    "message": (8, message),
    "signal": (8, signal),
    "condition": (5, condition),
    "fail": (5, fail_external),
    "retries": (3, external_retries),
    "error": (3, external_error),
    "task": (3, change_task),
    "throw": (3, task_error),
    "failing": (6, failing_job),
    "change": (4, change_job),
    "broadcast": (3, broadcast),
    "suspend": (2, suspend),
    "variables": (3, variables),
    "incident": (2, incident),
    "modify": (4, modify),
    "delete": (1, delete),
}
"""Group → how often it has its turn, and what it offers."""

FORWARD = ("complete", "work", "job", "message", "signal", "condition")
"""Groups in which something may bring an instance nearer to its end."""
