"""Comments and attachments of tasks and process instances: what people say beside the process.

The live state does not hold them; they are events of their instance, and the views show them. As in Camunda 7, each of
them counts as an update of the task (`TaskEntity.triggerUpdateEvent`).
"""

from __future__ import annotations

from penstock.base.errors import NullValue
from penstock.engine import commands as c
from penstock.engine.behavior import Steps
from penstock.engine.events import AttachmentAdded, AttachmentDeleted, CommentAdded, CommentChanged, CommentsDeleted
from penstock.engine.state import Task
from penstock.engine.tasks import notify_task
from penstock.engine.unit import Run


def add_comment(run: Run, command: c.AddComment) -> Steps:
    """Somebody comments on a task. Result: the comment's id."""
    task = _task(run, command.task)
    id = run.new_id()
    run.emit(
        CommentAdded(
            comment=id,
            message=command.message,
            task=task.id,
            process_instance=command.process_instance,
            user=command.user,
        )
    )
    yield from _updated(run, task)
    return id


def change_comment(run: Run, command: c.ChangeComment) -> Steps:
    """Somebody changes a comment."""
    task = _task(run, command.task) if command.task is not None else None
    run.emit(CommentChanged(command.comment, command.message, task.id if task is not None else None, command.user))
    yield from _updated(run, task)


def delete_comments(run: Run, command: c.DeleteComments) -> Steps:
    """Somebody deletes comments."""
    task = _task(run, command.task) if command.task is not None else None
    if command.comments:
        run.emit(CommentsDeleted(list(command.comments), task.id if task is not None else None))
    yield from _updated(run, task)


def add_attachment(run: Run, command: c.AddAttachment) -> Steps:
    """Somebody attaches a file or an address to a task. Result: the attachment's id."""
    task = _task(run, command.task)
    id = run.new_id()
    run.emit(
        AttachmentAdded(
            attachment=id,
            task=task.id,
            name=command.name,
            description=command.description,
            type=command.type,
            url=command.url,
            content=command.content,
        )
    )
    yield from _updated(run, task)
    return id


def delete_attachment(run: Run, command: c.DeleteAttachment) -> Steps:
    """Somebody deletes an attachment."""
    task = run.instance.tasks.get(command.task)
    run.emit(AttachmentDeleted(command.attachment, command.task if task is not None else None))
    yield from _updated(run, task)


def _task(run: Run, id: str) -> Task:
    task = run.instance.tasks.get(id)
    if task is None:
        raise NullValue(f"No task exists with taskId: {id}: task is null")
    return task


def _updated(run: Run, task: Task | None) -> Steps:
    if task is not None:
        x = run.instance.executions[task.execution] if task.execution is not None else None
        yield from notify_task(run, x, task, "update")
