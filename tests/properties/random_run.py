"""A random walk through a process: whatever may be done to it is listed, one thing is chosen and done, all is checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from invariants import OPERATOR_INCIDENT, Ledger, check_compensation_order
from random_process import ERRORS, SIGNALS, VARIABLES, Model

from penstock.base.errors import Failure, Refused
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine.delegates import DelegateResult
from penstock.engine.state import Instance, Subscription
from penstock.expr.values import from_native
from penstock.testing.engine import Engine

Draw = Callable[[int], int]
"""A number from 0 up to, not including, the given one."""

DRAIN_MAX = 400
"""Steps after which an instance that only goes forward must have ended. Models are small; loops have three rounds."""


@dataclass(frozen=True)
class Action:
    """Something that can be done now. `forward`: it brings the process nearer to its end. `irregular`: afterwards the
    process may stand for ever (a join that waits for a token that is gone)."""

    label: str
    commands: tuple[c.Command, ...]
    forward: bool = False
    irregular: bool = False
    due_ms: int | None = None
    fails: bool = False


class Run:
    """One model, one engine, one root instance."""

    def __init__(self, model: Model, draw: Draw) -> None:
        self.draw = draw
        xml, self.written = model.xml()
        self.engine = Engine(checked=True)
        self.engine.delegates["work"] = self.engine.delegates["${work}"] = self._work
        self.engine.deploy(xml)
        self.failing = False
        self.irregular = False
        self.ids: set[str] = set()
        self.ledgers: dict[str, Ledger] = {}
        self.units: list[ev.InstanceEvents] = []
        self.trace: list[str] = []
        self._read: dict[str, int] = {}

    def _work(self, question: Any) -> DelegateResult:
        if self.failing:
            raise Failure("the delegate is out of order", element_id=question.element)
        return DelegateResult(variables={"x3": 2})

    # ------------------------------------------------------------------------------------------ doing

    def start(self) -> None:
        """Starts the root instance."""
        values = {name: self.draw(4) for name in VARIABLES} | dict.fromkeys(self.written.counters, 0)
        typed = {name: from_native(value) for name, value in values.items()}
        start = c.StartInstance(definition=self.engine.latest("main").id, business_key="B", variables=typed)
        self._execute(Action("start", (start,)))

    def walk(self, steps: int) -> None:
        """Does `steps` random things; every second one goes forward, so that operators are not all that happens."""
        for number in range(steps):
            actions = self.actions()
            if number % 2:
                actions = [action for action in actions if action.forward] or actions
            if not actions:
                return
            self.perform(actions[self.draw(len(actions))])

    def drain(self) -> None:
        """Goes forward until nothing is live. An instance that cannot, though nothing irregular was done, is a defect."""
        for live in list(self.engine.instances.values()):
            if live.suspended:
                self._execute(Action("activate", (c.SetSuspension(instance=live.id, suspended=False),)))
        for _ in range(DRAIN_MAX):
            actions = [a for a in self.actions() if a.forward]
            if not actions:
                break
            # Timers last: they would fire over and over while somebody works.
            actions.sort(key=lambda action: action.due_ms or 0)
            self.perform(actions[0])
        left = list(self.engine.instances)
        assert not left or self.irregular, f"{left} cannot go on: {[self.engine.instances[i] for i in left]}"
        for id in left:
            if id in self.engine.instances and self.engine.instances[id].super_instance is None:
                self._execute(Action("delete", (c.DeleteInstance(instance=id, reason="left over"),)))
        assert not self.engine.instances, f"not deleted: {list(self.engine.instances)}"

    def perform(self, action: Action) -> None:
        """Does one thing; being refused is fine, as long as nothing has changed."""
        if action.due_ms is not None:
            self._wait_until(action.due_ms)
        self.irregular |= action.irregular
        self._execute(action)

    def _wait_until(self, due_ms: int) -> None:
        """One millisecond more: as in Camunda, the last time of a cycle comes again for as long as it is now."""
        self.engine.clock.advance_ms(max(0, due_ms + 1 - self.engine.clock.now_ms()))

    def _execute(self, action: Action) -> None:
        self.trace.append(action.label)
        self.failing = action.fails
        for command in action.commands:
            before = {id: len(units) for id, units in self.engine.history.items()}
            try:
                self.engine.execute(command)
            except (Refused, Failure) as error:
                self.trace.append(f"  refused: {type(error).__name__}: {error}")
                if not isinstance(command, c.ExecuteJob):
                    after = {id: len(units) for id, units in self.engine.history.items()}
                    assert after == before, "a unit that failed has left events"
        self.failing = False
        self._check()

    def _check(self) -> None:
        for id, units in self.engine.history.items():
            ledger = self.ledgers.setdefault(id, Ledger(id))
            for unit in units[self._read.get(id, 0) :]:
                order = list(ledger.ended_order)
                ledger.read(unit, self.ids)
                check_compensation_order(unit, order, self.written.handlers)
                self.units.append(unit)
            self._read[id] = len(units)
            if ledger.ended:
                assert id not in self.engine.instances
                ledger.check_end()
            else:
                ledger.check(self.engine.instances[id])

    # ------------------------------------------------------------------------------------------ what can be done

    def actions(self) -> list[Action]:
        """Everything that can be done to what is live, in a fixed order."""
        found: list[Action] = []
        for id in sorted(self.engine.instances):
            live = self.engine.instances[id]
            found += self._external(live)
            found += self._tasks(live)
            found += self._jobs(live)
            found += self._subscriptions(live)
            found += self._operator(live)
        for name in SIGNALS:
            waiting = [
                (live.id, s)
                for live in self.engine.instances.values()
                for s in live.subscriptions.values()
                if s.type == "signal" and s.name == name
            ]
            if waiting:
                broadcast = c.BroadcastSignal(name=name, receivers=tuple((id, s.id) for id, s in waiting))
                forward = any(_is_way_on(s) for _, s in waiting)
                found.append(Action(f"signal {name}", (broadcast,), forward=forward))
        return found

    def _values(self) -> dict[str, Any]:
        return {VARIABLES[self.draw(len(VARIABLES))]: from_native(self.draw(4))}

    def _external(self, live: Instance) -> list[Action]:
        found = []
        for id, task in live.external_tasks.items():
            where = f"{task.activity} {id[:8]}"
            key: dict[str, Any] = {"instance": live.id, "external_task": id, "worker": "w"}
            one: dict[str, Any] = {"instance": live.id, "external_task": id}
            found.append(
                Action(
                    f"complete external {where}",
                    (
                        c.CompleteExternalTask(
                            **key, variables={"x1": from_native(1)}, local_variables={"l": from_native(2)}
                        ),
                    ),
                    forward=True,
                )
            )
            for retries in (0, 2):
                fail = c.FailExternalTask(**key, error_message="no", retries=retries, variables={"x2": from_native(3)})
                found.append(Action(f"fail external {where} {retries}", (fail,)))
                found.append(
                    Action(
                        f"retries of external {where} {retries}", (c.SetExternalTaskRetries(**one, retries=retries),)
                    )
                )
            for code in (*ERRORS, "E9"):
                throw = c.ThrowExternalTaskError(**key, error_code=code, variables={"x2": from_native(1)})
                found.append(Action(f"error {code} in external {where}", (throw,), irregular=True))
        return found

    def _tasks(self, live: Instance) -> list[Action]:
        found = []
        for id, task in live.tasks.items():
            key: dict[str, Any] = {"instance": live.id, "task": id}
            where = f"{task.key} {id[:8]}"
            complete = c.CompleteTask(**key, variables={"x3": from_native(1)})
            found.append(Action(f"complete task {where}", (complete,), forward=True))
            claim = c.ChangeTask(**key, operation="claim", changes={"assignee": "a"})
            found.append(Action(f"claim task {where}", (claim,)))
            local = c.SetVariables(**key, modifications={"t": from_native("local")}, local=True)
            found.append(Action(f"local variable of task {where}", (local,)))
            for code in ERRORS:
                error = c.ThrowTaskError(**key, error_code=code, error_message="m")
                found.append(Action(f"error {code} in task {where}", (error,), irregular=True))
            escalation = c.ThrowTaskEscalation(**key, escalation_code="X1")
            found.append(Action(f"escalation in task {where}", (escalation,), irregular=True))
        return found

    def _jobs(self, live: Instance) -> list[Action]:
        found = []
        for id, job in live.jobs.items():
            execute = c.ExecuteJob(instance=live.id, job=id)
            where = f"{job.kind.value} {job.activity} {id[:8]}"
            found.append(Action(f"execute {where}", (execute,), forward=True, due_ms=job.due_ms))
            found.append(Action(f"fail {where}", (execute,), due_ms=job.due_ms, fails=True))
            for retries in (0, 1):
                change = c.ChangeJob(instance=live.id, job=id, changes={"retries": retries})
                found.append(Action(f"retries of {where} {retries}", (change,)))
            if job.due_ms is not None:
                found.append(Action(f"recalculate {where}", (c.RecalculateJob(instance=live.id, job=id),)))
                found.append(Action(f"delete {where}", (c.DeleteJob(instance=live.id, job=id),), irregular=True))
        return found

    def _subscriptions(self, live: Instance) -> list[Action]:
        found = []
        for s in live.subscriptions.values():
            if s.type == "message" and s.name is not None:
                message = c.TriggerMessage(
                    instance=live.id, execution=s.execution, name=s.name, variables={"x0": from_native(2)}
                )
                found.append(Action(f"message {s.name}", (message,), forward=_is_way_on(s)))
            elif s.type == "signal" and s.name is not None:
                signal = c.TriggerSignal(instance=live.id, execution=s.execution, subscription=s.id, name=s.name)
                found.append(Action(f"signal {s.name} to {s.id[:8]}", (signal,), forward=_is_way_on(s)))
        for x in live.executions.values():
            if x.activity is not None and x.activity.startswith("receive"):
                found.append(
                    Action(f"signal execution at {x.activity}", (c.SignalExecution(instance=live.id, execution=x.id),))
                )
        return found

    def _operator(self, live: Instance) -> list[Action]:
        """What only operators do: one thing of each sort, so that they do not crowd out the others."""
        key = live.id
        found = [
            Action(f"suspend {not live.suspended}", (c.SetSuspension(instance=key, suspended=not live.suspended),)),
        ]
        executions = [x for x in live.executions.values() if x.kind is not ev.ExecutionKind.KEPT]
        x = executions[self.draw(len(executions))]
        for local in (False, True):
            set_ = c.SetVariables(
                instance=key,
                execution=x.id,
                modifications={"x1": from_native(self.draw(4)), "y": from_native("y")},
                local=local,
            )
            found.append(Action(f"set variables at {x.id[:8]} local={local}", (set_,)))
        remove = c.SetVariables(instance=key, execution=x.id, deletions=("y",))
        found.append(Action(f"remove variable at {x.id[:8]}", (remove,)))
        create = c.CreateIncident(instance=key, execution=x.id, type=OPERATOR_INCIDENT, configuration="c", message="m")
        found.append(Action("create incident", (create,)))
        for incident in live.incidents.values():
            if incident.type == OPERATOR_INCIDENT:
                found.append(Action("resolve incident", (c.ResolveIncident(instance=key, incident=incident.id),)))
        found += self._modifications(live)
        if self.draw(4) == 0:
            found.append(Action("delete instance", (c.DeleteInstance(instance=key, reason="r"),), irregular=True))
        return found

    def _modifications(self, live: Instance) -> Sequence[Action]:
        assert live.definition is not None
        definition = self.engine.definitions[live.definition]
        activities = sorted(
            id for id, a in definition.activities.items() if a.node is not None and id != definition.key
        )
        activity = activities[self.draw(len(activities))]
        kind = ("startBeforeActivity", "startAfterActivity", "cancel")[self.draw(3)]
        instructions = (c.StartInstruction(type=kind, activity=activity),)
        modify = Action(
            f"{kind} {activity}", (c.ModifyInstance(instance=live.id, instructions=instructions),), irregular=True
        )
        return (modify,)


def _is_way_on(s: Subscription) -> bool:
    """Not a boundary event: one that does not interrupt could be triggered for ever."""
    return not s.activity.startswith("boundary")


def run_of(model: Model, draw: Draw, steps: int) -> Run:
    """Starts, walks and drains `model`; every failure says what was done."""
    run = Run(model, draw)
    try:
        run.start()
        run.walk(steps)
        run.drain()
    except Exception as error:
        error.add_note("\n".join(["what was done:", *run.trace]))
        raise
    return run


__all__ = ["Action", "Run", "run_of"]
