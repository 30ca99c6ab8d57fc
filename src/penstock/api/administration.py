"""Changing users, groups, tenants, authorizations and filters."""

from typing import Any

from penstock.api import problems
from penstock.api.http import Request
from penstock.base.errors import NotFound
from penstock.identity.changes import MakeChanges


async def administer(request: Request, change: MakeChanges, code: int | None = None) -> Any:
    """Makes the change as the user of the request. Raises 404 `InvalidRequestException` when what it is about is gone."""
    try:
        return await request.engine.administer(change, user=request.user)
    except NotFound as error:
        raise problems.invalid(404, error.message, code) from error
