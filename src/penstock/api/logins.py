"""Passwords of requests: checked, counted when they are wrong."""

from penstock.api.http import Request
from penstock.identity import login
from penstock.identity.users import TABLE
from penstock.store.query import Query, eq


async def accepts(request: Request, user: str, password: str) -> bool:
    """Whether this is the user's password. A wrong one counts as a failed login, which locks the user for a while."""
    rows = await request.engine.rows(Query(TABLE, (eq("id", user),)))
    attempt = await login.check(rows[0] if rows else None, password, request.engine.clock.now_ms())
    if attempt.remember is not None:
        await request.engine.administer(attempt.remember, user=request.user)
    return attempt.accepted
