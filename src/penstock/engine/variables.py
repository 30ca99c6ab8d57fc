"""Variables in scopes: Camunda 7's visibility and propagation, mappings, and what expressions see.

A variable is visible where it lives and in everything below. Setting one that is visible changes it where it lives; a
new one lands at the top, in the process instance (Camunda 7 `AbstractVariableScope.setVariable`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.base.errors import ExpressionFailed, Failure, ScriptFailed
from penstock.engine.behavior import Steps
from penstock.engine.events import BusinessKeySet, ExecutionKind, VariableRemoved, VariableSet
from penstock.engine.questions import LoadResource, RunScript
from penstock.engine.state import Execution, Task, Variable
from penstock.engine.trace import note_line, note_values, shown
from penstock.engine.unit import Run, operation
from penstock.expr import juel
from penstock.expr.host import HostObject
from penstock.expr.script import ResolverScope, ScriptResult
from penstock.expr.values import TreeMap, TypedValue, from_native, to_native
from penstock.model.graph import Parameter, ScriptSource

NESTING_MAX = 50
"""Deepest nesting of lists, maps and scripts in a mapping."""


class Names:
    """Where an expression's names come from: the engine's objects, then variables from the inside out."""

    __slots__ = ("event", "extra", "run", "task", "x")

    def __init__(
        self,
        run: Run,
        x: Execution | None,
        task: Task | None = None,
        event: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.run = run
        self.x = x
        self.task = task
        self.event = event
        self.extra = extra

    def lookup(self, name: str) -> Any:
        if self.task is not None:
            found = self.task.variables.get(name)
            if found is not None:
                return to_native(found.value)
        x = self.x
        executions = self.run.instance.executions
        while x is not None:
            found = x.variables.get(name)
            if found is not None:
                return to_native(found.value)
            x = executions[x.parent] if x.parent is not None else None
        if self.extra is not None and name in self.extra:
            return self.extra[name]
        if name == "decisionResult":
            return self._decision_result()
        if name == "execution" and self.x is not None:
            return execution_object(self.run, self.x, self.event)
        if name == "task" and self.task is not None:
            return self.run.do("task_object", self.task, self.event)
        if name == "authenticatedUserId":
            return self.run.unit.user
        if name == "currentUser()":
            return self.run.unit.user
        raise KeyError(name)

    def _decision_result(self) -> Any:
        """What a business rule task has found in this unit, seen from here (Camunda 7 `DecisionEvaluationUtil`)."""
        x = self.x
        while x is not None:
            found = self.run.decision_results.get(x.id)
            if found is not None:
                return found
            x = self.run.instance.executions[x.parent] if x.parent is not None else None
        raise KeyError("decisionResult")

    def now_ms(self) -> int:
        return self.run.unit.now_ms


class LocalNames(Names):
    """The variables of one scope and nothing around it (Camunda 7 `VariableScopeLocalAdapter`)."""

    __slots__ = ()

    def lookup(self, name: str) -> Any:
        assert self.x is not None
        found = self.x.variables.get(name)
        if found is not None:
            return to_native(found.value)
        if name in ("authenticatedUserId", "currentUser()"):
            return self.run.unit.user
        raise KeyError(name)


# ------------------------------------------------------------------------------------------ reading


def visible(run: Run, x: Execution, name: str) -> Variable | None:
    """The variable `name` as seen from `x`."""
    at: Execution | None = x
    while at is not None:
        found = at.variables.get(name)
        if found is not None:
            return found
        at = run.instance.executions[at.parent] if at.parent is not None else None
    return None


def all_visible(run: Run, x: Execution) -> dict[str, Variable]:
    """Everything that `x` sees, inner ones hiding outer ones."""
    chain = [x]
    while (parent := chain[-1].parent) is not None:
        chain.append(run.instance.executions[parent])
    found: dict[str, Variable] = {}
    for at in reversed(chain):
        found.update(at.variables)
    return found


# ------------------------------------------------------------------------------------------ writing


def place_of(run: Run, x: Execution) -> str | None:
    """The activity instance to which a local variable of `x` belongs in history."""
    if x.kind is ExecutionKind.PATH:
        return x.activity_instance or run.parent(x).activity_instance
    if run.starting == x.id:
        # Camunda 7 asks the execution around, which learns of the new scope after its start listeners.
        return x.parent_instance
    return x.scope_instance


def set_local(
    run: Run,
    x: Execution,
    name: str,
    value: TypedValue,
    *,
    source: str | None = None,
    initial: bool = False,
    placed: bool = True,
) -> None:
    """Creates or updates the variable in the scope of `x` itself. `placed`: history shows it at an activity instance."""
    found = x.variables.get(name)
    check_kept(found, name, value)
    run.emit(
        VariableSet(
            variable=found.id if found else run.new_id(),
            scope=x.id,
            name=name,
            value=value,
            revision=found.revision + 1 if found else 0,
            scope_activity_instance=place_of(run, x) if placed else None,
            source_activity_instance=source or x.activity_instance or x.scope_instance,
            initial=initial,
        )
    )
    run.changed(x, name, "update" if found else "create")


def check_kept(found: Variable | None, name: str, value: TypedValue) -> None:
    """Raises Failure when a transient value would take the place of a stored one: at the end of the unit the live state would
    have lost what the log still has (Camunda 7 `CoreLogger.transientVariableException`)."""
    if value.transient and found is not None and not found.value.transient:
        raise Failure(
            f"ENGINE-17006 Cannot set transient variable with name {name} to non-transient variable and vice versa."
        )


def set_variable(run: Run, x: Execution, name: str, value: TypedValue, *, source: str | None = None) -> None:
    """Sets the variable where it is visible, else at the top."""
    source = source or x.activity_instance or x.scope_instance
    at = x
    while name not in at.variables and at.parent is not None:
        at = run.instance.executions[at.parent]
    set_local(run, at, name, value, source=source)


def set_all(run: Run, x: Execution, values: Mapping[str, TypedValue], *, local: bool = False) -> None:
    """Sets several, in their order."""
    for name, value in values.items():
        (set_local if local else set_variable)(run, x, name, value)


def remove_local(run: Run, x: Execution, name: str) -> None:
    """Removes the variable from the scope of `x` itself, if it is there."""
    found = x.variables.get(name)
    if found is not None:
        run.emit(
            VariableRemoved(
                variable=found.id,
                scope=x.id,
                name=name,
                scope_activity_instance=place_of(run, x),
                revision=found.revision + 1,
                type=found.value.type,
                source_activity_instance=x.activity_instance or x.scope_instance,
            )
        )
        run.changed(x, name, "delete")


def forget_local(run: Run, x: Execution, name: str) -> None:
    """Removes the variable from the scope of `x` itself; history does not learn of it (Camunda 7
    `removeVariablesLocalInternal`)."""
    run.emit(VariableRemoved(variable=x.variables[name].id, scope=x.id, name=name, silent=True))


def remove_variable(run: Run, x: Execution, name: str) -> None:
    """Removes the innermost visible variable of that name."""
    at: Execution | None = x
    while at is not None:
        if name in at.variables:
            remove_local(run, at, name)
            return
        at = run.instance.executions[at.parent] if at.parent is not None else None


def store(value: Any, name: str) -> TypedValue:
    """The stored form of a native value; Failure when it is none."""
    try:
        return from_native(value)
    except TypeError as error:
        raise Failure(f"Cannot set variable '{name}': {error}") from None


# ------------------------------------------------------------------------------------------ evaluating


def evaluate(
    run: Run,
    text: str,
    x: Execution,
    task: Task | None = None,
    event: str | None = None,
    names: Names | None = None,
) -> Any:
    """The native value of a text that may be an expression. `names`: others than those of the place. ExpressionFailed
    names the element."""
    try:
        expression = juel.parse(text)
    except ExpressionFailed as failure:
        raise located(failure, x) from failure
    if expression.is_literal:
        return expression.text
    seen = names if names is not None else Names(run, x, task, event)
    try:
        return expression.evaluate(seen)
    except ExpressionFailed as failure:
        note_values(failure, expression.names, seen)
        raise located(failure, x) from failure


def condition_holds(run: Run, text: str, x: Execution) -> bool:
    """The truth of a condition; null or another type is a failure, as in Camunda 7."""
    seen = Names(run, x)
    try:
        condition = juel.parse(text)
    except ExpressionFailed as failure:
        raise located(failure, x) from failure
    try:
        return condition.evaluate_condition(seen)
    except ExpressionFailed as failure:
        note_values(failure, condition.names, seen)
        failure.trace.append(f"at condition {text}")
        raise located(failure, x) from failure


def located(failure: Failure, x: Execution) -> Failure:
    """The same failure, knowing its element."""
    if failure.element_id is None:
        failure.element_id = x.activity
    return failure


def evaluate_text(run: Run, text: str | None, x: Execution, task: Task | None = None) -> str | None:
    """The value as text; None stays None."""
    if text is None:
        return None
    value = evaluate(run, text, x, task)
    return None if value is None else juel.to_string(value)


def evaluate_int(run: Run, text: str, x: Execution, what: str) -> int:
    """The value as an integer: numbers and numeric text."""
    value = evaluate(run, text, x)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Failure(f"{what} '{text}' is not a number: {shown(value)}", element_id=x.activity)
    try:
        return int(value)
    except ValueError:
        raise Failure(f"{what} '{text}' is not a number: {value!r}", element_id=x.activity) from None


def run_script(
    run: Run,
    script: ScriptSource,
    x: Execution,
    task: Task | None = None,
    event: str | None = None,
    names: Names | None = None,
) -> Steps:
    """Runs a script where `x` stands and applies what it wrote. `names`: others than those of the place. Returns its
    `ScriptResult`."""
    seen = names if names is not None else Names(run, x, task, event)
    element = x.activity or run.definition.key
    source = script.source
    if script.resource is not None:
        text = yield LoadResource(definition=run.definition.id, name=script.resource)
        if text is None:
            raise ScriptFailed(f"Unable to find the script resource '{script.resource}'", element_id=element)
        source = text
    if script.language == "juel":
        return ScriptResult(value=evaluate(run, source, x, names=seen))
    question = RunScript(
        language=script.language,
        source=source,
        element=element,
        names=ResolverScope(seen),
        resource=script.resource,
    )
    try:
        result: ScriptResult = yield question
    except ScriptFailed as failure:
        note_line(failure, source)
        raise
    for write in result.writes:
        target = execution_object(run, x, event) if write.object == "execution" else seen.lookup(write.object)
        target.methods[write.method][0](*write.args)
    return result


def parameter_value(run: Run, parameter: Parameter, x: Execution, depth: int = 0, names: Names | None = None) -> Steps:
    """The native value of an input or output parameter (text, script, list or map, nested). `names`: see `evaluate`."""
    if depth > NESTING_MAX:
        raise Failure(f"The parameter '{parameter.name}' is nested more than {NESTING_MAX} deep", element_id=x.activity)
    if parameter.script is not None:
        result: ScriptResult = yield from run_script(run, parameter.script, x, names=names)
        return result.value
    if parameter.items is not None:
        found = []
        for item in parameter.items:
            found.append((yield from parameter_value(run, item, x, depth + 1, names)))
        return found
    if parameter.entries is not None:
        values = TreeMap()
        for entry in parameter.entries:
            values[entry.name] = yield from parameter_value(run, entry, x, depth + 1, names)
        return values
    if parameter.text is None or parameter.text == "":
        return None if depth == 0 else ""
    return evaluate(run, parameter.text, x, names=names)


def map_in(run: Run, x: Execution, parameters: tuple[Parameter, ...]) -> Steps:
    """Input parameters: evaluated in the new scope, in order, and set there (Camunda 7 `IoMapping`)."""
    for parameter in parameters:
        try:
            value = yield from parameter_value(run, parameter, x)
        except Failure as failure:
            failure.trace.append(f"at input parameter '{parameter.name}'")
            raise
        set_local(run, x, parameter.name, store(value, parameter.name))


def map_out(run: Run, x: Execution, parameters: tuple[Parameter, ...]) -> Steps:
    """Output parameters: evaluated in the scope that ends, set from its parent on."""
    parent = run.parent(x)
    source = x.activity_instance or x.scope_instance
    for parameter in parameters:
        try:
            value = yield from parameter_value(run, parameter, x)
        except Failure as failure:
            failure.trace.append(f"at output parameter '{parameter.name}'")
            raise
        set_variable(run, parent, parameter.name, store(value, parameter.name), source=source)


# ------------------------------------------------------------------------------------------ host objects


def _natives(variables: Mapping[str, Variable]) -> dict[str, Any]:
    return {name: to_native(found.value) for name, found in variables.items()}


def variable_methods(run: Run, x: Execution) -> dict[str, Any]:
    """Methods of Camunda 7's `VariableScope` over the scope of `x`."""

    def get(name: Any) -> Any:
        found = visible(run, x, str(name))
        return None if found is None else to_native(found.value)

    def get_local(name: Any) -> Any:
        found = x.variables.get(str(name))
        return None if found is None else to_native(found.value)

    def put(name: Any, value: Any) -> None:
        set_variable(run, x, str(name), store(value, str(name)))

    def put_local(name: Any, value: Any) -> None:
        set_local(run, x, str(name), store(value, str(name)))

    def put_all(values: Any) -> None:
        for name, value in dict(values).items():
            put(name, value)

    def put_all_local(values: Any) -> None:
        for name, value in dict(values).items():
            put_local(name, value)

    def remove(name: Any) -> None:
        remove_variable(run, x, str(name))

    def remove_here(name: Any) -> None:
        remove_local(run, x, str(name))

    def remove_all(names: Any = None) -> None:
        for name in list(all_visible(run, x)) if names is None else list(names):
            remove_variable(run, x, str(name))

    def remove_all_local(names: Any = None) -> None:
        for name in list(x.variables) if names is None else list(names):
            remove_local(run, x, str(name))

    return {
        "getVariable": (get, 1, 1),
        "getVariableLocal": (get_local, 1, 1),
        "hasVariable": (lambda name: visible(run, x, str(name)) is not None, 1, 1),
        "hasVariableLocal": (lambda name: str(name) in x.variables, 1, 1),
        "hasVariables": (lambda: bool(all_visible(run, x)), 0, 0),
        "hasVariablesLocal": (lambda: bool(x.variables), 0, 0),
        "getVariables": (lambda: _natives(all_visible(run, x)), 0, 0),
        "getVariablesLocal": (lambda: _natives(x.variables), 0, 0),
        "getVariableNames": (lambda: list(all_visible(run, x)), 0, 0),
        "getVariableNamesLocal": (lambda: list(x.variables), 0, 0),
        "setVariable": (put, 2, 2),
        "setVariableLocal": (put_local, 2, 2),
        "setVariables": (put_all, 1, 1),
        "setVariablesLocal": (put_all_local, 1, 1),
        "removeVariable": (remove, 1, 1),
        "removeVariableLocal": (remove_here, 1, 1),
        "removeVariables": (remove_all, 0, 1),
        "removeVariablesLocal": (remove_all_local, 0, 1),
    }


@operation
def execution_object(run: Run, x: Execution, event: str | None = None) -> HostObject:
    """`execution` in expressions and scripts (Camunda 7 `DelegateExecution`)."""
    i = run.instance

    def set_key(key: Any) -> None:
        run.emit(BusinessKeySet(business_key=None if key is None else str(key)))

    def name() -> str | None:
        return run.activity(x).name

    def parent_instance() -> str | None:
        return x.parent_instance

    return HostObject(
        "execution",
        {
            "id": lambda: x.id,
            "processInstanceId": lambda: i.id,
            "processDefinitionId": lambda: i.definition,
            "processBusinessKey": lambda: i.business_key,
            "businessKey": lambda: i.business_key,
            "activityInstanceId": lambda: x.activity_instance or x.scope_instance,
            "parentActivityInstanceId": parent_instance,
            "currentActivityId": lambda: x.activity,
            "currentActivityName": name,
            "currentTransitionId": lambda: x.flow,
            "parentId": lambda: x.parent,
            "tenantId": lambda: i.tenant,
            "eventName": lambda: event,
            "variables": lambda: _natives(all_visible(run, x)),
            "variablesLocal": lambda: _natives(x.variables),
            "variableNames": lambda: list(all_visible(run, x)),
            "variableNamesLocal": lambda: list(x.variables),
            "isCanceled": lambda: False,
            "processInstance": lambda: execution_object(run, run.top, event),
        },
        {**variable_methods(run, x), "setProcessBusinessKey": (set_key, 1, 1)},
    )
