"""A PostgreSQL store, looked at from outside: connections that only read."""

from typing import Any

from penstock.base.errors import StoreFailed
from penstock.base.ids import shard_of
from penstock.store import sql
from penstock.store.inspection import Facts, Setting
from penstock.store.postgresql.listener import COUNT_NODES
from penstock.store.postgresql.store import _READER_SETTINGS, READERS, WRITERS, PostgresqlStore, _errors
from penstock.store.protocol import StoredInstance

CONNECTIONS_PER_NODE = READERS + WRITERS + 1

_NEEDED = {
    "fsync": ("on", "without it a crash of the machine loses what was acknowledged: set fsync = on", True),
    "full_page_writes": ("on", "without it a crash can leave torn pages: set full_page_writes = on", True),
    "autovacuum": ("on", "without it the tables of work grow for ever: set autovacuum = on", False),
}
"""Setting → (what it must be, why and what to do, whether data can be lost)."""


class PostgresqlInspection(PostgresqlStore):
    """See `store.inspection.Inspection`."""

    async def open(self) -> None:
        try:
            with _errors():
                self._readers = self._writers = await self._pool(2, _READER_SETTINGS)
                async with self._reader() as connection:
                    await self._examine(connection)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._writers = None
        await super().close()

    async def facts(self) -> Facts:
        """See `Inspection.facts`."""
        async with self._reader() as connection:
            row = await connection.fetchrow(
                "SELECT current_setting('server_version') AS version, to_regclass('meta') IS NOT NULL AS made,"
                f" pg_database_size(current_database()) AS size, ({COUNT_NODES}) AS nodes"
            )
            schema = await connection.fetchval("SELECT version FROM meta") if row["made"] else 0
            settings = await _settings(connection)
            # Last, so that nothing lies between the clock and the answer.
            now_ms = await connection.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        return Facts(
            database=f"PostgreSQL {row['version']}",
            schema=schema,
            known_schema=sql.migrations("penstock.store.postgresql")[-1][0],
            nodes=row["nodes"],
            size_bytes=row["size"],
            settings=settings,
            now_ms=now_ms,
        )

    async def live_instances(self, after: StoredInstance | None, limit: int) -> list[StoredInstance]:
        """See `Inspection.live_instances`."""
        shard, id = (shard_of(after.root), after.id) if after is not None else (-1, "")
        async with self._reader() as connection:
            rows = await connection.fetch(
                "SELECT i.id, i.root, i.definition, i.revision, i.head, c.numbers, c.contents FROM (SELECT * FROM instance"
                " WHERE (shard, id) > ($1, $2) ORDER BY shard, id LIMIT $3) AS i"
                " CROSS JOIN LATERAL (SELECT array_agg(number) AS numbers, array_agg(content) AS contents"
                " FROM instance_chunk AS c WHERE c.shard = i.shard AND c.id = i.id) AS c ORDER BY i.shard, i.id",
                shard,
                id,
                limit,
            )
        return [
            StoredInstance(id, root, definition, revision, head, dict(zip(numbers or (), contents or (), strict=True)))
            for id, root, definition, revision, head, numbers, contents in rows
        ]

    async def check_pages(self) -> list[str]:
        """See `Inspection.check_pages`: PostgreSQL checks its pages as it reads them, if the cluster has checksums."""
        async with self._reader() as connection:
            failures = await connection.fetchval(
                "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()"
            )
        return [f"{failures} pages with a wrong checksum were read (pg_stat_database)"] if failures else []

    async def commit(self, batch: Any) -> Any:
        """Refused."""
        raise StoreFailed("a store that is looked at takes no commits")


async def _settings(connection: Any) -> tuple[Setting, ...]:
    names = (*_NEEDED, "max_connections")
    values = dict(await connection.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY($1)", names))
    found = []
    for name, (wanted, advice, fatal) in _NEEDED.items():
        fine = values[name] == wanted
        found.append(Setting(name=name, value=values[name], advice=None if fine else advice, fatal=fatal and not fine))
    few = int(values["max_connections"]) < 3 * CONNECTIONS_PER_NODE
    advice = f"a node takes up to {CONNECTIONS_PER_NODE} connections: raise max_connections before adding nodes"
    found.append(Setting(name="max_connections", value=values["max_connections"], advice=advice if few else None))
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        advice = "a standby takes no writes: name the primary in the store's address"
        found.append(Setting(name="role", value="standby", advice=advice, fatal=True))
    return tuple(found)
