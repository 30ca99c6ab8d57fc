"""Who sends a request: HTTP Basic (RFC 7617), checked against the stored users (Camunda 7
`ProcessEngineAuthenticationFilter`)."""

import hmac
import os
from base64 import b64decode
from binascii import Error
from collections import OrderedDict

from penstock.api import problems
from penstock.api.http import Request
from penstock.api.logins import accepts
from penstock.identity import login
from penstock.identity.users import TABLE
from penstock.store.query import Query, eq

OPEN = frozenset({"/engine", "/callbacks/{connection}/{token}"})
"""Paths that answer anybody: those of the second are known to nobody else."""

KNOWN_MAX = 1_000
"""Most credentials that are remembered as good, so that a client does not pay for the slow hash with each request."""

_CHALLENGE = ((b"www-authenticate", b'Basic realm="default"'),)


class BasicAuthentication:
    """Checks the header `Authorization` of requests.

    What is remembered of good credentials is a keyed digest of them and of the hash that is stored: another password, a
    lock or the end of the user is noticed with the next request."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    async def user_of(self, request: Request, path: str) -> str | None:
        """The authenticated user; None where nobody has to be. Raises 401."""
        if path in OPEN:
            return None
        user, password = _credentials(request.headers.get(b"authorization"))
        rows = await request.engine.rows(Query(TABLE, (eq("id", user),)))
        stored = rows[0]["password"] if rows else None
        digest = hmac.digest(self._key, "\0".join((user, password, stored or "")).encode(), "sha256")
        if digest in self._known and not login.is_locked(rows[0], request.engine.clock.now_ms()):
            self._known.move_to_end(digest)
            return user
        if not await accepts(request, user, password):
            raise _unauthorized()
        self._known[digest] = None
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return user


def _credentials(header: bytes | None) -> tuple[str, str]:
    scheme, _, encoded = (header or b"").partition(b" ")
    if scheme.lower() != b"basic":
        raise _unauthorized()
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (Error, UnicodeDecodeError):
        raise _unauthorized() from None
    if not colon or "\0" in user or "\0" in password:
        raise _unauthorized()
    return user, password


def _unauthorized() -> problems.Problem:
    return problems.http(401, "NotAuthorizedException", "Unauthorized", _CHALLENGE)
