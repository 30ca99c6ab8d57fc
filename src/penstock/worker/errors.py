"""What goes wrong around workers, and what handlers raise.

PenstockError
├── BpmnError          a handler reports a BPMN error: an outcome that the model handles
├── TaskFailure        a handler says that it could not do its task, and when to try again
├── Parked             a handler says that its task cannot be done now, through no fault of the task
└── WorkerError
    ├── ConnectionLost     the server is out of reach, or went away before it answered
    ├── RestError          the server refused; status, Camunda's `type`, `message` and `code`
    └── InvalidVariable    a value is no process variable, or does not fit what a handler asks for
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.base.errors import PenstockError


class BpmnError(PenstockError):
    """A BPMN error with `code`, caught in the model by an error event; `variables` are set where it is caught."""

    def __init__(self, code: str, message: str | None = None, variables: Mapping[str, Any] | None = None) -> None:
        super().__init__(message or code)
        self.error_code = code
        self.error_message = message
        self.variables = variables


class TaskFailure(PenstockError):
    """The task failed. What is None follows the topic's `Retries`; `retries` are those that are left (0: an incident).

    `unclear`: nobody knows whether the work was done, so the next try goes out under the same idempotency key."""

    def __init__(
        self,
        message: str,
        *,
        retries: int | None = None,
        retry_timeout_ms: int | None = None,
        details: str | None = None,
        unclear: bool = False,
    ) -> None:
        super().__init__(message)
        self.retries = retries
        self.retry_timeout_ms = retry_timeout_ms
        self.details = details
        self.unclear = unclear


class Parked(PenstockError):
    """What the task needs is not there now. The task is given back: it keeps its retries, and its topic is not fetched
    until its `gate` lets it. `rest_ms`: how long it is not offered again even then, so that another one is tried first."""

    def __init__(self, message: str, *, rest_ms: int = 0) -> None:
        super().__init__(message)
        self.rest_ms = rest_ms


class WorkerError(PenstockError):
    """Something went wrong between a worker and the server."""


class ConnectionLost(WorkerError):
    """The server is out of reach. `sent`: the request may have arrived, so that nobody knows what became of it."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class AnswerTooLong(ConnectionLost):
    """The server's answer has more bytes than it may have; it was not read to its end."""


class InvalidVariable(WorkerError):
    """A value is no process variable, or does not fit. `name` is the variable's."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"Variable '{name}': {why}")
        self.name = name


class _Problem(msgspec.Struct):
    type: str = ""
    message: str | None = None
    detail: str | None = None
    code: int | None = None


class RestError(WorkerError):
    """The server answered with a status that is no success."""

    def __init__(self, status: int, type: str, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.rest_code = code

    @classmethod
    def of(cls, what: str, status: int, body: bytes) -> "RestError":
        """The error in an answer: Camunda's, or problem details (RFC 9457); a proxy's page of HTML has only its status."""
        try:
            found = msgspec.json.decode(body, type=_Problem)
        except msgspec.DecodeError:
            found = _Problem()
        return cls(
            status, found.type, found.message or found.detail or f"{what} was answered with {status}", found.code
        )

    @property
    def is_conflict(self) -> bool:
        """Somebody else was quicker (Camunda's optimistic locking): the same request may succeed now."""
        return self.type == "OptimisticLockingException" or (self.status == 500 and self.rest_code == 1)
