"""The contract of `penstock.store.protocol` as tests that anyone can run over a store.

    import pytest

    pytest.register_assert_rewrite("penstock.testing.store_suite")
    from penstock.testing.store_suite import StoreSuite


    class TestMyStore(StoreSuite):
        @pytest.fixture
        async def store(self):
            store = MyStore()
            await store.open()
            yield store
            await store.close()

`store` gives each test an open, empty store. Needs pytest and pytest-asyncio (`asyncio_mode = "auto"`, or make the
fixture with `pytest_asyncio.fixture`). Moments lie around the real present, because some stores measure leases on a
clock of their own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from penstock.base.clock import SystemClock
from penstock.base.errors import StoreFailed
from penstock.base.ids import shard_of
from penstock.store.protocol import (
    AnyChange,
    Batch,
    Change,
    DeleteWhere,
    Fetch,
    InboxEntry,
    InstanceWrite,
    JobCheck,
    LockCheck,
    LogEntry,
    Rejected,
    Row,
    RowChange,
    Store,
    StoredInstance,
    TopicFetch,
    UpdateWhere,
)
from penstock.store.query import (
    AllOf,
    AnyOf,
    Exists,
    Group,
    Not,
    Op,
    Order,
    Query,
    Term,
    Where,
    eq,
    is_null,
    not_null,
    one_of,
)
from penstock.store.tables import TABLES, Sort

MINUTE_MS = 60_000


def ident(number: int, shard: int = 0x2A7) -> str:
    """An id in the form of `base.ids`: a UUID whose last three digits give the shard."""
    return f"0197a000-0000-7000-8000-{number:09x}{shard & 0xFFF:03x}"


def row(table: str, number: int, **values: Any) -> Row:
    """Values of a row of `table`, with its key: `number` makes the id, and ids that are not given are its own."""
    key = TABLES[table].key
    if key == ("name",):
        return {"name": f"name {number}", **values}
    row_id = values.pop("id", ident(number))
    return {"shard": shard_of(row_id), "id": row_id, **values} if "shard" in key else {"id": row_id, **values}


def insert(table: str, number: int, **values: Any) -> RowChange:
    """An INSERT of `row`."""
    return RowChange(table, Change.INSERT, row(table, number, **values))


def update(table: str, number: int, **values: Any) -> RowChange:
    """An UPDATE of the row that `insert` makes for `number`."""
    return RowChange(table, Change.UPDATE, row(table, number, **values))


def delete(table: str, number: int) -> RowChange:
    """A DELETE of the row that `insert` makes for `number`."""
    return RowChange(table, Change.DELETE, row(table, number))


def written(number: int, before: int, after: int, head: bytes | None = b"head", **fields: Any) -> InstanceWrite:
    """The write of instance `number` from revision `before` to `after`."""
    instance_id = ident(number)
    values = {"shard": shard_of(instance_id), "root": instance_id, "definition": "definition", **fields}
    return InstanceWrite(id=instance_id, revision_before=before, revision=after, head=head, **values)


class Node:
    """A writer of one stream."""

    def __init__(self, store: Store, stream: str, now_ms: int) -> None:
        self.store = store
        self.stream = stream
        self.now_ms = now_ms

    async def commit(self, *rows: AnyChange, log: bytes | None = None, **fields: Any) -> int | Rejected:
        """Commits a batch of `rows` and other fields."""
        batch = Batch(**{"stream": self.stream, "log": log, "at_ms": self.now_ms, "rows": rows, **fields})
        return await self.store.commit(batch)

    async def write(self, *rows: AnyChange, **fields: Any) -> int:
        """Commits what cannot be rejected; views are written as a projection does."""
        views = [change for change in rows if TABLES[change.table].sort is Sort.VIEW]
        if views:
            await self.store.project("suite", views, {})
        position = await self.commit(*(change for change in rows if change not in views), **fields)
        assert isinstance(position, int), f"unexpectedly {position}"
        return position

    async def refused(self, **fields: Any) -> Rejected:
        """Commits what must be rejected and checks that nothing of it was written."""
        heads, epoch = await self.store.heads(), await self.store.epoch()
        settings = await self.store.rows(Query("setting"))
        fresh = written(999_999, 0, 1)
        instances = [*fields.pop("instances", ()), fresh]
        inbox = [*fields.pop("inbox", ()), InboxEntry("only when written", b"", self.now_ms + MINUTE_MS)]
        rejected = await self.commit(
            insert("setting", 999_999, value="written"),
            log=b"written",
            bump_epoch=True,
            instances=instances,
            inbox=inbox,
            **fields,
        )
        assert isinstance(rejected, Rejected), "the batch was written"
        assert await self.store.heads() == heads
        assert await self.store.epoch() == epoch
        assert await self.store.rows(Query("setting")) == settings
        assert await self.store.load([fresh.id]) == {}
        assert await self.store.read_inbox("only when written", self.now_ms) is None
        return rejected

    async def all(self, table: str) -> list[Row]:
        """Every row of a table by key."""
        return await self.store.rows(Query(table))

    async def one(self, table: str, number: int) -> Row | None:
        """The row that `insert` makes for `number`."""
        key = {name: value for name, value in row(table, number).items() if name != "shard"}
        found = await self.store.rows(Query(table, [eq(name, value) for name, value in key.items()]))
        assert len(found) <= 1
        return found[0] if found else None


def labels(rows: Sequence[Row], column: str = "name") -> str:
    """The one-letter names of rows, in order."""
    return "".join(found[column] for found in rows)


LETTERS: dict[str, dict[str, Any]] = {
    "a": {"text_value": "alpha", "long_value": 1, "double_value": 1.5, "live": True, "bytes_value": b"\x00\xff"},
    "b": {"text_value": "Alpha", "long_value": 2, "double_value": -0.5, "live": False, "bytes_value": b""},
    "c": {"text_value": "50%_x", "long_value": -3, "double_value": 2.0, "live": True, "info": {"x": None}},
    "d": {"text_value": "50\\%", "long_value": 2**63 - 1, "info": []},
    "e": {"text_value": "z", "long_value": -(2**63), "double_value": 1e300, "live": False},
    "f": {"text_value": "é", "long_value": 0},
    "g": {"text_value": "😀", "double_value": 0.1},
    "h": {"text_value": "ﬁ"},
    "i": {},
    "j": {"text_value": ""},
    "k": {"text_value": "line\nbreak"},
}
"""Rows of `variable`, for queries. In code point order of their texts: j c d b a k e f h g."""

TEXT_ORDER = "jcdbakefhg"


def _text(op: Op, value: Any, **options: Any) -> Where:
    return Where("text_value", op, value, **options)


TERMS: list[tuple[Term, str]] = [
    (eq("text_value", "alpha"), "a"),
    (eq("text_value", ""), "j"),
    (eq("text_value", "😀"), "g"),
    (eq("text_value", None), ""),
    (_text(Op.NE, "alpha"), "bcdefghjk"),
    (_text(Op.NE, None), ""),
    (_text(Op.GT, "Alpha"), "aefghk"),
    (_text(Op.GE, "Alpha"), "abefghk"),
    (_text(Op.LT, "Alpha"), "cdj"),
    (_text(Op.LE, "Alpha"), "bcdj"),
    (_text(Op.GT, "é"), "gh"),
    (_text(Op.GT, "ﬁ"), "g"),
    (_text(Op.GT, None), ""),
    (_text(Op.LIKE, "a%"), "a"),
    (_text(Op.LIKE, "%lph_"), "ab"),
    (_text(Op.LIKE, "%"), "abcdefghjk"),
    (_text(Op.LIKE, ""), "j"),
    (_text(Op.LIKE, "_"), "efgh"),
    (_text(Op.LIKE, "line%break"), "k"),
    (_text(Op.LIKE, "line_break"), "k"),
    (_text(Op.LIKE, "50\\%%"), "c"),
    (_text(Op.LIKE, "50\\\\%"), "d"),
    (_text(Op.LIKE, "50\\\\\\%"), "d"),
    (_text(Op.LIKE, "%\\_x"), "c"),
    (_text(Op.LIKE, "50__"), "d"),
    (_text(Op.LIKE, "%a%a%"), "a"),
    (_text(Op.LIKE, "a%a%a"), ""),
    (_text(Op.LIKE, "%.%"), ""),
    (_text(Op.LIKE, "[a-z]%"), ""),
    (_text(Op.LIKE, None), ""),
    (_text(Op.NOT_LIKE, "%a%"), "cdefghj"),
    (_text(Op.NOT_LIKE, None), ""),
    (_text(Op.EQ, "ALPHA", lower=True), "ab"),
    (_text(Op.NE, "ALPHA", lower=True), "cdefghjk"),
    (_text(Op.EQ, "É", lower=True), "f"),
    (_text(Op.LIKE, "AL%", lower=True), "ab"),
    (_text(Op.NOT_LIKE, "%A%", lower=True), "cdefghj"),
    (_text(Op.IN, ("ALPHA", "Z"), lower=True), "abe"),
    (_text(Op.GE, "ALPHA", lower=True), "abefghk"),
    (one_of("text_value", ["alpha", "z", None]), "ae"),
    (one_of("text_value", []), ""),
    (_text(Op.NOT_IN, ["alpha", "z"]), "bcdfghjk"),
    (_text(Op.NOT_IN, ["alpha", None]), ""),
    (_text(Op.NOT_IN, []), "abcdefghijk"),
    (is_null("text_value"), "i"),
    (not_null("text_value"), "abcdefghjk"),
    (eq("long_value", 1), "a"),
    (eq("long_value", 1.0), "a"),
    (eq("long_value", 2**63 - 1), "d"),
    (eq("long_value", -(2**63)), "e"),
    (Where("long_value", Op.GT, 1.5), "bd"),
    (Where("long_value", Op.LE, -3), "ce"),
    (Where("long_value", Op.NE, 0), "abcde"),
    (one_of("long_value", [0, 2, 2**63 - 1]), "bdf"),
    (Where("long_value", Op.NOT_IN, (0, 2)), "acde"),
    (eq("double_value", 2), "c"),
    (eq("double_value", 0.1), "g"),
    (Where("double_value", Op.LT, 0), "b"),
    (Where("double_value", Op.GE, 1.5), "ace"),
    (one_of("double_value", [1.5, 2]), "ac"),
    (eq("live", True), "ac"),
    (eq("live", False), "be"),
    (Where("live", Op.NE, True), "be"),
    (one_of("live", [True, False]), "abce"),
    (is_null("live"), "dfghijk"),
    (eq("bytes_value", b"\x00\xff"), "a"),
    (eq("bytes_value", b""), "b"),
    (not_null("info"), "cd"),
    (AnyOf([]), ""),
    (AllOf([]), "abcdefghijk"),
    (AnyOf([eq("text_value", "z"), eq("long_value", 1)]), "ae"),
    (AllOf([eq("live", True), Where("long_value", Op.LT, 0)]), "c"),
    (AllOf([AnyOf([eq("live", True), eq("live", False)]), Not(eq("name", "a"))]), "bce"),
    (Not(eq("text_value", "alpha")), "bcdefghijk"),
    (Not(_text(Op.NE, "alpha")), "ai"),
    (Not(eq("live", True)), "bdefghijk"),
    (Not(AnyOf([eq("live", True), is_null("live")])), "be"),
    (Not(AllOf([eq("live", True), eq("long_value", 1)])), "bcdefghijk"),
    (Not(AnyOf([])), "abcdefghijk"),
    (Not(AllOf([])), ""),
    (Not(Not(eq("live", True))), "ac"),
]

WRONG_QUERIES = [
    Query("nothing"),
    Query("variable", [eq("nothing", 1)]),
    Query("variable", [Not(AnyOf([AllOf([is_null("nothing")])]))]),
    Query("variable", [Exists("nothing", [("id", "id")])]),
    Query("variable", [Exists("task", [("nothing", "id")])]),
    Query("variable", [Exists("task", [("id", "nothing")])]),
    Query("variable", [Exists("task", [("id", "task_id")], [eq("text_value", "")])]),
    Query("variable", order=[Order("nothing")]),
    Query("variable", order=[Order("name", table="nothing", link=[("id", "id")])]),
    Query("variable", order=[Order("text_value", table="task", link=[("id", "id")])]),
    Query("variable", columns=["name", "nothing"]),
    Query("variable", [eq("name; DROP TABLE variable", "")]),
    Query("variable", [eq("info", "x")]),
    Query("variable", [eq("long_value", "1")]),
    Query("variable", [Where("long_value", Op.LIKE, "1%")]),
]

Wrong = (LookupError, ValueError)
"""What a store raises for names that do not exist and values that fit nowhere."""


class StoreSuite:
    """Every sentence of the store's contract. Subclasses provide `store`."""

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def store(self) -> Store:
        """An open, empty store."""
        raise NotImplementedError("a subclass of StoreSuite gives the fixture `store`: an open, empty store")

    @pytest.fixture
    def now_ms(self) -> int:
        """The real present."""
        return SystemClock().now_ms()

    @pytest.fixture
    async def node(self, store: Store, now_ms: int) -> Node:
        """The writer of stream `node`."""
        await store.claim_stream("node")
        return Node(store, "node", now_ms)

    @pytest.fixture
    async def letters(self, node: Node) -> None:
        """The rows of LETTERS, in an order that is not the one of their keys."""
        rows = [insert("variable", ord(name), name=name, **values) for name, values in LETTERS.items()]
        await node.write(*rows[::-1])

    # -- streams and the log

    async def test_a_store_has_a_name(self, store: Store) -> None:
        assert store.name

    async def test_a_new_store_is_empty(self, store: Store) -> None:
        assert {stream: at for stream, at in (await store.heads()).items() if at} == {}
        assert await store.epoch() == 0
        assert await store.read_log({}, 10) == []
        assert await store.view_positions("any") == {}
        for table in TABLES:
            assert await store.rows(Query(table)) == []

    async def test_positions_of_a_stream_have_no_gaps(self, store: Store, node: Node) -> None:
        assert [await node.commit(log=b"%d" % number) for number in range(3)] == [1, 2, 3]
        assert await store.heads() == {"node": 3}

    async def test_a_commit_without_log_takes_no_position(self, node: Node) -> None:
        assert await node.commit(log=b"1") == 1
        assert await node.commit(insert("setting", 1, value=1)) == 0
        assert await node.commit(log=b"2") == 2

    async def test_a_rejected_commit_takes_no_position(self, node: Node) -> None:
        await node.commit(log=b"1")
        await node.refused(epoch=7)
        assert await node.commit(log=b"2") == 2

    async def test_claiming_a_stream_gives_its_last_position(self, store: Store, node: Node) -> None:
        assert await store.claim_stream("new") == 0
        await node.commit(log=b"1")
        await node.commit(log=b"2")
        assert await store.claim_stream("node") == 2
        assert await node.commit(log=b"3") == 3

    async def test_a_stream_must_be_claimed_before_it_is_written(self, store: Store, now_ms: int) -> None:
        stranger = Node(store, "unclaimed", now_ms)
        with pytest.raises(StoreFailed):
            await stranger.commit(insert("setting", 1, value=1), log=b"1", instances=[written(1, 0, 1)])
        assert await stranger.all("setting") == []
        assert await store.load([ident(1)]) == {}
        assert await store.read_log({}, 10) == []

    async def test_streams_count_for_themselves(self, store: Store, node: Node, now_ms: int) -> None:
        await store.claim_stream("other")
        other = Node(store, "other", now_ms)
        assert [await node.commit(log=b"a1"), await other.commit(log=b"b1"), await node.commit(log=b"a2")] == [1, 1, 2]
        assert await store.heads() == {"node": 2, "other": 1}
        entries = await store.read_log({}, 10)
        assert _payloads(entries) == {"node": [b"a1", b"a2"], "other": [b"b1"]}
        assert _positions(entries) == {"node": [1, 2], "other": [1]}

    async def test_log_entries_come_back_as_written(self, store: Store, node: Node, now_ms: int) -> None:
        payload = bytes(range(256)) * 4096
        await node.commit(log=payload)
        await node.commit(log=b"", at_ms=now_ms + 5)
        first, second = await store.read_log({}, 10)
        assert (first.stream, first.position, first.payload, first.at_ms) == ("node", 1, payload, now_ms)
        assert (second.stream, second.position, second.payload, second.at_ms) == ("node", 2, b"", now_ms + 5)
        assert first.format == second.format >= 1

    async def test_a_batch_may_write_several_rows_of_the_log(self, store: Store, node: Node) -> None:
        await node.commit(log=b"1")
        assert await node.commit(log=b"4", parts=[b"2", b"3"]) == 4
        assert await node.commit(log=b"5") == 5
        assert _positions(await store.read_log({}, 10)) == {"node": [1, 2, 3, 4, 5]}
        assert _payloads(await store.read_log({}, 10)) == {"node": [b"1", b"2", b"3", b"4", b"5"]}
        assert await store.heads() == {"node": 5}
        with pytest.raises(ValueError, match="must have a last one"):
            await node.commit(parts=[b"6"])

    async def test_the_log_is_read_beyond_positions(self, store: Store, node: Node, now_ms: int) -> None:
        await store.claim_stream("other")
        other = Node(store, "other", now_ms)
        for number in range(1, 5):
            await node.commit(log=b"a%d" % number)
            await other.commit(log=b"b%d" % number)
        beyond = await store.read_log({"node": 3, "elsewhere": 9}, 100)
        assert _positions(beyond) == {"node": [4], "other": [1, 2, 3, 4]}
        assert await store.read_log({"node": 4, "other": 4}, 100) == []
        assert await store.read_log({"node": 40, "other": 4}, 100) == []

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
    async def test_reading_the_log_in_parts_gives_all_of_it(self, store: Store, node: Node, limit: int) -> None:
        await store.claim_stream("other")
        for number in range(4):
            await node.commit(log=b"a%d" % number, at_ms=node.now_ms - number)
            await node.commit(log=b"b%d" % number, stream="other")
        after: dict[str, int] = {}
        entries: list[LogEntry] = []
        while part := await store.read_log(after, limit):
            assert len(part) <= limit
            entries += part
            for entry in part:
                assert entry.position == after.get(entry.stream, 0) + 1, "a gap, or out of order"
                after[entry.stream] = entry.position
        assert after == {"node": 4, "other": 4}
        assert _payloads(entries)["node"] == [b"a0", b"a1", b"a2", b"a3"]

    async def test_no_entries_for_a_limit_of_zero(self, store: Store, node: Node) -> None:
        await node.commit(log=b"1")
        assert await store.read_log({}, 0) == []

    async def test_reads_during_commits_see_no_gap(self, store: Store, node: Node) -> None:
        async def read() -> None:
            for _ in range(10):
                positions = _positions(await store.read_log({}, 1000)).get("node", [])
                assert positions == list(range(1, len(positions) + 1))
                assert (await store.heads()).get("node", 0) >= len(positions)

        async def write() -> list[int | Rejected]:
            return [await node.commit(log=b"x") for _ in range(20)]

        positions, *_ = await asyncio.gather(write(), read(), read())
        assert positions == list(range(1, 21))

    async def test_the_epoch_counts_changes_of_definitions(self, store: Store, node: Node) -> None:
        await node.write(bump_epoch=True)
        await node.write()
        await node.write(bump_epoch=True, epoch=1)
        assert await store.epoch() == 2

    # -- checks

    async def test_an_instance_that_moved_rejects(self, node: Node) -> None:
        await node.write(instances=[written(1, 0, 3), written(2, 0, 1)])
        rejected = await node.refused(instances=[written(1, 2, 4), written(2, 1, 2)])
        assert list(rejected.instances) == [ident(1)]
        assert not rejected.external_tasks and not rejected.jobs and not rejected.inbox and rejected.epoch is None
        assert (await node.store.load([ident(2)]))[ident(2)].revision == 1

    async def test_an_instance_that_exists_rejects_its_creation(self, node: Node) -> None:
        await node.write(instances=[written(1, 0, 1)])
        assert list((await node.refused(instances=[written(1, 0, 1)])).instances) == [ident(1)]

    async def test_an_instance_that_is_missing_rejects(self, node: Node) -> None:
        assert list((await node.refused(instances=[written(1, 1, 2)])).instances) == [ident(1)]

    async def test_a_removed_instance_is_missing(self, node: Node) -> None:
        await node.write(instances=[written(1, 0, 1)])
        await node.write(instances=[written(1, 1, 2, None)])
        assert list((await node.refused(instances=[written(1, 2, 3)])).instances) == [ident(1)]

    async def test_the_worker_that_holds_the_lock_passes(self, store: Store, node: Node) -> None:
        await node.write(
            insert("external_task", 1, worker_id="w", lock_expires_ms=node.now_ms + MINUTE_MS),
            insert("external_task", 2, worker_id="w", lock_expires_ms=node.now_ms - MINUTE_MS),
            insert("external_task", 3),
        )
        await node.write(
            locks=[LockCheck(ident(1), "w"), LockCheck(ident(2), "w"), LockCheck(ident(1)), LockCheck(ident(3))]
        )

    async def test_a_lock_held_by_another_rejects(self, node: Node) -> None:
        await node.write(
            insert("external_task", 1, worker_id="w", lock_expires_ms=node.now_ms + MINUTE_MS),
            insert("external_task", 2, worker_id="mine", lock_expires_ms=node.now_ms + MINUTE_MS),
        )
        rejected = await node.refused(locks=[LockCheck(ident(1), "mine"), LockCheck(ident(2), "mine")])
        assert rejected.external_tasks == {ident(1): "w"}
        assert not rejected.missing_tasks

    async def test_an_expired_lock_of_another_rejects(self, node: Node) -> None:
        await node.write(insert("external_task", 1, worker_id="w", lock_expires_ms=node.now_ms - MINUTE_MS))
        assert (await node.refused(locks=[LockCheck(ident(1), "mine")])).external_tasks == {ident(1): "w"}

    async def test_a_task_that_nobody_holds_rejects(self, node: Node) -> None:
        await node.write(insert("external_task", 1))
        rejected = await node.refused(locks=[LockCheck(ident(1), "mine")])
        assert rejected.external_tasks == {ident(1): None}
        assert not rejected.missing_tasks

    @pytest.mark.parametrize("worker", [None, "mine"])
    async def test_a_missing_task_rejects(self, node: Node, worker: str | None) -> None:
        rejected = await node.refused(locks=[LockCheck(ident(1), worker)])
        assert list(rejected.missing_tasks) == [ident(1)]
        assert rejected.external_tasks.get(ident(1)) is None

    async def test_jobs_must_exist_and_be_leased_by_the_node(self, node: Node) -> None:
        await node.write(
            insert("job", 1, lease_owner="here", lease_expires_ms=node.now_ms + MINUTE_MS),
            insert("job", 2, lease_owner="there", lease_expires_ms=node.now_ms + MINUTE_MS),
            insert("job", 3),
        )
        await node.write(jobs=[JobCheck(ident(1), "here"), JobCheck(ident(2)), JobCheck(ident(3))])
        rejected = await node.refused(
            jobs=[
                JobCheck(ident(1), "here"),
                JobCheck(ident(2), "here"),
                JobCheck(ident(3), "here"),
                JobCheck(ident(4), "here"),
                JobCheck(ident(5)),
            ]
        )
        assert sorted(rejected.jobs) == [ident(2), ident(3), ident(4), ident(5)]

    async def test_an_inbox_key_is_taken_in_once(self, store: Store, node: Node, now_ms: int) -> None:
        until_ms = now_ms + MINUTE_MS
        await node.write(inbox=[InboxEntry("k", b"\x00first", until_ms), InboxEntry("l", b"", until_ms)])
        rejected = await node.refused(inbox=[InboxEntry("k", b"second", until_ms), InboxEntry("m", b"", until_ms)])
        assert rejected.inbox == {"k": b"\x00first"}
        await node.write(at_ms=now_ms + 1, inbox=[InboxEntry("n", b"", until_ms)])
        assert await store.read_inbox("k", now_ms) == b"\x00first"
        assert await store.read_inbox("l", now_ms) == b""
        assert await store.read_inbox("m", now_ms) is None

    async def test_an_inbox_key_is_forgotten_when_it_expires(self, store: Store, node: Node, now_ms: int) -> None:
        then_ms = now_ms - MINUTE_MS
        await node.write(at_ms=then_ms, inbox=[InboxEntry("k", b"first", then_ms + 1000)])
        assert await store.read_inbox("k", then_ms) == b"first"
        assert await store.read_inbox("k", then_ms + 2000) is None
        await node.write(at_ms=then_ms + 2000, inbox=[InboxEntry("k", b"second", now_ms + MINUTE_MS)])
        assert await store.read_inbox("k", now_ms) == b"second"

    async def test_a_batch_stepped_under_an_old_epoch_is_rejected(self, node: Node) -> None:
        await node.write(bump_epoch=True)
        await node.write(epoch=1)
        rejected = await node.refused(epoch=0)
        assert rejected.epoch in (0, 1)
        assert not (rejected.instances or rejected.external_tasks or rejected.missing_tasks)
        assert not (rejected.jobs or rejected.inbox)

    async def test_checks_see_the_store_before_the_batch(self, node: Node) -> None:
        rejected = await node.commit(insert("external_task", 1), locks=[LockCheck(ident(1))])
        assert isinstance(rejected, Rejected)
        await node.write(insert("external_task", 1))
        await node.write(delete("external_task", 1), locks=[LockCheck(ident(1))])
        assert await node.all("external_task") == []

    @pytest.mark.parametrize(
        "wrong",
        [
            RowChange("nothing", Change.INSERT, {"id": "x"}),
            RowChange("setting", Change.INSERT, {"name": "x", "nothing": 1}),
            RowChange("setting", Change.INSERT, {"value": 1}),
            DeleteWhere("setting", "nothing", ["x"]),
            UpdateWhere("setting", "name", ["x"], {"nothing": 1}),
        ],
    )
    async def test_a_batch_that_cannot_be_written_changes_nothing(
        self, store: Store, node: Node, wrong: AnyChange
    ) -> None:
        with pytest.raises(Wrong):
            await node.commit(
                insert("setting", 1, value=1), wrong, log=b"lost", instances=[written(1, 0, 1)], bump_epoch=True
            )
        assert await node.all("setting") == []
        assert await store.load([ident(1)]) == {}
        assert await store.epoch() == 0
        assert await node.commit(log=b"1") == 1

    async def test_a_batch_names_an_instance_and_a_key_once(self, node: Node) -> None:
        with pytest.raises(Wrong):
            await node.commit(instances=[written(1, 0, 1), written(1, 1, 2)])
        entry = InboxEntry("k", b"", node.now_ms + MINUTE_MS)
        with pytest.raises(Wrong):
            await node.commit(inbox=[entry, entry])

    # -- concurrent commits

    async def test_of_concurrent_commits_of_one_instance_exactly_one_wins(self, store: Store, node: Node) -> None:
        await node.write(instances=[written(1, 0, 1)])
        results = await asyncio.gather(
            *(
                node.commit(insert("setting", at, value=at), log=b"x", instances=[written(1, 1, 2, b"%d" % at)])
                for at in range(8)
            )
        )
        winners = [at for at, result in enumerate(results) if isinstance(result, int)]
        assert len(winners) == 1
        assert all(list(r.instances) == [ident(1)] for r in results if isinstance(r, Rejected))
        assert (await store.load([ident(1)]))[ident(1)].head == b"%d" % winners[0]
        assert [found["value"] for found in await node.all("setting")] == winners
        assert await store.heads() == {"node": 1}

    async def test_of_concurrent_creations_exactly_one_wins(self, node: Node) -> None:
        results = await asyncio.gather(*(node.commit(instances=[written(1, 0, 1)]) for _ in range(5)))
        assert sum(isinstance(result, int) for result in results) == 1

    async def test_of_concurrent_requests_with_one_key_exactly_one_wins(self, node: Node) -> None:
        entries = [InboxEntry("k", b"%d" % at, node.now_ms + MINUTE_MS) for at in range(5)]
        results = await asyncio.gather(*(node.commit(inbox=[entry]) for entry in entries))
        winners = [at for at, result in enumerate(results) if isinstance(result, int)]
        assert len(winners) == 1
        assert all(r.inbox == {"k": b"%d" % winners[0]} for r in results if isinstance(r, Rejected))

    async def test_concurrent_commits_of_different_instances_all_win(self, store: Store, node: Node) -> None:
        results = await asyncio.gather(
            *(node.commit(log=b"%d" % at, instances=[written(at, 0, 1)]) for at in range(10))
        )
        assert sorted(result for result in results if isinstance(result, int)) == list(range(1, 11))
        assert len(await store.load([ident(at) for at in range(10)])) == 10

    # -- instances

    async def test_an_instance_comes_back_as_written(self, store: Store, node: Node) -> None:
        big = bytes(range(256)) * 4096
        await node.write(
            instances=[
                written(1, 0, 5, big, chunks={0: b"", 7: big}),
                written(2, 0, 1, b"", root=ident(1), definition=None),
            ]
        )
        assert await store.load([ident(2), ident(1), ident(3)]) == {
            ident(1): StoredInstance(ident(1), ident(1), "definition", 5, big, {0: b"", 7: big}),
            ident(2): StoredInstance(ident(2), ident(1), None, 1, b"", {}),
        }
        assert await store.load([]) == {}

    async def test_only_touched_chunks_are_written(self, store: Store, node: Node) -> None:
        await node.write(instances=[written(1, 0, 1, chunks={1: b"1", 2: b"2", 3: b"3"})])
        await node.write(instances=[written(1, 1, 2, b"new", chunks={2: b"two", 3: None, 4: b"4", 9: None})])
        found = (await store.load([ident(1)]))[ident(1)]
        assert (found.revision, found.head, dict(found.chunks)) == (2, b"new", {1: b"1", 2: b"two", 4: b"4"})
        await node.write(instances=[written(1, 2, 3, b"newer")])
        assert dict((await store.load([ident(1)]))[ident(1)].chunks) == {1: b"1", 2: b"two", 4: b"4"}

    async def test_the_definition_of_an_instance_may_change(self, store: Store, node: Node) -> None:
        await node.write(instances=[written(1, 0, 1)])
        await node.write(instances=[written(1, 1, 2, definition="migrated")])
        assert (await store.load([ident(1)]))[ident(1)].definition == "migrated"

    async def test_a_removed_instance_takes_its_chunks_along(self, store: Store, node: Node) -> None:
        await node.write(instances=[written(1, 0, 1, chunks={1: b"1"}), written(2, 0, 1, chunks={1: b"1"})])
        await node.write(instances=[written(1, 1, 2, None)])
        assert list(await store.load([ident(1), ident(2)])) == [ident(2)]
        await node.write(instances=[written(1, 0, 1, b"again")])
        found = await store.load([ident(1), ident(2)])
        assert (found[ident(1)].head, dict(found[ident(1)].chunks)) == (b"again", {})
        assert dict(found[ident(2)].chunks) == {1: b"1"}

    async def test_an_instance_may_begin_and_end_in_one_batch(self, store: Store, node: Node) -> None:
        await node.write(instances=[written(1, 0, 4, None, chunks={1: None})])
        assert await store.load([ident(1)]) == {}
        await node.write(instances=[written(2, 0, 1)])
        assert list((await node.refused(instances=[written(2, 0, 4, None)])).instances) == [ident(2)]

    async def test_instances_of_many_shards(self, store: Store, node: Node) -> None:
        ids = [ident(1, shard) for shard in range(0, 1024, 60)]
        await node.write(
            instances=[
                InstanceWrite(each, shard_of(each), each, "d", 0, 1, each.encode(), {1: each.encode()}) for each in ids
            ]
        )
        found = await store.load(ids)
        assert {each: (stored.head, stored.chunks[1]) for each, stored in found.items()} == {
            each: (each.encode(), each.encode()) for each in ids
        }

    # -- row changes

    @pytest.mark.parametrize("table", TABLES)
    async def test_every_table_keeps_every_column(self, node: Node, table: str) -> None:
        kinds = TABLES[table].columns
        samples: dict[str, Any] = {
            "text": "Grüße, 世界 😀 'quoted' \"too\" \t\n",
            "int": 2**63 - 1,
            "real": 0.1,
            "bool": True,
            "bytes": bytes(range(256)),
            "json": {"list": [1, -1.5, None, True, "é"], "": {}, "big": 2**63 - 1},
        }
        key = row(table, 1)
        full = {**{column: samples[kind] for column, kind in kinds.items()}, **key}
        if "root_id" in full:
            full["root_id"] = ident(5)
        if table == "variable":
            await node.write(insert(table, 2))
        await node.write(RowChange(table, Change.INSERT, full))
        found = await node.one(table, 1)
        assert found == full
        assert found is not None and list(found) == list(kinds)
        assert {column: type(value) for column, value in found.items()} == {
            column: type(value) for column, value in full.items()
        }
        await node.write(insert(table, 1))
        assert await node.one(table, 1) == {**dict.fromkeys(kinds), **key}

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("text_value", ""),
            ("text_value", "x" * 1_000_000),
            ("text_value", "\u0001\ud7ff\uffff\U0010ffff"),
            ("long_value", 0),
            ("long_value", -(2**63)),
            ("long_value", 1),
            ("double_value", 0.0),
            ("double_value", -1.7976931348623157e308),
            ("double_value", 5e-324),
            ("double_value", float("inf")),
            ("double_value", 3.0),
            ("live", False),
            ("live", True),
            ("bytes_value", b""),
            ("bytes_value", b"\x00" * 1_000_000),
            ("info", {}),
            ("info", []),
            ("info", ""),
            ("info", 0),
            ("info", False),
            ("info", {"deep": [[[{"a": [None]}]]]}),
        ],
    )
    async def test_values_come_back_as_written(self, node: Node, column: str, value: Any) -> None:
        await node.write(insert("variable", 1, **{column: value}))
        found = await node.one("variable", 1)
        assert found is not None
        assert found[column] == value
        assert type(found[column]) is type(value)

    async def test_rows_that_were_read_and_values_that_were_given_are_copies(self, node: Node) -> None:
        given: dict[str, Any] = {"list": [1]}
        values = row("setting", 1, value=given)
        await node.write(RowChange("setting", Change.INSERT, values))
        given["list"].append(2)
        values["name"] = "changed"
        (found,) = await node.all("setting")
        assert found == {"name": "name 1", "value": {"list": [1]}}
        found["value"]["list"].clear()
        found["name"] = "corrupted"
        assert await node.all("setting") == [{"name": "name 1", "value": {"list": [1]}}]

    async def test_given_chunks_and_loaded_chunks_are_copies(self, store: Store, node: Node) -> None:
        chunks: dict[int, bytes | None] = {1: b"1"}
        await node.write(instances=[written(1, 0, 1, chunks=chunks)])
        chunks.clear()
        loaded = (await store.load([ident(1)]))[ident(1)].chunks
        assert isinstance(loaded, dict)
        loaded.clear()
        assert (await store.load([ident(1)]))[ident(1)].chunks == {1: b"1"}

    async def test_insert_replaces_the_whole_row(self, node: Node) -> None:
        await node.write(insert("variable", 1, name="a", long_value=1))
        await node.write(insert("variable", 1, text_value="t"))
        found = await node.one("variable", 1)
        assert found is not None
        assert (found["name"], found["long_value"], found["text_value"]) == (None, None, "t")
        assert len(await node.all("variable")) == 1

    async def test_update_sets_the_given_columns_only(self, node: Node) -> None:
        await node.write(insert("variable", 1, name="a", long_value=1, info=[1]), insert("variable", 2, name="b"))
        await node.write(update("variable", 1, long_value=None, text_value="t", info={"new": 1}))
        found = await node.one("variable", 1)
        assert found is not None
        assert (found["name"], found["long_value"], found["text_value"], found["info"]) == ("a", None, "t", {"new": 1})
        other = await node.one("variable", 2)
        assert other is not None and (other["name"], other["text_value"]) == ("b", None)

    async def test_update_of_the_key_alone_has_no_effect(self, node: Node) -> None:
        await node.write(insert("setting", 1, value=1))
        await node.write(update("setting", 1), update("setting", 2))
        assert await node.all("setting") == [{"name": "name 1", "value": 1}]

    async def test_update_and_delete_of_a_missing_row_have_no_effect(self, node: Node) -> None:
        await node.write(insert("setting", 1, value=1))
        await node.write(update("setting", 2, value=2), delete("setting", 3))
        assert await node.all("setting") == [{"name": "name 1", "value": 1}]

    async def test_rows_are_told_apart_by_shard_and_id(self, node: Node) -> None:
        one, two = ident(1, 5), ident(1, 6)
        await node.write(insert("job", 1, id=one, priority=1), insert("job", 1, id=two, priority=2))
        await node.write(RowChange("job", Change.DELETE, {"shard": shard_of(one), "id": one}))
        assert [found["id"] for found in await node.all("job")] == [two]

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ([insert("setting", 1, value=1), update("setting", 1, value=2)], {9: 0, 1: 2}),
            ([insert("setting", 1, value=1), update("setting", 1, value=2), delete("setting", 1)], {9: 0}),
            ([insert("setting", 1, value=1), delete("setting", 1), insert("setting", 1, value=3)], {9: 0, 1: 3}),
            ([insert("setting", 1, value=1), delete("setting", 1), update("setting", 1, value=3)], {9: 0}),
            ([insert("setting", 1, value=1), insert("setting", 1)], {9: 0, 1: None}),
            ([update("setting", 9, value=1), update("setting", 9, value=2)], {9: 2}),
            ([update("setting", 9, value=1), insert("setting", 9, value=3)], {9: 3}),
            ([update("setting", 9, value=1), insert("setting", 9)], {9: None}),
            ([update("setting", 9, value=1), delete("setting", 9)], {}),
            ([delete("setting", 9), update("setting", 9, value=1)], {}),
            ([delete("setting", 9), insert("setting", 9, value=1)], {9: 1}),
            ([insert("setting", 1, value=1), DeleteWhere("setting", "name", ["name 1"])], {9: 0}),
            ([DeleteWhere("setting", "name", ["name 1"]), insert("setting", 1, value=1)], {9: 0, 1: 1}),
            ([DeleteWhere("setting", "name", ["name 9"]), update("setting", 9, value=1)], {}),
            ([DeleteWhere("setting", "name", ["name 9"]), insert("setting", 9, value=1)], {9: 1}),
            ([DeleteWhere("setting", "name", [])], {9: 0}),
            ([DeleteWhere("setting", "name", [None])], {9: 0}),
            ([insert("setting", 1, value=1), UpdateWhere("setting", "name", ["name 1"], {"value": 2})], {9: 0, 1: 2}),
            ([UpdateWhere("setting", "name", ["name 1"], {"value": 2}), insert("setting", 1, value=1)], {9: 0, 1: 1}),
            ([update("setting", 9, value=1), UpdateWhere("setting", "name", ["name 9"], {"value": 2})], {9: 2}),
            ([UpdateWhere("setting", "name", ["name 9"], {"value": 2}), update("setting", 9, value=1)], {9: 1}),
            ([delete("setting", 9), UpdateWhere("setting", "name", ["name 9"], {"value": 2})], {}),
            (
                [UpdateWhere("setting", "name", ["name 9"], {"value": 2}), DeleteWhere("setting", "name", ["name 9"])],
                {},
            ),
        ],
    )
    async def test_changes_of_one_batch_happen_in_order(
        self, node: Node, changes: list[AnyChange], expected: dict[int, Any]
    ) -> None:
        await node.write(insert("setting", 9, value=0))
        await node.write(*changes)
        assert {found["name"]: found["value"] for found in await node.all("setting")} == {
            f"name {number}": value for number, value in expected.items()
        }

    async def test_where_changes_choose_rows_by_what_earlier_changes_made_of_them(self, node: Node) -> None:
        await node.write(
            insert("job", 1, definition_id="a", retries=1),
            insert("job", 2, definition_id="b", retries=2),
            insert("job", 3, definition_id="b", retries=3),
        )
        await node.write(
            update("job", 1, definition_id="b"),
            update("job", 2, definition_id="c"),
            UpdateWhere("job", "definition_id", ["b"], {"definition_id": "d", "suspended": True}),
            DeleteWhere("job", "definition_id", ["c"]),
            insert("job", 4, definition_id="d"),
            UpdateWhere("job", "definition_id", ["d", "e"], {"priority": 9}),
            update("job", 3, priority=1),
        )
        found = [(job["id"], job["definition_id"], job["suspended"], job["priority"]) for job in await node.all("job")]
        assert found == [(ident(1), "d", True, 9), (ident(3), "d", True, 1), (ident(4), "d", None, 9)]

    async def test_a_row_that_moves_away_escapes_a_later_delete(self, node: Node) -> None:
        await node.write(insert("job", 1, definition_id="a"), insert("job", 2, definition_id="a"))
        await node.write(update("job", 1, definition_id="b"), DeleteWhere("job", "definition_id", ["a"]))
        assert [found["id"] for found in await node.all("job")] == [ident(1)]

    async def test_where_changes_by_a_column_without_index(self, node: Node) -> None:
        await node.write(*(insert("job", number, retries=number % 3) for number in range(6)))
        await node.write(
            UpdateWhere("job", "retries", [1], {"retries": 5, "message": "m"}),
            DeleteWhere("job", "retries", [0, None]),
        )
        assert [(found["retries"], found["message"]) for found in await node.all("job")] == [
            (5, "m"),
            (2, None),
            (5, "m"),
            (2, None),
        ]

    async def test_a_null_is_found_by_no_where_change(self, node: Node) -> None:
        await node.write(insert("job", 1))
        for column in ("definition_id", "retries"):
            await node.write(
                UpdateWhere("job", column, [None, "1" if column == "definition_id" else 1], {"priority": 1}),
                DeleteWhere("job", column, [None]),
            )
        (found,) = await node.all("job")
        assert found["priority"] is None

    async def test_the_key_of_rows_cannot_be_changed(self, node: Node) -> None:
        await node.write(insert("job", 1, definition_id="d"))
        with pytest.raises(Wrong):
            await node.commit(UpdateWhere("job", "definition_id", ["d"], {"id": ident(2)}))
        assert [found["id"] for found in await node.all("job")] == [ident(1)]

    async def test_many_rows_in_one_batch(self, node: Node) -> None:
        await node.write(*(insert("job", number, priority=number) for number in range(2000)))
        await node.write(
            *(update("job", number, priority=-1) for number in range(0, 2000, 2)),
            DeleteWhere("job", "id", [ident(number) for number in range(1, 2000, 2)]),
        )
        found = await node.all("job")
        assert len(found) == 1000
        assert {job["priority"] for job in found} == {-1}

    # -- projections

    async def test_projections_move_rows_and_positions_together(self, store: Store, node: Node) -> None:
        await store.project("views", [insert("variable", 1, name="a")], {"node": 1})
        await store.project("views", [update("variable", 1, name="b"), insert("variable", 2)], {"node": 3, "other": 2})
        await store.project("counters", [], {"node": 9})
        await store.project("views", [delete("variable", 2)], {})
        assert [found["name"] for found in await node.all("variable")] == ["b"]
        assert await store.view_positions("views") == {"node": 3, "other": 2}
        assert await store.view_positions("counters") == {"node": 9}
        assert await store.view_positions("unknown") == {}

    async def test_a_projection_goes_on_only_from_where_it_stands(self, store: Store, node: Node) -> None:
        async def project(number: int, before: Mapping[str, int] | None, **positions: int) -> bool:
            return await store.project("views", [insert("variable", number)], positions, before)

        assert await project(1, {}, node=1)
        assert not await project(2, {}, node=1)
        assert not await project(3, {"node": 1, "other": 1}, node=2)
        assert await project(4, {"node": 1, "other": 0}, node=2)
        assert not await project(5, {"node": 1}, other=1), "another stream has moved"
        assert not await project(6, {"node": 3}, node=4)
        assert await project(7, {"node": 2}, other=1)
        assert not await project(8, {"node": 2}, node=3), "a stream that was not known has moved"
        assert await store.project("elsewhere", [], {"node": 9}, {})
        assert await project(9, None, node=3)
        assert [found["id"] for found in await node.all("variable")] == [ident(number) for number in (1, 4, 7, 9)]
        assert await store.view_positions("views") == {"node": 3, "other": 1}
        await store.reset_views("views")
        assert not await project(1, {"node": 3, "other": 1}, new=1)
        assert await store.view_positions("views") == {}

    async def test_of_concurrent_projections_from_one_place_one_wins(self, store: Store, node: Node) -> None:
        for at in range(5):
            before = {"node": at} if at else {}
            won = await asyncio.gather(
                *(store.project("views", [insert("variable", n)], {"node": at + 1}, before) for n in range(4))
            )
            assert sorted(won) == [False, False, False, True]
            (found,) = await node.all("variable")
            assert found["id"] == ident(won.index(True))
            await store.project("views", [delete("variable", won.index(True))], {})

    async def test_a_projection_that_fails_changes_nothing(self, store: Store, node: Node) -> None:
        with pytest.raises(Wrong):
            await store.project(
                "views", [insert("variable", 1), RowChange("variable", Change.INSERT, {"nothing": 1})], {"node": 1}
            )
        assert await node.all("variable") == []
        assert await store.view_positions("views") == {}

    async def test_a_projection_changes_views_only(self, store: Store, node: Node) -> None:
        with pytest.raises(Wrong):
            await store.project("views", [insert("variable", 1), insert("job", 1)], {"node": 1})
        assert await node.all("job") == await node.all("variable") == []
        assert await store.view_positions("views") == {}

    async def test_resetting_views_empties_them_all_and_nothing_else(self, store: Store, node: Node) -> None:
        views = [name for name, table in TABLES.items() if table.sort is Sort.VIEW]
        kept = [name for name, table in TABLES.items() if table.sort is not Sort.VIEW]
        await store.project("views", [insert(table, 1) for table in views], {"node": 4})
        await store.project("other", [], {"node": 2})
        await node.write(*(insert(table, 1) for table in kept), instances=[written(1, 0, 1)], log=b"1")
        await store.reset_views("views")
        assert [name for name in TABLES if await store.count(Query(name))] == kept
        assert await store.view_positions("views") == {}
        assert await store.view_positions("other") == {"node": 2}
        assert await store.heads() == {"node": 1}
        assert list(await store.load([ident(1)])) == [ident(1)]
        await store.project("views", [insert("variable", 1, name="again")], {"node": 1})
        assert labels(await store.rows(Query("variable", [eq("id", ident(1))]))) == "again"

    # -- queries

    @pytest.mark.parametrize(("term", "expected"), TERMS, ids=lambda value: str(value)[:80])
    async def test_terms(self, store: Store, letters: None, term: Term, expected: str) -> None:
        query = Query("variable", [term])
        assert labels(await store.rows(query)) == expected
        assert await store.count(query) == len(expected)

    async def test_all_terms_of_a_query_must_hold(self, store: Store, letters: None) -> None:
        assert labels(await store.rows(Query("variable", [eq("live", True), eq("long_value", 1)]))) == "a"
        assert labels(await store.rows(Query("variable", [eq("id", ident(97)), eq("name", "b")]))) == ""
        assert (
            labels(await store.rows(Query("variable", [one_of("id", [ident(97), ident(98)]), eq("live", False)])))
            == "b"
        )

    async def test_rows_come_in_the_order_of_their_key(self, store: Store, node: Node) -> None:
        ids = [ident(number, shard) for number in (3, 1, 2) for shard in (9, 1023, 10)]
        await node.write(*(insert("job", 0, id=each) for each in ids))
        assert [found["id"] for found in await node.all("job")] == sorted(ids, key=lambda each: (shard_of(each), each))

    async def test_rows_with_chosen_columns(self, store: Store, letters: None) -> None:
        query = Query("variable", [eq("name", "c")], columns=["live", "info", "name"])
        (found,) = await store.rows(query)
        assert found == {"live": True, "info": {"x": None}, "name": "c"}
        assert found["live"] is True

    @pytest.mark.parametrize("query", WRONG_QUERIES, ids=lambda value: str(value)[:80])
    async def test_what_does_not_exist_or_fit_raises(self, store: Store, letters: None, query: Query) -> None:
        with pytest.raises(Wrong):
            await store.rows(query)
        assert await store.count(Query("variable")) == len(LETTERS)

    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            ([Order("text_value")], "i" + TEXT_ORDER),
            ([Order("text_value", descending=True)], TEXT_ORDER[::-1] + "i"),
            ([Order("long_value"), Order("name")], "ghijkecfabd"),
            ([Order("long_value", descending=True), Order("name", descending=True)], "dbafcekjihg"),
            ([Order("long_value", descending=True), Order("name")], "dbafceghijk"),
            ([Order("double_value"), Order("name", descending=True)], "kjihfdbgace"),
            ([Order("live"), Order("name")], "dfghijkbeac"),
            ([Order("live", descending=True), Order("name")], "acbedfghijk"),
            ([Order("text_value", lower=True), Order("name")], "ijcdabkefhg"),
            ([Order("text_value", lower=True), Order("text_value")], "ijcdbakefhg"),
            ([Order("live"), Order("long_value", descending=True)], "dfghijkbeac"),
        ],
    )
    async def test_order(self, store: Store, letters: None, order: list[Order], expected: str) -> None:
        assert labels(await store.rows(Query("variable", order=order))) == expected

    @pytest.mark.parametrize(
        ("offset", "limit", "expected"),
        [
            (None, None, "abcdefghijk"),
            (0, 3, "abc"),
            (2, 3, "cde"),
            (2, None, "cdefghijk"),
            (None, 2, "ab"),
            (10, 5, "k"),
            (11, 5, ""),
            (2**31, 2**31, ""),
            (None, 2**31, "abcdefghijk"),
            (None, 0, ""),
            (1, 0, ""),
            (None, -1, ""),
            (3, -5, ""),
        ],
    )
    async def test_offset_and_limit(
        self, store: Store, letters: None, offset: int | None, limit: int | None, expected: str
    ) -> None:
        query = Query("variable", order=[Order("name")], offset=offset, limit=limit)
        assert labels(await store.rows(query)) == expected
        assert await store.count(query) == len(LETTERS)

    async def test_queries_see_a_commit_that_returned(self, store: Store, node: Node) -> None:
        for number in range(5):
            await node.write(insert("external_task", number, topic="t", instance_id="i"))
            assert await store.count(Query("external_task", [eq("instance_id", "i")])) == number + 1
        await node.write(
            update("external_task", 0, instance_id="j"), delete("external_task", 1), insert("external_task", 2)
        )
        assert await store.count(Query("external_task", [eq("instance_id", "i")])) == 2
        assert await store.count(Query("external_task", [one_of("instance_id", ["i", "j", "k"])])) == 3
        await node.write(insert("external_task", 3, instance_id="k"))
        assert labels(await store.rows(Query("external_task", [eq("instance_id", "i")])), "id") == ident(4)

    # -- linked rows

    @pytest.fixture
    async def linked(self, node: Node) -> None:
        """Tasks a, b, c, d. Variables: a has x=1, y=2; b has x=3; c none; d has no instance, nor has one variable."""
        await node.write(
            insert("task", 1, name="a", instance_id="i1", assignee="x"),
            insert("task", 2, name="b", instance_id="i2", assignee="y"),
            insert("task", 3, name="c", instance_id="i3"),
            insert("task", 4, name="d"),
            insert("variable", 13, instance_id="i1", name="x", long_value=1, text_value="B"),
            insert("variable", 11, instance_id="i1", name="y", long_value=2, text_value="z"),
            insert("variable", 12, instance_id="i2", name="x", long_value=3, text_value="a"),
            insert("variable", 14, name="x", long_value=4, text_value="c"),
        )

    @pytest.mark.parametrize(
        ("term", "expected"),
        [
            (Exists("variable", [("instance_id", "instance_id")]), "ab"),
            (Not(Exists("variable", [("instance_id", "instance_id")])), "cd"),
            (Exists("variable", [("instance_id", "instance_id")], [eq("name", "y")]), "a"),
            (Exists("variable", [("instance_id", "instance_id")], [eq("name", "x"), eq("long_value", 2)]), ""),
            (Exists("variable", [("instance_id", "instance_id")], [Not(eq("name", "y"))]), "ab"),
            (Exists("variable", [("instance_id", "instance_id"), ("name", "assignee")]), "a"),
            (Exists("variable", [], [eq("long_value", 4)]), "abcd"),
            (Exists("variable", [], [eq("long_value", 5)]), ""),
            (
                AnyOf([eq("name", "d"), Exists("variable", [("instance_id", "instance_id")], [eq("long_value", 3)])]),
                "bd",
            ),
            (
                Exists(
                    "variable",
                    [("instance_id", "instance_id")],
                    [Exists("task", [("instance_id", "instance_id")], [eq("assignee", "y")])],
                ),
                "b",
            ),
            (Exists("task", [("id", "id")], [eq("name", "c")]), "c"),
        ],
        ids=lambda value: str(value)[:80],
    )
    async def test_exists(self, store: Store, linked: None, term: Term, expected: str) -> None:
        assert labels(await store.rows(Query("task", [term]))) == expected
        assert await store.count(Query("task", [term])) == len(expected)

    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            (Order("long_value", table="variable", link=[("instance_id", "instance_id")]), "cdab"),
            (Order("long_value", True, table="variable", link=[("instance_id", "instance_id")]), "bacd"),
            (
                Order("text_value", table="variable", link=[("instance_id", "instance_id")], where=[eq("name", "x")]),
                "cdab",
            ),
            (
                Order(
                    "text_value",
                    lower=True,
                    table="variable",
                    link=[("instance_id", "instance_id")],
                    where=[eq("name", "x")],
                ),
                "cdba",
            ),
            # The first linked row of a, by key, is y with "z".
            (Order("text_value", table="variable", link=[("instance_id", "instance_id")]), "cdba"),
        ],
        ids=lambda value: str(value)[:80],
    )
    async def test_order_by_a_linked_row(self, store: Store, linked: None, order: Order, expected: str) -> None:
        assert labels(await store.rows(Query("task", order=[order, Order("name")]))) == expected

    async def test_exists_over_many_rows(self, store: Store, node: Node) -> None:
        await node.write(
            *(insert("task", number, instance_id=f"i{number}") for number in range(1500)),
            *(insert("variable", number, instance_id=f"i{number}", long_value=number % 2) for number in range(1500)),
        )
        term = Exists("variable", [("instance_id", "instance_id")], [eq("long_value", 1)])
        assert await asyncio.wait_for(store.count(Query("task", [term])), 30) == 750

    # -- groups

    async def test_groups(self, store: Store, node: Node) -> None:
        rows: list[Mapping[str, Any]] = [
            {"topic": "b", "suspended": True, "priority": 5, "worker_id": "u"},
            {"topic": "b", "suspended": True, "priority": 7},
            {"topic": "b", "suspended": False, "priority": None},
            {"topic": "B", "priority": -1},
            {"topic": None, "priority": 3, "worker_id": "w"},
            {"topic": None, "priority": 4, "worker_id": "v"},
        ]
        await node.write(*(insert("external_task", number, **values) for number, values in enumerate(rows)))
        assert await store.groups(Group("external_task", ["topic"])) == [
            {"topic": None, "count": 2},
            {"topic": "B", "count": 1},
            {"topic": "b", "count": 3},
        ]
        found = await store.groups(
            Group("external_task", ["topic", "suspended"], maxima=["priority", "worker_id"], minima=["priority"])
        )
        assert [tuple(group.values()) for group in found] == [
            (None, None, 2, 4, "w", 3),
            ("B", None, 1, -1, None, -1),
            ("b", False, 1, None, None, None),
            ("b", True, 2, 7, "u", 5),
        ]
        assert list(found[0]) == ["topic", "suspended", "count", "max_priority", "max_worker_id", "min_priority"]
        assert found[2]["suspended"] is False and found[3]["suspended"] is True
        assert await store.groups(Group("external_task", ["topic"], [eq("priority", 7)])) == [
            {"topic": "b", "count": 1}
        ]
        assert await store.groups(Group("external_task", ["topic"], [eq("priority", 70)])) == []

    async def test_a_group_without_columns_is_of_all_rows(self, store: Store, letters: None) -> None:
        (found,) = await store.groups(Group("variable", [], maxima=["text_value"], minima=["double_value"]))
        assert found == {"count": len(LETTERS), "max_text_value": "😀", "min_double_value": -0.5}
        nothing = Group("variable", [], [eq("name", "none")], maxima=["long_value"])
        assert await store.groups(nothing) == [{"count": 0, "max_long_value": None}]

    @pytest.mark.parametrize(
        "group",
        [
            Group("nothing", ["id"]),
            Group("job", ["nothing"]),
            Group("job", ["id"], [eq("nothing", 1)]),
            Group("job", [], maxima=["nothing"]),
            Group("job", [], minima=["nothing"]),
        ],
    )
    async def test_groups_of_what_does_not_exist_raise(self, store: Store, group: Group) -> None:
        with pytest.raises(Wrong):
            await store.groups(group)

    # -- external tasks

    async def test_fetching_locks_and_returns_the_rows(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(
            insert("external_task", 1, topic="t", retries=3, suspended=False, created_ms=1, properties={"p": [1]}),
            insert("external_task", 2, topic="other", created_ms=1),
        )
        (task,) = await store.fetch_and_lock(_fetch("w", TopicFetch(topic="t", lock_duration_ms=MINUTE_MS)), now_ms)
        assert (task["id"], task["worker_id"], task["retries"]) == (ident(1), "w", 3)
        assert task["properties"] == {"p": [1]}
        assert task["suspended"] is False
        assert now_ms + MINUTE_MS - 5000 <= task["lock_expires_ms"] <= now_ms + MINUTE_MS + 60_000
        assert await node.one("external_task", 1) == task
        assert list(task) == list(TABLES["external_task"].columns)
        assert await store.fetch_and_lock(_fetch("v", _topic("t")), now_ms) == []
        assert await store.fetch_and_lock(_fetch("w", _topic("t")), now_ms) == []

    async def test_what_a_worker_has_seen_is_kept_with_its_task(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(insert("external_task", 1, topic="t", created_ms=1))
        seen = {"ProcessTaskResults": [3, "digest"]}
        for value in (seen, None):
            await store.commit(
                Batch(stream="", log=None, at_ms=now_ms, rows=[update("external_task", 1, seen_results=value)])
            )
            row = await node.one("external_task", 1)
            assert row is not None and row["seen_results"] == value
        await store.commit(
            Batch(stream="", log=None, at_ms=now_ms, rows=[update("external_task", 1, seen_results=seen)])
        )
        (task,) = await store.fetch_and_lock(_fetch("w", _topic("t")), now_ms)
        assert task["seen_results"] == seen

    async def test_a_topic_has_its_own_lock_duration(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(insert("external_task", 1, topic="a"), insert("external_task", 2, topic="b"))
        tasks = await store.fetch_and_lock(
            _fetch(
                "w",
                TopicFetch(topic="a", lock_duration_ms=MINUTE_MS),
                TopicFetch(topic="b", lock_duration_ms=MINUTE_MS * 60),
            ),
            now_ms,
        )
        expiries = {task["topic"]: task["lock_expires_ms"] for task in tasks}
        assert MINUTE_MS * 58 <= expiries["b"] - expiries["a"] <= MINUTE_MS * 60

    async def test_an_expired_lock_does_not_hold(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(
            insert("external_task", 1, topic="t", worker_id="v", lock_expires_ms=now_ms - MINUTE_MS),
            insert("external_task", 2, topic="t", worker_id="v", lock_expires_ms=now_ms + MINUTE_MS),
        )
        (task,) = await store.fetch_and_lock(_fetch("w", _topic("t")), now_ms)
        assert (task["id"], task["worker_id"]) == (ident(1), "w")

    async def test_a_lock_expires(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(insert("external_task", 1, topic="t"))
        short = _fetch("v", TopicFetch(topic="t", lock_duration_ms=20))
        assert len(await store.fetch_and_lock(short, now_ms)) == 1
        await asyncio.sleep(0.06)
        (task,) = await store.fetch_and_lock(_fetch("w", _topic("t")), SystemClock().now_ms())
        assert task["worker_id"] == "w"

    async def test_tasks_without_retries_and_suspended_ones_are_not_fetched(
        self, store: Store, node: Node, now_ms: int
    ) -> None:
        await node.write(
            insert("external_task", 1, topic="t", retries=0),
            insert("external_task", 2, topic="t", suspended=True),
            insert("external_task", 3, topic="t", retries=1, suspended=False),
            insert("external_task", 4, topic="t", retries=None, suspended=False),
        )
        tasks = await store.fetch_and_lock(_fetch("w", _topic("t")), now_ms)
        assert sorted(task["id"] for task in tasks) == [ident(3), ident(4)]

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            ({}, "abcd"),
            ({"business_key": "k1"}, "a"),
            ({"definition_id": "d1"}, "ab"),
            ({"definition_ids": ["d1", "d2"]}, "abc"),
            ({"definition_ids": []}, "abcd"),
            ({"definition_key": "p1"}, "a"),
            ({"definition_keys": ["p1", "p3", "none"]}, "ac"),
            ({"definition_keys": ()}, "abcd"),
            ({"version_tag": "v1"}, "b"),
            ({"without_tenant": True}, "bd"),
            ({"tenant_ids": ["t1", "t2"]}, "ac"),
            ({"tenant_ids": ["t2"]}, "c"),
            ({"tenant_ids": []}, "abcd"),
            ({"instance_ids": ["i1", "i3"]}, "ac"),
            ({"instance_ids": []}, ""),
            ({"instance_ids": None}, "abcd"),
            ({"definition_id": "d1", "without_tenant": True}, "b"),
            ({"definition_id": "d2", "definition_key": "p1"}, ""),
        ],
    )
    async def test_filters_of_a_topic(
        self, store: Store, node: Node, now_ms: int, filters: dict[str, Any], expected: str
    ) -> None:
        def task(number: int, activity_id: str, **values: Any) -> RowChange:
            return insert("external_task", number, topic="t", activity_id=activity_id, created_ms=number, **values)

        await node.write(
            task(1, "a", business_key="k1", definition_id="d1", definition_key="p1", tenant_id="t1", instance_id="i1"),
            task(
                2, "b", business_key="k2", definition_id="d1", definition_key="p2", version_tag="v1", instance_id="i2"
            ),
            task(3, "c", definition_id="d2", definition_key="p3", version_tag="v2", tenant_id="t2", instance_id="i3"),
            task(4, "d"),
            insert("external_task", 5, topic="T", activity_id="e"),
        )
        tasks = await store.fetch_and_lock(_fetch("w", _topic("t", **filters)), now_ms)
        assert labels(tasks, "activity_id") == expected

    async def test_a_task_that_two_topics_want_comes_once(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(
            insert("external_task", 1, topic="t", definition_id="d"), insert("external_task", 2, topic="t")
        )
        tasks = await store.fetch_and_lock(_fetch("w", _topic("t", definition_id="d"), _topic("t")), now_ms)
        assert sorted(task["id"] for task in tasks) == [ident(1), ident(2)]

    async def test_no_more_than_max_tasks(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(*(insert("external_task", number, topic="t", created_ms=number) for number in range(10)))
        first = await store.fetch_and_lock(_fetch("w", _topic("t"), max_tasks=4), now_ms)
        second = await store.fetch_and_lock(_fetch("w", _topic("t"), max_tasks=100), now_ms)
        assert [task["created_ms"] for task in first] == [0, 1, 2, 3]
        assert [task["created_ms"] for task in second] == [4, 5, 6, 7, 8, 9]
        assert await store.fetch_and_lock(_fetch("w", max_tasks=5), now_ms) == []

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"use_priority": True}, "cbeadf"),
            ({"created": "asc"}, "abcdef"),
            ({"created": "desc"}, "fedcba"),
            ({"use_priority": True, "created": "asc"}, "cbeadf"),
            ({"use_priority": True, "created": "desc"}, "cebfda"),
        ],
    )
    async def test_order_of_fetched_tasks(
        self, store: Store, node: Node, now_ms: int, options: dict[str, Any], expected: str
    ) -> None:
        priorities = {"f": 0, "d": 0, "b": 5, "a": 0, "c": 9, "e": 5}
        await node.write(
            *(
                insert(
                    "external_task", 200 - ord(name), topic="uv"[at % 2], activity_id=name, priority=priority,
                    created_ms=ord(name),
                )
                for at, (name, priority) in enumerate(priorities.items())
            )
        )  # fmt: skip
        fetched = ""
        for _ in range(3):
            tasks = await store.fetch_and_lock(_fetch("w", _topic("u"), _topic("v"), max_tasks=2, **options), now_ms)
            fetched += labels(tasks, "activity_id")
        assert fetched == expected

    async def test_topics_take_turns_within_a_fetch(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(
            *(insert("external_task", number, topic="busy", created_ms=number) for number in range(20)),
            *(insert("external_task", 100 + number, topic="quiet", created_ms=100 + number) for number in range(2)),
        )
        tasks = await store.fetch_and_lock(_fetch("w", _topic("busy"), _topic("quiet"), max_tasks=4), now_ms)
        assert sorted((task["topic"], task["created_ms"]) for task in tasks) == [
            ("busy", 0),
            ("busy", 1),
            ("quiet", 100),
            ("quiet", 101),
        ]

    async def test_no_topic_starves_when_tasks_are_fetched_one_by_one(
        self, store: Store, node: Node, now_ms: int
    ) -> None:
        await node.write(
            *(insert("external_task", number, topic="busy", created_ms=number) for number in range(60)),
            insert("external_task", 100, topic="quiet", created_ms=100),
        )
        topics = set()
        for _ in range(40):
            (task,) = await store.fetch_and_lock(_fetch("w", _topic("busy"), _topic("quiet"), max_tasks=1), now_ms)
            topics.add(task["topic"])
        assert topics == {"busy", "quiet"}

    async def test_concurrent_fetches_share_no_task(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(*(insert("external_task", number, topic="t", created_ms=number) for number in range(30)))
        results = await asyncio.gather(
            *(store.fetch_and_lock(_fetch(f"w{at}", _topic("t"), max_tasks=5), now_ms) for at in range(6))
        )
        ids = [task["id"] for tasks in results for task in tasks]
        assert len(ids) == len(set(ids))
        rest = await store.fetch_and_lock(_fetch("last", _topic("t"), max_tasks=100), now_ms)
        assert sorted(ids + [task["id"] for task in rest]) == [ident(number) for number in range(30)]

    async def test_a_task_is_locked_unless_another_holds_it(self, store: Store, node: Node, now_ms: int) -> None:
        future_ms = now_ms + 10 * MINUTE_MS
        await node.write(
            insert("external_task", 1),
            insert("external_task", 2, worker_id="v", lock_expires_ms=now_ms + MINUTE_MS),
            insert("external_task", 3, worker_id="v", lock_expires_ms=now_ms - MINUTE_MS),
            insert("external_task", 4, worker_id="w", lock_expires_ms=now_ms + MINUTE_MS),
            insert("external_task", 5, retries=0, suspended=True),
        )
        holders = {}
        for number in range(1, 6):
            task = await store.lock(ident(number), "w", future_ms, now_ms)
            assert task is not None
            assert task == await node.one("external_task", number)
            holders[number] = (task["worker_id"], task["lock_expires_ms"])
        assert holders == {
            1: ("w", future_ms),
            2: ("v", now_ms + MINUTE_MS),
            3: ("w", future_ms),
            4: ("w", future_ms),
            5: ("w", future_ms),
        }
        assert await store.lock(ident(6), "w", future_ms, now_ms) is None

    async def test_a_lock_is_extended_by_its_holder_only(self, store: Store, node: Node, now_ms: int) -> None:
        until_ms, later_ms = now_ms + MINUTE_MS, now_ms + 2 * MINUTE_MS
        await node.write(
            insert("external_task", 1, worker_id="w", lock_expires_ms=until_ms), insert("external_task", 2)
        )
        other = await store.extend_lock(ident(1), "v", later_ms)
        assert other is not None and (other["worker_id"], other["lock_expires_ms"]) == ("w", until_ms)
        holder = await store.extend_lock(ident(1), "w", later_ms)
        assert holder is not None and (holder["worker_id"], holder["lock_expires_ms"]) == ("w", later_ms)
        assert await node.one("external_task", 1) == holder
        free = await store.extend_lock(ident(2), "w", later_ms)
        assert free is not None and (free["worker_id"], free["lock_expires_ms"]) == (None, None)
        assert await store.extend_lock(ident(3), "w", later_ms) is None

    async def test_unlocking_gives_the_row_as_it_was(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(
            insert("external_task", 1, topic="t", worker_id="w", lock_expires_ms=now_ms + MINUTE_MS),
            insert("external_task", 2, topic="u"),
        )
        before = await store.unlock(ident(1))
        assert before is not None
        assert (before["worker_id"], before["lock_expires_ms"]) == ("w", now_ms + MINUTE_MS)
        after = await node.one("external_task", 1)
        assert after == {**before, "worker_id": None, "lock_expires_ms": None}
        assert len(await store.fetch_and_lock(_fetch("v", _topic("t")), now_ms)) == 1
        free = await store.unlock(ident(2))
        assert free is not None and free["worker_id"] is None
        assert await store.unlock(ident(3)) is None

    # -- jobs

    async def test_leasing_returns_the_rows(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(_job(1, payload={"p": 1}, exclusive=False, due_ms=now_ms - 1000))
        (job,) = await store.lease_jobs("here", now_ms + MINUTE_MS, 10, now_ms)
        assert (job["id"], job["lease_owner"], job["lease_expires_ms"]) == (ident(1), "here", now_ms + MINUTE_MS)
        assert (job["payload"], job["exclusive"]) == ({"p": 1}, False)
        assert await node.one("job", 1) == job
        assert await store.lease_jobs("there", now_ms + MINUTE_MS, 10, now_ms) == []
        assert await store.lease_jobs("here", now_ms + MINUTE_MS, 10, now_ms) == []

    async def test_only_due_jobs_that_may_run_are_leased(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(
            _job(1),
            _job(2, due_ms=now_ms - MINUTE_MS),
            _job(3, due_ms=now_ms + MINUTE_MS),
            _job(4, retries=0),
            _job(5, suspended=True),
            _job(6, suspended=False, retries=1),
            _job(7, lease_owner="there", lease_expires_ms=now_ms + MINUTE_MS),
            _job(8, lease_owner="there", lease_expires_ms=now_ms - MINUTE_MS),
        )
        jobs = await store.lease_jobs("here", now_ms + MINUTE_MS, 10, now_ms)
        assert sorted(job["id"] for job in jobs) == [ident(number) for number in (1, 2, 6, 8)]
        assert {job["lease_owner"] for job in jobs} == {"here"}

    async def test_order_and_limit_of_leased_jobs(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(
            _job(1, priority=0, due_ms=now_ms - 3 * MINUTE_MS),
            _job(2, priority=0, due_ms=now_ms - 5 * MINUTE_MS),
            _job(3, priority=9, due_ms=now_ms - MINUTE_MS),
            _job(4, priority=-1, due_ms=now_ms - 9 * MINUTE_MS),
            _job(5, priority=9, due_ms=now_ms - 2 * MINUTE_MS),
        )
        leased = []
        for limit in (2, 1, 0, 10):
            jobs = await store.lease_jobs("here", now_ms + MINUTE_MS, limit, now_ms)
            assert len(jobs) <= limit
            leased += [job["id"] for job in jobs]
        assert leased == [ident(number) for number in (5, 3, 2, 1, 4)]

    async def test_a_lease_expires(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(_job(1))
        assert len(await store.lease_jobs("here", now_ms - MINUTE_MS, 1, now_ms)) == 1
        (job,) = await store.lease_jobs("there", now_ms + MINUTE_MS, 1, now_ms)
        assert job["lease_owner"] == "there"
        assert list((await node.refused(jobs=[JobCheck(ident(1), "here")])).jobs) == [ident(1)]

    async def test_of_exclusive_jobs_of_an_instance_one_is_leased(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(
            _job(1, instance_id="i", exclusive=True, priority=1),
            _job(2, instance_id="i", exclusive=True, priority=2),
            _job(3, instance_id="i", exclusive=False),
            _job(4, instance_id="j", exclusive=True),
        )
        until_ms = now_ms + MINUTE_MS
        first = await store.lease_jobs("here", until_ms, 10, now_ms)
        assert sorted(job["id"] for job in first) == [ident(2), ident(3), ident(4)]
        assert await store.lease_jobs("there", until_ms, 10, now_ms) == []
        await store.release_jobs("here", [ident(3)])
        assert [job["id"] for job in await store.lease_jobs("there", until_ms, 10, now_ms)] == [ident(3)]
        await node.write(delete("job", 2))
        assert [job["id"] for job in await store.lease_jobs("there", until_ms, 10, now_ms)] == [ident(1)]

    async def test_a_blocked_exclusive_job_takes_no_place(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(
            *(_job(number, instance_id="i", exclusive=True, priority=9) for number in range(1, 6)),
            _job(6, instance_id="j", exclusive=True, priority=1),
        )
        jobs = await store.lease_jobs("here", now_ms + MINUTE_MS, 2, now_ms)
        more = await store.lease_jobs("here", now_ms + MINUTE_MS, 2, now_ms)
        assert sorted(job["instance_id"] for job in jobs + more) == ["i", "j"]

    async def test_an_expired_exclusive_lease_does_not_block(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(
            _job(
                1, instance_id="i", exclusive=True, lease_owner="gone", lease_expires_ms=now_ms - MINUTE_MS, retries=0
            ),
            _job(2, instance_id="i", exclusive=True),
        )
        jobs = await store.lease_jobs("here", now_ms + MINUTE_MS, 10, now_ms)
        assert [job["id"] for job in jobs] == [ident(2)]

    async def test_concurrent_leases_share_no_job(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(
            *(_job(number, exclusive=False) for number in range(10)),
            *(_job(100 + number, instance_id="i", exclusive=True) for number in range(10)),
        )
        results = await asyncio.gather(*(store.lease_jobs(f"n{at}", now_ms + MINUTE_MS, 5, now_ms) for at in range(6)))
        jobs = [job for leased in results for job in leased]
        assert len({job["id"] for job in jobs}) == len(jobs)
        assert sum(job["exclusive"] for job in jobs) <= 1

    async def test_released_jobs_can_be_leased_again(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(_job(1), _job(2), _job(3))
        await store.lease_jobs("here", now_ms + MINUTE_MS, 10, now_ms)
        await store.release_jobs("there", [ident(1)])
        assert await store.lease_jobs("there", now_ms + MINUTE_MS, 10, now_ms) == []
        await store.release_jobs("here", [ident(1), ident(3), ident(9)])
        await store.release_jobs("here", [])
        found = await node.one("job", 1)
        assert found is not None and (found["lease_owner"], found["lease_expires_ms"]) == (None, None)
        jobs = await store.lease_jobs("there", now_ms + MINUTE_MS, 10, now_ms)
        assert sorted(job["id"] for job in jobs) == [ident(1), ident(3)]

    async def test_a_lease_has_one_owner_until_it_expires(self, store: Store, node: Node, now_ms: int) -> None:
        assert sorted(await store.claim_leases(["b", "a"], "here", MINUTE_MS, now_ms)) == ["a", "b"]
        assert await store.claim_leases(["a", "c"], "there", 1, now_ms) == ["c"]
        assert await store.claim_leases(["a"], "here", MINUTE_MS, now_ms) == ["a"]
        await asyncio.sleep(0.01)
        later_ms = SystemClock().now_ms()
        assert await store.claim_leases(["c"], "here", MINUTE_MS, later_ms) == ["c"]
        await store.release_leases(["a", "b", "c"], "there")
        assert await store.claim_leases(["a", "b", "c"], "there", MINUTE_MS, later_ms) == []
        await store.release_leases(["b"], "here")
        assert await store.claim_leases(["a", "b", "c"], "there", MINUTE_MS, later_ms) == ["b"]

    async def test_when_the_next_job_is_due(self, store: Store, node: Node, now_ms: int) -> None:
        assert await store.next_due_ms(now_ms) is None
        await node.write(_job(1, due_ms=now_ms + 2 * MINUTE_MS))
        assert await store.next_due_ms(now_ms) == now_ms + 2 * MINUTE_MS
        await node.write(
            _job(2, due_ms=now_ms + MINUTE_MS),
            _job(3, due_ms=now_ms - MINUTE_MS, lease_owner="n", lease_expires_ms=now_ms + MINUTE_MS),
            _job(4, due_ms=now_ms - MINUTE_MS, retries=0),
            _job(5, due_ms=now_ms - MINUTE_MS, suspended=True),
        )
        assert await store.next_due_ms(now_ms) == now_ms + MINUTE_MS
        await node.write(_job(6, due_ms=now_ms - 2 * MINUTE_MS))
        assert await store.next_due_ms(now_ms) == now_ms - 2 * MINUTE_MS

    async def test_a_job_without_due_time_is_due(self, store: Store, node: Node, now_ms: int) -> None:
        await node.write(_job(1, created_ms=now_ms - 1000))
        due_ms = await store.next_due_ms(now_ms)
        assert due_ms is not None and due_ms <= SystemClock().now_ms() + 1000

    # -- notifications

    async def test_waiting_ends_after_the_timeout(self, store: Store) -> None:
        assert list(await asyncio.wait_for(store.wait_notification(0.01), 10)) == []

    async def test_notifying_without_a_commit(self, store: Store) -> None:
        await store.notify(["views"])
        await store.notify([])
        assert list(await store.wait_notification(0.01)) == []

    async def test_a_batch_may_notify(self, node: Node) -> None:
        assert await node.commit(insert("external_task", 1, topic="t"), log=b"1", notify=["external:t", "jobs"]) == 1


def _positions(entries: Sequence[LogEntry]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for entry in entries:
        found.setdefault(entry.stream, []).append(entry.position)
    return found


def _payloads(entries: Sequence[LogEntry]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for entry in entries:
        found.setdefault(entry.stream, []).append(entry.payload)
    return found


def _topic(name: str, **filters: Any) -> TopicFetch:
    return TopicFetch(topic=name, lock_duration_ms=MINUTE_MS, **filters)


def _fetch(worker: str, *topics: TopicFetch, max_tasks: int = 10, **options: Any) -> Fetch:
    return Fetch(worker=worker, max_tasks=max_tasks, topics=topics, **options)


def _job(number: int, **values: Any) -> RowChange:
    return insert("job", number, **{"retries": 3, "priority": 0, "suspended": False, **values})
