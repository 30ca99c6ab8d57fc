"""A TCP proxy between a worker and the server that loses answers on purpose."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

Verdict = Callable[[bytes], bool]


class Faulty:
    """`lose(request)`: whether the answer to this request (its first bytes) is thrown away and the connection closed.
    `lost`: how often that has happened. `refuse`: answers that are given instead of asking the server."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self.lose: Verdict = lambda request: False
        self.refuse: Callable[[bytes], bytes | None] = lambda request: None
        self.lost = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        upstream: asyncio.StreamWriter | None = None
        try:
            answers, upstream = await asyncio.open_connection(self._host, self._port)
            while head := await _message(reader):
                refusal = self.refuse(head)
                if refusal is not None:
                    writer.write(refusal)
                    await writer.drain()
                    continue
                upstream.write(head)
                await upstream.drain()
                answer = await _message(answers)
                if self.lose(head):
                    self.lost += 1
                    return
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            if upstream is not None:
                upstream.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.partition(b":")[2]))
    return head


@asynccontextmanager
async def faulty(upstream: str) -> AsyncIterator[Faulty]:
    """A running proxy; `url` is where it listens, with the path of `upstream`."""
    proxy = Faulty(upstream)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy.url = f"http://127.0.0.1:{port}{urlsplit(upstream).path}"
    try:
        yield proxy
    finally:
        server.close()
