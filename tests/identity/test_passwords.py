"""Passwords, the policy for them, and logins."""

import pytest

from penstock.base.errors import Failure
from penstock.identity import login, passwords, policy, users
from penstock.identity.policy import Profile

GOOD = "secret-Password1!"
ANNA = Profile(id="anna", first_name="Anna", last_name="Adams", email="anna@example.org")


def _row(password: str | None, attempts: int = 0, lock_expires_ms: int | None = None) -> dict[str, object]:
    hashed = None if password is None else passwords.hashed(password, b"salt" * 4)
    return {"id": "anna", "password": hashed, "attempts": attempts, "lock_expires_ms": lock_expires_ms}


def test_a_hash_is_salted_and_says_nothing_of_the_password() -> None:
    one, other = passwords.hashed(GOOD, b"a" * 16), passwords.hashed(GOOD, b"b" * 16)
    assert one != other
    assert GOOD not in one
    assert passwords.matches(GOOD, one) and passwords.matches(GOOD, other)
    assert not passwords.matches(GOOD + " ", one)


@pytest.mark.parametrize(
    ("password", "broken"),
    [
        (GOOD, []),
        ("Ab1!", ["LENGTH"]),
        ("PASSWORD-SECRET-1", ["LOWERCASE"]),
        ("password-secret-1", ["UPPERCASE"]),
        ("Password-secret", ["DIGIT"]),
        ("PasswordSecret1", ["SPECIAL"]),
        ("my-ANNA-secret-1", ["USER_DATA"]),
        ("", ["LENGTH", "LOWERCASE", "UPPERCASE", "DIGIT", "SPECIAL"]),
    ],
)
def test_the_policy_names_what_is_broken(password: str, broken: list[str]) -> None:
    found = policy.violated(password, ANNA)
    assert [rule.placeholder.removeprefix("PASSWORD_POLICY_") for rule in found] == broken


async def test_a_password_that_breaks_the_policy_is_refused() -> None:
    assert await users.hash_password(None, ANNA) is None
    with pytest.raises(Failure, match="policy"):
        await users.hash_password("short", ANNA)


async def test_failed_logins_lock_a_user_longer_and_longer() -> None:
    attempt = await login.check(_row(GOOD), GOOD, 0)
    assert attempt.accepted and attempt.remember is None
    attempt = await login.check(_row(GOOD), "wrong", 0)
    assert not attempt.accepted and attempt.remember is not None
    # While a user is locked, the right password is refused as well, and nothing is counted.
    attempt = await login.check(_row(GOOD, 1, 3_000), GOOD, 2_999)
    assert not attempt.accepted and attempt.remember is None
    attempt = await login.check(_row(GOOD, 1, 3_000), GOOD, 3_000)
    assert attempt.accepted and attempt.remember is not None
    attempt = await login.check(_row(GOOD, login.ATTEMPTS_MAX, 0), GOOD, 10**12)
    assert not attempt.accepted


async def test_nobody_logs_in_without_a_password() -> None:
    assert not (await login.check(None, "", 0)).accepted
    assert not (await login.check(_row(None), "", 0)).accepted
