"""Inclusive gateways (BPMN 2.0.2 §10.6.3).

Deviation (as in Camunda 7 `InclusiveGatewayActivityBehavior`): the join is evaluated when a token arrives, not when one
that could have come disappears.
"""

from penstock.engine import tree
from penstock.engine.behavior import ElementKind, Steps
from penstock.engine.definition import Activity
from penstock.engine.events import ExecutionKind, PathPlaced
from penstock.engine.paths import holds, leave_joined, no_flow, waiting_at
from penstock.engine.state import Execution, Phase
from penstock.engine.unit import Run


class InclusiveGateway(ElementKind):
    """Waits until no further token can come, then takes every outgoing flow whose condition holds."""

    name = "inclusiveGateway"

    def enter(self, run: Run, x: Execution, a: Activity) -> Steps:
        run.emit(PathPlaced(x.id, a.id, None, Phase.JOINING))
        joined = waiting_at(run, x, a)
        if len(joined) < a.incoming and self._more_may_come(run, x, a, joined):
            return
        flows = []
        for out in a.outgoing:
            if out is not a.default_flow and (yield from holds(run, x, out)):
                flows.append(out)
        if not flows and a.default_flow is not None:
            flows = [a.default_flow]
        if not flows:
            raise no_flow(run, x, a)
        yield from leave_joined(run, x, joined, flows)

    def _more_may_come(self, run: Run, x: Execution, a: Activity, joined: list[Execution]) -> bool:
        here = {at.id for at in joined}
        todo = [tree.scope_of(run, x)]
        while todo:
            at = todo.pop()
            children = tree.live_children(run, at)
            todo += children
            if children or at.id in here or at.kind is ExecutionKind.KEPT:
                continue
            flow = run.definition.flows.get(at.flow or "")
            source = flow.target if flow is not None else run.activity(at)
            if not source.is_process and run.definition.can_reach(source, a):
                return True
        return False


KIND = InclusiveGateway()
