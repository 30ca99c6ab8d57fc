"""Users: profiles and passwords (Camunda 7 `DbIdentityServiceProvider`)."""

import asyncio
import os

import msgspec

from penstock.base.errors import Failure
from penstock.identity import authorizations, passwords, policy, resource_ids
from penstock.identity.changes import (
    ADMIN,
    Changes,
    MakeChanges,
    Operation,
    Present,
    Property,
    gone,
    gone_where,
    update,
)
from penstock.identity.entities import Kind
from penstock.identity.permissions import Resource
from penstock.identity.policy import Profile
from penstock.store.protocol import Row
from penstock.store.query import eq

TABLE = "identity_user"
KIND = Kind("User", TABLE)


async def hash_password(password: str | None, profile: Profile | None) -> str | None:
    """What is stored of a new password; None without one. Raises Failure when it breaks the policy."""
    if password is None:
        return None
    if policy.violated(password, profile):
        raise Failure("Password does not match policy")
    return await asyncio.to_thread(passwords.hashed, password, os.urandom(passwords.SALT_BYTES))


def profile_of(row: Row) -> Profile:
    """The profile of a stored user."""
    return Profile(id=row["id"], first_name=row["first_name"], last_name=row["last_name"], email=row["email"])


def create(profile: Profile, password_hash: str | None) -> MakeChanges:
    """A new user. Raises BadUserRequest when there is one of that id."""
    id = resource_ids.check(KIND.what, profile.id)
    attributes = {**msgspec.structs.asdict(profile), "password": password_hash, "attempts": 0}
    return KIND.create(attributes, _operation("Create", id))


def change_profile(id: str, profile: Profile) -> MakeChanges:
    """Other names and another address. Raises NotFound, and Conflict when the profile is of another user."""
    return KIND.change(id, msgspec.structs.asdict(profile), _operation("Update", id))


def change_password(id: str, password_hash: str | None) -> MakeChanges:
    """Another password; None leaves it as it is. Raises NotFound."""

    async def make(present: Present) -> Changes:
        await KIND.must(present, id)
        rows = [update(TABLE, {"id": id, "password": password_hash})] if password_hash is not None else []
        return Changes(rows, [_operation("Update", id)])

    return make


def unlock(id: str) -> MakeChanges:
    """Forgets failed logins; nothing happens when there are none."""

    async def make(present: Present) -> Changes:
        row = await present.find(TABLE, eq("id", id))
        if row is None or not (row["attempts"] or row["lock_expires_ms"] is not None):
            return Changes()
        unlocked = {"id": id, "attempts": 0, "lock_expires_ms": None}
        return Changes([update(TABLE, unlocked)], [_operation("Unlock", id)])

    return make


def delete(id: str) -> MakeChanges:
    """The end of a user, of its memberships, and of authorizations on it; nothing happens when there is none."""

    async def make(present: Present) -> Changes:
        if not await present.find(TABLE, eq("id", id)):
            return Changes()
        rows = [
            gone(TABLE, id=id),
            gone_where("group_member", "user_id", id),
            gone_where("tenant_member", "user_id", id),
            *await authorizations.of_resource(present, Resource.USER, id),
            *await authorizations.of_tenants(present, eq("user_id", id)),
        ]
        return Changes(rows, [_operation("Delete", id)])

    return make


def _operation(type: str, id: str) -> Operation:
    return Operation(type=type, entity="User", category=ADMIN, properties=(Property("userId", id),))
