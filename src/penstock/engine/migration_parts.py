"""A live instance, taken apart for a migration: its activity instances, transitions, kept scopes and compensation
subscriptions, each with the instruction that applies to it (Camunda 7 `MigratingInstanceParser`).

Camunda's execution tree and ours agree, so a part knows its execution: of a scope activity the scope's own, else the
path that stands in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

from penstock.engine import tree
from penstock.engine.commands import MigrationInstruction
from penstock.engine.definition import Activity, Definition
from penstock.engine.events import ExecutionKind, JobKind
from penstock.engine.migration_behavior import (
    compensation_start,
    declared_subscriptions,
    declared_timers,
    event_scope,
    handler_of,
    is_compensation_boundary,
    timeouts,
)
from penstock.engine.state import Execution, Job, Phase, Subscription
from penstock.engine.unit import Run


class PartKind(Enum):
    """What a part is."""

    ACTIVITY = "activity"
    TRANSITION = "transition"
    KEPT = "kept"
    """A completed scope, kept for compensation, with the subscription that starts it."""
    COMPENSATION = "compensation"
    """A subscription for the compensation handler of one activity."""


class Part:
    """One part of the instance. `source`: None for a scope that the migration adds; `target`: None for one that it
    removes. `current`: the activity that the part belongs to at the moment."""

    __slots__ = (
        "children",
        "current",
        "emerging",
        "handler_target",
        "id",
        "instruction",
        "job",
        "kind",
        "parent",
        "removing",
        "source",
        "subscription",
        "target",
        "timeouts",
        "updating",
        "x",
    )

    def __init__(
        self,
        kind: PartKind,
        id: str,
        x: Execution,
        source: Activity | None,
        target: Activity | None,
        instruction: MigrationInstruction | None = None,
    ) -> None:
        self.kind = kind
        self.id = id
        self.x = x
        self.source = source
        self.target = target
        self.current = source if source is not None else target
        self.instruction = instruction
        self.parent: Part | None = None
        self.children: list[Part] = []
        self.job = ""
        """Of TRANSITION: the continuation."""
        self.subscription: Subscription | None = None
        """Of KEPT and COMPENSATION."""
        self.handler_target: Activity | None = None
        """What the subscription of a KEPT part belongs to in the target."""
        self.updating: list[tuple[Job | Subscription, Activity, bool]] = []
        """Timers and subscriptions that go on: (what, its target, whether it is made anew from it)."""
        self.removing: list[Job | Subscription] = []
        self.emerging: list[Activity] = []
        """Events of the target that nothing of the source waits for."""
        self.timeouts: list[str] = []
        """Timeout listeners (ids) of the target that have no timer yet."""

    def put_below(self, parent: Part | None) -> None:
        """Makes `parent` the parent."""
        if self.parent is not None:
            self.parent.children.remove(self)
        self.parent = parent
        if parent is not None:
            parent.children.append(self)

    @property
    def is_scope(self) -> bool:
        return self.kind is PartKind.ACTIVITY and self.current is not None and self.current.scope

    def own_variables(self) -> list[str]:
        """Ids of the variables of the part's own execution."""
        return [found.id for found in self.x.variables.values()]


class Parts:
    """All parts of one instance."""

    def __init__(self, run: Run, target: Definition, instructions: Sequence[MigrationInstruction]) -> None:
        self.run = run
        self.source = run.definition
        self.target = target
        self._instructions: dict[str, MigrationInstruction] = {}
        for instruction in instructions:
            self._instructions.setdefault(instruction.source or "", instruction)
        self.root = Part(PartKind.ACTIVITY, run.instance.id, run.top, self.source.root, target.root)
        self.activities: list[Part] = [self.root]
        self.transitions: list[Part] = []
        self.kept: list[Part] = []
        self.compensations: list[Part] = []
        self.jobs: dict[str, Activity | None] = {}
        """Job → where it goes; None: it is removed."""
        self._descend(run.top, self.root)
        for part in list(self.activities):
            self._events_of(part)
        for part in [part for part in self.activities if part.source is not None and part.source.scope]:
            self._compensations_of(part.x, part)

    # ------------------------------------------------------------------------------------------ instructions

    def instruction(self, activity: str | None) -> MigrationInstruction | None:
        """The instruction for instances of this activity."""
        return self._instructions.get(activity or "")

    def goes_to(self, activity: str | None) -> Activity | None:
        """The target of instances of this activity; None: there is no instruction."""
        instruction = self.instruction(activity)
        return self.target.activities.get(instruction.target or "") if instruction is not None else None

    # ------------------------------------------------------------------------------------------ activity instances

    def _descend(self, top: Execution, root: Part) -> None:
        executions = self.run.instance.executions
        todo = [(top, root)]
        while todo:
            x, scope = todo.pop()
            if x.kind is ExecutionKind.SCOPE:
                scope = self._activity(x, x.scope_activity, x.scope_instance, scope)
            self._standing(x, scope)
            todo.extend(
                (child, scope)
                for id in reversed(x.children)
                if (child := executions[id]).kind is not ExecutionKind.KEPT
            )

    def _standing(self, x: Execution, scope: Part) -> None:
        if x.activity is None:
            return
        if x.phase in (Phase.BEFORE, Phase.AFTER):
            job = self.async_job(x)
            if job is not None:
                part = self._part(PartKind.TRANSITION, x.id, x, x.activity)
                part.job = job.id
                # A scope that waits after its own end lies where its activity does.
                own = x.activity == x.scope_activity and scope.parent is not None
                part.put_below(scope.parent if own else scope)
                self.transitions.append(part)
        elif x.activity_instance is not None and x.activity_instance != scope.id:
            self._activity(x, x.activity, x.activity_instance, scope)

    def _activity(self, x: Execution, activity: str | None, id: str | None, scope: Part) -> Part:
        part = self._part(PartKind.ACTIVITY, id or x.id, x, activity)
        if scope.source is not None and tree.throws_compensation(scope.source) and scope.parent is not None:
            # A compensation handler lies beside the event that has thrown.
            scope = scope.parent
        part.put_below(scope)
        self.activities.append(part)
        return part

    def _part(self, kind: PartKind, id: str, x: Execution, activity: str | None) -> Part:
        instruction = self.instruction(activity)
        target = self.goes_to(activity)
        return Part(kind, id, x, self.run.activity_by_id(activity), target, instruction)

    def async_job(self, x: Execution) -> Job | None:
        """The asynchronous continuation that waits at `x`."""
        jobs = (self.run.instance.jobs[id] for id in x.jobs)
        return next((job for job in jobs if job.kind is JobKind.ASYNC), None)

    # ------------------------------------------------------------------------------------------ timers, subscriptions

    def _events_of(self, part: Part) -> None:
        """What waits at the part's scope: goes on, goes away, or comes anew."""
        i = self.run.instance
        subscriptions = declared_subscriptions(part.target)
        timers = declared_timers(part.target)
        listeners = list(timeouts(part.target)) if part.target is not None else []
        if part.source is not None and part.source.scope:
            for id in part.x.jobs:
                self._timer(part, i.jobs[id], timers, listeners)
            for id in part.x.subscriptions:
                self._subscription(part, i.subscriptions[id], subscriptions)
        if part.target is None:
            return
        part.emerging = [*self._new_timers(part, timers), *subscriptions.values()]
        known = {id for a in self._timeouts_mapped_to(part) for id in timeouts(a)}
        part.timeouts = [id for id in listeners if id not in known]

    def _goes_on(self, part: Part, activity: str | None) -> Activity | None:
        """Where something goes that waits at `part` for the event of `activity`, if it stays with that part."""
        target = self.goes_to(activity)
        return target if target is not None and part.target is not None and event_scope(target) is part.target else None

    def _timer(self, part: Part, job: Job, timers: dict[str, Activity], listeners: list[str]) -> None:
        if job.kind in (JobKind.ASYNC, JobKind.SIGNAL):
            return
        target = self._goes_on(part, job.activity)
        declared = target is not None
        if target is not None and job.kind is JobKind.TIMER_TASK_LISTENER:
            listener = (job.configuration or "").partition("$")[2]
            declared = listener in listeners
            if declared:
                listeners.remove(listener)
        if target is None or not declared:
            part.removing.append(job)
            self.jobs[job.id] = None
            return
        known = job.kind is JobKind.TIMER_TASK_LISTENER or timers.pop(target.id, None) is not None
        part.updating.append((job, target, known and self._updates(job.activity)))
        self.jobs[job.id] = target

    def _subscription(self, part: Part, found: Subscription, declared: dict[str, Activity]) -> None:
        if found.type == "compensate":
            return
        target = self._goes_on(part, found.activity)
        if target is None:
            part.removing.append(found)
            return
        known = declared.pop(target.id, None) is not None
        part.updating.append((found, target, known and self._updates(found.activity)))

    def _updates(self, activity: str | None) -> bool:
        instruction = self.instruction(activity)
        return instruction is not None and instruction.update_event_trigger

    def _new_timers(self, part: Part, timers: dict[str, Activity]) -> Iterator[Activity]:
        """A non-interrupting boundary timer that has fired for the last time does not begin again."""
        fired = {target.id for id in declared_timers(part.source) if (target := self.goes_to(id)) is not None}
        for timer in timers.values():
            assert timer.node is not None
            again = timer.attached_to is not None and not timer.node.interrupting and timer.id in fired
            if not again:
                yield timer

    def _timeouts_mapped_to(self, part: Part) -> Iterator[Activity]:
        if part.source is not None and part.target is not None and timeouts(part.source):
            target = self.goes_to(part.source.id)
            if target is not None and target.id == part.target.id:
                yield part.source

    # ------------------------------------------------------------------------------------------ compensation

    def _compensations_of(self, x: Execution, parent: Part) -> None:
        i = self.run.instance
        for id in list(x.subscriptions):
            found = i.subscriptions[id]
            if found.type != "compensate":
                continue
            kept = i.executions.get(found.configuration or "")
            part = self._kept(kept, found) if kept is not None else self._compensation(x, found)
            part.put_below(parent)
            if kept is not None:
                self._compensations_of(kept, part)

    def _compensation(self, x: Execution, found: Subscription) -> Part:
        handler = self.run.activity_by_id(found.activity)
        instruction = self._instruction_of_handler(handler)
        part = Part(PartKind.COMPENSATION, found.id, x, handler, self._handler_target(instruction), instruction)
        part.subscription = found
        self.compensations.append(part)
        return part

    def _kept(self, kept: Execution, found: Subscription) -> Part:
        handler = self.run.activity_by_id(found.activity)
        part = self._part(PartKind.KEPT, kept.id, kept, kept.scope_activity)
        part.subscription = found
        part.instruction = self._instruction_of_handler(handler)
        if compensation_start(handler) is not None:
            part.handler_target = self._handler_target(part.instruction)
        else:
            part.handler_target = self.goes_to(found.activity)
        self.kept.append(part)
        return part

    def _instruction_of_handler(self, handler: Activity) -> MigrationInstruction | None:
        """A handler goes where its boundary event (or the start event of its event sub-process) goes."""
        start = compensation_start(handler)
        if start is not None:
            return self.instruction(start.id)
        if handler.compensates is None:
            return self.instruction(handler.id)
        boundary = next((b for b in handler.compensates.boundary if is_compensation_boundary(b)), None)
        return self.instruction(boundary.id) if boundary is not None else None

    def _handler_target(self, instruction: MigrationInstruction | None) -> Activity | None:
        target = self.target.activities.get(instruction.target or "") if instruction is not None else None
        scope = event_scope(target) if target is not None else None
        return handler_of(scope) if scope is not None else None
