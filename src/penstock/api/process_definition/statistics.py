"""How many instances, failed jobs and incidents there are, per definition and per activity."""

from collections.abc import Sequence
from typing import Any

from penstock.api import problems
from penstock.api.http import Request
from penstock.api.process_definition.dto import process_definition
from penstock.api.shared_query import OF_SAME_INSTANCE
from penstock.store.query import Exists, Group, Not, Order, Query, Term, eq, is_null, not_null

_PACKAGE = "org.camunda.bpm.engine.rest.dto.repository."
_ROOT = Exists("incident", (("root_cause_incident_id", "id"), ("id", "id")))
"""An incident that is its own root cause."""


def _incident_terms(request: Request) -> list[Term] | None:
    """Which incidents are asked for; None: none. Raises 400 when two of the parameters are set."""
    every, kind = request.flag("incidents"), request.text("incidentsForType")
    if every and kind is not None:
        raise problems.invalid(
            400, "Only one of the query parameter includeIncidents or includeIncidentsForType can be set."
        )
    roots = request.flag("rootIncidents")
    if roots and (every or kind is not None):
        raise problems.invalid(
            400,
            "Only one of the query parameter includeIncidents, includeIncidentsForType or rootIncidents can be set.",
        )
    if not (every or roots or kind is not None):
        return None
    terms: list[Term] = [is_null("ended_ms")]
    if kind is not None:
        terms.append(eq("type", kind))
    if roots:
        terms.append(_ROOT)
    return terms


async def _counts(request: Request, table: str, column: str, where: Sequence[Term]) -> dict[str, int]:
    rows = await request.engine.groups(Group(table, (column,), where))
    return {row[column]: row["count"] for row in rows}


async def _incidents(request: Request, column: str, where: Sequence[Term]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in await request.engine.groups(Group("incident", (column, "type"), where)):
        found.setdefault(row[column], []).append({"incidentType": row["type"], "incidentCount": row["count"]})
    return found


async def by_definition(request: Request) -> Any:
    """`GET /process-definition/statistics`"""
    terms = _incident_terms(request)
    instances = await _counts(request, "process_instance", "definition_id", (is_null("ended_ms"),))
    failed: dict[str, int] = {}
    if request.flag("failedJobs"):
        failed = await _counts(request, "job", "definition_id", (eq("retries", 0),))
    incidents = {} if terms is None else await _incidents(request, "definition_id", terms)
    rows = await request.engine.rows(Query("process_definition", order=(Order("key"), Order("version"))))
    return [
        {
            "@class": _PACKAGE + "ProcessDefinitionStatisticsResultDto",
            "id": row["id"],
            "instances": instances.get(row["id"], 0),
            "failedJobs": failed.get(row["id"], 0),
            "incidents": incidents.get(row["id"], []),
            # Camunda's statistics do not read this column.
            "definition": {**process_definition(row), "historyTimeToLive": None},
        }
        for row in rows
    ]


async def by_activity(request: Request, id: str) -> Any:
    """`GET /process-definition/{id}/statistics`: activities where something is, or where something went wrong."""
    terms = _incident_terms(request)
    of = eq("definition_id", id)
    leaf = Not(Exists("execution", (*OF_SAME_INSTANCE, ("parent_id", "id"))))
    instances = await _counts(request, "execution", "activity_id", (of, not_null("activity_id"), leaf))
    failed: dict[str, int] = {}
    if request.flag("failedJobs"):
        where = (of, eq("retries", 0), not_null("activity_id"))
        failed = await _counts(request, "job", "activity_id", where)
    incidents: dict[str, list[dict[str, Any]]] = {}
    if terms is not None:
        incidents = await _incidents(request, "activity_id", (of, not_null("activity_id"), *terms))
    return [
        {
            "@class": _PACKAGE + "ActivityStatisticsResultDto",
            "id": activity,
            "instances": instances.get(activity, 0),
            "failedJobs": failed.get(activity, 0),
            "incidents": incidents.get(activity, []),
        }
        for activity in sorted({*instances, *failed, *incidents})
    ]
