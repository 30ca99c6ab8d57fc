"""A process instance in a test: where it is, what it knows, and what is done to it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.engine import commands as c
from penstock.engine.definition import BODY
from penstock.engine.state import Execution, Instance, Phase
from penstock.store.protocol import Row
from penstock.store.query import Order, Query, eq, is_null
from penstock.testing.native import native, typed
from penstock.testing.workers import LOCK_MS, WORKER

if TYPE_CHECKING:
    from penstock.testing.virtual import VirtualEngine

Variables = Mapping[str, Any] | msgspec.Struct | None
"""A mapping of names to values, or a Struct or dataclass whose fields are the variables."""


class Incident(msgspec.Struct, frozen=True):
    """Something that stands still until a person acts. `type`: `failedJob`, `failedExternalTask`, …"""

    type: str
    activity: str
    message: str | None


class ProcessInstance:
    """One process instance. It may have ended; what is asked is answered as of now."""

    def __init__(self, engine: "VirtualEngine", id: str) -> None:
        self._engine = engine
        self.id = id

    def __repr__(self) -> str:
        return f"ProcessInstance({self.key!r}, {self.state}, waits at {list(self.waits_at)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessInstance) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    # ------------------------------------------------------------------------------------------ how it is

    @property
    def key(self) -> str:
        """The key of its process."""
        return str(self._row["definition_key"])

    @property
    def business_key(self) -> str | None:
        """Its business key."""
        live = self._live
        return live.business_key if live is not None else self._row["business_key"]

    @property
    def state(self) -> str:
        """`ACTIVE`, `SUSPENDED`, `COMPLETED`, `EXTERNALLY_TERMINATED` or `INTERNALLY_TERMINATED`."""
        return str(self._row["state"])

    @property
    def is_ended(self) -> bool:
        """Whether it is over, in whatever way."""
        return self._live is None

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the process instance itself; when it has ended, as they were then."""
        live = self._live
        if live is not None:
            return native({name: v.value for name, v in live.executions[self.id].variables.items()})
        return self._engine.variables_in_history(self.id)

    @property
    def waits_at(self) -> tuple[str, ...]:
        """Ids of the elements in which it waits: user tasks, external tasks, events, gateways, asynchronous
        continuations; one entry per path, in order of the paths."""
        live = self._live
        if live is None:
            return ()
        places = [x.activity for x in live.executions.values() if _waits(x)]
        return tuple(activity.removesuffix(BODY) for activity in places if activity is not None)

    @property
    def passed(self) -> tuple[str, ...]:
        """Ids of the elements that it has left behind and that were not canceled, in the order in which they ended."""
        rows = [row for row in self._activities() if row["ended_ms"] is not None and not row["canceled"]]
        rows.sort(key=lambda row: (row["ended_ms"], row["sequence"]))
        return tuple(row["activity_id"].removesuffix(BODY) for row in rows)

    @property
    def canceled(self) -> tuple[str, ...]:
        """Ids of the elements that were interrupted."""
        return tuple(row["activity_id"].removesuffix(BODY) for row in self._activities() if row["canceled"])

    @property
    def incidents(self) -> list[Incident]:
        """What stands still."""
        where = (eq("instance_id", self.id), is_null("ended_ms"))
        rows = self._engine.rows(Query("incident", where, (Order("created_ms"),)))
        return [Incident(row["type"], row["activity_id"], row["message"]) for row in rows]

    @property
    def tasks(self) -> list["UserTask"]:
        """The user tasks that are open."""
        live = self._live
        return [UserTask(self, task.id) for task in live.tasks.values()] if live is not None else []

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of the external tasks that are open, one entry per task."""
        live = self._live
        return tuple(task.topic for task in live.external_tasks.values()) if live is not None else ()

    def called(self, key: str | None = None) -> list["ProcessInstance"]:
        """The instances that its call activities have started, oldest first; `key`: only of this process."""
        where = [eq("super_instance_id", self.id), *([eq("definition_key", key)] if key is not None else ())]
        rows = self._engine.rows(Query("process_instance", where, (Order("started_ms"), Order("id"))))
        return [ProcessInstance(self._engine, row["id"]) for row in rows]

    # ------------------------------------------------------------------------------------------ what workers do

    def complete_external_task(self, name: str, variables: Variables = None, *, local: Variables = None) -> None:
        """A worker completes the external task of this topic, or at this element."""
        self._engine.do(
            c.CompleteExternalTask(
                instance=self.id,
                external_task=self._locked(name),
                worker=WORKER,
                variables=typed(variables),
                local_variables=typed(local),
            )
        )

    def fail_external_task(
        self, name: str, message: str = "it failed", *, retries: int = 0, retry_timeout_ms: int = 0
    ) -> None:
        """A worker reports a failure. `retries`: how many are left; 0 opens an incident."""
        self._engine.do(
            c.FailExternalTask(
                instance=self.id,
                external_task=self._locked(name),
                worker=WORKER,
                error_message=message,
                retries=retries,
                retry_timeout_ms=retry_timeout_ms,
            )
        )

    def throw_external_task_error(
        self, name: str, code: str, message: str | None = None, variables: Variables = None
    ) -> None:
        """A worker raises a BPMN error."""
        self._engine.do(
            c.ThrowExternalTaskError(
                instance=self.id,
                external_task=self._locked(name),
                worker=WORKER,
                error_code=code,
                error_message=message,
                variables=typed(variables),
            )
        )

    def _locked(self, name: str) -> str:
        live = self._live
        tasks = list(live.external_tasks.values()) if live is not None else []
        found = [task.id for task in tasks if name in (task.topic, task.activity)]
        if not found:
            there = ", ".join(f"{task.topic!r} (at {task.activity})" for task in tasks) or "none"
            raise AssertionError(f"{self} has no external task {name!r}; open are: {there}")
        self._engine.run(self._engine.node.lock_external_task(found[0], WORKER, LOCK_MS))
        return found[0]

    # ------------------------------------------------------------------------------------------ what people do

    def task(self, key: str | None = None) -> "UserTask":
        """The open user task at this element; without a key, the only one."""
        tasks = self.tasks
        found = [task for task in tasks if key in (None, task.key, task.name)]
        if not found or (key is None and len(found) > 1):
            there = ", ".join(str(task.key) for task in tasks) or "none"
            wanted = "exactly one user task" if key is None else f"a user task {key!r}"
            raise AssertionError(f"{self} does not have {wanted}; open are: {there}")
        return found[0]

    def complete_task(self, key: str | None = None, variables: Variables = None, *, user: str | None = None) -> None:
        """A person completes the user task at this element; without a key, the only one."""
        self.task(key).complete(variables, user=user)

    # ------------------------------------------------------------------------------------------ whatever else happens

    def message(self, name: str, variables: Variables = None) -> None:
        """The message arrives at this instance."""
        self._engine.correlate(name, variables, instance=self.id)

    def set_variables(self, variables: Variables) -> None:
        """Sets variables of the process instance."""
        self._engine.do(c.SetVariables(instance=self.id, modifications=typed(variables)))

    def run_job(self, activity: str) -> None:
        """Runs the job (timer, asynchronous continuation) at this element now, due or not. Raises what it fails with."""
        live = self._live
        jobs = list(live.jobs.values()) if live is not None else []
        job = next((job for job in jobs if job.activity == activity), None)
        if job is None:
            there = ", ".join(f"{job.activity} ({job.kind.value})" for job in jobs) or "none"
            raise AssertionError(f"{self} has no job at {activity!r}; there are: {there}")
        self._engine.do(c.ExecuteJob(instance=self.id, job=job.id))

    def cancel(self, reason: str | None = None) -> None:
        """Somebody deletes the instance."""
        self._engine.do(c.DeleteInstance(instance=self.id, reason=reason))

    # ------------------------------------------------------------------------------------------ inside

    @property
    def _live(self) -> Instance | None:
        return self._engine.run(self._engine.node.instance(self.id))

    @property
    def _row(self) -> Row:
        (row,) = self._engine.rows(Query("process_instance", (eq("id", self.id),)))
        return row

    def _activities(self) -> list[Row]:
        return self._engine.rows(Query("activity_instance", (eq("instance_id", self.id),), (Order("sequence"),)))


class UserTask:
    """An open user task."""

    def __init__(self, instance: ProcessInstance, id: str) -> None:
        self._instance = instance
        self.id = id

    def __repr__(self) -> str:
        return f"UserTask({self.key!r}, assignee {self.assignee!r})"

    @property
    def key(self) -> str | None:
        """Id of its element."""
        return str(self._row["task_key"])

    @property
    def name(self) -> str | None:
        """Its name, as people see it."""
        return self._row["name"]  # type: ignore[no-any-return]

    @property
    def assignee(self) -> str | None:
        """Who is to do it."""
        return self._row["assignee"]  # type: ignore[no-any-return]

    @property
    def due(self) -> datetime | None:
        """Until when it should be done."""
        due_ms = self._row["due_ms"]
        return None if due_ms is None else datetime.fromtimestamp(due_ms / 1_000, UTC)

    @property
    def candidate_groups(self) -> list[str]:
        """The groups who may claim it."""
        where = (eq("task_id", self.id), eq("type", "candidate"))
        rows = self._engine.rows(Query("identity_link", where))
        return sorted(row["group_id"] for row in rows if row["group_id"] is not None)

    def claim(self, user: str) -> None:
        """`user` takes it."""
        changes = {"assignee": user}
        self._do(c.ChangeTask(instance=self._instance.id, task=self.id, operation="claim", changes=changes, user=user))

    def complete(self, variables: Variables = None, *, user: str | None = None) -> None:
        """It is done."""
        self._do(c.CompleteTask(instance=self._instance.id, task=self.id, variables=typed(variables), user=user))

    def throw_error(self, code: str, message: str | None = None) -> None:
        """It ends with a BPMN error."""
        self._do(c.ThrowTaskError(instance=self._instance.id, task=self.id, error_code=code, error_message=message))

    def escalate(self, code: str) -> None:
        """It throws an escalation."""
        self._do(c.ThrowTaskEscalation(instance=self._instance.id, task=self.id, escalation_code=code))

    @property
    def _engine(self) -> "VirtualEngine":
        return self._instance._engine

    @property
    def _row(self) -> Row:
        (row,) = self._engine.rows(Query("task", (eq("id", self.id),)))
        return row

    def _do(self, command: c.Command) -> None:
        self._engine.do(command)


def _waits(x: Execution) -> bool:
    return x.activity is not None and x.phase is not Phase.IDLE
