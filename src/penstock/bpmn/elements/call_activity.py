"""Call activities (BPMN 2.0.2 §10.3.6)."""

from penstock.engine.behavior import ElementKind, Maybe
from penstock.engine.definition import Activity
from penstock.engine.instances import call
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.model.graph import Node


class CallActivity(ElementKind):
    """Starts an instance of another definition in the same unit of work and waits for its end."""

    name = "callActivity"

    def is_scope(self, node: Node) -> bool:
        # As Camunda 7 has it: each instance of a multi-instance body has a path of its own already.
        return node.loop is None

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        return call(run, x, a)


KIND = CallActivity()
