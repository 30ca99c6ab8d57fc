"""pycamunda 0.6.1: users, groups, tenants, what the server says of who one is, and authorizations."""

from collections.abc import Callable
from typing import Any, TypeVar

import pycamunda
from pycamunda import auth, group, identity, tenant, user
from pycamunda.base import CamundaRequest
from pycamunda.resource import ResourceType
from runner import Rig, raises

T = TypeVar("T", bound=CamundaRequest)
PASSWORD, ANOTHER = "Correct-Horse-42!", "Battery-Staple-43!"


def _user(rig: Rig) -> str:
    id_ = rig.unique("user")
    user.Create(rig.url, id_, "Ada", "Lovelace", f"{id_}@example.org", PASSWORD)()
    return id_


def _group(rig: Rig) -> str:
    id_ = rig.unique("group")
    group.Create(rig.url, id_, f"Name of {id_}", "WORKFLOW")()
    return id_


def _tenant(rig: Rig) -> str:
    id_ = rig.unique("tenant")
    tenant.Create(rig.url, id_, f"Name of {id_}")()
    return id_


def _links(options: Any) -> set[tuple[str, str]]:
    return {(link.method, link.rel) for link in options}


# -- users


def check_users(rig: Rig) -> None:
    id_ = _user(rig)
    criteria: dict[str, Any] = {
        "id_": id_,
        "first_name": "Ada",
        "first_name_like": "A%",
        "last_name": "Lovelace",
        "last_name_like": "%lace",
        "email": f"{id_}@example.org",
        "email_like": "%@example.org",
    }
    for sort_by in ("id_", "first_name", "last_name", "email"):
        (found,) = user.GetList(rig.url, **criteria, sort_by=sort_by, ascending=False, max_results=2)()
        assert (found.id_, found.first_name, found.last_name) == (id_, "Ada", "Lovelace")
    assert user.Count(rig.url, **criteria)() == 1
    assert user.Count(rig.url, id_=id_, member_of_group="nope")() == 0
    assert user.Count(rig.url, id_=id_, member_of_tenant="nope")() == 0
    raises(pycamunda.NoSuccess, user.Create(rig.url, id_, "Ada", "Again", password=PASSWORD))


def check_profile_of_a_user(rig: Rig) -> None:
    id_ = _user(rig)
    profile = user.GetProfile(rig.url, id_)()
    assert (profile.id_, profile.email) == (id_, f"{id_}@example.org")
    user.UpdateProfile(rig.url, id_, new_user_id=id_, first_name="Grace", last_name="Hopper", email="g@example.org")()
    seen = user.GetProfile(rig.url, id_)()
    assert (seen.first_name, seen.last_name, seen.email) == ("Grace", "Hopper", "g@example.org")
    raises(pycamunda.NotFound, user.GetProfile(rig.url, "nope"))


def check_credentials_of_a_user(rig: Rig) -> None:
    id_ = _user(rig)
    verified = identity.VerifyUser(rig.url, id_, PASSWORD)()
    assert (verified.user_id, verified.authenticated) == (id_, True)
    assert identity.VerifyUser(rig.url, id_, "wrong")().authenticated is False
    user.UpdateCredentials(rig.url, id_, ANOTHER, "")()
    assert identity.VerifyUser(rig.url, id_, PASSWORD)().authenticated is False
    # After a wrong password the right one is refused for some seconds.
    assert identity.VerifyUser(rig.url, id_, ANOTHER)().authenticated is False
    user.Unlock(rig.url, id_)()
    assert identity.VerifyUser(rig.url, id_, ANOTHER)().authenticated is True


def check_options_and_end_of_a_user(rig: Rig) -> None:
    id_ = _user(rig)
    assert {("GET", "list"), ("GET", "count"), ("POST", "create")} <= _links(user.Options(rig.url)())
    assert ("DELETE", "delete") in _links(user.Options(rig.url, id_)())
    user.Delete(rig.url, id_)()
    assert user.Count(rig.url, id_=id_)() == 0


# -- groups


def check_groups(rig: Rig) -> None:
    id_ = _group(rig)
    got = group.Get(rig.url, id_)()
    assert (got.id_, got.name, got.type_) == (id_, f"Name of {id_}", "WORKFLOW")
    criteria: dict[str, Any] = {
        "id_": id_,
        "name": f"Name of {id_}",
        "name_like": f"%{id_}",
        "type_": "WORKFLOW",
    }
    for sort_by in ("id_", "name", "type_"):
        assert group.GetList(rig.url, **criteria, sort_by=sort_by, max_results=2)() == (got,)
    assert group.GetList(rig.url, id_=id_, member_of_tenant="nope")() == ()
    group.Update(rig.url, id_, "Another", "SYSTEM")()
    assert (group.Get(rig.url, id_)().name, group.Get(rig.url, id_)().type_) == ("Another", "SYSTEM")
    group.Delete(rig.url, id_)()
    raises(pycamunda.NotFound, group.Get(rig.url, id_))


def check_members_of_a_group(rig: Rig) -> None:
    id_, member, colleague = _group(rig), _user(rig), _user(rig)
    group.MemberCreate(rig.url, id_, member)()
    group.MemberCreate(rig.url, id_, colleague)()
    assert [found.id_ for found in group.GetList(rig.url, member=member)()] == [id_]
    assert {found.id_ for found in user.GetList(rig.url, member_of_group=id_)()} == {member, colleague}
    mine = identity.GetGroups(rig.url, member)()
    assert ([found.id_ for found in mine.groups], [found.id_ for found in mine.group_users]) == ([id_], [colleague])
    group.MemberDelete(rig.url, id_, member)()
    assert group.GetList(rig.url, member=member)() == ()


def check_options_of_a_group(rig: Rig) -> None:
    id_ = _group(rig)
    assert {("GET", "list"), ("GET", "count"), ("POST", "create")} <= _links(group.Options(rig.url)())
    assert {("GET", "self"), ("DELETE", "delete"), ("PUT", "update")} <= _links(group.Options(rig.url, id_)())
    assert {("DELETE", "delete"), ("PUT", "create")} <= _links(group.MemberOptions(rig.url, id_)())


# -- tenants


def check_tenants(rig: Rig) -> None:
    id_ = _tenant(rig)
    criteria: dict[str, Any] = {"id_": id_, "name": f"Name of {id_}", "name_like": f"%{id_}"}
    got = tenant.Get(rig.url, id_)()
    for sort_by in ("id_", "name"):
        assert tenant.GetList(rig.url, **criteria, sort_by=sort_by, max_results=2)() == (got,)
    assert tenant.Count(rig.url, **criteria)() == 1
    tenant.Update(rig.url, id_, id_, "Another")()
    assert tenant.Get(rig.url, id_)().name == "Another"
    tenant.Delete(rig.url, id_)()
    raises(pycamunda.NotFound, tenant.Get(rig.url, id_))


def check_members_of_a_tenant(rig: Rig) -> None:
    id_, person, others, colleague = _tenant(rig), _user(rig), _group(rig), _user(rig)
    group.MemberCreate(rig.url, others, colleague)()
    tenant.UserMemberCreate(rig.url, id_, person)()
    tenant.GroupMemberCreate(rig.url, id_, others)()
    assert [found.id_ for found in tenant.GetList(rig.url, user_member=person)()] == [id_]
    assert [found.id_ for found in tenant.GetList(rig.url, group_member=others)()] == [id_]
    assert tenant.Count(rig.url, user_member=colleague)() == 0
    assert tenant.Count(rig.url, user_member=colleague, including_groups_of_user=True)() == 1
    assert [found.id_ for found in user.GetList(rig.url, member_of_tenant=id_)()] == [person]
    assert [found.id_ for found in group.GetList(rig.url, member_of_tenant=id_)()] == [others]
    tenant.UserMemberDelete(rig.url, id_, person)()
    tenant.GroupMemberDelete(rig.url, id_, others)()
    assert tenant.Count(rig.url, user_member=person)() == tenant.Count(rig.url, group_member=others)() == 0


def check_options_of_a_tenant(rig: Rig) -> None:
    id_ = _tenant(rig)
    assert {("GET", "list"), ("GET", "count"), ("POST", "create")} <= _links(tenant.Options(rig.url)())
    assert {("GET", "self"), ("DELETE", "delete"), ("PUT", "update")} <= _links(tenant.Options(rig.url, id_)())
    for options in (tenant.UserMemberOptions, tenant.GroupMemberOptions):
        assert {("DELETE", "delete"), ("PUT", "create")} <= _links(options(rig.url, id_)())


# -- identity


def check_password_policy(rig: Rig) -> None:
    """The package wants `parameters` where Camunda 7.24 says `parameter`: it cannot read either answer."""
    raises(KeyError, identity.GetPasswordPolicy(rig.url))
    raises(KeyError, identity.ValidatePassword(rig.url, "short"))
    rules = {rule["placeholder"]: rule["parameter"] for rule in rig.get("/identity/password-policy")["rules"]}
    assert rules["PASSWORD_POLICY_LENGTH"] == {"minLength": "10"}


# -- authorizations


def _there(request: T) -> T:
    """The package asks `/auth`, which no Camunda has. This asks where it is; all else of the request stays."""
    request._url = request._url.replace("/engine-rest/auth", "/engine-rest/authorization")
    return request


def check_authorizations_are_asked_for_in_the_wrong_place(rig: Rig) -> None:
    calls: tuple[Callable[[], Any], ...] = (
        auth.GetList(rig.url),
        auth.Count(rig.url),
        auth.Get(rig.url, "x"),
        auth.Check(rig.url, "READ", 1, "User", ResourceType.user),
        auth.Options(rig.url),
        auth.Create(rig.url, auth.AuthorizationType.grant, ["READ"], ResourceType.user, "*", user_id="x"),
        auth.Update(rig.url, "x", ["READ"], ResourceType.user, "*", user_id="x"),
        auth.Delete(rig.url, "x"),
    )
    for call in calls:
        raises(pycamunda.NotFound, call)


def _create(rig: Rig, person: str, resource: ResourceType) -> str:
    """The package cannot read an authorization without a removal time, and 7.24 gives it as null."""
    create = auth.Create(rig.url, auth.AuthorizationType.grant, ["READ", "UPDATE"], resource, "order", user_id=person)
    raises(TypeError, _there(create))
    (made,) = rig.get("/authorization", userIdIn=person)
    assert (made["type"], made["resourceType"], made["resourceId"]) == (1, int(resource), "order")
    assert sorted(made["permissions"]) == ["READ", "UPDATE"]
    return str(made["id"])


def check_authorizations(rig: Rig) -> None:
    person = rig.unique("user")
    id_ = _create(rig, person, ResourceType.process_definition)
    raises(TypeError, _there(auth.Get(rig.url, id_)))
    raises(TypeError, _there(auth.GetList(rig.url, id_=id_, sort_by="resource_id", max_results=2)))
    assert _there(auth.GetList(rig.url, id_="nope", user_id_in=[person], resource_id="order"))() == ()
    assert _there(auth.Count(rig.url, id_=id_, user_id_in=[person], resource_id="order"))() == 1
    assert _there(auth.Count(rig.url, group_id_in=[person]))() == 0
    _there(auth.Update(rig.url, id_, ["DELETE"], ResourceType.process_definition, "*", user_id=person))()
    (seen,) = rig.get("/authorization", userIdIn=person)
    assert (seen["permissions"], seen["resourceId"]) == (["DELETE"], "*")
    _there(auth.Delete(rig.url, id_))()
    raises(pycamunda.NotFound, _there(auth.Get(rig.url, id_)))


def check_authorization_options(rig: Rig) -> None:
    id_ = _create(rig, rig.unique("user"), ResourceType.task)
    assert {("GET", "list"), ("GET", "count"), ("POST", "create")} <= _links(_there(auth.Options(rig.url))())
    assert {("GET", "self"), ("DELETE", "delete")} <= _links(_there(auth.Options(rig.url, id_))())
    _there(auth.Delete(rig.url, id_))()


def check_authorization_check_needs_a_user(rig: Rig) -> None:
    """Without authentication nobody asks, and Camunda answers 401."""
    raises(pycamunda.Unauthorized, _there(auth.Check(rig.url, "READ", 1, "User", ResourceType.user)))
