"""A node without an engine: rows in a memory store, answers that a test lays out, commands that it records."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.base.clock import VirtualClock
from penstock.base.errors import NotFound
from penstock.base.ids import CountingIds, shard_of
from penstock.engine.commands import Command
from penstock.engine.state import Instance
from penstock.identity.changes import MakeChanges, Operation, Present
from penstock.runtime.batches.kinds import NewBatch
from penstock.runtime.batches.rows import batch_row
from penstock.runtime.protocol import Deploy, Deployed, Settings
from penstock.runtime.telemetry.catalogue import Measured
from penstock.runtime.telemetry.counters import Counters
from penstock.store.memory.store import MemoryStore
from penstock.store.protocol import Batch, Change, Fetch, Row, RowChange
from penstock.store.query import Group, Query
from penstock.store.tables import TABLES


class FakeDefinition:
    """As much of a definition as starting needs."""

    def __init__(self, id: str, key: str, tenant: str | None = None, process: Any = None) -> None:
        self.id, self.key, self.tenant, self.process = id, key, tenant, process


class FakeEngine:
    """See the module."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.clock = VirtualClock()
        self.ids = CountingIds()
        self.settings = settings or Settings()
        self.store = MemoryStore(self.clock)
        self.commands: list[Command] = []
        self.keys: list[str | None] = []
        self.answer: Any = None
        self.failing: Exception | None = None
        self.instances_by_id: dict[str, Instance] = {}
        self.definitions: dict[str, FakeDefinition] = {}
        self.owners: dict[str, str] = {}
        self.deploys: list[Deploy] = []
        self.calls: list[tuple[Any, ...]] = []
        self.state: dict[str, Any] = {"ready": True}
        self.counters = Counters()
        self.measured: list[Measured] = []

    async def insert(self, table: str, **values: Any) -> None:
        """Puts a row into a table; the shard follows from the id."""
        row = dict(values)
        if "shard" in TABLES[table].columns:
            row.setdefault("shard", shard_of(row["id"]))
        change = RowChange(table, Change.INSERT, row)
        if TABLES[table].sort == "view":
            await self.store.project("test", [change], {})
            return
        await self.store.commit(Batch(stream="s", log=None, at_ms=0, rows=[change]))

    async def execute(self, command: Command, *, idempotency_key: str | None = None) -> Any:
        self.commands.append(command)
        self.keys.append(idempotency_key)
        if self.failing is not None:
            raise self.failing
        return self.answer

    async def deploy(self, request: Deploy) -> Deployed:
        self.deploys.append(request)
        if self.failing is not None:
            raise self.failing
        row = {"id": self.ids.new(), "name": request.name, "source": request.source, "tenant_id": request.tenant}
        return Deployed(deployment={**row, "deployed_ms": self.clock.now_ms()})

    async def delete_deployment(self, deployment: str, **options: Any) -> None:
        self.calls.append(("delete_deployment", deployment, options))

    async def administer(self, make: MakeChanges, *, user: str | None = None) -> Any:
        """Changes of rows are made; operations and events are recorded only."""
        changes = await make(Present(self, self.ids, self.clock.now_ms()))
        self.calls.append(("administer", changes.operations, changes.events, user))
        if changes.rows:
            await self.store.commit(Batch(stream="s", log=None, at_ms=0, rows=changes.rows))
        return changes.result

    async def execute_together(
        self, commands: Sequence[Command], operation: Operation | None = None, *, user: str | None = None
    ) -> None:
        self.calls.append(("execute_together", tuple(commands), operation, user))

    async def create_batch(self, new: NewBatch, operation: Operation | None = None) -> Row:
        """The row is made, without jobs."""
        self.calls.append(("create_batch", new, operation))
        row = batch_row(new, self.ids, self.settings, self.clock.now_ms())
        await self.insert("batch", **row)
        return row

    async def suspend_batch(self, batch: str, suspended: bool, *, user: str | None = None) -> None:
        self.calls.append(("suspend_batch", batch, suspended))

    async def delete_batch(self, batch: str, *, cascade: bool, user: str | None = None) -> None:
        self.calls.append(("delete_batch", batch, cascade))

    async def delete_history_batch(self, batch: str, *, user: str | None = None) -> None:
        self.calls.append(("delete_history_batch", batch))

    async def delete_definition(self, definition: str, *, cascade: bool, user: str | None = None) -> None:
        self.calls.append(("delete_definition", definition, cascade))

    async def suspend_definition(
        self, definitions: Sequence[str], suspended: bool, *, include_instances: bool, user: str | None = None
    ) -> None:
        self.calls.append(("suspend_definition", tuple(definitions), suspended, include_instances))

    async def definition(self, definition: str) -> Any:
        found = self.definitions.get(definition)
        if found is None:
            raise NotFound(f"no deployed process definition found with id '{definition}': processDefinition is null")
        return found

    async def latest(self, key: str, tenant: str | None) -> str | None:
        return next((d.id for d in self.definitions.values() if (d.key, d.tenant) == (key, tenant)), None)

    async def instance(self, instance: str) -> Instance | None:
        return self.instances_by_id.get(instance)

    async def instances(self, instances: Sequence[str]) -> dict[str, Instance]:
        return {id: found for id in instances if (found := self.instances_by_id.get(id)) is not None}

    async def committed(self, instance: str) -> Instance | None:
        return self.instances_by_id.get(instance)

    async def instance_of(self, table: str, id: str) -> str | None:
        return self.owners.get(id)

    async def rows(self, query: Query) -> list[Row]:
        return await self.store.rows(query)

    async def count(self, query: Query) -> int:
        return await self.store.count(query)

    async def groups(self, group: Group) -> list[Row]:
        return await self.store.groups(group)

    async def fetch_and_lock(self, fetch: Fetch, *, wait_ms: int | None) -> list[Row]:
        self.calls.append(("fetch_and_lock", fetch, wait_ms))
        return await self.store.fetch_and_lock(fetch, self.clock.now_ms())

    async def note_seen_results(self, seen: Mapping[str, Any]) -> None:
        self.calls.append(("note_seen_results", seen))

    def give_back(self, rows: Sequence[Row]) -> None:
        self.calls.append(("give_back", [row["id"] for row in rows]))

    async def lock_external_task(self, external_task: str, worker: str, duration_ms: int) -> None:
        self.calls.append(("lock", external_task, worker, duration_ms))

    async def unlock_external_task(self, external_task: str, *, user: str | None = None) -> None:
        self.calls.append(("unlock", external_task))
        if self.failing is not None:
            raise self.failing

    async def extend_lock(self, external_task: str, worker: str, duration_ms: int) -> None:
        self.calls.append(("extend_lock", external_task, worker, duration_ms))

    def health(self) -> Mapping[str, Any]:
        return self.state

    def metrics(self) -> Mapping[str, float]:
        return {"units_total": 3, "pending": 0.5}

    async def measure(self) -> Sequence[Measured]:
        return self.measured
