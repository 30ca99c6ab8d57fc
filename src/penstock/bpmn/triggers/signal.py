"""Signal events (BPMN 2.0.2 §10.5.5.7): a thrown signal reaches everybody who waits for it, in the same unit of work."""

from penstock.bpmn.trigger import EventKind
from penstock.engine.behavior import Steps
from penstock.engine.definition import Activity
from penstock.engine.instances import mapped
from penstock.engine.questions import FindSignalReceivers
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.engine.variables import evaluate_text
from penstock.model.graph import TriggerKind


class Signal(EventKind):
    """Camunda 7 `ThrowSignalEventActivityBehavior`."""

    kind = TriggerKind.SIGNAL
    start = "signalStartEvent"
    catch = "intermediateSignalCatch"
    throw_name = "intermediateSignalThrow"
    boundary = "boundarySignal"
    end = "signalEndEvent"

    def throw(self, run: Run, x: Execution, a: Activity) -> Steps:
        assert a.trigger is not None
        name = evaluate_text(run, a.trigger.name, x) or ""
        payload = dict(mapped(run, x, a.trigger.mappings))
        receivers, starts = yield FindSignalReceivers(name=name, tenant=run.instance.tenant)
        known = {(instance, subscription) for instance, subscription in receivers}
        # Subscriptions made or deleted by this very unit are not in the store yet.
        local = [
            (other.instance.id, found.id)
            for other in run.unit.runs.values()
            for found in other.instance.subscriptions.values()
            if found.type == "signal" and found.name == name and (other.instance.id, found.id) not in known
        ]
        run.leave(x)
        run.push("broadcast_here", None, (*receivers, *local), starts, payload, a.trigger.asynchronous)


TRIGGER = Signal()
