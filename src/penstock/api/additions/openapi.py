"""The OpenAPI 3.1 document of the additions, put together from what each resource says of itself."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from penstock import __version__
from penstock.api.additions.problem import MEDIA_TYPE
from penstock.api.http import Request, Route


class Described(Protocol):
    """A resource: its routes, and the OpenAPI operation of each, by method and path."""

    @property
    def ROUTES(self) -> Sequence[Route]: ...

    @property
    def OPERATIONS(self) -> Mapping[tuple[str, str], Mapping[str, Any]]: ...


def routes(resources: Sequence[Described]) -> Sequence[Route]:
    """The route that answers the document."""
    found = document(resources)

    async def answer(request: Request) -> Any:
        return found

    return (Route("GET", "/openapi.json", answer),)


def document(resources: Sequence[Described]) -> dict[str, Any]:
    """The document. Raises KeyError for a route that nobody describes."""
    paths: dict[str, dict[str, Any]] = {}
    for resource in resources:
        for route in resource.ROUTES:
            operation = dict(resource.OPERATIONS[route.method, route.path])
            operation["responses"] = {**operation["responses"], "default": {"$ref": "#/components/responses/Problem"}}
            paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Penstock, beyond Camunda 7", "version": __version__},
        "servers": [{"url": "/penstock/v1"}],
        "paths": paths,
        "components": {"schemas": {"Problem": _PROBLEM}, "responses": {"Problem": _RESPONSE}},
    }


_PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457)",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "Stable name of what is wrong, such as urn:penstock:not-found"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_RESPONSE = {
    "description": "Refused, or failed: nothing has changed",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
