"""Where a connector may connect to: the names and networks that the settings list, checked before and after resolution.

A URL's host must be listed in `connector_hosts`. A name must besides resolve to public addresses, or to networks that are
listed in `connector_networks`, and only such an address is connected to: whoever controls a listed name's DNS cannot lead
a call into the own network.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec

from penstock.base.errors import ConnectorRefused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DEFAULT_PORTS = {"http": 80, "https": 443}

_ENTRY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\s\[\]/]+)(?::(?P<port>\d{1,5}|\*))?")
_NAME = re.compile(r"(\*|(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*)")
_NAT64 = ip_network("64:ff9b::/96")
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
PORT_MAX = 65_535


class Host(msgspec.Struct, frozen=True):
    """One entry of the list. `name`: a name, `*.name` for what is below it, `*` for any, or an address. `port`: None for
    the port that the URL's scheme has by itself, 0 for any."""

    name: str
    port: int | None = None

    def covers(self, host: str, port: int, default_port: int) -> bool:
        """Whether a URL with this host and port may be called."""
        if self.port != 0 and port != (default_port if self.port is None else self.port):
            return False
        if not self.name.startswith("*"):
            return self.name == host
        # Any name, but no address: that is written out.
        return host.endswith(self.name[1:]) and literal(host) is None


class Allowed:
    """The two lists, read. Raises ValueError naming the entry that makes no sense."""

    def __init__(self, hosts: Sequence[str], networks: Sequence[str]) -> None:
        self._hosts = tuple(_host(text) for text in hosts)
        self._networks = tuple(_network(text) for text in networks)
        self._here = any(entry.name == "localhost" for entry in self._hosts)

    def check_host(self, host: str, port: int, scheme: str) -> None:
        """Raises ConnectorRefused, saying what to set, unless the list has the host."""
        if any(entry.covers(host, port, DEFAULT_PORTS[scheme]) for entry in self._hosts):
            return
        entry = f"[{host}]" if ":" in host else host
        if port != DEFAULT_PORTS[scheme]:
            entry = f"{entry}:{port}"
        raise ConnectorRefused(
            f"Connectors may not call '{entry}': add it to the setting connector_hosts (which lists "
            f"{len(self._hosts) or 'no'} host{'' if len(self._hosts) == 1 else 's'})"
        )

    def reachable(self, host: str, found: Sequence[Address]) -> list[Address]:
        """Those of the addresses of a listed host that may be connected to. Raises ConnectorRefused when none is left."""
        if literal(host) is not None:
            return list(found)
        left = [address for address in found if self._may_be(host, address)]
        if not left:
            shown = ", ".join(str(address) for address in found[:3])
            raise ConnectorRefused(
                f"'{host}' resolves to {shown}, which is not public: if that is meant, add the address or its network to "
                "the setting connector_networks"
            )
        return left

    def _may_be(self, host: str, address: Address) -> bool:
        plain = embedded(address)
        if any(plain in network for network in self._networks):
            return True
        if host == "localhost" and self._here:
            return any(plain in network for network in _LOOPBACK)
        return is_public(plain)


def is_public(address: Address) -> bool:
    """Whether the address is one of the internet, as far as anybody can tell from it."""
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def literal(host: str) -> Address | None:
    """The address that a URL's host is, or None for a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address leads to, else the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address.teredo is not None:
            return address.teredo[1]
        if address in _NAT64 or 1 < int(address) < 1 << 32:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _host(text: str) -> Host:
    found = _ENTRY.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(
            f"connector_hosts: '{text}' is no host: write name, *.name or address, with :port or :* if need be"
        )
    name, port = found["host"].strip("[]"), found["port"]
    if literal(name) is None and _NAME.fullmatch(name) is None:
        raise ValueError(f"connector_hosts: '{name}' is neither a name nor an address")
    if port is None:
        return Host(_normal(name))
    number = 0 if port == "*" else int(port)
    if number > PORT_MAX or (port != "*" and number == 0):
        raise ValueError(f"connector_hosts: {port} is no port, in '{text}'")
    return Host(_normal(name), number)


def _normal(name: str) -> str:
    address = literal(name)
    return name if address is None else str(address)


def _network(text: str) -> Network:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ValueError(f"connector_networks: '{text}' is no network: {error}") from None
