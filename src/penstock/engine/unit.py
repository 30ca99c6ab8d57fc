"""A unit of work: one command and all that follows from it, over every process instance that it touches.

`Unit` collects events; `Run` is one process instance within it. The work still to be done is a stack of operations:
what is pushed last is done first, so branches of a fork run one after another, each until it waits, in the order of
their sequence flows (as Camunda 7's command invocation does).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from penstock.base.errors import BoundExceeded, EntitySuspended, Failure
from penstock.base.ids import Ids
from penstock.engine.apply import apply
from penstock.engine.behavior import Steps
from penstock.engine.definition import Activity, Definition
from penstock.engine.events import (
    AnyEvent,
    InstanceEvents,
    InstanceStarted,
    InstanceState,
    OperationLogged,
    TraceCarried,
    VariableSet,
)
from penstock.engine.questions import Pause
from penstock.engine.state import Execution, Instance
from penstock.engine.touched import Touched
from penstock.engine.trace import locate
from penstock.expr.host import HostObject

Operation = Callable[..., Any]

OPERATIONS: dict[str, Operation] = {}
"""Operations that lower modules of the core hand control to, by name: the core's modules form no import cycle."""


_F = TypeVar("_F", bound=Operation)


def operation(function: _F) -> _F:
    """Registers an operation under its name."""
    OPERATIONS[function.__name__] = function
    return function


Change = tuple["Run", Execution, str, str]
"""A variable that has changed: (instance, scope, name, create | update | delete)."""

PAUSE_EVERY = 100
"""Transitions after which a unit lets others run: a few milliseconds of work."""

EVENTS_MAX = 2**20
"""Most events of one unit: the views number them within it."""


class Unit:
    """One unit of work. `now_ms` and `ids` are all it knows of the outside."""

    def __init__(
        self,
        *,
        now_ms: int,
        ids: Ids,
        default_retries: int = 3,
        steps_max: int = 1_000_000,
        paths_max: int = 100_000,
        calls_max: int = 1_000,
        user: str | None = None,
        trace: str | None = None,
        logs_operations: bool = False,
    ) -> None:
        self.now_ms = now_ms
        self.ids = ids
        self.default_retries = default_retries
        self.steps_max = steps_max
        self.paths_max = paths_max
        self.calls_max = calls_max
        self.user = user
        self.trace = trace
        """`traceparent` of the span that this unit is; None: it is not traced."""
        self.logs_operations = logs_operations
        """Whether what the command does is written to the operation log."""
        self.runs: dict[str, Run] = {}
        self.called_state = InstanceState.INTERNALLY_TERMINATED
        """State in which called instances end when their call activity is canceled."""
        self.steps = 0
        self.changes: list[Change] = []
        """Variables that have changed since the last operation, where conditional events may be waiting for them."""
        self._stack: list[tuple[Operation, Run, Execution | None, tuple[Any, ...]]] = []

    def adopt(self, instance: Instance, definition: Definition | None, *, large: bool = False) -> Run:
        """Makes a live instance (or a new one) part of this unit. `large`: it is stored in chunks, so what is touched
        is noted."""
        run = self.runs.get(instance.id)
        if run is None:
            kind: type[Run]
            if large:
                kind = LargeRun if self.trace is None else TracedLargeRun
            else:
                kind = Run if self.trace is None else TracedRun
            run = self.runs[instance.id] = kind(self, instance, definition)
        return run

    def outcome(self) -> list[InstanceEvents]:
        """What happened, per instance that changed; sets the instances' new revisions. Call it once, at the end."""
        found = []
        for run in self.runs.values():
            if run.transient:
                run.forget_transient()
            if run.events or run.logged:
                found.append(run.happened())
                run.instance.revision += 1
        return found

    def push(self, operation: Operation | str, run: Run, x: Execution | None, *args: Any) -> None:
        """Has `operation(run, x, *args)` done before everything that was pushed earlier."""
        if isinstance(operation, str):
            operation = OPERATIONS[operation]
        self._stack.append((operation, run, x, args))

    def work(self) -> Steps:
        """Does what is on the stack until every token waits. A failure is told where it happened."""
        run: Run | None = None
        x: Execution | None = None
        try:
            stack = self._stack
            while stack or self.changes:
                if self.changes:
                    self._look_at_changes()
                operation, run, x, args = stack.pop()
                if x is not None and run.replaced:
                    while (into := run.replaced.get(x.id)) is not None:
                        x = into
                if x is not None and run.instance.executions.get(x.id) is not x:
                    # Something in this unit has canceled the path meanwhile.
                    continue
                steps = operation(run, x, *args)
                if steps is not None:
                    yield from steps
                self.steps += 1
                if self.steps % PAUSE_EVERY == 0:
                    self._check_bound(run)
                    yield Pause()
        except Failure as failure:
            if run is not None:
                locate(failure, run, x)
            raise

    def _check_bound(self, run: Run) -> None:
        if self.steps > self.steps_max:
            raise BoundExceeded(
                f"The unit of work made more than {self.steps_max} steps without reaching a wait state: "
                "is there a loop without a wait? (setting steps_per_unit_max)",
                instance=run.instance.id,
            )

    def hold_changes(self) -> list[Change]:
        """Takes the changes that nobody has looked at yet; who holds them gives them back to `changes`."""
        held, self.changes = self.changes, []
        return held

    def _look_at_changes(self) -> None:
        """Conditional events come before whatever follows the change, in the order of the changes (Camunda 7
        `PvmExecutionImpl.dispatchDelayedEventsAndPerformOperation`)."""
        for run, x, name, how in reversed(self.changes):
            self.push("variable_changed", run, x, name, how)
        self.changes.clear()


class Run:
    """One process instance within a unit: its state, its definition, and what happened to it."""

    __slots__ = (
        "_suffix",
        "decision_results",
        "definition",
        "depth",
        "events",
        "instance",
        "logged",
        "operation",
        "replaced",
        "skip_io_mappings",
        "skip_listeners",
        "starting",
        "transient",
        "unit",
    )

    def __init__(self, unit: Unit, instance: Instance, definition: Definition | None) -> None:
        self.unit = unit
        self.instance = instance
        self._definition(definition)
        self.events: list[AnyEvent] = []
        """What has happened since the last part was taken out."""
        self.logged = 0
        """How many events were taken out of a long unit, in parts (`take_part`)."""
        self.operation: str | None = None
        """The operation that an earlier part has logged."""
        self.replaced: dict[str, Execution] = {}
        """Paths that were folded into their scope, or expanded out of it, while operations were still to be done."""
        self.depth = 0
        """How many calls of this unit lie above this instance."""
        self.decision_results: dict[str, HostObject] = {}
        """What business rule tasks of this unit have found, by execution: `decisionResult` in expressions."""
        self.transient = False
        """Whether a transient variable was set: they live to the end of the unit and leave no trace."""
        self.skip_listeners = False
        self.skip_io_mappings = False
        self.starting: str | None = None
        """The scope (execution id) whose input mappings and start listeners are at work, before anything inside begins."""
        self._suffix = instance.root[-3:]

    def _definition(self, definition: Definition | None) -> None:
        self.definition: Definition = definition  # type: ignore[assignment]  # standalone tasks have none and never ask

    def emit(self, event: AnyEvent) -> None:
        """Something has happened: it is logged and the state follows."""
        self.events.append(event)
        if type(event) is VariableSet and event.value.transient:
            self.transient = True
        apply(self.instance, event, self.unit.now_ms)

    def happened(self, *, goes_on: bool = False) -> InstanceEvents:
        """What has happened since the last part, as it is logged."""
        i = self.instance
        return InstanceEvents(
            instance=i.id,
            root=i.root,
            revision=i.revision + 1,
            at_ms=self.unit.now_ms,
            definition=i.definition,
            events=self.events,
            tenant=i.tenant,
            suspended=i.suspended,
            first=self.logged,
            operation=self.operation,
            goes_on=goes_on,
        )

    def take_part(self) -> InstanceEvents:
        """Takes what has happened so far out of a unit that is still under way. Raises BoundExceeded."""
        if self.transient:
            self._forget_transient_events()
        part = self.happened(goes_on=True)
        self.logged += len(self.events)
        if self.logged > EVENTS_MAX:
            raise BoundExceeded(
                f"The unit of work made more than {EVENTS_MAX} events without reaching a wait state: is there a loop without"
                " a wait?",
                instance=self.instance.id,
            )
        logged = [event.operation for event in self.events if type(event) is OperationLogged]
        self.operation = logged[-1] if logged else self.operation
        self.events = []
        return part

    def _forget_transient_events(self) -> None:
        self.events = [e for e in self.events if not (isinstance(e, VariableSet) and e.value.transient)]

    def forget_transient(self) -> None:
        """Takes transient variables out of the state and of what is logged."""
        self._forget_transient_events()
        scopes = [x.variables for x in self.instance.executions.values()]
        for variables in (*scopes, *(task.variables for task in self.instance.tasks.values())):
            for name in [name for name, found in variables.items() if found.value.transient]:
                del variables[name]

    def new_id(self) -> str:
        """A new id that carries the shard of this instance's root."""
        return self.unit.ids.new()[:-3] + self._suffix

    def instance_id_of(self, activity: str) -> str:
        """A new activity instance id: `activity:uuid`, or the uuid alone where that is longer than 64 characters
        (Camunda 7 `PvmExecutionImpl.generateActivityInstanceId`)."""
        new = self.new_id()
        return f"{activity}:{new}" if len(activity) + 37 <= 64 else new

    def push(self, operation: Operation | str, x: Execution | None, *args: Any) -> None:
        """See `Unit.push`."""
        self.unit.push(operation, self, x, *args)

    def do(self, operation: str, *args: Any) -> Any:
        """Calls a registered operation at once and returns what it returns (steps, for one that asks questions)."""
        return OPERATIONS[operation](self, *args)

    def activity(self, x: Execution) -> Activity:
        """Where `x` stands."""
        return self.activity_by_id(x.activity)

    def activity_by_id(self, activity: str | None) -> Activity:
        """The activity with this id, or the process itself."""
        found = self.definition.activities.get(activity or "")
        return found if found is not None else self.definition.root

    def parent(self, x: Execution) -> Execution:
        """The parent; `x` is not the instance."""
        assert x.parent is not None
        return self.instance.executions[x.parent]

    @property
    def top(self) -> Execution:
        """The instance's own execution."""
        return self.instance.executions[self.instance.id]

    def leave(self, x: Execution) -> None:
        """The activity in which `x` is has done its work."""
        self.push("leave_instance", x, x.activity_instance)

    def changed(self, x: Execution, name: str, how: str) -> None:
        """A variable in the scope of `x` has changed (create, update, delete): conditional events may wait for that."""
        if self.definition.conditional:
            self.unit.changes.append((self, x, name, how))

    def check_active(self) -> None:
        """Raises EntitySuspended: nothing begins or ends in a suspended instance, whoever sets it going (Camunda 7
        `ExecutionEntity.ensureNotSuspended`)."""
        if self.instance.suspended:
            raise EntitySuspended(f"ENGINE-03043 Execution with id '{self.instance.id}' is suspended.")


class LargeRun(Run):
    """A run of an instance that is stored in chunks."""

    __slots__ = ("touched",)

    def __init__(self, unit: Unit, instance: Instance, definition: Definition | None) -> None:
        super().__init__(unit, instance, definition)
        self.touched = Touched()

    def emit(self, event: AnyEvent) -> None:
        """See `Run.emit`."""
        self.touched.note(self.instance, event)
        super().emit(event)


class TracedRun(Run):
    """A run of a traced unit: the instance carries the unit's span from its first change on."""

    __slots__ = ()

    def emit(self, event: AnyEvent) -> None:
        """See `Run.emit`."""
        first = not self.events and not self.logged
        starts = type(event) is InstanceStarted
        if first and not starts:
            self._carry()
        super().emit(event)
        if first and starts:
            self._carry()

    def _carry(self) -> None:
        assert self.unit.trace is not None
        super().emit(TraceCarried(self.unit.trace))


class TracedLargeRun(TracedRun, LargeRun):
    """Both."""

    __slots__ = ()
