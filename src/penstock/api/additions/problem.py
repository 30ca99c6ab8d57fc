"""Error class → status of an addition, as problem details (RFC 9457)."""

import re
from http import HTTPStatus

import msgspec

from penstock.api import problems
from penstock.api.http import Response
from penstock.base.errors import (
    BusFailed,
    BusUnavailable,
    CallbackLate,
    Conflict,
    EntitySuspended,
    Failure,
    LimitReached,
    NotAuthorized,
    NotFound,
    Overloaded,
    PenstockError,
    Refused,
    StoreFailed,
)

MEDIA_TYPE = "application/problem+json"

_TABLE: tuple[tuple[type[PenstockError], int], ...] = (
    (NotFound, 404),
    (EntitySuspended, 409),
    (CallbackLate, 409),
    (Refused, 400),
    (Failure, 422),
    (Conflict, 503),
    (LimitReached, 429),
    (Overloaded, 503),
    (NotAuthorized, 403),
    (StoreFailed, 503),
    (BusUnavailable, 503),
    (BusFailed, 422),
    (PenstockError, 500),
)

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def refusal(error: PenstockError) -> Response:
    """The answer to a deliberate error. `type` is stable: `urn:penstock:` and the error's name."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(error, problems.Problem):
        status, kind, headers = error.status, error.type.removesuffix("Exception"), error.headers
    else:
        status = next(status for found, status in _TABLE if isinstance(error, found))
        kind = type(error).__name__
        if isinstance(error, LimitReached):
            headers = problems.retry_after(error)
        elif status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers = ((b"retry-after", str(problems.RETRY_AFTER_S).encode()),)
    body = {
        "type": f"urn:penstock:{_WORD.sub('-', kind).lower()}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message or "The body is no JSON object, or a property of it has the wrong type.",
    }
    return Response(status, msgspec.json.encode(body), MEDIA_TYPE, headers)
