"""What an element kind must say. One subclass per BPMN element, found in the table of `penstock.bpmn.elements`.

A kind knows nothing of storage and of other kinds. It emits events through `run` and hands control on with the functions
of `engine.paths`, `engine.catching`, `engine.throwing`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from penstock.base.errors import BadUserRequest, Failure
from penstock.engine.questions import Question

if TYPE_CHECKING:
    from penstock.engine.definition import Activity
    from penstock.engine.state import Execution
    from penstock.engine.unit import Run
    from penstock.model.graph import Node

Steps = Generator[Question, Any, Any]
"""A part of a step that asks questions."""

Maybe = Steps | None
"""Behaviour that needs no answer is a plain function and returns None; else it returns its steps."""


class ElementKind:
    """One kind of flow node. The defaults describe an activity that does nothing and goes on."""

    name: str = ""
    """The BPMN element's local name."""
    composite = False
    """True for kinds with paths inside (sub-processes, multi-instance bodies)."""

    stays = False
    """Composite: the scope stands for itself, with any number of concurrent paths inside, or none (ad-hoc)."""

    def type_of(self, node: Node) -> str:
        """Camunda 7's activity type in history."""
        return self.name

    def is_scope(self, node: Node) -> bool:
        """Whether entering opens a scope by the element's nature (boundary events, mappings add to this)."""
        return False

    def interrupts_flow_scope(self, a: Activity) -> bool:
        """Whether everything else in the scope is canceled before the activity is entered (Camunda 7
        `ActivityStartBehavior.INTERRUPT_FLOW_SCOPE`)."""
        return False

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        """The execution has entered the activity: do the work, wait, or leave."""
        run.leave(x)
        return None

    def signal(self, run: Run, x: Execution, a: Activity, name: str | None, payload: Any) -> Maybe:
        """The waiting execution was continued from outside (Camunda 7 `SignallableActivityBehavior.signal`)."""
        if self.composite:
            raise Failure(
                f"Activity '{a.id}' does not accept signals: it goes on when what is inside it ends", element_id=a.id
            )
        run.leave(x)
        return None

    def child_ended(self, run: Run, scope: Execution, ended: Execution, a: Activity) -> Maybe:
        """Composite: one of several concurrent paths inside has ended."""
        raise NotImplementedError

    def complete(self, run: Run, scope: Execution, a: Activity) -> Maybe:
        """Composite: the only path inside has ended."""
        raise NotImplementedError

    def child_canceled(self, run: Run, scope: Execution, a: Activity) -> bool:
        """Composite: a modification has canceled one of several concurrent paths inside. True: they are not folded."""
        return False

    def open_for_modification(self, run: Run, scope: Execution, a: Activity) -> Execution:
        """Composite: the scope was opened by a modification; returns the path on which the target starts."""
        return scope

    def add_by_modification(self, run: Run, scope: Execution, a: Activity) -> Execution:
        """Multi-instance body: it is open and a modification adds an instance; returns the path on which that starts."""
        raise NotImplementedError

    def activate(self, run: Run, scope: Execution, a: Activity, ids: Sequence[str]) -> None:
        """Ad-hoc: begins the activities `ids` inside. Raises BadUserRequest."""
        raise BadUserRequest(f"'{a.id}' is no ad-hoc sub-process: nothing can be activated in it")
