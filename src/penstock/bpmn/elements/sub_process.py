"""Embedded sub-processes, event sub-processes and transactions (BPMN 2.0.2 §10.3.5)."""

from penstock.base.errors import Failure
from penstock.engine.behavior import ElementKind, Maybe
from penstock.engine.definition import Activity
from penstock.engine.paths import path_gone
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.model.graph import Node


class SubProcess(ElementKind):
    """A scope with paths inside."""

    name = "subProcess"
    composite = True

    def is_scope(self, node: Node) -> bool:
        return True

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        assert a.node is not None
        for child in a.children:
            if child.node is None or child.node.kind != "startEvent":
                continue
            if a.node.triggered_by_event or not child.node.triggers:
                return run.do("enter", x, child)  # type: ignore[no-any-return]
        raise Failure(f"No initial activity found for subprocess {a.id}", element_id=a.id)

    def child_ended(self, run: Run, scope: Execution, ended: Execution, a: Activity) -> Maybe:
        path_gone(run, scope, ended)
        return None

    def complete(self, run: Run, scope: Execution, a: Activity) -> Maybe:
        run.leave(scope)
        return None


class Transaction(SubProcess):
    """A sub-process that can be canceled."""

    name = "transaction"


KINDS = (SubProcess(), Transaction())
