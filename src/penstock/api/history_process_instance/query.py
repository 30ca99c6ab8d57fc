"""What `/history/process-instance` can be asked (Camunda 7 `HistoricProcessInstanceQueryDto`)."""

from collections.abc import Iterable, Sequence

from penstock.api import problems
from penstock.api.querying import (
    Context,
    Filter,
    Kind,
    Selection,
    by_id,
    custom,
    identifier,
    like,
    modifier,
    moment,
    tenants,
    text,
)
from penstock.api.shared_query import (
    OF_INSTANCE,
    any_of,
    checked_variables,
    exists,
    flagged,
    nothing,
    without_tenant,
)
from penstock.engine.events import InstanceState, JobKind
from penstock.store.query import AnyOf, Exists, Op, Order, Term, Where, eq, is_null, not_null, one_of

CALLED = (("shard", "shard"), ("super_instance_id", "id"))
_STATES = {
    "active": InstanceState.ACTIVE,
    "suspended": InstanceState.SUSPENDED,
    "completed": InstanceState.COMPLETED,
    "externallyTerminated": InstanceState.EXTERNALLY_TERMINATED,
    "internallyTerminated": InstanceState.INTERNALLY_TERMINATED,
}
_RETRYING = (Where("retries", Op.GT, 0), not_null("message"))
_INCIDENT_STATES = ("open", "resolved")


def _state(name: str, state: InstanceState) -> Filter:
    def make(value: bool, context: Context) -> Iterable[Term]:
        if not value:
            return
        others = [other for other in _STATES if other != name and context.given.get(other)]
        if others:
            raise problems.bad_user_request(
                "Already querying for historic process instance with another state: "
                f"{_STATES[others[0]].value} is not empty"
            )
        yield eq("state", state.value)

    return custom(Kind.BOOLEAN, make)


def _incident_status(value: str, _: Context) -> Iterable[Term]:
    """As in Camunda, any other word asks for incidents of whatever state."""
    yield Exists("incident", OF_INSTANCE, (eq("state", value),) if value in _INCIDENT_STATES else ())


def _ran(table: str, column: str, op: Op, *where: Term) -> Filter:
    return exists(table, OF_INSTANCE, lambda value: (*where, Where(column, op, value)), Kind.DATE)


def _standing(value: Sequence[str], _: Context) -> Iterable[Term]:
    """The instance stands at one of the activities: in it, before or after it as a job, or with an incident there."""
    if value:
        at = one_of("activity_id", value)
        yield AnyOf(
            (
                Exists("activity_instance", OF_INSTANCE, (at, is_null("ended_ms"))),
                Exists("job", OF_INSTANCE, (at, eq("kind", JobKind.ASYNC.value))),
                Exists("incident", OF_INSTANCE, (at, eq("state", "open"))),
            )
        )


def _activities(*where: Term) -> Filter:
    return custom(
        Kind.LIST,
        lambda value, _: (
            (Exists("activity_instance", OF_INSTANCE, (one_of("activity_id", value), *where)),) if value else ()
        ),
    )


FILTERS: dict[str, Filter] = {
    "processInstanceId": identifier(),
    "processInstanceIds": any_of("id"),
    "processInstanceIdNotIn": any_of("id", Op.NOT_IN),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "processDefinitionKeyIn": any_of("definition_key"),
    "processDefinitionKeyNotIn": any_of("definition_key", Op.NOT_IN),
    "processDefinitionName": text("definition_name"),
    "processDefinitionNameLike": like("definition_name"),
    "processInstanceBusinessKey": text("business_key"),
    "processInstanceBusinessKeyIn": any_of("business_key"),
    "processInstanceBusinessKeyLike": like("business_key"),
    "rootProcessInstances": flagged(lambda: (is_null("super_instance_id"),)),
    "rootProcessInstanceId": identifier("root_id"),
    "finished": flagged(lambda: (not_null("ended_ms"),)),
    "unfinished": flagged(lambda: (is_null("ended_ms"),)),
    "withJobsRetrying": flagged(lambda: (Exists("job", OF_INSTANCE, _RETRYING),)),
    "withIncidents": flagged(lambda: (Exists("incident", OF_INSTANCE),)),
    "withRootIncidents": flagged(
        lambda: (
            Exists("incident", (*OF_INSTANCE, ("root_id", "root_id")), (eq("state", "open"),)),
            is_null("super_instance_id"),
        )
    ),
    "incidentIdIn": custom(
        Kind.LIST, lambda value, _: (Exists("incident", OF_INSTANCE, (one_of("id", value),)),) if value else ()
    ),
    "incidentType": exists("incident", OF_INSTANCE, lambda value: (eq("type", value),)),
    "incidentStatus": custom(Kind.TEXT, _incident_status),
    "incidentMessage": exists("incident", OF_INSTANCE, lambda value: (eq("message", value),)),
    "incidentMessageLike": exists("incident", OF_INSTANCE, lambda value: (Where("message", Op.LIKE, value),)),
    "startedBefore": moment("started_ms", Op.LE),
    "startedAfter": moment("started_ms", Op.GE),
    "finishedBefore": moment("ended_ms", Op.LE),
    "finishedAfter": moment("ended_ms", Op.GE),
    "executedActivityAfter": _ran("activity_instance", "started_ms", Op.GE),
    "executedActivityBefore": _ran("activity_instance", "started_ms", Op.LE),
    "executedJobAfter": _ran("job_log", "occurred_ms", Op.GE),
    "executedJobBefore": _ran("job_log", "occurred_ms", Op.LE),
    "startedBy": text("start_user_id"),
    "superProcessInstanceId": identifier("super_instance_id"),
    "subProcessInstanceId": exists("process_instance", CALLED, by_id),
    "superCaseInstanceId": nothing(),
    "subCaseInstanceId": nothing(),
    "caseInstanceId": text("case_instance_id"),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
    "activityIdIn": custom(Kind.LIST, _standing),
    "executedActivityIdIn": _activities(not_null("ended_ms")),
    "activeActivityIdIn": _activities(is_null("ended_ms")),
    **{name: _state(name, state) for name, state in _STATES.items()},
    "variables": checked_variables((("shard", "shard"), ("instance_id", "id")), (eq("state", "CREATED"),)),
    "variableNamesIgnoreCase": modifier(),
    "variableValuesIgnoreCase": modifier(),
}

HISTORIC_PROCESS_INSTANCES = Selection(
    "process_instance",
    FILTERS,
    {
        "instanceId": Order("id"),
        "definitionId": Order("definition_id"),
        "definitionKey": Order("definition_key"),
        "definitionName": Order("definition_name"),
        "definitionVersion": Order("definition_version"),
        "businessKey": Order("business_key"),
        # A called instance may begin within the same millisecond: ids sort by creation.
        "startTime": (Order("started_ms"), Order("id")),
        "endTime": Order("ended_ms"),
        "duration": Order("duration_ms"),
        "tenantId": Order("tenant_id"),
    },
)
