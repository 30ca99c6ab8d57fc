"""Cases (CMMN) do not run on Penstock: there are none to list, and everything else about them is refused plainly."""

from typing import Any

from penstock.api import problems
from penstock.api.http import Request, Route

_DEFINITIONS = "/case-definition"
_OF_DEFINITION = ("", "/xml", "/diagram", "/history-time-to-live", "/create")
_LISTS = ("/case-instance", "/case-execution")
_OF_CASE = ("", "/complete", "/close", "/terminate", "/manual-start", "/reenable", "/disable", "/variables")
_METHODS = ("GET", "POST", "PUT", "DELETE")


async def _none(_request: Request) -> Any:
    return []


async def _count(_request: Request) -> Any:
    return {"count": 0}


async def _refused(_request: Request, *_ids: str) -> Any:
    raise problems.unsupported("An operation on cases (CMMN)")


def _refusals(item: str, parts: tuple[str, ...]) -> list[Route]:
    return [Route(method, item + part, _refused, consumes=None, produces=None) for part in parts for method in _METHODS]


ROUTES = (
    Route("GET", _DEFINITIONS, _none),
    Route("GET", f"{_DEFINITIONS}/count", _count),
    *_refusals(f"{_DEFINITIONS}/{{id}}", _OF_DEFINITION),
    *_refusals(f"{_DEFINITIONS}/key/{{key}}", _OF_DEFINITION),
    *_refusals(f"{_DEFINITIONS}/key/{{key}}/tenant-id/{{tenant}}", _OF_DEFINITION),
    *(Route(method, path, _none) for path in _LISTS for method in ("GET", "POST")),
    *(Route(method, f"{path}/count", _count) for path in _LISTS for method in ("GET", "POST")),
    *(route for path in _LISTS for route in _refusals(f"{path}/{{id}}", _OF_CASE)),
)
