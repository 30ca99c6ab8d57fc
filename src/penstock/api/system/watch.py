"""What is told of a request once it is answered: a metric, and at level debug a line in the log.

Neither the query nor the body is logged: they may hold values of variables.
"""

import logging

from penstock.api.http import Request

_log = logging.getLogger("penstock.api.requests")


def answered(request: Request, status: int, seconds: float) -> None:
    """The request was answered with `status` after `seconds`."""
    request.engine.counters.request(request.method, request.route, status, seconds)
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug(
            "request",
            extra={
                "method": request.method,
                "path": request.scope["path"],
                "route": request.route,
                "status": status,
                "duration_ms": round(seconds * 1_000, 3),
                "user": request.user,
            },
        )
