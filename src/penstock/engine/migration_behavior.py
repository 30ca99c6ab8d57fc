"""What migration asks of an activity, in Camunda 7's terms: its behaviour, its event scope, what waits for its event.

Camunda compares activities by the class of their behaviour and names these classes in its messages, so the names are
part of what clients see.
"""

from __future__ import annotations

from penstock.engine.definition import Activity
from penstock.model.graph import Implementation, Node, TriggerKind

SUBSCRIBED = (TriggerKind.MESSAGE, TriggerKind.SIGNAL, TriggerKind.CONDITIONAL)

_PASSIVE = (*SUBSCRIBED, TriggerKind.TIMER, TriggerKind.COMPENSATION)
"""What an event may wait for, without a token in it, to be migrated (Camunda 7
`SupportedPassiveEventTriggerActivityValidator`)."""

_SIMPLE = {
    "userTask": "UserTaskActivityBehavior",
    "transaction": "SubProcessActivityBehavior",
    "adHocSubProcess": "AdHocSubProcessActivityBehavior",
    "receiveTask": "ReceiveTaskActivityBehavior",
    "eventBasedGateway": "EventBasedGatewayActivityBehavior",
    "exclusiveGateway": "ExclusiveGatewayActivityBehavior",
    "inclusiveGateway": "InclusiveGatewayActivityBehavior",
    "parallelGateway": "ParallelGatewayActivityBehavior",
    "complexGateway": "GatewayActivityBehavior",
    "manualTask": "ManualTaskActivityBehavior",
    "scriptTask": "ScriptTaskActivityBehavior",
    "task": "TaskActivityBehavior",
    "callActivity": "CallActivityBehavior",
}

_CAUGHT = {
    TriggerKind.CONDITIONAL: "IntermediateConditionalEventBehavior",
    TriggerKind.LINK: "IntermediateCatchLinkEventActivityBehavior",
}

_BOUNDARY = {
    TriggerKind.CONDITIONAL: "BoundaryConditionalEventActivityBehavior",
    TriggerKind.CANCEL: "CancelBoundaryEventActivityBehavior",
}

_THROWN = {
    TriggerKind.ERROR: "ErrorEndEventActivityBehavior",
    TriggerKind.CANCEL: "CancelEndEventActivityBehavior",
    TriggerKind.TERMINATE: "TerminateEndEventActivityBehavior",
    TriggerKind.SIGNAL: "ThrowSignalEventActivityBehavior",
    TriggerKind.COMPENSATION: "CompensationEventActivityBehavior",
    TriggerKind.ESCALATION: "ThrowEscalationEventActivityBehavior",
}

_SUPPORTED = frozenset(
    {
        "SubProcessActivityBehavior",
        "UserTaskActivityBehavior",
        "BoundaryEventActivityBehavior",
        "ParallelMultiInstanceActivityBehavior",
        "SequentialMultiInstanceActivityBehavior",
        "ReceiveTaskActivityBehavior",
        "CallActivityBehavior",
        "IntermediateCatchEventActivityBehavior",
        "EventBasedGatewayActivityBehavior",
        "EventSubProcessActivityBehavior",
        "EventSubProcessStartEventActivityBehavior",
        "ExternalTaskActivityBehavior",
        "ParallelGatewayActivityBehavior",
        "InclusiveGatewayActivityBehavior",
        "IntermediateConditionalEventBehavior",
        "BoundaryConditionalEventActivityBehavior",
        "EventSubProcessStartConditionalEventActivityBehavior",
    }
)
"""Activities whose instances can be migrated (Camunda 7 `SupportedActivityValidator`)."""


def behavior_of(a: Activity) -> str:
    """The simple name of the class of Camunda 7 that carries out `a`."""
    if a.inner is not None:
        assert a.loop is not None
        return f"{'Sequential' if a.loop.sequential else 'Parallel'}MultiInstanceActivityBehavior"
    node = a.node
    if node is None:
        return "ProcessDefinition"
    found = _SIMPLE.get(node.kind)
    if found is not None:
        return found
    if node.kind == "subProcess":
        return "EventSubProcessActivityBehavior" if node.triggered_by_event else "SubProcessActivityBehavior"
    if node.kind == "startEvent":
        return _start(a)
    trigger = node.trigger.kind if node.trigger is not None else None
    if node.kind == "boundaryEvent":
        return _BOUNDARY.get(trigger, "BoundaryEventActivityBehavior") if trigger else "BoundaryEventActivityBehavior"
    if node.kind == "intermediateCatchEvent":
        return _CAUGHT.get(trigger, "IntermediateCatchEventActivityBehavior") if trigger else "none"
    return _carried_out(node, trigger)


def _start(a: Activity) -> str:
    if not in_event_subprocess(a):
        return "NoneStartEventActivityBehavior"
    conditional = a.trigger is not None and a.trigger.kind is TriggerKind.CONDITIONAL
    return f"EventSubProcessStart{'Conditional' if conditional else ''}EventActivityBehavior"


def _carried_out(node: Node, trigger: TriggerKind | None) -> str:
    """Tasks and throwing events that have an implementation, and events that have none."""
    how = node.implementation
    if node.trigger is not None and node.trigger.implementation is not None:
        how = node.trigger.implementation
    if how is not None:
        return _implementation(how)
    if trigger is not None and trigger in _THROWN:
        return _THROWN[trigger]
    if node.kind == "endEvent" and trigger is None:
        return "NoneEndEventActivityBehavior"
    return "IntermediateThrowNoneEventActivityBehavior"


def _implementation(how: Implementation) -> str:
    if how.type == "external":
        return "ExternalTaskActivityBehavior"
    if how.class_name is not None:
        return "ClassDelegateActivityBehavior"
    if how.delegate_expression is not None:
        return "ServiceTaskDelegateExpressionActivityBehavior"
    if how.expression is not None:
        return "ServiceTaskExpressionActivityBehavior"
    if how.decision_ref is not None:
        return "DmnBusinessRuleTaskActivityBehavior"
    if how.connector_id is not None:
        return "ServiceTaskConnectorActivityBehavior"
    return f"{(how.type or 'none').capitalize()}ActivityBehavior"


# ------------------------------------------------------------------------------------------ kinds of activities


def in_event_subprocess(a: Activity) -> bool:
    """Whether `a` is a start event of an event sub-process."""
    return (
        a.node is not None
        and a.node.kind == "startEvent"
        and a.parent is not None
        and a.parent.node is not None
        and a.parent.node.triggered_by_event
    )


def is_event(a: Activity) -> bool:
    """Whether `a` waits for its event without a token in it."""
    return (a.node is not None and a.node.kind == "boundaryEvent") or in_event_subprocess(a)


def is_body(a: Activity) -> bool:
    """Whether `a` is a multi-instance body."""
    return a.inner is not None


def is_synchronizing(a: Activity) -> bool:
    """Whether tokens wait for each other in `a`."""
    return a.node is not None and a.inner is None and a.node.kind in ("parallelGateway", "inclusiveGateway")


def is_conditional(a: Activity) -> bool:
    """Whether `a` catches a condition."""
    return "Conditional" in behavior_of(a)


def is_compensation_boundary(a: Activity) -> bool:
    """Whether `a` is the boundary event that names a compensation handler."""
    return a.attached_to is not None and a.trigger is not None and a.trigger.kind is TriggerKind.COMPENSATION


def is_compensation_handler(a: Activity) -> bool:
    """Whether `a` is only entered by compensation."""
    return a.node is not None and (a.node.for_compensation or a.compensates_scope)


def compensation_start(a: Activity) -> Activity | None:
    """The start event of the compensation event sub-process `a`; None for any other activity."""
    return next((child for child in a.children if in_event_subprocess(child)), None) if a.compensates_scope else None


def handler_of(scope: Activity) -> Activity | None:
    """What compensates `scope` (Camunda 7 `ActivityImpl.findCompensationHandler`)."""
    if scope.compensation_handler is not None:
        return scope.compensation_handler
    return next((sub for sub in scope.event_subprocesses if sub.compensates_scope), None)


def is_supported(a: Activity) -> bool:
    """Whether instances of `a` can be migrated."""
    return behavior_of(a) in _SUPPORTED


def is_mappable(a: Activity) -> bool:
    """Whether a generated plan may name `a` (Camunda 7 `MigrationActivityValidator`s)."""
    if not (is_supported(a) or a.async_before or a.async_after):
        return False
    if is_event(a) and (a.trigger is None or a.trigger.kind not in _PASSIVE):
        return False
    return not is_compensation_handler(a)


# ------------------------------------------------------------------------------------------ events


def event_scope(a: Activity) -> Activity | None:
    """The scope that waits for the event of `a` (Camunda 7 `ActivityImpl.getEventScope`)."""
    node = a.node
    if node is None or a.inner is not None:
        return None
    if a.event_scope is not None:
        return a.event_scope
    if node.triggered_by_event:
        return a.parent
    if node.kind == "intermediateCatchEvent" or (node.kind == "receiveTask" and node.triggers):
        return a
    if timeouts(a):
        return a
    starts = node.kind == "startEvent" and a.parent is not None and a.parent.is_process
    return a.parent if starts and a.trigger is not None and a.trigger.kind is TriggerKind.SIGNAL else None


def events_in(scope: Activity) -> list[Activity]:
    """The activities whose event `scope` waits for while it is open: boundary events, starts of event sub-processes, what
    follows an event-based gateway, the event itself."""
    own = [scope] if scope.trigger is not None and event_scope(scope) is scope else []
    return [*own, *scope.handlers]


def declared_subscriptions(scope: Activity | None) -> dict[str, Activity]:
    """What an open `scope` has subscriptions for, by activity id."""
    return _declared(scope, SUBSCRIBED)


def declared_timers(scope: Activity | None) -> dict[str, Activity]:
    """What an open `scope` has timers for, by activity id; without the timeouts of user tasks."""
    return _declared(scope, (TriggerKind.TIMER,))


def _declared(scope: Activity | None, kinds: tuple[TriggerKind, ...]) -> dict[str, Activity]:
    if scope is None:
        return {}
    return {a.id: a for a in events_in(scope) if a.trigger is not None and a.trigger.kind in kinds}


def timeouts(a: Activity) -> tuple[str, ...]:
    """Ids of the timeout listeners of a user task."""
    spec = a.node.user_task if a.node is not None and a.inner is None else None
    if spec is None:
        return ()
    return tuple(item.id or "" for item in spec.listeners if item.timer is not None)


def has_trigger(a: Activity) -> bool:
    """Whether something that is stored waits for the event of `a` (Camunda 7
    `UpdateEventTriggersValidator.definesPersistentEventTrigger`)."""
    scope = event_scope(a)
    if scope is None:
        return False
    if timeouts(a):
        return True
    if scope.is_process and not is_event(a):
        return a.trigger is not None and a.trigger.kind is TriggerKind.SIGNAL
    return a.id in declared_subscriptions(scope) or a.id in declared_timers(scope)
