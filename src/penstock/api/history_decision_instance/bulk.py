"""`POST /history/decision-instance/delete` and `…/set-removal-time`: evaluated decisions, as a batch."""

from typing import Any

from penstock.api import batches, problems
from penstock.api.dto import Body
from penstock.api.history_decision_instance.query import DECISION_INSTANCES
from penstock.api.http import Request, Route
from penstock.api.querying import by_ids
from penstock.api.removal_time import RemovalTimeBody, mode_of, template_of
from penstock.engine.events import JobKind
from penstock.runtime.batches.kinds import HistoryDeletion
from penstock.store.query import Query

PATH = "/history/decision-instance"
TABLE = "decision_instance"


class Deletion(Body):
    """`DeleteHistoricDecisionInstancesDto`."""

    historic_decision_instance_ids: list[str | None] | None = None
    historic_decision_instance_query: dict[str, Any] | None = None
    delete_reason: str | None = None


class SetRemovalTime(RemovalTimeBody):
    """`SetRemovalTimeToHistoricDecisionInstancesDto`."""

    historic_decision_instance_ids: list[str | None] | None = None
    historic_decision_instance_query: dict[str, Any] | None = None


async def delete(request: Request) -> Any:
    """`POST /history/decision-instance/delete`"""
    body = request.body(Deletion)
    ids = list(
        dict.fromkeys(
            [
                *(id for id in body.historic_decision_instance_ids or () if id is not None),
                *await _queried(request, body.historic_decision_instance_query),
            ]
        )
    )
    if not ids:
        raise problems.invalid(400, "historicDecisionInstanceIds is empty")
    operation = batches.logged(
        "DeleteHistory", len(ids), ("deleteReason", body.delete_reason), entity="DecisionInstance"
    )
    return await batches.make(request, JobKind.DECISION_DELETION, ids, HistoryDeletion(user=request.user), operation)


async def set_removal_time(request: Request) -> Any:
    """`POST /history/decision-instance/set-removal-time`"""
    body = request.body(SetRemovalTime)
    mode = mode_of(body)
    named = body.historic_decision_instance_ids
    if named is None and body.historic_decision_instance_query is None:
        raise problems.bad_user_request("Neither query nor ids provided.")
    template = template_of(body, mode, request.user)
    found = dict.fromkeys(await _queried(request, body.historic_decision_instance_query))
    if named:
        known = Query(TABLE, by_ids([id for id in named if id is not None]), columns=("id",))
        found.update((row["id"], None) for row in await request.engine.rows(known))
    if not found:
        raise problems.bad_user_request("historicDecisionInstances is empty")
    hierarchical = ("hierarchical", "true" if body.hierarchical else "false")
    operation = batches.logged("SetRemovalTime", len(found), ("mode", mode), hierarchical, entity="DecisionInstance")
    return await batches.make(request, JobKind.DECISION_REMOVAL_TIME, list(found), template, operation)


async def _queried(request: Request, query: dict[str, Any] | None) -> list[str]:
    if query is None:
        return []
    where = DECISION_INSTANCES.where_of_json(query, request.engine.clock.now_ms())
    return [row["id"] for row in await request.engine.rows(Query(TABLE, where, columns=("id",)))]


ROUTES: tuple[Route, ...] = (
    Route("POST", PATH + "/delete", delete),
    Route("POST", PATH + "/set-removal-time", set_removal_time),
)
