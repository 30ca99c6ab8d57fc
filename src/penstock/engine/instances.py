"""Process instances: starting them, calling them, ending them."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.base.errors import BadUserRequest, BoundExceeded, DefinitionMissing, Failure, JavaFailed, NullValue
from penstock.engine import tree
from penstock.engine.behavior import Maybe, Steps
from penstock.engine.catching import open_scope, open_timers
from penstock.engine.definition import Activity, Definition
from penstock.engine.events import (
    ActivityUpdated,
    InstanceStarted,
    InstanceState,
    PathPlaced,
)
from penstock.engine.incidents import drop_incidents, load_run
from penstock.engine.listeners import notify
from penstock.engine.questions import FindDefinition
from penstock.engine.state import Execution, Instance, Phase
from penstock.engine.unit import Change, Run, Unit, operation
from penstock.engine.variables import (
    LocalNames,
    all_visible,
    evaluate,
    evaluate_text,
    set_local,
    set_variable,
    store,
)
from penstock.expr.values import NULL, TypedValue
from penstock.model.graph import VariableMapping


def new_instance(
    unit: Unit,
    definition: Definition,
    *,
    business_key: str | None,
    start: Activity | None,
    caller: Run | None = None,
    caller_execution: Execution | None = None,
    case_instance: str | None = None,
) -> Run:
    """A new instance as part of the unit; nothing runs yet."""
    if caller is None:
        id = unit.ids.new()
        root = id
    else:
        id = caller.new_id()
        root = caller.instance.root
    instance = Instance(id=id, root=root, definition=definition.id, tenant=definition.tenant)
    run = unit.adopt(instance, definition)
    if caller is not None:
        run.depth = caller.depth + 1
        if run.depth > unit.calls_max:
            raise BoundExceeded(
                f"Call activities call each other more than {unit.calls_max} deep: does '{definition.key}' call itself? "
                "(setting calls_deep_max)"
            )
    run.emit(
        InstanceStarted(
            business_key=business_key,
            start_activity=start.id if start is not None else None,
            start_user=unit.user,
            super_instance=caller.instance.id if caller is not None else None,
            super_execution=caller_execution.id if caller_execution is not None else None,
            definition_name=definition.name,
            case_instance=case_instance,
        )
    )
    return run


def begin_instance(run: Run, start: Activity, variables: Mapping[str, TypedValue]) -> Maybe:
    """Sets the variables, opens the process's scope, and goes to the start event."""
    top = run.top
    for name, value in variables.items():
        set_local(run, top, name, value, initial=True)
    if start.node is not None and start.node.initiator is not None:
        user = run.unit.user
        set_local(run, top, start.node.initiator, NULL if user is None else TypedValue("String", user), initial=True)
    root = run.definition.root
    if root.handlers:
        open_scope(run, top, root)
        open_timers(run, top, root)
    if root.handlers and run.definition.conditional:
        run.emit(PathPlaced(top.id, start.id, None, Phase.IDLE))
        run.push(enter_start_still, top, start, run.unit.hold_changes())
        run.push("evaluate_handlers", top, root)
    else:
        run.push(enter_start, top, start)
    if root.start_listeners and not run.skip_listeners:
        return notify(run, top, root, "start")
    return None


@operation
def enter_start(run: Run, x: Execution, start: Activity) -> Maybe:
    """Enters a start event of the process, or the event sub-process that it starts."""
    if start.event_scope is not None and start.parent is not None:
        return run.do("enter", x, start.parent)  # type: ignore[no-any-return]
    return run.do("enter", x, start)  # type: ignore[no-any-return]


def enter_start_still(run: Run, x: Execution, start: Activity, changes: list[Change]) -> Maybe:
    """Enters the start event where its path is now, unless a condition that held from the start has interrupted it. The
    first variables count as changes once the start event has begun (Camunda 7 `PvmAtomicOperationProcessStart`)."""
    executions = run.instance.executions
    paths = (x, *(executions[id] for id in x.children))
    at = next((path for path in paths if path.activity == start.id and path.activity_instance is None), None)
    if at is None:
        return None
    steps = enter_start(run, at, start)
    run.unit.changes += changes
    return steps


def start_of(definition: Definition, start_event: str | None) -> Activity:
    """The start event to use; refused when there is none."""
    if start_event is not None:
        found = definition.activities.get(start_event)
        if found is None:
            raise BadUserRequest(f"The process definition {definition.id} has no start event '{start_event}'")
        return found
    start = definition.none_start()
    if start is None:
        raise Failure(
            f"Process definition with id '{definition.id}' has no default start activity "
            "(e.g. none start event), hence you cannot use startProcessInstanceBy... but have to start it using one of "
            "the modeled start events (e.g. message start events)"
        )
    return start


# ------------------------------------------------------------------------------------------ the end


@operation
def end_process(run: Run, x: Execution) -> Maybe:
    """The last path of the process has ended."""
    root = run.definition.root
    if root.end_listeners and not run.skip_listeners:
        run.push("process_ended", x)
        return notify(run, x, root, "end")
    return process_ended(run, x)


@operation
def process_ended(run: Run, x: Execution) -> Maybe:
    """Everything of the instance goes; the caller goes on."""
    if run.instance.super_instance is not None:
        return _return_to_caller(run, x)
    _finish(run, x, x.activity)
    return None


def _finish(run: Run, x: Execution, end_activity: str | None) -> None:
    tree.drop_kept(run, x)
    tree.drop_waits(run, x)
    drop_incidents(run, x)
    run.emit(tree.ended(run, InstanceState.COMPLETED, None, end_activity))


def _return_to_caller(run: Run, x: Execution) -> Steps:
    i = run.instance
    assert i.super_instance is not None and i.super_execution is not None
    above: Run | None = yield from load_run(run, i.super_instance)
    caller = above.instance.executions.get(i.super_execution) if above is not None else None
    if above is not None and caller is not None:
        pass_out(run, run, above, caller)
    _finish(run, x, x.activity)
    if above is not None and caller is not None:
        above.leave(caller)


@operation
def pass_out(_run: Run, called: Run, above: Run, caller: Execution) -> None:
    """Passes the called instance's variables to its caller, as the call activity says (`camunda:out`)."""
    node = above.activity(caller).node
    if node is None or node.called is None or called.instance.ended:
        return
    for mapping in node.called.outputs:
        for name, value in mapped(called, called.top, (mapping,)):
            (set_local if mapping.local else set_variable)(above, caller, name, value)


def mapped(run: Run, x: Execution, mappings: tuple[VariableMapping, ...]) -> list[tuple[str, TypedValue]]:
    """(target, value) of each mapping, in order, evaluated where `x` is; a local one sees the variables of `x` itself only
    (Camunda 7 `CallableElementParameter`)."""
    found: list[tuple[str, TypedValue]] = []
    for mapping in mappings:
        if mapping.business_key is not None:
            continue
        if mapping.all_variables:
            source = x.variables if mapping.local else all_visible(run, x)
            found += [(name, variable.value) for name, variable in source.items()]
        elif mapping.source is not None:
            variable = (x.variables if mapping.local else all_visible(run, x)).get(mapping.source)
            found.append((mapping.target or mapping.source, variable.value if variable is not None else NULL))
        elif mapping.source_expression is not None:
            target = mapping.target or ""
            value = evaluate(run, mapping.source_expression, x, names=LocalNames(run, x) if mapping.local else None)
            found.append((target, store(value, target)))
    return found


# ------------------------------------------------------------------------------------------ calling


def call(run: Run, x: Execution, a: Activity) -> Steps:
    """A call activity calls (Camunda 7 `CallActivityBehavior`)."""
    node = a.node
    assert node is not None and node.called is not None
    called = node.called
    key = evaluate_text(run, called.called_element, x)
    if not key:
        raise NullValue(f"The called element of call activity '{a.id}' is null")
    version: int | None = None
    if called.binding == "version":
        text = evaluate_text(run, called.version, x)
        try:
            version = int(text or "")
        except ValueError:
            raise JavaFailed(
                f"Could not transform '{text}' into an Integer value: the version of call activity '{a.id}'",
                java="NumberFormatException",
                element_id=a.id,
            ) from None
    tenant = run.instance.tenant
    if called.tenant_id is not None:
        tenant = evaluate_text(run, called.tenant_id, x)
    definition: Definition | None = yield FindDefinition(
        key=key,
        binding=called.binding,
        version=version,
        version_tag=evaluate_text(run, called.version_tag, x),
        tenant=tenant,
        deployment_of=run.definition.id,
    )
    if definition is None:
        raise DefinitionMissing(
            f"no processes deployed with key '{key}'" + (f" and tenant-id '{tenant}'" if tenant else ""),
            element_id=a.id,
        )
    start = start_of(definition, None)
    business_key = next((m.business_key for m in called.inputs if m.business_key is not None), None)
    new = new_instance(
        run.unit,
        definition,
        business_key=evaluate_text(run, business_key, x),
        start=start,
        caller=run,
        caller_execution=x,
    )
    assert x.activity_instance is not None
    run.emit(ActivityUpdated(x.activity_instance, called_instance=new.instance.id, execution=x.id))
    new.skip_listeners, new.skip_io_mappings = run.skip_listeners, run.skip_io_mappings
    run.unit.push(lambda r, _x: begin_instance(r, start, dict(mapped(run, x, called.inputs))), new, None)
