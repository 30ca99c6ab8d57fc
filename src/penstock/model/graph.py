"""A process as a frozen graph: nodes, sequence flows, scopes. What the XML says and nothing that runs.

Names follow BPMN 2.0.2; what only Camunda 7 knows (`camunda:` attributes) has the attribute's name in snake_case.
Texts that may hold expressions (`${…}`) stay texts here; `penstock.engine.definition` compiles them.
"""

from enum import StrEnum

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The common form of everything in a model."""


class TriggerKind(StrEnum):
    """The event definitions of BPMN 2.0.2 §10.5.5."""

    MESSAGE = "message"
    TIMER = "timer"
    SIGNAL = "signal"
    ERROR = "error"
    ESCALATION = "escalation"
    CONDITIONAL = "conditional"
    COMPENSATION = "compensation"
    CANCEL = "cancel"
    TERMINATE = "terminate"
    LINK = "link"


class TimerKind(StrEnum):
    """The three forms of a timer event definition (BPMN 2.0.2 §10.5.5.8)."""

    DATE = "timeDate"
    DURATION = "timeDuration"
    CYCLE = "timeCycle"


class Parameter(Record, frozen=True):
    """A value that is made when the engine needs it: one of text, script, list or map.

    `camunda:inputParameter`, `camunda:outputParameter`, entries of their lists and maps, and injected fields.
    """

    name: str = ""
    text: str | None = None
    script: "ScriptSource | None" = None
    items: "tuple[Parameter, ...] | None" = None
    entries: "tuple[Parameter, ...] | None" = None
    literal: bool = False
    """`text` is taken as it stands, even with `${…}` in it (`stringValue` of an injected field)."""


class ScriptSource(Record, frozen=True):
    """A script: its language (`scriptFormat`, lower case) and its text, or the resource that holds it."""

    language: str
    source: str = ""
    resource: str | None = None


class Implementation(Record, frozen=True):
    """How a service task, send task, business rule task or message throw event is carried out. At most one is set."""

    class_name: str | None = None
    delegate_expression: str | None = None
    expression: str | None = None
    result_variable: str | None = None
    type: str | None = None
    """`external`, `mail`, `shell`."""
    topic: str | None = None
    task_priority: str | None = None
    decision_ref: str | None = None
    decision_binding: str = "latest"
    decision_version: str | None = None
    decision_version_tag: str | None = None
    decision_tenant_id: str | None = None
    map_decision_result: str | None = None
    connector_id: str | None = None
    connector_inputs: tuple[Parameter, ...] = ()
    connector_outputs: tuple[Parameter, ...] = ()
    fields: tuple[Parameter, ...] = ()


class VariableMapping(Record, frozen=True):
    """`camunda:in` or `camunda:out`; exactly one of source, source_expression, business_key, all_variables is set."""

    source: str | None = None
    source_expression: str | None = None
    target: str | None = None
    business_key: str | None = None
    all_variables: bool = False
    local: bool = False


class Trigger(Record, frozen=True):
    """One event definition of an event."""

    kind: TriggerKind
    id: str | None = None
    ref: str | None = None
    """Id of the referenced message, signal, error or escalation element."""
    name: str | None = None
    """Message or signal name (may hold an expression), or link name."""
    code: str | None = None
    """Error or escalation code; None catches every code."""
    error_message: str | None = None
    code_variable: str | None = None
    message_variable: str | None = None
    timer: TimerKind | None = None
    timer_text: str | None = None
    condition: str | None = None
    condition_script: ScriptSource | None = None
    variable_name: str | None = None
    variable_events: tuple[str, ...] = ()
    activity_ref: str | None = None
    wait_for_completion: bool = True
    mappings: tuple[VariableMapping, ...] = ()
    implementation: Implementation | None = None
    asynchronous: bool = False
    """`camunda:async` of a signal throw event."""


class Listener(Record, frozen=True):
    """`camunda:executionListener` or `camunda:taskListener`. One of class_name, expression, delegate_expression, script."""

    event: str
    id: str | None = None
    class_name: str | None = None
    expression: str | None = None
    delegate_expression: str | None = None
    script: ScriptSource | None = None
    fields: tuple[Parameter, ...] = ()
    timer: Trigger | None = None
    """The timer of a task listener for the event `timeout`."""


class Loop(Record, frozen=True):
    """`multiInstanceLoopCharacteristics` (BPMN 2.0.2 §10.3.8)."""

    sequential: bool = False
    cardinality: str | None = None
    collection: str | None = None
    element_variable: str | None = None
    completion_condition: str | None = None
    async_before: bool = False
    async_after: bool = False
    exclusive: bool = True
    retry_cycle: str | None = None


class AdHoc(Record, frozen=True):
    """What an ad-hoc sub-process says of itself (BPMN 2.0.2 §10.3.5); texts may hold expressions."""

    sequential: bool = False
    """Whether what is inside is done one after another."""
    completion_condition: str | None = None
    cancel_remaining: bool = True
    active_elements: str | None = None
    """The collection of ids to start with (`camunda:property` `activeElementsCollection`)."""


class CalledElement(Record, frozen=True):
    """What a call activity calls and what it passes."""

    called_element: str | None = None
    binding: str = "latest"
    version: str | None = None
    version_tag: str | None = None
    tenant_id: str | None = None
    case_ref: str | None = None
    inputs: tuple[VariableMapping, ...] = ()
    outputs: tuple[VariableMapping, ...] = ()
    variable_mapping_class: str | None = None
    variable_mapping_delegate_expression: str | None = None


class FormField(Record, frozen=True):
    """A field of `camunda:formData`."""

    id: str
    label: str | None = None
    type: str | None = None
    default_value: str | None = None
    date_pattern: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    constraints: tuple[tuple[str, str], ...] = ()
    """(name, config) of each `camunda:constraint`."""


class FormSpec(Record, frozen=True):
    """The form of a user task or start event."""

    form_key: str | None = None
    form_ref: str | None = None
    form_ref_binding: str | None = None
    form_ref_version: str | None = None
    fields: tuple[FormField, ...] = ()
    business_key_field: str | None = None


class UserTaskSpec(Record, frozen=True):
    """What `camunda:` says of a user task; every text may hold expressions."""

    assignee: str | None = None
    candidate_users: str | None = None
    candidate_groups: str | None = None
    due_date: str | None = None
    follow_up_date: str | None = None
    priority: str | None = None
    listeners: tuple[Listener, ...] = ()


class ErrorDefinition(Record, frozen=True):
    """`camunda:errorEventDefinition` of an external task: when `expression` holds, the BPMN error `code` is thrown."""

    expression: str
    code: str | None = None
    error_message: str | None = None


class Condition(Record, frozen=True):
    """The condition of a sequence flow: an expression, or a script when `script` is set."""

    text: str = ""
    script: ScriptSource | None = None


class Flow(Record, frozen=True):
    """A sequence flow."""

    id: str
    source: str
    target: str
    name: str | None = None
    condition: Condition | None = None
    listeners: tuple[Listener, ...] = ()
    line: int = 0


class Node(Record, frozen=True):
    """A flow node: event, activity or gateway. `kind` is the BPMN element's local name (`userTask`, `startEvent`, …)."""

    id: str
    kind: str
    parent: str
    """Id of the sub-process, or of the process, that contains it."""
    name: str | None = None
    documentation: str | None = None
    incoming: tuple[str, ...] = ()
    """Ids of sequence flows, in document order of the flows."""
    outgoing: tuple[str, ...] = ()
    default_flow: str | None = None
    children: tuple[str, ...] = ()
    """Ids of the nodes directly inside (sub-processes), in document order."""
    triggers: tuple[Trigger, ...] = ()
    """The event definitions; one in nearly every model."""
    attached_to: str | None = None
    interrupting: bool = True
    """`cancelActivity` of a boundary event, `isInterrupting` of a start event in an event sub-process."""
    triggered_by_event: bool = False
    for_compensation: bool = False
    compensated_by: str | None = None
    """For an activity with a compensation boundary event: the id of the handler that its association names."""
    loop: Loop | None = None
    ad_hoc: AdHoc | None = None
    inputs: tuple[Parameter, ...] | None = None
    """None: no `camunda:inputOutput`. With one, the activity is a scope even when it lists nothing."""
    outputs: tuple[Parameter, ...] | None = None
    listeners: tuple[Listener, ...] = ()
    async_before: bool = False
    async_after: bool = False
    exclusive: bool = True
    job_priority: str | None = None
    retry_cycle: str | None = None
    implementation: Implementation | None = None
    script: ScriptSource | None = None
    result_variable: str | None = None
    user_task: UserTaskSpec | None = None
    form: FormSpec | None = None
    called: CalledElement | None = None
    error_definitions: tuple[ErrorDefinition, ...] = ()
    initiator: str | None = None
    instantiate: bool = False
    properties: tuple[tuple[str, str], ...] = ()
    """`camunda:property` names and values."""
    line: int = 0

    @property
    def trigger(self) -> Trigger | None:
        """The first event definition, or None."""
        return self.triggers[0] if self.triggers else None


class Process(Record, frozen=True):
    """One executable process of a BPMN file."""

    id: str
    """The key."""
    name: str | None = None
    documentation: str | None = None
    executable: bool = True
    version_tag: str | None = None
    history_time_to_live: str | None = None
    startable_in_tasklist: bool = True
    candidate_starter_users: str | None = None
    candidate_starter_groups: str | None = None
    job_priority: str | None = None
    task_priority: str | None = None
    listeners: tuple[Listener, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    children: tuple[str, ...] = ()
    """Ids of the nodes directly inside the process, in document order."""
    nodes: dict[str, Node] = {}
    """Every node at any depth, by id, in document order."""
    flows: dict[str, Flow] = {}
    line: int = 0


class BpmnFile(Record, frozen=True):
    """One BPMN file: its executable processes in document order, and what it warns of."""

    processes: tuple[Process, ...]
    target_namespace: str | None = None
