"""What may be asked of the engine. One command and all that follows from it is one unit of work.

Commands name instances, executions, tasks and jobs by id; the shell (`runtime`) has found the process instance that an
id belongs to and hands it over as `instance`. Searches by name, key or variable are the shell's, before the command.
"""

from typing import Any

import msgspec

from penstock.base.task_results import Seen
from penstock.expr.values import TypedValue


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Common form of commands. `user` is the authenticated user, if any (operation log)."""

    user: str | None = None
    logged: bool = True
    """Whether the operation log knows of it; False: it is part of something that has its own entry there."""


Variables = dict[str, TypedValue]


class StartInstruction(msgspec.Struct, frozen=True, kw_only=True):
    """One instruction of a modification or of a start at chosen activities (Camunda 7
    `ProcessInstanceModificationInstructionDto`). `type`: startBeforeActivity, startAfterActivity, startTransition, cancel.
    `variables`: name → (value, local)."""

    type: str
    activity: str | None = None
    transition: str | None = None
    activity_instance: str | None = None
    transition_instance: str | None = None
    ancestor_activity_instance: str | None = None
    variables: dict[str, tuple[TypedValue, bool]] = {}
    cancel_current_active: bool = False


class StartInstance(Command, frozen=True, kw_only=True):
    """Starts an instance of `definition` (id) through `start_event`, or through its none start event (None), or at
    the places that `instructions` name. Result: the process instance id."""

    definition: str
    start_event: str | None = None
    business_key: str | None = None
    variables: Variables = {}
    instructions: tuple[StartInstruction, ...] = ()
    skip_custom_listeners: bool = False
    skip_io_mappings: bool = False
    start_job: str | None = None
    """Id of the timer start job that causes this."""
    case_instance: str | None = None
    submitted: tuple[tuple[str, str], ...] = ()
    """(field, text) of the form that was submitted (history)."""


class InstanceCommand(Command, frozen=True, kw_only=True):
    """A command to one live process instance."""

    instance: str


class ExternalTaskReport(InstanceCommand, frozen=True, kw_only=True):
    """What a worker says of its task, with the variables that it writes.

    `seen_results`: the versions of results documents (`base.task_results`) that it was given with the task, by name.
    `append_results`: names among `variables` whose entries are appended to the document that is there."""

    external_task: str
    worker: str
    variables: Variables = {}
    local_variables: Variables = {}
    seen_results: dict[str, Seen] = {}
    append_results: tuple[str, ...] = ()


class CompleteExternalTask(ExternalTaskReport, frozen=True, kw_only=True):
    """A worker has done its task."""


class FailExternalTask(ExternalTaskReport, frozen=True, kw_only=True):
    """A worker could not do its task. `retries` ≤ 0 opens an incident."""

    error_message: str | None = None
    error_details: str | None = None
    retries: int = 0
    retry_timeout_ms: int = 0


class ThrowExternalTaskError(ExternalTaskReport, frozen=True, kw_only=True):
    """A worker raises a BPMN error."""

    error_code: str
    error_message: str | None = None


class SetExternalTaskRetries(InstanceCommand, frozen=True, kw_only=True):
    """Sets the retries of external tasks of this instance; above 0 resolves the incident, 0 opens one."""

    external_task: str
    retries: int


class SetExternalTaskPriority(InstanceCommand, frozen=True, kw_only=True):
    """Sets the priority."""

    external_task: str
    priority: int


class CompleteTask(InstanceCommand, frozen=True, kw_only=True):
    """A person has done a user task. `instance` is the task's own id for a standalone task."""

    task: str
    variables: Variables = {}
    submitted: tuple[tuple[str, str], ...] = ()
    """(field, text) of the form that was submitted (history)."""


class ThrowTaskError(InstanceCommand, frozen=True, kw_only=True):
    """A BPMN error of a user task."""

    task: str
    error_code: str
    error_message: str | None = None
    variables: Variables = {}


class ThrowTaskEscalation(InstanceCommand, frozen=True, kw_only=True):
    """A BPMN escalation of a user task."""

    task: str
    escalation_code: str
    variables: Variables = {}


class ChangeTask(InstanceCommand, frozen=True, kw_only=True):
    """Claim, unclaim, assign, delegate, resolve, update: new values of attributes (`events.TaskChanged.changes`).

    `operation`: claim, unclaim, assign, delegate, resolve, update, set_owner, set_priority, … (operation log,
    task listeners). For `claim`, an assignee other than the present one is refused (TaskAlreadyClaimed)."""

    task: str
    operation: str
    changes: dict[str, Any]
    variables: Variables = {}
    submitted: tuple[tuple[str, str], ...] = ()
    """(field, text) of the form that was submitted (history)."""


class ChangeIdentityLink(InstanceCommand, frozen=True, kw_only=True):
    """Adds or removes a candidate or other link of a task; with `assignee` and `owner` it sets and clears these."""

    task: str
    type: str | None
    add: bool
    link_user: str | None = None
    link_group: str | None = None


class CreateTask(Command, frozen=True, kw_only=True):
    """A standalone task. `fields`: as `events.TaskCreated`. Result: its id."""

    fields: dict[str, Any]
    tenant: str | None = None


class DeleteTask(InstanceCommand, frozen=True, kw_only=True):
    """Deletes a standalone task; `cascade` deletes its history as well."""

    task: str
    cascade: bool = False
    reason: str | None = None


class SetVariables(InstanceCommand, frozen=True, kw_only=True):
    """Sets and removes variables at an execution, or at a task when `task`. Not `local`: Camunda's propagation rule, an
    existing variable is set where it is, a new one at the top."""

    execution: str | None = None
    task: str | None = None
    modifications: Variables = {}
    deletions: tuple[str, ...] = ()
    local: bool = False
    operation: str = "SetVariable"
    """Its name in the operation log: SetVariable, RemoveVariable, ModifyVariable."""
    extends_results: bool = False
    """A worker writes in the middle of its work: a results document (`base.task_results`) must go on where the one that
    is there ends."""


class AddComment(InstanceCommand, frozen=True, kw_only=True):
    """A person says something about a task. Result: the comment's id."""

    task: str
    message: str
    process_instance: str | None = None


class ChangeComment(InstanceCommand, frozen=True, kw_only=True):
    """Another message of a comment of this instance; `task`: the task through which it is changed. `before`: what it
    said (operation log)."""

    comment: str
    message: str
    task: str | None = None
    before: str | None = None


class DeleteComments(InstanceCommand, frozen=True, kw_only=True):
    """The end of comments of this instance, perhaps of none; `task`: the task through which they are deleted."""

    comments: tuple[str, ...]
    task: str | None = None


class AddAttachment(InstanceCommand, frozen=True, kw_only=True):
    """A file or an address for a task. Result: the attachment's id."""

    task: str
    name: str | None = None
    description: str | None = None
    type: str | None = None
    url: str | None = None
    content: bytes | None = None


class DeleteAttachment(InstanceCommand, frozen=True, kw_only=True):
    """The end of an attachment. `name`: its name (operation log)."""

    task: str
    attachment: str
    name: str | None = None


class TriggerMessage(InstanceCommand, frozen=True, kw_only=True):
    """The message `name` reaches the subscription of `execution` (already found). `local_variables` go to the scope that
    the event opens."""

    execution: str
    name: str
    variables: Variables = {}
    local_variables: Variables = {}


class TriggerSignal(InstanceCommand, frozen=True, kw_only=True):
    """The signal `name` reaches one subscription of this instance."""

    execution: str
    subscription: str | None
    name: str
    variables: Variables = {}


class BroadcastSignal(Command, frozen=True, kw_only=True):
    """The signal reaches every subscription in `receivers` ((instance id, subscription id), in order) and starts an instance
    of each of `starts` ((definition id, start event id))."""

    name: str
    receivers: tuple[tuple[str, str], ...] = ()
    starts: tuple[tuple[str, str], ...] = ()
    variables: Variables = {}


class SignalExecution(InstanceCommand, frozen=True, kw_only=True):
    """Continues an execution that waits in a receive task or the like (`POST /execution/{id}/signal`)."""

    execution: str
    variables: Variables = {}
    signal_name: str | None = None


class ExecuteJob(InstanceCommand, frozen=True, kw_only=True):
    """Runs a job. `owner`: the node that leased it, None when a person asked."""

    job: str
    owner: str | None = None


class FailJob(InstanceCommand, frozen=True, kw_only=True):
    """The unit that `ExecuteJob` began was dropped: takes a retry, writes the job log, opens the incident at 0."""

    job: str
    message: str | None = None
    stacktrace: str | None = None
    failed_activity: str | None = None
    owner: str | None = None
    final: bool = False
    """Whether trying again is of no use: no retries are left then."""


class CompleteConnector(InstanceCommand, frozen=True, kw_only=True):
    """The connector of a job has answered (`engine.connectors`). `outputs`: native values that its output parameters see.
    `variables`, `local_variables`: native values to set, in order. `error`: (code, message) of a BPMN error."""

    job: str
    owner: str | None = None
    outputs: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    local_variables: dict[str, Any] = {}
    error: tuple[str, str | None] | None = None


class ChangeJob(InstanceCommand, frozen=True, kw_only=True):
    """Sets `retries`, `due_ms`, `priority`, `suspended` of a job. `cascade`: a new due date moves the following ones."""

    job: str
    changes: dict[str, Any]
    operation: str = "SetJobRetries"
    cascade: bool = False


class DeleteJob(InstanceCommand, frozen=True, kw_only=True):
    """Deletes a job without executing it."""

    job: str


class RecalculateJob(InstanceCommand, frozen=True, kw_only=True):
    """Evaluates a timer's due date again, from now or from its creation."""

    job: str
    creation_date_based: bool = True


class SetSuspension(InstanceCommand, frozen=True, kw_only=True):
    """Suspends or activates the instance."""

    suspended: bool


class DeleteInstance(InstanceCommand, frozen=True, kw_only=True):
    """Cancels the instance and the instances that it called."""

    reason: str | None = None
    skip_custom_listeners: bool = False
    skip_io_mappings: bool = False
    skip_subprocesses: bool = False
    externally_terminated: bool = True
    fail_if_not_exists: bool = True


class ModifyInstance(InstanceCommand, frozen=True, kw_only=True):
    """Starts before, after or at places; cancels activity instances (Camunda 7 `POST …/modification`)."""

    instructions: tuple[StartInstruction, ...]
    skip_custom_listeners: bool = False
    skip_io_mappings: bool = False
    annotation: str | None = None
    definition: str | None = None
    """The definition that the instance must have; None: any."""


class ActivateAdHoc(InstanceCommand, frozen=True, kw_only=True):
    """Begins activities (ids) inside an ad-hoc sub-process, in this order (our addition, as Camunda 8's
    `POST /element-instances/ad-hoc-activities/{key}/activation`)."""

    activity_instance: str
    activities: tuple[str, ...]


class MigrationInstruction(msgspec.Struct, frozen=True, kw_only=True):
    """Instances of the activity `source` become instances of `target` (Camunda 7 `MigrationInstruction`).
    `update_event_trigger`: what waits for its event waits for the target's from then on."""

    source: str | None
    target: str | None
    update_event_trigger: bool = False


class MigrateInstance(InstanceCommand, frozen=True, kw_only=True):
    """Moves the instance from the definition `source` to `target` (Camunda 7 `MigrateProcessInstanceCmd`). The
    instructions are valid (`engine.migration_plan.check`). `variables` are set in the instance when it has moved."""

    source: str
    target: str
    instructions: tuple[MigrationInstruction, ...] = ()
    variables: Variables = {}
    skip_custom_listeners: bool = False
    skip_io_mappings: bool = False


class Together(Command, frozen=True, kw_only=True):
    """Several commands as one unit of work: all of them, in order, or none."""

    commands: tuple[Command, ...]


class EvaluateConditions(InstanceCommand, frozen=True, kw_only=True):
    """Variables of this instance were changed from outside: conditional events are evaluated again."""


class CreateIncident(InstanceCommand, frozen=True, kw_only=True):
    """Opens an incident of a type of the caller's. Result: the incident's id."""

    execution: str
    type: str
    configuration: str | None = None
    message: str | None = None


class ResolveIncident(InstanceCommand, frozen=True, kw_only=True):
    """Resolves an incident that a caller has opened."""

    incident: str


class AnnotateIncident(InstanceCommand, frozen=True, kw_only=True):
    """Sets or clears (None) the note of an incident."""

    incident: str
    annotation: str | None = None
