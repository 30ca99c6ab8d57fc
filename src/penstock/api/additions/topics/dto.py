"""What goes over the wire."""

from penstock.api.dto import Body
from penstock.runtime.telemetry.loads import Load


class TopicLoad(Body):
    """How much work a topic has; see `runtime.telemetry.loads.Load`. All numbers, so that KEDA's `metrics-api` scaler
    reads any of them."""

    topic: str
    waiting: int
    locked: int
    open: int
    oldest_age_seconds: float
    oldest_waiting_seconds: float
    drain_seconds: float

    @classmethod
    def of(cls, load: Load) -> "TopicLoad":
        """As a client sees it."""
        return cls(
            topic=load.topic,
            waiting=load.waiting,
            locked=load.locked,
            open=load.open,
            oldest_age_seconds=round(load.oldest_age_s, 3),
            oldest_waiting_seconds=round(load.oldest_waiting_s, 3),
            drain_seconds=round(load.drain_s, 3),
        )
