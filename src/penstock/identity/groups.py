"""Groups and who belongs to them."""

import msgspec

from penstock.base.errors import Duplicate, NullValue
from penstock.identity import authorizations, resource_ids, users
from penstock.identity.changes import ADMIN, Changes, MakeChanges, Operation, Present, Property, gone, gone_where, put
from penstock.identity.entities import Kind
from penstock.identity.permissions import Resource
from penstock.store.query import eq

TABLE = "identity_group"
MEMBER = "group_member"
KIND = Kind("Group", TABLE)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group; `type` is the users' own word, such as WORKFLOW."""

    id: str | None = None
    name: str | None = None
    type: str | None = None


def create(group: Group) -> MakeChanges:
    """A new group. Raises BadUserRequest when there is one of that id."""
    if group.id is None:
        raise NullValue("groupId is null")
    id = resource_ids.check(KIND.what, group.id)
    return KIND.create(msgspec.structs.asdict(group), _operation("Create", id))


def change(id: str, group: Group) -> MakeChanges:
    """Another name and type. Raises NotFound, and Conflict for the attributes of another group."""
    return KIND.change(id, msgspec.structs.asdict(group), _operation("Update", id))


def delete(id: str) -> MakeChanges:
    """The end of a group, its memberships, and the authorizations on it; nothing happens when there is none."""

    async def make(present: Present) -> Changes:
        if not await present.find(TABLE, eq("id", id)):
            return Changes()
        rows = [
            gone(TABLE, id=id),
            gone_where(MEMBER, "group_id", id),
            gone_where("tenant_member", "group_id", id),
            *await authorizations.of_resource(present, Resource.GROUP, id),
            *await authorizations.of_tenants(present, eq("group_id", id)),
        ]
        return Changes(rows, [_operation("Delete", id)])

    return make


def add_member(id: str, user: str) -> MakeChanges:
    """A user joins a group. Raises NullValue when one of them is missing, Duplicate when it is in already."""

    async def make(present: Present) -> Changes:
        if not await present.find(users.TABLE, eq("id", user)):
            raise NullValue(f"No user found with id '{user}'.: user is null")
        if not await present.find(TABLE, eq("id", id)):
            raise NullValue(f"No group found with id '{id}'.: group is null")
        if await present.find(MEMBER, eq("user_id", user), eq("group_id", id)):
            raise Duplicate(f"The user '{user}' is a member of the group '{id}' already")
        row = put(MEMBER, {"id": present.ids.new(), "user_id": user, "group_id": id})
        return Changes([row], [_membership("Create", id, user)])

    return make


def remove_member(id: str, user: str) -> MakeChanges:
    """A user leaves a group; nothing happens when it is not in."""

    async def make(present: Present) -> Changes:
        row = await present.find(MEMBER, eq("user_id", user), eq("group_id", id))
        if row is None:
            return Changes()
        rows = [
            gone(MEMBER, id=row["id"]),
            *await authorizations.of_resource(present, Resource.GROUP_MEMBERSHIP, id, eq("user_id", user)),
        ]
        return Changes(rows, [_membership("Delete", id, user)])

    return make


def _operation(type: str, id: str) -> Operation:
    return Operation(type=type, entity="Group", category=ADMIN, properties=(Property("groupId", id),))


def _membership(type: str, id: str, user: str) -> Operation:
    properties = (Property("userId", user), Property("groupId", id))
    return Operation(type=type, entity="Group membership", category=ADMIN, properties=properties)
