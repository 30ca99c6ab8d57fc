"""`/authorization`, and who is authenticated."""

from typing import Any

import httpx
from calls import ok, refused, user
from real_node import rest_client

from penstock.runtime.protocol import Authentication, Settings

PASSWORD = "secret-Password1!"


def _grant(**more: Any) -> dict[str, Any]:
    return {"type": 1, "permissions": ["READ"], "userId": "anna", "resourceType": 7, "resourceId": "*", **more}


async def test_the_life_of_an_authorization(rest: httpx.AsyncClient) -> None:
    made = await ok(rest, "POST", "/authorization/create", _grant())
    assert await ok(rest, "GET", f"/authorization/{made['id']}") == made
    assert await refused(rest, "POST", "/authorization/create", _grant()) == (500, "ProcessEnginePersistenceException")
    change = _grant(permissions=["UPDATE", "CREATE"], resourceId="t")
    await ok(rest, "PUT", f"/authorization/{made['id']}", change)
    changed = await ok(rest, "GET", f"/authorization/{made['id']}")
    assert (set(changed["permissions"]), changed["resourceId"]) == ({"UPDATE", "CREATE"}, "t")
    await ok(rest, "DELETE", f"/authorization/{made['id']}")
    assert await refused(rest, "DELETE", f"/authorization/{made['id']}") == (404, "InvalidRequestException")


async def test_what_makes_no_sense_is_refused(rest: httpx.AsyncClient) -> None:
    async def refusal(**more: Any) -> tuple[int, str]:
        return await refused(rest, "POST", "/authorization/create", _grant(**more))

    assert await refusal(type=9) == (500, "ProcessEngineException")
    assert await refusal(groupId="sales") == (500, "NullValueException")
    assert await refusal(type=0) == (500, "ProcessEngineException")
    assert await refusal(permissions=["NONSENSE"]) == (400, "BadUserRequestException")
    assert await refusal(resourceType=0) == (400, "BadUserRequestException")
    assert await refused(rest, "POST", "/authorization/create", {}) == (500, "NullPointerException")
    query = {"userIdIn": "a", "groupIdIn": "b"}
    assert await refused(rest, "GET", "/authorization", **query) == (500, "ProcessEngineException")
    assert await ok(rest, "GET", "/authorization/count") == {"count": 0}


async def test_authorizations_on_a_user_go_with_it(rest: httpx.AsyncClient) -> None:
    await user(rest, "anna")
    await ok(rest, "POST", "/authorization/create", _grant(userId="bob", resourceType=1, resourceId="anna"))
    await ok(rest, "POST", "/authorization/create", _grant(userId="bob", resourceType=1, resourceId="other"))
    await ok(rest, "DELETE", "/user/anna")
    assert [a["resourceId"] for a in await ok(rest, "GET", "/authorization")] == ["other"]


async def test_a_check_needs_somebody(rest: httpx.AsyncClient) -> None:
    query = {"permissionName": "READ", "resourceName": "Task", "resourceType": 7}
    assert await refused(rest, "GET", "/authorization/check", **query) == (401, "InvalidRequestException")
    assert await refused(rest, "GET", "/authorization/check") == (400, "InvalidRequestException")


async def test_basic_authentication_and_checks() -> None:
    async with rest_client(Settings(execute_jobs=False)) as open_client:
        # One node without authentication makes the users, as an operator would.
        await user(open_client, "anna")
        store = open_client._transport.app.engine.store  # type: ignore[attr-defined]
        engine = open_client._transport.app.engine  # type: ignore[attr-defined]
        import msgspec

        from penstock.api.app import create_app

        engine.settings = msgspec.structs.replace(
            engine.settings, authentication=Authentication.BASIC, authorization_check=True
        )
        assert store is engine.store
        transport = httpx.ASGITransport(app=create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test/engine-rest") as client:
            await _authenticated(client)


async def _authenticated(client: httpx.AsyncClient) -> None:
    anna, wrong = ("anna", PASSWORD), ("anna", "wrong")
    answer = await client.get("/task")
    assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Basic")
    assert (await client.get("/engine")).status_code == 200
    assert (await client.get("/task", auth=anna)).status_code == 200
    check = {"permissionName": "READ", "resourceName": "Task", "resourceType": 7}
    assert (await client.get("/authorization/check", params=check, auth=anna)).json()["authorized"] is False
    assert (await client.post("/authorization/create", json=_grant(), auth=anna)).status_code == 200
    found = (await client.get("/authorization/check", params=check, auth=anna)).json()
    assert found == {"permissionName": "READ", "resourceName": "Task", "resourceId": None, "authorized": True}
    other = {**check, "userId": "bob"}
    assert (await client.get("/authorization/check", params=other, auth=anna)).status_code == 403
    (entry,) = (await client.get("/history/user-operation?property=type", auth=anna)).json()
    assert (entry["userId"], entry["entityType"]) == ("anna", "Authorization")
    assert (await client.get("/task", auth=wrong)).status_code == 401
    assert (await client.get("/task", auth=anna)).status_code == 401, (
        "a wrong password locks, good ones that are known too"
    )
