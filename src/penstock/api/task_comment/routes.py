"""`/task/{id}/comment` and `/process-instance/{id}/comment`: what people say about tasks.

Anybody may comment on a task that has ended; comments are changed and deleted only while it lives (Camunda 7
`UpdateCommentCmd`, `DeleteTaskCommentCmd`, `DeleteProcessInstanceCommentCmd`).
"""

from collections.abc import Sequence
from typing import Any

from penstock.api import dates, problems
from penstock.api.dto import Body
from penstock.api.http import Request, Route
from penstock.api.options import self_link
from penstock.api.remarks import add, instance_row, of_ended, owner, root, task_row
from penstock.api.shared_query import listed_rows, must
from penstock.base.errors import NullValue
from penstock.engine.commands import AddComment, ChangeComment, DeleteComments, InstanceCommand
from penstock.engine.events import CommentAdded, CommentsDeleted
from penstock.store.protocol import Row
from penstock.store.query import Order, Query, Term, eq

OF_TASK = "/task/{id}/comment"
OF_INSTANCE = "/process-instance/{id}/comment"
_NEWEST_FIRST = (Order("created_ms", descending=True), Order("id", descending=True))


class Comment(Body):
    """`CommentDto` as clients send it."""

    id: str | None = None
    message: str | None = None
    process_instance_id: str | None = None


def comment(row: Row, links: Sequence[Any] = ()) -> dict[str, Any]:
    """`CommentDto` of a row of the view `comment`."""
    return {
        "links": list(links),
        "id": row["id"],
        "userId": row["user_id"],
        "time": dates.write(row["created_ms"]),
        "taskId": row["task_id"],
        "message": row["message"],
        "removalTime": dates.write(row["removal_ms"]),
        "rootProcessInstanceId": root(row),
        "processInstanceId": row["process_instance_id"],
    }


async def _comments(request: Request, *where: Term) -> list[Row]:
    return await listed_rows(request, Query("comment", where, _NEWEST_FIRST))


async def _must_live(request: Request, table: str, id: str, message: str) -> str:
    """The process instance to which a live task or instance belongs. Raises 400 once it has ended."""
    found = await request.engine.instance_of(table, id)
    if found is None:
        raise problems.invalid(400, message)
    return found


async def _named(request: Request, column: str, name: str, id: str) -> tuple[Row, str]:
    """The comment that the body names among those whose `column`, in the API `name`, is `id`, and its new message. Raises
    400."""
    body = request.body(Comment)
    if body.id is None or body.message is None:
        raise problems.invalid(400, f"{'commentId' if body.id is None else 'message'} is null")
    found = await _comments(request, eq(column, id), eq("id", body.id))
    if not found:
        raise problems.invalid(400, f"No comment exists with commentId: {body.id} and {name}: {id}: comment is null")
    return found[0], body.message


# ------------------------------------------------------------------------------------------ of a task


async def of_task(request: Request, id: str) -> Any:
    """`GET /task/{id}/comment`: the newest first."""
    await task_row(request, id)
    return [comment(row) for row in await _comments(request, eq("task_id", id))]


async def get(request: Request, id: str, comment_id: str) -> Any:
    """`GET /task/{id}/comment/{commentId}`."""
    return comment(await _row(request, id, comment_id))


async def _row(request: Request, id: str, comment_id: str) -> Row:
    query = Query("comment", (eq("task_id", id), eq("id", comment_id)))
    return await must(request, query, f"Task comment with id {comment_id} does not exist for task id '{id}'.")


async def create(request: Request, id: str) -> Any:
    """`POST /task/{id}/comment/create`."""
    body = request.body(Comment)
    task = await task_row(request, id, 400)
    message, instance = body.message, body.process_instance_id
    if message is None:
        raise problems.invalid(400, "Not enough parameters submitted", 0)
    made = await add(
        request,
        task,
        lambda: AddComment(
            instance=task["instance_id"], task=id, message=message, process_instance=instance, user=request.user
        ),
        lambda new: CommentAdded(new, message, id, instance, request.user),
    )
    return comment(await _row(request, id, made), [self_link(request, f"/task/{id}/comment/{made}")])


async def update(request: Request, id: str) -> None:
    """`PUT /task/{id}/comment`."""
    await task_row(request, id)
    row, message = await _named(request, "task_id", "taskId", id)
    instance = await _must_live(request, "user_task", id, f"No task exists with taskId: {id}: task is null")
    await _change(request, instance, row, message, id)


async def _change(request: Request, instance: str, row: Row, message: str, task: str | None) -> None:
    await _execute(
        request,
        ChangeComment(
            instance=instance, comment=row["id"], message=message, task=task, before=row["message"], user=request.user
        ),
    )


async def _execute(request: Request, command: InstanceCommand) -> None:
    try:
        await request.engine.execute(command)
    except NullValue as exc:  # The task or instance has ended in between.
        raise problems.invalid(400, str(exc)) from exc


async def delete(request: Request, id: str, comment_id: str) -> None:
    """`DELETE /task/{id}/comment/{commentId}`; one that does not exist is passed over, as in Camunda."""
    await task_row(request, id)
    await _delete_of_task(request, id, await _comments(request, eq("task_id", id), eq("id", comment_id)))


async def delete_all(request: Request, id: str) -> None:
    """`DELETE /task/{id}/comment`."""
    await task_row(request, id)
    await _delete_of_task(request, id, await _comments(request, eq("task_id", id)))


async def _delete_of_task(request: Request, id: str, rows: Sequence[Row]) -> None:
    instance = await _must_live(request, "user_task", id, f"No task exists with taskId: {id}: task is null")
    await _delete(request, instance, rows, id)


async def _delete(request: Request, instance: str, rows: Sequence[Row], task: str | None) -> None:
    comments = tuple(row["id"] for row in rows)
    await _execute(request, DeleteComments(instance=instance, comments=comments, task=task, user=request.user))


# ------------------------------------------------------------------------------------------ of a process instance


async def of_instance(request: Request, id: str) -> Any:
    """`GET /process-instance/{id}/comment`: those that name this instance, the newest first."""
    await instance_row(request, id)
    return [comment(row) for row in await _comments(request, eq("process_instance_id", id))]


async def update_of_instance(request: Request, id: str) -> None:
    """`PUT /process-instance/{id}/comment`."""
    await instance_row(request, id)
    row, message = await _named(request, "process_instance_id", "processInstanceId", id)
    await _must_live(request, "execution", id, _no_instance(id))
    await _change(request, row["instance_id"], row, message, None)


async def delete_of_instance(request: Request, id: str, comment_id: str) -> None:
    """`DELETE /process-instance/{id}/comment/{commentId}`; one that does not exist is passed over, as in Camunda."""
    await instance_row(request, id)
    rows = await _comments(request, eq("process_instance_id", id), eq("id", comment_id))
    await _delete_of_instance(request, id, rows)


async def delete_all_of_instance(request: Request, id: str) -> None:
    """`DELETE /process-instance/{id}/comment`."""
    await instance_row(request, id)
    await _delete_of_instance(request, id, await _comments(request, eq("process_instance_id", id)))


async def _delete_of_instance(request: Request, id: str, rows: Sequence[Row]) -> None:
    await _must_live(request, "execution", id, _no_instance(id))
    await _delete(request, id, [row for row in rows if row["instance_id"] == id], None)
    for row in rows:
        if row["instance_id"] != id:  # Somebody has named this instance on the task of another one.
            await request.engine.administer(of_ended(owner(row), CommentsDeleted([row["id"]])), user=request.user)


def _no_instance(id: str) -> str:
    return f"No processInstance exists with processInstanceId: {id}: processInstance is null"


ROUTES: tuple[Route, ...] = (
    Route("GET", OF_TASK, of_task),
    Route("PUT", OF_TASK, update),
    Route("DELETE", OF_TASK, delete_all, consumes=None),
    Route("POST", OF_TASK + "/create", create),
    Route("GET", OF_TASK + "/{commentId}", get),
    Route("DELETE", OF_TASK + "/{commentId}", delete, consumes=None),
    Route("GET", OF_INSTANCE, of_instance),
    Route("PUT", OF_INSTANCE, update_of_instance),
    Route("DELETE", OF_INSTANCE, delete_all_of_instance, consumes=None),
    Route("DELETE", OF_INSTANCE + "/{commentId}", delete_of_instance, consumes=None),
)
