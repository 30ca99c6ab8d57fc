"""What `/incident` and `/history/incident` can be asked (Camunda 7 `IncidentQueryDto`, `HistoricIncidentQueryDto`)."""

from penstock.api.querying import Filter, Selection, identifier, like, moment, tenants, text
from penstock.api.shared_query import any_of
from penstock.store.query import Op, Order, eq

COMMON: dict[str, Filter] = {
    "incidentId": identifier(),
    "incidentType": text("type"),
    "incidentMessage": text("message"),
    "incidentMessageLike": like("message"),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKeyIn": any_of("definition_key"),
    "processInstanceId": identifier("instance_id"),
    "executionId": identifier("execution_id"),
    "activityId": text("activity_id"),
    "failedActivityId": text("failed_activity_id"),
    "causeIncidentId": text("cause_incident_id"),
    "rootCauseIncidentId": text("root_cause_incident_id"),
    "configuration": text("configuration"),
    "tenantIdIn": tenants(),
    "jobDefinitionIdIn": any_of("job_definition_id"),
}

SORTINGS: dict[str, Order] = {
    "incidentId": Order("id"),
    "incidentMessage": Order("message"),
    "incidentType": Order("type"),
    "executionId": Order("execution_id"),
    "activityId": Order("activity_id"),
    "processInstanceId": Order("instance_id"),
    "processDefinitionId": Order("definition_id"),
    "causeIncidentId": Order("cause_incident_id"),
    "rootCauseIncidentId": Order("root_cause_incident_id"),
    "configuration": Order("configuration"),
    "tenantId": Order("tenant_id"),
}

INCIDENTS = Selection(
    "incident",
    {
        **COMMON,
        "incidentTimestampBefore": moment("created_ms", Op.LE),
        "incidentTimestampAfter": moment("created_ms", Op.GE),
    },
    {**SORTINGS, "incidentTimestamp": Order("created_ms")},
    always=(eq("state", "open"),),
)
