"""Passwords are kept as salted scrypt hashes (RFC 7914): `scrypt$n$r$p$salt$hash`, base64."""

import hashlib
import hmac
from base64 import b64decode, b64encode

N, R, P = 2**14, 8, 1
"""16 MiB and about 40 ms for one guess."""

SALT_BYTES = 16
HASH_BYTES = 32


def hashed(password: str, salt: bytes) -> str:
    """What is stored of a password. `salt`: `SALT_BYTES` random bytes, new for each password."""
    digest = _scrypt(password, salt, N, R, P)
    return "$".join(("scrypt", str(N), str(R), str(P), b64encode(salt).decode(), b64encode(digest).decode()))


def matches(password: str, stored: str) -> bool:
    """Whether `stored` was made from this password. Takes as long whatever the answer is."""
    _, n, r, p, salt, digest = stored.split("$")
    return hmac.compare_digest(_scrypt(password, b64decode(salt), int(n), int(r), int(p)), b64decode(digest))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, dklen=HASH_BYTES, maxmem=2 * 128 * n * r)
