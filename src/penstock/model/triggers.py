"""Event definitions: read into triggers, and checked for what one scope may not catch twice (BPMN 2.0.2 §10.5.5)."""

from collections import Counter

from penstock.model import dialect
from penstock.model.definitions import Definitions
from penstock.model.draft import Draft, Host, Subscription
from penstock.model.graph import ScriptSource, TimerKind, Trigger, TriggerKind
from penstock.model.log import Log, Stopped, one
from penstock.model.xml import BPMN_NS, XSI_NS, Element

VARIABLE_EVENTS = ("create", "delete", "update")
_TIMERS = (TimerKind.DATE, TimerKind.CYCLE, TimerKind.DURATION)


def definition(element: Element, kind: TriggerKind) -> Element | None:
    """The event's only definition of this kind."""
    tag = "compensateEventDefinition" if kind is TriggerKind.COMPENSATION else f"{kind.value}EventDefinition"
    return one(element, tag)


def timer(log: Log, element: Element, owner: str | None) -> Trigger:
    """A timer event definition. Raises `Stopped` when it says no time."""
    found: list[tuple[TimerKind, str]] = []
    for kind in _TIMERS:
        stated = one(element, kind.value)
        if stated is not None:
            found.append((kind, stated.text.strip()))
            break
    if not found:
        log.error("Timer needs configuration (either timeDate, timeCycle or timeDuration is needed).", element, owner)
        raise Stopped("timer without configuration")
    if owner is None:
        log.error('Attribute "id" is required!', element)
    kind, text = found[0]
    return Trigger(kind=TriggerKind.TIMER, id=element.id, timer=kind, timer_text=log.expression(text))


def warn_of_cycle(log: Log, element: Element, place: str, owner: str | None) -> None:
    cycle = one(element, "timeCycle")
    if cycle is not None:
        log.warn(f"It is not recommended to use a {place} timer event with a time cycle.", cycle, owner)


def message(log: Log, element: Element, owner: str | None, known: Definitions) -> Trigger:
    """A message event definition, or a receive task. Raises `Stopped` when the message is not defined."""
    ref = element.get("messageRef")
    if ref is None:
        log.error("attribute 'messageRef' is required", element, owner)
    found = known.messages.get(known.resolve(ref)) if ref is not None else None
    if found is None:
        log.error(f"Invalid 'messageRef': no message with id '{ref or 'null'}' found.", element, owner)
        raise Stopped("unknown message")
    return Trigger(kind=TriggerKind.MESSAGE, id=element.id, ref=found[0], name=found[1])


def signal(log: Log, element: Element, owner: str | None, known: Definitions, throwing: bool) -> Trigger | None:
    """A signal event definition; None when a throwing one names no signal. Raises `Stopped` where Camunda does."""
    ref = element.get("signalRef")
    if ref is None:
        log.error("signalEventDefinition does not have required property 'signalRef'", element, owner)
        if throwing:
            return None
        raise Stopped("signal missing")
    found = known.signals.get(known.resolve(ref))
    if found is None:
        log.error(f"Could not find signal with id '{ref}'", element, owner)
    mappings = dialect.mappings_in(log, element) if throwing else ()
    if found is None:
        raise Stopped("unknown signal")
    return Trigger(
        kind=TriggerKind.SIGNAL,
        id=element.id,
        ref=found[0],
        name=found[1],
        mappings=mappings,
        asynchronous=dialect.flag(element, "async"),
    )


def error(element: Element, known: Definitions) -> Trigger:
    """An error event definition. A reference to no error element is the code itself."""
    ref = element.get("errorRef")
    code, text = known.errors.get(ref, (ref, None)) if ref is not None else (None, None)
    return Trigger(
        kind=TriggerKind.ERROR,
        id=element.id,
        ref=ref,
        code=code,
        error_message=text,
        code_variable=dialect.attribute(element, "errorCodeVariable"),
        message_variable=dialect.attribute(element, "errorMessageVariable"),
    )


def thrown_error(log: Log, element: Element, owner: str | None, known: Definitions) -> Trigger:
    """The error of an error end event: it needs a code."""
    ref = element.get("errorRef")
    if not ref:
        log.error("'errorRef' attribute is mandatory on error end event", element, owner)
    elif ref in known.errors and not known.errors[ref][0]:
        log.error(
            "'errorCode' is mandatory on errors referenced by throwing error event definitions, but the error "
            f"'{ref}' does not define one.",
            element,
            owner,
        )
    return error(element, known)


def thrown_escalation(log: Log, element: Element, owner: str | None, known: Definitions, what: str) -> Trigger:
    """The escalation of a throwing event: it needs a reference and a code."""
    ref = element.get("escalationRef")
    if ref is None:
        log.error("escalationEventDefinition does not have required attribute 'escalationRef'", element, owner)
    elif ref not in known.escalations:
        log.error(f"could not find escalation with id '{ref}'", element, owner)
    elif known.escalations[ref] is None:
        log.error(f"{what} must have an 'escalationCode'", element, owner)
    return Trigger(
        kind=TriggerKind.ESCALATION, id=element.id, ref=ref, code=known.escalations.get(ref) if ref else None
    )


def caught_escalation(log: Log, element: Element, owner: str | None, known: Definitions) -> Trigger:
    """The escalation of a catching event; without a reference it catches every one."""
    ref = element.get("escalationRef")
    if ref is not None and ref not in known.escalations:
        log.error(f"could not find escalation with id '{ref}'", element, owner)
    return Trigger(
        kind=TriggerKind.ESCALATION,
        id=element.id,
        ref=ref,
        code=known.escalations.get(ref) if ref is not None else None,
        code_variable=dialect.attribute(element, "escalationCodeVariable"),
    )


def add_escalation(
    log: Log, host: Host, trigger: Trigger, by_subprocess: bool, element: Element, owner: str | None
) -> None:
    """Takes the catcher into its scope; reports those that would catch the same."""
    several = "escalation event subprocess" if by_subprocess else "escalation boundary event"
    code = trigger.code
    before = host.escalations.setdefault(by_subprocess, Counter())
    same = before[code]
    one_is_open = before.total() - same if code is None else before[None]
    if code is None:
        again = (
            f"The same scope can not contains more than one {several} without escalation code. "
            f"An {several} without escalation code catch all escalation events."
        )
    else:
        plural = several + ("es" if by_subprocess else "s")
        again = f"multiple {plural} with the same escalationCode '{code}' are not supported on same scope"
    for _ in range(same):
        log.error(again, element, owner)
    for _ in range(one_is_open):
        log.error(
            f"The same scope can not contains an {several} without escalation code and another one with "
            f"escalation code. The {several} without escalation code catch all escalation events.",
            element,
            owner,
        )
    before[code] += 1


def subscribe(
    log: Log, host: Host, host_id: str, trigger: Trigger, element: Element, owner: str | None, start: bool = False
) -> None:
    """Takes the event into its scope; reports a nameless message and what is caught twice."""
    kind = trigger.kind.value
    name = trigger.condition if trigger.kind is TriggerKind.CONDITIONAL else trigger.name
    if trigger.kind is TriggerKind.MESSAGE and not (name and name.strip()):
        log.error("Cannot have a message event subscription with an empty or missing name", element, owner)
        if name is None and kind in host.subscribed_kinds:
            raise Stopped("message without a name")
    own = Subscription(kind, name, start)
    same = own in host.subscriptions
    if same and trigger.kind is TriggerKind.CONDITIONAL:
        if start:
            log.error(
                f"Cannot have more than one conditional event subscription with the same condition '{name}'",
                element,
                owner,
            )
    elif same:
        log.error(
            f"Cannot have more than one {kind} event subscription with name '{name}' for scope '{host_id}'",
            element,
            owner,
        )
    host.subscriptions.add(own)
    host.subscribed_kinds.add(kind)


def condition(
    log: Log, element: Element, owner: str | None, known: Definitions
) -> tuple[str, ScriptSource | None] | None:
    """A condition: its text, and the script when it names a language. None when the script cannot be used."""
    text = element.text.strip()
    language = element.get("language")
    stated = element.qualified.get(f"{{{XSI_NS}}}type")
    if stated is not None:
        full = known.resolve(stated) if ":" in stated else f"{BPMN_NS}:{stated}"
        if full != f"{BPMN_NS}:tFormalExpression":
            log.error("Invalid type, only tFormalExpression is currently supported", element, owner)
    if language is None:
        return log.expression(text) or "", None
    try:
        return text, dialect.script_source(log, language, text, dialect.attribute(element, "resource"))
    except ValueError as bad:
        log.error(f"Unable to process condition expression:{bad}", element, owner)
        return None


def conditional(log: Log, element: Element, owner: str | None, known: Definitions) -> Trigger:
    """A conditional event definition. Raises `Stopped` when it has no condition."""
    stated = one(element, "condition")
    if stated is None:
        log.error("Conditional event must contain an expression for evaluation.", element, owner)
        raise Stopped("conditional event without a condition")
    read = condition(log, stated, owner, known)
    events = dialect.comma_separated(dialect.attribute(element, "variableEvents"))
    for event in events:
        if event not in VARIABLE_EVENTS:
            log.warn(
                f"Variable event: {event} is not valid. Possible variable change events are: "
                f"[{', '.join(VARIABLE_EVENTS)}]",
                element,
                owner,
            )
    return Trigger(
        kind=TriggerKind.CONDITIONAL,
        id=element.id,
        condition=stated.text.strip(),
        condition_script=read[1] if read is not None else None,
        variable_name=dialect.attribute(element, "variableName"),
        variable_events=tuple(events),
    )


def thrown_compensation(log: Log, element: Element, scope: Draft, owner: str | None) -> Trigger:
    """Compensation that is thrown. An unknown `activityRef` is an error once its scope has been read to the end."""
    ref = element.get("activityRef")
    waits = element.get("waitForCompletion") in (None, "true")
    if ref is not None and ref not in scope.level:
        outer = scope
        if scope.triggered and scope.kind == "subProcess" and scope.scope is not None:
            outer = scope.scope
        if ref not in outer.level:
            outer.backlog[ref] = (element, owner)
    if not waits:
        log.warn(
            "Unsupported attribute value for 'waitForCompletion': 'waitForCompletion=false' is not supported. "
            "Compensation event will wait for compensation to join.",
            element,
            owner,
        )
    return Trigger(
        kind=TriggerKind.COMPENSATION,
        id=element.id,
        ref=ref,
        activity_ref=ref,
        wait_for_completion=True,
    )


def caught_compensation(log: Log, element: Element, owner: str | None) -> Trigger:
    for name in ("activityRef", "waitForCompletion"):
        if element.get(name) is not None:
            log.warn(
                f"attribute '{name}' is not supported on catching compensation event. attribute will be ignored",
                element,
                owner,
            )
    return Trigger(kind=TriggerKind.COMPENSATION, id=element.id)


def thrown_message(log: Log, element: Element, tag: str, known: Definitions) -> Trigger:
    """A message that is thrown: carried out like a service task when it says how, else it does nothing."""
    service = dialect.is_service_like(element)
    found = known.messages.get(known.resolve(element.get("messageRef"))) if element.get("messageRef") else None
    how = dialect.implementation(log, element, tag) if service else None
    return Trigger(
        kind=TriggerKind.MESSAGE,
        id=element.id,
        ref=found[0] if found else element.get("messageRef"),
        name=found[1] if found else None,
        implementation=how,
    )
