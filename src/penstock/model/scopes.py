"""The scopes of a process, read in the order in which Camunda 7 reads them, so that the same errors come out.

Where Camunda's parser gives up in the middle (an unknown message, a timer without a time, a text that is no
expression), `Stopped` is raised: the errors found so far are the answer.
"""

from penstock.model import ad_hoc, dialect, triggers
from penstock.model.definitions import Definitions
from penstock.model.dialect import BadScript
from penstock.model.draft import Draft, Host
from penstock.model.graph import Condition, Flow, Listener, Loop, Trigger, TriggerKind
from penstock.model.log import Log, Stopped, one
from penstock.model.xml import Element

GATEWAYS = frozenset({"exclusiveGateway", "inclusiveGateway", "parallelGateway"})
ACTIVITIES = frozenset(
    {
        "task", "manualTask", "userTask", "serviceTask", "sendTask", "receiveTask", "scriptTask", "businessRuleTask",
        "subProcess", "transaction", "adHocSubProcess", "callActivity", "intermediateThrowEvent", "eventBasedGateway", *GATEWAYS,
    }
)  # fmt: skip
IGNORED = frozenset({"complexGateway"})
_MAPPED = ("transaction", "subProcess", "adHocSubProcess", "callActivity")


class ScopeReader:
    """Reads the scopes of one process. `links` are shared by the processes of a file, as in Camunda."""

    def __init__(self, log: Log, known: Definitions, process: Draft, links: "Links") -> None:
        self.log = log
        self.known = known
        self.process = process
        self.links = links
        self.drafts: dict[str | None, Draft] = {}
        self.bodies: set[str] = set()
        self.flows: dict[str, Flow] = {}
        self.flow_elements: dict[str, Element] = {}
        """Those that Camunda makes transitions of, by id: not those that leave an event-based gateway."""
        self.flow_index: dict[str, int] = {}

    # -------------------------------------------------------------------------------------------- scope by scope

    def scope(self, scope: Draft) -> None:
        """Reads everything directly and indirectly inside `scope`."""
        element = scope.element
        catches = [c for c in element.children if c.name == "intermediateCatchEvent"]
        handlers = {
            c.id: c
            for c in element.children
            if c.name != "intermediateCatchEvent" and (c.get("isForCompensation") or "").lower() == "true"
        }
        self.start_events(scope)
        for child in element.children:
            if child.name != "intermediateCatchEvent" and handlers.get(child.id) is not child:
                self.activity(child, scope)
        for child in catches:
            if child.id not in self.drafts or child.id is None:
                self.catch_event(child, scope, None)
        for child in element.all("endEvent"):
            self.end_event(child, scope)
        for child in element.all("boundaryEvent"):
            self.boundary_event(child, scope)
        self.sequence_flows(scope, handlers)
        scope.fields["listeners"] = dialect.execution_listeners(self.log, element)
        self.associations(scope, handlers)
        for child in handlers.values():
            self.activity(child, scope)
        for ref, (where, owner) in scope.backlog.items():
            self.log.error(
                f"Invalid attribute value for 'activityRef': no activity with id '{ref}' in scope '{scope.id}'",
                where,
                owner,
            )

    def create(self, element: Element, scope: Draft, loop: bool = False) -> Draft:
        """A new draft in `scope`, with what every node has."""
        if element.id is not None and element.id in self.drafts:
            raise Stopped(f"duplicate activity id '{element.id}'")
        draft = Draft(element, scope)
        if element.id is not None:
            self.drafts[element.id] = draft
            scope.level[element.id] = draft
            if not loop:
                scope.backlog.pop(element.id, None)
        scope.children.append(draft)
        texts = [d.text.strip() for d in element.all("documentation")]
        attribute = dialect.attribute
        draft.async_after = attribute(element, "asyncAfter") == "true"
        draft.fields = {
            "name": element.get("name"),
            "documentation": "\n\n".join(texts) if texts else None,
            "default_flow": element.get("default") or None,
            "job_priority": dialect.priority(self.log, element, "jobPriority"),
            "for_compensation": draft.for_compensation,
            "async_before": attribute(element, "async") == "true" or attribute(element, "asyncBefore") == "true",
            "async_after": draft.async_after,
            "exclusive": dialect.flag(element, "exclusive", True),
            "retry_cycle": dialect.retry_cycle(element),
            "properties": dialect.properties(element),
            "line": element.line,
        }
        return draft

    def listeners(self, draft: Draft) -> None:
        draft.fields["listeners"] = dialect.execution_listeners(self.log, draft.element)

    def no_mapping(self, element: Element) -> None:
        if dialect.extension(element, "inputOutput") is not None:
            self.log.error(f"camunda:inputOutput mapping unsupported for element type '{element.name}'.", element)

    def mapping(self, draft: Draft) -> None:
        """Input and output parameters, where the kind may have them."""
        element, log = draft.element, self.log
        holder = one(element, "extensionElements")
        if holder is None:
            return
        try:
            found = dialect.input_output(log, holder)
        except BadScript as bad:
            log.error(bad.message, bad.element, draft.id)
            return
        if found is None:
            return
        name = element.name
        if "task" not in name.lower() and "Event" not in name and name not in _MAPPED:
            log.error(f"camunda:inputOutput mapping unsupported for element type '{name}'.", element)
            return
        if name == "subProcess" and element.get("triggeredByEvent") == "true":
            log.error(
                f"camunda:inputOutput mapping unsupported for element type '{name}' with attribute "
                "'triggeredByEvent = true'.",
                element,
            )
            return
        if found[1] and name == "endEvent":
            log.error(f"camunda:outputParameter not allowed for element type '{name}'.", element)
        elif found[1] and draft.body is not None:
            log.error("camunda:outputParameter not allowed for multi-instance constructs", element)
            return
        draft.fields["inputs"], draft.fields["outputs"] = found

    # -------------------------------------------------------------------------------------------- start events

    def start_events(self, scope: Draft) -> None:
        element, log = scope.element, self.log
        found: list[Draft] = []
        for start in element.all("startEvent"):
            draft = self.create(start, scope)
            if scope is self.process:
                self.process_start(draft)
                found.append(draft)
            else:
                self.scope_start(draft, scope)
            self.no_mapping(start)
            self.listeners(draft)
        if not element.all("startEvent") and element.name in ("process", "subProcess"):
            log.error(f"{element.name} must define a startEvent element", element)
        if scope is self.process:
            self.initial(found)

    def initial(self, starts: list[Draft]) -> None:
        """Of the start events without a message, signal or condition there may be one; it has the start form."""
        initial: Draft | None = None
        for draft in starts:
            kinds = {trigger.kind for trigger in draft.fields.get("triggers", ())}
            if not kinds or TriggerKind.TIMER in kinds:
                if initial is None:
                    initial = draft
                else:
                    self.log.error(
                        "multiple none start events or timer start events not supported on process definition",
                        self.process.element,
                        draft.id,
                    )
        if initial is None and len(starts) == 1:
            initial = starts[0]
        if initial is None:
            return
        if any(draft.id is None for draft in starts):
            raise Stopped("a start event has no id")
        initial.fields["form"] = dialect.form(self.log, initial.element)

    def process_start(self, draft: Draft) -> None:
        element, log, owner = draft.element, self.log, draft.id
        draft.fields["initiator"] = dialect.attribute(element, "initiator")
        timer = triggers.definition(element, TriggerKind.TIMER)
        message = triggers.definition(element, TriggerKind.MESSAGE)
        signal = triggers.definition(element, TriggerKind.SIGNAL)
        conditional = triggers.definition(element, TriggerKind.CONDITIONAL)
        trigger: Trigger | None = None
        if timer is not None:
            trigger = triggers.timer(log, timer, owner)
        elif message is not None:
            trigger = triggers.message(log, message, owner, self.known)
            if trigger.name and dialect.is_expression(trigger.name):
                log.error(
                    f"Invalid message name '{trigger.name}' for element '{message.name}': expressions in the message "
                    "start event name are not allowed!",
                    message,
                    owner,
                )
            triggers.subscribe(log, self.process, self.process.key, trigger, element, owner, start=True)
        elif signal is not None:
            trigger = triggers.signal(log, signal, owner, self.known, throwing=False)
            if trigger is not None:
                triggers.subscribe(log, self.process, self.process.key, trigger, signal, owner, start=True)
        elif conditional is not None:
            trigger = triggers.conditional(log, conditional, owner, self.known)
            triggers.subscribe(log, self.process, self.process.key, trigger, element, owner, start=True)
        draft.fields["triggers"] = (trigger,) if trigger is not None else ()

    def scope_start(self, draft: Draft, scope: Draft) -> None:
        element, log = draft.element, self.log
        scope.starts += 1
        if scope.starts > 1:
            log.error("multiple start events not supported for subprocess", scope.element, draft.id)
        if scope.triggered:
            self.event_start(draft, scope)
            return
        for kind, text in (
            (TriggerKind.CONDITIONAL, "conditionalEventDefinition is not allowed on start event within a subprocess"),
            (TriggerKind.TIMER, "timerEventDefinition is not allowed on start event within a subprocess"),
            (TriggerKind.ESCALATION, "escalationEventDefinition is not allowed on start event within a subprocess"),
            (TriggerKind.COMPENSATION, "compensateEventDefinition is not allowed on start event within a subprocess"),
            (TriggerKind.ERROR, _ONLY.format("errorEventDefinition")),
            (TriggerKind.MESSAGE, _ONLY.format("messageEventDefinition")),
            (TriggerKind.SIGNAL, _ONLY.format("signalEventDefintion")),
        ):
            found = triggers.definition(element, kind)
            if found is not None:
                log.error(text, found, draft.id)

    def event_start(self, draft: Draft, scope: Draft) -> None:
        """The start event of an event sub-process; what it waits for belongs to the scope around."""
        element, log, owner, known = draft.element, self.log, draft.id, self.known
        outer = scope.scope or self.process
        interrupting = (element.get("isInterrupting") or "true").lower() == "true"
        draft.fields["interrupting"] = interrupting
        found = {kind: triggers.definition(element, kind) for kind in _EVENT_STARTS}
        kind = next((kind for kind in _EVENT_STARTS if found[kind] is not None), None)
        at = found[kind] if kind is not None else None
        trigger: Trigger | None = None
        if at is None:
            log.error(
                "start event of event subprocess must be of type 'error', 'message', 'timer', 'signal', "
                "'compensation' or 'escalation'",
                element,
            )
        elif kind is TriggerKind.ERROR:
            if not interrupting:
                log.error("error start event of event subprocess must be interrupting", element)
            trigger = triggers.error(at, known)
        elif kind is TriggerKind.MESSAGE:
            trigger = triggers.message(log, at, owner, known)
            triggers.subscribe(log, outer, outer.key, trigger, at, owner)
        elif kind is TriggerKind.SIGNAL:
            trigger = triggers.signal(log, at, owner, known, throwing=False)
            if trigger is not None:
                triggers.subscribe(log, outer, outer.key, trigger, at, owner)
        elif kind is TriggerKind.TIMER:
            trigger = triggers.timer(log, at, owner)
            if interrupting:
                triggers.warn_of_cycle(log, at, "interrupting start", owner)
        elif kind is TriggerKind.COMPENSATION:
            trigger = self.compensation_start(at, draft, scope, outer)
        elif kind is TriggerKind.ESCALATION:
            trigger = triggers.caught_escalation(log, at, owner, known)
            triggers.add_escalation(log, outer, trigger, True, at, owner)
        else:
            trigger = triggers.conditional(log, at, owner, known)
            triggers.subscribe(log, outer, outer.key, trigger, at, owner)
        draft.fields["triggers"] = (trigger,) if trigger is not None else ()

    def compensation_start(self, at: Element, draft: Draft, scope: Draft, outer: Draft) -> Trigger:
        element, log = draft.element, self.log
        scope.for_compensation = True
        scope.fields["for_compensation"] = True
        if outer is self.process:
            log.error(
                "event subprocess with compensation start event is only supported for embedded subprocess "
                "(since throwing compensation through a call activity-induced process hierarchy is not supported)",
                element,
            )
            raise Stopped("compensation start event at process level")
        if outer.handler is None:
            outer.handler = scope
        elif outer.handler.is_scope:
            log.error(
                "multiple event subprocesses with compensation start event are not supported on the same scope",
                element,
            )
        else:
            log.error(_BOTH_COMPENSATIONS, element)
        return triggers.caught_compensation(log, at, draft.id)

    # -------------------------------------------------------------------------------------------- activities

    def activity(self, element: Element, scope: Draft) -> Draft | None:
        """Reads one activity, gateway or throw event; None for what is no such thing, or is ignored."""
        loop = self.loop(element, scope)
        name = element.name
        if name in IGNORED:
            self.log.warn("Ignoring unsupported activity type", element)
        if name not in ACTIVITIES:
            if loop is not None:
                raise Stopped(f"multi-instance '{name}' is not supported")
            return None
        if name == "intermediateThrowEvent":
            link = one(element, "linkEventDefinition")
            if link is not None:
                self.links.sources[element.id] = link.get("name")
                return None
        draft = self.create(element, scope, loop is not None)
        if loop is not None:
            draft.body = Host()
            draft.fields["loop"] = loop
        if name in GATEWAYS:
            self.listeners(draft)
        elif name == "eventBasedGateway":
            self.event_based_gateway(draft, scope)
        elif name == "intermediateThrowEvent":
            self.throw_event(draft, scope)
        elif name in ("subProcess", "transaction"):
            if name == "subProcess":
                draft.triggered = dialect.boolean(element.get("triggeredByEvent"), False)
                draft.fields["triggered_by_event"] = draft.triggered
            self.scope(draft)
        elif name == "adHocSubProcess":
            self.ad_hoc(draft)
        else:
            self.task(draft)
        self.mapping(draft)
        return draft

    def ad_hoc(self, draft: Draft) -> None:
        """An ad-hoc sub-process (BPMN 2.0.2 §10.3.5). Camunda 7 knows none: the messages are ours."""
        self.scope(draft)
        draft.fields["ad_hoc"] = ad_hoc.read(self.log, draft.element, draft.fields["properties"])

    def loop(self, element: Element, scope: Draft) -> Loop | None:
        """Multi-instance characteristics (BPMN 2.0.2 §10.3.8), or None."""
        found = one(element, "multiInstanceLoopCharacteristics")
        if found is None:
            return None
        log = self.log
        body_id = f"{element.id}#multiInstanceBody"
        if body_id in self.bodies:
            raise Stopped(f"duplicate activity id '{body_id}'")
        self.bodies.add(body_id)
        sequential = dialect.boolean(found.get("isSequential"), False)
        cardinality = one(found, "loopCardinality")
        if cardinality is not None:
            if not cardinality.text:
                log.error(
                    "loopCardinality must be defined for a multiInstanceLoopCharacteristics definition ",
                    found,
                    body_id,
                )
            log.expression(cardinality.text)
        completion = one(found, "completionCondition")
        if completion is not None:
            log.expression(completion.text)
        collection = log.expression(dialect.attribute(found, "collection"))
        reference = one(found, "loopDataInputRef")
        if reference is not None:
            collection = log.expression(reference.text.strip())
        variable = dialect.attribute(found, "elementVariable")
        item = one(found, "inputDataItem")
        if item is not None:
            variable = item.get("name")
        if cardinality is None and collection is None:
            log.error("Either loopCardinality or loopDataInputRef/activiti:collection must be set", found, body_id)
        if collection is None and variable is not None:
            log.error(
                "LoopDataInputRef/activiti:collection must be set when using inputDataItem or activiti:elementVariable",
                found,
                body_id,
            )
        attribute = dialect.attribute
        return Loop(
            sequential=sequential,
            cardinality=cardinality.text.strip() if cardinality is not None else None,
            collection=collection,
            element_variable=variable,
            completion_condition=completion.text.strip() if completion is not None else None,
            async_before=attribute(found, "async") == "true" or attribute(found, "asyncBefore") == "true",
            async_after=attribute(found, "asyncAfter") == "true",
            exclusive=dialect.flag(found, "exclusive", True),
            retry_cycle=dialect.retry_cycle(found),
        )

    def task(self, draft: Draft) -> None:
        """Tasks and call activities."""
        element, log, name, fields = draft.element, self.log, draft.kind, draft.fields
        if name == "scriptTask":
            self.script_task(draft)
            return
        if name in ("serviceTask", "sendTask", "businessRuleTask"):
            self.service_task(draft)
            return
        if name == "userTask":
            self.user_task(draft)
        elif name == "callActivity":
            fields["called"] = dialect.called(log, element)
        self.listeners(draft)
        if name == "receiveTask":
            fields["instantiate"] = element.get("instantiate") == "true"
            if element.get("messageRef") is not None:
                trigger = triggers.message(log, element, draft.id, self.known)
                triggers.subscribe(log, draft, draft.key, trigger, element, draft.id)
                fields["triggers"] = (trigger,)

    def script_task(self, draft: Draft) -> None:
        element, log = draft.element, self.log
        language = element.get("scriptFormat")
        found = one(element, "script")
        draft.fields["result_variable"] = dialect.result_variable(element)
        try:
            draft.fields["script"] = dialect.script_source(
                log,
                "juel" if language is None else language,
                found.text if found is not None else None,
                dialect.attribute(element, "resource"),
            )
        except ValueError as bad:
            log.error(f"Unable to process ScriptTask: {bad}", found)
            return
        self.listeners(draft)

    def service_task(self, draft: Draft) -> None:
        element, log, name, fields = draft.element, self.log, draft.kind, draft.fields
        if name == "businessRuleTask" and dialect.attribute(element, "decisionRef") is not None:
            fields["implementation"] = dialect.decision(log, element)
            fields["result_variable"] = dialect.result_variable(element)
            self.listeners(draft)
            return
        like = name != "sendTask" or dialect.is_service_like(element)
        how = dialect.implementation(log, element, name) if like else None
        if how is not None and how.type == "external":
            fields["error_definitions"] = dialect.error_definitions(log, element, self.known.errors)
        self.listeners(draft)
        how = dialect.connector(log, element, how)
        if how is None:
            text = (
                f"One of the attributes 'class', 'delegateExpression', 'type', or 'expression' is mandatory on {name}."
            )
            if like:
                text += (
                    " If you are using a connector, make sure the connect process engine plugin is registered with "
                    "the process engine."
                )
            log.error(text, element)
        fields["implementation"] = how
        fields["result_variable"] = how.result_variable if how is not None else None

    def user_task(self, draft: Draft) -> None:
        element, log, fields = draft.element, self.log, draft.fields
        fields["form"] = dialect.form(log, element)
        log.expression(element.get("name"))
        log.expression(fields["documentation"])
        listeners: list[Listener] = []
        for found in dialect.extensions(element, "taskListener"):
            listener = self.task_listener(found, draft)
            if listener is not None:
                listeners.append(listener)
        fields["user_task"] = dialect.user_task(log, element, tuple(listeners))
        for held in element.all("property"):
            if held.get("name") is None and held.id is None:
                log.error(f"Invalid property usage on line {held.line}: no id or name specified.", held, draft.id)

    def task_listener(self, element: Element, draft: Draft) -> Listener | None:
        log, event, owner = self.log, element.get("event"), draft.id
        if event is None:
            log.error("Attribute 'event' is mandatory on taskListener", draft.element)
            return None
        if event in dialect.TASK_EVENTS:
            return dialect.task_listener(log, element, event, owner)
        if event != "timeout":
            log.error(
                "Attribute 'event' must be one of {create|assignment|complete|update|delete|timeout}", draft.element
            )
            return None
        if element.id is None:
            log.error("Element 'id' is mandatory on taskListener of type 'timeout'", element, owner)
        at = one(element, "timerEventDefinition")
        if at is None:
            log.error("Element 'timerEventDefinition' is mandatory on taskListener of type 'timeout'", element, owner)
            raise Stopped("timeout listener without a timer")
        timer = triggers.timer(log, at, owner)
        listener = dialect.task_listener(log, element, event, owner)
        if listener is None:
            return None
        return Listener(
            event=event,
            id=listener.id,
            class_name=listener.class_name,
            expression=listener.expression,
            delegate_expression=listener.delegate_expression,
            script=listener.script,
            fields=listener.fields,
            timer=timer,
        )

    def event_based_gateway(self, draft: Draft, scope: Draft) -> None:
        element, log = draft.element, self.log
        draft.fields["instantiate"] = element.get("instantiate") == "true"
        if draft.async_after:
            log.error(f"'asyncAfter' not supported for {element.name} elements.", element)
        self.listeners(draft)
        if not scope.siblings:
            scope.siblings = {child.id: child for child in scope.element.children}
            for flow in scope.element.all("sequenceFlow"):
                scope.targets.setdefault(flow.get("sourceRef"), []).append(flow.get("targetRef"))
        for ref in scope.targets.get(draft.id, ()):
            target = scope.siblings.get(ref)
            if target is None:
                continue
            if target.name == "intermediateCatchEvent":
                self.catch_event(target, scope, draft)
            else:
                log.error(
                    "Event based gateway can only be connected to elements of type intermediateCatchEvent", element
                )

    # -------------------------------------------------------------------------------------------- events

    def catch_event(self, element: Element, scope: Draft, gateway: Draft | None) -> None:
        """An intermediate catch event; after an event-based gateway the gateway waits for it."""
        log, known = self.log, self.known
        draft = self.create(element, scope)
        draft.event_based = gateway
        host = gateway or draft
        found = {kind: triggers.definition(element, kind) for kind in _CATCHES}
        kind = next((kind for kind in _CATCHES if found[kind] is not None), None)
        at = found[kind] if kind is not None else None
        trigger: Trigger | None = None
        if at is None:
            log.error("Unsupported intermediate catch event type", element)
        elif kind is TriggerKind.TIMER:
            trigger = triggers.timer(log, at, draft.id)
        elif kind is TriggerKind.LINK:
            trigger = self.link(at, draft, gateway)
        else:
            if kind is TriggerKind.SIGNAL:
                trigger = triggers.signal(log, at, draft.id, known, throwing=False)
            elif kind is TriggerKind.MESSAGE:
                trigger = triggers.message(log, at, draft.id, known)
            else:
                trigger = triggers.conditional(log, at, draft.id, known)
            if trigger is not None:
                triggers.subscribe(log, host, host.key, trigger, at, draft.id)
        draft.fields["triggers"] = (trigger,) if trigger is not None else ()
        self.listeners(draft)
        self.mapping(draft)

    def link(self, at: Element, draft: Draft, gateway: Draft | None) -> Trigger:
        element, log, name = draft.element, self.log, at.get("name")
        if gateway is not None:
            log.error("IntermediateCatchLinkEvent is not allowed after an EventBasedGateway.", element)
        if name in self.links.targets:
            log.error(
                f"Multiple Intermediate Catch Events with the same link event name ('{name}') are not allowed.",
                element,
            )
        elif name is None:
            raise Stopped("link event without a name")
        else:
            if name != element.get("name"):
                log.warn(
                    f"Link Event named '{element.get('name') or 'null'}' contains link event definition with name "
                    f"'{name}' - it is recommended to use the same name for both.",
                    element,
                )
            self.links.targets[name] = element.id
        return Trigger(kind=TriggerKind.LINK, id=at.id, name=name)

    def throw_event(self, draft: Draft, scope: Draft) -> None:
        element, log, known = draft.element, self.log, self.known
        found = {kind: triggers.definition(element, kind) for kind in _THROWS}
        kind = next((kind for kind in _THROWS if found[kind] is not None), None)
        at = found[kind] if kind is not None else None
        trigger: Trigger | None = None
        if at is not None and kind is TriggerKind.SIGNAL:
            trigger = triggers.signal(log, at, draft.id, known, throwing=True)
        elif at is not None and kind is TriggerKind.COMPENSATION:
            trigger = triggers.thrown_compensation(log, at, scope, draft.id)
        elif at is not None and kind is TriggerKind.MESSAGE:
            trigger = self.thrown_message(draft, at, "intermediateMessageThrowEvent")
        elif at is not None:
            trigger = triggers.thrown_escalation(log, at, draft.id, known, "throwing escalation event")
        draft.fields["triggers"] = (trigger,) if trigger is not None else ()
        self.listeners(draft)
        self.finish_message(draft, at if kind is TriggerKind.MESSAGE else None, "intermediateMessageThrowEvent")

    def thrown_message(self, draft: Draft, at: Element, tag: str) -> Trigger:
        trigger = triggers.thrown_message(self.log, at, tag, self.known)
        if trigger.implementation is not None and trigger.implementation.type == "external":
            draft.fields["error_definitions"] = dialect.error_definitions(self.log, at, self.known.errors)
        return trigger

    def finish_message(self, draft: Draft, at: Element | None, tag: str) -> None:
        """The connector of a thrown message, and whether the message says how it is carried out."""
        if at is None or not dialect.is_service_like(at):
            return
        trigger: Trigger = draft.fields["triggers"][0]
        how = dialect.connector(self.log, at, trigger.implementation)
        if how is None:
            self.log.error(
                "One of the attributes 'class', 'delegateExpression', 'type', or 'expression' is mandatory on "
                f"{tag}. If you are using a connector, make sure the connect process engine plugin is registered "
                "with the process engine.",
                at,
            )
        draft.fields["triggers"] = (
            Trigger(kind=trigger.kind, id=trigger.id, ref=trigger.ref, name=trigger.name, implementation=how),
        )

    def end_event(self, element: Element, scope: Draft) -> None:
        log, known = self.log, self.known
        draft = self.create(element, scope)
        found = {kind: triggers.definition(element, kind) for kind in _ENDS}
        kind = next((kind for kind in _ENDS if found[kind] is not None), None)
        at = found[kind] if kind is not None else None
        trigger: Trigger | None = None
        if at is None or kind is None:
            pass
        elif kind is TriggerKind.ERROR:
            trigger = triggers.thrown_error(log, at, draft.id, known)
        elif kind is TriggerKind.CANCEL:
            if scope.kind != "transaction":
                log.error(
                    "end event with cancelEventDefinition only supported inside transaction subprocess", at, draft.id
                )
            trigger = Trigger(kind=kind, id=at.id)
        elif kind is TriggerKind.TERMINATE:
            trigger = Trigger(kind=kind, id=at.id)
        elif kind is TriggerKind.MESSAGE:
            trigger = self.thrown_message(draft, at, "messageEndEvent")
        elif kind is TriggerKind.SIGNAL:
            trigger = triggers.signal(log, at, draft.id, known, throwing=True)
        elif kind is TriggerKind.COMPENSATION:
            trigger = triggers.thrown_compensation(log, at, scope, draft.id)
        else:
            trigger = triggers.thrown_escalation(log, at, draft.id, known, "escalation end event")
        draft.fields["triggers"] = (trigger,) if trigger is not None else ()
        self.mapping(draft)
        self.listeners(draft)
        self.finish_message(draft, at if kind is TriggerKind.MESSAGE else None, "messageEndEvent")

    def boundary_event(self, element: Element, scope: Draft) -> None:
        log, ref = self.log, element.get("attachedToRef")
        if not ref:
            log.error("AttachedToRef is required when using a timerEventDefinition", element)
        found = {kind: triggers.definition(element, kind) for kind in _BOUNDARIES}
        draft = self.create(element, scope)
        attached = scope.level.get(ref)
        if attached is None:
            log.error(
                "Invalid reference in boundary event. Make sure that the referenced activity is defined in the same "
                "scope as the boundary event",
                element,
            )
            raise Stopped("boundary event without an activity")
        draft.attached = attached
        draft.fields["attached_to"] = attached.key
        draft.fields["interrupting"] = (element.get("cancelActivity") or "true").lower() == "true"
        kind = next((kind for kind in _BOUNDARIES if found[kind] is not None), None)
        at = found[kind] if kind is not None else None
        if at is None or kind is None:
            log.error("Unsupported boundary event type", element)
            trigger: Trigger | None = None
        else:
            trigger = self.boundary_trigger(draft, attached, kind, at)
        draft.fields["triggers"] = (trigger,) if trigger is not None else ()
        self.no_mapping(element)
        self.listeners(draft)

    def boundary_trigger(self, draft: Draft, attached: Draft, kind: TriggerKind, at: Element) -> Trigger | None:
        log, known, owner = self.log, self.known, draft.id
        draft.catches = kind.value
        if kind is TriggerKind.TIMER:
            trigger = triggers.timer(log, at, owner)
            if draft.fields["interrupting"]:
                triggers.warn_of_cycle(log, at, "cancelling boundary", owner)
            return trigger
        if kind is TriggerKind.ERROR:
            return triggers.error(at, known)
        if kind is TriggerKind.CANCEL:
            self.boundary_cancel(draft, attached, at)
            return Trigger(kind=kind, id=at.id)
        if kind is TriggerKind.COMPENSATION:
            if "compensation" in attached.caught:
                log.error(
                    "multiple boundary events with compensateEventDefinition not supported on same activity", at, owner
                )
            attached.caught.add("compensation")
            return triggers.caught_compensation(log, at, owner)
        if kind is TriggerKind.ESCALATION:
            if not attached.is_scope and not (
                attached.kind == "userTask"
                or (attached.kind == "callActivity" and attached.element.get("calledElement") is not None)
            ):
                log.error(
                    "An escalation boundary event should only be attached to a subprocess, a call activity or an "
                    "user task",
                    draft.element,
                )
                return None
            trigger = triggers.caught_escalation(log, at, owner, known)
            triggers.add_escalation(log, attached.host, trigger, False, at, owner)
            return trigger
        if kind is TriggerKind.SIGNAL:
            caught = triggers.signal(log, at, owner, known, throwing=False)
            if caught is None:
                return None
        elif kind is TriggerKind.MESSAGE:
            caught = triggers.message(log, at, owner, known)
        else:
            caught = triggers.conditional(log, at, owner, known)
        if owner is None and kind is not TriggerKind.CONDITIONAL:
            log.error("boundary event has no id", at)
        triggers.subscribe(log, attached.host, attached.host_id, caught, at, owner)
        return caught

    def boundary_cancel(self, draft: Draft, attached: Draft, at: Element) -> None:
        if attached.kind != "transaction":
            self.log.error(
                "boundary event with cancelEventDefinition only supported on transaction subprocesses", at, draft.id
            )
        if attached.body is None and "cancel" in attached.caught:
            self.log.error(
                "multiple boundary events with cancelEventDefinition not supported on same transaction subprocess",
                at,
                draft.id,
            )
        attached.caught.add("cancel")

    # -------------------------------------------------------------------------------------------- flows, associations

    def sequence_flows(self, scope: Draft, handlers: dict[str | None, Element]) -> None:
        log = self.log
        for element in scope.element.all("sequenceFlow"):
            own, source_ref, target_ref = element.id, element.get("sourceRef"), element.get("targetRef")
            if target_ref in self.links.sources:
                name = self.links.sources[target_ref]
                target_ref = self.links.targets.get(name)
                if target_ref is None:
                    log.error(
                        f"sequence flow points to link event source with name '{name}' but no event target with that "
                        "name exists. Most probably your link events are not configured correctly.",
                        element,
                    )
                    return
            source, target = scope.level.get(source_ref), scope.level.get(target_ref)
            problem: str | None = None
            ids: tuple[str | None, ...] = ()
            if (source is None and source_ref in handlers) or (source is not None and source.for_compensation):
                problem, ids = _COMPENSATION_FLOW.format("outgoing", source_ref), (source_ref, own)
            elif (target is None and target_ref in handlers) or (target is not None and target.for_compensation):
                problem, ids = _COMPENSATION_FLOW.format("incoming", target_ref), (target_ref, own)
            elif source is None:
                problem = f"Invalid source '{source_ref or 'null'}' of sequence flow '{own or 'null'}'"
            elif target is None:
                problem = f"Invalid destination '{target_ref or 'null'}' of sequence flow '{own or 'null'}'"
            elif source.kind != "eventBasedGateway":
                if target.event_based is not None:
                    problem = (
                        f"Invalid incoming sequenceflow for intermediateCatchEvent with id '{target.id}' connected to "
                        "an event-based gateway."
                    )
                elif source.triggered:
                    problem = "Invalid outgoing sequence flow of event subprocess"
                elif target.triggered:
                    problem = "Invalid incoming sequence flow of event subprocess"
            if problem is not None or source is None or target is None:
                log.error(problem or "", element, *ids)
            else:
                self.flow(element, source, target)

    def flow(self, element: Element, source: Draft, target: Draft) -> None:
        key = element.id or f"sequenceFlow-{element.index}"
        condition: Condition | None = None
        listeners: tuple[Listener, ...] = ()
        if source.kind != "eventBasedGateway":
            at = one(element, "conditionExpression")
            if at is not None:
                read = triggers.condition(self.log, at, element.id, self.known)
                condition = Condition(text=read[0], script=read[1]) if read is not None else None
            listeners = dialect.execution_listeners(self.log, element, transition=True)
            source.outgoing.append((element.id, condition is not None))
            if element.id is not None:
                self.flow_elements[element.id] = element
        self.flow_index[key] = element.index
        self.flows[key] = Flow(
            id=key,
            source=source.key,
            target=target.key,
            name=element.get("name"),
            condition=condition,
            listeners=listeners,
            line=element.line,
        )

    def associations(self, scope: Draft, handlers: dict[str | None, Element]) -> None:
        """Associations matter from a compensation boundary event to the activity that compensates."""
        log = self.log
        for element in scope.element.all("association"):
            source_ref, target_ref = element.get("sourceRef"), element.get("targetRef")
            if source_ref is None:
                log.error("association element missing attribute 'sourceRef'", element)
            if target_ref is None:
                log.error("association element missing attribute 'targetRef'", element)
            source, target = self.inside(source_ref, scope), self.inside(target_ref, scope)
            if source is None and source_ref not in self.links.ids:
                log.error(f"Invalid reference sourceRef '{source_ref}' of association element ", element)
            elif target is None and target_ref not in self.links.ids:
                log.error(f"Invalid reference targetRef '{target_ref}' of association element ", element)
            elif source is not None and source.catches == "compensation":
                if target is None and target_ref in handlers:
                    target = self.activity(handlers.pop(target_ref), scope)
                if target is not None:
                    self.compensation(element, source, target)

    def inside(self, ref: str | None, scope: Draft) -> Draft | None:
        draft = self.drafts.get(ref) if ref is not None else None
        return draft if draft is not None and draft.within(scope) else None

    def compensation(self, element: Element, source: Draft, target: Draft) -> None:
        if not target.for_compensation:
            self.log.error(
                "compensation boundary catch must be connected to element with isForCompensation=true",
                element,
                source.id,
                target.id,
            )
            return
        compensated = source.attached
        if compensated is None:
            return
        if compensated.handler is not None and compensated.handler.is_scope:
            self.log.error(_BOTH_COMPENSATIONS, element, compensated.id, source.id)
        else:
            compensated.handler = target
            compensated.fields["compensated_by"] = target.key

    # -------------------------------------------------------------------------------------------- afterwards

    def validate(self) -> None:
        """What can be said once the whole process has been read."""
        for draft in self.drafts.values():
            if draft.kind == "exclusiveGateway":
                self.exclusive_gateway(draft)
            if draft.async_after:
                for flow, _ in draft.outgoing:
                    if flow is None:
                        own = draft.host_id if draft.body is not None else draft.id
                        self.log.error(
                            f"Sequence flow with sourceRef='{own}' must have an id, activity with id '{own}' uses "
                            "'asyncAfter'.",
                            None,
                            own,
                        )

    def exclusive_gateway(self, draft: Draft) -> None:
        log, own = self.log, draft.id
        if not draft.outgoing:
            log.error(f"Exclusive Gateway '{own}' has no outgoing sequence flows.", draft.element, own)
            return
        if len(draft.outgoing) == 1:
            flow, conditioned = draft.outgoing[0]
            if conditioned:
                log.error(
                    f"Exclusive Gateway '{own}' has only one outgoing sequence flow ('{flow}'). This is not allowed "
                    "to have a condition.",
                    draft.element,
                    own,
                    flow,
                )
            return
        default = draft.element.get("default")
        bare: list[str | None] = []
        for flow, conditioned in draft.outgoing:
            is_default = flow is not None and flow == default
            if not conditioned and not is_default:
                bare.append(flow)
            if conditioned and is_default:
                log.error(
                    f"Exclusive Gateway '{own}' has outgoing sequence flow '{flow}' which is the default flow but "
                    "has a condition too.",
                    draft.element,
                    own,
                    flow,
                )
        for flow in bare:
            text = (
                f"Exclusive Gateway '{own}' has outgoing sequence flow '{flow}' without condition which is not the "
                "default flow."
            )
            if default or len(bare) > 1:
                log.error(text, draft.element, own, flow)
            else:
                log.warn(
                    f"{text} We assume it to be the default flow, but it is bad modeling practice, better set the "
                    "default flow in your gateway.",
                    draft.element,
                    own,
                    flow,
                )


class Links:
    """What the processes of one file share: link events by name, and every id there is."""

    def __init__(self, ids: set[str]) -> None:
        self.ids: set[str | None] = {*ids}
        self.sources: dict[str | None, str | None] = {}
        """Throw event id -> link name."""
        self.targets: dict[str | None, str | None] = {}
        """Link name -> catch event id."""


_ONLY = "{} only allowed on start event if subprocess is an event subprocess"
_COMPENSATION_FLOW = (
    "Invalid {} sequence flow of compensation activity '{}'. A compensation activity should not have an incoming or "
    "outgoing sequence flow."
)
_BOTH_COMPENSATIONS = (
    "compensation boundary event and event subprocess with compensation start event are not supported on the same scope"
)
_EVENT_STARTS = (
    TriggerKind.ERROR,
    TriggerKind.MESSAGE,
    TriggerKind.SIGNAL,
    TriggerKind.TIMER,
    TriggerKind.COMPENSATION,
    TriggerKind.ESCALATION,
    TriggerKind.CONDITIONAL,
)
_CATCHES = (
    TriggerKind.TIMER,
    TriggerKind.SIGNAL,
    TriggerKind.MESSAGE,
    TriggerKind.LINK,
    TriggerKind.CONDITIONAL,
)
_THROWS = (TriggerKind.SIGNAL, TriggerKind.COMPENSATION, TriggerKind.MESSAGE, TriggerKind.ESCALATION)
_ENDS = (
    TriggerKind.ERROR,
    TriggerKind.CANCEL,
    TriggerKind.TERMINATE,
    TriggerKind.MESSAGE,
    TriggerKind.SIGNAL,
    TriggerKind.COMPENSATION,
    TriggerKind.ESCALATION,
)
_BOUNDARIES = (
    TriggerKind.TIMER,
    TriggerKind.ERROR,
    TriggerKind.SIGNAL,
    TriggerKind.CANCEL,
    TriggerKind.COMPENSATION,
    TriggerKind.MESSAGE,
    TriggerKind.ESCALATION,
    TriggerKind.CONDITIONAL,
)
"""The orders in which Camunda looks for an event's definition; the first that is there counts."""
