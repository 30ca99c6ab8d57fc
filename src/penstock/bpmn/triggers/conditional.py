"""Conditional events (BPMN 2.0.2 §10.5.5.3): only caught."""

from penstock.bpmn.trigger import EventKind
from penstock.model.graph import TriggerKind


class Conditional(EventKind):
    """A condition over variables."""

    kind = TriggerKind.CONDITIONAL
    start = "conditionalStartEvent"
    catch = "intermediateConditional"
    boundary = "boundaryConditional"


TRIGGER = Conditional()
