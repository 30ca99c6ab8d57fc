"""Changes that follow from no unit of work (`identity.changes`), and their entries in the operation log.

Changes of rows are committed under the definitions' epoch, so that of two nodes that change users, authorizations or
filters at the same time one makes its change again on what the other has left.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.base.ids import Ids
from penstock.engine.events import AnyEvent, InstanceEvents, OperationLogged
from penstock.engine.operations import job_changes
from penstock.identity.changes import OPERATOR, About, Changes, Operation, Property
from penstock.store.protocol import Row


def remarks(changes: Changes, now_ms: int) -> list[InstanceEvents]:
    """The events that belong to something that may have ended."""
    return [_said(about, event, now_ms) for about, event in changes.events]


def _said(about: About, event: AnyEvent, now_ms: int) -> InstanceEvents:
    return InstanceEvents(
        instance=about.instance,
        root=about.root,
        # Beyond every revision that the instance can have had: what is said of it comes after what it did.
        revision=now_ms,
        at_ms=now_ms,
        definition=about.definition,
        events=[event],
        tenant=about.tenant,
    )


def operations(entries: Sequence[Operation], ids: Ids, now_ms: int, user: str | None) -> list[InstanceEvents]:
    """Entries of the operation log that no unit of work has written. One that belongs to no process instance is named
    after itself."""
    return [_logged(entry, ids, now_ms, user) for entry in entries]


def _logged(entry: Operation, ids: Ids, now_ms: int, user: str | None) -> InstanceEvents:
    id, about = ids.new(), entry.about
    event = OperationLogged(
        operation=id,
        operation_type=entry.type,
        entity_type=entry.entity,
        category=entry.category,
        user=user,
        rows=[(_row_id(ids, about), change.name, change.old, change.new) for change in entry.properties],
        annotation=entry.annotation,
        definition=entry.definition,
        job_definition=entry.job_definition,
        batch=entry.batch,
        job=entry.job,
        deployment=entry.deployment,
        external_task=entry.external_task,
    )
    if about is not None:
        return _said(about, event, now_ms)
    return InstanceEvents(
        instance=id, root=id, revision=1, at_ms=now_ms, definition=None, events=[event], tenant=entry.tenant
    )


def _row_id(ids: Ids, about: About | None) -> str:
    """Rows of a process instance lie where it lies, and two entries may be made of it in one millisecond; those named
    after themselves get theirs from the view."""
    return "" if about is None else ids.new()[:-3] + about.root[-3:]


# ------------------------------------------------------------------------------------------ entries


def definition_suspended(definitions: Sequence[str], suspended: bool, include_instances: bool) -> Operation:
    """Definitions were suspended or activated; one that stands alone is named."""
    return Operation(
        type="SuspendProcessDefinition" if suspended else "ActivateProcessDefinition",
        entity="ProcessDefinition",
        category=OPERATOR,
        properties=(
            Property("suspensionState", "suspended" if suspended else "active"),
            Property("includeProcessInstances", "true" if include_instances else "false"),
        ),
        definition=definitions[0] if len(definitions) == 1 else None,
    )


def job_definition_suspended(job_definitions: Sequence[str], suspended: bool) -> Operation:
    """Job definitions were suspended or activated; one that stands alone is named."""
    return Operation(
        type="SuspendJobDefinition" if suspended else "ActivateJobDefinition",
        entity="JobDefinition",
        category=OPERATOR,
        properties=(Property("suspensionState", "suspended" if suspended else "active"),),
        job_definition=job_definitions[0] if len(job_definitions) == 1 else None,
    )


def history_deleted(count: int) -> Operation:
    """Ended instances went from history."""
    properties = (Property("nrOfInstances", str(count)), Property("async", "false"))
    return Operation(type="DeleteHistory", entity="ProcessInstance", category=OPERATOR, properties=properties)


def external_task_unlocked(row: Row) -> Operation:
    """An operator took a lock away."""
    about = About(row["instance_id"], row["root_id"], row["definition_id"], row["tenant_id"])
    return Operation(
        type="Unlock",
        entity="ExternalTask",
        category=OPERATOR,
        properties=(Property(None),),
        external_task=row["id"],
        about=about,
    )


def batch_suspended(batch: str, suspended: bool) -> Operation:
    """A batch was suspended or activated."""
    return Operation(
        type="SuspendBatch" if suspended else "ActivateBatch",
        entity="Batch",
        category=OPERATOR,
        properties=(Property("suspensionState", "suspended" if suspended else "active"),),
        batch=batch,
    )


def batch_deleted(batch: str, cascade: bool) -> Operation:
    """A batch was deleted before it was done."""
    properties = (Property("cascadeToHistory", "true" if cascade else "false"),)
    return Operation(type="Delete", entity="Batch", category=OPERATOR, properties=properties, batch=batch)


def history_batch_deleted(batch: str) -> Operation:
    """An ended batch went from history."""
    return Operation(type="DeleteHistory", entity="Batch", category=OPERATOR, batch=batch)


def start_job_operation(row: Row, operation: str, values: Mapping[str, Any]) -> Operation:
    """Somebody did something to a job that belongs to no instance; `values`: the columns that have changed."""
    type, changes = job_changes(operation, row, values)
    return Operation(
        type=type,
        entity="Job",
        category=OPERATOR,
        properties=tuple(Property(name, new, old) for name, old, new in changes),
        definition=row["definition_id"],
        job=row["id"],
        job_definition=row["job_definition_id"],
        tenant=row["tenant_id"],
    )
