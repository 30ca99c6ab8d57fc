"""Exclusive gateways (BPMN 2.0.2 §10.6.2)."""

from penstock.engine.behavior import ElementKind, Steps
from penstock.engine.definition import Activity
from penstock.engine.paths import end_path, holds, leave_by, no_flow
from penstock.engine.state import Execution
from penstock.engine.unit import Run


class ExclusiveGateway(ElementKind):
    """Takes the first flow whose condition holds, else the default flow."""

    name = "exclusiveGateway"

    def enter(self, run: Run, x: Execution, a: Activity) -> Steps:
        chosen = None
        for out in a.outgoing:
            if out is not a.default_flow and (yield from holds(run, x, out)):
                chosen = out
                break
        chosen = chosen or a.default_flow
        if chosen is None and a.outgoing:
            raise no_flow(run, x, a)
        steps = leave_by(run, x, (chosen,)) if chosen is not None else end_path(run, x, True)
        if steps is not None:
            yield from steps


KIND = ExclusiveGateway()
