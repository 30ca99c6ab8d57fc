"""What an event kind must say."""

from penstock.engine.behavior import Maybe
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.model.graph import TriggerKind


class EventKind:
    """One kind of event. The names are Camunda 7's activity types in history, by position."""

    kind: TriggerKind
    start = ""
    """As the start event of a process or event sub-process."""
    catch = ""
    throw_name = ""
    boundary = ""
    end = ""
    throw_is_scope = False
    """Whether a throwing event of this kind opens a scope."""

    def throw(self, run: Run, x: Execution, a: Activity) -> Maybe:
        """An intermediate throw or end event of this kind was reached: does it and leaves."""
        run.leave(x)
        return None

    def signal(self, run: Run, x: Execution, a: Activity, name: str | None) -> Maybe:
        """A throwing event that waits was continued."""
        run.leave(x)
        return None

    def interrupts_flow_scope(self, a: Activity) -> bool:
        """See `ElementKind.interrupts_flow_scope`; for end events."""
        return False
