"""Answers to requests: a reply completes its task, fails it, or raises a BPMN error on it.

A late `completed` of an earlier attempt still completes a task that waits; a late `failed` is ignored. What has no effect
is kept with its reason, among the dead letters of the reply channel.
"""

from collections.abc import Mapping
from typing import Any

from penstock.api import values
from penstock.base.errors import BadUserRequest, EntitySuspended, NotFound, NullValue, PenstockError
from penstock.base.ids import shard_of
from penstock.bridge.cause import caused_by
from penstock.bridge.config import Topic
from penstock.bridge.consuming import Chunk, Late, Refusal
from penstock.bridge.policy import after_failure
from penstock.bridge.requests import WORKER, Requests, attempt_key
from penstock.bridge.rules import inbox_key
from penstock.bus import cloudevents
from penstock.bus.cloudevents import Received
from penstock.bus.protocol import Delivery
from penstock.engine.commands import CompleteExternalTask, ExternalTaskReport, FailExternalTask, ThrowExternalTaskError
from penstock.expr.values import TypedValue
from penstock.runtime.committer import AlreadyTaken
from penstock.runtime.node import Node
from penstock.runtime.ready import EXTERNAL_TASK
from penstock.store.protocol import Row
from penstock.store.query import Query, eq

COMPLETED, FAILED, BPMN_ERROR = "penstock.task.completed", "penstock.task.failed", "penstock.task.bpmn-error"
DUPLICATE = "duplicate"
REMEMBERED_MS = 7 * 86_400_000
_SPAN_MS_MAX = 365 * 86_400_000
_TEXT = "a text"
_WHOLE = "a whole number, not negative"


class Replies:
    """Takes the replies of one channel."""

    def __init__(self, node: Node, requests: Requests, channel: str, scheme: str) -> None:
        self._node = node
        self._requests = requests
        self._channel = channel
        self._scheme = scheme

    async def take(self, delivery: Delivery, chunk: Chunk) -> str:
        """The reply's effect. Returns its kind. Raises Refusal, MessageUnreadable, and what the engine raises."""
        return await self.take_event(cloudevents.read(delivery, self._scheme))

    async def take_event(self, received: Received) -> str:
        """As `take`, of a message that has been read."""
        kind = received.event.type
        task = received.event.subject
        if kind not in (COMPLETED, FAILED, BPMN_ERROR):
            raise Refusal(f"a reply has the type {COMPLETED}, {FAILED} or {BPMN_ERROR}, this one has {kind!r}")
        if not task:
            raise Refusal("a reply names its task in the attribute subject")
        source = received.message_id or f"{received.event.source}#{received.event.id}"
        key = inbox_key(f"reply:{self._channel}", source)
        try:
            return await self._apply(received, task, key)
        except AlreadyTaken as taken:
            if taken.fenced:
                raise Late(f"late: the attempt of the task {task} that has failed is over") from taken
            return DUPLICATE
        except (PenstockError, Refusal) as error:
            if await self._node.store.read_inbox(key, self._node.clock.now_ms()) is not None:
                return DUPLICATE
            if isinstance(error, NotFound | NullValue):
                raise Late(f"late: the task {task} does not wait any more") from error
            raise

    async def _apply(self, received: Received, task: str, key: str) -> str:
        data = received.event.data if received.event.data is not None else {}
        if not isinstance(data, dict):
            raise Refusal("the data of a reply must be a JSON object")
        instance = await self._node.instance_of(EXTERNAL_TASK, task)
        if instance is None:
            raise NotFound(f"there is no task {task}")
        command: ExternalTaskReport
        fence = None
        if received.event.type == FAILED:
            row, topic = await self._attempt(received, task)
            command = _failure(instance, task, data, row, topic)
            fence = attempt_key(row["request_id"])
        else:
            command = _completion(received.event.type, instance, task, data)
        with caused_by(received.event.id):
            await self._report(command, key, fence)
        return received.event.type

    async def _attempt(self, received: Received, task: str) -> tuple[Row, Topic]:
        """The task's row and topic, when the reply is about its present attempt. Raises Refusal when it is late."""
        row = await self._row(task)
        topic = self._requests.topics.get(row["topic"])
        if topic is None:
            raise Refusal(f"the topic '{row['topic']}' of the task {task} is bound to no bus")
        cause = received.event.causationid
        present = row["request_id"] if row["worker_id"] == WORKER else None
        if present is None or cause not in (None, present):
            raise Late(f"late: the attempt {cause or ''} of the task {task} that has failed is not the present one")
        return row, topic

    async def _row(self, task: str) -> Row:
        try:
            where = (eq("shard", shard_of(task)), eq("id", task))
        except ValueError:
            raise NotFound(f"there is no task {task}") from None
        rows = await self._node.store.rows(Query(EXTERNAL_TASK, where))
        if not rows:
            raise NotFound(f"there is no task {task}")
        return rows[0]

    async def _report(self, command: ExternalTaskReport, key: str, fence: str | None) -> None:
        expires_ms = self._node.clock.now_ms() + REMEMBERED_MS
        try:
            await self._node.take_in(command, key=key, expires_ms=expires_ms, fence=fence)
        except EntitySuspended:
            raise
        except BadUserRequest as refused:
            if isinstance(command, FailExternalTask):
                raise Late(f"late: {refused.message}") from refused
            await self._take_again(command.external_task, refused)
            await self._node.take_in(command, key=key, expires_ms=expires_ms)

    async def _take_again(self, task: str, refused: BadUserRequest) -> None:
        """A task between two attempts is nobody's: an answer to the one before may still end it."""
        row = await self._row(task)
        topic = self._requests.topics.get(row["topic"])
        if topic is not None and row["worker_id"] in (None, WORKER):
            now_ms = self._node.clock.now_ms()
            locked = await self._node.store.lock(task, WORKER, now_ms + topic.timeout_ms, now_ms)
            if locked is not None and locked["worker_id"] == WORKER:
                return
        raise Refusal(refused.message) from refused


def _completion(kind: str, instance: str, task: str, data: Mapping[str, Any]) -> ExternalTaskReport:
    variables = _variables(data, "variables")
    if kind == COMPLETED:
        return CompleteExternalTask(
            instance=instance,
            external_task=task,
            worker=WORKER,
            variables=variables,
            local_variables=_variables(data, "localVariables"),
        )
    code = _text(data, "errorCode")
    if code is None:
        raise Refusal("a BPMN error needs data.errorCode")
    return ThrowExternalTaskError(
        instance=instance,
        external_task=task,
        worker=WORKER,
        error_code=code,
        error_message=_text(data, "errorMessage"),
        variables=variables,
    )


def _failure(instance: str, task: str, data: Mapping[str, Any], row: Row, topic: Topic) -> FailExternalTask:
    left, delay_ms = after_failure(topic, row["retries"])
    said = _number(data, "retries")
    pause_ms = _number(data, "retryTimeout")
    return FailExternalTask(
        instance=instance,
        external_task=task,
        worker=WORKER,
        error_message=_text(data, "errorMessage"),
        error_details=_text(data, "errorDetails"),
        retries=left if said is None else said,
        retry_timeout_ms=delay_ms if pause_ms is None else min(pause_ms, _SPAN_MS_MAX),
    )


def _variables(data: Mapping[str, Any], name: str) -> dict[str, TypedValue]:
    found = data.get(name)
    if found is not None and not isinstance(found, dict):
        raise Refusal(f"data.{name} of a reply must be an object of typed values")
    try:
        return values.read_all(found)
    except PenstockError as error:
        raise Refusal(f"data.{name} of a reply: {error.message}") from error


def _text(data: Mapping[str, Any], name: str) -> str | None:
    found = data.get(name)
    if found is not None and not isinstance(found, str):
        raise Refusal(f"data.{name} of a reply must be {_TEXT}")
    return found


def _number(data: Mapping[str, Any], name: str) -> int | None:
    found = data.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**31:
        raise Refusal(f"data.{name} of a reply must be {_WHOLE}")
    return found
