"""What authorizations grant and revoke."""

from typing import Any

import pytest

from penstock.base.errors import BadUserRequest
from penstock.identity import permissions
from penstock.identity.authorizations import Type, allows, names
from penstock.identity.permissions import ALL_BITS, ANY, Resource

READ, UPDATE = 2, 4
TASK = Resource.TASK


def _row(type: Type, bits: int, resource_id: str = ANY, **who: str) -> dict[str, Any]:
    return {
        "type": int(type),
        "permissions": bits,
        "resource_type": int(TASK),
        "resource_id": resource_id,
        "user_id": who.get("user"),
        "group_id": who.get("group"),
    }


def _allows(*rows: dict[str, Any], bits: int = READ, resource_id: str | None = "t") -> bool:
    return allows(rows, "anna", ("sales",), bits, TASK, resource_id)


def test_nothing_is_allowed_without_a_grant() -> None:
    assert not _allows()
    assert not _allows(_row(Type.GRANT, READ, user="bob"))
    assert not _allows(_row(Type.GRANT, UPDATE, user="anna"))
    assert not _allows(_row(Type.GRANT, READ, "other", user="anna"))


@pytest.mark.parametrize(
    "row",
    [
        _row(Type.GRANT, READ, user="anna"),
        _row(Type.GRANT, READ | UPDATE, "t", user="anna"),
        _row(Type.GRANT, ALL_BITS, group="sales"),
        _row(Type.GLOBAL, READ, user=ANY),
    ],
)
def test_a_grant_to_the_user_a_group_or_everybody_suffices(row: dict[str, Any]) -> None:
    assert _allows(row)


def test_the_user_comes_before_its_groups_and_these_before_everybody() -> None:
    revoked_for_anna = _row(Type.REVOKE, ALL_BITS & ~READ, user="anna")
    revoked_for_sales = _row(Type.REVOKE, ALL_BITS & ~READ, group="sales")
    for_all, for_sales = _row(Type.GLOBAL, READ, user=ANY), _row(Type.GRANT, READ, group="sales")
    assert not _allows(for_all, for_sales, revoked_for_anna)
    assert not _allows(for_all, revoked_for_sales)
    assert _allows(for_all, revoked_for_sales, _row(Type.GRANT, READ, user="anna"))
    assert _allows(for_all, revoked_for_sales, bits=READ) is False
    assert _allows(for_sales, revoked_for_sales), "within one level grants come first"


def test_the_very_resource_comes_before_any() -> None:
    anywhere = _row(Type.GRANT, READ, user="anna")
    not_here = _row(Type.REVOKE, ALL_BITS & ~READ, "t", user="anna")
    assert not _allows(anywhere, not_here)
    assert _allows(anywhere, not_here, resource_id="other")
    assert _allows(anywhere, not_here, resource_id=None)


def test_permissions_by_name() -> None:
    assert names(_row(Type.GRANT, ALL_BITS)) == ["ALL"]
    assert names(_row(Type.REVOKE, 0)) == ["ALL"]
    assert names(_row(Type.GRANT, READ | 64)) == ["READ", "READ_VARIABLE"]
    assert names(_row(Type.REVOKE, ALL_BITS & ~UPDATE)) == ["UPDATE"]
    assert permissions.bits("SUSPEND", Resource.PROCESS_DEFINITION) == 1_048_576
    assert permissions.is_valid("ACCESS", Resource.APPLICATION)
    assert not permissions.is_valid("READ", Resource.APPLICATION)
    with pytest.raises(BadUserRequest, match="NONSENSE"):
        permissions.bits("NONSENSE", Resource.TASK)


@pytest.mark.parametrize("resource", list(Resource))
def test_bits_of_a_resource_are_distinct_and_every_resource_has_some(resource: Resource) -> None:
    valid = {name: bits for name, bits in permissions.known(resource).items() if permissions.is_valid(name, resource)}
    single = [bits for name, bits in valid.items() if name not in ("NONE", "ALL")]
    assert single and len(set(single)) == len(single)
    assert all(bits & (bits - 1) == 0 for bits in single)
