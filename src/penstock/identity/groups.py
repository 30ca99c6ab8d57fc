"""Groups and who belongs to them."""

import msgspec

from penstock.base.errors import BadUserRequest, Conflict, Duplicate, NotFound, NullValue
from penstock.identity import authorizations, resource_ids, users
from penstock.identity.changes import ADMIN, Changes, MakeChanges, Operation, Present, Property, by, put, update
from penstock.identity.changes import remove as gone
from penstock.identity.changes import remove_where as gone_where
from penstock.identity.permissions import Resource
from penstock.store.protocol import AnyChange

TABLE = "identity_group"
MEMBER = "group_member"
WHAT = "Group"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group; `type` is the users' own word, such as WORKFLOW."""

    id: str | None = None
    name: str | None = None
    type: str | None = None


def create(group: Group) -> MakeChanges:
    """A new group. Raises BadUserRequest when there is one of that id."""
    if group.id is None:
        raise NullValue("groupId is null")
    id = resource_ids.check(WHAT, group.id)

    async def make(present: Present) -> Changes:
        if await present.find(TABLE, by("id", id)):
            raise BadUserRequest("The group already exists")
        return Changes([put(TABLE, msgspec.structs.asdict(group))], [_operation("Create", id)])

    return make


def change(id: str, group: Group) -> MakeChanges:
    """Another name and type. Raises NotFound, and Conflict for the attributes of another group."""

    async def make(present: Present) -> Changes:
        if not await present.find(TABLE, by("id", id)):
            raise NotFound(f"Group with id {id} does not exist")
        if resource_ids.check(WHAT, group.id) != id:
            raise Conflict(
                f"ENGINE-03005 Execution of 'UPDATE GroupEntity[{group.id}]' failed."
                " Entity was updated by another transaction concurrently."
            )
        return Changes([update(TABLE, msgspec.structs.asdict(group))], [_operation("Update", id)])

    return make


def delete(id: str) -> MakeChanges:
    """The end of a group, its memberships, and the authorizations on it; nothing happens when there is none."""

    async def make(present: Present) -> Changes:
        if not await present.find(TABLE, by("id", id)):
            return Changes()
        tenants = {row["tenant_id"] for row in await present.all("tenant_member", by("group_id", id))}
        rows: list[AnyChange] = [
            gone(TABLE, id=id),
            gone_where(MEMBER, "group_id", id),
            gone_where("tenant_member", "group_id", id),
            *await authorizations.of_resource(present, Resource.GROUP, id),
        ]
        for tenant in sorted(tenants):
            rows += await authorizations.of_resource(present, Resource.TENANT, tenant, by("group_id", id))
        return Changes(rows, [_operation("Delete", id)])

    return make


def add_member(id: str, user: str) -> MakeChanges:
    """A user joins a group. Raises NullValue when one of them is missing, Duplicate when it is in already."""

    async def make(present: Present) -> Changes:
        if not await present.find(users.TABLE, by("id", user)):
            raise NullValue(f"No user found with id '{user}'.: user is null")
        if not await present.find(TABLE, by("id", id)):
            raise NullValue(f"No group found with id '{id}'.: group is null")
        if await present.find(MEMBER, by("user_id", user), by("group_id", id)):
            raise Duplicate(f"The user '{user}' is a member of the group '{id}' already")
        row = put(MEMBER, {"id": present.ids.new(), "user_id": user, "group_id": id})
        return Changes([row], [_membership("Create", id, user)])

    return make


def remove_member(id: str, user: str) -> MakeChanges:
    """A user leaves a group; nothing happens when it is not in."""

    async def make(present: Present) -> Changes:
        row = await present.find(MEMBER, by("user_id", user), by("group_id", id))
        if row is None:
            return Changes()
        rows = [
            gone(MEMBER, id=row["id"]),
            *await authorizations.of_resource(present, Resource.GROUP_MEMBERSHIP, id, by("user_id", user)),
        ]
        return Changes(rows, [_membership("Delete", id, user)])

    return make


def _operation(type: str, id: str) -> Operation:
    return Operation(type=type, entity="Group", category=ADMIN, properties=(Property("groupId", id),))


def _membership(type: str, id: str, user: str) -> Operation:
    properties = (Property("userId", user), Property("groupId", id))
    return Operation(type=type, entity="Group membership", category=ADMIN, properties=properties)
