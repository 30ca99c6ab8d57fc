"""Whether an instance fits a migration plan (Camunda 7 `MigratingActivityInstanceValidator`s and the like)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from penstock.base.errors import Failure, MigrationRefused
from penstock.engine.commands import MigrationInstruction
from penstock.engine.definition import Activity, Definition
from penstock.engine.events import ExecutionKind, JobKind
from penstock.engine.migration_behavior import behavior_of, compensation_start, is_supported
from penstock.engine.migration_parts import Part, PartKind, Parts
from penstock.engine.state import Incident
from penstock.engine.unit import Run

NO_INSTRUCTION = "There is no migration instruction for this instance's activity"


class InstanceReport(msgspec.Struct, frozen=True):
    """What is wrong with one activity instance or transition instance."""

    id: str
    source: str
    instruction: MigrationInstruction | None
    failures: list[str]


def check_definition(run: Run, source: str, target: Definition) -> None:
    """Refuses an instance of another definition or tenant than the plan is for."""
    i = run.instance
    if target.tenant is not None and i.tenant != target.tenant:
        if i.tenant is not None:
            raise Failure(
                f"ENGINE-23010 Cannot migrate process instance '{i.id}' to a process definition of a different tenant "
                f"('{i.tenant}' != '{target.tenant}')"
            )
        raise Failure(
            f"ENGINE-23010 Cannot migrate process instance '{i.id}' without tenant to a process definition with a tenant "
            f"('{target.tenant}')"
        )
    if i.definition != source:
        raise Failure(
            f"ENGINE-23002 Process instance '{i.id}' cannot be migrated. Its process definition '{i.definition}' does not "
            f"match the source process definition of the migration plan '{source}'"
        )


def check_parts(run: Run, parts: Parts) -> None:
    """Refuses the migration with a report when anything of the instance does not fit."""
    left = _left_behind(run, parts)
    found = {part.id: _activity(run, part) for part in parts.activities}
    for part in (*parts.kept, *parts.compensations):
        found[_closest(part).id] += _compensation(part)
    activities = [_report(run, part, found[part.id]) for part in parts.activities if found[part.id]]
    transitions = [_report(run, part, wrong) for part in parts.transitions if (wrong := _transition(run, part))]
    if left or activities or transitions:
        text = _message(run.instance.id, left, activities, transitions)
        raise MigrationRefused(text, run.instance.id, left, activities, transitions)


def _report(run: Run, part: Part, failures: list[str]) -> InstanceReport:
    assert part.source is not None
    source = run.definition.id if part.source.is_process else part.source.id
    return InstanceReport(part.id, source, part.instruction, failures)


def _message(
    instance: str, left: list[str], activities: list[InstanceReport], transitions: list[InstanceReport]
) -> str:
    lines = [f"ENGINE-23004 Cannot migrate process instance '{instance}':\n"]
    lines += [f"\t{text}\n" for text in left]
    for kind, reports in (("activity", activities), ("transition", transitions)):
        for report in reports:
            lines.append(f"\tCannot migrate {kind} instance '{report.id}':\n")
            lines += [f"\t\t{text}\n" for text in report.failures]
    return "".join(lines)


# ------------------------------------------------------------------------------------------ activity instances


def _activity(run: Run, part: Part) -> list[str]:
    assert part.source is not None
    found = []
    if part.instruction is None and not part.children:
        found.append(NO_INSTRUCTION)
    found += _variable_conflicts(run, part)
    if not part.source.is_process and not is_supported(part.source):
        found.append("The type of the source activity is not supported for activity instance migration")
    return found


def _variable_conflicts(run: Run, part: Part) -> list[str]:
    """A scope that becomes none gives its variables to its path, which may have some of the same name."""
    assert part.source is not None
    if part.target is None or not part.source.scope or part.target.scope or part.x.parent is None:
        return []
    path = run.parent(part.x)
    if path.kind is not ExecutionKind.PATH:
        return []
    return [
        f"The variable '{name}' exists in both, this scope and concurrent local in the parent scope. "
        "Migrating to a non-scope activity would overwrite one of them."
        for name in part.x.variables
        if name in path.variables
    ]


# ------------------------------------------------------------------------------------------ compensation


def _closest(part: Part) -> Part:
    """The nearest activity instance around."""
    at = part.parent
    while at is not None and at.kind is not PartKind.ACTIVITY:
        at = at.parent
    assert at is not None
    return at


def _compensation(part: Part) -> list[str]:
    assert part.subscription is not None
    text = f"Cannot migrate subscription for compensation handler '{part.subscription.activity}'. "
    start = text + "There is no migration instruction for the compensation start event"
    if part.kind is PartKind.COMPENSATION:
        wrong = part.instruction is None
        return [text + "There is no migration instruction for the compensation boundary event"] if wrong else []
    if part.instruction is None and not part.children:
        return [start]
    by_event = part.source is not None and _triggered_by_event(part, part.source)
    return [start] if by_event and part.handler_target is None and part.children else []


def _triggered_by_event(part: Part, scope: Activity) -> bool:
    assert part.subscription is not None
    handler = next((sub for sub in scope.event_subprocesses if sub.id == part.subscription.activity), None)
    return handler is not None and compensation_start(handler) is not None


# ------------------------------------------------------------------------------------------ transition instances


def _transition(run: Run, part: Part) -> list[str]:
    found = [] if part.instruction is not None else [NO_INSTRUCTION]
    target, job = part.target, run.instance.jobs[part.job]
    if target is None:
        return found
    after = job.configuration == "async-after"
    if after and len(target.outgoing) > 1:
        found += _flow(target, job.flow)
    if after and not target.async_after:
        found.append("Target activity is not asyncAfter")
    if not after and not target.async_before:
        found.append("Target activity is not asyncBefore")
    return found


def _flow(target: Activity, flow: str | None) -> list[str]:
    if flow is None:
        return [
            "Transition instance is assigned to no sequence flow and target activity has more than one outgoing sequence flow"
        ]
    if all(out.id != flow for out in target.outgoing):
        return ["Transition instance is assigned to a sequence flow that cannot be matched in the target activity"]
    return []


# ------------------------------------------------------------------------------------------ what no part has


def _left_behind(run: Run, parts: Parts) -> list[str]:
    """What belongs to no part, and would be lost."""
    i = run.instance
    standing = {part.x.id: part for part in parts.activities}
    wait = {id for id, part in standing.items() if part.source is not None and behavior_of(part.source) in _TASKS}
    found = []
    found += _entities("tasks", (task.id for task in i.tasks.values() if task.execution not in wait))
    found += _entities("incidents", (item.id for item in i.incidents.values() if not _has_owner(run, parts, item)))
    transitions = {part.x.id for part in parts.transitions}
    found += _entities(
        "jobs",
        (
            job.id
            for job in i.jobs.values()
            if job.id not in parts.jobs and not (job.kind is JobKind.ASYNC and job.execution in transitions)
        ),
    )
    return found


_TASKS = ("UserTaskActivityBehavior",)


def _has_owner(run: Run, parts: Parts, incident: Incident) -> bool:
    if incident.configuration is not None and incident.type == "failedJob":
        return incident.configuration in run.instance.jobs
    if incident.configuration is not None and incident.type == "failedExternalTask":
        return incident.configuration in run.instance.external_tasks
    return any(part.x.id == incident.execution for part in parts.activities)


def _entities(name: str, ids: Iterable[str]) -> list[str]:
    found = list(ids)
    return [f"Process instance contains not migrated {name}: [{', '.join(found)}]"] if found else []
