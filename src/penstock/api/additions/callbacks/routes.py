"""`/penstock/v1/callbacks`: who was given work over HTTP, a robot for instance, says what has become of it.

The token in the path is the permission: it was given to nobody else, and nobody has to log in.
"""

from typing import Any

from penstock.api.http import Request, Route

PATH = "/callbacks"


async def take(request: Request, connection: str, token: str) -> None:
    """`POST …/{connection}/{token}`: 204 as soon as it is durable, again for the same report."""
    await request.engine.callbacks.take(connection, token, request.object())


ROUTES = (Route("POST", PATH + "/{connection}/{token}", take, consumes=None),)

_TEXT = {"type": "string"}
_VARIABLES = {"type": "object", "description": "Name → typed value, as in Camunda's REST API"}

OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", PATH + "/{connection}/{token}"): {
        "operationId": "callBack",
        "summary": "Says what has become of a task that was given over HTTP",
        "description": "404: nobody was told to call back here. 409: the task waits no more, or a failure is about an"
        " attempt that is over; calling again makes no sense.",
        "parameters": [
            {"name": "connection", "in": "path", "required": True, "schema": _TEXT},
            {"name": "token", "in": "path", "required": True, "schema": _TEXT},
        ],
        "requestBody": {
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "type": {
                                "enum": ["completed", "failed", "bpmn-error"],
                                "description": "Left out: bpmn-error with an errorCode, failed with an errorMessage,"
                                " else completed",
                            },
                            "variables": _VARIABLES,
                            "localVariables": _VARIABLES,
                            "errorCode": _TEXT,
                            "errorMessage": _TEXT,
                            "errorDetails": _TEXT,
                            "retries": {"type": "integer", "minimum": 0},
                            "retryTimeout": {"type": "integer", "minimum": 0, "description": "Milliseconds"},
                        },
                    }
                }
            }
        },
        "responses": {"204": {"description": "It has its effect"}},
    },
}
