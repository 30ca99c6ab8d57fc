"""Other nodes' notifications, over a connection of their own.

A node (whoever writes a stream of the log) holds a shared advisory lock, so that others see in `pg_locks` that it is
there; the server drops it with the connection. A node that comes says so. The commits of a node that is alone notify
nobody: PostgreSQL serialises all commits that notify, and has every listener read them.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

CHANNEL = "penstock"

LOCK_NODES = 7_365_005
"""Advisory lock that all nodes share."""

COUNT_NODES = f"""SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0
    AND objid = {LOCK_NODES} AND objsubid = 1
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
        self._announced = False
        self.others = True
        """Whether there is another node, as far as is known: up to a `wait` ago."""

    @property
    def listens(self) -> bool:
        """Whether news of other nodes can come."""
        return self._connection is not None and not self._connection.is_closed()

    async def start(self) -> None:
        """Connects and listens. Raises what the driver raises."""
        connection = await asyncpg.connect(
            self._url, command_timeout=60.0, server_settings={"application_name": "penstock listener"}
        )
        try:
            await connection.add_listener(CHANNEL, self._hear)
            if self._announced:
                await self._announce(connection)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection

    async def announce(self) -> None:
        """This is a node now: the others are told, and know as long as the connection lasts."""
        if not self._announced:
            self._announced = True
            if self._connection is not None:
                await self._announce(self._connection)

    async def _announce(self, connection: Any) -> None:
        await connection.execute(f"SELECT pg_advisory_lock_shared({LOCK_NODES})")
        await self._count(connection)
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, self._payload([]))

    async def _count(self, connection: Any) -> None:
        self.others = await connection.fetchval(COUNT_NODES) > (1 if self._announced else 0)

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
                await self._count(connection)
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
        """Notifications for `topics`, each within the bound. A single name beyond it is left to the others' polling."""
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
