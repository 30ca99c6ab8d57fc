"""`http-connector` over a named connection."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from places import connections

from penstock.base.errors import ConnectorRefused
from penstock.connect.allowed import Allowed
from penstock.connect.http.connector import HttpConnector
from support.http_server import HttpServer, http_server, text


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with http_server() as found:
        yield found


async def call(server: HttpServer, url: str, section: dict[str, Any] | None = None, **inputs: Any) -> Any:
    made = {"url": f"{server.url}/v1", **(section or {})}
    connector = HttpConnector(Allowed((), ()), 10_000, connections=connections({"T": "t0ken"}, billing=made))
    try:
        return await connector.call({"connection": "billing", "method": "GET", "url": url, **inputs}, key="k")
    finally:
        await connector.close()


async def test_the_url_goes_on_from_that_of_the_connection(server: HttpServer) -> None:
    for url, path in (
        ("", "/v1"),
        ("invoices", "/v1/invoices"),
        ("/invoices?a=../b", "/v1/invoices?a=../b"),
        ("?a=1", "/v1?a=1"),
        (f"{server.url}/v1/x", "/v1/x"),
    ):
        await call(server, url)
        assert server.seen[-1].path == path


async def test_the_connections_headers_win_over_the_models(server: HttpServer) -> None:
    await call(
        server,
        "/",
        {"headers": {"Authorization": "Bearer ${T}"}},
        headers={"authorization": "Bearer mine", "X-Order": "7"},
    )
    assert server.seen[0].headers["authorization"] == "Bearer t0ken"
    assert server.seen[0].headers["x-order"] == "7"
    await call(server, "/", {"user": "anna", "password": "${T}"})
    assert server.seen[1].headers["authorization"] == "Basic YW5uYTp0MGtlbg=="


@pytest.mark.parametrize(
    "url",
    [
        "../admin",
        "/a/%2e%2E/b",
        "a/..%2f..",
        "//other.example",
        "http://other.example/v1",
        "\\\\other\\v1",
        "/a\\..\\b",
    ],
)
async def test_nothing_else_can_be_reached(server: HttpServer, url: str) -> None:
    with pytest.raises(ConnectorRefused):
        await call(server, url)
    assert not server.seen


async def test_nor_what_lies_beside_its_path(server: HttpServer) -> None:
    for url in (f"{server.url}/v10", f"{server.url}/"):
        with pytest.raises(ConnectorRefused, match="not one of the connection 'billing'"):
            await call(server, url)
    assert not server.seen


async def test_nor_by_a_redirect(server: HttpServer) -> None:
    async with http_server() as other:
        server.answers["/v1/a"] = text("", 302, Location=f"{other.url}/")
        with pytest.raises(ConnectorRefused, match="where the connection 'billing' does not lead"):
            await call(server, "/a", {"headers": {"Authorization": "secret"}})
        assert not other.seen


async def test_the_name_of_a_connection_must_be_public_or_in_a_listed_network(server: HttpServer) -> None:
    from ipaddress import ip_address

    async def resolve(host: str, port: int) -> Any:
        return [ip_address("127.0.0.1")]

    found = connections(billing={"url": f"http://billing.example:{server.port}"})
    connector = HttpConnector(Allowed((), ()), 10_000, resolve, found)
    with pytest.raises(ConnectorRefused, match="which is not public"):
        await connector.call({"connection": "billing", "method": "GET"}, key="k")
    connector = HttpConnector(Allowed((), ()), 10_000, resolve, found.within(["127.0.0.0/8"]))
    answer = await connector.call({"connection": "billing", "method": "GET"}, key="k")
    await connector.close()
    assert (answer["statusCode"], server.seen[0].headers["host"]) == (200, f"billing.example:{server.port}")
