"""`penstock doctor`: what it finds wrong, and that it touches nothing."""

import asyncio
import json
import shutil
import socket
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import msgspec
import pytest

from cli.running import MODEL, Up, penstock
from penstock.base.errors import StoreFailed
from penstock.cli.checks import machine
from penstock.cli.checks.finding import Verdict
from penstock.cli.checks.server import views
from penstock.cli.checks.store import described
from penstock.cli.doctor import _of_store
from penstock.store import inspect_store
from penstock.store.inspection import Facts, Setting
from penstock.store.protocol import Batch

Found = dict[str, list[dict[str, Any]]]


def doctor(folder: Path, *arguments: str) -> tuple[int, Found]:
    """Exit code, and what was found by check."""
    done = penstock("doctor", "--json", *arguments, cwd=folder)
    assert "Traceback" not in done.stderr, done.stderr
    found: Found = {}
    for item in json.loads(done.stdout):
        found.setdefault(item["check"], []).append(item)
    return done.returncode, found


def looked(folder: Path) -> tuple[int, Found]:
    """The same with --deep, quicker: in this process."""

    async def look() -> list[Any]:
        store = f"sqlite:///{folder}/penstock.db"
        return [item async for item in _of_store(store, "127.0.0.1", int(free_port()), True)]

    found: Found = {}
    for item in asyncio.run(look()):
        found.setdefault(item.check, []).append(msgspec.to_builtins(item))
    return int("failed" in verdicts(found)), found


def verdicts(found: Found) -> set[str]:
    return {item["verdict"] for items in found.values() for item in items}


def used(folder: Path, store: str = "sqlite:///penstock.db") -> None:
    """A store with two live instances and a server that has ended."""
    with Up(folder, "--store", store) as up:
        model = {"order.bpmn": ("order.bpmn", MODEL.encode(), "text/xml")}
        assert up.rest("POST", "/deployment/create", files=model).status_code == 200
        for _ in range(2):
            assert up.rest("POST", "/process-definition/key/order/start", json={}).status_code == 200
        assert up.terminate() == 0


@pytest.fixture(scope="module")
def _used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("used")
    used(folder)
    return folder / "penstock.db"


@pytest.fixture
def folder(_used: Path, tmp_path: Path) -> Path:
    """A folder with a store of its own that has been used."""
    shutil.copy(_used, tmp_path)
    return tmp_path


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def change(folder: Path, text: str) -> None:
    """Damages the database."""
    connection = apsw.Connection(str(folder / "penstock.db"))
    connection.execute(text)
    assert connection.changes() > 0
    connection.close()


def test_all_is_well(folder: Path) -> None:
    before = (folder / "penstock.db").read_bytes()
    code, found = doctor(folder, "--deep", "--port", free_port())
    assert code == 0
    assert "failed" not in verdicts(found)
    assert {"python", "versions", "disk", "schema", "views", "leases", "states", "log", "work"} <= found.keys()
    assert "all 2 live instances" in found["states"][0]["text"]
    assert (folder / "penstock.db").read_bytes() == before
    people = penstock("doctor", cwd=folder)
    assert people.stdout.startswith("ok       python")


def test_beside_a_server_and_asking_one(tmp_path: Path) -> None:
    with Up(tmp_path, "--store", "sqlite:///penstock.db") as up:
        code, found = doctor(tmp_path, "--port", up.url.rpartition(":")[2])
        assert code == 0
        assert "in use" in found["store"][0]["text"]
        assert "a server runs" in found["port"][0]["text"]
        code, found = doctor(tmp_path, "--url", up.url)
        assert (code, found["server"][0]["verdict"]) == (0, "ok")
        assert {"release", "jobs", "incidents", "views", "open files"} <= found.keys()
        assert up.rest("GET", "/version").status_code == 200


def test_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    used(tmp_path, postgres_url)
    code, found = doctor(tmp_path, "--deep", "--store", postgres_url, "--port", free_port())
    settings = {item["text"].split(" = ")[0]: item for item in found["setting"]}
    # The servers of the tests run without: exactly what it is there to find.
    assert (settings["fsync"]["verdict"], settings["full_page_writes"]["verdict"]) == ("failed", "failed")
    assert code == 1
    assert settings["max_connections"]["verdict"] == "ok"
    assert found["clock"][0]["verdict"] == "ok"
    assert "distance" in found
    assert {found[check][0]["verdict"] for check in ("states", "log", "work", "pages", "definitions")} == {"ok"}
    assert "all 2 live instances" in found["states"][0]["text"]


@pytest.mark.parametrize(
    ("damage", "check", "text"),
    [
        ("UPDATE instance SET revision = revision + 1", "states", "at revision 2 holds"),
        ("DELETE FROM event_log WHERE position = (SELECT max(position) FROM event_log)", "log", "ends at revision 0"),
        ("UPDATE instance SET head = x'93'", "states", "cannot be decoded"),
        ("DELETE FROM external_task", "work", "external_task lacks 1 rows"),
        ("DELETE FROM instance", "work", "which is over"),
        ("DELETE FROM resource", "definitions", "its resource order.bpmn is missing"),
        ("UPDATE resource SET content = x'3c'", "definitions", "cannot be read"),
        ("UPDATE meta SET version = 9999", "schema", "schema 9999"),
    ],
)
def test_what_does_not_fit_together_is_found(folder: Path, damage: str, check: str, text: str) -> None:
    change(folder, damage)
    code, found = looked(folder)
    assert code == 1
    wrong = [item for item in found[check] if item["verdict"] == "failed"]
    assert text in wrong[0]["text"]
    assert wrong[0]["advice"]


def test_a_state_that_differs_from_its_log_is_found(folder: Path) -> None:
    change(
        folder,
        "UPDATE instance SET head = (SELECT head FROM instance ORDER BY id LIMIT 1)"
        " WHERE id = (SELECT max(id) FROM instance)",
    )
    code, found = looked(folder)
    assert code == 1
    assert found["states"][0]["verdict"] == "failed"


def test_what_waits_for_somebody_is_a_warning(folder: Path) -> None:
    connection = apsw.Connection(str(folder / "penstock.db"))
    for id, owner, expires, retries in (("stuck", "gone", 1, 1), ("late", None, None, 1), ("dead", None, None, 0)):
        connection.execute(
            "INSERT INTO job (shard, id, kind, due_ms, created_ms, retries, suspended, lease_owner, lease_expires_ms)"
            " VALUES (1, ?, 'timer-start-event', 1, 1, ?, 0, ?, ?)",
            (id, retries, owner, expires),
        )
    connection.close()
    code, found = looked(folder)
    assert code == 0
    assert {check: found[check][0]["verdict"] for check in ("leases", "due jobs", "jobs")} == dict.fromkeys(
        ("leases", "due jobs", "jobs"), "warning"
    )


def test_what_is_not_there_is_said_in_one_finding(tmp_path: Path) -> None:
    code, found = doctor(tmp_path, "--port", free_port())
    assert (code, found["store"][0]["verdict"]) == (1, "failed")
    assert not (tmp_path / "penstock.db").exists()
    code, found = doctor(tmp_path, "--store", "postgresql://nobody@127.0.0.1:1/x", "--port", free_port())
    assert (code, found["store"][0]["verdict"]) == (1, "failed")
    code, found = doctor(tmp_path, "--store", "memory://", "--port", free_port())
    assert "cannot be looked at" in found["store"][0]["text"]
    code, found = doctor(tmp_path, "--url", f"http://127.0.0.1:{free_port()}")
    assert (code, found["server"][0]["verdict"]) == (1, "failed")


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    done = penstock("doctor", "--store", "postgresql://me:hunter2@127.0.0.1:1/x", cwd=tmp_path)
    assert "hunter2" not in done.stdout + done.stderr


def test_an_empty_store_and_a_foreign_file(tmp_path: Path, postgres_url: str) -> None:
    code, found = doctor(tmp_path, "--store", postgres_url, "--port", free_port())
    assert (found["schema"][0]["verdict"], code) == ("warning", 1)  # 1: fsync is off
    (tmp_path / "penstock.db").write_text("this is no database at all, " * 100)
    code, found = doctor(tmp_path, "--port", free_port())
    assert (code, "file is not a database" in found["store"][0]["text"]) == (1, True)


def test_a_port_that_another_program_has(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert machine.port("127.0.0.1", taken.getsockname()[1], 0).verdict is Verdict.FAILED
        assert machine.port("127.0.0.1", taken.getsockname()[1], 1).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("times_ms", "verdict"),
    [([1.0] * 20, Verdict.OK), ([50.0] * 20, Verdict.WARNING), ([0.001] * 20, Verdict.WARNING)],
)
def test_a_disk_is_judged_by_its_fsync(times_ms: list[float], verdict: Verdict) -> None:
    assert machine._synced(times_ms).verdict is verdict


def test_a_disk_is_measured(tmp_path: Path) -> None:
    assert len(machine.sync_ms(tmp_path)) == machine.SYNCS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "age_s", "serving", "verdict"),
    [
        (0, 0.0, True, Verdict.OK),
        (5, 1.0, True, Verdict.OK),
        (5, 100.0, True, Verdict.FAILED),
        (5, 100.0, False, Verdict.WARNING),
    ],
)
def test_views_that_stand_still_are_found(rows: int, age_s: float, serving: bool, verdict: Verdict) -> None:
    assert views(rows, age_s, serving=serving).verdict is verdict


@pytest.mark.parametrize(
    ("schema", "verdict"), [(0, Verdict.WARNING), (1, Verdict.WARNING), (2, Verdict.OK), (3, Verdict.FAILED)]
)
def test_schemas_of_other_releases(schema: int, verdict: Verdict) -> None:
    setting = Setting(name="fsync", value="off", advice="on", fatal=True)
    facts = Facts(database="x", schema=schema, known_schema=2, nodes=0, size_bytes=0, settings=(setting,))
    found = {item.check: item.verdict for item in described(facts)}
    assert found == {"store": Verdict.OK, "schema": verdict, "setting": Verdict.FAILED}


async def test_an_inspection_writes_nothing(postgres_url: str, tmp_path: Path) -> None:
    done = await asyncio.to_thread(penstock, "db", "migrate", "--store", "sqlite:///penstock.db", cwd=tmp_path)
    assert done.returncode == 0
    inspection = inspect_store(f"sqlite:///{tmp_path}/penstock.db")
    await inspection.open()
    with pytest.raises((StoreFailed, apsw.Error)):
        await inspection.commit(Batch(stream="s", log=b"", at_ms=0))
    await inspection.close()
    inspection = inspect_store(postgres_url)
    await inspection.open()
    with pytest.raises((StoreFailed, asyncpg.PostgresError)):
        await inspection.claim_stream("s")
    await inspection.close()
