"""What comments and attachments have in common: the task or process instance that they belong to, live or ended."""

from collections.abc import Callable

from penstock.api.http import Request
from penstock.api.querying import by_id
from penstock.api.shared_query import must
from penstock.base.errors import NullValue
from penstock.engine.commands import InstanceCommand
from penstock.engine.events import AnyEvent
from penstock.identity.changes import About, Changes, MakeChanges, Present
from penstock.store.protocol import Row
from penstock.store.query import Query


async def task_row(request: Request, id: str, status: int = 404) -> Row:
    """The task in history, live or ended. Raises `status` when there is none."""
    return await must(request, Query("task", by_id(id)), f"No task found for task id {id}", status)


async def instance_row(request: Request, id: str) -> Row:
    """The process instance in history, live or ended. Raises 404."""
    return await must(request, Query("process_instance", by_id(id)), f"No process instance found for id {id}")


def owner(row: Row) -> About:
    """To what an event about the task `row` belongs."""
    return About(row["instance_id"], row["root_id"], row["definition_id"], row["tenant_id"])


def root(row: Row) -> str | None:
    """The root process instance that a row shows; a standalone task has none."""
    return row["root_id"] if row["definition_id"] is not None else None


async def add(
    request: Request, task: Row, command: Callable[[], InstanceCommand], event: Callable[[str], AnyEvent]
) -> str:
    """Says something about a task: by `command` while it lives, as a bare `event` with a new id afterwards. Returns the
    id of what was said."""
    if task["live"]:
        try:
            found: str = await request.engine.execute(command())
        except NullValue:
            pass  # It has ended since the view was read.
        else:
            return found

    async def make(present: Present) -> Changes:
        id = present.ids.new()[:-3] + task["root_id"][-3:]
        return Changes(result=id, events=[(owner(task), event(id))])

    made: str = await request.engine.administer(make, user=request.user)
    return made


def of_ended(about: About, event: AnyEvent) -> MakeChanges:
    """An event of something that has ended."""

    async def make(_: Present) -> Changes:
        return Changes(events=[(about, event)])

    return make
