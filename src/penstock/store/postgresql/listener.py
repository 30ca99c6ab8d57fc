"""Other nodes' notifications, over a connection of their own.

While it listens, a node holds a shared advisory lock, so that others see in `pg_locks` that it is there; the server drops
it with the connection. A node that starts to listen says so. A node that is alone notifies nobody: PostgreSQL serialises
all commits that notify, and has every listener read them.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

CHANNEL = "penstock"

LOCK_LISTENING = 7_365_005
"""Advisory lock that every listening node shares."""

_LISTENING = f"""SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0
    AND objid = {LOCK_LISTENING} AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""

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
        self.others = True
        """Whether another node listens, as far as is known: up to a `wait` ago."""

    async def start(self) -> None:
        """Connects and listens. Raises what the driver raises."""
        connection = await asyncpg.connect(
            self._url, command_timeout=60.0, server_settings={"application_name": "penstock listener"}
        )
        try:
            await connection.add_listener(CHANNEL, self._hear)
            await connection.execute(f"SELECT pg_advisory_lock_shared({LOCK_LISTENING})")
            self.others = await connection.fetchval(_LISTENING) > 1
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, self._payload([]))
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
        connection = self._connection
        if not self._heard:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                self.others = await connection.fetchval(_LISTENING) > 1
                return ()
        heard = tuple(self._heard)
        self._heard.clear()
        self._news.clear()
        return heard

    def _hear(self, connection: Any, process: int, channel: str, payload: str) -> None:
        node, topics = msgspec.json.decode(payload, type=tuple[str, list[str]])
        if node != self._node:
            self.others = True
            if topics:
                self._heard.update(dict.fromkeys(topics))
                self._news.set()

    def payloads(self, topics: Sequence[str]) -> list[str]:
        """Notifications for `topics`, each within the bound; none while this node is alone. A single name beyond the bound
        is left to the others' polling."""
        if not self.others:
            return []
        found: list[str] = []
        waiting: list[str] = []
        size = 0
        for topic in dict.fromkeys(topics):
            length = len(msgspec.json.encode(topic)) + 1
            if length > PAYLOAD_BYTES_MAX - 32:
                continue
            if size + length > PAYLOAD_BYTES_MAX - 32:
                found.append(self._payload(waiting))
                waiting, size = [], 0
            waiting.append(topic)
            size += length
        if waiting:
            found.append(self._payload(waiting))
        return found

    def _payload(self, topics: list[str]) -> str:
        return msgspec.json.encode((self._node, topics)).decode()
