"""Keeps the views up to date with the log, in the background and in bulk.

The position of the views is stored in the same transaction as their rows, so a restart goes on where it stopped. On a
store that this node has for itself, rows of the log that it has just committed are taken from memory; otherwise, and
for everything older, they are read.

On a shared store any node may project, and one does: the store takes a transaction only from where the views stand, and a
node whose transaction comes too late follows from then on, so that the work is done once. Followers look how far the views
are, and one takes the lead when they stand still although there is more to project: no node that dies, is paused or cut
off stops them, and one that wakes up again can do no harm.

An event that cannot be applied stops the projection: the node is not ready and says which event it is; commits go on.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping

from penstock.base.clock import Clock
from penstock.base.errors import Conflict, PenstockError, StoreFailed, ViewsBehind
from penstock.engine.events import LogRow, is_part, unpack
from penstock.store.protocol import AnyChange, LogEntry, Store
from penstock.views.projection import coalesce, project

logger = logging.getLogger(__name__)

PROJECTION = "views"

ROWS_MAX = 256
"""Most log rows of one transaction."""

SHARED_ROWS_MAX = 64
"""The same on a shared store: others wait for a transaction of their own meanwhile."""

UNITS_MAX = 2_000
"""Units after which a transaction is closed, even if more rows wait: others want to run, and readers wait."""

PARTS_MAX = 1
"""Parts of long units in one transaction: commits wait for it on some stores."""

YIELD_EVERY_UNITS = 50
"""Units after which the event loop gets a turn."""

KEPT_ROWS_MAX = 512
"""Most committed rows that are kept in memory until the views have them."""

RETRY_S = 0.5
POLL_S = 0.5
"""How often a shared store is asked for what other nodes have committed."""

FOLLOW_S = 0.01
"""How often a node that follows looks while a query waits."""

ASK_AGAIN_S = 0.05
"""How often the node that projects is told so at most."""

TAKE_OVER_S = 2.0
"""How long the views may stand still, though there is more to project, before a node that follows takes the lead."""

TAKE_OVER_WAITING_S = 1.0
"""The same while a query waits on this node: longer than a full transaction takes under load."""

NEWS = "views"
"""What other nodes are told when a query waits for the views here: the one that projects looks at once."""

DECODED_AT_ONCE = 8
"""Rows that are decoded before the event loop gets a turn."""


class Projector:
    """One projection of one node."""

    def __init__(self, store: Store, clock: Clock, *, shared: bool, stream: str, keeps_lead: bool = False) -> None:
        """`keeps_lead`: goes on projecting when another node has come first, so that the other one follows."""
        self._keeps_lead = keeps_lead
        self._store = store
        self._clock = clock
        self._shared = shared
        self._stream = stream
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._positions: dict[str, int] = {}
        self._recent: deque[tuple[int, LogRow]] = deque()
        self._read: deque[LogEntry] = deque()
        """Rows of one stream that were read and not projected yet, because long units are among them."""
        self._waiting: list[tuple[Mapping[str, int], asyncio.Future[None]]] = []
        self._pausing = asyncio.Lock()
        self._more = False
        self._leads = True
        self._still_since_s: float | None = None
        self._asked_s = 0.0
        self.error: PenstockError | None = None
        self.rows = 0
        self.units = 0

    # ------------------------------------------------------------------------------------------ from outside

    async def start(self) -> None:
        """Goes on where the views are."""
        self._positions = await self._store.view_positions(PROJECTION)
        self._leads = True
        self._wake.set()
        self._task = asyncio.create_task(self._run(), name="penstock-projector")

    async def close(self) -> None:
        """Stops after the transaction that is under way."""
        task, self._task = self._task, None
        if task is not None:
            async with self._pausing:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(ViewsBehind("The node is closed"))
        self._waiting = []

    def committed(self, position: int, row: LogRow | None) -> None:
        """This node has committed a row of the log."""
        if not self._shared:
            if row is not None:
                self._recent.append((position, row))
            if row is None or len(self._recent) > KEPT_ROWS_MAX:
                self._recent.clear()
        self.wake()

    def wake(self) -> None:
        """There may be new rows of the log."""
        if self._leads or self._waiting:
            self._wake.set()

    @property
    def is_running(self) -> bool:
        """Whether the views follow the log."""
        return self._task is not None and self.error is None

    @property
    def leads(self) -> bool:
        """Whether this node projects, as far as it knows."""
        return self._leads

    @property
    def positions(self) -> Mapping[str, int]:
        """How far the views are: stream → position."""
        return self._positions

    def has(self, positions: Mapping[str, int]) -> bool:
        """Whether the views hold everything up to these positions."""
        known = self._positions
        return all(known.get(stream, 0) >= position for stream, position in positions.items())

    async def wait_for(self, positions: Mapping[str, int], timeout_ms: int | None) -> None:
        """Returns when the views hold everything up to these positions. Raises ViewsBehind (None: only when they stop)."""
        if self.has(positions):
            return
        if self.error is not None:
            raise ViewsBehind(f"The views have stopped: {self.error.message}")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (positions, future)
        self._waiting.append(entry)
        self._wake.set()
        try:
            async with asyncio.timeout(None if timeout_ms is None else timeout_ms / 1000):
                await future
        except TimeoutError:
            behind = {s: p - self._positions.get(s, 0) for s, p in positions.items()}
            raise ViewsBehind(
                f"The views have not caught up within {timeout_ms} ms: {sum(n for n in behind.values() if n > 0)} rows of the"
                " log are missing; try again in a moment"
            ) from None
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    async def rebuild(self) -> None:
        """Empties the views and projects the whole log again; returns when they have caught up."""
        async with self._pausing:
            await self._store.reset_views(PROJECTION)
            self._positions = {}
            self._recent.clear()
            self._read.clear()
            self.error = None
            self._leads = True
        heads = await self._store.heads()
        await self.wait_for(heads, None)

    # ------------------------------------------------------------------------------------------ the loop

    async def _run(self) -> None:
        while True:
            if self._shared and not self._wake.is_set() and not self._more:
                try:
                    async with asyncio.timeout(POLL_S):
                        await self._wake.wait()
                except TimeoutError:
                    pass
            elif not self._more:
                await self._wake.wait()
            self._wake.clear()
            if self.error is not None:
                self._more = False
                self._answer()
                await self._wake.wait()
                continue
            try:
                async with self._pausing:
                    self._more = await self._advance()
            except (StoreFailed, Conflict) as error:
                logger.warning("the views wait for the store: %s", error.message)
                await asyncio.sleep(RETRY_S)
                self._more = True
            except PenstockError as error:
                self._stop(error)
            except Exception as error:
                logger.exception("the projection of the log has failed")
                self._stop(PenstockError(f"The views cannot be written: {type(error).__name__}: {error}"))

    def _stop(self, error: PenstockError) -> None:
        logger.error("the views have stopped: %s", error.message)
        self.error = error
        self._more = False
        self._answer()

    async def _advance(self) -> bool:
        """Projects what is there, up to the bounds; whether there may be more."""
        if not self._leads and not await self._takes_over():
            return bool(self._waiting)
        rows, positions, more = await self._next()
        if not positions:
            if self._shared:
                # Another node may have emptied the views to project them again.
                self._positions = await self._store.view_positions(PROJECTION)
            return False
        changes: list[AnyChange] = []
        since = 0
        units = 0
        for row in rows:
            changes += project(row)
            units += len(row.units)
            since += len(row.units)
            if since >= YIELD_EVERY_UNITS:
                since = 0
                await asyncio.sleep(0)
        if not await self._store.project(PROJECTION, coalesce(changes), positions, self._positions):
            return await self._came_too_late()
        self._positions.update(positions)
        self.rows += len(rows)
        self.units += units
        self._answer()
        return more

    async def _came_too_late(self) -> bool:
        """Somebody else has projected meanwhile, or emptied the views: goes on from where they are."""
        if self._shared and self._leads and not self._keeps_lead:
            logger.info("another node projects the views, this one follows")
        self._leads = self._keeps_lead or not self._shared
        self._still_since_s = None
        self._recent.clear()
        self._read.clear()
        self._positions = await self._store.view_positions(PROJECTION)
        self._answer()
        return True

    async def _takes_over(self) -> bool:
        """Looks how far the node that projects has come; whether this node does so from now on, because it stands still."""
        positions = await self._store.view_positions(PROJECTION)
        moved = positions != self._positions
        self._positions = positions
        self._answer()
        now_s = asyncio.get_running_loop().time()
        if self._waiting and now_s - self._asked_s >= ASK_AGAIN_S:
            self._asked_s = now_s
            await self._store.notify((NEWS,))
        if moved or (not self._waiting and self.has(await self._store.heads())):
            self._still_since_s = None
        elif self._still_since_s is None:
            self._still_since_s = now_s
        patience_s = TAKE_OVER_WAITING_S if self._waiting else TAKE_OVER_S
        if self._still_since_s is None or now_s - self._still_since_s < patience_s:
            if self._waiting:
                await asyncio.sleep(FOLLOW_S)
            return False
        logger.info("the views stand still: this node projects them now")
        self._still_since_s = None
        self._leads = True
        return True

    async def _next(self) -> tuple[list[LogRow], dict[str, int], bool]:
        """(rows of the log in order, positions after them, whether there may be more)."""
        recent = self._recent
        at = self._positions.get(self._stream, 0)
        while recent and recent[0][0] <= at:
            recent.popleft()
        if recent and recent[0][0] == at + 1:
            rows: list[LogRow] = []
            units = 0
            while recent and recent[0][0] == at + 1 and len(rows) < ROWS_MAX and units < UNITS_MAX:
                at, row = recent.popleft()
                rows.append(row)
                units += len(row.units)
            return rows, {self._stream: at}, bool(recent)
        if self._read and self._read[0].position != self._positions.get(self._read[0].stream, 0) + 1:
            # The transaction with those before was not written.
            self._read.clear()
        if self._read:
            return await self._next_read()
        limit = SHARED_ROWS_MAX if self._shared else ROWS_MAX
        entries = await self._store.read_log(self._positions, limit)
        if self._shared and len(entries) == limit:
            # The snapshot was cut: what is left out may come before what is in it. Take it whole, in order of causes.
            while len(entries) == limit:
                limit *= 4
                entries = await self._store.read_log(self._positions, limit)
        if any(is_part(entry.payload) for entry in entries) and len({entry.stream for entry in entries}) == 1:
            self._read.extend(entries)
            return await self._next_read()
        positions: dict[str, int] = {}
        for entry in entries:
            positions[entry.stream] = max(positions.get(entry.stream, 0), entry.position)
        found = await self._unpacked(entries)
        if self._shared and len(positions) > 1:
            found = _in_order_of_causes(found)
        return found, positions, len(entries) == limit

    async def _next_read(self) -> tuple[list[LogRow], dict[str, int], bool]:
        """As `_next`, of the rows that were read before: as many as a transaction may have parts of long units."""
        entries: list[LogEntry] = []
        parts = 0
        while self._read and parts < PARTS_MAX:
            entries.append(self._read.popleft())
            parts += is_part(entries[-1].payload)
        return await self._unpacked(entries), {entries[-1].stream: entries[-1].position}, True

    async def _unpacked(self, entries: list[LogEntry]) -> list[LogRow]:
        found: list[LogRow] = []
        for number, entry in enumerate(entries):
            try:
                found.append(unpack(entry.payload))
            except Exception as error:
                raise PenstockError(
                    f"row {entry.position} of stream {entry.stream} of the log cannot be read: {error}",
                    stream=entry.stream,
                    position=entry.position,
                ) from error
            if number % DECODED_AT_ONCE == DECODED_AT_ONCE - 1:
                await asyncio.sleep(0)
        return found

    def _answer(self) -> None:
        """Lets go those whose positions are reached."""
        if not self._waiting:
            return
        still: list[tuple[Mapping[str, int], asyncio.Future[None]]] = []
        for entry in self._waiting:
            positions, future = entry
            if future.done():
                continue
            if self.has(positions):
                future.set_result(None)
            elif self.error is not None:
                future.set_exception(ViewsBehind(f"The views have stopped: {self.error.message}"))
            else:
                still.append(entry)
        self._waiting = still


def _in_order_of_causes(rows: list[LogRow]) -> list[LogRow]:
    """The same units as one row, each instance's in the order of its revisions; deletions of history come last."""
    units = [unit for row in rows for unit in row.units]
    units.sort(key=lambda unit: (unit.at_ms, unit.revision))
    latest: dict[str, int] = {}
    if any(latest.get(u.instance, 0) > u.revision or latest.update({u.instance: u.revision}) for u in units):
        # Nodes' clocks disagree: each instance's places in the order stay, its units go there by revision.
        by_instance: dict[str, list[int]] = {}
        for at, unit in enumerate(units):
            by_instance.setdefault(unit.instance, []).append(at)
        ordered = list(units)
        for places in by_instance.values():
            for at, unit in zip(places, sorted((units[p] for p in places), key=lambda u: u.revision), strict=True):
                ordered[at] = unit
        units = ordered
    return [LogRow(units, [id for row in rows for id in row.deleted])]
