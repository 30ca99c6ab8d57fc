"""The HTTP client: what servers and proxies may answer."""

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from penstock.worker import AsyncClient, Basic, Bearer, Client, ConnectionLost, Headers, RestError
from penstock.worker.errors import AnswerTooLong
from penstock.worker.http.aio import Pool
from penstock.worker.http.blocking import Pool as BlockingPool
from penstock.worker.http.wire import Address, Answer, Ask

GET = Ask("GET", "/version", repeatable=True, timeout_s=5)


class Canned:
    """A server that answers each request with the next of `answers` (the last one again and again), then closes if the
    answer says so. `requests`: what came."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self._serving: set[asyncio.Task[None] | None] = set()

    async def close(self) -> None:
        """Ends every connection."""
        serving = [task for task in self._serving if task is not None]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self._serving.add(asyncio.current_task())
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            self._serving.discard(asyncio.current_task())

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                for piece in answer.split(b"|"):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.005)
                if b"content-length" not in answer and b"chunked" not in answer and b" 204 " not in answer:
                    return


@contextlib.asynccontextmanager
async def serving(canned: Canned, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Its address."""
    server = await asyncio.start_server(canned.serve, "127.0.0.1", 0, ssl=tls)
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}/engine-rest"
    finally:
        server.close()
        await canned.close()


ANSWERS = [
    (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
    (b"HTTP/1.1 200 OK\r\ncon|tent-length: 5\r\n\r|\nhe|llo", b"hello"),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3|\r\nllo\r\n0\r\n\r\n", b"hello"),
    (b"HTTP/1.1 200 OK\r\nx: y\r\n\r\nhel|lo", b"hello"),
    (b"HTTP/1.1 100 Continue\r\n\r\n|HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
    (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
]


@pytest.mark.parametrize(("answer", "body"), ANSWERS, ids=["whole", "pieces", "chunked", "until the end", "1xx", "204"])
@pytest.mark.parametrize("blocking", [False, True], ids=["asyncio", "blocking"])
async def test_answers(answer: bytes, body: bytes, blocking: bool) -> None:
    async with serving(Canned(answer)) as url:
        for _ in range(2):
            found = await _ask(url, blocking)
            assert (found.body, found.ok) == (body, True)


async def _ask(url: str, blocking: bool, ask: Ask = GET) -> Answer:
    address = Address(url, None, None)
    if blocking:
        pool = BlockingPool(address)
        try:
            return await asyncio.to_thread(pool.send, ask)
        finally:
            pool.close()
    apool = Pool(address, 1)
    try:
        return await apool.send(ask)
    finally:
        await apool.close()


@pytest.mark.parametrize("blocking", [False, True], ids=["asyncio", "blocking"])
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhel|", "not answered within 0.2 s"),
        (b"SMTP ready\r\n\r\n", "not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "not HTTP/1.1"),
    ],
    ids=["too late", "no HTTP", "bad chunk"],
)
async def test_what_is_no_answer(answer: bytes, message: str, blocking: bool) -> None:
    async with serving(Canned(answer)) as url:
        with pytest.raises(ConnectionLost, match=message) as caught:
            await _ask(url, blocking, Ask("GET", "/version", timeout_s=0.2))
    assert caught.value.sent


@pytest.mark.parametrize("blocking", [False, True], ids=["asyncio", "blocking"])
async def test_a_long_answer_is_not_read_to_its_end(blocking: bool) -> None:
    canned = Canned(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n" + b"x" * 11)
    async with serving(canned) as url:
        with pytest.raises(AnswerTooLong, match="more than 10 bytes") as caught:
            await _ask(url, blocking, Ask("GET", "/version", timeout_s=5, answer_bytes_max=10))
    assert caught.value.sent
    async with serving(Canned(ANSWERS[0][0])) as url:
        assert (await _ask(url, blocking, Ask("GET", "/version", answer_bytes_max=5))).body == b"hello"


@pytest.mark.parametrize("blocking", [False, True], ids=["asyncio", "blocking"])
async def test_nobody_listens(blocking: bool) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(ConnectionLost, match="out of reach") as caught:
            await _ask(url, blocking)
    assert not caught.value.sent


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n" + b'{"version":"1.0"}'


async def test_connections_are_kept_and_bounded() -> None:
    canned = Canned(OK)
    async with serving(canned) as url:
        pool = Pool(Address(url, None, None), 3)
        for _ in range(3):
            answers = await asyncio.gather(*(pool.send(GET) for _ in range(20)))
            assert all(answer.ok for answer in answers)
        await pool.close()
        with pytest.raises(ConnectionLost, match="closed"):
            await pool.send(GET)
    assert canned.connections == 3 and len(canned.requests) == 60


async def test_a_request_that_is_cancelled_frees_its_place() -> None:
    async with serving(Canned(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n|", OK)) as url:
        pool = Pool(Address(url, None, None), 1)
        hanging = asyncio.create_task(pool.send(GET))
        waiting = asyncio.create_task(pool.send(GET))
        second = asyncio.create_task(pool.send(GET))
        await asyncio.sleep(0.05)
        waiting.cancel()
        hanging.cancel()
        assert (await second).ok
        await pool.close()


async def test_what_was_not_taken_is_sent_again() -> None:
    busy = b"HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"
    canned = Canned(busy, busy, OK)
    async with serving(canned) as url, AsyncClient(url) as client:
        assert await client.version() == "1.0"
    assert len(canned.requests) == 3


async def test_what_may_have_been_taken_is_not() -> None:
    """A start whose answer is lost may have started something."""
    canned = Canned(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n|")

    async with serving(canned) as url, AsyncClient(url) as client:
        server_gone = asyncio.create_task(client.start("order"))
        await asyncio.sleep(0.05)
        await client.close()
        with pytest.raises(ConnectionLost):
            await server_gone
    assert len(canned.requests) == 1


async def test_refusals_of_servers_and_proxies() -> None:
    camunda = b'{"type":"RestException","message":"no such process","code":7}'
    page = b"<html>Bad Gateway</html>"
    canned = Canned(
        b"HTTP/1.1 404 No\r\ncontent-length: %d\r\n\r\n" % len(camunda) + camunda,
        b"HTTP/1.1 401 No\r\ncontent-length: %d\r\n\r\n" % len(page) + page,
    )
    async with serving(canned) as url, AsyncClient(url) as client:
        with pytest.raises(RestError, match="no such process") as caught:
            await client.start("x")
        assert (caught.value.status, caught.value.type, caught.value.rest_code) == (404, "RestException", 7)
        with pytest.raises(RestError, match="GET /version was answered with 401"):
            await client.version()


@pytest.mark.parametrize(
    ("auth", "line"),
    [
        (Basic("demo", "dëmo"), b"authorization: Basic ZGVtbzpkw6ttbw=="),
        (Bearer("t1"), b"authorization: Bearer t1"),
        (Bearer(lambda: "t2"), b"authorization: Bearer t2"),
        (Headers({"x-api-key": "k"}), b"x-api-key: k"),
    ],
)
async def test_who_asks(auth: Basic | Bearer | Headers, line: bytes) -> None:
    canned = Canned(OK)
    async with serving(canned) as url, AsyncClient(url, auth=auth) as client:
        await client.version()
    assert line in canned.requests[0].split(b"\r\n")
    assert canned.requests[0].startswith(b"GET /engine-rest/version HTTP/1.1\r\nhost: 127.0.0.1:")


def test_a_header_cannot_smuggle_another() -> None:
    with pytest.raises(ValueError, match="line break"):
        Address("http://h", None, Bearer("a\r\nx: y")).request(GET)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A certificate of 127.0.0.1 and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("NOTHING OF TLS IS TESTED: there is no openssl")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        str(key),
        "-out",
        str(cert),
        *subject,
    ]
    subprocess.run(command, check=True, capture_output=True)
    yield cert, key


@pytest.mark.parametrize("blocking", [False, True], ids=["asyncio", "blocking"])
async def test_tls(certificate: tuple[Path, Path], blocking: bool) -> None:
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(*certificate)
    trusts = ssl.create_default_context(cafile=str(certificate[0]))
    async with serving(Canned(OK), serves) as url:
        if blocking:
            with Client(url, tls=trusts) as client:
                assert await asyncio.to_thread(client.version) == "1.0"
        else:
            async with AsyncClient(url, tls=trusts) as aclient:
                assert await aclient.version() == "1.0"
        with pytest.raises(ConnectionLost, match="out of reach"):
            await Pool(Address(url, None, None), 1).send(GET)


def test_a_blocking_client_serves_many_threads(base_url: str) -> None:
    with Client(base_url) as client:
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(client.version())) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 20 and len(set(found)) == 1
