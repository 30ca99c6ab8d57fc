"""Authorizations: who may do what with which resource (Camunda 7 `AuthorizationEntity`, `AuthorizationManager`)."""

from collections.abc import Collection, Iterable, Sequence
from enum import IntEnum

import msgspec

from penstock.base.errors import BadUserRequest, Duplicate, Failure, NotFound, NullValue
from penstock.identity import permissions
from penstock.identity.changes import ADMIN, Changes, MakeChanges, Operation, Present, Property, gone, put, update
from penstock.identity.permissions import ALL_BITS, ANY, NAMES, Resource
from penstock.store.protocol import AnyChange, Row
from penstock.store.query import Query, Term, eq, one_of

TABLE = "identity_authorization"


class Type(IntEnum):
    """What an authorization does."""

    GLOBAL = 0
    """Grants to everybody; its user is `*`."""
    GRANT = 1
    REVOKE = 2


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization as it is asked for; `permissions` by name."""

    type: int
    permissions: Sequence[str]
    resource: int
    resource_id: str | None = None
    user: str | None = None
    group: str | None = None


def checked_type(type: int) -> Type:
    """The type. Raises Failure for a number that is none."""
    try:
        return Type(type)
    except ValueError:
        raise Failure(
            f"ENGINE-03025 Unrecognized authorization type '{type}'. Must be one of ['0', '1', '2']"
        ) from None


def create(wanted: Authorization) -> MakeChanges:
    """A new authorization; the result is its row. Raises Failure, NullValue, BadUserRequest, Duplicate."""
    columns = _columns(wanted)

    async def make(present: Present) -> Changes:
        await _refuse_twin(present, columns, None)
        row = {"id": present.ids.new(), **columns, **await _of_history(present, wanted)}
        return Changes([put(TABLE, row)], [_operation("Create", row, None)], row)

    return make


def change(id: str, wanted: Authorization) -> MakeChanges:
    """Another user or group, resource and permissions of an authorization; its type stays. Raises NotFound and as `create`."""

    async def make(present: Present) -> Changes:
        before = await _must(present, id)
        columns = _columns(msgspec.structs.replace(wanted, type=before["type"]))
        await _refuse_twin(present, columns, id)
        row = {"id": id, **columns, **await _of_history(present, wanted)}
        return Changes([update(TABLE, row)], [_operation("Update", row, before)])

    return make


def delete(id: str) -> MakeChanges:
    """The end of an authorization. Raises NotFound."""

    async def make(present: Present) -> Changes:
        row = await _must(present, id)
        return Changes([gone(TABLE, id=id)], [_operation("Delete", row, None)])

    return make


async def of_resource(present: Present, resource: int, resource_id: str, *where: Term) -> list[AnyChange]:
    """The end of the authorizations on one resource for which `where` holds."""
    rows = await present.all(TABLE, eq("resource_type", int(resource)), eq("resource_id", resource_id), *where)
    return [gone(TABLE, id=row["id"]) for row in rows]


async def of_tenants(present: Present, member: Term) -> list[AnyChange]:
    """The end of the authorizations of a user or group on the tenants that it belongs to."""
    tenants = {row["tenant_id"] for row in await present.all("tenant_member", member)}
    return [change for id in sorted(tenants) for change in await of_resource(present, Resource.TENANT, id, member)]


def names(row: Row) -> list[str]:
    """The permissions that an authorization grants, or revokes, by name."""
    held, revokes = row["permissions"], row["type"] == Type.REVOKE
    if held == (0 if revokes else ALL_BITS):
        return ["ALL"]
    resource = row["resource_type"]
    return [
        name
        for name, bits in permissions.known(resource).items()
        if name not in ("NONE", "ALL")
        and permissions.is_valid(name, resource)
        and ((held & bits) != bits if revokes else (held & bits) == bits)
    ]


# ------------------------------------------------------------------------------------------ deciding


def allows(
    rows: Iterable[Row], user: str | None, groups: Collection[str], bits: int, resource: int, resource_id: str | None
) -> bool:
    """Whether these authorizations let `user`, a member of `groups`, do something.

    First come the user's own, then those of the groups, then those of everybody; in each the ones for the very resource
    before the ones for any; grants before revocations. The first that says something decides."""
    mine = [row for row in rows if row["resource_type"] == resource]
    places = (ANY,) if resource_id is None or resource_id == ANY else (resource_id, ANY)
    levels = (
        [row for row in mine if row["user_id"] == user and row["type"] != Type.GLOBAL and user is not None],
        [row for row in mine if row["group_id"] in groups and row["type"] != Type.GLOBAL],
        [row for row in mine if row["user_id"] == ANY and row["type"] != Type.GRANT],
    )
    for level in levels:
        for place in places:
            here = [row for row in level if row["resource_id"] == place]
            if any(row["type"] != Type.REVOKE and row["permissions"] & bits == bits for row in here):
                return True
            if any(row["type"] == Type.REVOKE and row["permissions"] & bits != bits for row in here):
                return False
    return False


def concerning(resource: int, resource_id: str | None) -> Query:
    """The stored authorizations that `allows` has to look at."""
    places = (ANY,) if resource_id is None or resource_id == ANY else (resource_id, ANY)
    return Query(TABLE, (eq("resource_type", int(resource)), one_of("resource_id", places)))


# ------------------------------------------------------------------------------------------ making


def _columns(wanted: Authorization) -> dict[str, object]:
    type = checked_type(wanted.type)
    user, group = wanted.user, wanted.group
    if type is Type.GLOBAL:
        if group is not None:
            raise Failure("ENGINE-03027 Cannot use 'groupId' for GLOBAL authorization")
        if user is not None and user != ANY:
            raise Failure(f"ENGINE-03028 Illegal value '{user}' for userId for GLOBAL authorization. Must be '{ANY}'")
    if (user is None) == (group is None):
        raise NullValue("Authorization must either have a 'userId' or a 'groupId'.")
    return {
        "type": int(type),
        "user_id": user,
        "group_id": group,
        "resource_type": wanted.resource,
        "resource_id": wanted.resource_id,
        "permissions": _bits(type, wanted.permissions, wanted.resource),
    }


def _bits(type: Type, wanted: Sequence[str], resource: int) -> int:
    held = ALL_BITS if type is Type.REVOKE else 0
    for name in wanted:
        bits = permissions.bits(name, resource)
        held = held & ~bits if type is Type.REVOKE else held | bits
    for name in wanted:
        if not permissions.is_valid(name, resource):
            raise BadUserRequest(
                f"ENGINE-03087 The resource type with id:'{resource}' is not valid for '{name}' permission."
            )
    return held


async def _refuse_twin(present: Present, columns: dict[str, object], id: str | None) -> None:
    """One user or group has one authorization of a type on a resource (Camunda 7 `ACT_UNIQ_AUTH_USER`, `…_GROUP`)."""
    names = ("type", "resource_type", "resource_id", "user_id", "group_id")
    if columns["resource_id"] is None:
        return
    twins = await present.all(TABLE, *(eq(name, columns[name]) for name in names if columns[name] is not None))
    if any(twin["id"] != id for twin in twins):
        raise Duplicate("There is an authorization of this type for this user or group on this resource already")


_HISTORY: dict[int, str] = {
    Resource.HISTORIC_PROCESS_INSTANCE: "process_instance",
    Resource.HISTORIC_TASK: "task",
}


async def _of_history(present: Present, wanted: Authorization) -> dict[str, object]:
    """An authorization on a historic instance goes with its history."""
    table = _HISTORY.get(wanted.resource)
    row = None
    if table is not None and wanted.resource_id not in (None, ANY):
        row = await present.find(table, eq("id", wanted.resource_id))
    return {"removal_ms": row["removal_ms"] if row else None, "root_id": row["root_id"] if row else None}


async def _must(present: Present, id: str) -> Row:
    row = await present.find(TABLE, eq("id", id))
    if row is None:
        raise NotFound(f"Authorization with id {id} does not exist.")
    return row


# ------------------------------------------------------------------------------------------ the operation log


def _operation(type: str, row: Row, before: Row | None) -> Operation:
    def text(of: Row | None, column: str) -> str | None:
        return None if of is None or of[column] is None else str(of[column])

    found = [
        Property("permissionBits", text(row, "permissions"), text(before, "permissions")),
        Property("permissions", _listed(row), _listed(before) if before else None),
        Property("type", text(row, "type"), text(before, "type")),
        Property("resource", NAMES.get(row["resource_type"]), NAMES.get(before["resource_type"]) if before else None),
        Property("resourceId", text(row, "resource_id"), text(before, "resource_id")),
    ]
    for name, column in (("userId", "user_id"), ("groupId", "group_id")):
        if text(row, column) is not None or text(before, column) is not None:
            found.append(Property(name, text(row, column), text(before, column)))
    return Operation(type=type, entity="Authorization", category=ADMIN, properties=tuple(found))


def _listed(row: Row) -> str:
    return ", ".join(names(row)) or "NONE"
