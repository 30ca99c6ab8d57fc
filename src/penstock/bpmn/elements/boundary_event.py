"""Boundary events (BPMN 2.0.2 §10.5.4): knows nothing of triggers; when it is entered, its event has come."""

from penstock.bpmn.triggers import TABLE
from penstock.engine.behavior import ElementKind
from penstock.model.graph import Node


class BoundaryEvent(ElementKind):
    """Goes on at once."""

    name = "boundaryEvent"

    def type_of(self, node: Node) -> str:
        return TABLE[node.trigger.kind].boundary if node.trigger is not None else "boundaryEvent"


KIND = BoundaryEvent()
