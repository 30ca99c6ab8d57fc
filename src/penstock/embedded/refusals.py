"""The error that a caller in Python gets for a request that was refused: one of `penstock.base.errors`.

Within the process it is the very error that was raised, with all that it knows (ids, the element, findings). From a server
there are only status, type and text.
"""

import re

from penstock.base import errors
from penstock.base.errors import PenstockError
from penstock.worker.errors import RestError

_BY_TYPE: dict[str, type[PenstockError]] = {
    "BadUserRequestException": errors.BadUserRequest,
    "MigratingProcessInstanceValidationException": errors.Failure,
    "MigrationPlanValidationException": errors.BadUserRequest,
    "MismatchingMessageCorrelationException": errors.MismatchingCorrelation,
    "NotFoundException": errors.NotFound,
    "NotValidException": errors.NotValid,
    "NullValueException": errors.NullValue,
    "OptimisticLockingException": errors.Conflict,
    "Overloaded": errors.Overloaded,
    "SuspendedEntityInteractionException": errors.EntitySuspended,
    "TaskAlreadyClaimedException": errors.TaskAlreadyClaimed,
}
_BY_STATUS: dict[int, type[PenstockError]] = {
    400: errors.BadRequest,
    404: errors.NotFound,
    429: errors.Overloaded,
    500: errors.Failure,
    503: errors.Overloaded,
}
_MISMATCH = "org.camunda.bpm.engine.MismatchingMessageCorrelationException: "
_MISSING = re.compile(r"Cannot find [\w ]+ with id |\S+ does(?: not|n't) exist\b|[Nn]o [\w ]+ found (?:with|for) id")
"""Camunda answers for a thing that there is not with whatever the place where it notices raises; its words are clear."""


def of_answer(refused: RestError) -> PenstockError:
    """What status, type and text say. What they do not tell apart stays a RestError."""
    message = refused.message
    if message.startswith(_MISMATCH):
        return errors.MismatchingCorrelation(message.removeprefix(_MISMATCH))
    if refused.type == "ParseException":
        return errors.ParseFailed(message, {})
    if _MISSING.search(message):
        return errors.NotFound(message)
    kind = _BY_TYPE.get(refused.type) or _BY_STATUS.get(refused.status)
    return refused if kind is None else kind(message)


def origin(error: PenstockError) -> PenstockError | None:
    """The engine's own error behind an answer; None: the REST layer itself has refused."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, PenstockError) and type(at).__module__ != _PROBLEMS:
            missing = isinstance(at, errors.NullValue) and _MISSING.search(at.message)
            return errors.NotFound(at.message, **at.ids) if missing else at
        at = at.__cause__
    return None


_PROBLEMS = "penstock.api.problems"
