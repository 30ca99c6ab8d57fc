"""`/penstock/v1/topics`."""

from typing import Any

from penstock.api.additions.topics.dto import TopicLoad
from penstock.api.http import Request, Route
from penstock.runtime.telemetry.loads import Load

ALL = "/topics"
ONE = "/topics/{name}/load"


async def every(request: Request) -> list[TopicLoad]:
    """`GET /topics`: the topics that have an open task, by name."""
    loads = await request.engine.loads()
    return [TopicLoad.of(loads[topic]) for topic in sorted(loads)]


async def one(request: Request, name: str) -> TopicLoad:
    """`GET /topics/{name}/load`: a topic without a task has a load of 0, as a scaler asks for it before there is one."""
    loads = await request.engine.loads()
    return TopicLoad.of(loads.get(name) or Load(topic=name))


ROUTES = (Route("GET", ALL, every), Route("GET", ONE, one))

_NUMBERS = {
    "waiting": ("integer", "Tasks that a worker could lock now"),
    "locked": ("integer", "Tasks that a worker has locked, and those that rest after a failure"),
    "open": ("integer", "Tasks that are not completed, those without retries and suspended ones included"),
    "oldestAgeSeconds": ("number", "Age of the oldest open task"),
    "oldestWaitingSeconds": ("number", "Age of the oldest task that waits"),
    "drainSeconds": (
        "number",
        "Time until none waits, at the pace of the last seconds; 86400 when the queue does not become shorter",
    ),
}
_LOAD = {
    "type": "object",
    "required": ["topic", *_NUMBERS],
    "properties": {
        "topic": {"type": "string"},
        **{name: {"type": kind, "minimum": 0, "description": text} for name, (kind, text) in _NUMBERS.items()},
    },
}


def _operation(id: str, summary: str, schema: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {
        "operationId": id,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": {"description": "About a second old", "content": content}},
    }


_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "description": "Topic"}

OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", ALL): _operation(
        "listTopics", "The topics that have an open external task, by name", {"type": "array", "items": _LOAD}
    ),
    ("GET", ONE): _operation("getTopicLoad", "How much work a topic has: 0 for one without tasks", _LOAD, _NAME),
}
"""What the OpenAPI document says of each route."""
