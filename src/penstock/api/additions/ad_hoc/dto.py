"""What goes over the wire."""

from penstock.api.dto import Body


class Activation(Body):
    """Which activities begin, in this order; an id that is there twice begins twice."""

    activity_ids: list[str] | None = None


class Activatable(Body):
    """An activity that can be activated."""

    id: str
    name: str | None
    type: str


class AdHocSubProcess(Body):
    """An open ad-hoc sub-process. `pending`: activated, and waiting for their turn (sequential ones)."""

    activity_instance_id: str
    activity_id: str
    name: str | None
    sequential: bool
    completed: int
    pending: list[str]
    activatable: list[Activatable]
