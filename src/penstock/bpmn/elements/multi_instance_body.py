"""Multi-instance activities (BPMN 2.0.2 §10.3.8, §13.3.7): the body around the instances (Camunda 7
`ParallelMultiInstanceActivityBehavior`, `SequentialMultiInstanceActivityBehavior`)."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from penstock.base.errors import BoundExceeded, Failure
from penstock.engine import tree
from penstock.engine.behavior import ElementKind, Maybe, Steps
from penstock.engine.cancel import cancel
from penstock.engine.definition import Activity
from penstock.engine.events import PathPlaced
from penstock.engine.state import Execution, Phase
from penstock.engine.trace import shown
from penstock.engine.unit import Run, operation
from penstock.engine.variables import condition_holds, evaluate, set_local, store, visible
from penstock.expr.values import OpaqueObject, TypedValue, to_native


class MultiInstanceBody(ElementKind):
    """Makes the instances, counts them, and goes on when all, or enough, are done."""

    name = "multiInstanceBody"
    composite = True

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        assert a.loop is not None and a.inner is not None
        values = self._collection(run, x, a)
        count = len(values) if values is not None else self._cardinality(run, x, a)
        if count < 0:
            raise Failure(
                f"Invalid number of instances: must be non-negative integer value, but was {count}", element_id=a.id
            )
        if not a.loop.sequential and count > run.unit.paths_max:
            raise BoundExceeded(
                f"The multi-instance activity '{a.id}' would have {count} instances at once, more than "
                f"{run.unit.paths_max} (setting paths_per_scope_max)",
                element_id=a.id,
            )
        _count(run, x, "nrOfInstances", count)
        _count(run, x, "nrOfCompletedInstances", 0)
        if a.loop.sequential:
            _count(run, x, "nrOfActiveInstances", min(count, 1))
            if count:
                self._perform(run, x, a, 0, values)
        else:
            _count(run, x, "nrOfActiveInstances", count)
            paths = [tree.add_path(run, x) for _ in range(count)]
            for number in range(count - 1, -1, -1):
                # All of them before the first one begins: it may end the others, and history has had them.
                _set_loop_variables(run, paths[number], a, number, values)
                run.push("enter", paths[number], a.inner)
        if not count:
            run.leave(x)
        return None

    def _cardinality(self, run: Run, x: Execution, a: Activity) -> int:
        assert a.loop is not None
        value = evaluate(run, a.loop.cardinality or "", x)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value)
        if isinstance(value, str):
            try:
                return int(value)
            except ValueError:
                pass
        raise Failure(
            f"Could not resolve expression as the number of instances: '{a.loop.cardinality}' gives {shown(value)}, expected a "
            "positive integer",
            element_id=a.id,
        )

    def _collection(self, run: Run, x: Execution, a: Activity) -> Sequence[Any] | None:
        assert a.loop is not None
        text = a.loop.collection
        if text is None:
            return None
        name = _NAME.fullmatch(text)
        if name is not None and (found := visible(run, x, name[1])) is not None:
            value = _read_only(found.value)
        elif "{" in text:
            value = evaluate(run, text, x)
        else:
            value = _named(run, x, text, a)
        if isinstance(value, str):
            value = _named(run, x, value, a)
        if isinstance(value, dict):
            value = list(value.values())
        if not isinstance(value, list | tuple):
            data = getattr(value, "data", None)
            if not isinstance(data, list):
                given = "an object in an unknown format" if isinstance(value, OpaqueObject) else shown(value)
                raise Failure(f"Variable '{text}' is not a Collection: {given}", element_id=a.id)
            return data
        return value

    def _perform(self, run: Run, x: Execution, a: Activity, number: int, values: Sequence[Any] | None) -> None:
        run.push("perform_instance", x, a, number, values)

    def child_ended(self, run: Run, scope: Execution, ended: Execution, a: Activity) -> Steps:
        done = _number(run, scope, "nrOfCompletedInstances") + 1
        _count(run, scope, "nrOfCompletedInstances", done)
        _count(run, scope, "nrOfActiveInstances", _number(run, scope, "nrOfActiveInstances") - 1)
        # What has ended stays in the tree until the body is left: Camunda 7 shows it as a transition instance.
        if ended.phase is Phase.AFTER:
            run.emit(PathPlaced(ended.id, ended.activity, None, Phase.IDLE))
        if self._enough(run, ended, a) or not self._active(run, scope):
            for child in tree.live_children(run, scope):
                yield from cancel(run, child, "Multi instance completion condition satisfied.")
            run.leave(scope)

    def _active(self, run: Run, scope: Execution) -> bool:
        if _number(run, scope, "nrOfActiveInstances") > 0:
            return True
        # The counter may have been set by the model: it is believed only when it says that nothing is left.
        return any(child.children or child.phase is not Phase.IDLE for child in tree.live_children(run, scope))

    def complete(self, run: Run, scope: Execution, a: Activity) -> Maybe:
        number = _number(run, scope, "loopCounter") + 1
        _count(run, scope, "nrOfCompletedInstances", _number(run, scope, "nrOfCompletedInstances") + 1)
        if number >= _number(run, scope, "nrOfInstances") or self._enough(run, scope, a):
            run.leave(scope)
        else:
            self._perform(run, scope, a, number, self._collection(run, scope, a))
        return None

    def _enough(self, run: Run, x: Execution, a: Activity) -> bool:
        assert a.loop is not None
        return a.loop.completion_condition is not None and condition_holds(run, a.loop.completion_condition, x)

    def child_canceled(self, run: Run, scope: Execution, a: Activity) -> bool:
        _count(run, scope, "nrOfActiveInstances", _number(run, scope, "nrOfActiveInstances") - 1)
        return True

    def open_for_modification(self, run: Run, scope: Execution, a: Activity) -> Execution:
        assert a.loop is not None
        _count(run, scope, "nrOfInstances", 1)
        _count(run, scope, "nrOfCompletedInstances", 0)
        _count(run, scope, "nrOfActiveInstances", 1)
        if a.loop.sequential:
            _count(run, scope, "loopCounter", 0)
            return scope
        path = tree.add_path(run, scope)
        _count(run, path, "loopCounter", 0)
        return path

    def add_by_modification(self, run: Run, scope: Execution, a: Activity) -> Execution:
        assert a.loop is not None
        if a.loop.sequential:
            raise Failure(f"Concurrent instantiation not possible for activities in scope {a.id}", element_id=a.id)
        number = _number(run, scope, "nrOfInstances")
        _count(run, scope, "nrOfInstances", number + 1)
        _count(run, scope, "nrOfActiveInstances", _number(run, scope, "nrOfActiveInstances") + 1)
        path = tree.add_path(run, scope)
        _count(run, path, "loopCounter", number)
        return path


_NAME = re.compile(r"[$#]\{\s*([A-Za-z_]\w*)\s*\}")
"""An expression that is the name of a variable."""

READ_MAX = 16
"""Collections that are kept as they were read: a sequential activity reads its own before each instance."""

_read: OrderedDict[int, tuple[TypedValue, Any]] = OrderedDict()
"""By identity of the stored value, which is kept so that no other one gets it."""


def _read_only(stored: TypedValue) -> Any:
    """The native value of a variable; nobody may change it."""
    if stored.type not in ("Object", "Json"):
        return to_native(stored)
    found = _read.get(id(stored))
    if found is None:
        found = _read[id(stored)] = stored, to_native(stored)
        if len(_read) > READ_MAX:
            _read.popitem(last=False)
    else:
        _read.move_to_end(id(stored))
    return found[1]


def _named(run: Run, x: Execution, name: str, a: Activity) -> Any:
    found = visible(run, x, name)
    if found is not None:
        return _read_only(found.value)
    raise Failure(f"Variable '{name}' is not found: the collection of '{a.id}'", element_id=a.id)


def _count(run: Run, x: Execution, name: str, value: int) -> None:
    set_local(run, x, name, TypedValue("Integer", value))


def _number(run: Run, x: Execution, name: str) -> int:
    found = x.variables.get(name)
    if found is None or not isinstance(found.value.value, int):
        raise Failure(f"The variable '{name}' of the multi-instance activity is not there or no number")
    return found.value.value


def _set_loop_variables(run: Run, x: Execution, a: Activity, number: int, values: Sequence[Any] | None) -> None:
    assert a.loop is not None
    _count(run, x, "loopCounter", number)
    if values is not None and a.loop.element_variable is not None:
        name = a.loop.element_variable
        set_local(run, x, name, store(values[number], name))


@operation
def perform_instance(run: Run, x: Execution, a: Activity, number: int, values: Sequence[Any] | None) -> Maybe:
    """Starts the instance with the given loop counter on its path."""
    assert a.inner is not None
    _set_loop_variables(run, x, a, number, values)
    return run.do("enter", x, a.inner)  # type: ignore[no-any-return]


KIND = MultiInstanceBody()
