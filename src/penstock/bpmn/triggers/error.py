"""Error events (BPMN 2.0.2 §10.5.5.4)."""

from penstock.bpmn.trigger import EventKind
from penstock.engine.behavior import Steps
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.throwing import throw_error
from penstock.engine.unit import Run
from penstock.engine.variables import evaluate_text
from penstock.model.graph import TriggerKind


class Error(EventKind):
    """Thrown by end events; always interrupts what catches it."""

    kind = TriggerKind.ERROR
    start = "errorStartEvent"
    boundary = "boundaryError"
    end = "errorEndEvent"

    def throw(self, run: Run, x: Execution, a: Activity) -> Steps:
        assert a.trigger is not None
        code = a.trigger.code
        message = evaluate_text(run, a.trigger.error_message, x)
        yield from throw_error(run, x, code if code is not None else "", message)


TRIGGER = Error()
