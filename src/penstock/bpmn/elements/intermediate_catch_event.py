"""Intermediate catch events (BPMN 2.0.2 §10.5.4)."""

from penstock.bpmn.triggers import TABLE
from penstock.engine.behavior import ElementKind, Maybe
from penstock.engine.catching import wait_for
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.model.graph import Node, TriggerKind


class IntermediateCatchEvent(ElementKind):
    """Waits for its trigger; behind an event-based gateway, and as the target of a link, it goes on at once."""

    name = "intermediateCatchEvent"

    def type_of(self, node: Node) -> str:
        return TABLE[node.trigger.kind].catch if node.trigger is not None else "intermediateCatchEvent"

    def is_scope(self, node: Node) -> bool:
        return node.trigger is not None and node.trigger.kind is not TriggerKind.LINK

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        if a.trigger is None or a.trigger.kind is TriggerKind.LINK or a.event_scope is not None:
            run.leave(x)
            return None
        wait_for(run, x, a)
        if a.trigger.kind is TriggerKind.CONDITIONAL:
            return run.do("evaluate_all", x)  # type: ignore[no-any-return]
        return None


KIND = IntermediateCatchEvent()
