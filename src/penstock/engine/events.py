"""What has happened: the facts from which state is rebuilt and every view is projected.

Rules of this file
- A tag is given once and never changes its meaning: what was stored can be read for ever. A changed event gets a new
  class with a new tag; the old one keeps its applier.
- Fields are only ever added at the end, with a default.
- An event holds all that a view needs; a projection reads events and nothing else.

Moments are milliseconds since the epoch. All events of one unit and instance share the header `InstanceEvents`.
Activity instance ids are Camunda's: `activityId:uuid`; the process instance's own activity instance is its id.
"""

import zlib
from enum import StrEnum
from typing import Any

import msgspec

from penstock.expr.values import TypedValue

FORMAT = 1
"""Format of the packed rows in `event_log`."""


class Event(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False, tag_field="_"):
    """Common form of events: small tagged arrays."""


class ExecutionKind(StrEnum):
    """What a node of the execution tree is."""

    INSTANCE = "i"
    """The root: the process instance."""
    SCOPE = "s"
    """Owns variables and subscriptions of one scope activity instance."""
    PATH = "p"
    """One of several concurrent paths in a scope."""
    KEPT = "k"
    """A completed scope, kept with its variables because it may be compensated (Camunda: event scope)."""


class InstanceState(StrEnum):
    """Camunda 7 `HistoricProcessInstance` states."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    COMPLETED = "COMPLETED"
    EXTERNALLY_TERMINATED = "EXTERNALLY_TERMINATED"
    INTERNALLY_TERMINATED = "INTERNALLY_TERMINATED"


# ------------------------------------------------------------------------------------------ instance and tree


class InstanceStarted(Event, frozen=True, tag=1):
    """A process instance exists. First event of every instance."""

    business_key: str | None
    start_activity: str | None
    start_user: str | None = None
    super_instance: str | None = None
    super_execution: str | None = None
    definition_name: str | None = None
    case_instance: str | None = None


class InstanceEnded(Event, frozen=True, tag=2):
    """The instance is over; every execution, variable, job and subscription of it is gone from the live state."""

    state: InstanceState
    reason: str | None = None
    end_activity: str | None = None
    started_ms: int = 0
    """When the instance started (its history row holds the duration)."""
    removal_ms: int | None = None
    """When its history may be removed; None: never."""


class SuspensionSet(Event, frozen=True, tag=3):
    """The instance, with its jobs and tasks, was suspended or activated."""

    suspended: bool


class BusinessKeySet(Event, frozen=True, tag=4):
    """`execution.setProcessBusinessKey`."""

    business_key: str | None


class ExecutionCreated(Event, frozen=True, tag=5):
    """A node was added below `parent`. `activity`: for SCOPE and KEPT the scope activity, for PATH None."""

    execution: str
    parent: str
    kind: ExecutionKind
    activity: str | None = None


class ExecutionMoved(Event, frozen=True, tag=6):
    """`execution` hangs below `parent` from now on."""

    execution: str
    parent: str


class ExecutionFolded(Event, frozen=True, tag=7):
    """The last concurrent path `execution` became its scope `into`: children, waits and variables move there."""

    execution: str
    into: str
    activity: str | None = None
    """Where the moved path stands (None: in no activity of its own)."""
    children: list[str] = []
    """Executions that hang below the new place from now on."""
    variables: list[str] = []
    """Ids of the variables that moved; likewise tasks and incidents."""
    tasks: list[str] = []
    incidents: list[str] = []


class ExecutionExpanded(Event, frozen=True, tag=8):
    """The single path of scope `scope` became the new concurrent path `execution`: where it stands, and what waits
    for it (tasks, jobs of its activity, local variables of a leaf), moves there."""

    scope: str
    execution: str
    activity: str | None = None
    """Where the moved path stands (None: in no activity of its own)."""
    children: list[str] = []
    """Executions that hang below the new place from now on."""
    variables: list[str] = []
    """Ids of the variables that moved; likewise tasks and incidents."""
    tasks: list[str] = []
    incidents: list[str] = []


class ExecutionEnded(Event, frozen=True, tag=9):
    """The node is gone, with its variables."""

    execution: str
    variables: list[str] = []
    """Ids of the variables that ended with it."""


class ExecutionKept(Event, frozen=True, tag=10):
    """A completed scope's variables were copied to the new KEPT node `execution` below `parent`, for compensation.
    `activity_instance`: the kept node's own activity instance, which has no row in history."""

    execution: str
    parent: str
    activity: str
    activity_instance: str
    variables: list[tuple[str, str, TypedValue]]
    """(variable id, name, value) in order of creation."""
    completed_instance: str | None = None
    """The instance that completed: in history the copies belong to it."""


class ActivityStarted(Event, frozen=True, tag=11):
    """`execution` entered an activity. For a scope activity the execution is the scope's own."""

    execution: str
    activity: str
    activity_instance: str
    parent_activity_instance: str
    type: str
    """Camunda 7's activity type: `userTask`, `noneEndEvent`, `boundaryTimer`, `multiInstanceBody`, …"""
    name: str | None = None
    scope: bool = False
    silent: bool = False
    """True: no history row (Camunda writes none for some technical instances)."""


class ActivityEnded(Event, frozen=True, tag=12):
    """The activity instance is over."""

    execution: str
    activity: str
    activity_instance: str
    started_ms: int
    canceled: bool = False
    completes_scope: bool = False


class ActivityUpdated(Event, frozen=True, tag=13):
    """What the row of an activity instance additionally knows."""

    activity_instance: str
    called_instance: str | None = None
    task: str | None = None
    assignee: str | None = None
    execution: str | None = None


class PathPlaced(Event, frozen=True, tag=14):
    """Where an execution stands without being in an activity instance: before an `asyncBefore` activity or after an
    `asyncAfter` one. `flow` is the sequence flow that is being taken, if any. `phase` is a `state.Phase` value."""

    execution: str
    activity: str | None
    flow: str | None
    phase: str


class ExecutionRevived(Event, frozen=True, tag=15):
    """A KEPT node acts again, as the SCOPE that it was: its compensation runs inside it."""

    execution: str
    parent: str | None = None
    """Below which it acts."""
    activity: str | None = None


# ------------------------------------------------------------------------------------------ migration


class InstanceMigrated(Event, frozen=True, tag=90):
    """The instance belongs to another definition from now on; what follows in its unit says where everything is there.
    The header of the unit names the new definition."""

    definition: str
    definition_name: str | None = None


class PathDetached(Event, frozen=True, tag=91):
    """What stands at `source`, and what waits there for its activity, stands at the new path `execution`, which hangs
    nowhere until it is attached."""

    source: str
    execution: str
    activity: str | None = None
    children: list[str] = []
    """Executions that hang below the new place from now on."""
    variables: list[str] = []
    """Ids of the variables that moved; likewise tasks and incidents."""
    tasks: list[str] = []
    incidents: list[str] = []


class PathAttached(Event, frozen=True, tag=92):
    """What stands at the detached path `execution`, which is gone, stands at `into` from now on."""

    execution: str
    into: str
    activity: str | None = None
    children: list[str] = []
    """Executions that hang below the new place from now on."""
    variables: list[str] = []
    """Ids of the variables that moved; likewise tasks and incidents."""
    tasks: list[str] = []
    incidents: list[str] = []


class ExecutionDetached(Event, frozen=True, tag=93):
    """`execution` (a kept one) hangs nowhere until it is moved."""

    execution: str


class ActivityMigrated(Event, frozen=True, tag=94):
    """An activity instance belongs to the activity `activity` of the new definition. `scope`: `execution` is the scope of
    it. `kept`: it has completed and is kept for compensation."""

    execution: str
    activity: str
    activity_instance: str
    parent_activity_instance: str
    type: str
    name: str | None = None
    scope: bool = False
    kept: bool = False
    composite: bool = False
    """Paths inside stand for it."""


class JobMigrated(Event, frozen=True, tag=95):
    """A job belongs to another activity. `due_ms`, `cycle`: new ones, when `updated`."""

    job: str
    activity: str
    job_definition: str | None = None
    flow: str | None = None
    updated: bool = False
    due_ms: int | None = None
    cycle: str | None = None


class SubscriptionMigrated(Event, frozen=True, tag=96):
    """A subscription belongs to another activity and execution, and waits for `name`."""

    subscription: str
    activity: str
    execution: str
    name: str | None = None


class TaskMigrated(Event, frozen=True, tag=97):
    """A user task belongs to another activity."""

    task: str
    key: str
    execution: str
    form_key: str | None = None


class ExternalTaskMigrated(Event, frozen=True, tag=98):
    """An external task belongs to another activity."""

    external_task: str
    activity: str


class IncidentMigrated(Event, frozen=True, tag=99):
    """An incident belongs to another activity."""

    incident: str
    activity: str
    job_definition: str | None = None


class VariablesMigrated(Event, frozen=True, tag=100):
    """The live variables (ids) of one execution belong to the new definition."""

    execution: str
    variables: list[str]


class RemovalTimeSet(Event, frozen=True, tag=101):
    """When the history of the instance may be removed; None: never. Views only."""

    removal_ms: int | None


# ------------------------------------------------------------------------------------------ variables


class VariableSet(Event, frozen=True, tag=20):
    """A variable was created (revision 0) or updated. `scope` is an execution id, or a task id when `task`."""

    variable: str
    scope: str
    name: str
    value: TypedValue
    revision: int
    scope_activity_instance: str | None
    """Where the variable lives: activity instance id of its scope."""
    source_activity_instance: str | None = None
    """Where it was set."""
    task: str | None = None
    initial: bool = False
    execution: str | None = None
    """For task variables: the task's execution."""


class VariableRemoved(Event, frozen=True, tag=21):
    """The variable was deleted by name (not by the end of its scope): history says DELETED."""

    variable: str
    scope: str
    name: str
    task: str | None = None
    scope_activity_instance: str | None = None
    revision: int = 0
    type: str | None = None
    """Type of the value that it had."""
    source_activity_instance: str | None = None
    """Where it was removed."""
    execution: str | None = None
    """For task variables: the task's execution."""
    silent: bool = False
    """Whether history is not told: it shows the last value for ever, as of variables that end with their scope."""


# ------------------------------------------------------------------------------------------ user tasks


class TaskCreated(Event, frozen=True, tag=30):
    """A user task waits for a person. Expressions are evaluated."""

    task: str
    execution: str | None
    activity_instance: str | None
    key: str | None
    name: str | None = None
    description: str | None = None
    assignee: str | None = None
    owner: str | None = None
    priority: int = 50
    due_ms: int | None = None
    follow_up_ms: int | None = None
    form_key: str | None = None
    parent_task: str | None = None
    form_ref: dict[str, Any] | None = None
    user: str | None = None
    """Who did it, if known (identity link log: assigner)."""
    delegation_state: str | None = None
    case_instance: str | None = None


class TaskChanged(Event, frozen=True, tag=31):
    """Attributes of a task changed; `changes` maps the field names of `TaskCreated` (and `delegation_state`) to values."""

    task: str
    changes: dict[str, Any]
    before: dict[str, Any] = {}
    """What the changed fields were; `assignee` and `owner` are enough, None may be left out."""
    activity_instance: str | None = None
    user: str | None = None


class TaskEnded(Event, frozen=True, tag=32):
    """The task is over: completed, deleted, or canceled with its scope. `reason`: `completed`, `deleted`, …"""

    task: str
    reason: str
    started_ms: int = 0
    variables: list[str] = []
    """Ids of the task's own variables, which end with it."""


class IdentityLinkAdded(Event, frozen=True, tag=33):
    """A candidate, assignee or other person of a task. Exactly one of user and group."""

    task: str
    type: str | None
    user: str | None = None
    group: str | None = None
    link: str = ""
    by_user: str | None = None
    """Who did it (identity link log: assigner)."""


class IdentityLinkRemoved(Event, frozen=True, tag=34):
    """The link is gone."""

    task: str
    type: str | None
    user: str | None = None
    group: str | None = None
    link: str = ""
    by_user: str | None = None
    """Who did it (identity link log: assigner)."""


# ------------------------------------------------------------------------------------------ external tasks


class ExternalTaskCreated(Event, frozen=True, tag=40):
    """Work for a worker of `topic`."""

    external_task: str
    execution: str
    activity: str
    activity_instance: str
    topic: str
    priority: int = 0
    log: str = ""
    """Id of the history log row."""


class ExternalTaskCompleted(Event, frozen=True, tag=41):
    """The worker has completed it (success log). From `activity` on: the task as it was, for its log row."""

    external_task: str
    worker: str | None
    log: str = ""
    activity: str | None = None
    execution: str | None = None
    activity_instance: str | None = None
    topic: str | None = None
    priority: int = 0
    retries: int | None = None


class ExternalTaskFailed(Event, frozen=True, tag=42):
    """The worker reported a failure (failure log). At `retries` 0 an incident follows. From `activity` on: the task as
    it was; Camunda's failure log shows the retries from before the failure (None: never set)."""

    external_task: str
    worker: str | None
    error_message: str | None
    error_details: str | None
    retries: int
    retry_at_ms: int | None = None
    log: str = ""
    activity: str | None = None
    execution: str | None = None
    activity_instance: str | None = None
    topic: str | None = None
    priority: int = 0
    retries_before: int | None = None


class ExternalTaskRetriesSet(Event, frozen=True, tag=43):
    """Retries were set by an operator."""

    external_task: str
    retries: int


class ExternalTaskPrioritySet(Event, frozen=True, tag=44):
    """The priority was set by an operator."""

    external_task: str
    priority: int


class ExternalTaskDeleted(Event, frozen=True, tag=45):
    """It was canceled with its scope, or ended by a BPMN error (deletion log). From `activity` on: the task as it was."""

    external_task: str
    worker: str | None = None
    log: str = ""
    activity: str | None = None
    execution: str | None = None
    activity_instance: str | None = None
    topic: str | None = None
    priority: int = 0
    retries: int | None = None


# ------------------------------------------------------------------------------------------ jobs


class JobKind(StrEnum):
    """Camunda 7's job types (`JobHandler.getType`)."""

    TIMER_START = "timer-start-event"
    TIMER_CATCH = "timer-intermediate-transition"
    TIMER_BOUNDARY = "timer-transition"
    TIMER_EVENT_SUBPROCESS = "timer-start-event-subprocess"
    TIMER_TASK_LISTENER = "timer-task-listener"
    ASYNC = "async-continuation"
    SIGNAL = "event"
    BATCH_SEED = "batch-seed-job"
    BATCH_MONITOR = "batch-monitor-job"
    INSTANCE_DELETION = "instance-deletion"
    INSTANCE_MIGRATION = "instance-migration"
    INSTANCE_MODIFICATION = "instance-modification"
    INSTANCE_RESTART = "instance-restart"
    INSTANCE_SUSPENSION = "instance-update-suspension-state"
    HISTORY_DELETION = "historic-instance-deletion"
    SET_JOB_RETRIES = "set-job-retries"
    SET_EXTERNAL_TASK_RETRIES = "set-external-task-retries"
    SET_VARIABLES = "set-variables"
    CORRELATE_MESSAGE = "correlate-message"
    INSTANCE_REMOVAL_TIME = "process-set-removal-time"
    BATCH_REMOVAL_TIME = "batch-set-removal-time"
    DECISION_DELETION = "historic-decision-instance-deletion"
    DECISION_REMOVAL_TIME = "decision-set-removal-time"
    CONNECTOR = "connector"
    """Not one of Camunda's: a connector's call."""
    REPROCESSING = "retry-failed-work"
    """Not one of Camunda's: failed jobs and external tasks get retries, at a stated pace."""


class JobCreated(Event, frozen=True, tag=50):
    """Work for the engine itself. `configuration`: for ASYNC `async-before` or `async-after`."""

    job: str
    kind: JobKind
    execution: str | None
    activity: str | None
    retries: int
    due_ms: int | None = None
    priority: int = 0
    exclusive: bool = True
    configuration: str | None = None
    repeat_left: int | None = None
    """Timer cycles: how many repetitions follow this one; None: no cycle or without end (`cycle` says which)."""
    cycle: str | None = None
    flow: str | None = None
    payload: dict[str, TypedValue] | None = None
    """Variables that an asynchronous signal carries."""
    log: str = ""
    job_definition: str | None = None


class JobExecuted(Event, frozen=True, tag=51):
    """The job ran and is gone (success log). From `kind` on: the job as it was, for its log row."""

    job: str
    log: str = ""
    kind: JobKind | None = None
    execution: str | None = None
    activity: str | None = None
    priority: int = 0
    configuration: str | None = None
    job_definition: str | None = None
    retries: int = 0
    due_ms: int | None = None
    failed_activity: str | None = None
    """Where it failed last."""


class JobFailed(Event, frozen=True, tag=52):
    """The job's unit was dropped (failure log). `retries` is what is left. From `kind` on: the job as it was; Camunda's
    failure log shows the retries and due date from before the failure."""

    job: str
    message: str | None
    stacktrace: str | None
    retries: int
    failed_activity: str | None = None
    due_ms: int | None = None
    log: str = ""
    kind: JobKind | None = None
    execution: str | None = None
    activity: str | None = None
    priority: int = 0
    configuration: str | None = None
    job_definition: str | None = None
    retries_before: int = 0
    due_before_ms: int | None = None


class JobDeleted(Event, frozen=True, tag=53):
    """The job was canceled (deletion log). From `kind` on: the job as it was, for its log row."""

    job: str
    log: str = ""
    kind: JobKind | None = None
    execution: str | None = None
    activity: str | None = None
    priority: int = 0
    configuration: str | None = None
    job_definition: str | None = None
    retries: int = 0
    due_ms: int | None = None
    failed_activity: str | None = None
    """Where it failed last."""


class JobChanged(Event, frozen=True, tag=54):
    """Attributes set by an operator: `retries`, `due_ms`, `priority`, `suspended`."""

    job: str
    changes: dict[str, Any]


# ------------------------------------------------------------------------------------------ subscriptions, incidents


class SubscriptionCreated(Event, frozen=True, tag=60):
    """A scope waits for an event. `type`: message, signal, conditional, compensate. `name` is evaluated."""

    subscription: str
    type: str
    name: str | None
    execution: str
    activity: str
    configuration: str | None = None
    """For compensate: id of the KEPT execution, if the completed activity was a scope."""


class SubscriptionDeleted(Event, frozen=True, tag=61):
    """The wait is over."""

    subscription: str


class IncidentOpened(Event, frozen=True, tag=70):
    """Something stands still until a person acts. `cause` and `root` are ids of incidents (itself, when it is the first)."""

    incident: str
    type: str
    execution: str
    activity: str | None
    failed_activity: str | None = None
    configuration: str | None = None
    """Id of the job or external task."""
    message: str | None = None
    cause: str = ""
    root: str = ""
    job_definition: str | None = None
    history_configuration: str | None = None


class IncidentClosed(Event, frozen=True, tag=71):
    """The incident was resolved, or deleted with its job."""

    incident: str
    resolved: bool


class IncidentAnnotated(Event, frozen=True, tag=72):
    """A person's note on an incident."""

    incident: str
    annotation: str | None


class OperationLogged(Event, frozen=True, tag=80):
    """A person's or client's operation (Camunda 7 user operation log): one row per changed property."""

    operation: str
    operation_type: str
    entity_type: str
    category: str
    user: str | None = None
    rows: list[tuple[str, str | None, str | None, str | None]] = []
    """(log id, property, old value, new value)."""
    task: str | None = None
    job: str | None = None
    external_task: str | None = None
    annotation: str | None = None
    deployment: str | None = None
    definition: str | None = None
    job_definition: str | None = None
    batch: str | None = None
    execution: str | None = None


class OperationAnnotated(Event, frozen=True, tag=81):
    """The note on an operation, all its rows: set, or cleared (None)."""

    operation: str
    annotation: str | None = None


class TraceCarried(Event, frozen=True, tag=120):
    """A traced unit of work changes the instance: first event of its unit, behind InstanceStarted. What the unit creates
    goes on from here."""

    traceparent: str
    """W3C Trace Context level 1, `traceparent`: the span of the unit."""


class DecisionEvaluated(Event, frozen=True, tag=130):
    """A decision was evaluated (Camunda 7 `HistoricDecisionInstance`), by a business rule task or on its own: then the
    header names the decision instance that was asked for, and there is no activity."""

    decision_instance: str
    definition: str
    """Id of the decision definition, `key:version:uuid`."""
    name: str | None
    root: str | None = None
    """The decision instance that was asked for, when this one was only required."""
    requirements: str | None = None
    """Id of the decision requirements definition."""
    inputs: list[tuple[str | None, str | None, TypedValue]] = []
    """Clause id, clause name, value."""
    outputs: list[tuple[str | None, str | None, str | None, int | None, str | None, TypedValue]] = []
    """Clause id, clause name, rule id, rule order, variable name, value."""
    collected: float | None = None
    activity: str | None = None
    activity_instance: str | None = None
    user: str | None = None
    tenant: str | None = None
    removal_ms: int | None = None
    """When a decision evaluated on its own may be removed; None: never, or with its process instance."""


# ------------------------------------------------------------------------------------------ comments, attachments


class CommentAdded(Event, frozen=True, tag=82):
    """A person has said something about a task. `process_instance`: the instance that the author named, if any."""

    comment: str
    message: str
    task: str | None = None
    process_instance: str | None = None
    user: str | None = None


class CommentChanged(Event, frozen=True, tag=83):
    """A comment says something else; `user` is its author from now on. `task`: through which it was changed."""

    comment: str
    message: str
    task: str | None = None
    user: str | None = None


class CommentsDeleted(Event, frozen=True, tag=84):
    """Comments are gone. `task`: through which they were deleted."""

    comments: list[str]
    task: str | None = None


class AttachmentAdded(Event, frozen=True, tag=85):
    """A file (`content`) or an address (`url`) belongs to a task."""

    attachment: str
    task: str | None = None
    name: str | None = None
    description: str | None = None
    type: str | None = None
    url: str | None = None
    content: bytes | None = None


class AttachmentDeleted(Event, frozen=True, tag=86):
    """An attachment is gone. `task`: the live task that it belonged to."""

    attachment: str
    task: str | None = None


class FormSubmitted(Event, frozen=True, tag=88):
    """A form was submitted; `fields`: (id, text) of each that was sent as text (Camunda 7 `HistoricFormField`)."""

    execution: str
    activity_instance: str | None
    fields: list[tuple[str, str]]
    task: str | None = None


class VariableHistoryDeleted(Event, frozen=True, tag=87):
    """History forgets variables that are over, and changes (`details`) of these and others."""

    variables: list[str]
    details: list[str]


AnyEvent = (
    InstanceStarted
    | InstanceEnded
    | SuspensionSet
    | BusinessKeySet
    | ExecutionCreated
    | ExecutionMoved
    | ExecutionFolded
    | ExecutionExpanded
    | ExecutionEnded
    | ExecutionKept
    | ExecutionRevived
    | InstanceMigrated
    | PathDetached
    | PathAttached
    | ExecutionDetached
    | ActivityMigrated
    | JobMigrated
    | SubscriptionMigrated
    | TaskMigrated
    | ExternalTaskMigrated
    | IncidentMigrated
    | VariablesMigrated
    | RemovalTimeSet
    | ActivityStarted
    | ActivityEnded
    | ActivityUpdated
    | PathPlaced
    | VariableSet
    | VariableRemoved
    | TaskCreated
    | TaskChanged
    | TaskEnded
    | IdentityLinkAdded
    | IdentityLinkRemoved
    | ExternalTaskCreated
    | ExternalTaskCompleted
    | ExternalTaskFailed
    | ExternalTaskRetriesSet
    | ExternalTaskPrioritySet
    | ExternalTaskDeleted
    | JobCreated
    | JobExecuted
    | JobFailed
    | JobDeleted
    | JobChanged
    | SubscriptionCreated
    | SubscriptionDeleted
    | IncidentOpened
    | IncidentClosed
    | IncidentAnnotated
    | OperationLogged
    | TraceCarried
    | DecisionEvaluated
    | OperationAnnotated
    | FormSubmitted
    | CommentAdded
    | CommentChanged
    | CommentsDeleted
    | AttachmentAdded
    | AttachmentDeleted
    | VariableHistoryDeleted
)


class InstanceEvents(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What one unit of work did to one process instance: a header and the events in order.

    `revision` is the instance's revision after these events: 1 for the first unit, then without gaps.
    A standalone task has its own id as `instance` and `root`, and no definition.
    """

    instance: str
    root: str
    revision: int
    at_ms: int
    definition: str | None
    """`key:version:uuid`."""
    events: list[AnyEvent]
    tenant: str | None = None
    deployment_purged: bool = False
    suspended: bool = False
    """Whether the instance is suspended afterwards: what a unit makes in a suspended instance is suspended too."""
    first: int = 0
    """Number of the first event within the unit: a long unit is logged in parts, which have one revision."""
    operation: str | None = None
    """The operation (id) that an earlier part of the unit has logged."""
    goes_on: bool = False
    """Whether another part of the unit follows."""


class LogRow(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """One row of `event_log`: everything that one committed batch did, in commit order."""

    units: list[InstanceEvents]
    deleted: list[str] = []
    """Process instance (or standalone task) ids whose history was deleted in this batch."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(LogRow)


def pack(row: LogRow) -> bytes:
    """The stored form of a log row."""
    return _encoder.encode(row)


_COMPRESSED = b"\x78"
"""How data of zlib begins; packed rows never do."""


def pack_part(row: LogRow) -> bytes:
    """The stored form of a row with a part of a long unit: such rows hold little that is not in them many times."""
    return zlib.compress(_encoder.encode(row), 1)


def is_part(data: bytes) -> bool:
    """Whether `pack_part` wrote this."""
    return data.startswith(_COMPRESSED)


def unpack(data: bytes) -> LogRow:
    """Reads what `pack` or `pack_part` wrote, in this or any earlier release. Raises msgspec.DecodeError or zlib.error."""
    return _decoder.decode(zlib.decompress(data) if is_part(data) else data)
