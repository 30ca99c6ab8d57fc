"""A process definition made ready to run: references resolved, expressions parsed, Camunda's scopes worked out.

Camunda's scope rules (7.24 `BpmnParse`): an activity is a scope when its kind says so, when it has boundary events or
an `inputOutput` mapping (not inside a multi-instance body), when it is one with event sub-processes. A multi-instance
activity `X` is wrapped in a body `X#multiInstanceBody`: flows, boundary events and asynchronous continuations of the
activity belong to the body.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from penstock.engine.behavior import ElementKind
from penstock.engine.events import JobKind
from penstock.model.graph import (
    Flow,
    Implementation,
    Listener,
    Loop,
    Node,
    Parameter,
    Process,
    TimerKind,
    Trigger,
    TriggerKind,
)

BODY = "#multiInstanceBody"
"""Suffix of the id of a multi-instance body (Camunda 7 `ActivityImpl.MULTI_INSTANCE_BODY`)."""


class Activity:
    """A flow node, a multi-instance body, or the process itself, ready to run."""

    __slots__ = (
        "async_after",
        "async_before",
        "attached_to",
        "body",
        "boundary",
        "children",
        "compensates",
        "compensates_scope",
        "compensation_handler",
        "composite",
        "default_flow",
        "end_listeners",
        "event_scope",
        "event_subprocesses",
        "exclusive",
        "handlers",
        "id",
        "incoming",
        "inner",
        "inputs",
        "job_priority",
        "kind",
        "loop",
        "name",
        "node",
        "outgoing",
        "outputs",
        "parent",
        "plain",
        "retry_cycle",
        "scope",
        "start_listeners",
        "trigger",
        "type",
    )

    def __init__(self, id: str, kind: ElementKind, node: Node | None, parent: Activity | None) -> None:
        self.id = id
        self.kind = kind
        self.node = node
        self.parent = parent
        self.name: str | None = node.name if node else None
        self.type = kind.type_of(node) if node else kind.name
        self.composite = kind.composite
        self.scope = False
        self.trigger: Trigger | None = node.trigger if node else None
        self.loop: Loop | None = None
        self.body: Activity | None = None
        self.inner: Activity | None = None
        self.children: list[Activity] = []
        self.outgoing: tuple[FlowOut, ...] = ()
        self.incoming = 0
        self.default_flow: FlowOut | None = None
        self.boundary: list[Activity] = []
        self.event_subprocesses: list[Activity] = []
        self.handlers: list[Activity] = []
        """Boundary events, and start events of event sub-processes, that listen while this scope is open."""
        self.attached_to: Activity | None = None
        self.event_scope: Activity | None = None
        """For a boundary event or a start event of an event sub-process: the scope that holds its subscription."""
        self.compensation_handler: Activity | None = None
        self.compensates: Activity | None = None
        self.compensates_scope = False
        """Whether this is an event sub-process that starts by compensation."""
        self.inputs: tuple[Parameter, ...] = ()
        self.outputs: tuple[Parameter, ...] = ()
        self.start_listeners: tuple[Listener, ...] = ()
        self.end_listeners: tuple[Listener, ...] = ()
        self.async_before = False
        self.async_after = False
        self.exclusive = True
        self.retry_cycle: str | None = None
        self.job_priority: str | None = None
        self.plain = False
        """Nothing but the behaviour happens on entering: no scope, listeners, mappings."""

    def __repr__(self) -> str:
        return f"Activity({self.id})"

    @property
    def is_process(self) -> bool:
        """Whether this stands for the process itself."""
        return self.parent is None

    def within(self, scope: Activity) -> bool:
        """Whether this lies inside `scope` (at any depth) or is it."""
        at: Activity | None = self
        while at is not None:
            if at is scope:
                return True
            at = at.parent
        return False


class FlowOut:
    """A sequence flow with its target resolved."""

    __slots__ = ("flow", "id", "listeners", "source", "target")

    def __init__(self, flow: Flow, source: Activity, target: Activity) -> None:
        self.flow = flow
        self.id = flow.id
        self.source = source
        self.target = target
        self.listeners = tuple(item for item in flow.listeners if item.event == "take")


class ProcessKind(ElementKind):
    """The process itself, as the outermost scope."""

    name = "processDefinition"
    composite = True


class Definition:
    """One version of one process, ready to run."""

    def __init__(
        self,
        process: Process,
        *,
        id: str,
        key: str,
        version: int,
        deployment_id: str,
        tenant: str | None,
        table: Mapping[str, ElementKind],
    ) -> None:
        self.process = process
        self.id = id
        self.key = key
        self.version = version
        self.name = process.name
        self.deployment_id = deployment_id
        self.history_ttl_days: int | None = None
        """How many days after its end an instance's history may be removed; None: never by itself."""
        self.tenant = tenant
        self.activities: dict[str, Activity] = {}
        self.flows: dict[str, FlowOut] = {}
        self.root = Activity(key, ProcessKind(), None, None)
        self.root.scope = True
        self.root.name = process.name
        self.root.start_listeners = tuple(item for item in process.listeners if item.event == "start")
        self.root.end_listeners = tuple(item for item in process.listeners if item.event == "end")
        self._build(table)
        self.conditional = any(
            trigger.kind is TriggerKind.CONDITIONAL for node in process.nodes.values() for trigger in node.triggers
        )
        """Whether any event of the process waits for a condition."""
        self.inclusive = any(node.kind == "inclusiveGateway" for node in process.nodes.values())
        """Whether a join has to know where every token is."""

    @classmethod
    def build(
        cls,
        process: Process,
        *,
        id: str,
        version: int,
        deployment: str,
        tenant: str | None,
        table: Mapping[str, ElementKind],
    ) -> Definition:
        """Compiles `process`. `table`: element name → kind (`penstock.bpmn.elements.TABLE`).

        Raises KeyError for an element that is not in the table; the reader has refused such models before."""
        return cls(
            process, id=id, key=process.id, version=version, deployment_id=deployment, tenant=tenant, table=table
        )

    # ------------------------------------------------------------------------------------------ building

    def _build(self, table: Mapping[str, ElementKind]) -> None:
        nodes = self.process.nodes
        for child in self.process.children:
            self._add(nodes[child], self.root, table)
        for flow in self.process.flows.values():
            source, target = self.activities.get(flow.source), self.activities.get(flow.target)
            if source is None or target is None:
                continue
            source = source.body or source
            target = target.body or target
            out = FlowOut(flow, source, target)
            self.flows[flow.id] = out
            source.outgoing = (*source.outgoing, out)
            target.incoming += 1
            node = self.process.nodes[flow.source]
            if node.default_flow == flow.id:
                source.default_flow = out
        for a in list(self.activities.values()):
            self._connect(a)
            if a.node is not None and a.node.kind == "eventBasedGateway":
                for out in a.outgoing:
                    out.target.event_scope = a
                    caught = out.target.node
                    # It waits at the gateway; a mapping still needs a scope of its own.
                    out.target.scope = caught is not None and (caught.inputs is not None or caught.outputs is not None)
                    a.handlers.append(out.target)
        for a in self.activities.values():
            a.plain = not (a.scope or a.inputs or a.start_listeners or a.async_before)

    def _add(self, node: Node, parent: Activity, table: Mapping[str, ElementKind]) -> None:
        kind = table[node.kind]
        if node.loop is not None:
            body = Activity(node.id + BODY, table["multiInstanceBody"], node, parent)
            body.type = "multiInstanceBody"
            body.name = None
            body.scope = True
            body.trigger = None
            body.loop = node.loop
            body.async_before, body.async_after = node.async_before, node.async_after
            body.exclusive, body.retry_cycle, body.job_priority = node.exclusive, node.retry_cycle, node.job_priority
            self.activities[body.id] = body
            parent.children.append(body)
            parent = body
        a = Activity(node.id, kind, node, parent)
        parent.children.append(a)
        self.activities[a.id] = a
        if node.loop is not None:
            body.inner, a.body = a, body
            a.loop = node.loop
            a.async_before, a.async_after = node.loop.async_before, node.loop.async_after
            a.exclusive, a.retry_cycle = node.loop.exclusive, node.loop.retry_cycle or node.retry_cycle
        else:
            a.async_before, a.async_after = node.async_before, node.async_after
            a.exclusive, a.retry_cycle = node.exclusive, node.retry_cycle
        a.job_priority = node.job_priority
        a.inputs, a.outputs = node.inputs or (), node.outputs or ()
        a.start_listeners = tuple(item for item in node.listeners if item.event == "start")
        a.end_listeners = tuple(item for item in node.listeners if item.event == "end")
        has_mapping = node.inputs is not None or node.outputs is not None
        a.scope = kind.is_scope(node) or (has_mapping and node.loop is None)
        for child in node.children:
            self._add(self.process.nodes[child], a, table)

    def _connect(self, a: Activity) -> None:
        node = a.node
        if node is None or (a.inner is not None):
            return
        if node.attached_to is not None:
            inner = self.activities[node.attached_to]
            host = inner.body or inner
            trigger = node.trigger
            if trigger is not None and trigger.kind is TriggerKind.COMPENSATION:
                # Each instance of a multi-instance activity is compensated by itself.
                host = inner
            a.attached_to = a.event_scope = host
            host.boundary.append(a)
            if trigger is not None and trigger.kind is TriggerKind.COMPENSATION:
                handler = self.activities.get(self.process.nodes[node.attached_to].compensated_by or "")
                if handler is not None:
                    handler = handler.body or handler
                    host.compensation_handler = handler
                    handler.compensates = host
            else:
                host.scope = True
                host.handlers.append(a)
        if node.triggered_by_event and a.parent is not None:
            a.parent.event_subprocesses.append(a)
            for child in a.children:
                if child.node is not None and child.node.kind == "startEvent":
                    child.event_scope = a.parent
                    a.parent.handlers.append(child)
                    if child.trigger is not None and child.trigger.kind is TriggerKind.COMPENSATION:
                        a.compensates_scope = True

    # ------------------------------------------------------------------------------------------ questions

    def none_start(self) -> Activity | None:
        """The start event of `POST …/start`: the first one without event definition, else the first that is no event
        that someone else triggers."""
        for a in self.root.children:
            if a.node is not None and a.node.kind == "startEvent" and not a.node.triggers:
                return a
        return None

    def starts(self) -> list[Activity]:
        """All start events of the process itself."""
        return [a for a in self.root.children if a.node is not None and a.node.kind == "startEvent"]

    def can_reach(self, source: Activity, target: Activity) -> bool:
        """Whether a token at `source` can still come to `target` along sequence flows, going on from the scope around
        where a path ends (Camunda 7 `InclusiveGatewayActivityBehavior.isReachable`, which ignores boundary events)."""
        seen: set[str] = set()
        todo = [source]
        while todo:
            at: Activity = todo.pop()
            if at.id in seen:
                continue
            seen.add(at.id)
            if at is target:
                return True
            if at.outgoing:
                todo.extend(out.target for out in at.outgoing)
            elif at.parent is not None and not at.parent.is_process:
                todo.append(at.parent)
        return False

    def job_definitions(self) -> list[tuple[str, str, str | None]]:
        """(activity id, job type, configuration) of everything that can become a job, in document order."""
        found: list[tuple[str, str, str | None]] = []
        for a in self.activities.values():
            if a.async_before:
                found.append((a.id, JobKind.ASYNC.value, "async-before"))
            if a.async_after:
                found.append((a.id, JobKind.ASYNC.value, "async-after"))
            trigger = a.trigger
            if trigger is not None and trigger.kind is TriggerKind.TIMER and a.inner is None:
                found.append((a.id, timer_kind(a).value, timer_configuration(trigger)))
            if trigger is not None and trigger.kind is TriggerKind.SIGNAL and trigger.asynchronous:
                found.append((a.id, JobKind.SIGNAL.value, None))
            how = connector_of(a)
            if how is not None:
                found.append((a.id, JobKind.CONNECTOR.value, how.connector_id))
            if a.node is not None and a.node.user_task is not None and a.inner is None:
                for item in a.node.user_task.listeners:
                    if item.timer is not None:
                        text = timer_configuration(item.timer)
                        found.append((a.id, JobKind.TIMER_TASK_LISTENER.value, text))
        return found


def connector_of(a: Activity) -> Implementation | None:
    """How `a` is carried out, when that is by a connector."""
    if a.node is None or a.inner is not None:
        return None
    how = (a.trigger.implementation if a.trigger is not None else None) or a.node.implementation
    return how if how is not None and how.connector_id is not None else None


_CAPTIONS = {TimerKind.DATE: "DATE", TimerKind.DURATION: "DURATION", TimerKind.CYCLE: "CYCLE"}


def timer_configuration(trigger: Trigger) -> str:
    """What the job definition of a timer says (Camunda 7 `TimerDeclarationImpl.getJobConfiguration`)."""
    assert trigger.timer is not None
    return f"{_CAPTIONS[trigger.timer]}: {trigger.timer_text}"


def timer_kind(a: Activity) -> JobKind:
    """Which type of job the timer event `a` makes (Camunda 7 `TimerEventJobHandler` types)."""
    if a.attached_to is not None:
        return JobKind.TIMER_BOUNDARY
    if a.node is not None and a.node.kind == "startEvent":
        return JobKind.TIMER_EVENT_SUBPROCESS if a.event_scope is not None else JobKind.TIMER_START
    return JobKind.TIMER_CATCH


def job_definition_id(definition: str, activity: str, type: str, configuration: str | None) -> str:
    """The id of a job definition: the same for the same place of the same definition, on every node, for ever."""
    digest = hashlib.sha256("\0".join((definition, activity, type, configuration or "")).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
