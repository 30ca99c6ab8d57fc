"""`/penstock/v1/services`."""

from typing import Any

from penstock.api.additions.services.dto import ServiceBody
from penstock.api.http import Request, Route

ALL = "/services"


async def every(request: Request) -> list[ServiceBody]:
    """`GET /services`: the services that share the engine, in the order of the configuration."""
    sharing = request.engine.sharing
    return [ServiceBody.of(usage) for usage in sharing.usage()] if sharing is not None else []


ROUTES = (Route("GET", ALL, every),)


def _number(text: str, kind: str = "integer") -> dict[str, Any]:
    return {"type": kind, "minimum": 0, "description": text}


def _texts(text: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": text}


_LIMIT = {"type": ["number", "null"]}
_SERVICE = {
    "type": "object",
    "required": ["name", "definitions", "limits", "runningInstances", "openTasks"],
    "properties": {
        "name": {"type": "string"},
        "definitions": _texts("Keys of its definitions; * stands for any characters"),
        "topics": _texts("Topics of its external tasks"),
        "deployers": _texts("Users who alone may deploy its definitions; none: everybody"),
        "limits": {
            "type": "object",
            "properties": dict.fromkeys(("startsPerSecond", "runningInstances", "openTasks", "variableBytes"), _LIMIT),
        },
        "runningInstances": _number("Process instances that run, on all nodes"),
        "openTasks": _number("External tasks of its topics that are not completed"),
        "starts": _number("Instances that this node let start since it was started"),
        "refused": {
            "type": "object",
            "description": "Starts that this node refused, by limit",
            "additionalProperties": {"type": "integer"},
        },
        "waitingMessages": _number("Messages on this node that wait until they may start something"),
        "nodes": _number("Nodes among which the limits are shared"),
    },
}

OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", ALL): {
        "operationId": "listServices",
        "summary": "The services that share the engine, and what each has taken of it",
        "parameters": [],
        "responses": {
            "200": {
                "description": "About a second old",
                "content": {"application/json": {"schema": {"type": "array", "items": _SERVICE}}},
            }
        },
    },
}
"""What the OpenAPI document says of each route."""
