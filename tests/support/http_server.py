"""A small real HTTP server: what it was asked, and answers that tests choose by path."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Answer = Callable[["Seen", asyncio.StreamWriter], Awaitable[None]]


class Seen:
    """One request as it arrived. Header names are in lower case."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body


class HttpServer:
    """Listens on loopback; `answers` by path, else 200 with the text `ok`."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answers: dict[str, Answer] = {}
        self.port = 0
        self.now = self.most = 0
        """Requests under way: at the moment, and at most."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.seen.append(Seen(method, path, headers, body))
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                await self.answers.get(path.partition("?")[0], text())(self.seen[-1], writer)
                await writer.drain()
            finally:
                self.now -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def http_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpServer]:
    """A running server."""
    found = HttpServer()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        await server.wait_closed()


def text(body: bytes | str = "ok", status: int = 200, **headers: str) -> Answer:
    """An answer with this body; header names with `_` for `-`."""
    content = body.encode() if isinstance(body, str) else body

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join((*lines, "", "")).encode() + (b"" if seen.method == "HEAD" else content))

    return answer


def late(delay_s: float, then: Answer | None = None) -> Answer:
    """An answer after a while."""

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_s)
        await (then or text())(seen, writer)

    return answer
