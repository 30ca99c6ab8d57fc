"""Terminate end events (BPMN 2.0.2 §10.5.5.9): everything else in the scope is canceled first."""

from penstock.bpmn.trigger import EventKind
from penstock.engine.definition import Activity
from penstock.model.graph import TriggerKind


class Terminate(EventKind):
    """Camunda 7 ends the scope around, not the process."""

    kind = TriggerKind.TERMINATE
    end = "terminateEndEvent"

    def interrupts_flow_scope(self, a: Activity) -> bool:
        return True


TRIGGER = Terminate()
