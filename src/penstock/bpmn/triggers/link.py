"""Link events (BPMN 2.0.2 §10.5.5.5): the reader joins throw and catch; what is left of one just goes on."""

from penstock.bpmn.trigger import EventKind
from penstock.model.graph import TriggerKind


class Link(EventKind):
    """A jump within one scope."""

    kind = TriggerKind.LINK
    catch = "intermediateLinkCatch"
    throw_name = "intermediateLinkThrow"


TRIGGER = Link()
