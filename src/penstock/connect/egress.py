"""Connections to the outside that are not HTTP: the name is resolved once, its addresses are checked, and one of those is
connected to. TLS checks the name that was meant, not the address.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import cache
from ipaddress import ip_address
from typing import Any, TypeVar

from penstock.base.errors import ConnectorFailed
from penstock.connect.allowed import Address, Allowed, literal

ADDRESSES_MAX = 4
"""How many addresses of one host are tried."""

Resolve = Callable[[str, int], Coroutine[Any, Any, Sequence[Address]]]
"""Host and port → addresses. Raises OSError."""

T = TypeVar("T")


class NamedContext(ssl.SSLContext):
    """Trusts what the machine trusts, or the certificates of one file; checks the certificate for `name`, whatever address
    is connected to."""

    name: str

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.name, session)


async def tls_context(name: str, ca_file: str | None = None) -> ssl.SSLContext:
    """For one host. Raises ConnectorFailed when the file cannot be read."""
    return await asyncio.to_thread(_context, name, ca_file)


@cache
def _context(name: str, ca_file: str | None) -> ssl.SSLContext:
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = name
    if ca_file is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConnectorFailed(
            f"The certificates of tls_ca cannot be read: {error.strerror or type(error).__name__}"
        ) from None
    return context


async def resolve(host: str, port: int) -> Sequence[Address]:
    """What the machine's resolver says. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = (ip_address(str(item[4][0]).partition("%")[0]) for item in found)
    return list(dict.fromkeys(addresses))


async def addresses(host: str, port: int, allowed: Allowed, ask: Resolve = resolve) -> list[Address]:
    """The addresses of a host that may be connected to. Raises ConnectorFailed, ConnectorRefused."""
    address = literal(host)
    try:
        found = [address] if address is not None else await ask(host, port)
    except OSError as error:
        raise ConnectorFailed(f"The host '{host}' cannot be resolved: {error.strerror or error}") from error
    return allowed.reachable(host, found)[:ADDRESSES_MAX]


async def first(found: Sequence[Address], connect: Callable[[str], Awaitable[T]]) -> T:
    """Connects to the first address that takes the connection; raises the last OSError when none does."""
    failed: OSError | None = None
    for address in found:
        try:
            return await connect(str(address))
        except OSError as error:
            failed = error
    assert failed is not None
    raise failed
