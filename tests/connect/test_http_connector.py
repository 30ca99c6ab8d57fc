"""`http-connector` against a real server on loopback."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.connect.allowed import Address, Allowed
from penstock.connect.http import connector as http
from penstock.connect.http.connector import HttpConnector
from support.http_server import HttpServer, Seen, http_server, late, text


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with http_server() as found:
        yield found


def connector(server: HttpServer, *hosts: str, networks: Sequence[str] = (), **more: Any) -> HttpConnector:
    return HttpConnector(Allowed(hosts or (f"127.0.0.1:{server.port}",), networks), 10_000, **more)


def leads_to(*addresses: str) -> Any:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[Address]:
        asked.append(host)
        return [ip_address(address) for address in addresses]

    resolve.asked = asked  # type: ignore[attr-defined]
    return resolve


async def call(made: HttpConnector, url: str, method: str = "GET", **inputs: Any) -> Any:
    try:
        return await made.call({"url": url, "method": method, **inputs}, key="key-1")
    finally:
        await made.close()


async def test_a_call_and_its_answer(server: HttpServer) -> None:
    server.answers["/a"] = text("grün".encode("latin-1"), 201, Content_Type="text/plain; charset=ISO-8859-1", X_A="1")
    answer = await call(
        connector(server),
        f"{server.url}/a?q=%20ä",
        "POST",
        payload='{"n": 1}',
        headers={"Content-Type": "application/json"},
    )
    assert (answer["statusCode"], answer["response"], answer["headers"]["X-A"]) == (201, "grün", "1")
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/a?q=%20%C3%A4", b'{"n": 1}')
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["idempotency-key"] == "key-1"
    assert seen.headers["accept-encoding"] == "identity"


async def test_every_method_arrives(server: HttpServer) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"):
        assert (await call(connector(server), server.url, method))["statusCode"] == 200
        assert server.seen[-1].method == method


async def test_an_error_status_is_an_answer_unless_the_model_says_otherwise(server: HttpServer) -> None:
    server.answers["/no"] = text("not here", 404)
    assert (await call(connector(server), f"{server.url}/no"))["statusCode"] == 404
    with pytest.raises(ConnectorFailed, match="Status Code: 404, Response: not here"):
        await call(connector(server), f"{server.url}/no", configuration={"throw-http-error": "TRUE"})


async def test_what_is_not_listed_is_not_connected_to(server: HttpServer) -> None:
    with pytest.raises(ConnectorRefused, match="connector_hosts"):
        await call(connector(server, "api.example.com"), f"{server.url}/a?token=secret")
    assert server.seen == []


async def test_a_listed_name_is_connected_to_at_the_address_that_was_checked(server: HttpServer) -> None:
    resolve = leads_to("127.0.0.1")
    made = connector(server, f"shop.test:{server.port}", networks=["127.0.0.0/8"], resolve=resolve)
    await call(made, f"http://shop.test:{server.port}/a")
    assert server.seen[0].headers["host"] == f"shop.test:{server.port}"
    assert resolve.asked == ["shop.test"], "the name was resolved once, and by nobody else"


async def test_a_listed_name_that_resolves_to_the_own_machine_is_refused(server: HttpServer) -> None:
    made = connector(server, f"shop.test:{server.port}", resolve=leads_to("127.0.0.1"))
    with pytest.raises(ConnectorRefused, match=r"'shop\.test' resolves to 127\.0\.0\.1, which is not public"):
        await call(made, f"http://shop.test:{server.port}/a")
    assert server.seen == []


async def test_the_next_address_is_tried_when_one_does_not_answer(server: HttpServer) -> None:
    resolve = leads_to("127.0.0.9", "127.0.0.1")
    made = connector(server, f"shop.test:{server.port}", networks=["127.0.0.0/8"], resolve=resolve)
    assert (await call(made, f"http://shop.test:{server.port}/"))["statusCode"] == 200


async def test_redirects_of_reading_methods_are_followed(server: HttpServer) -> None:
    server.answers["/old"] = text("", 302, Location="/new?a=1")
    assert (await call(connector(server), f"{server.url}/old"))["response"] == "ok"
    assert [seen.path for seen in server.seen] == ["/old", "/new?a=1"]
    assert (await call(connector(server), f"{server.url}/old", "POST", payload="x"))["statusCode"] == 302
    off = {"redirects-enabled": "false"}
    assert (await call(connector(server), f"{server.url}/old", configuration=off))["statusCode"] == 302


async def test_a_303_becomes_a_get_without_the_payload(server: HttpServer) -> None:
    server.answers["/form"] = text("", 303, Location="/done")
    await call(connector(server), f"{server.url}/form", "POST", payload="x")
    assert [(seen.method, seen.body) for seen in server.seen] == [("POST", b"x"), ("GET", b"")]


async def test_a_redirect_is_checked_like_the_first_url(server: HttpServer) -> None:
    server.answers["/old"] = text("", 302, Location=f"http://localhost:{server.port}/inner")
    with pytest.raises(ConnectorRefused, match=rf"'localhost:{server.port}': add it"):
        await call(connector(server), f"{server.url}/old")
    server.answers["/old"] = text("", 302, Location="file:///etc/passwd")
    with pytest.raises(ConnectorRefused, match="must begin with"):
        await call(connector(server), f"{server.url}/old")
    assert [seen.path for seen in server.seen] == ["/old", "/old"]
    for nonsense in ("http://[::1", "http://a:x/", "//u:secret@a:x/"):
        server.answers["/old"] = text("", 302, Location=nonsense)
        with pytest.raises(ConnectorRefused, match="is no URL") as refused:
            await call(connector(server), f"{server.url}/old")
        assert "secret" not in refused.value.message


async def test_another_origin_does_not_get_credentials(server: HttpServer) -> None:
    server.answers["/old"] = text("", 302, Location=f"http://localhost:{server.port}/other")
    hosts = (f"127.0.0.1:{server.port}", f"localhost:{server.port}")
    await call(connector(server, *hosts), f"{server.url}/old", headers={"Authorization": "Bearer x", "X-A": "1"})
    assert server.seen[0].headers["authorization"] == "Bearer x"
    assert "authorization" not in server.seen[1].headers
    assert "idempotency-key" not in server.seen[1].headers
    assert server.seen[1].headers["x-a"] == "1"


async def test_redirects_without_an_end_have_one(server: HttpServer) -> None:
    server.answers["/loop"] = text("", 302, Location="/loop")
    with pytest.raises(ConnectorFailed, match="redirects more than 10 times"):
        await call(connector(server), f"{server.url}/loop")
    assert len(server.seen) == 11


async def test_a_large_answer_is_refused_before_it_is_there(server: HttpServer) -> None:
    async def endless(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 4_096)
            await writer.drain()

    server.answers["/big"] = endless
    with pytest.raises(ConnectorRefused, match=r"more than 10000 bytes \(setting connector_response_bytes_max\)"):
        await call(connector(server), f"{server.url}/big")
    server.answers["/fits"] = text(b"x" * 10_000)
    assert len((await call(connector(server), f"{server.url}/fits"))["response"]) == 10_000


async def test_a_proxy_of_the_environment_is_not_used(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await call(connector(server), f"{server.url}/"))["response"] == "ok"


async def test_an_encoding_that_was_not_asked_for_is_refused(server: HttpServer) -> None:
    server.answers["/gz"] = text(b"\x1f\x8b", Content_Encoding="gzip")
    with pytest.raises(ConnectorRefused, match="encoding 'gzip'"):
        await call(connector(server), f"{server.url}/gz")


async def test_who_does_not_answer_fails_the_call(server: HttpServer) -> None:
    server.answers["/slow"] = late(5)
    with pytest.raises(ConnectorFailed, match="did not answer in time"):
        await call(connector(server), f"{server.url}/slow?t=secret", configuration={"socket-timeout": "50"})
    with pytest.raises(ConnectorFailed, match="cannot be reached"):
        await call(connector(server, "127.0.0.1:1"), "http://127.0.0.1:1/")

    async def broken(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no http at all\r\n\r\n")

    server.answers["/broken"] = broken
    with pytest.raises(ConnectorFailed, match="cannot be reached"):
        await call(connector(server), f"{server.url}/broken")


async def test_a_name_that_nobody_knows(server: HttpServer) -> None:
    async def resolve(host: str, port: int) -> Sequence[Address]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(ConnectorFailed, match=r"The host 'gone\.test' cannot be resolved: Name or service not known"):
        await call(connector(server, "gone.test", resolve=resolve), "http://gone.test/")


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A certificate with its key for `shop.test`, which this machine trusts meanwhile."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here, which makes the certificate")
    made = tmp_path / "shop.pem"
    what = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=shop.test"
    subprocess.run(
        [openssl, *what.split(), "-addext", "subjectAltName=DNS:shop.test", "-keyout", made, "-out", tmp_path / "c"],
        check=True,
        capture_output=True,
    )
    made.write_bytes(made.read_bytes() + (tmp_path / "c").read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "c"))
    http.tls_context.cache_clear()
    yield made
    http.tls_context.cache_clear()


async def test_tls_is_verified_against_the_name_and_not_the_address(certificate: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with http_server(context) as server:
        hosts = (f"shop.test:{server.port}", f"other.test:{server.port}")
        made = connector(server, *hosts, networks=["127.0.0.0/8"], resolve=leads_to("127.0.0.1"))
        assert (await call(made, f"https://shop.test:{server.port}/"))["response"] == "ok"
        with pytest.raises(ConnectorFailed, match="certificate verify failed: Hostname mismatch"):
            await call(made, f"https://other.test:{server.port}/")
        assert len(server.seen) == 1
