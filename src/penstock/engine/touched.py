"""Which records of an instance a unit's events touch: what a large instance has to write again.

An event touches executions, with everything that waits at them, and variables. Naming too much costs bytes; naming too
little would lose a change: a test compares what is written with the whole, for random processes.
"""

from collections.abc import Callable
from typing import Any

from penstock.engine import events as e
from penstock.engine.state import Instance


class Touched:
    """What was touched. `everything`: all of it; `loose`: tasks or jobs that wait at no execution."""

    __slots__ = ("everything", "executions", "loose", "variables")

    def __init__(self) -> None:
        self.executions: dict[str, None] = {}
        self.variables: set[str] = set()
        self.everything = False
        self.loose = False

    def note(self, instance: Instance, event: e.AnyEvent) -> None:
        """Takes in an event that is about to be applied to `instance`."""
        read = READERS[type(event)]
        if read is not None:
            read(self, instance, event)

    def _at(self, execution: str | None) -> None:
        if execution is None:
            self.loose = True
        else:
            self.executions[execution] = None


Reader = Callable[[Touched, Instance, Any], None]


def _fields(*names: str) -> Reader:
    """The executions that fields of the event name."""

    def read(t: Touched, i: Instance, v: Any) -> None:
        for name in names:
            t._at(getattr(v, name))

    return read


def _place(records: str, id: str) -> Reader:
    """The execution at which the thing waits that the field `id` names; `records`: where the instance has such things."""

    def read(t: Touched, i: Instance, v: Any) -> None:
        execution = getattr(i, records)[getattr(v, id)].execution
        t._at(execution if execution in i.executions else None)

    return read


def _ended(t: Touched, i: Instance, v: e.ExecutionEnded) -> None:
    x = i.executions[v.execution]
    t._at(x.id)
    if x.parent is not None:
        t._at(x.parent)
    if x.tasks or x.jobs:
        t.loose = True


def _folded(t: Touched, i: Instance, v: e.ExecutionFolded) -> None:
    for id in (v.execution, v.into, *i.executions[v.execution].children):
        t._at(id)


def _handed_over(t: Touched, i: Instance, v: e.PathDetached | e.PathAttached) -> None:
    for id in (v.execution, v.source if isinstance(v, e.PathDetached) else v.into, *v.children):
        t._at(id)


def _updated(t: Touched, i: Instance, v: e.ActivityUpdated) -> None:
    if v.execution is not None:
        t._at(v.execution)


def _variable(t: Touched, i: Instance, v: e.VariableSet | e.VariableRemoved) -> None:
    t._at(v.scope if v.task is None else i.tasks[v.task].execution)
    t.variables.add(v.variable)


def _subscription_migrated(t: Touched, i: Instance, v: e.SubscriptionMigrated) -> None:
    t._at(i.subscriptions[v.subscription].execution)
    t._at(v.execution)


def _everything(t: Touched, i: Instance, v: Any) -> None:
    t.everything = True


_TASK = _place("tasks", "task")
_EXTERNAL_TASK = _place("external_tasks", "external_task")
_JOB = _place("jobs", "job")
_SUBSCRIPTION = _place("subscriptions", "subscription")
_INCIDENT = _place("incidents", "incident")
_EXECUTION = _fields("execution")

READERS: dict[type[Any], Reader | None] = {
    e.InstanceStarted: _everything,
    e.InstanceEnded: _everything,
    e.SuspensionSet: _everything,
    e.BusinessKeySet: None,
    e.ExecutionCreated: _fields("execution", "parent"),
    e.ExecutionMoved: _EXECUTION,
    e.ExecutionFolded: _folded,
    e.ExecutionExpanded: _fields("scope", "execution"),
    e.ExecutionEnded: _ended,
    e.ExecutionKept: _EXECUTION,
    e.ExecutionRevived: _EXECUTION,
    e.InstanceMigrated: _everything,
    e.PathDetached: _handed_over,
    e.PathAttached: _handed_over,
    e.ExecutionDetached: _EXECUTION,
    e.ActivityMigrated: _EXECUTION,
    e.JobMigrated: _JOB,
    e.SubscriptionMigrated: _subscription_migrated,
    e.TaskMigrated: _TASK,
    e.ExternalTaskMigrated: _EXTERNAL_TASK,
    e.IncidentMigrated: _INCIDENT,
    e.ActivityStarted: _EXECUTION,
    e.ActivityEnded: _EXECUTION,
    e.ActivityUpdated: _updated,
    e.PathPlaced: _EXECUTION,
    e.VariableSet: _variable,
    e.VariableRemoved: _variable,
    e.TaskCreated: _EXECUTION,
    e.TaskChanged: _TASK,
    e.TaskEnded: _TASK,
    e.IdentityLinkAdded: _TASK,
    e.IdentityLinkRemoved: _TASK,
    e.TraceCarried: None,
    e.ExternalTaskCreated: _EXECUTION,
    e.ExternalTaskFailed: _EXTERNAL_TASK,
    e.ExternalTaskRetriesSet: _EXTERNAL_TASK,
    e.ExternalTaskPrioritySet: _EXTERNAL_TASK,
    e.ExternalTaskCompleted: _EXTERNAL_TASK,
    e.ExternalTaskDeleted: _EXTERNAL_TASK,
    e.JobCreated: _EXECUTION,
    e.JobExecuted: _JOB,
    e.JobDeleted: _JOB,
    e.JobFailed: _JOB,
    e.JobChanged: _JOB,
    e.SubscriptionCreated: _EXECUTION,
    e.SubscriptionDeleted: _SUBSCRIPTION,
    e.IncidentOpened: _EXECUTION,
    e.IncidentClosed: _INCIDENT,
    e.VariablesMigrated: None,
    e.RemovalTimeSet: None,
    e.IncidentAnnotated: None,
    e.OperationLogged: None,
    e.OperationAnnotated: None,
    e.DecisionEvaluated: None,
    e.FormSubmitted: None,
    e.CommentAdded: None,
    e.CommentChanged: None,
    e.CommentsDeleted: None,
    e.AttachmentAdded: None,
    e.AttachmentDeleted: None,
    e.VariableHistoryDeleted: None,
}
"""Every event; None: it changes no record, or the head only."""
