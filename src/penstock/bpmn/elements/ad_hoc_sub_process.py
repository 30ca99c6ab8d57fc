"""Ad-hoc sub-processes (BPMN 2.0.2 §10.3.5, §13.3.5): our addition, Camunda 7 has none.

What is inside and has no incoming flow may be activated, as often as one likes: by the collection on entering, by command,
by modification. The scope stands for itself while paths inside come and go; so it may also have none, and wait.

It is over
- with a `completionCondition`: when that holds as something inside has ended; what still runs is canceled, or with
  `cancelRemainingInstances="false"` waited for, and then the condition counts at the last end,
- without one: when something was done inside and nothing is left to do. The standard leaves that to the modeler; a scope that
  nobody could end would be of no use,
- when an interrupting event sub-process inside has ended.
"""

from collections.abc import Sequence
from typing import Any

from penstock.base.errors import BadUserRequest, BoundExceeded, Failure
from penstock.engine import tree
from penstock.engine.behavior import ElementKind, Maybe, Steps
from penstock.engine.cancel import cancel
from penstock.engine.definition import Activity
from penstock.engine.events import ExecutionKind
from penstock.engine.paths import raise_to_scope
from penstock.engine.state import Execution, Phase
from penstock.engine.unit import Run
from penstock.engine.variables import condition_holds, evaluate, set_local, store
from penstock.expr.values import TypedValue, to_native
from penstock.model.graph import AdHoc, Node, TriggerKind

DONE = "nrOfCompletedInstances"
"""Local variable: how many activations have ended."""

PENDING = "adHocPending"
"""Local variable of a sequential one: ids of what is activated and has not begun."""

PENDING_MAX = 1_000
"""Most of them: the list is written again with each step."""

_NEVER = frozenset({"boundaryEvent", "startEvent", "endEvent"})


class AdHocSubProcess(ElementKind):
    """A scope in which people, expressions or commands decide what is done, and in which order."""

    name = "adHocSubProcess"
    composite = True
    stays = True

    def is_scope(self, node: Node) -> bool:
        return True

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        set_local(run, x, DONE, TypedValue("Integer", 0))
        ids = _collection(run, x, a)
        if ids:
            self._start(run, x, a, ids)
        return None

    def activate(self, run: Run, scope: Execution, a: Activity, ids: Sequence[str]) -> None:
        if scope.phase is not Phase.ACTIVE or scope.activity_instance != scope.scope_instance:
            raise BadUserRequest(
                f"The ad-hoc sub-process '{a.id}' is being left: nothing can be activated in it any more"
            )
        if not ids:
            raise BadUserRequest(f"Nothing to activate in '{a.id}': name one or more of {_names(a)}")
        known = startable(a)
        for id in ids:
            if id not in known:
                raise BadUserRequest(_unknown(a, id))
        self._start(run, scope, a, ids)

    def child_ended(self, run: Run, scope: Execution, ended: Execution, a: Activity) -> Steps:
        last = run.activity(ended)
        tree.remove(run, ended)
        others = tree.live_children(run, scope)
        if not _by_event(last):
            set_local(run, scope, DONE, TypedValue("Integer", done(scope) + 1))
        if self._is_over(run, scope, a, last, bool(others)):
            for child in others:
                yield from cancel(run, child, f"Ad-hoc sub-process {a.id} is complete.")
            if scope.activity_instance != scope.scope_instance:
                raise_to_scope(run, scope)
            run.leave(scope)
        else:
            self._next(run, scope, a)

    def complete(self, run: Run, scope: Execution, a: Activity) -> Maybe:
        """Only an interrupting event sub-process takes the scope's own path."""
        run.leave(scope)
        return None

    def child_canceled(self, run: Run, scope: Execution, a: Activity) -> bool:
        self._next(run, scope, a)
        return True

    def open_for_modification(self, run: Run, scope: Execution, a: Activity) -> Execution:
        set_local(run, scope, DONE, TypedValue("Integer", 0))
        return tree.add_path(run, scope)

    def _is_over(self, run: Run, scope: Execution, a: Activity, last: Activity, others: bool) -> bool:
        spec = _spec(a)
        if not others and _by_event(last) and _interrupts(last):
            return True
        if not done(scope):
            return False
        if spec.completion_condition is None:
            return not others and not pending(scope)
        if others and (_by_event(last) or not spec.cancel_remaining):
            return False
        try:
            return condition_holds(run, spec.completion_condition, scope)
        except Failure as failure:
            failure.element_id = failure.element_id or a.id
            raise

    def _start(self, run: Run, scope: Execution, a: Activity, ids: Sequence[str]) -> None:
        if _spec(a).sequential:
            waiting = [*pending(scope), *ids]
            if len(waiting) > PENDING_MAX:
                raise BoundExceeded(
                    f"{len(waiting)} activities would wait for their turn in the ad-hoc sub-process '{a.id}', more than "
                    f"{PENDING_MAX}",
                    element_id=a.id,
                )
            _set_pending(run, scope, waiting)
            self._next(run, scope, a)
            return
        count = len(scope.children) + len(ids)
        if count > run.unit.paths_max:
            raise BoundExceeded(
                f"The ad-hoc sub-process '{a.id}' would have {count} paths at once, more than {run.unit.paths_max} "
                "(setting paths_per_scope_max)",
                element_id=a.id,
            )
        known = startable(a)
        # All paths are there before the first one begins: its end may be the end of all.
        paths = [(tree.add_path(run, scope), known[id]) for id in ids]
        for path, target in reversed(paths):
            run.push("enter", path, target)

    def _next(self, run: Run, scope: Execution, a: Activity) -> None:
        """Sequential: begins the next one, unless one is under way."""
        waiting = pending(scope)
        if not waiting or any(not _is_handler(run, child) for child in tree.live_children(run, scope)):
            return
        _set_pending(run, scope, waiting[1:])
        run.push("enter", tree.add_path(run, scope), startable(a)[waiting[0]])


def _spec(a: Activity) -> AdHoc:
    assert a.node is not None
    return a.node.ad_hoc or AdHoc()


def startable(a: Activity) -> dict[str, Activity]:
    """What may be activated, by id: what nothing inside leads to, and what no event and no compensation starts."""
    found = {}
    for child in a.children:
        node = child.node
        if node is None or child.incoming or node.kind in _NEVER or node.for_compensation or node.triggered_by_event:
            continue
        if node.kind == "intermediateCatchEvent" and node.trigger is not None and node.trigger.kind is TriggerKind.LINK:
            continue
        found[node.id] = child
    return found


def _names(a: Activity) -> str:
    return ", ".join(f"'{id}'" for id in startable(a))


def _unknown(a: Activity, id: str) -> str:
    return f"'{id}' cannot be activated in the ad-hoc sub-process '{a.id}': there are {_names(a)}"


def _by_event(a: Activity) -> bool:
    return a.node is not None and a.node.triggered_by_event


def _interrupts(a: Activity) -> bool:
    starts = (child.node for child in a.children if child.node is not None and child.node.kind == "startEvent")
    return any(start.interrupting for start in starts)


def _is_handler(run: Run, path: Execution) -> bool:
    """Whether the path is that of an event sub-process."""
    if path.activity is not None:
        return _by_event(run.activity(path))
    scopes = (x for x in tree.live_children(run, path) if x.kind is ExecutionKind.SCOPE)
    return any(_by_event(run.activity_by_id(x.scope_activity)) for x in scopes)


def _collection(run: Run, x: Execution, a: Activity) -> list[str]:
    """The ids to begin with: of an expression or a variable, a list or a text with commas; none without the property."""
    text = _spec(a).active_elements
    if text is None:
        return []
    value = evaluate(run, text if "{" in text else f"${{{text}}}", x)
    value = getattr(value, "data", value)
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if value is None:
        return []
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(id, str) for id in value):
        raise Failure(
            f"'{text}' of the ad-hoc sub-process '{a.id}' must give a list of ids, but gives {value!r:.200}",
            element_id=a.id,
        )
    known = startable(a)
    for id in value:
        if id not in known:
            raise Failure(_unknown(a, id), element_id=a.id)
    return list(value)


def done(scope: Execution) -> int:
    """How many activations in the scope have ended."""
    found = scope.variables.get(DONE)
    value: Any = found.value.value if found is not None else 0
    return value if isinstance(value, int) else 0


def pending(scope: Execution) -> list[str]:
    """Ids of what is activated and waits for its turn, in order."""
    found = scope.variables.get(PENDING)
    value = to_native(found.value) if found is not None else None
    return [str(id) for id in value] if isinstance(value, list | tuple) else []


def _set_pending(run: Run, scope: Execution, ids: Sequence[str]) -> None:
    set_local(run, scope, PENDING, store(list(ids), PENDING))


KIND = AdHocSubProcess()
