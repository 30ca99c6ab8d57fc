"""Which ids users, groups and tenants may have (Camunda 7 `generalResourceWhitelistPattern`, its default)."""

import re

from penstock.base.errors import Failure, NullValue

ADMIN_GROUP = "camunda-admin"
_ALLOWED = re.compile(rf"[a-zA-Z0-9]+|{ADMIN_GROUP}", re.ASCII)


def check(what: str, id: str | None) -> str:
    """`id`, if it is one for a `what` (User, Group, Tenant). Raises Failure, NullValue."""
    if id is None:
        raise NullValue(f"{what} has an invalid id: id is null")
    if not _ALLOWED.fullmatch(id):
        raise Failure(f"{what} has an invalid id: '{id}' is not a valid resource identifier.")
    return id
