"""Script tasks (BPMN 2.0.2 §10.3.3.1)."""

from penstock.engine.behavior import ElementKind, Steps
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.throwing import throw_error
from penstock.engine.unit import Run
from penstock.engine.variables import run_script, set_variable, store


class ScriptTask(ElementKind):
    """Runs its script; its value becomes `camunda:resultVariable`."""

    name = "scriptTask"

    def enter(self, run: Run, x: Execution, a: Activity) -> Steps:
        node = a.node
        assert node is not None
        if node.script is not None:
            result = yield from run_script(run, node.script, x)
            if result.bpmn_error is not None:
                yield from throw_error(run, x, *result.bpmn_error)
                return
            if node.result_variable is not None:
                set_variable(run, x, node.result_variable, store(result.value, node.result_variable))
        run.leave(x)


KIND = ScriptTask()
