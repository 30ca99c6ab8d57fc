"""Records what this release writes: `python -m recorded.record` in `tests/` makes `tests/recorded/RELEASE.json`.

Run it once per release, and never again for that release: the file is the promise that its log can be read for ever.
The walk goes through every event that changes state; the recorder refuses to write a file that misses one.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import penstock
from bpmn.scenario import Scenario, flow_elements, model, typed
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine.apply import APPLIERS
from penstock.engine.state import Instance
from penstock.expr.values import TypedValue

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "bpmn" / "elements"
MODELS = (
    "parallel_gateway/fork_join",
    "inclusive_gateway/inclusive",
    "event_based_gateway/choice",
    "sub_process/sub_process",
    "sub_process/event_sub_processes",
    "sub_process/transaction",
    "call_activity/failing",
    "call_activity/failing_callee",
    "multi_instance_body/parallel",
    "multi_instance_body/nested",
    "boundary_event/non_interrupting",
    "user_task/plain",
    "service_task/external",
    "service_task/mappings",
    "service_task/async",
    "service_task/retries",
    "intermediate_throw_event/compensation",
    "intermediate_throw_event/snapshot",
)
RENAMED = model(
    '<startEvent id="start"/>'
    '<serviceTask id="name" camunda:expression="${execution.setProcessBusinessKey(\'renamed\')}"/>'
    '<serviceTask id="forget" camunda:expression="${execution.removeVariable(\'gone\')}"/>'
    '<parallelGateway id="fork"/><userTask id="a"/><userTask id="b"/>',
    flows="start name, name forget, forget fork, fork a, fork b",
    key="renamed",
)
_MOVING = (
    '<startEvent id="start"/><subProcess id="kept"><startEvent id="in"/>'
    '<serviceTask id="done" camunda:expression="${1}"/><boundaryEvent id="undone" attachedToRef="done">'
    '<compensateEventDefinition/></boundaryEvent><manualTask id="undo" isForCompensation="true"/>'
    f"{flow_elements('in done')}"
    '<association id="u" associationDirection="One" sourceRef="undone" targetRef="undo"/></subProcess>'
    '<parallelGateway id="fork"/><userTask id="a"/><serviceTask id="w" camunda:type="external" camunda:topic="t"/>'
    '<boundaryEvent id="late" attachedToRef="a"><timerEventDefinition><timeDuration>PT1H</timeDuration>'
    '</timerEventDefinition></boundaryEvent><boundaryEvent id="told" attachedToRef="a">'
    '<messageEventDefinition messageRef="msg"/></boundaryEvent>'
    f"{flow_elements('start kept, kept fork, fork a, fork w')}"
)
_MESSAGE = '<message id="msg" name="Told"/>'
STANDING = model(_MOVING, roots=_MESSAGE, key="moving")
MOVED = model(
    '<startEvent id="first"/><subProcess id="outer">' + _MOVING + "</subProcess>",
    flows="first outer",
    roots=_MESSAGE,
    key="moving",
)
VALUES = {
    "text": "é",
    "number": 2**40,
    "double": 1.5,
    "flag": True,
    "nothing": None,
    "list": [1, "x", {"k": None}],
    "json": TypedValue("Json", '{"a":[1]}'),
    "bytes": b"\x00\xff",
    "date": TypedValue("Date", 1_767_225_600_000),
    "file": TypedValue("File", b"content", {"filename": "a.txt", "mimetype": "text/plain"}),
}


def summary(i: Instance) -> dict[str, Any]:
    """What a state must say, in a form that does not depend on how later releases keep it."""
    executions = {
        x.id: {
            "parent": x.parent,
            "kind": x.kind.value,
            "phase": x.phase.value,
            "scope": [x.scope_activity, x.scope_instance],
            "at": [x.activity, x.activity_instance],
            "called": x.called,
            "variables": {name: [v.id, v.value.type, _plain(v.value.value)] for name, v in x.variables.items()},
        }
        for x in i.executions.values()
    }
    return {
        "revision": i.revision,
        "business_key": i.business_key,
        "super": [i.super_instance, i.super_execution],
        "suspended": i.suspended,
        "ended": i.ended,
        "executions": executions,
        "tasks": {
            t.id: [t.execution, t.key, _plain(t.fields), sorted(str(link[:3]) for link in t.links), list(t.variables)]
            for t in i.tasks.values()
        },
        "external_tasks": {
            t.id: [t.execution, t.activity, t.topic, t.priority, t.retries, t.error_message]
            for t in i.external_tasks.values()
        },
        "jobs": {
            j.id: [j.execution, j.activity, j.kind.value, j.retries, j.due_ms, j.priority, j.suspended, j.configuration]
            for j in i.jobs.values()
        },
        "subscriptions": {s.id: [s.execution, s.type, s.name, s.activity] for s in i.subscriptions.values()},
        "incidents": {n.id: [n.execution, n.type, n.activity, n.configuration] for n in i.incidents.values()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def walk() -> Scenario:
    """Does everything at least once. Most instances are left waiting, so that their states have something to say."""
    s = Scenario(*(FIXTURES / f"{name}.bpmn" for name in MODELS), RENAMED)
    s.start("fork_join", **VALUES).complete("a")
    s.start("inclusive", x=2).complete("a")
    s.start("choice")
    s.start("choice").timer("late")
    s.start("sub_process").complete("a").message("Hint").message("Cancel")
    s.start("sub_process").message("Hint")
    s.start("event_sub_processes").message("Note", n=1).error("work", "Bad", "it broke")
    s.start("transaction", ok=False).complete("book").complete("decide")
    s.start("failing")
    for _ in range(3):
        s.job_fails("job")
    s.start("parallel", people=["anna", "ben"], enough=9).complete("review")
    s.start("nested").complete("task")
    s.start("non_interrupting", x=1).timer("tim").set(x=2)
    _people(s)
    _workers(s)
    s.start("mappings", x=2, inside=1)
    s.start("async").job("before")
    _jobs(s)
    s.start("compensation", only=False).complete("a").complete("b").complete("decide").complete("cancel_b")
    s.start("snapshot", n=1).complete("change", n=2)
    s.start("renamed", gone=1).complete("a")
    s.start("fork_join")
    s.modify(
        c.StartInstruction(type="startBeforeActivity", activity="b", variables={"m": (TypedValue("Long", 1), False)}),
        c.StartInstruction(type="cancel", activity="a"),
    )
    s.start("fork_join").delete()
    s.engine.trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    s.start("external", topic="paint", x=2)
    s.engine.trace = None
    _moves(s)
    return s


def _moves(s: Scenario) -> None:
    s.engine.deploy(STANDING)
    source = s.engine.latest("moving")
    s.start("moving", text="x").fail_work("w", 0)
    s.engine.deploy(MOVED)
    steps = tuple(
        c.MigrationInstruction(source=id, target=id, update_event_trigger=id == "late")
        for id in ("kept", "undone", "a", "w", "late", "told")
    )
    target = s.engine.latest("moving").id
    s.do(c.MigrateInstance(instance=s.id, source=source.id, target=target, instructions=steps))


def _people(s: Scenario) -> None:
    s.start("plain")
    (task,) = s.engine.tasks(s.id)
    s.do(c.ChangeTask(instance=s.id, task=task.id, operation="claim", changes={"assignee": "anna"}, user="anna"))
    s.do(c.ChangeIdentityLink(instance=s.id, task=task.id, type="candidate", add=True, link_group="hr"))
    s.do(c.ChangeIdentityLink(instance=s.id, task=task.id, type="candidate", add=True, link_user="ben"))
    s.do(c.ChangeIdentityLink(instance=s.id, task=task.id, type="candidate", add=False, link_user="ben"))
    s.do(c.SetVariables(instance=s.id, task=task.id, modifications=typed({"own": 1, "other": 2}), local=True))
    s.do(c.SetVariables(instance=s.id, task=task.id, deletions=("other",), local=True))
    s.do(c.SetSuspension(instance=s.id, suspended=True))


def _workers(s: Scenario) -> None:
    s.start("external", topic="paint", x=2).fail_work("work", 0, error_details="stack")
    (task,) = s.state.external_tasks
    s.do(c.SetExternalTaskPriority(instance=s.id, external_task=task, priority=9))
    s.start("external", topic="paint", x=2).fail_work("work", 0)
    (task,) = s.state.external_tasks
    s.do(c.SetExternalTaskRetries(instance=s.id, external_task=task, retries=2))
    first = s.id
    s.start("external", topic="wash", x=3)
    (task,) = s.state.external_tasks
    s.do(c.CompleteExternalTask(instance=s.id, external_task=task, worker="w", local_variables=typed({"worked": 1})))
    assert first in s.engine.instances


def _jobs(s: Scenario) -> None:
    s.start("retries")
    (job,) = s.engine.jobs(s.id)
    s.do(c.ChangeJob(instance=s.id, job=job.id, changes={"priority": 7, "due_ms": 1_767_225_700_000}))
    s.start("retries")
    (job,) = s.engine.jobs(s.id)
    s.do(c.ChangeJob(instance=s.id, job=job.id, changes={"retries": 0}))
    (incident,) = s.state.incidents
    s.do(c.AnnotateIncident(instance=s.id, incident=incident, annotation="seen"))
    s.do(c.DeleteJob(instance=s.id, job=job.id))


def main() -> None:
    """Writes the file of this release; refuses to write over one."""
    path = HERE / f"{penstock.__version__}.json"
    s = walk()
    seen = {type(event) for units in s.engine.history.values() for unit in units for event in unit.events}
    missing = sorted(cls.__name__ for cls in set(APPLIERS) - seen)
    if missing:
        raise SystemExit(f"the walk has no {', '.join(missing)}: add a step that makes one")
    if path.exists():
        raise SystemExit(f"{path.name} is there already; a release is recorded once")
    rows = [base64.b64encode(ev.pack(ev.LogRow(units))).decode() for units in s.engine.history.values()]
    instances = {id: summary(instance) for id, instance in s.engine.instances.items()}
    text = json.dumps(
        {"release": penstock.__version__, "rows": rows, "instances": instances}, ensure_ascii=False, indent=1
    )
    path.write_text(text + "\n", encoding="utf-8")
    print(f"{path.name}: {len(rows)} instances, {len(instances)} of them live, {len(text)} characters")


if __name__ == "__main__":
    main()
