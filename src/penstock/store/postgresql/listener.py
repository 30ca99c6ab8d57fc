"""Other nodes' notifications, over a connection of their own."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

CHANNEL = "penstock"

PAYLOAD_BYTES_MAX = 7_900
"""PostgreSQL refuses payloads of 8,000 bytes."""


class Listener:
    """Collects what other nodes notify. A lost connection is made again by the next `wait`."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Names this node in notifications, so that it does not wake itself.
        self._node = os.urandom(8).hex()
        self._connection: Any = None
        self._heard: dict[str, None] = {}
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Connects and listens. Raises what the driver raises."""
        connection = await asyncpg.connect(
            self._url, command_timeout=60.0, server_settings={"application_name": "penstock listener"}
        )
        try:
            await connection.add_listener(CHANNEL, self._hear)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection

    async def stop(self) -> None:
        """Ends the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def wait(self, timeout_s: float) -> Sequence[str]:
        """Topics that other nodes have announced since the last call; nothing after the timeout."""
        if self._connection is None or self._connection.is_closed():
            await self.start()
        if not self._heard:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                return ()
        heard = tuple(self._heard)
        self._heard.clear()
        self._news.clear()
        return heard

    def _hear(self, connection: Any, process: int, channel: str, payload: str) -> None:
        node, topics = msgspec.json.decode(payload, type=tuple[str, list[str]])
        if node != self._node:
            self._heard.update(dict.fromkeys(topics))
            self._news.set()

    def payloads(self, topics: Sequence[str]) -> list[str]:
        """Notifications for `topics`, each within the bound. A single name beyond it is left to the others' polling."""
        found: list[str] = []
        waiting: list[str] = []
        size = 0
        for topic in dict.fromkeys(topics):
            length = len(msgspec.json.encode(topic)) + 1
            if length > PAYLOAD_BYTES_MAX - 32:
                continue
            if size + length > PAYLOAD_BYTES_MAX - 32:
                found.append(msgspec.json.encode((self._node, waiting)).decode())
                waiting, size = [], 0
            waiting.append(topic)
            size += length
        if waiting:
            found.append(msgspec.json.encode((self._node, waiting)).decode())
        return found
