"""Receive tasks (BPMN 2.0.2 §10.3.3.1)."""

from penstock.engine.behavior import ElementKind, Maybe
from penstock.engine.catching import wait_for
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.model.graph import Node


class ReceiveTask(ElementKind):
    """Waits for its message; without one, for a signal of its execution."""

    name = "receiveTask"

    def is_scope(self, node: Node) -> bool:
        return bool(node.triggers)

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        if a.event_scope is not None:
            run.leave(x)
        elif a.trigger is not None:
            wait_for(run, x, a)
        return None


KIND = ReceiveTask()
