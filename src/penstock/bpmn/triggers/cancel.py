"""Cancel events of transactions (BPMN 2.0.2 §10.5.5.1)."""

from penstock.base.errors import Failure
from penstock.bpmn.trigger import EventKind
from penstock.engine import tree
from penstock.engine.behavior import Maybe
from penstock.engine.compensation import subscriptions_for, throw
from penstock.engine.definition import Activity
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.model.graph import TriggerKind


class Cancel(EventKind):
    """The end event compensates the transaction and then leaves it by the cancel boundary event."""

    kind = TriggerKind.CANCEL
    boundary = "cancelBoundaryCatch"
    end = "cancelEndEvent"
    throw_is_scope = True

    def interrupts_flow_scope(self, a: Activity) -> bool:
        return True

    def throw(self, run: Run, x: Execution, a: Activity) -> Maybe:
        found = subscriptions_for(run, x, a)
        if found:
            throw(run, x, found)
            return None
        return self.leave(run, x, a)

    def signal(self, run: Run, x: Execution, a: Activity, name: str | None) -> Maybe:
        return self.leave(run, x, a)

    def leave(self, run: Run, x: Execution, a: Activity) -> Maybe:
        """Goes on at the boundary event of the transaction around."""
        transaction = a.parent
        assert transaction is not None
        outer = transaction.parent if transaction.parent is not None and transaction.parent.inner else transaction
        for host in (transaction, outer):
            for handler in host.boundary:
                if handler.trigger is not None and handler.trigger.kind is TriggerKind.CANCEL:
                    scope = tree.execution_for(run, x, host.id)
                    if scope is not None:
                        return run.do("handle", scope, handler)  # type: ignore[no-any-return]
        raise Failure(
            f"Could not find cancel boundary event for cancel end event Activity({a.id}): cancelBoundaryEvent is null",
            element_id=a.id,
        )


TRIGGER = Cancel()
