"""End events (BPMN 2.0.2 §10.5.3)."""

from typing import Any

from penstock.bpmn.triggers import TABLE
from penstock.engine.behavior import ElementKind, Maybe
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.model.graph import Node, TriggerKind


class EndEvent(ElementKind):
    """Where a path ends. Has no outgoing flows, so leaving it ends the path."""

    name = "endEvent"

    def type_of(self, node: Node) -> str:
        if node.trigger is None:
            return "noneEndEvent"
        if node.trigger.kind is TriggerKind.MESSAGE and node.trigger.implementation is None:
            return self.name
        return TABLE[node.trigger.kind].end

    def is_scope(self, node: Node) -> bool:
        if node.trigger is None:
            return False
        how = node.trigger.implementation
        return TABLE[node.trigger.kind].throw_is_scope or (how is not None and how.type == "external")

    def interrupts_flow_scope(self, a: Activity) -> bool:
        return a.trigger is not None and TABLE[a.trigger.kind].interrupts_flow_scope(a)

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


KIND = EndEvent()
