"""The handler of one configured topic: a task becomes a call, its answer becomes the task's outcome."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from penstock.base.clock import SystemClock
from penstock.worker.errors import BpmnError, TaskFailure
from penstock.worker.handlers import Completed
from penstock.worker.patterns.calls import IDEMPOTENCY_KEY, Answer, Call
from penstock.worker.patterns.config import ErrorRule, TopicTable, ms
from penstock.worker.patterns.guard import Guard
from penstock.worker.patterns.mapping import Expression, Language, MappingFailed, Template, each, plain, segment
from penstock.worker.patterns.statuses import Statuses
from penstock.worker.task import ExternalTask
from penstock.worker.tracing import outgoing

_clock = SystemClock()
WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE"})
FINAL_FROM, FINAL_BELOW = 400, 500
"""Statuses of mistakes: asking again gives the same answer, so somebody has to look."""


class Rule:
    """One `ErrorRule`, with its expressions read."""

    def __init__(self, rule: ErrorRule, language: Language) -> None:
        self._code = rule.code
        self._statuses = Statuses(rule.status)
        self._type = rule.type
        self._when = language.compile(rule.when) if rule.when is not None else None
        self._message = language.compile(rule.message) if rule.message is not None else None
        self._variables = {name: language.compile(text) for name, text in rule.variables.items()}
        if not self._statuses and self._type is None and self._when is None:
            raise ValueError(f"error {rule.code}: say when it is one, by status, type or when")

    def fits(self, answer: Answer, names: Mapping[str, Any]) -> bool:
        """Whether the answer is this error."""
        if self._statuses and answer.status not in self._statuses:
            return False
        if self._type is not None and answer.error_type != self._type:
            return False
        return self._when is None or self._when(names) is True

    def error(self, answer: Answer, names: Mapping[str, Any]) -> BpmnError:
        """The BPMN error."""
        message = self._message(names) if self._message is not None else answer.error_message
        return BpmnError(self._code, None if message is None else plain(message), each(self._variables, names))


class Routed:
    """One topic. Raises ValueError for an expression that cannot be read, saying where it is."""

    def __init__(
        self, name: str, table: TopicTable, guard: Guard, language: Language, headers: Mapping[str, str]
    ) -> None:
        self._table = table
        self._guard = guard
        self._name = name
        self.__qualname__ = f"topic {name}"
        read = _Reader(language)
        self._path = read.template("path", table.path, segment)
        self._query = {key: read.template(f"query.{key}", text, str) for key, text in table.query.items()}
        self._headers = {key: read.template(f"headers.{key}", text, str) for key, text in headers.items()}
        self._body = read.expression("body", table.body)
        self._deadline = read.expression("deadline", table.deadline)
        self._variables = read.expressions("variables", table.variables)
        self._local = read.expressions("local_variables", table.local_variables)
        self._rules = [
            read(f"error[{number}]", partial(Rule, rule, language)) for number, rule in enumerate(table.error)
        ]
        self._success = read("success", lambda: Statuses(table.success))
        self._timeout_ms = ms(table.timeout) if table.timeout is not None else guard.timeout_ms

    async def __call__(self, task: ExternalTask) -> Completed:
        """See `handlers`: does one task."""
        names = {**task.variables, "task": described(task)}
        try:
            call = self._call(task, names)
            late = self._late(names)
            answer = await self._guard.call(call, self._timeout_s(late.until), self._expected(names), late)
            return self._outcome(call, answer, {**names, **_said(answer)})
        except MappingFailed as failed:
            raise TaskFailure(f"topic {self._name}: {failed.message}", retries=0, unclear=True) from None

    # -- the call

    def _call(self, task: ExternalTask, names: Mapping[str, Any]) -> Call:
        key = task.idempotency_key if self._table.idempotency == "attempt" else task.id
        headers = {name: template.fill(names) for name, template in self._headers.items()}
        headers |= {IDEMPOTENCY_KEY: key, **outgoing()}
        body = self._payload(task, names)
        table = self._table
        if self._path is None:
            target = table.function or ""
            what = f"function {target}"
            return Call(target=target, what=what, qualifier=table.qualifier, body=body, headers=headers)
        path = self._path.fill(names)
        query = "&".join(f"{segment(key)}={segment(value)}" for key, value in self._asked(names))
        target = f"{path}?{query}" if query else path
        what = f"{table.method} {table.path}"
        return Call(target=target, what=what, method=table.method.upper(), body=body, headers=headers)

    def _asked(self, names: Mapping[str, Any]) -> list[tuple[str, str]]:
        found = [(key, template.fill_or_none(names)) for key, template in self._query.items()]
        return [(key, value) for key, value in found if value]

    def _payload(self, task: ExternalTask, names: Mapping[str, Any]) -> bytes | None:
        if self._body is None and self._path is not None and self._table.method.upper() in WITHOUT_BODY:
            return None
        body = task.variables if self._body is None else self._body(names)
        try:
            return msgspec.json.encode(body)
        except (TypeError, ValueError) as error:
            raise MappingFailed(f"the body cannot be JSON: {error}") from None

    # -- time

    def _late(self, names: Mapping[str, Any]) -> "Late":
        if self._deadline is None:
            return Late(None, self._name, self._table.late)
        until = self._deadline(names)
        if isinstance(until, str):
            try:
                until = datetime.fromisoformat(until)
            except ValueError:
                raise MappingFailed(f"the deadline {self._table.deadline!r} is no moment") from None
        if until is None:
            return Late(None, self._name, self._table.late)
        if not isinstance(until, datetime) or until.tzinfo is None:
            raise MappingFailed(f"the deadline {self._table.deadline!r} is no moment with a time zone")
        return Late(until, self._name, self._table.late)

    def _timeout_s(self, until: datetime | None) -> Callable[[], float]:
        return lambda: self._timeout_ms / 1000 if until is None else min(self._timeout_ms / 1000, seconds_to(until))

    # -- the outcome

    def _expected(self, names: Mapping[str, Any]) -> Callable[[Answer], bool]:
        def expected(answer: Answer) -> bool:
            if answer.error_type is None and answer.status in self._success:
                return True
            said = {**names, **_said(answer)}
            return any(rule.fits(answer, said) for rule in self._rules)

        return expected

    def _outcome(self, call: Call, answer: Answer, names: Mapping[str, Any]) -> Completed:
        for rule in self._rules:
            if rule.fits(answer, names):
                raise rule.error(answer, names)
        if answer.error_type is not None:
            raise TaskFailure(f"{call.what} failed: {answer.error_type}", details=f"{call.what}\n{answer.excerpt}")
        if answer.status not in self._success:
            message = f"{call.what} was answered with {answer.status}"
            final = FINAL_FROM <= answer.status < FINAL_BELOW
            raise TaskFailure(message, retries=0 if final else None, details=f"{message}\n{answer.excerpt}")
        return Completed(variables=each(self._variables, names), local_variables=each(self._local, names))


class Late:
    """Whether it is too late for a task."""

    def __init__(self, until: datetime | None, topic: str, code: str | None) -> None:
        self.until = until
        self._topic = topic
        self._code = code

    def __call__(self) -> Exception | None:
        """What to raise; None: there is time."""
        if self.until is None or seconds_to(self.until) > 0:
            return None
        message = f"topic {self._topic}: the deadline {self.until.isoformat()} has passed"
        if self._code is not None:
            return BpmnError(self._code, message)
        return TaskFailure(message, retries=0, details=message, unclear=True)


class _Reader:
    """Reads expressions, and says where one is that cannot be read."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def __call__(self, where: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None

    def expression(self, where: str, text: str | None) -> Expression | None:
        return None if text is None else self(where, lambda: self._language.compile(text))

    def expressions(self, where: str, texts: Mapping[str, str]) -> dict[str, Expression]:
        return {name: self(f"{where}.{name}", partial(self._language.compile, text)) for name, text in texts.items()}

    def template(self, where: str, text: str | None, encode: Callable[[str], str]) -> Any:
        return None if text is None else self(where, lambda: Template(text, self._language, encode))


def described(task: ExternalTask) -> dict[str, Any]:
    """What expressions see of a task, as `task`."""
    return {
        "id": task.id,
        "topic": task.topic,
        "businessKey": task.business_key,
        "activityId": task.activity_id,
        "processInstanceId": task.process_instance_id,
        "processDefinitionKey": task.process_definition_key,
        "tenantId": task.tenant_id,
        "priority": task.priority,
        "retries": task.retries,
        "attempt": task.attempt,
        "idempotencyKey": task.idempotency_key,
        "createdAt": task.created_at,
        "properties": dict(task.extension_properties),
    }


def _said(answer: Answer) -> dict[str, Any]:
    """What expressions see of an answer."""
    return {
        "status": answer.status,
        "headers": answer.headers,
        "body": answer.body,
        "error": None if answer.error_type is None else {"type": answer.error_type, "message": answer.error_message},
    }


def seconds_to(moment: datetime) -> float:
    """Seconds from now until then; 0 when it has passed."""
    return max(moment.timestamp() - _clock.now_ms() / 1000, 0.0)
