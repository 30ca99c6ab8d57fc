"""Timer events (BPMN 2.0.2 §10.5.5.8): only caught."""

from penstock.bpmn.trigger import EventKind
from penstock.model.graph import TriggerKind


class Timer(EventKind):
    """A date, duration or cycle."""

    kind = TriggerKind.TIMER
    start = "startTimerEvent"
    catch = "intermediateTimer"
    boundary = "boundaryTimer"


TRIGGER = Timer()
