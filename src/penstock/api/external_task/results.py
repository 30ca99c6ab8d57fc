"""Results documents (`base.task_results`) on the wire: what workers were given of them, and what they append.

A variable that a worker reports with `valueInfo: {"append": true}` is a document whose entries are appended to the one
that is there. The header of every fetchAndLock answer says that this server understands it; a server that does not (a
Camunda 7) would overwrite the variable.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.api.http import Request
from penstock.api.querying import by_id
from penstock.base import task_results
from penstock.base.task_results import Seen
from penstock.engine.task_results import results_text
from penstock.expr.values import TypedValue
from penstock.store.protocol import Row
from penstock.store.query import Query, eq

HEADERS = (task_results.APPENDS,)


def changed(given: Iterable[tuple[Row, Mapping[str, TypedValue]]]) -> dict[str, Any]:
    """By task: the versions that its worker is given, where that is not what the row says. No documents, no entries."""
    known: dict[str, Seen | None] = {}
    found: dict[str, Any] = {}
    for row, variables in given:
        versions = _versions(variables, known)
        if versions != row["seen_results"]:
            found[row["id"]] = versions
    return found


def _versions(variables: Mapping[str, TypedValue], known: dict[str, Seen | None]) -> dict[str, Any] | None:
    versions: dict[str, Any] = {}
    for name, value in variables.items():
        text = results_text(value)
        if text is None:
            continue
        if text not in known:
            known[text] = task_results.seen(text)
        version = known[text]
        if version is not None:
            versions[name] = [version.count, version.digest]
    return versions or None


async def seen(request: Request, id: str, *written: Mapping[str, TypedValue]) -> dict[str, Seen]:
    """What the worker of a task was given, if what it writes makes that matter."""
    if all(results_text(value) is None for variables in written for value in variables.values()):
        return {}
    rows = await request.engine.rows(Query("external_task", by_id(id), columns=("seen_results",)))
    versions = rows[0]["seen_results"] if rows else None
    return {name: Seen(count, digest) for name, (count, digest) in (versions or {}).items()}


def appended(variables: dict[str, Any] | None) -> tuple[str, ...]:
    """The names of the variables in a body that are to be appended."""
    return tuple(name for name, value in (variables or {}).items() if _is_append(value))


def _is_append(value: Any) -> bool:
    info = value.get("valueInfo") if isinstance(value, dict) else None
    return isinstance(info, dict) and info.get("append") is True


async def note_written(request: Request, instance: str, worker: str, modifications: Mapping[str, TypedValue]) -> None:
    """A worker has written results in the middle of its tasks: it knows that version from now on."""
    versions = _versions(modifications, {})
    if versions is None:
        return
    held = Query("external_task", (eq("instance_id", instance), eq("worker_id", worker)))
    rows = await request.engine.rows(held)
    await request.engine.note_seen_results({row["id"]: {**(row["seen_results"] or {}), **versions} for row in rows})
