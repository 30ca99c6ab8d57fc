"""`penstock backup` beside a server under load, `penstock restore`, and a server that goes on from there."""

import asyncio
import itertools
import json
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import httpx
import pytest

from cli.running import penstock
from penstock.base.clock import SystemClock
from penstock.base.errors import StoreFailed
from penstock.store import backups, open_store
from penstock.store.backup import Backed
from penstock.store.protocol import Batch, Change, RowChange
from support.postgres import PostgresServer
from support.processes import Server, wait_until

MODEL = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="urn:test">
  <process id="order" isExecutable="true" camunda:historyTimeToLive="P1D">
    <startEvent id="start" /><sequenceFlow id="f1" sourceRef="start" targetRef="pack" />
    <serviceTask id="pack" camunda:type="external" camunda:topic="packing" />
    <sequenceFlow id="f2" sourceRef="pack" targetRef="note" />
    <serviceTask id="note" camunda:asyncBefore="true" camunda:expression="${true}" />
    <sequenceFlow id="f3" sourceRef="note" targetRef="ship" />
    <serviceTask id="ship" camunda:type="external" camunda:topic="shipping" />
    <sequenceFlow id="f4" sourceRef="ship" targetRef="end" /><endEvent id="end" />
  </process>
</definitions>
"""
LOCK_MS = 500


@pytest.fixture(params=["sqlite", "postgresql"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of a store and of an empty one of the same kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/live.db", f"sqlite:///{tmp_path}/restored.db"
        return
    server = request.getfixturevalue("postgres_server")
    names = (f"backup_{next(_numbers)}", f"backup_{next(_numbers)}")
    for name in names:
        asyncio.run(_execute(server.url(), f"CREATE DATABASE {name}"))
    yield server.url(names[0]), server.url(names[1])
    for name in names:
        asyncio.run(_execute(server.url(), f"DROP DATABASE {name} WITH (FORCE)"))


_numbers = itertools.count(1)


async def _execute(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(text)
    await connection.close()


@contextmanager
def load(server: Server, acknowledged: list[str]) -> Iterator[None]:
    """Starts instances and works on them meanwhile. `acknowledged`: ids of started instances, in order."""
    ending = threading.Event()
    failures: list[BaseException] = []

    def run(work: Any) -> None:
        try:
            with httpx.Client(base_url=f"{server.url}/engine-rest", timeout=60) as client:
                while not ending.is_set():
                    work(client)
        except BaseException as error:
            failures.append(error)

    def begin(client: httpx.Client) -> None:
        answer = client.post("/process-definition/key/order/start", json={"variables": {"n": {"value": 1}}})
        assert answer.status_code == 200, answer.text
        acknowledged.append(answer.json()["id"])
        # Enough to have something under way all the time, and not more to work off than the test needs.
        time.sleep(0.005)

    threads = [threading.Thread(target=run, args=(work,)) for work in (begin, lambda c: work_once(c, 5))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()
    assert not failures


def work_once(client: httpx.Client, most: int) -> int:
    """Completes what there is to do, at most so many; how many that were."""
    topics = [{"topicName": topic, "lockDuration": LOCK_MS} for topic in ("packing", "shipping")]
    body = {"workerId": "w", "maxTasks": most, "topics": topics}
    tasks = client.post("/external-task/fetchAndLock", json=body).json()
    for task in tasks:
        client.post(f"/external-task/{task['id']}/complete", json={"workerId": "w"})
    return len(tasks)


def test_a_backup_under_load_goes_on_elsewhere(stores: tuple[str, str], tmp_path: Path) -> None:
    live, restored = stores
    model = tmp_path / "order.bpmn"
    model.write_text(MODEL)
    target = tmp_path / "the.backup"
    before: list[str] = []
    with Server(live, tmp_path) as server:
        server.deploy(model)
        with load(server, before):
            wait_until(lambda: (len(before) > 50, len(before)), "there is something to back up")
            promised = list(before)
            made = penstock("backup", str(target), "--store", live, "--json", cwd=tmp_path)
            assert made.returncode == 0, made.stderr
            there = len(before)
            wait_until(lambda: (len(before) > there, len(before)), "the server goes on meanwhile")
        server.stop()
    report = json.loads(made.stdout)
    assert report["live_instances"] > 0
    done = penstock("restore", str(target), "--store", restored, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    deep = penstock("doctor", "--deep", "--json", "--store", restored, cwd=tmp_path)
    found = {item["check"]: item for item in json.loads(deep.stdout)}
    assert {check: found[check]["verdict"] for check in ("states", "log", "work", "pages")} == dict.fromkeys(
        ("states", "log", "work", "pages"), "ok"
    )
    assert f"all {report['live_instances']} live instances" in found["states"]["text"]
    with Server(restored, tmp_path) as server:
        assert server.get("/process-instance/count")["count"] == report["live_instances"]
        known = {row["id"] for row in server.get("/history/process-instance")}
        assert set(promised) <= known, "an instance that was acknowledged before the backup began is not in it"
        wait_until(lambda: _worked_off(server), "all instances of the backup go on and end")
        ended = server.get("/history/process-instance", completed="true")
        assert {row["id"] for row in ended} == known
        server.stop()


def _worked_off(server: Server) -> tuple[bool, int]:
    while work_once(server.rest, 100):
        pass
    count = server.get("/process-instance/count")["count"]
    return count == 0, count


def _told(_done: int, _total: int) -> None:
    pass


def _migrated(url: str) -> None:
    async def run() -> None:
        store = open_store(url, SystemClock())
        await store.open()
        await store.close()

    asyncio.run(run())


def _backup(url: str, target: Path) -> Backed:
    return asyncio.run(backups.backup(url, target, _told))


def _restore(source: Path, url: str) -> Backed:
    return asyncio.run(backups.restore(source, url, _told))


def test_a_backup_is_refused_where_it_would_destroy_something(stores: tuple[str, str], tmp_path: Path) -> None:
    live, restored = stores
    _migrated(live)
    target = tmp_path / "the.backup"
    _backup(live, target)
    with pytest.raises(StoreFailed, match="exists"):
        _backup(live, target)
    with pytest.raises(StoreFailed, match="empty"):
        _restore(target, live)
    _restore(target, restored)
    _migrated(restored)
    assert not list(tmp_path.glob(".*.partial"))


def test_a_damaged_backup_is_refused_and_leaves_nothing(stores: tuple[str, str], tmp_path: Path) -> None:
    live, restored = stores
    _migrated(live)
    target = tmp_path / "the.backup"
    _backup(live, target)
    whole = target.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:20], b"nonsense", b""):
        target.write_bytes(damaged)
        with pytest.raises(StoreFailed):
            _restore(target, restored)
    target.write_bytes(whole)
    _restore(target, restored)


def test_progress_is_told_to_the_end(stores: tuple[str, str], tmp_path: Path) -> None:
    _migrated(stores[0])
    told: list[tuple[int, int]] = []
    asyncio.run(backups.backup(stores[0], tmp_path / "x", lambda done, total: told.append((done, total))))
    assert told
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


def test_leases_of_the_nodes_of_then_are_given_back(stores: tuple[str, str], tmp_path: Path) -> None:
    async def run() -> None:
        store = open_store(stores[0], SystemClock())
        await store.open()
        job = {"shard": 1, "id": "j", "retries": 1, "lease_owner": "gone", "lease_expires_ms": 2**50}
        await store.commit(Batch(stream="", log=None, at_ms=0, rows=[RowChange("job", Change.INSERT, job)]))
        await store.close()
        await backups.backup(stores[0], tmp_path / "x", _told)
        await backups.restore(tmp_path / "x", stores[1], _told)
        restored = open_store(stores[1], SystemClock())
        await restored.open()
        assert [row["id"] for row in await restored.lease_jobs("new", 2**50, 1, 0)] == ["j"]
        await restored.close()

    asyncio.run(run())


def test_a_table_that_was_changed_is_noticed(postgres_server: PostgresServer, tmp_path: Path) -> None:
    name = f"backup_{next(_numbers)}"
    asyncio.run(_execute(postgres_server.url(), f"CREATE DATABASE {name}"))
    url = postgres_server.url(name)
    _migrated(url)
    target, changed = tmp_path / "the.zip", tmp_path / "changed.zip"
    _backup(url, target)
    with zipfile.ZipFile(target) as old, zipfile.ZipFile(changed, "w") as new:
        for member in old.namelist():
            new.writestr(member, old.read(member) + (b"\0" if member == "tables/meta.copy" else b""))
    with pytest.raises(StoreFailed, match="the table meta is not what was written"):
        _restore(changed, url)


def test_a_backup_goes_only_into_a_store_of_its_kind(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/a.db"
    _migrated(store)
    _backup(store, tmp_path / "a.backup")
    with pytest.raises(StoreFailed, match="cannot go into postgresql"):
        _restore(tmp_path / "a.backup", "postgresql://127.0.0.1:1/x")


def test_a_backup_of_a_newer_release_is_refused(stores: tuple[str, str], tmp_path: Path) -> None:
    live, restored = stores
    _migrated(live)
    if live.startswith("sqlite"):
        connection = apsw.Connection(live.removeprefix("sqlite:///"))
        connection.execute("UPDATE meta SET version = 9999")
        connection.close()
    else:
        asyncio.run(_execute(live, "UPDATE meta SET version = 9999"))
    _backup(live, tmp_path / "x")
    with pytest.raises(StoreFailed, match="schema 9999"):
        _restore(tmp_path / "x", restored)


def test_a_folder_gets_a_file_with_the_time(tmp_path: Path) -> None:
    assert penstock("db", "migrate", "--store", "sqlite:///a.db", cwd=tmp_path).returncode == 0
    folder = tmp_path / "backups"
    folder.mkdir()
    assert penstock("backup", "backups", "--store", "sqlite:///a.db", cwd=tmp_path).returncode == 0
    (made,) = folder.iterdir()
    assert made.match("penstock-*T*Z.db")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("backup", "x", "--store", "memory://"), "has no backups"),
        (("backup", "x", "--store", "sqlite:///missing.db"), "there is no"),
        (("backup", "no/such/folder/x", "--store", "sqlite:///missing.db"), "there is no"),
    ],
)
def test_what_cannot_be_backed_up_is_said_in_one_line(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    done = penstock(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert why in done.stderr


def test_a_backup_that_is_killed_leaves_no_file(tmp_path: Path) -> None:
    """Only whole files have the name that was asked for."""
    assert penstock("db", "migrate", "--store", "sqlite:///a.db", cwd=tmp_path).returncode == 0
    command = [sys.executable, "-m", "penstock.cli", "backup", "killed.db", "--store", "sqlite:///a.db"]
    for attempt in itertools.count():
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        partial = tmp_path / ".killed.db.partial"
        while process.poll() is None and not partial.exists():
            pass
        process.kill()
        process.wait()
        found = tmp_path / "killed.db"
        if not found.exists():
            break
        assert attempt < 20, "every backup was done before it could be killed"
        check = penstock("restore", "killed.db", "--store", f"sqlite:///r{attempt}.db", cwd=tmp_path)
        assert check.returncode == 0, "a file with the final name is whole"
        found.unlink()
