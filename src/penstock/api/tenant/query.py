"""What `GET /tenant` understands (Camunda 7 `TenantQueryDto`)."""

from collections.abc import Iterable

from penstock.api.querying import Context, Kind, Selection, custom, like, modifier, text
from penstock.api.shared_query import exists
from penstock.store.query import AnyOf, Exists, Order, Term, eq

_OF_TENANT = (("tenant_id", "id"),)


def _user_member(user: str, context: Context) -> Iterable[Term]:
    """The user is a member itself or, if asked for, through one of its groups."""
    member: Term = eq("user_id", user)
    if context.given.get("includingGroupsOfUser"):
        member = AnyOf((member, Exists("group_member", (("group_id", "group_id"),), (eq("user_id", user),))))
    yield Exists("tenant_member", _OF_TENANT, (member,))


TENANTS = Selection(
    "identity_tenant",
    filters={
        "id": text("id"),
        "name": text("name"),
        "nameLike": like("name"),
        "userMember": custom(Kind.TEXT, _user_member),
        "groupMember": exists("tenant_member", _OF_TENANT, lambda value: (eq("group_id", value),)),
        "includingGroupsOfUser": modifier(),
    },
    sortings={"id": Order("id"), "name": Order("name")},
)
