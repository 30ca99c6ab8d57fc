"""One instance that moves from a first version of a process to a second, told in the words of their models."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from bpmn.scenario import Scenario, flow_elements, model, typed
from penstock.base.errors import MigrationPlanInvalid, MigrationRefused
from penstock.engine import commands as c
from penstock.engine import migration_plan
from penstock.engine.definition import Definition
from penstock.engine.events import ExecutionKind
from penstock.engine.state import Execution, Instance

MESSAGES = '<message id="msg" name="M"/><message id="note" name="N"/><signal id="sig" name="S"/>'
TIMER = "<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>"
MESSAGE = '<messageEventDefinition messageRef="msg"/>'
SIGNAL = '<signalEventDefinition signalRef="sig"/>'
CONDITION = "<conditionalEventDefinition><condition>${go}</condition></conditionalEventDefinition>"
PARALLEL = "<multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality></multiInstanceLoopCharacteristics>"
SEQUENTIAL = PARALLEL.replace("Characteristics>", 'Characteristics isSequential="true">', 1)


def linear(*nodes: str, roots: str = MESSAGES) -> str:
    """Start, the nodes in a row, end. What has an `attachedToRef` stands beside."""
    flows = _row("start", nodes, "end")
    return model(f'<startEvent id="start"/>{"".join(nodes)}<endEvent id="end"/>', flows=flows, roots=roots)


def _row(first: str, nodes: Sequence[str], *last: str) -> str:
    beside = ("attachedToRef", "triggeredByEvent")
    ids = [
        node.split('id="')[1].split('"')[0] for node in nodes if not any(word in node.split(">")[0] for word in beside)
    ]
    return ", ".join(f"{a} {b}" for a, b in itertools.pairwise([first, *ids, *last]))


def task(id: str, inside: str = "") -> str:
    return f'<userTask id="{id}">{inside}</userTask>'


def sub(id: str, *nodes: str, inside: str = "", handlers: str = "") -> str:
    flows = flow_elements(_row(f"{id}_in", nodes, f"{id}_out"))
    return (
        f'<subProcess id="{id}">{inside}<startEvent id="{id}_in"/>{"".join(nodes)}<endEvent id="{id}_out"/>'
        f"{flows}{handlers}</subProcess>"
    )


def boundary(id: str, on: str, how: str, *, interrupts: bool = True) -> str:
    """A boundary event that leads nowhere."""
    cancel = "true" if interrupts else "false"
    return f'<boundaryEvent id="{id}" attachedToRef="{on}" cancelActivity="{cancel}">{how}</boundaryEvent>'


def handler(id: str, how: str, *nodes: str, interrupts: bool = True) -> str:
    """An event sub-process."""
    flows = flow_elements(_row(f"{id}_on", nodes))
    start = f'<startEvent id="{id}_on" isInterrupting="{"true" if interrupts else "false"}">{how}</startEvent>'
    return f'<subProcess id="{id}" triggeredByEvent="true">{start}{"".join(nodes)}{flows}</subProcess>'


class Migration(Scenario):
    """`plan` is like `a, sub b, timer! timer`: a → a, sub → b, timer → timer with its trigger updated."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__(before)
        self.source: Definition = self.engine.latest(self.key)
        (self.target,) = self.engine.deploy(after)

    def start(self, key: str | None = None, **variables: Any) -> Migration:
        """Starts an instance of the first version."""
        assert key is None
        command = c.StartInstance(definition=self.source.id, variables=typed(variables))
        self.id = self.engine.execute(command)
        return self

    def plan(self, plan: str) -> tuple[c.MigrationInstruction, ...]:
        """The instructions that `plan` says."""
        found = []
        for part in filter(None, (part.strip() for part in plan.split(","))):
            source, *rest = part.split()
            update = source.endswith("!")
            source = source.removesuffix("!")
            found.append(
                c.MigrationInstruction(source=source, target=rest[0] if rest else source, update_event_trigger=update)
            )
        return tuple(found)

    def generated(self, *, update: bool = False) -> list[str]:
        """The generated plan in the same words, sorted."""
        found = migration_plan.generate(self.source, self.target, update_event_triggers=update)
        return sorted(_word(item) for item in found)

    def failures(self, plan: str, **variables: Any) -> dict[str, list[str]]:
        """What is wrong with a plan, per instruction and variable."""
        with pytest.raises(MigrationPlanInvalid) as refused:
            migration_plan.check(self.source, self.target, self.plan(plan), typed(variables))
        reports = {_word(instruction): list(wrong) for instruction, wrong in refused.value.instructions}
        return {**reports, **refused.value.variables}

    def check(self, plan: str) -> None:
        """Raises what is wrong with a plan."""
        migration_plan.check(self.source, self.target, self.plan(plan), {})

    def migrate(self, plan: str | None = None, *, check: bool = True, **more: Any) -> Migration:
        """Migrates the instance; None: by the generated plan."""
        if plan is None:
            found: Sequence[c.MigrationInstruction] = migration_plan.generate(
                self.source, self.target, update_event_triggers=False
            )
        else:
            found = self.plan(plan)
        if check:
            migration_plan.check(self.source, self.target, found, more.get("variables", {}))
        self.do(
            c.MigrateInstance(
                instance=self.id, source=self.source.id, target=self.target.id, instructions=tuple(found), **more
            )
        )
        return self

    def refused(self, plan: str) -> MigrationRefused:
        """Migrates, which is refused and changes nothing."""
        before = len(self.engine.history[self.id])
        with pytest.raises(MigrationRefused) as refused:
            self.migrate(plan)
        assert len(self.engine.history[self.id]) == before
        assert self.state.definition == self.source.id
        return refused.value

    def tree(self) -> str:
        """The scopes and where the tokens are: `p(sub(x y) b)`."""
        return _tree(self.state, self.state.executions[self.id], self.key)

    def ids(self) -> dict[str, str]:
        """Activity → activity instance, of everything that lives."""
        found = {}
        for x in self.state.executions.values():
            if x.kind is ExecutionKind.SCOPE and x.scope_activity and x.scope_instance:
                found[x.scope_activity] = x.scope_instance
            if x.activity is not None and x.activity_instance is not None:
                found[x.activity] = x.activity_instance
        return found


def _word(instruction: Any) -> str:
    mark = "!" if instruction.update_event_trigger else ""
    target = "" if instruction.source == instruction.target else f" {instruction.target}"
    return f"{instruction.source}{mark}{target}"


def _tree(i: Instance, top: Execution, name: str) -> str:
    inside: list[str] = []
    todo = [top]
    while todo:
        x = todo.pop(0)
        below = [i.executions[id] for id in x.children]
        live = [child for child in below if child.kind is not ExecutionKind.KEPT]
        if x.activity is not None and not live and x.activity != name:
            inside.append(x.activity)
        for child in below:
            if child.kind is ExecutionKind.SCOPE:
                inside.append(_tree(i, child, child.scope_activity or ""))
            elif child.kind is ExecutionKind.KEPT:
                inside.append(f"~{child.scope_activity}")
            else:
                todo.append(child)
    return f"{name}({' '.join(sorted(inside))})" if inside else name
