"""Where connectors may connect to: names before resolution, addresses after it."""

from ipaddress import ip_address

import pytest

from penstock.base.errors import ConnectorRefused
from penstock.connect.allowed import Allowed, embedded, is_public
from penstock.connect.http.request import target_of

PUBLIC, OTHER = ip_address("93.184.216.34"), ip_address("2606:2800:220:1:248:1893:25c8:1946")


def allows(hosts: list[str], url: str) -> bool:
    target = target_of(url)
    try:
        Allowed(hosts, []).check_host(target.host, target.port, target.scheme)
    except ConnectorRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("api.example.com", "https://api.example.com/a"),
        ("api.example.com", "http://API.Example.com./a"),
        ("api.example.com:8443", "https://api.example.com:8443/a"),
        ("api.example.com:*", "http://api.example.com:9/a"),
        ("*.example.com", "https://a.b.example.com"),
        ("*", "https://anything.example"),
        ("10.1.2.3:8080", "http://10.1.2.3:8080/"),
        ("[::1]:8080", "http://[0:0::1]:8080/"),
        ("bücher.example".encode("idna").decode(), "https://bücher.example/"),
    ],
)
def test_listed(entry: str, url: str) -> None:
    assert allows([entry], url)


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("api.example.com", "https://api.example.com:8443/a"),
        ("api.example.com", "https://example.com/"),
        ("api.example.com", "https://api.example.com.evil.test/"),
        ("api.example.com:443", "http://api.example.com/"),
        ("*.example.com", "https://example.com/"),
        ("*.example.com", "https://evilexample.com/"),
        ("*", "http://10.0.0.1/"),
        ("*", "http://[::1]/"),
        ("*", "http://[::ffff:10.0.0.1]/"),
        ("*", "http://10.0.0.1./"),
        ("*", "http://\uff11\uff10.0.0.1/"),
        ("*.0.0.1", "http://127.0.0.1/"),
        ("10.1.2.3", "http://10.1.2.4/"),
    ],
)
def test_not_listed(entry: str, url: str) -> None:
    assert not allows([entry], url)


def test_nothing_is_listed_by_default_and_the_refusal_says_what_to_set() -> None:
    with pytest.raises(
        ConnectorRefused, match=r"add it to the setting connector_hosts \(which lists no hosts\)"
    ) as refused:
        Allowed([], []).check_host("api.example.com", 8443, "https")
    assert "'api.example.com:8443'" in refused.value.message


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::", "::7f00:1", "2001:db8::1",
    ],
)  # fmt: skip
def test_a_listed_name_that_leads_into_the_own_network_is_refused(address: str) -> None:
    with pytest.raises(ConnectorRefused, match="connector_networks"):
        Allowed(["*"], []).reachable("rebound.example.com", [ip_address(address)])
    assert not is_public(embedded(ip_address(address)))


@pytest.mark.parametrize("address", [PUBLIC, OTHER, ip_address("8.8.8.8"), ip_address("64:ff9b::808:808")])
def test_public_addresses_are_reached(address: object) -> None:
    assert Allowed(["*"], []).reachable("a.example.com", [address]) == [address]  # type: ignore[list-item]


def test_of_several_addresses_only_those_are_left_that_may_be_connected_to() -> None:
    found = [ip_address("127.0.0.1"), PUBLIC, ip_address("10.0.0.1")]
    assert Allowed(["*"], []).reachable("a.example.com", found) == [PUBLIC]
    assert Allowed(["*"], ["10.0.0.0/8"]).reachable("a.example.com", found) == found[1:]


def test_localhost_is_the_own_machine_only_when_it_is_listed() -> None:
    here, far = ip_address("127.0.0.1"), PUBLIC
    assert Allowed(["localhost:8080"], []).reachable("localhost", [here, ip_address("::1")]) == [
        here,
        ip_address("::1"),
    ]
    for hosts in (["*"], ["*:*"]):
        with pytest.raises(ConnectorRefused):
            Allowed(hosts, []).reachable("localhost", [here])
    with pytest.raises(ConnectorRefused):
        Allowed(["localhost"], []).reachable("localhost", [far])


@pytest.mark.parametrize(
    ("hosts", "networks"),
    [(["http://a.example"], []), (["a b"], []), (["a.*"], []), (["a:0"], []), (["a:70000"], []), ([""], []), (["[x]"], []),
     ([], ["10.0.0.0/64"]), ([], ["name"])],
)  # fmt: skip
def test_what_makes_no_sense_is_said_at_once(hosts: list[str], networks: list[str]) -> None:
    with pytest.raises(ValueError, match=r"connector_(hosts|networks)"):
        Allowed(hosts, networks)
