"""Checking passwords. Failed attempts lock a user: 3 s, doubled with each, at most 60 s, for good after ten (Camunda 7
`loginDelay…`, `loginMaxAttempts`)."""

import asyncio

import msgspec

from penstock.identity import passwords
from penstock.identity.changes import Changes, MakeChanges, Present, update
from penstock.identity.users import TABLE
from penstock.store.protocol import Row
from penstock.store.query import eq

ATTEMPTS_MAX = 10
DELAY_BASE_S = 3
DELAY_FACTOR = 2
DELAY_MAX_S = 60

NOBODY = passwords.hashed("", bytes(passwords.SALT_BYTES))
"""What the password of an unknown user is compared with: whether a user exists does not show in the time it takes."""


class Attempt(msgspec.Struct, frozen=True):
    """How a login went, and what is to be remembered of it (None: nothing)."""

    accepted: bool
    remember: MakeChanges | None = None


def is_locked(row: Row, now_ms: int) -> bool:
    """Whether the user has to wait, or must be unlocked by somebody."""
    return (row["attempts"] or 0) >= ATTEMPTS_MAX or (row["lock_expires_ms"] or 0) > now_ms


async def check(row: Row | None, password: str, now_ms: int) -> Attempt:
    """Compares a password with that of a stored user (None: there is none)."""
    stored = (row["password"] if row is not None else None) or NOBODY
    same = await asyncio.to_thread(passwords.matches, password, stored)
    if row is None or is_locked(row, now_ms):
        return Attempt(False)
    if same and row["password"] is not None:
        return Attempt(True, _remember(row["id"], 0, None) if row["attempts"] else None)
    attempts = (row["attempts"] or 0) + 1
    delay_s = min(DELAY_BASE_S * DELAY_FACTOR ** (attempts - 1), DELAY_MAX_S)
    return Attempt(False, _remember(row["id"], attempts, now_ms + delay_s * 1000))


def _remember(id: str, attempts: int, lock_expires_ms: int | None) -> MakeChanges:
    async def make(present: Present) -> Changes:
        if not await present.find(TABLE, eq("id", id)):
            return Changes()
        return Changes([update(TABLE, {"id": id, "attempts": attempts, "lock_expires_ms": lock_expires_ms})])

    return make
