"""Compensation events (BPMN 2.0.2 §10.5.5.2, §13.5.5).

Deviation (as in Camunda 7 `CompensationEventHandler`): what waits in a compensation handler that is a sub-process for a
message, a signal or a condition on that sub-process gets no subscription; timers, errors and escalations work.
"""

from penstock.bpmn.trigger import EventKind
from penstock.engine.behavior import Maybe
from penstock.engine.compensation import subscriptions_for, throw
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.model.graph import TriggerKind


class Compensation(EventKind):
    """Thrown by throw and end events, which wait until every handler is done."""

    kind = TriggerKind.COMPENSATION
    start = "compensationStartEvent"
    throw_name = "intermediateCompensationThrowEvent"
    boundary = "compensationBoundaryCatch"
    end = "compensationEndEvent"
    throw_is_scope = True

    def throw(self, run: Run, x: Execution, a: Activity) -> Maybe:
        found = subscriptions_for(run, x, a)
        if found:
            throw(run, x, found)
        else:
            run.leave(x)
        return None


TRIGGER = Compensation()
