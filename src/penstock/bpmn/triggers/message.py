"""Message events (BPMN 2.0.2 §10.5.5.6). Throwing one is a piece of work, as in a send task."""

from penstock.bpmn.implementation import carry_out, signal
from penstock.bpmn.trigger import EventKind
from penstock.engine.behavior import Maybe
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.model.graph import TriggerKind


class Message(EventKind):
    """Camunda 7 `ThrowEvent…` with the implementation of its message event definition."""

    kind = TriggerKind.MESSAGE
    start = "messageStartEvent"
    catch = "intermediateMessageCatch"
    throw_name = "intermediateMessageThrowEvent"
    boundary = "boundaryMessage"
    end = "messageEndEvent"

    def throw(self, run: Run, x: Execution, a: Activity) -> Maybe:
        assert a.node is not None
        implementation = a.trigger.implementation if a.trigger is not None else None
        return carry_out(run, x, a, implementation or a.node.implementation)

    def signal(self, run: Run, x: Execution, a: Activity, name: str | None) -> Maybe:
        signal(run, x, a)
        return None


TRIGGER = Message()
