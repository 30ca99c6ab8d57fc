"""Intermediate throw events (BPMN 2.0.2 §10.5.4)."""

from typing import Any

from penstock.bpmn.triggers import TABLE
from penstock.engine.behavior import ElementKind, Maybe
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.model.graph import Node, TriggerKind


class IntermediateThrowEvent(ElementKind):
    """Throws what its trigger says, or nothing."""

    name = "intermediateThrowEvent"

    def type_of(self, node: Node) -> str:
        trigger = node.trigger
        if trigger is None or (trigger.kind is TriggerKind.MESSAGE and trigger.implementation is None):
            return "intermediateNoneThrowEvent"
        return TABLE[trigger.kind].throw_name

    def is_scope(self, node: Node) -> bool:
        if node.trigger is None:
            return False
        how = node.trigger.implementation
        return TABLE[node.trigger.kind].throw_is_scope or (how is not None and how.type == "external")

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        if a.trigger is None:
            run.leave(x)
            return None
        return TABLE[a.trigger.kind].throw(run, x, a)

    def signal(self, run: Run, x: Execution, a: Activity, name: str | None, payload: Any) -> Maybe:
        if a.trigger is None:
            run.leave(x)
            return None
        return TABLE[a.trigger.kind].signal(run, x, a, name)


KIND = IntermediateThrowEvent()
