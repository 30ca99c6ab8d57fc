"""User tasks (BPMN 2.0.2 §10.3.3.1.1)."""

from penstock.engine.behavior import ElementKind, Maybe
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.tasks import create_task
from penstock.engine.unit import Run


class UserTask(ElementKind):
    """Waits for a person."""

    name = "userTask"

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        return create_task(run, x, a)


KIND = UserTask()
