"""Start events (BPMN 2.0.2 §10.5.2)."""

from penstock.bpmn.triggers import TABLE
from penstock.engine.behavior import ElementKind
from penstock.model.graph import Node


class StartEvent(ElementKind):
    """Where a process or sub-process begins; whatever triggered it, it goes on at once."""

    name = "startEvent"

    def type_of(self, node: Node) -> str:
        return TABLE[node.trigger.kind].start if node.trigger is not None else "startEvent"


KIND = StartEvent()
