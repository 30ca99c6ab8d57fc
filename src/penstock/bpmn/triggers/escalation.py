"""Escalation events (BPMN 2.0.2 §10.5.5.4)."""

from penstock.bpmn.trigger import EventKind
from penstock.engine.behavior import Steps
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.throwing import throw_escalation
from penstock.engine.unit import Run
from penstock.model.graph import TriggerKind


class Escalation(EventKind):
    """Thrown by throw and end events; what is not interrupted by it goes on."""

    kind = TriggerKind.ESCALATION
    start = "escalationStartEvent"
    throw_name = "intermediateEscalationThrowEvent"
    boundary = "boundaryEscalation"
    end = "escalationEndEvent"

    def throw(self, run: Run, x: Execution, a: Activity) -> Steps:
        assert a.trigger is not None
        instance_id = x.activity_instance
        # What catches it starts only when the thrower has gone on: operations already waiting are done later.
        yield from throw_escalation(run, x, a.trigger.code or "")
        at = next((e for e in run.instance.executions.values() if e.activity_instance == instance_id), None)
        if at is not None:
            run.leave(at)


TRIGGER = Escalation()
