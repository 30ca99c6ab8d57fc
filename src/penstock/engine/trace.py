"""Where a failure happened, in the words of the user's model: the stack that a failed job keeps.

`Failure.trace` says what was evaluated, from the inside out, and `Failure.stack` the element, what contains it, the process
and the activity that called it. Both are for people; nothing reads them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from penstock.base.errors import Failure
from penstock.expr.coerce import Problem, java_class, to_string
from penstock.expr.host import HostObject, Resolver

if TYPE_CHECKING:
    from penstock.engine.definition import Activity, Definition
    from penstock.engine.state import Execution
    from penstock.engine.unit import Run

VALUE_CHARS_MAX = 200
CALLS_MAX = 100
"""Calling instances that are listed."""


def shown(value: Any) -> str:
    """A native value for a message, cut when it is long."""
    try:
        text = to_string(value)
    except Problem:
        return java_class(value)
    text = text if len(text) <= VALUE_CHARS_MAX else f"{text[:VALUE_CHARS_MAX]}…"
    return f'"{text}"' if type(value) is str else text


def note_values(failure: Failure, names: Iterable[str], resolver: Resolver) -> None:
    """Adds what the names of an expression stood for; unknown names and the engine's objects have no value."""
    for name in names:
        try:
            value = resolver.lookup(name)
        except (KeyError, Failure):
            continue
        if not isinstance(value, HostObject):
            failure.trace.append(f"with {name} = {'null' if value is None else shown(value)}")


def note_line(failure: Failure, source: str) -> None:
    """Adds the line of a script that failed, where the failure knows its number."""
    line = failure.ids.get("line")
    lines = source.splitlines()
    if type(line) is int and 0 < line <= len(lines):
        text = lines[line - 1].strip()
        failure.trace.append(f"at script line {line}: {text[:VALUE_CHARS_MAX]}")


def locate(failure: Failure, run: Run, x: Execution | None) -> None:
    """Adds the element where the instance stood, and what led to it. A failure is located once."""
    if failure.stack:
        return
    if failure.element_id is None and x is not None:
        failure.element_id = x.activity
    failure.stack.extend(_lines(run, failure.element_id))
    for _ in range(CALLS_MAX):
        caller = run.unit.runs.get(run.instance.super_instance or "")
        if caller is None:
            return
        calling = caller.instance.executions.get(run.instance.super_execution or "")
        failure.stack.extend(_lines(caller, None if calling is None else calling.activity))
        run = caller


def _lines(run: Run, element: str | None) -> Iterator[str]:
    definition: Definition | None = run.definition  # A task of no process has none.
    if definition is None:
        return
    at = definition.activities.get(element or "")
    while at is not None and at is not definition.root:
        yield f"at {_named(at)}"
        at = at.parent
    yield f"at process '{definition.key}', version {definition.version} ({definition.id})"


def _named(at: Activity) -> str:
    node = at.node
    if node is None:
        return f"'{at.id}'"
    name = f" ({node.name})" if node.name else ""
    line = f", line {node.line}" if node.line else ""
    body = "multi-instance body of " if at.id != node.id else ""
    return f"{body}{node.kind} '{node.id}'{name}{line}"
