"""`/history/task`: open and ended tasks."""

from collections.abc import Iterable
from typing import Any

from penstock.api import problems
from penstock.api.history_task.dto import historic_task
from penstock.api.history_task.report import report
from penstock.api.http import Request, Route
from penstock.api.querying import (
    Context,
    Filter,
    Kind,
    Selection,
    custom,
    identifier,
    integer,
    like,
    modifier,
    moment,
    tenants,
    text,
)
from penstock.api.shared_query import (
    OF_SAME_INSTANCE,
    OF_TASK,
    any_of,
    checked_variables,
    exists,
    flagged,
    list_routes,
    nothing,
    without_tenant,
)
from penstock.store.query import AnyOf, Exists, Not, Op, Order, Term, Where, eq, is_null, not_null, one_of

PATH = "/history/task"
PROCESS = (("shard", "shard"), ("id", "instance_id"))
_CANDIDATE = eq("type", "candidate")


def _of_process(*terms: Term) -> Term:
    return Exists("process_instance", PROCESS, terms)


def _involved_user(value: str, _: Context) -> Iterable[Term]:
    yield AnyOf(
        (
            Exists("identity_link_log", OF_TASK, (eq("user_id", value),)),
            eq("assignee", value),
            eq("owner", value),
        )
    )


FILTERS: dict[str, Filter] = {
    "taskId": identifier(),
    "taskParentTaskId": text("parent_task_id"),
    "processInstanceId": custom(Kind.TEXT, lambda value, _: (eq("instance_id", value), not_null("definition_id"))),
    "rootProcessInstanceId": identifier("root_id"),
    "processInstanceBusinessKey": exists("process_instance", PROCESS, lambda value: (eq("business_key", value),)),
    "processInstanceBusinessKeyIn": exists(
        "process_instance", PROCESS, lambda value: (one_of("business_key", value),), Kind.LIST
    ),
    "processInstanceBusinessKeyLike": exists(
        "process_instance", PROCESS, lambda value: (Where("business_key", Op.LIKE, value),)
    ),
    "executionId": identifier("execution_id"),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "processDefinitionName": exists("process_instance", PROCESS, lambda value: (eq("definition_name", value),)),
    "caseInstanceId": text("case_instance_id"),
    "caseExecutionId": nothing(),
    "caseDefinitionId": nothing(),
    "caseDefinitionKey": nothing(),
    "caseDefinitionName": nothing(),
    "activityInstanceIdIn": any_of("activity_instance_id"),
    "taskName": text("name"),
    "taskNameLike": like("name"),
    "taskDescription": text("description"),
    "taskDescriptionLike": like("description"),
    "taskDefinitionKey": text("task_key"),
    "taskDefinitionKeyIn": any_of("task_key"),
    "taskDeleteReason": text("delete_reason"),
    "taskDeleteReasonLike": like("delete_reason"),
    "taskAssignee": text("assignee"),
    "taskAssigneeLike": like("assignee"),
    "taskOwner": text("owner"),
    "taskOwnerLike": like("owner"),
    "taskPriority": integer("priority"),
    "assigned": flagged(lambda: (not_null("assignee"),)),
    "unassigned": flagged(lambda: (is_null("assignee"),)),
    "finished": flagged(lambda: (not_null("ended_ms"),)),
    "unfinished": flagged(lambda: (is_null("ended_ms"),)),
    "processFinished": flagged(lambda: (_of_process(not_null("ended_ms")),)),
    "processUnfinished": flagged(lambda: (_of_process(is_null("ended_ms")),)),
    "taskDueDate": moment("due_ms", Op.EQ),
    "taskDueDateBefore": moment("due_ms", Op.LE),
    "taskDueDateAfter": moment("due_ms", Op.GE),
    "withoutTaskDueDate": flagged(lambda: (is_null("due_ms"),)),
    "taskFollowUpDate": moment("follow_up_ms", Op.EQ),
    "taskFollowUpDateBefore": moment("follow_up_ms", Op.LE),
    "taskFollowUpDateAfter": moment("follow_up_ms", Op.GE),
    "startedBefore": moment("created_ms", Op.LE),
    "startedAfter": moment("created_ms", Op.GE),
    "finishedBefore": moment("ended_ms", Op.LE),
    "finishedAfter": moment("ended_ms", Op.GE),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
    "taskVariables": checked_variables(OF_TASK, ()),
    "processVariables": checked_variables(OF_SAME_INSTANCE, (is_null("task_id"),)),
    "variableNamesIgnoreCase": modifier(),
    "variableValuesIgnoreCase": modifier(),
    "taskInvolvedUser": custom(Kind.TEXT, _involved_user),
    "taskInvolvedGroup": exists("identity_link_log", OF_TASK, lambda value: (eq("group_id", value),)),
    "taskHadCandidateUser": exists("identity_link_log", OF_TASK, lambda value: (_CANDIDATE, eq("user_id", value))),
    "taskHadCandidateGroup": exists("identity_link_log", OF_TASK, lambda value: (_CANDIDATE, eq("group_id", value))),
    "withCandidateGroups": flagged(lambda: (Exists("identity_link_log", OF_TASK, (_CANDIDATE, not_null("group_id"))),)),
    "withoutCandidateGroups": flagged(
        lambda: (Not(Exists("identity_link_log", OF_TASK, (_CANDIDATE, not_null("group_id")))),)
    ),
}

HISTORIC_TASKS = Selection(
    "task",
    FILTERS,
    {
        "taskId": Order("id"),
        "activityInstanceId": Order("activity_instance_id"),
        "processDefinitionId": Order("definition_id"),
        "processInstanceId": Order("instance_id"),
        "executionId": Order("execution_id"),
        "duration": Order("duration_ms"),
        "endTime": Order("ended_ms"),
        "startTime": Order("created_ms"),
        "taskName": Order("name"),
        "taskDescription": Order("description"),
        "assignee": Order("assignee"),
        "owner": Order("owner"),
        "dueDate": Order("due_ms"),
        "followUpDate": Order("follow_up_ms"),
        "deleteReason": Order("delete_reason"),
        "taskDefinitionKey": Order("task_key"),
        "priority": Order("priority"),
        "caseDefinitionId": Order("case_instance_id"),
        "caseInstanceId": Order("case_instance_id"),
        "caseExecutionId": Order("case_instance_id"),
        "tenantId": Order("tenant_id"),
    },
)


_CASES = ("caseDefinitionId", "caseInstanceId")


def _without_cases(route: Route) -> Route:
    """Camunda 7 cannot sort by cases either: its query names columns that its database does not have."""

    async def handle(request: Request) -> Any:
        sorting = request.object().get("sorting") if request.method == "POST" else None
        criteria = (
            [each.get("sortBy") for each in sorting if isinstance(each, dict)] if isinstance(sorting, list) else []
        )
        if any(criterion in _CASES for criterion in (request.text("sortBy"), *criteria)):
            raise problems.Problem(
                500, "ProcessEnginePersistenceException", "Historic tasks cannot be sorted by their case.", 0
            )
        return await route.handler(request)

    return Route(route.method, route.path, handle) if route.path == PATH else route


ROUTES: tuple[Route, ...] = (
    *map(_without_cases, list_routes(PATH, HISTORIC_TASKS, historic_task)),
    Route("GET", PATH + "/report", report),
)
