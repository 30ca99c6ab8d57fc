"""What `/task` can be asked (Camunda 7 `TaskQueryDto`)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from penstock.api import problems
from penstock.api.dto import as_text
from penstock.api.http import Request
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
    page,
    tenants,
    text,
)
from penstock.api.shared_query import (
    COMPARISONS_AND_NOT_LIKE,
    LIVE,
    OF_SCOPE_OF_INSTANCE,
    OF_TASK,
    any_of,
    checked_variables,
    exists,
    flagged,
    ignoring_case,
    nothing,
    without_tenant,
)
from penstock.store.query import (
    AllOf,
    AnyOf,
    Exists,
    Not,
    Op,
    Order,
    Query,
    Term,
    Where,
    eq,
    is_null,
    not_null,
    one_of,
)

PROCESS: tuple[tuple[str, str], ...] = (("shard", "shard"), ("id", "instance_id"))
DEFINITION: tuple[tuple[str, str], ...] = (("id", "definition_id"),)
CANDIDATE = eq("type", "candidate")
_ON_CANDIDATES = (
    "candidateUser",
    "candidateGroup",
    "candidateGroupLike",
    "candidateGroups",
    "withCandidateGroups",
    "withoutCandidateGroups",
    "withCandidateUsers",
    "withoutCandidateUsers",
)
_DUE = ("dueDate", "dueBefore", "dueAfter")
_FOLLOW_UP = ("followUpDate", "followUpBefore", "followUpAfter")
_DELEGATION = ("PENDING", "RESOLVED")
_IN_EXECUTION: tuple[Term, ...] = (*LIVE, is_null("task_id"))


def delegation_state(value: str) -> str:
    """A delegation state of a client. Raises 400."""
    if value.upper() not in _DELEGATION:
        raise problems.invalid(
            400, f"Valid values for property 'delegationState' are 'PENDING' or 'RESOLVED', but was '{value}'"
        )
    return value.upper()


def _candidates(make: Callable[[Any], Iterable[Term]], kind: Kind = Kind.TEXT) -> Filter:
    """A criterion on candidates: as in Camunda only of tasks that nobody has, unless `includeAssignedTasks`."""

    def terms(value: Any, context: Context) -> Iterable[Term]:
        given = context.given
        if given.get("candidateUser") is not None and any(
            given.get(name) is not None for name in ("candidateGroup", "candidateGroups")
        ):
            other = "candidateGroup" if given.get("candidateGroup") is not None else "candidateGroupIn"
            raise problems.engine(f"Invalid query usage: cannot set both candidateUser and {other}")
        if kind is Kind.BOOLEAN and not value:
            return
        if kind is Kind.LIST and not value:
            raise problems.engine("Candidate group list is empty")
        yield from make(value)
        if not given.get("includeAssignedTasks"):
            yield is_null("assignee")

    return custom(kind, terms)


def _link(*terms: Term) -> Term:
    return Exists("identity_link", OF_TASK, (CANDIDATE, *terms))


def _user_or_group(user: str) -> Term:
    """The candidate is the user, or one of its groups."""
    member = Exists("group_member", (("group_id", "group_id"),), (eq("user_id", user),))
    return AnyOf((eq("user_id", user), member))


def _include_assigned(value: bool, context: Context) -> Iterable[Term]:
    if value and not any(context.given.get(name) is not None for name in _ON_CANDIDATES):
        raise problems.engine(
            "Invalid query usage: candidateUser, candidateGroup, candidateGroupLike, candidateGroupIn, "
            "withCandidateGroups, withoutCandidateGroups, withCandidateUsers, withoutCandidateUsers has to be called "
            "before 'includeAssignedTasks'."
        )
    return ()


def _expression(_: str, __: Context) -> Iterable[Term]:
    raise problems.bad_user_request(
        "Expressions are forbidden in adhoc queries. This behavior can be toggled in the process engine configuration"
    )


def _involved(value: str, _: Context) -> Iterable[Term]:
    yield AnyOf((Exists("identity_link", OF_TASK, (eq("user_id", value),)), eq("assignee", value), eq("owner", value)))


def _without_due(value: bool, context: Context) -> Iterable[Term]:
    if not value:
        return
    if any(context.given.get(name) is not None for name in _DUE):
        raise problems.engine(
            "Invalid query usage: cannot set both due date (equal to, before, or after) and withoutDueDate filters."
        )
    yield is_null("due_ms")


def _follow_up_or_none(value: int, context: Context) -> Iterable[Term]:
    if context.given.get("followUpBefore") is not None:
        raise problems.engine("Invalid query usage: cannot set both followUpBefore and followUpBeforeOrNotExistent")
    yield AnyOf((Where("follow_up_ms", Op.LT, value), is_null("follow_up_ms")))


def _updated_after(value: int, _: Context) -> Iterable[Term]:
    """A task that was never updated counts with the moment of its creation."""
    never = AllOf((is_null("last_updated_ms"), Where("created_ms", Op.GT, value)))
    yield AnyOf((Where("last_updated_ms", Op.GT, value), never))


def _of_process(make: Callable[[str], Term]) -> Filter:
    return exists("process_instance", PROCESS, lambda value: (make(value),))


FILTERS: dict[str, Filter] = {
    "taskId": identifier(),
    "taskIdIn": any_of("id"),
    "processInstanceId": custom(Kind.TEXT, lambda value, _: (eq("instance_id", value), not_null("definition_id"))),
    "processInstanceIdIn": custom(
        Kind.LIST, lambda value, _: (one_of("instance_id", value), not_null("definition_id")) if value else ()
    ),
    "processInstanceBusinessKey": _of_process(lambda value: eq("business_key", value)),
    "processInstanceBusinessKeyIn": exists(
        "process_instance", PROCESS, lambda value: (one_of("business_key", value),), Kind.LIST
    ),
    "processInstanceBusinessKeyLike": _of_process(lambda value: Where("business_key", Op.LIKE, value)),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "processDefinitionKeyIn": any_of("definition_key"),
    "processDefinitionName": exists("process_definition", DEFINITION, lambda value: (eq("name", value),)),
    "processDefinitionNameLike": exists(
        "process_definition", DEFINITION, lambda value: (Where("name", Op.LIKE, value),)
    ),
    "executionId": identifier("execution_id"),
    "caseInstanceId": text("case_instance_id"),
    "caseInstanceBusinessKey": nothing(),
    "caseInstanceBusinessKeyLike": nothing(),
    "caseDefinitionId": nothing(),
    "caseDefinitionKey": nothing(),
    "caseDefinitionName": nothing(),
    "caseDefinitionNameLike": nothing(),
    "caseExecutionId": nothing(),
    "activityInstanceIdIn": any_of("activity_instance_id"),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
    "assignee": text("assignee"),
    "assigneeLike": like("assignee"),
    "assigneeIn": any_of("assignee"),
    "assigneeNotIn": any_of("assignee", Op.NOT_IN),
    "owner": text("owner"),
    "candidateGroup": _candidates(lambda value: (_link(eq("group_id", value)),)),
    "candidateGroupLike": _candidates(lambda value: (_link(Where("group_id", Op.LIKE, value)),)),
    "candidateGroups": _candidates(lambda value: (_link(one_of("group_id", value)),), Kind.LIST),
    "candidateUser": _candidates(lambda value: (_link(_user_or_group(value)),)),
    "withCandidateGroups": _candidates(lambda _: (_link(not_null("group_id")),), Kind.BOOLEAN),
    "withoutCandidateGroups": _candidates(lambda _: (Not(_link(not_null("group_id"))),), Kind.BOOLEAN),
    "withCandidateUsers": _candidates(lambda _: (_link(not_null("user_id")),), Kind.BOOLEAN),
    "withoutCandidateUsers": _candidates(lambda _: (Not(_link(not_null("user_id"))),), Kind.BOOLEAN),
    "includeAssignedTasks": custom(Kind.BOOLEAN, _include_assigned),
    "involvedUser": custom(Kind.TEXT, _involved),
    "assigned": flagged(lambda: (not_null("assignee"),)),
    "unassigned": flagged(lambda: (is_null("assignee"),)),
    "taskDefinitionKey": text("task_key"),
    "taskDefinitionKeyIn": any_of("task_key"),
    "taskDefinitionKeyNotIn": any_of("task_key", Op.NOT_IN),
    "taskDefinitionKeyLike": like("task_key"),
    "name": ignoring_case("name"),
    "nameNotEqual": ignoring_case("name", Op.NE),
    "nameLike": ignoring_case("name", Op.LIKE),
    "nameNotLike": ignoring_case("name", Op.NOT_LIKE),
    "description": ignoring_case("description"),
    "descriptionLike": ignoring_case("description", Op.LIKE),
    "priority": integer("priority"),
    "maxPriority": integer("priority", Op.LE),
    "minPriority": integer("priority", Op.GE),
    "dueDate": moment("due_ms", Op.EQ),
    "dueAfter": moment("due_ms", Op.GT),
    "dueBefore": moment("due_ms", Op.LT),
    "withoutDueDate": custom(Kind.BOOLEAN, _without_due),
    "followUpDate": moment("follow_up_ms", Op.EQ),
    "followUpAfter": moment("follow_up_ms", Op.GT),
    "followUpBefore": moment("follow_up_ms", Op.LT),
    "followUpBeforeOrNotExistent": custom(Kind.DATE, _follow_up_or_none),
    "createdOn": moment("created_ms", Op.EQ),
    "createdAfter": moment("created_ms", Op.GT),
    "createdBefore": moment("created_ms", Op.LT),
    "updatedAfter": custom(Kind.DATE, _updated_after),
    "delegationState": custom(Kind.TEXT, lambda value, _: (eq("delegation_state", delegation_state(value)),)),
    "active": flagged(lambda: (eq("suspended", False),)),
    "suspended": flagged(lambda: (eq("suspended", True),)),
    "parentTaskId": text("parent_task_id"),
    "taskVariables": checked_variables(
        OF_TASK, LIVE, refuse=problems.engine, operators=COMPARISONS_AND_NOT_LIKE, what="process variable"
    ),
    "processVariables": checked_variables(
        OF_SCOPE_OF_INSTANCE,
        _IN_EXECUTION,
        refuse=problems.engine,
        operators=COMPARISONS_AND_NOT_LIKE,
        what="process variable",
    ),
    "caseInstanceVariables": Filter(Kind.VARIABLES, lambda value, _: (AnyOf(()),) if value else ()),
    "variableNamesIgnoreCase": modifier(),
    "variableValuesIgnoreCase": modifier(),
}
FILTERS.update(
    (f"{name}Expression", custom(Kind.TEXT, _expression))
    for name in (
        "processInstanceBusinessKey",
        "processInstanceBusinessKeyLike",
        "assignee",
        "assigneeLike",
        "owner",
        "candidateGroup",
        "candidateGroups",
        "candidateUser",
        "involvedUser",
        "dueDate",
        "dueAfter",
        "dueBefore",
        "followUpDate",
        "followUpAfter",
        "followUpBefore",
        "followUpBeforeOrNotExistent",
        "createdOn",
        "createdAfter",
        "createdBefore",
        "updatedAfter",
    )
)

TASKS = Selection(
    "task",
    FILTERS,
    {
        "instanceId": Order("instance_id"),
        "caseInstanceId": Order("case_instance_id"),
        "dueDate": Order("due_ms"),
        "executionId": Order("execution_id"),
        "caseExecutionId": Order("case_instance_id"),
        "assignee": Order("assignee"),
        "created": Order("created_ms"),
        "lastUpdated": (Order("last_updated_ms"), Order("created_ms")),
        "followUpDate": Order("follow_up_ms"),
        "description": Order("description"),
        "id": Order("id"),
        "name": Order("name"),
        "nameCaseInsensitive": Order("name", lower=True),
        "priority": Order("priority"),
    },
    always=LIVE,
)

_VARIABLE_SORTINGS: dict[str, tuple[tuple[tuple[str, str], ...], tuple[Term, ...]]] = {
    "processVariable": (OF_SCOPE_OF_INSTANCE, _IN_EXECUTION),
    "executionVariable": ((("shard", "shard"), ("execution_id", "execution_id")), _IN_EXECUTION),
    "taskVariable": (OF_TASK, LIVE),
    "caseExecutionVariable": (OF_TASK, (AnyOf(()),)),
    "caseInstanceVariable": (OF_TASK, (AnyOf(()),)),
}
_VALUE_COLUMNS = {
    "string": ("text_value", True),
    "integer": ("long_value", False),
    "short": ("long_value", False),
    "long": ("long_value", False),
    "date": ("long_value", False),
    "boolean": ("long_value", False),
    "double": ("double_value", False),
}


def posted(request: Request, body: Mapping[str, Any]) -> Query:
    """The query of a POST, whose `sorting` may also name variables. Raises 400."""
    where = TASKS.where_of_json(body, request.engine.clock.now_ms())
    sorting = body.get("sorting")
    if isinstance(sorting, list):
        order = [item for criterion in sorting for item in _order(criterion)]
    else:
        order = TASKS.order_of_json(sorting)
    offset, limit = page(request)
    return Query(TASKS.table, where, order, offset, limit)


def _order(criterion: Any) -> Sequence[Order]:
    by = criterion.get("sortBy") if isinstance(criterion, Mapping) else None
    found = _VARIABLE_SORTINGS.get(by) if isinstance(by, str) else None
    if found is None:
        return TASKS.order_of_json([criterion])
    direction = criterion.get("sortOrder")
    if direction not in ("asc", "desc"):
        raise problems.not_valid("Invalid query: call asc() or desc() after using orderByXX(): direction is null")
    parameters = criterion.get("parameters")
    if not isinstance(parameters, Mapping) or parameters.get("variable") is None:
        raise problems.invalid(400, f"The sorting '{by}' needs the parameters 'variable' and 'type'.")
    column = _VALUE_COLUMNS.get(as_text(parameters.get("type") or "").lower())
    if column is None:
        raise problems.invalid(400, f"Variables of type '{parameters.get('type')}' cannot be sorted by.")
    link, where = found
    named = (*where, eq("name", as_text(parameters["variable"])))
    return (Order(column[0], direction == "desc", column[1], "variable", link, named),)
