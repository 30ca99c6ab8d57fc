"""Live instances in memory, and who may step them.

`Hot` is the newest state of one instance that this node has made or read, committed or not. It is only a cache: the
store compares revisions, and what has moved elsewhere is dropped and read again. A dropped `Hot` never comes back;
a unit that was stepping on it is stepped again.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping

from penstock.base.ids import shard_of
from penstock.engine.codec import decode
from penstock.engine.state import Instance
from penstock.store.protocol import StoredInstance

NO_CHUNKS: Mapping[int, bytes] = {}

_OVERHEAD_BYTES = 512
"""What an entry costs beside its bytes; the decoded state is about four times the packed one."""


class Hot:
    """The newest known state of an instance. `head` None: it has ended and its end is not committed yet.

    `pending`: how many units that changed it wait for their commit. `instance` None: to be decoded from the bytes.
    """

    __slots__ = (
        "_chunks",
        "chunks_bytes",
        "definition",
        "dropped",
        "head",
        "id",
        "instance",
        "pending",
        "revision",
        "root",
        "shard",
    )

    def __init__(self, id: str, root: str, definition: str | None) -> None:
        self.id = id
        self.root = root
        self.shard = shard_of(root)
        self.definition = definition
        self.head: bytes | None = None
        self._chunks: dict[int, bytes] | None = None
        self.chunks_bytes = 0
        self.instance: Instance | None = None
        self.revision = 0
        self.pending = 0
        self.dropped = False

    @classmethod
    def of(cls, stored: StoredInstance) -> "Hot":
        """What was just read from the store."""
        hot = cls(stored.id, stored.root, stored.definition)
        hot.head, hot.revision = stored.head, stored.revision
        if stored.chunks:
            hot._chunks = dict(stored.chunks)
            hot.chunks_bytes = sum(map(len, hot._chunks.values()))
        return hot

    @property
    def chunks(self) -> Mapping[int, bytes]:
        """The chunks of a large instance, by number."""
        return NO_CHUNKS if self._chunks is None else self._chunks

    def moved_on(self, instance: Instance, head: bytes | None, changed: Mapping[int, bytes | None]) -> None:
        """A unit has made `instance` of what was here; `changed`: chunks, None for those that are gone."""
        self.head, self.revision, self.definition = head, instance.revision, instance.definition
        self.instance = instance if head is not None else None
        if head is None:
            self._chunks, self.chunks_bytes = None, 0
        elif changed:
            self._change_chunks(changed)

    def _change_chunks(self, changed: Mapping[int, bytes | None]) -> None:
        chunks = self._chunks if self._chunks is not None else {}
        for number, chunk in changed.items():
            before = chunks.pop(number, None)
            self.chunks_bytes -= len(before) if before is not None else 0
            if chunk is not None:
                chunks[number] = chunk
                self.chunks_bytes += len(chunk)
        self._chunks = chunks or None

    def state(self) -> Instance | None:
        """The state, decoded when need be; None when the instance has ended."""
        if self.instance is None and self.head is not None:
            self.instance = self.snapshot()
        return self.instance

    def snapshot(self) -> Instance:
        """A copy of the state, which nobody changes. The instance has not ended."""
        assert self.head is not None
        return decode(self.head, self.chunks)

    @property
    def size_bytes(self) -> int:
        """Roughly what the entry holds in memory."""
        size = len(self.head) if self.head is not None else 0
        return _OVERHEAD_BYTES + 4 * (size + self.chunks_bytes)


class HotCache:
    """Least recently used instances go first when there is more than `bytes_max`; those with pending units stay."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.size_bytes = 0
        self._entries: OrderedDict[str, Hot] = OrderedDict()
        self._sizes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, id: str) -> Hot | None:
        """The entry, which counts as used."""
        found = self._entries.get(id)
        if found is not None:
            self._entries.move_to_end(id)
        return found

    def put(self, hot: Hot) -> None:
        """Adds or measures again."""
        id = hot.id
        size = hot.size_bytes
        self.size_bytes += size - self._sizes.get(id, 0)
        self._sizes[id] = size
        self._entries[id] = hot
        if self.size_bytes > self.bytes_max:
            self._evict()

    def drop(self, id: str) -> None:
        """Forgets what is known of the instance."""
        hot = self._entries.pop(id, None)
        if hot is not None:
            hot.dropped = True
            self.size_bytes -= self._sizes.pop(id)

    def clear(self) -> None:
        """Forgets everything."""
        for id in list(self._entries):
            self.drop(id)

    def _evict(self) -> None:
        for id in list(self._entries):
            if self.size_bytes <= self.bytes_max:
                return
            hot = self._entries[id]
            if not hot.pending:
                # Not marked as dropped: a unit that steps on it now may still commit, the store checks its revision.
                del self._entries[id]
                self.size_bytes -= self._sizes.pop(id)


class Locks:
    """One holder per instance, first come first served. Whoever takes several takes them in the order of their ids."""

    def __init__(self) -> None:
        self._held: dict[str, deque[asyncio.Future[None]] | None] = {}

    def try_take(self, id: str) -> bool:
        """Takes a free lock; False when somebody holds it."""
        if id in self._held:
            return False
        self._held[id] = None
        return True

    async def take(self, id: str) -> None:
        """Waits for the lock."""
        if self.try_take(id):
            return
        waiting = self._held[id]
        if waiting is None:
            waiting = self._held[id] = deque()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(id)
            raise

    def release(self, id: str) -> None:
        """Hands the lock to the next who waits."""
        waiting = self._held[id]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._held[id]
