"""What `GET /authorization` understands (Camunda 7 `AuthorizationQueryDto`)."""

from collections.abc import Iterable, Sequence

from penstock.api import problems
from penstock.api.querying import Context, Filter, Kind, Selection, custom, integer, text
from penstock.store.query import Order, Term, one_of


def _of(column: str, other: str) -> Filter:
    """Authorizations of users or of groups: never of both in one query."""

    def make(value: Sequence[str], context: Context) -> Iterable[Term]:
        if other in context.given:
            raise problems.engine("Cannot query for user and group authorizations at the same time.")
        return (one_of(column, value),) if value else ()

    return custom(Kind.LIST, make)


AUTHORIZATIONS = Selection(
    "identity_authorization",
    filters={
        "id": text("id"),
        "type": integer("type"),
        "userIdIn": _of("user_id", "groupIdIn"),
        "groupIdIn": _of("group_id", "userIdIn"),
        "resourceType": integer("resource_type"),
        "resourceId": text("resource_id"),
    },
    sortings={"resourceType": Order("resource_type"), "resourceId": Order("resource_id")},
)
