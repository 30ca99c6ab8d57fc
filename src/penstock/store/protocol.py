"""The contract of a store.

A store keeps four things, and one transaction may change all of them together:
- **instances**: packed state of each live process instance with its revision;
- **log**: `event_log`, streams of packed rows. A stream has one writer (a node's epoch), its positions are 1, 2, 3, …
  without gaps and in commit order;
- **rows** of the tables in `store.tables`;
- **inbox**: keys of requests already taken in, with their answers.

Rules for every store
- `commit` is atomic and durable when it returns; concurrent commits are serialised per instance by its revision.
- Reads see every commit that returned before they began.
- Text is any Unicode except NUL and lone surrogates (callers refuse these before), integers have 64 bits.
- A failed fsync or a torn write is fatal: the store raises StoreFailed from then on.
- Errors: StoreFailed when the store is out of reach, broken or not open (whether a commit was written is then unknown);
  Conflict when the database broke a tie between transactions (nothing was written: try again); LookupError for a table or
  column that does not exist and ValueError for what does not fit (nothing was written, and never will be).
- All methods may be called from one event loop only, concurrently.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from penstock.store.query import Group, Query

Row = dict[str, Any]
"""Column name → value; JSON columns decoded, BOOL columns as bool, absent columns never (every column is a key)."""


class Change(StrEnum):
    """What happens to a row."""

    INSERT = "insert"
    """Adds the row; columns that are not given are null. An existing row with that key is replaced."""
    UPDATE = "update"
    """Sets the given columns of the row with this key; no row, no effect."""
    DELETE = "delete"
    """Removes the row with this key; no row, no effect."""


class RowChange(msgspec.Struct, frozen=True):
    """One change of one row. `values` holds the key columns always, and for INSERT and UPDATE the others to set."""

    table: str
    change: Change
    values: Mapping[str, Any]


class DeleteWhere(msgspec.Struct, frozen=True):
    """Removes every row of `table` whose `column` is one of `values`."""

    table: str
    column: str
    values: Sequence[Any]


class UpdateWhere(msgspec.Struct, frozen=True):
    """Sets `changes` in every row of `table` whose `column` is one of `values`."""

    table: str
    column: str
    values: Sequence[Any]
    changes: Mapping[str, Any]


AnyChange = RowChange | DeleteWhere | UpdateWhere


class InstanceWrite(msgspec.Struct, frozen=True):
    """The new state of an instance.

    `revision_before`: what the store must still have (0: the instance must not exist).
    `head`: packed state; None removes the instance and its chunks.
    `chunks`: chunk number → packed chunk, or None to remove it; only the touched ones.
    """

    id: str
    shard: int
    root: str
    definition: str | None
    revision_before: int
    revision: int
    head: bytes | None
    chunks: Mapping[int, bytes | None] = {}


class StoredInstance(msgspec.Struct, frozen=True):
    """A live instance as it was last committed. `chunks` is complete."""

    id: str
    root: str
    definition: str | None
    revision: int
    head: bytes
    chunks: Mapping[int, bytes]


class LockCheck(msgspec.Struct, frozen=True):
    """An external task must exist and, unless `worker` is None, be locked by that worker (an expired lock that nobody
    else took still counts)."""

    external_task: str
    worker: str | None = None


class InboxEntry(msgspec.Struct, frozen=True):
    """A key that may be taken in once; `answer` is what a repeated request gets. Forgotten after `expires_ms`."""

    key: str
    answer: bytes
    expires_ms: int


class JobCheck(msgspec.Struct, frozen=True):
    """A job must exist and, unless `owner` is None, be leased by that node."""

    job: str
    owner: str | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one group commit writes. Order of work: checks, instances, log, rows (in order), inbox."""

    stream: str
    log: bytes | None
    at_ms: int
    instances: Sequence[InstanceWrite] = ()
    locks: Sequence[LockCheck] = ()
    jobs: Sequence[JobCheck] = ()
    rows: Sequence[AnyChange] = ()
    inbox: Sequence[InboxEntry] = ()
    epoch: int | None = None
    """The definitions' epoch that the batch was stepped under; a Conflict when the store has moved on."""
    bump_epoch: bool = False
    """True when the batch changes definitions, deployments or their suspension."""
    parts: Sequence[bytes] = ()
    """Rows of the log that come before `log`, which is not None then, at positions of their own."""
    notify: Sequence[str] = ()
    """Topics that got new external tasks (`external:<topic>`), or `jobs`: other nodes wake their waiters. Costs nothing
    while there is no other node."""


class Rejected(msgspec.Struct, frozen=True):
    """Why nothing of a batch was written. Ids of what moved or is missing; all empty: `epoch` moved."""

    instances: Sequence[str] = ()
    external_tasks: Mapping[str, str | None] = {}
    """Failed lock checks: id → worker that holds it (None: the task does not exist, or no one holds it: see `missing`)."""
    missing_tasks: Sequence[str] = ()
    jobs: Sequence[str] = ()
    inbox: Mapping[str, bytes] = {}
    """Keys that were taken in before → the stored answer."""
    epoch: int | None = None


class LogEntry(msgspec.Struct, frozen=True):
    """One row of the log."""

    stream: str
    position: int
    format: int
    payload: bytes
    at_ms: int


class TopicFetch(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of a fetchAndLock. None means no restriction, and so does an empty sequence, except of `instance_ids`.

    `instance_ids`: only these process instances (candidates of `processVariables`): an empty sequence matches nothing.
    """

    topic: str
    lock_duration_ms: int
    business_key: str | None = None
    definition_id: str | None = None
    definition_ids: Sequence[str] = ()
    definition_key: str | None = None
    definition_keys: Sequence[str] = ()
    version_tag: str | None = None
    without_tenant: bool = False
    tenant_ids: Sequence[str] = ()
    instance_ids: Sequence[str] | None = None


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """A fetchAndLock over several topics: up to `max_tasks` tasks that no unexpired lock holds, whose retries are not 0
    and that are not suspended. `use_priority`: highest priority first; `created`: sort by creation, `asc` or `desc`;
    else topics take turns so that none starves (oldest first within a topic)."""

    worker: str
    max_tasks: int
    topics: Sequence[TopicFetch]
    use_priority: bool = False
    created: str | None = None


class Store(Protocol):
    """A store. See the module for the rules."""

    name: str
    """`memory`, `sqlite` or `postgresql`."""

    @property
    def alone(self) -> bool:
        """Whether no other node writes to this store: then what a node has in memory is what was last committed. A node
        that comes is known before it has committed anything."""
        ...

    async def open(self) -> None:
        """Connects, creates or migrates the schema. Raises StoreFailed with what to do."""
        ...

    async def close(self) -> None:
        """Waits for what runs and closes."""
        ...

    async def claim_stream(self, stream: str) -> int:
        """Makes the caller the only writer of `stream`; returns its last position (0: new). Whoever writes a stream is a
        node, which the others notify."""
        ...

    async def commit(self, batch: Batch) -> int | Rejected:
        """Writes the batch, or nothing. Returns the position of the last log row (0 when `log` is None)."""
        ...

    async def load(self, ids: Sequence[str]) -> dict[str, StoredInstance]:
        """The live instances among `ids`."""
        ...

    async def epoch(self) -> int:
        """How often definitions have changed."""
        ...

    async def read_inbox(self, key: str, now_ms: int) -> bytes | None:
        """The answer stored under `key`, unless it has expired."""
        ...

    # -- the log and its projections

    async def heads(self) -> dict[str, int]:
        """Stream → last position, in one snapshot."""
        ...

    async def read_log(self, after: Mapping[str, int], limit: int) -> list[LogEntry]:
        """Rows of all streams beyond `after` (missing streams: 0), at most `limit`, each stream in order and without gaps,
        in one snapshot."""
        ...

    async def view_positions(self, projection: str) -> dict[str, int]:
        """How far the named projection has come: stream → position."""
        ...

    async def project(
        self,
        projection: str,
        changes: Sequence[AnyChange],
        positions: Mapping[str, int],
        before: Mapping[str, int] | None = None,
    ) -> bool:
        """Applies changes to VIEW tables and moves the projection's positions, in one transaction.

        `before`: where the projection must stand, all its streams (missing: 0), so that of several nodes that project at
        once one wins; None: anywhere. False, and nothing is written, when it stands elsewhere. ValueError for a change of
        a table that is no view."""
        ...

    async def reset_views(self, projection: str) -> None:
        """Empties every VIEW table and forgets the projection's positions."""
        ...

    # -- queries

    async def rows(self, query: Query) -> list[Row]:
        """The rows, in order."""
        ...

    async def count(self, query: Query) -> int:
        """How many rows; `offset`, `limit` and `order` are ignored."""
        ...

    async def groups(self, group: Group) -> list[Row]:
        """One row per group, in the order of the group's columns."""
        ...

    # -- claiming work (leases on the store's clock; `now_ms` is used where the store has none of its own)

    async def fetch_and_lock(self, fetch: Fetch, now_ms: int) -> list[Row]:
        """Locks and returns external tasks (rows of `external_task` after locking), durable when it returns."""
        ...

    async def extend_lock(self, external_task: str, worker: str, until_ms: int) -> Row | None:
        """Sets the expiry if `worker` holds the lock. Returns the row as it is now, changed or not; None: no such task."""
        ...

    async def lock(self, external_task: str, worker: str, until_ms: int, now_ms: int) -> Row | None:
        """Locks one task unless another worker holds an unexpired lock. Returns the row as it is now; None: no such task."""
        ...

    async def unlock(self, external_task: str) -> Row | None:
        """Takes the lock away. Returns the row as it was before; None: no such task."""
        ...

    async def lease_jobs(self, owner: str, until_ms: int, limit: int, now_ms: int) -> list[Row]:
        """Leases due jobs (due_ms null or reached, retries over 0, not suspended, no unexpired lease): highest priority
        first, then oldest due. Of exclusive jobs of one process instance at most one is leased at any time. A store need not
        look behind many that cannot be leased each time, but a tenth of a second later."""
        ...

    async def release_jobs(self, owner: str, jobs: Sequence[str]) -> None:
        """Gives leases back."""
        ...

    async def next_due_ms(self, now_ms: int) -> int | None:
        """When the next unleased job becomes due (may lie in the past); None: no such job."""
        ...

    async def claim_leases(self, names: Sequence[str], owner: str, duration_ms: int, now_ms: int) -> list[str]:
        """Takes or renews leases (rows of `lease`) for `duration_ms`: those that are free, expired or `owner`'s own.
        Returns the names that are `owner`'s now, durable."""
        ...

    async def release_leases(self, names: Sequence[str], owner: str) -> None:
        """Gives back those that are `owner`'s."""
        ...

    async def notify(self, topics: Sequence[str]) -> None:
        """Tells other nodes at once, without a commit. May be lost."""
        ...

    async def wait_notification(self, timeout_s: float) -> Sequence[str]:
        """Waits for other nodes' notifications; an empty answer after the timeout. Stores of one process just wait."""
        ...
