"""For metrics: what became of each task."""

from collections.abc import Callable
from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """How a task left the worker."""

    COMPLETED = "completed"
    BPMN_ERROR = "bpmn_error"
    FAILED = "failed"
    GONE = "gone"
    """Its process has gone on without it."""
    LOST = "lost"
    """Somebody else has it now, or the server has refused every report."""
    PARKED = "parked"
    """What it needs is out of order: it waits on the server with all its retries."""
    GIVEN_BACK = "given_back"
    """The worker stopped before it was done."""


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """One task. `waited_s`: from its lock to its handler; `handled_s`: in the handler; `reported_s`: until the server had
    taken the report."""

    topic: str
    outcome: Outcome
    waited_s: float
    handled_s: float
    reported_s: float


Observer = Callable[[Finished], None]
"""Called in the worker's event loop for each task: it must be quick."""
