"""The live state of one process instance: a tree of executions, and what waits at them.

`apply` (`engine/apply.py`) is the only code that changes these records; everybody else reads.
State is serialised whole for small instances and in chunks for large ones (`engine/codec.py`): each record therefore
belongs to exactly one execution, and references others by id.
"""

from enum import StrEnum
from typing import Any

import msgspec

from penstock.engine.events import ExecutionKind, JobKind
from penstock.expr.values import TypedValue


class Phase(StrEnum):
    """Where an execution stands."""

    IDLE = "i"
    """Nothing of its own: its children act, or it is on its way within a unit."""
    ACTIVE = "a"
    """In the activity `activity` (instance `activity_instance`)."""
    BEFORE = "b"
    """An asynchronous continuation before `activity` waits as a job."""
    AFTER = "f"
    """`activity` has ended; an asynchronous continuation along `flow` (or to its end, without a flow) waits as a job."""
    JOINING = "j"
    """Arrived at the gateway `activity` and waiting for others; cannot act."""


class Variable(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """A variable in one scope."""

    id: str
    value: TypedValue
    revision: int = 0


class Execution(msgspec.Struct, array_like=True, omit_defaults=True):
    """A node of the tree. INSTANCE and SCOPE own a scope; PATH is one of several concurrent paths of its parent's scope.

    A scope whose single path is not concurrent is that path itself: then `activity` is set on the scope's own record.
    `scope_activity`, `scope_instance`: of INSTANCE (process id, instance id) and SCOPE (the scope activity and its
    activity instance): constant while it lives. `activity`, `activity_instance`: where its path is now. For a scope
    activity without inner paths (an external task) both are the same activity.
    """

    id: str
    parent: str | None
    kind: ExecutionKind
    scope_activity: str | None = None
    scope_instance: str | None = None
    scope_started_ms: int = 0
    phase: Phase = Phase.IDLE
    activity: str | None = None
    activity_instance: str | None = None
    started_ms: int = 0
    flow: str | None = None
    parent_instance: str | None = None
    """Parent activity instance of `activity_instance`."""
    called: str | None = None
    """Id of the process instance that the call activity here has called."""
    children: dict[str, None] = {}
    variables: dict[str, Variable] = {}
    tasks: dict[str, None] = {}
    external_tasks: dict[str, None] = {}
    jobs: dict[str, None] = {}
    subscriptions: dict[str, None] = {}
    incidents: dict[str, None] = {}
    place: int = 0
    """Orders it among the children of its parent: `children` of a large instance is made from this."""


class Task(msgspec.Struct, array_like=True, omit_defaults=True):
    """A user task that waits. `fields` as in `events.TaskCreated`, plus `delegation_state`."""

    id: str
    execution: str | None
    activity_instance: str | None
    key: str | None
    created_ms: int
    fields: dict[str, Any] = {}
    links: list[tuple[str | None, str | None, str | None, str]] = []
    """(type, user, group, link id)."""
    variables: dict[str, Variable] = {}


class ExternalTask(msgspec.Struct, array_like=True, omit_defaults=True):
    """Work for a worker. The lock is a lease and lives in the store's ready row only."""

    id: str
    execution: str
    activity: str
    activity_instance: str
    topic: str
    created_ms: int
    priority: int = 0
    retries: int | None = None
    error_message: str | None = None
    error_details: str | None = None
    trace: str | None = None
    """`traceparent` of the unit that created it; None: it was not traced."""


class Job(msgspec.Struct, array_like=True, omit_defaults=True):
    """Work for the engine itself. Fields as in `events.JobCreated`."""

    id: str
    kind: JobKind
    execution: str | None
    activity: str | None
    retries: int
    created_ms: int
    due_ms: int | None = None
    priority: int = 0
    exclusive: bool = True
    configuration: str | None = None
    repeat_left: int | None = None
    cycle: str | None = None
    flow: str | None = None
    payload: dict[str, TypedValue] | None = None
    job_definition: str | None = None
    suspended: bool = False
    message: str | None = None
    failed_activity: str | None = None
    trace: str | None = None
    """`traceparent` of the unit that created it; None: it was not traced."""


class Subscription(msgspec.Struct, array_like=True, omit_defaults=True):
    """A scope waits for an event. Fields as in `events.SubscriptionCreated`."""

    id: str
    type: str
    name: str | None
    execution: str
    activity: str
    created_ms: int
    configuration: str | None = None


class Incident(msgspec.Struct, array_like=True, omit_defaults=True):
    """An open incident. Fields as in `events.IncidentOpened`."""

    id: str
    type: str
    execution: str
    activity: str | None
    configuration: str | None = None
    cause: str = ""
    root: str = ""


class Instance(msgspec.Struct, array_like=True, omit_defaults=True):
    """A live process instance (or, with `definition` None, one standalone task)."""

    id: str
    root: str
    definition: str | None
    revision: int = 0
    tenant: str | None = None
    business_key: str | None = None
    super_instance: str | None = None
    super_execution: str | None = None
    suspended: bool = False
    started_ms: int = 0
    ended: bool = False
    executions: dict[str, Execution] = {}
    tasks: dict[str, Task] = {}
    external_tasks: dict[str, ExternalTask] = {}
    jobs: dict[str, Job] = {}
    subscriptions: dict[str, Subscription] = {}
    incidents: dict[str, Incident] = {}
    trace: str | None = None
    """`traceparent` of the last traced unit that changed it."""
    places: int = 0
    """The last `place` that was given to an execution."""
