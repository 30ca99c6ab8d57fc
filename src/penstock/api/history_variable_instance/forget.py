"""Deleting variables from history: `DELETE /history/variable-instance/{id}` and
`DELETE /history/process-instance/{id}/variable-instances`.

Of a variable that still lives only the changes go: its row is also what `/variable-instance` shows.
"""

from collections.abc import Sequence

from penstock.api import problems
from penstock.api.http import Request
from penstock.api.querying import by_id
from penstock.api.shared_query import one
from penstock.engine.events import VariableHistoryDeleted
from penstock.identity.changes import OPERATOR, About, Changes, Operation, Present, Property
from penstock.store.protocol import Row
from penstock.store.query import Query, Term, eq
from penstock.views.detail import VARIABLE_UPDATE

COLUMNS = ("id", "name", "live", "instance_id", "root_id", "definition_id", "tenant_id")


async def forget_variable(request: Request, id: str) -> None:
    """`DELETE /history/variable-instance/{id}`."""
    row = await one(request, Query("variable", by_id(id), columns=COLUMNS))
    if row is None:
        raise problems.invalid(404, f"No historic variable instance found with id: {id}: variable is null", 0)
    about = About(row["instance_id"], row["root_id"], row["definition_id"], row["tenant_id"])
    changes = eq("variable_id", id)
    await _forget(request, about, [row], changes, Property("name", row["name"]))


async def forget_variables(request: Request, id: str) -> None:
    """`DELETE /history/process-instance/{id}/variable-instances`."""
    instance = await one(request, Query("process_instance", by_id(id)))
    if instance is None:
        raise problems.invalid(404, f"No historic process instance found with id: {id}: instance is null", 0)
    rows = await request.engine.rows(Query("variable", (eq("instance_id", id),), columns=COLUMNS))
    about = About(id, instance["root_id"], instance["definition_id"], instance["tenant_id"])
    await _forget(request, about, rows, None, Property(None))


async def _forget(request: Request, about: About, rows: Sequence[Row], which: Term | None, change: Property) -> None:
    of_instance = (
        eq("instance_id", about.instance),
        eq("type", VARIABLE_UPDATE),
        *((which,) if which is not None else ()),
    )
    details = await request.engine.rows(Query("detail", of_instance, columns=("id",)))
    lives = await request.engine.instance(about.instance) is not None
    gone = [row["id"] for row in rows if not (lives and row["live"])]
    operation = Operation(
        type="DeleteHistory",
        entity="Variable",
        category=OPERATOR,
        properties=(change,),
        about=about,
    )
    event = VariableHistoryDeleted(gone, [row["id"] for row in details])

    async def make(_: Present) -> Changes:
        return Changes(operations=[operation], events=[(about, event)])

    await request.engine.administer(make, user=request.user)
