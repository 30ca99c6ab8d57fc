"""`/group` and `/tenant`: groups, tenants, and who belongs to them."""

import httpx
from calls import deployed, ok, refused, started, user


async def _group(rest: httpx.AsyncClient, id: str, name: str | None = None) -> None:
    await ok(rest, "POST", "/group/create", {"id": id, "name": name or id.title(), "type": "WORKFLOW"})


async def test_groups_and_their_members(rest: httpx.AsyncClient) -> None:
    await user(rest, "anna")
    await user(rest, "bob", firstName="Bob", lastName="Brown")
    await _group(rest, "sales")
    for member in ("anna", "bob"):
        await ok(rest, "PUT", f"/group/sales/members/{member}")
    assert await refused(rest, "PUT", "/group/sales/members/anna") == (500, "ProcessEnginePersistenceException")
    assert await refused(rest, "PUT", "/group/sales/members/x") == (500, "NullValueException")
    assert await refused(rest, "PUT", "/group/x/members/anna") == (500, "NullValueException")
    assert [g["id"] for g in await ok(rest, "GET", "/group", member="anna")] == ["sales"]
    assert await ok(rest, "POST", "/group/count", {"member": "nobody"}) == {"count": 0}
    assert {u["id"] for u in await ok(rest, "GET", "/user", memberOfGroup="sales")} == {"anna", "bob"}
    info = await ok(rest, "GET", "/identity/groups", userId="anna")
    assert info["groups"] == [{"id": "sales", "name": "Sales"}]
    assert [(u["id"], u["displayName"]) for u in info["groupUsers"]] == [("bob", "Bob Brown")]
    await ok(rest, "DELETE", "/user/bob")
    assert [u["id"] for u in await ok(rest, "GET", "/user", memberOfGroup="sales")] == ["anna"]
    await ok(rest, "DELETE", "/group/sales")
    assert await ok(rest, "GET", "/user", memberOfGroup="sales") == []
    assert await refused(rest, "GET", "/group/sales") == (404, "InvalidRequestException")


async def test_a_candidate_group_makes_its_members_candidates(rest: httpx.AsyncClient) -> None:
    await deployed(rest)
    await started(rest)
    await user(rest, "bob")
    await _group(rest, "sales")
    assert await ok(rest, "GET", "/task/count", candidateUser="bob") == {"count": 0}
    await ok(rest, "PUT", "/group/sales/members/bob")
    assert [t["name"] for t in await ok(rest, "GET", "/task", candidateUser="bob")] == ["Task B"]


async def test_tenants_and_their_members(rest: httpx.AsyncClient) -> None:
    await user(rest, "anna")
    await user(rest, "bob")
    await _group(rest, "sales")
    await ok(rest, "PUT", "/group/sales/members/bob")
    for tenant in ("one", "two"):
        await ok(rest, "POST", "/tenant/create", {"id": tenant, "name": tenant.title()})
    assert await refused(rest, "POST", "/tenant/create", {"id": "one"}) == (400, "BadUserRequestException")
    await ok(rest, "PUT", "/tenant/one/user-members/anna")
    await ok(rest, "PUT", "/tenant/two/group-members/sales")
    assert await refused(rest, "PUT", "/tenant/one/user-members/anna") == (500, "ProcessEnginePersistenceException")
    assert await refused(rest, "PUT", "/tenant/one/group-members/x") == (500, "NullValueException")

    async def of(**query: object) -> list[str]:
        found = await ok(rest, "GET", "/tenant", sortBy="id", sortOrder="asc", **query)
        return [tenant["id"] for tenant in found]

    assert await of(userMember="anna") == ["one"]
    assert await of(userMember="bob") == []
    assert await of(userMember="bob", includingGroupsOfUser="true") == ["two"]
    assert await of(groupMember="sales") == ["two"]
    assert [g["id"] for g in await ok(rest, "GET", "/group", memberOfTenant="two")] == ["sales"]
    await ok(rest, "DELETE", "/tenant/two/group-members/sales")
    assert await of(groupMember="sales") == []
    await ok(rest, "PUT", "/tenant/one", {"id": "one", "name": "First"})
    assert await ok(rest, "GET", "/tenant/one") == {"id": "one", "name": "First"}
    await ok(rest, "DELETE", "/tenant/one")
    assert await of(userMember="anna") == []
