"""`/history/incident`: open and closed incidents."""

from penstock.api.history_incident.dto import historic_incident
from penstock.api.http import Route
from penstock.api.incident.query import COMMON, SORTINGS
from penstock.api.querying import Filter, Selection, moment, text
from penstock.api.shared_query import flagged, list_routes, without_tenant
from penstock.store.query import Op, Order, Term, eq

PATH = "/history/incident"


def _state(state: str) -> Filter:
    terms: tuple[Term, ...] = (eq("state", state),)
    return flagged(lambda: terms)


FILTERS: dict[str, Filter] = {
    **COMMON,
    "processDefinitionKey": text("definition_key"),
    "createTimeBefore": moment("created_ms", Op.LE),
    "createTimeAfter": moment("created_ms", Op.GE),
    "endTimeBefore": moment("ended_ms", Op.LE),
    "endTimeAfter": moment("ended_ms", Op.GE),
    "historyConfiguration": text("history_configuration"),
    "open": _state("open"),
    "resolved": _state("resolved"),
    "deleted": _state("deleted"),
    "withoutTenantId": without_tenant(),
}

HISTORIC_INCIDENTS = Selection(
    "incident",
    FILTERS,
    {
        **SORTINGS,
        "createTime": Order("created_ms"),
        "endTime": Order("ended_ms"),
        "processDefinitionKey": Order("definition_key"),
        "historyConfiguration": Order("history_configuration"),
        "incidentState": Order("state"),
    },
)

ROUTES: tuple[Route, ...] = list_routes(PATH, HISTORIC_INCIDENTS, historic_incident, post=False)
