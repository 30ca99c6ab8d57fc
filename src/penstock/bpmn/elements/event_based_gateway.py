"""Event-based gateways (BPMN 2.0.2 §10.6.6)."""

from penstock.engine.behavior import ElementKind, Maybe
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.model.graph import Node


class EventBasedGateway(ElementKind):
    """A scope that waits for the first of the events behind it; that event cancels the gateway (as in Camunda 7)."""

    name = "eventBasedGateway"

    def is_scope(self, node: Node) -> bool:
        return True

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        return None


KIND = EventBasedGateway()
