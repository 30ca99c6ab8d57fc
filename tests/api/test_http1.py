"""The HTTP/1.1 connections: what clients may do with them, and what they may not."""

import asyncio
import gc
from collections.abc import AsyncIterator

import msgspec
import pytest
import uvicorn
from hostile import BODY_BYTES_MAX, World, served

from penstock.api import http1
from penstock.api.http import Request

VERSION = b"GET /engine-rest/version HTTP/1.1\r\nHost: x\r\n\r\n"
FETCH = (
    b'{"workerId":"w","maxTasks":1,"asyncResponseTimeout":20000,"topics":[{"topicName":"nothing","lockDuration":1000}]}'
)


class Client:
    """A connection whose answers are read one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self, head_only: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            length = 0 if head_only else int(headers.get("content-length", "0"))
            return int(head[0].split(" ")[1]), headers, await self.reader.readexactly(length)

    async def ended(self) -> bool:
        """Whether the server has closed the connection."""
        async with asyncio.timeout(10):
            return await self.reader.read(1) == b""


@pytest.fixture
async def server() -> AsyncIterator[uvicorn.Server]:
    """The application behind its own protocol."""
    world = await World.create()
    world.app.engine.settings = msgspec.structs.replace(world.app.engine.settings, fetch_wait_max_ms=60_000)
    async with served(world) as (server, port):
        server.port = port  # type: ignore[attr-defined]
        yield server
    await world.close()


@pytest.fixture
async def client(server: uvicorn.Server) -> AsyncIterator[Client]:
    """A connection to it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)  # type: ignore[attr-defined]
    yield Client(reader, writer)
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_a_connection_is_kept_for_the_next_request(client: Client) -> None:
    for _ in range(3):
        client.writer.write(VERSION)
        status, headers, body = await client.answer()
        assert (status, headers["content-type"]) == (200, "application/json")
        assert b"version" in body
        assert "date" in headers


async def test_requests_that_are_sent_at_once_are_answered_in_order(client: Client) -> None:
    paths = [b"/engine-rest/version", b"/engine-rest/nothing", b"/engine-rest/engine"] * 10
    client.writer.write(b"".join(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths))
    assert [(await client.answer())[0] for _ in paths] == [200, 404, 200] * 10


async def test_a_request_may_arrive_byte_by_byte(client: Client) -> None:
    for byte in VERSION:
        client.writer.write(bytes((byte,)))
        await client.writer.drain()
        await asyncio.sleep(0)
    assert (await client.answer())[0] == 200


async def test_a_body_in_chunks(client: Client) -> None:
    client.writer.write(
        b"POST /engine-rest/external-task/fetchAndLock HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    for part in (b'{"workerId":"w",', b'"maxTasks":1,"topics":[]}'):
        client.writer.write(b"%x\r\n%b\r\n" % (len(part), part))
        await client.writer.drain()
    client.writer.write(b"0\r\n\r\n")
    status, _, body = await client.answer()
    assert (status, body) == (200, b"[]")


async def test_head_has_the_headers_of_get_and_no_body(client: Client) -> None:
    client.writer.write(VERSION.replace(b"GET", b"HEAD", 1) + VERSION)
    status, headers, _ = await client.answer(head_only=True)
    assert status == 200
    full = await client.answer()
    assert headers["content-length"] == full[1]["content-length"]


async def test_who_expects_it_is_told_to_continue(client: Client) -> None:
    client.writer.write(
        b"POST /engine-rest/external-task/count HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    assert (await client.answer())[0] == 100
    client.writer.write(b"{}")
    assert (await client.answer())[0] == 200


@pytest.mark.parametrize("ask", [b"Connection: close\r\n", b""])
async def test_the_connection_ends_when_the_client_wants_it(client: Client, ask: bytes) -> None:
    version = b"1.1" if ask else b"1.0"
    client.writer.write(b"GET /engine-rest/version HTTP/" + version + b"\r\nHost: x\r\n" + ask + b"\r\n")
    status, headers, _ = await client.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert await client.ended()


async def test_too_large_a_body_is_refused_and_the_client_sees_it(client: Client) -> None:
    client.writer.write(
        b"POST /engine-rest/message HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % (10 * BODY_BYTES_MAX)
    )
    for _ in range(10):
        client.writer.write(b" " * BODY_BYTES_MAX)
    assert (await client.answer())[0] == 413
    assert await client.ended()


async def test_too_large_a_head_is_refused(client: Client) -> None:
    client.writer.write(b"GET /engine-rest/version HTTP/1.1\r\nX: " + b"x" * http1.HEAD_BYTES_MAX + b"\r\n\r\n")
    status, _, body = await client.answer()
    assert status == 431
    assert str(http1.HEAD_BYTES_MAX).encode() in body
    assert await client.ended()


async def test_what_is_no_request_is_refused_behind_the_answer_before_it(client: Client) -> None:
    client.writer.write(VERSION)
    assert (await client.answer())[0] == 200
    client.writer.write(b"nonsense\r\n\r\n")
    status, _, body = await client.answer()
    assert status == 400
    assert b"InvalidRequestException" in body
    assert await client.ended()


async def test_an_idle_connection_is_closed(server: uvicorn.Server) -> None:
    server.config.timeout_keep_alive = 0  # type: ignore[assignment]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)  # type: ignore[attr-defined]
    assert await Client(reader, writer).ended()
    writer.close()


async def test_a_request_that_does_not_arrive_is_given_up(
    server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1, "ARRIVAL_S", 0.05)
    server.config.timeout_keep_alive = 0.05  # type: ignore[assignment]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)  # type: ignore[attr-defined]
    writer.write(VERSION[:-5])
    client = Client(reader, writer)
    assert (await client.answer())[0] == 408
    assert await client.ended()
    writer.close()


async def test_a_long_poll_ends_with_its_client(server: uvicorn.Server, client: Client) -> None:
    client.writer.write(
        b"POST /engine-rest/external-task/fetchAndLock HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(FETCH), FETCH)
    )
    async with asyncio.timeout(10):
        while not server.server_state.tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        client.writer.close()
        while server.server_state.tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_server_that_goes_down_answers_what_it_has_taken(server: uvicorn.Server, client: Client) -> None:
    client.writer.write(VERSION)
    assert (await client.answer())[0] == 200
    server.should_exit = True
    assert await client.ended()


async def test_nothing_of_a_connection_waits_for_the_collector(server: uvicorn.Server) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)  # type: ignore[attr-defined]
            writer.write(VERSION)
            assert (await Client(reader, writer).answer())[0] == 200
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(10):
            while server.server_state.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        left = [found for found in gc.get_objects() if isinstance(found, http1.Connection | Request)]
        assert len(left) <= 1, "more than the one whose task has just ended"
    finally:
        gc.enable()
