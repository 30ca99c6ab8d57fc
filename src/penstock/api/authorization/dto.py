"""Authorizations as JSON (Camunda 7 `AuthorizationDto`, `AuthorizationCreateDto`)."""

from typing import Any

from penstock.api import dates, problems
from penstock.api.dto import Body, Int
from penstock.identity.authorizations import Authorization, names
from penstock.store.protocol import Row


class AuthorizationBody(Body):
    """`AuthorizationCreateDto`, and `AuthorizationDto` as clients send it."""

    type: Int | None = None
    permissions: list[str] | None = None
    user_id: str | None = None
    group_id: str | None = None
    resource_type: Int | None = None
    resource_id: str | None = None


def created(body: AuthorizationBody) -> Authorization:
    """What a new authorization is to be. Raises 500 for what is missing, as Camunda."""
    if body.type is None or body.resource_type is None or body.permissions is None:
        missing = "type" if body.type is None else "resourceType" if body.resource_type is None else "permissions"
        raise problems.Problem(500, "NullPointerException", f"An authorization needs the property '{missing}'.")
    return Authorization(
        type=body.type,
        permissions=body.permissions,
        resource=body.resource_type,
        resource_id=body.resource_id,
        user=body.user_id,
        group=body.group_id,
    )


def changed(body: AuthorizationBody, row: Row) -> Authorization:
    """What the authorization `row` is to be: resource type and permissions stay when they are left out."""
    if body.permissions is not None and body.resource_type is None:
        raise problems.Problem(500, "NullPointerException", "Permissions need the property 'resourceType'.")
    return Authorization(
        type=row["type"],
        permissions=names(row) if body.permissions is None else body.permissions,
        resource=row["resource_type"] if body.resource_type is None else body.resource_type,
        resource_id=body.resource_id,
        user=body.user_id,
        group=body.group_id,
    )


def authorization(row: Row) -> dict[str, Any]:
    """`AuthorizationDto` of a row of `identity_authorization`."""
    return {
        "id": row["id"],
        "type": row["type"],
        "permissions": names(row),
        "userId": row["user_id"],
        "groupId": row["group_id"],
        "resourceType": row["resource_type"],
        "resourceId": row["resource_id"],
        "removalTime": dates.write(row["removal_ms"]),
        "rootProcessInstanceId": row["root_id"],
    }
