"""`/identity`: a user's groups, checking a password, the password policy."""

from collections.abc import Mapping
from typing import Any

from penstock.api import problems
from penstock.api.dto import Body
from penstock.api.http import Request, Route
from penstock.api.logins import accepts
from penstock.api.user.dto import UserProfile
from penstock.identity import membership, policy
from penstock.identity.policy import Rule
from penstock.store.query import Exists, Order, Query, one_of

PATH = "/identity"


class Login(Body):
    """`BasicUserCredentialsDto`."""

    username: str | None = None
    password: str | None = None


class Candidate(Body):
    """`PasswordPolicyRequestDto`."""

    password: str | None = None
    profile: UserProfile | None = None


async def groups(request: Request) -> Any:
    """`GET /identity/groups`: the user's groups, and who else is in them."""
    user = request.text("userId")
    if user is None:
        raise problems.invalid(400, "No user id was supplied")
    ids = await membership.groups_of(request.engine, user)
    found = await request.engine.rows(Query("identity_group", (one_of("id", ids),), (Order("name"),)))
    members = Exists("group_member", (("user_id", "id"),), (one_of("group_id", ids),))
    others = await request.engine.rows(Query("identity_user", (members,)))
    return {
        "groups": [{"id": row["id"], "name": row["name"]} for row in found],
        "groupUsers": [_member(row) for row in others if row["id"] != user],
    }


def _member(row: Mapping[str, Any]) -> dict[str, Any]:
    first, last = row["first_name"], row["last_name"]
    shown = f"{first or ''} {last}".strip() if last is not None else first if first is not None else row["id"]
    return {"id": row["id"], "firstName": first, "lastName": last, "displayName": shown}


async def verify(request: Request) -> Any:
    """`POST /identity/verify`: whether this is the user's password."""
    body = request.body(Login)
    if body.username is None or body.password is None:
        raise problems.invalid(400, "Username and password are required")
    return {
        "authenticatedUser": body.username,
        "groups": None,
        "tenants": None,
        "authenticated": await accepts(request, body.username, body.password),
    }


async def get_policy(_request: Request) -> Any:
    """`GET /identity/password-policy`."""
    return {"rules": [_rule(rule) for rule in policy.RULES]}


async def check_policy(request: Request) -> Any:
    """`POST /identity/password-policy`: the rules that a password keeps, then those that it breaks."""
    body = request.body(Candidate)
    if body.password is None:
        raise problems.null("password is null")
    broken = policy.violated(body.password, body.profile.profile() if body.profile is not None else None)
    kept = [rule for rule in policy.RULES if rule not in broken]
    return {
        "rules": [
            *({**_rule(rule), "valid": True} for rule in kept),
            *({**_rule(rule), "valid": False} for rule in broken),
        ],
        "valid": not broken,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {"placeholder": rule.placeholder, "parameter": rule.parameter}


ROUTES: tuple[Route, ...] = (
    Route("GET", PATH + "/groups", groups),
    Route("POST", PATH + "/verify", verify),
    Route("GET", PATH + "/password-policy", get_policy),
    Route("POST", PATH + "/password-policy", check_policy),
)
