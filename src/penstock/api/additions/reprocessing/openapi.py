"""What the OpenAPI document says of each route."""

from typing import Any

from penstock.api.additions.reprocessing.dto import GROUPS_DEFAULT, GROUPS_MAX
from penstock.runtime.reprocessing.runs import RunState
from penstock.runtime.reprocessing.selection import TYPES
from penstock.runtime.reprocessing.service import RATE_MAX, RATE_MIN, RETRIES_MAX

ALL = "/reprocessing"
DRY_RUN = ALL + "/dry-run"
ONE = ALL + "/{id}"
PAUSE, RESUME, CANCEL = ONE + "/pause", ONE + "/resume", ONE + "/cancel"
RUNS_MAX = 100

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_MAYBE: Schema = {"type": ["string", "null"]}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_MOMENT: Schema = {"type": "string", "description": "ISO 8601 with a zone, such as 2026-01-31T12:00:00.000+0000"}
_MAYBE_MOMENT: Schema = {**_MOMENT, "type": ["string", "null"]}


def _said(schema: Schema, text: str) -> Schema:
    return {**schema, "description": text}


def _object(properties: Schema, **more: Any) -> Schema:
    return {"type": "object", "properties": properties, **more}


_FILTER = _object(
    {
        "topicName": _said(_TEXT, "Topic of an external task"),
        "processDefinitionKey": _TEXT,
        "processDefinitionVersion": _said(_NUMBER, "With the key"),
        "processDefinitionId": _TEXT,
        "activityId": _said(_TEXT, "Where it waits, or where it failed"),
        "incidentType": {"enum": list(TYPES)},
        "errorMessage": _said(_TEXT, "A part of the message, in any case"),
        "createdAfter": _said(_MOMENT, "Given up at this moment or later; ISO 8601 with a zone"),
        "createdBefore": _said(_MOMENT, "Given up before this moment; ISO 8601 with a zone"),
        "businessKey": _TEXT,
        "processInstanceIds": {"type": "array", "items": _TEXT, "minItems": 1},
        "tenantId": _TEXT,
        "all": _said({"type": "boolean"}, "Everything that has failed; then no condition may be stated"),
    },
    description="Conditions that must all hold: at least one, or `all`. An unknown name is refused.",
    additionalProperties=False,
)
_LIMIT = _said({"type": "integer", "minimum": 1}, "Only the oldest so many")
_LOOK_BODY = _object(
    {
        "filter": _FILTER,
        "limit": _LIMIT,
        "maxGroups": {"type": "integer", "minimum": 1, "maximum": GROUPS_MAX, "default": GROUPS_DEFAULT},
    },
    required=["filter"],
    additionalProperties=False,
)
_ORDER_BODY = _object(
    {
        "filter": _FILTER,
        "limit": _LIMIT,
        "retries": {
            "type": "integer",
            "minimum": 1,
            "maximum": RETRIES_MAX,
            "default": 1,
            "description": "Attempts that each gets",
        },
        "ratePerSecond": {
            "type": "number",
            "minimum": RATE_MIN,
            "maximum": RATE_MAX,
            "description": "How many get their retries per second; left out: as fast as can be",
        },
    },
    required=["filter"],
    additionalProperties=False,
)
_EXAMPLE = _object(
    {
        "id": _said(_TEXT, "Of the job or external task"),
        "incidentId": _TEXT,
        "processInstanceId": _MAYBE,
        "errorMessage": _MAYBE,
        "created": _MAYBE_MOMENT,
    }
)
_GROUP = _object(
    {
        "processDefinitionKey": _MAYBE,
        "processDefinitionVersion": {"type": ["integer", "null"]},
        "processDefinitionId": _MAYBE,
        "activityId": _MAYBE,
        "incidentType": _TEXT,
        "topicName": _MAYBE,
        "error": _said(_MAYBE, "First line of the message, with # for numbers and ids"),
        "count": _NUMBER,
        "oldest": _MAYBE_MOMENT,
        "newest": _MAYBE_MOMENT,
        "examples": {"type": "array", "items": _EXAMPLE},
    }
)
_LOOK = _object(
    {
        "count": _said(_NUMBER, "How many fit"),
        "grouped": _said(_NUMBER, "How many of them are in the groups of this answer"),
        "groups": {"type": "array", "items": _GROUP, "description": "The largest first"},
    },
    required=["count", "grouped", "groups"],
)
_RUN = _object(
    {
        "id": _said(_TEXT, "That of its batch: `/engine-rest/batch` knows it as well"),
        "state": {"enum": [state.value for state in RunState]},
        "filter": _FILTER,
        "retries": _NUMBER,
        "ratePerSecond": {"type": ["number", "null"]},
        "total": _said(_NUMBER, "How many were found when it began"),
        "retried": _NUMBER,
        "skipped": _said(_NUMBER, "Solved, or given retries by somebody else, before their turn came"),
        "failed": _said(_NUMBER, "Of the remaining: in jobs of the batch that need a person"),
        "remaining": _NUMBER,
        "retriedPerSecond": _said({"type": "number"}, "On average since the start"),
        "failedAgain": _said(
            {"type": ["integer", "null"]}, "How many of the retried ones have an incident again; if asked"
        ),
        "createUserId": _MAYBE,
        "startTime": _MAYBE_MOMENT,
        "endTime": _MAYBE_MOMENT,
    }
)


def _json(schema: Schema) -> Schema:
    return {"content": {"application/json": {"schema": schema}}}


def _operation(id: str, summary: str, said: str, schema: Schema, *, status: str = "200", **more: Any) -> Schema:
    return {
        "operationId": id,
        "summary": summary,
        **more,
        "responses": {status: {"description": said, **_json(schema)}},
    }


_ID: Schema = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
_MOST: Schema = {
    "name": "maxResults",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": RUNS_MAX, "default": 20},
}
_AGAIN: Schema = {
    "name": "failedAgain",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "Count how many of the retried ones stand still again",
}

_START = _operation(
    "startReprocessing",
    "Give retries to failed work, at a stated rate",
    "The run, which goes on by itself",
    _RUN,
    status="201",
    requestBody={"required": True, **_json(_ORDER_BODY)},
)
_START["responses"]["204"] = {"description": "Nothing fits: there is no run"}

OPERATIONS: dict[tuple[str, str], Schema] = {
    ("POST", DRY_RUN): _operation(
        "lookAtFailedWork",
        "How much failed work fits a filter, in groups with examples; changes nothing",
        "What a run with this filter would be about",
        _LOOK,
        requestBody={"required": True, **_json(_LOOK_BODY)},
    ),
    ("POST", ALL): _START,
    ("GET", ALL): _operation(
        "listReprocessing",
        "The latest runs",
        "The newest first",
        {"type": "array", "items": _RUN},
        parameters=[_MOST],
    ),
    ("GET", ONE): _operation("getReprocessing", "How far a run has come", "The run", _RUN, parameters=[_ID, _AGAIN]),
    ("POST", PAUSE): _operation("pauseReprocessing", "Pause a run", "The run", _RUN, parameters=[_ID]),
    ("POST", RESUME): _operation("resumeReprocessing", "Let a paused run go on", "The run", _RUN, parameters=[_ID]),
    ("POST", CANCEL): _operation(
        "cancelReprocessing",
        "End a run; what it has not reached yet stays as it is",
        "The run",
        _RUN,
        parameters=[_ID],
    ),
}
"""By method and path."""
