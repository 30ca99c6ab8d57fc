"""What real workers would ask over the network: watch lists, newspapers, a document reader, the bank's own systems."""

from collections.abc import Sequence

import msgspec

SANCTIONED = {"Viktor Hammer"}
POLITICALLY_EXPOSED = {"Maria Senator", "Viktor Hammer"}
ARTICLES = {"Viktor Hammer": 4, "Carl Cash": 2}


class Document(msgspec.Struct):
    """What a customer has sent. `name`: whose document it is, as far as one can read it."""

    kind: str
    name: str
    readable: bool = True


class Unreadable(Exception):
    """Nobody can read this document."""


def identity_matches(name: str, documents: Sequence[Document]) -> bool:
    """Whether the passport is the customer's. Raises Unreadable."""
    passports = [document for document in documents if document.kind == "passport"]
    if not passports or not all(passport.readable for passport in passports):
        raise Unreadable("there is no passport that can be read")
    return any(passport.name == name for passport in passports)


def sanctions_hits(name: str) -> int:
    """Entries of that name on sanctions lists."""
    return int(name in SANCTIONED)


def is_politically_exposed(name: str) -> bool:
    """Whether somebody of that name holds, or is close to, a public office."""
    return name in POLITICALLY_EXPOSED


def adverse_articles(name: str) -> int:
    """Newspaper articles that link the name to crime."""
    return ARTICLES.get(name, 0)


def open_account(customer_id: str) -> str:
    """The number of the customer's new account. Asked twice, it answers the same: a task may be worked twice."""
    return f"account-{customer_id}"
