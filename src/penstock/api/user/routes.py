"""`/user`: who may log in."""

from typing import Any

from penstock.api import options, problems
from penstock.api.administration import administer
from penstock.api.http import Request, Route
from penstock.api.logins import accepts
from penstock.api.shared_query import list_routes, must
from penstock.api.user.dto import Credentials, NewUser, UserProfile, profile
from penstock.api.user.query import USERS
from penstock.identity import users
from penstock.store.protocol import Row
from penstock.store.query import Query, eq

PATH = "/user"
ITEM = PATH + "/{id}"
ITEM_LINKS = (("GET", "/profile", "self"), ("DELETE", "", "delete"), ("PUT", "/profile", "update"))


async def _row(request: Request, id: str) -> Row:
    return await must(request, Query(users.TABLE, (eq("id", id),)), f"User with id {id} does not exist")


async def create(request: Request) -> None:
    """`POST /user/create`."""
    body = request.body(NewUser)
    if body.profile is None or body.profile.id is None:
        raise problems.invalid(400, "request object must provide profile information with valid id.")
    wanted = body.profile.profile()
    password = body.credentials.password if body.credentials is not None else None
    hashed = await users.hash_password(password, wanted)
    await request.engine.administer(users.create(wanted, hashed), user=request.user)


async def get_profile(request: Request, id: str) -> Any:
    """`GET /user/{id}/profile`."""
    return profile(await _row(request, id))


async def put_profile(request: Request, id: str) -> None:
    """`PUT /user/{id}/profile`."""
    await administer(request, users.change_profile(id, request.body(UserProfile).profile()))


async def put_credentials(request: Request, id: str) -> None:
    """`PUT /user/{id}/credentials`: whoever is authenticated proves it once more."""
    body = request.body(Credentials)
    if request.user is not None and not await accepts(request, request.user, body.authenticated_user_password or ""):
        raise problems.invalid(400, "The given authenticated user password is not valid.")
    row = await _row(request, id)
    hashed = await users.hash_password(body.password, users.profile_of(row))
    await request.engine.administer(users.change_password(id, hashed), user=request.user)


async def unlock(request: Request, id: str) -> None:
    """`POST /user/{id}/unlock`: forgets failed logins."""
    await request.engine.administer(users.unlock(id), user=request.user)


async def delete(request: Request, id: str) -> None:
    """`DELETE /user/{id}`; one that does not exist is passed over, as in Camunda."""
    await request.engine.administer(users.delete(id), user=request.user)


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, USERS, profile, post=False),
    Route("OPTIONS", PATH, options.links(PATH, options.COLLECTION)),
    Route("POST", PATH + "/create", create),
    Route("OPTIONS", ITEM, options.links(ITEM, ITEM_LINKS)),
    Route("DELETE", ITEM, delete),
    Route("GET", ITEM + "/profile", get_profile),
    Route("PUT", ITEM + "/profile", put_profile),
    Route("PUT", ITEM + "/credentials", put_credentials),
    Route("POST", ITEM + "/unlock", unlock, consumes=None),
)
