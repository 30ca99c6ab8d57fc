"""Tenants, and the users and groups that belong to them."""

from typing import Any

import msgspec

from penstock.base.errors import Duplicate, NullValue
from penstock.identity import authorizations, groups, resource_ids, users
from penstock.identity.changes import ADMIN, Changes, MakeChanges, Operation, Present, Property, gone, gone_where, put
from penstock.identity.entities import Kind
from penstock.identity.permissions import Resource
from penstock.store.query import eq

TABLE = "identity_tenant"
MEMBER = "tenant_member"
KIND = Kind("Tenant", TABLE)


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant."""

    id: str | None = None
    name: str | None = None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Who belongs to a tenant: a user or a group."""

    user: str | None = None
    group: str | None = None

    def columns(self) -> dict[str, Any]:
        """The member as columns of `tenant_member`."""
        return {"user_id": self.user} if self.user is not None else {"group_id": self.group}


def create(tenant: Tenant) -> MakeChanges:
    """A new tenant. Raises BadUserRequest when there is one of that id."""
    if tenant.id is None:
        raise NullValue("tenantId is null")
    id = resource_ids.check(KIND.what, tenant.id)
    return KIND.create(msgspec.structs.asdict(tenant), _operation("Create", id))


def change(id: str, tenant: Tenant) -> MakeChanges:
    """Another name. Raises NotFound, and Conflict for the attributes of another tenant."""
    return KIND.change(id, msgspec.structs.asdict(tenant), _operation("Update", id))


def delete(id: str) -> MakeChanges:
    """The end of a tenant, its memberships, and the authorizations on it; nothing happens when there is none."""

    async def make(present: Present) -> Changes:
        if not await present.find(TABLE, eq("id", id)):
            return Changes()
        rows = [
            gone(TABLE, id=id),
            gone_where(MEMBER, "tenant_id", id),
            *await authorizations.of_resource(present, Resource.TENANT, id),
        ]
        return Changes(rows, [_operation("Delete", id)])

    return make


def add_member(id: str, member: Member) -> MakeChanges:
    """A user or group joins a tenant. Raises NullValue when one of them is missing, Duplicate when it is in already."""

    async def make(present: Present) -> Changes:
        if not await present.find(TABLE, eq("id", id)):
            raise NullValue(f"No tenant found with id '{id}'.: tenant is null")
        await _must_exist(present, member)
        if await present.find(MEMBER, eq("tenant_id", id), *(eq(*item) for item in member.columns().items())):
            raise Duplicate(f"'{member.user or member.group}' is a member of the tenant '{id}' already")
        row = put(MEMBER, {"id": present.ids.new(), "tenant_id": id, **member.columns()})
        return Changes([row], [_membership("Create", id, member)])

    return make


def remove_member(id: str, member: Member) -> MakeChanges:
    """A user or group leaves a tenant; nothing happens when it is not in."""

    async def make(present: Present) -> Changes:
        ((column, value),) = member.columns().items()
        row = await present.find(MEMBER, eq("tenant_id", id), eq(column, value))
        if row is None:
            return Changes()
        rows = [
            gone(MEMBER, id=row["id"]),
            *await authorizations.of_resource(present, Resource.TENANT_MEMBERSHIP, value),
            *await authorizations.of_resource(present, Resource.TENANT, id, eq(column, value)),
        ]
        return Changes(rows, [_membership("Delete", id, member)])

    return make


async def _must_exist(present: Present, member: Member) -> None:
    what, table = ("user", users.TABLE) if member.user is not None else ("group", groups.TABLE)
    id = member.user if member.user is not None else member.group
    if not await present.find(table, eq("id", id)):
        raise NullValue(f"No {what} found with id '{id}'.: {what} is null")


def _operation(type: str, id: str) -> Operation:
    return Operation(type=type, entity="Tenant", category=ADMIN, properties=(Property("tenantId", id),), tenant=id)


def _membership(type: str, id: str, member: Member) -> Operation:
    who = Property("userId", member.user) if member.user is not None else Property("groupId", member.group)
    properties = (who, Property("tenantId", id))
    return Operation(type=type, entity="TenantMembership", category=ADMIN, properties=properties, tenant=id)
