"""`/penstock/v1/process-instances/{id}/ad-hoc`."""

from typing import Any

from penstock.api.additions.ad_hoc.dto import Activatable, Activation, AdHocSubProcess
from penstock.api.http import Request, Route
from penstock.base.errors import BadRequest, NotFound
from penstock.bpmn.elements.ad_hoc_sub_process import done, pending, startable
from penstock.engine.commands import ActivateAdHoc
from penstock.engine.events import ExecutionKind

PATH = "/process-instances/{id}/ad-hoc"


async def list_open(request: Request, id: str) -> list[AdHocSubProcess]:
    """`GET …/ad-hoc`: the ad-hoc sub-processes that are open, in the order in which they were entered."""
    instance = await request.engine.instance(id)
    if instance is None or instance.definition is None:
        raise _gone(id)
    definition = await request.engine.definition(instance.definition)
    found = []
    for x in instance.executions.values():
        a = definition.activities.get(x.scope_activity or "")
        if x.kind is not ExecutionKind.SCOPE or x.scope_instance is None or a is None:
            continue
        if a.node is None or a.node.ad_hoc is None:
            continue
        inside = [
            Activatable(id=id, name=it.node.name if it.node else None, type=it.type) for id, it in startable(a).items()
        ]
        found.append(
            AdHocSubProcess(
                activity_instance_id=x.scope_instance,
                activity_id=a.id,
                name=a.name,
                sequential=a.node.ad_hoc.sequential,
                completed=done(x),
                pending=pending(x),
                activatable=inside,
            )
        )
    return found


async def activate(request: Request, id: str, activity_instance: str) -> None:
    """`POST …/ad-hoc/{activityInstanceId}/activate`: all of the activities, or none."""
    ids = request.body(Activation).activity_ids
    if not ids:
        raise BadRequest("activityIds must name one or more activities")
    if await request.engine.instance(id) is None:
        raise _gone(id)
    await request.engine.execute(
        ActivateAdHoc(instance=id, activity_instance=activity_instance, activities=tuple(ids), user=request.user),
        idempotency_key=request.idempotency_key,
    )


def _gone(id: str) -> NotFound:
    return NotFound(f"There is no running process instance '{id}'")


ROUTES = (
    Route("GET", PATH, list_open),
    Route("POST", PATH + "/{activityInstanceId}/activate", activate),
)

_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "description": "Process instance"}
_TEXTS = {"type": "array", "items": {"type": "string"}}

OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", PATH): {
        "operationId": "listAdHocSubProcesses",
        "summary": "The open ad-hoc sub-processes of a process instance, and what can be activated in each",
        "parameters": [_ID],
        "responses": {
            "200": {
                "description": "In the order in which they were entered",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {
                                    "activityInstanceId": {"type": "string"},
                                    "activityId": {"type": "string"},
                                    "name": {"type": ["string", "null"]},
                                    "sequential": {"type": "boolean"},
                                    "completed": {"type": "integer"},
                                    "pending": _TEXTS,
                                    "activatable": {
                                        "type": "array",
                                        "items": {
                                            "type": "object",
                                            "properties": {
                                                "id": {"type": "string"},
                                                "name": {"type": ["string", "null"]},
                                                "type": {"type": "string"},
                                            },
                                        },
                                    },
                                },
                            },
                        }
                    }
                },
            }
        },
    },
    ("POST", PATH + "/{activityInstanceId}/activate"): {
        "operationId": "activateAdHocActivities",
        "summary": "Begin activities of an ad-hoc sub-process: all of them, or none",
        "parameters": [
            _ID,
            {"name": "activityInstanceId", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}},
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["activityIds"],
                        "properties": {"activityIds": {**_TEXTS, "minItems": 1}},
                    }
                }
            },
        },
        "responses": {"204": {"description": "They have begun, or wait for their turn"}},
    },
}
"""What the OpenAPI document says of each route."""
