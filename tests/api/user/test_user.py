"""`/user` and `/identity`: users, passwords, logins."""

import httpx
from calls import ok, refused, user


async def test_the_life_of_a_user(rest: httpx.AsyncClient) -> None:
    await user(rest, "anna", firstName="Anna", lastName="Adams", email="a@example.org")
    await user(rest, "bob", firstName="Bob")
    assert await refused(rest, "POST", "/user/create", {"profile": {"id": "anna"}}) == (400, "BadUserRequestException")
    assert [u["id"] for u in await ok(rest, "GET", "/user", sortBy="userId", sortOrder="desc")] == ["bob", "anna"]
    assert await ok(rest, "GET", "/user/count", lastNameLike="Ada%") == {"count": 1}
    await ok(rest, "PUT", "/user/anna/profile", {"id": "anna", "firstName": "Anne"})
    profile = await ok(rest, "GET", "/user/anna/profile")
    assert profile == {"id": "anna", "firstName": "Anne", "lastName": None, "email": None}
    renamed = {"id": "other", "firstName": "Anne"}
    assert await refused(rest, "PUT", "/user/anna/profile", renamed) == (500, "OptimisticLockingException")
    await ok(rest, "DELETE", "/user/anna")
    await ok(rest, "DELETE", "/user/anna")
    assert await refused(rest, "GET", "/user/anna/profile") == (404, "InvalidRequestException")


async def test_no_answer_and_no_log_holds_a_password(rest: httpx.AsyncClient) -> None:
    await user(rest, "anna")
    texts = [(await rest.get(path)).text for path in ("/user", "/user/anna/profile", "/history/user-operation")]
    assert not any(word in text for text in texts for word in ("secret", "scrypt", "password"))


async def test_a_password_must_keep_the_policy(rest: httpx.AsyncClient) -> None:
    body = {"profile": {"id": "anna"}, "credentials": {"password": "short"}}
    assert await refused(rest, "POST", "/user/create", body) == (500, "ProcessEngineException")
    assert await ok(rest, "GET", "/user/count") == {"count": 0}
    found = await ok(rest, "POST", "/identity/password-policy", {"password": "anna-Secret1", "profile": {"id": "anna"}})
    assert [rule["placeholder"] for rule in found["rules"] if not rule["valid"]] == ["PASSWORD_POLICY_USER_DATA"]
    assert found["valid"] is False


async def test_ids_are_checked(rest: httpx.AsyncClient) -> None:
    for id in ("", "two words", "a/b"):
        assert await refused(rest, "POST", "/user/create", {"profile": {"id": id}}) == (500, "ProcessEngineException")
    assert await refused(rest, "POST", "/user/create", {}) == (400, "InvalidRequestException")


async def _verify(rest: httpx.AsyncClient, password: str) -> bool:
    found = await ok(rest, "POST", "/identity/verify", {"username": "anna", "password": password})
    return bool(found["authenticated"])


async def test_failed_logins_lock_a_user_until_somebody_unlocks_it(rest: httpx.AsyncClient) -> None:
    await user(rest, "anna")
    assert await _verify(rest, "secret-Password1!")
    assert not await _verify(rest, "wrong")
    assert not await _verify(rest, "secret-Password1!"), "locked for three seconds"
    await ok(rest, "POST", "/user/anna/unlock")
    assert await _verify(rest, "secret-Password1!")
    await ok(rest, "PUT", "/user/anna/credentials", {"password": "another-Secret2!"})
    assert not await _verify(rest, "secret-Password1!")
    nobody = await ok(rest, "POST", "/identity/verify", {"username": "x", "password": "y"})
    assert nobody["authenticated"] is False


async def test_options_name_the_operations(rest: httpx.AsyncClient) -> None:
    links = (await ok(rest, "OPTIONS", "/user/anna"))["links"]
    assert {(link["method"], link["href"].partition("/engine-rest")[2], link["rel"]) for link in links} == {
        ("GET", "/user/anna/profile", "self"),
        ("DELETE", "/user/anna", "delete"),
        ("PUT", "/user/anna/profile", "update"),
    }
