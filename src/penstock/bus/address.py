"""Addresses of brokers: `scheme://user:password@host:port,host:port/path?option=value`."""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import parse_qsl, unquote

import msgspec

from penstock.base.errors import BusFailed

Options = TypeVar("Options", bound=msgspec.Struct)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """An address taken apart. `hosts`: "host:port" each; `path` without its first slash; percent signs are decoded."""

    scheme: str
    hosts: Sequence[str]
    user: str | None
    password: str | None
    path: str
    query: str

    def options(self, kind: type[Options]) -> Options:
        """The query as a Struct. Raises BusFailed for an option that is unknown or does not fit."""
        given = dict(parse_qsl(self.query, keep_blank_values=True))
        unknown = given.keys() - set(kind.__struct_fields__)
        if unknown:
            known = ", ".join(kind.__struct_fields__)
            raise BusFailed(f"{self} has the unknown option {min(unknown)}; there are: {known}")
        try:
            return msgspec.convert(given, kind, strict=False)
        except msgspec.ValidationError as error:
            raise BusFailed(f"an option of {self} does not fit: {error}") from error

    def only_host(self) -> str:
        """Raises BusFailed when it names none, or several."""
        if len(self.hosts) != 1:
            raise BusFailed(f"{self} must name one host")
        return self.hosts[0]

    def __str__(self) -> str:
        """Without secrets, for messages and logs."""
        return f"{self.scheme}://{','.join(self.hosts)}{'/' if self.path else ''}{self.path}"


def parse_address(url: str, default_port: int | None) -> Address:
    """Takes `url` apart; hosts without a port get `default_port`."""
    scheme, _, rest = url.partition("://")
    location, _, query = rest.partition("?")
    authority, _, path = location.partition("/")
    login, _, hosts = authority.rpartition("@")
    user, colon, password = login.partition(":")
    return Address(
        scheme=scheme,
        hosts=[_with_port(host, default_port) for host in hosts.split(",") if host],
        user=unquote(user) if user else None,
        password=unquote(password) if colon else None,
        path=unquote(path),
        query=query,
    )


def _with_port(host: str, default_port: int | None) -> str:
    bracketless = host.rpartition("]")[2] if host.startswith("[") else host
    return host if ":" in bracketless or default_port is None else f"{host}:{default_port}"
