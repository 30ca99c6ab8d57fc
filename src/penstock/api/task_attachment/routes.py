"""`/task/{id}/attachment`: files and addresses that belong to tasks."""

from collections.abc import Sequence
from typing import Any

from penstock.api import dates, problems
from penstock.api.http import MULTIPART, Part, Request, Response, Route
from penstock.api.options import self_link
from penstock.api.remarks import add, of_ended, owner, root, task_row
from penstock.api.shared_query import listed_rows, must, one
from penstock.base.errors import NotFound, NullValue
from penstock.engine.commands import AddAttachment, DeleteAttachment
from penstock.engine.events import AttachmentAdded, AttachmentDeleted
from penstock.store.protocol import Row
from penstock.store.query import Order, Query, eq

PATH = "/task/{id}/attachment"
OCTET_STREAM = "application/octet-stream"
_COLUMNS = (
    "id",
    "task_id",
    "root_id",
    "instance_id",
    "definition_id",
    "tenant_id",
    "name",
    "description",
    "type",
    "url",
    "created_ms",
    "removal_ms",
)
"""All but the content."""


def attachment(row: Row, links: Sequence[Any] = ()) -> dict[str, Any]:
    """`AttachmentDto` of a row of the view `attachment`."""
    return {
        "links": list(links),
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "taskId": row["task_id"],
        "type": row["type"],
        "url": row["url"],
        "createTime": dates.write(row["created_ms"]),
        "removalTime": dates.write(row["removal_ms"]),
        "rootProcessInstanceId": root(row),
    }


async def get_all(request: Request, id: str) -> Any:
    """`GET /task/{id}/attachment`."""
    await task_row(request, id)
    query = Query("attachment", (eq("task_id", id),), (Order("created_ms"), Order("id")), columns=_COLUMNS)
    return [attachment(row) for row in await listed_rows(request, query)]


def _query(id: str, attachment_id: str, columns: Sequence[str] = _COLUMNS) -> Query:
    return Query("attachment", (eq("task_id", id), eq("id", attachment_id)), columns=columns)


async def _row(request: Request, id: str, attachment_id: str) -> Row:
    missing = f"Task attachment with id {attachment_id} does not exist for task id '{id}'."
    return await must(request, _query(id, attachment_id), missing)


async def get(request: Request, id: str, attachment_id: str) -> Any:
    """`GET /task/{id}/attachment/{attachmentId}`."""
    return attachment(await _row(request, id, attachment_id))


async def data(request: Request, id: str, attachment_id: str) -> Response:
    """`GET /task/{id}/attachment/{attachmentId}/data`."""
    row = await one(request, _query(id, attachment_id, ("id", "content")))
    if row is None or row["content"] is None:
        raise problems.invalid(
            404, f"Attachment content for attachment with id '{attachment_id}' does not exist for task id '{id}'."
        )
    return Response(200, bytes(row["content"]), OCTET_STREAM)


async def create(request: Request, id: str) -> Any:
    """`POST /task/{id}/attachment/create`: a file in the part `content`, or an address in `url`."""
    parts = {part.name: part for part in request.form()}
    task = await task_row(request, id, 400)
    content = parts.get("content")
    if content is None and "url" not in parts:
        raise problems.invalid(400, "No content or url to remote content exists to create the task attachment.")
    name, description, type = (_text(parts.get(f"attachment-{what}")) for what in ("name", "description", "type"))
    url = _text(parts.get("url")) if content is None else None
    binary = content.content if content is not None else None
    made = await add(
        request,
        task,
        lambda: AddAttachment(
            instance=task["instance_id"],
            task=id,
            name=name,
            description=description,
            type=type,
            url=url,
            content=binary,
            user=request.user,
        ),
        lambda new: AttachmentAdded(new, id, name, description, type, url, binary),
    )
    row = await _row(request, id, made)
    return attachment(row, [self_link(request, f"/task/{id}/attachment/{made}")])


def _text(part: Part | None) -> str | None:
    return None if part is None else part.text


async def delete(request: Request, id: str, attachment_id: str) -> None:
    """`DELETE /task/{id}/attachment/{attachmentId}`, whether the task lives or not."""
    missing = f"Deletion is not possible. No attachment exists for task id '{id}' and attachment id '{attachment_id}'."
    row = await must(request, _query(id, attachment_id), missing)
    command = DeleteAttachment(
        instance=row["instance_id"], task=id, attachment=attachment_id, name=row["name"], user=request.user
    )
    try:
        await request.engine.execute(command)
    except (NotFound, NullValue):
        await request.engine.administer(of_ended(owner(row), AttachmentDeleted(attachment_id)), user=request.user)


ROUTES: tuple[Route, ...] = (
    Route("GET", PATH, get_all),
    Route("POST", PATH + "/create", create, consumes=MULTIPART),
    Route("GET", PATH + "/{attachmentId}", get),
    Route("DELETE", PATH + "/{attachmentId}", delete, consumes=None),
    Route("GET", PATH + "/{attachmentId}/data", data, produces=None),
)
