"""Error class → status, Camunda `type` and `code`: the only place that knows.

Camunda 7 answers `{type, message, code}`: `type` is the simple name of the Java exception, `code` is null for errors of
the REST layer and a number for errors of the engine (0; 1 for optimistic locking). The same mistake has different types
on different operations, so handlers choose with the constructors below or wrap engine calls in `reported`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from penstock.base.errors import (
    BadRequest,
    BadUserRequest,
    Conflict,
    DefinitionMissing,
    Duplicate,
    EntitySuspended,
    Failure,
    JavaFailed,
    LimitReached,
    MigrationPlanInvalid,
    MigrationRefused,
    MismatchingCorrelation,
    NotAuthorized,
    NotFound,
    NotValid,
    NullValue,
    Overloaded,
    ParseFailed,
    PenstockError,
    Refused,
    StoreFailed,
    TaskAlreadyClaimed,
)
from penstock.model.findings import Finding, Severity
from penstock.model.log import UnreadableResource

RETRY_AFTER_S = 1
"""What `Retry-After` says when a node is overloaded."""

_TABLE: tuple[tuple[type[PenstockError], int, str, int | None], ...] = (
    (BadRequest, 400, "InvalidRequestException", None),
    (MigrationPlanInvalid, 400, "MigrationPlanValidationException", 0),
    (MigrationRefused, 400, "MigratingProcessInstanceValidationException", 0),
    (EntitySuspended, 400, "SuspendedEntityInteractionException", 0),
    (BadUserRequest, 400, "BadUserRequestException", 0),
    (NullValue, 500, "NullValueException", 0),
    (NotValid, 400, "NotValidException", 0),
    (NotFound, 400, "NotFoundException", 0),
    (MismatchingCorrelation, 400, "MismatchingMessageCorrelationException", 0),
    (TaskAlreadyClaimed, 500, "TaskAlreadyClaimedException", 0),
    (Duplicate, 500, "ProcessEnginePersistenceException", 0),
    (UnreadableResource, 500, "ProcessEngineException", 0),
    (ParseFailed, 400, "ParseException", 0),
    (Refused, 400, "BadUserRequestException", 0),
    (DefinitionMissing, 500, "NullValueException", 0),
    (Failure, 500, "ProcessEngineException", 0),
    (Conflict, 500, "OptimisticLockingException", 1),
    (LimitReached, 429, "LimitReached", 0),
    (Overloaded, 503, "Overloaded", 0),
    (NotAuthorized, 403, "AuthorizationException", 0),
    (StoreFailed, 500, "ProcessEnginePersistenceException", 0),
    (PenstockError, 500, "ProcessEngineException", 0),
)


class Problem(PenstockError):
    """An answer of status `status` with the body `{type, message, code}`, plus `extra` properties."""

    def __init__(
        self,
        status: int,
        type: str,
        message: str,
        code: int | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__()
        self.args = (message,)  # an empty message stays empty, as Camunda's for unreadable JSON
        self.status = status
        self.type = type
        self.rest_code = code
        self.extra = extra or {}
        self.headers = headers

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return {"type": self.type, "message": self.message, "code": self.rest_code, **self.extra}


def invalid(status: int, message: str, code: int | None = None) -> Problem:
    """The REST layer refuses (`InvalidRequestException`)."""
    return Problem(status, "InvalidRequestException", message, code)


def rest(status: int, message: str, code: int | None = 0) -> Problem:
    """The REST layer reports an engine error (`RestException`)."""
    return Problem(status, "RestException", message, code)


def engine(message: str, code: int | None = 0) -> Problem:
    """The engine fails (500 `ProcessEngineException`)."""
    return Problem(500, "ProcessEngineException", message, code)


def null(message: str) -> Problem:
    """Something required is missing (500 `NullValueException`)."""
    return Problem(500, "NullValueException", message, 0)


def bad_user_request(message: str) -> Problem:
    """The engine refuses (400 `BadUserRequestException`)."""
    return Problem(400, "BadUserRequestException", message, 0)


def not_valid(message: str) -> Problem:
    """A value does not fit (400 `NotValidException`)."""
    return Problem(400, "NotValidException", message, 0)


def unreadable() -> Problem:
    """The body is not JSON, or a property has the wrong type."""
    return invalid(400, "")


def illegal_argument(message: str) -> Problem:
    """Java's `IllegalArgumentException`, which Camunda answers with 500."""
    return Problem(500, "IllegalArgumentException", message)


def http(status: int, type: str, reason: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Problem:
    """A refusal of the HTTP layer, worded as JAX-RS does."""
    return Problem(status, type, f"HTTP {status} {reason}", headers=headers)


def not_found() -> Problem:
    """No resource has this path."""
    return http(404, "NotFoundException", "Not Found")


def unsupported(what: str) -> Problem:
    """An operation of Camunda 7 that Penstock does not have: 501, said plainly."""
    return Problem(501, "NotImplemented", f"{what} is not supported by Penstock.")


def of(error: PenstockError) -> Problem:
    """The answer to a deliberate error."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, JavaFailed):
        return Problem(500, error.java, error.message, None)
    for kind, status, name, code in _TABLE:
        if isinstance(error, kind):
            extra = {"details": _findings(error)} if isinstance(error, ParseFailed) and status == 400 else None
            return Problem(status, name, error.message, code, extra=extra, headers=retry_after(error))
    raise AssertionError("the table ends with PenstockError")


def retry_after(error: PenstockError) -> tuple[tuple[bytes, bytes], ...]:
    """When to ask again, where that helps."""
    if not isinstance(error, Overloaded):
        return ()
    after_s = error.retry_after_s if isinstance(error, LimitReached) else RETRY_AFTER_S
    return ((b"retry-after", str(after_s).encode()),)


def internal() -> Problem:
    """A defect of ours. The message says nothing about the inside; the log does."""
    return Problem(500, "InternalError", "An unexpected error occurred. It was logged as a defect.")


def _findings(error: ParseFailed) -> dict[str, Any]:
    """Camunda 7 `ParseExceptionDto.details`. The first letter of the key `еlementIds` is a Cyrillic one there too."""
    return {
        resource: {
            "errors": [_finding(f) for f in findings if f.severity is Severity.ERROR],
            "warnings": [_finding(f) for f in findings if f.severity is not Severity.ERROR],
        }
        for resource, findings in error.findings.items()
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "message": finding.message,
        "line": finding.line,
        "column": finding.column,
        "mainElementId": finding.main_element_id,
        "\u0435lementIds": list(finding.element_ids),
    }


class reported:
    """Answers errors of the engine as Camunda's REST layer wraps them: `prefix` before the message, and `make`'s type.

    `make`: for Refused and Failure (default: 500 `RestException`). `refused`: for the REST layer's own problems, such as a
    variable value that cannot be converted; default: the same status and type with the prefix.
    Conflict, Overloaded and StoreFailed pass through.
    """

    __slots__ = ("_make", "_prefix", "_refused")

    def __init__(
        self,
        prefix: str,
        make: Callable[[str, int | None], Problem] | None = None,
        *,
        refused: Callable[[str, int | None], Problem] | None = None,
    ) -> None:
        self._prefix = prefix
        self._make = make or _rest_500
        self._refused = refused

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Problem):
            message = self._prefix + error.message
            if self._refused is not None:
                raise self._refused(message, error.rest_code) from error
            raise Problem(error.status, error.type, message, error.rest_code) from error
        # JavaFailed is no ProcessEngineException in Camunda: its REST resources do not catch it either.
        if isinstance(error, Refused | Failure) and not isinstance(error, JavaFailed):
            raise self._make(self._prefix + error.message, error.code) from error


def _rest_500(message: str, code: int | None) -> Problem:
    return rest(500, message, code)
