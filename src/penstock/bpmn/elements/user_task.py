"""User tasks (BPMN 2.0.2 §10.3.3.1.1)."""

from penstock.engine.behavior import ElementKind, Maybe
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.tasks import create_task
from penstock.engine.unit import Run
from penstock.model.graph import Node


class UserTask(ElementKind):
    """Waits for a person."""

    name = "userTask"

    def is_scope(self, node: Node) -> bool:
        """As Camunda 7 has it: the timer of a timeout listener is its own event scope."""
        return node.user_task is not None and any(item.timer is not None for item in node.user_task.listeners)

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        return create_task(run, x, a)


KIND = UserTask()
