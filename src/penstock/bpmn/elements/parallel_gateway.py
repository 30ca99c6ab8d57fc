"""Parallel gateways (BPMN 2.0.2 §10.6.4).

Deviation (as in Camunda 7 `ParallelGatewayActivityBehavior`): tokens are counted, not flows; two tokens on the same
incoming flow are two.
"""

from penstock.engine.behavior import ElementKind, Maybe
from penstock.engine.definition import Activity
from penstock.engine.events import PathPlaced
from penstock.engine.paths import enough_have_arrived, leave_joined, waiting_at
from penstock.engine.state import Execution, Phase
from penstock.engine.unit import Run


class ParallelGateway(ElementKind):
    """Waits for as many tokens as it has incoming flows, then takes every outgoing flow."""

    name = "parallelGateway"

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        if a.incoming <= 1:
            return leave_joined(run, x, [x], a.outgoing)
        run.emit(PathPlaced(x.id, a.id, None, Phase.JOINING))
        if not enough_have_arrived(run, x, a):
            return None
        return leave_joined(run, x, waiting_at(run, x, a), a.outgoing)


KIND = ParallelGateway()
