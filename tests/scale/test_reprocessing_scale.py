"""Ten thousand incidents tried again in bulk (`make scale`; some hundred in `make test`): by a real server, on SQLite and on
PostgreSQL, with a rate and without, through `kill -9`, while others use it."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from scenes import staged

from penstock.base.clock import SystemClock
from penstock.engine import commands as c
from penstock.runtime.protocol import Deploy, Resource
from penstock.store import open_store
from penstock.store.protocol import Fetch, Row, TopicFetch
from penstock.store.query import Query, is_null
from support.processes import Server, wait_until

FULL = os.environ.get("PENSTOCK_SCALE") == "full"
COUNT = 10_000 if FULL else 200
RATE = 2_000 if FULL else 200
AT_ONCE = 500
PINGS = 200 if FULL else 20
SLOWER = 50.0
"""How much slower the slowest hundredth of other requests may be while ten thousand are tried again as fast as can be,
against a server that does nothing: a request may wait for a commit with a share of each job that runs."""

MODEL = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
<process id="pay-TOPIC" isExecutable="true" camunda:historyTimeToLive="5"><startEvent id="start"/>
<serviceTask id="charge" camunda:type="external" camunda:topic="TOPIC"/>
<sequenceFlow id="f" sourceRef="start" targetRef="charge"/></process>
<process id="ping" isExecutable="true" camunda:historyTimeToLive="5"><startEvent id="s"/></process></definitions>"""

pytestmark = pytest.mark.timeout(3_600 if FULL else 120)


Topics = Mapping[str, int]


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'penstock.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


async def give_up(url: str, topics: Topics) -> None:
    """So many instances of each topic whose task has an incident, made by a node in this process."""
    opened = open_store(url, SystemClock())
    await opened.open()
    async with staged(opened, projector_process=False) as stage:
        node = stage.node
        for topic, count in topics.items():
            resources = [Resource("m.bpmn", MODEL.replace("TOPIC", topic).encode())]
            deployed = await node.deploy(Deploy(name="m", resources=resources))
            start = c.StartInstance(definition=deployed.process_definitions[0]["id"])
            await together(node.execute(start) for _ in range(count))
            fetch = Fetch(worker="w", max_tasks=500, topics=[TopicFetch(topic=topic, lock_duration_ms=600_000)])
            while tasks := await node.fetch_and_lock(fetch, wait_ms=None):
                await together(node.execute(failure(task, number)) for number, task in enumerate(tasks))
        assert await node.count(Query("incident", (is_null("ended_ms"),))) == sum(topics.values())
    await opened.close()


def failure(task: Row, number: int) -> c.FailExternalTask:
    """What the worker says in the end."""
    return c.FailExternalTask(
        instance=task["instance_id"],
        external_task=task["id"],
        worker="w",
        error_message=f"bank {number % 7} is closed" if number % 10 else f"order {number} has no card",
        retries=0,
        retry_timeout_ms=0,
    )


async def together(work: Iterable[Awaitable[Any]]) -> None:
    """All of it, some at a time."""
    left = iter(work)
    while some := list(islice(left, AT_ONCE)):
        await asyncio.gather(*some)


def incidents(server: Server) -> int:
    found: int = server.get("/incident/count")["count"]
    return found


def asked(server: Server, method: str, path: str, body: Any = None) -> Any:
    answer = httpx.request(method, f"{server.url}/penstock/v1/reprocessing{path}", json=body, timeout=60)
    assert answer.is_success, answer.text
    return answer.json()


def begun(server: Server, topic: str, **order: Any) -> str:
    found: str = asked(server, "POST", "", {"filter": {"topicName": topic}, **order})["id"]
    return found


def ended(server: Server, run: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def holds() -> tuple[bool, object]:
        nonlocal found
        found = asked(server, "GET", f"/{run}")
        return found["state"] == "completed", found

    wait_until(holds, "the run is completed", 1_800 if FULL else 60)
    return found


def seconds(run: dict[str, Any]) -> float:
    start, end = (datetime.fromisoformat(run[name]) for name in ("startTime", "endTime"))
    return (end - start).total_seconds()


def is_completed(server: Server, run: str) -> bool:
    state: str = asked(server, "GET", f"/{run}")["state"]
    return state == "completed"


def slowest_hundredth_ms(server: Server, until: Callable[[], bool]) -> float:
    """Of requests that start an instance of another process, one after another: at least some, and until something holds."""
    took: list[float] = []
    while len(took) < PINGS or not until():
        begin = time.perf_counter()
        server.post("/process-definition/key/ping/start", {})
        took.append((time.perf_counter() - begin) * 1000)
    return sorted(took)[int(len(took) * 0.99)]


def resident_mb(server: Server) -> float:
    """Of the server and its processes."""
    root = server.process.pid
    children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    return sum(_resident_kb(pid) for pid in (str(root), *children)) / 1024


def _resident_kb(pid: str) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


async def test_many_incidents_at_a_rate_and_without(store: str, tmp_path: Path) -> None:
    ways: dict[str, dict[str, Any]] = {"fast": {}, "paced": {"ratePerSecond": RATE}}
    await give_up(store, dict.fromkeys(ways, COUNT))
    with Server(store, tmp_path) as server:
        idle_ms = slowest_hundredth_ms(server, lambda: True)
        before_mb = resident_mb(server)
        begin = time.perf_counter()
        look = asked(server, "POST", "/dry-run", {"filter": {"topicName": "fast"}})
        look_s = time.perf_counter() - begin
        assert look["count"] == look["grouped"] == COUNT
        assert {group["error"] for group in look["groups"]} == {"bank # is closed", "order # has no card"}
        assert incidents(server) == 2 * COUNT

        print(f"\n{COUNT} incidents: dry run {look_s:.2f} s")
        slower: list[float] = []
        for left, (way, order) in zip((COUNT, 0), ways.items(), strict=True):
            begin = time.perf_counter()
            run = begun(server, way, **order)
            made_s = time.perf_counter() - begin
            busy_ms = slowest_hundredth_ms(server, lambda run=run: is_completed(server, run))  # type: ignore[misc]
            done = ended(server, run)
            assert (done["retried"], done["skipped"], done["failed"]) == (COUNT, 0, 0)
            assert incidents(server) == left
            slower.append(busy_ms / idle_ms)
            print(f"  {way}: made in {made_s:.2f} s, done in {seconds(done):.1f} s, p99 of others × {slower[-1]:.1f}")
        print(f"  memory: {before_mb:.0f} MB before, {resident_mb(server):.0f} MB after")
        # Whatever ends a run, its last part does not begin before the others have had their time.
        assert seconds(done) >= COUNT / RATE * 0.9 - 0.5
        if FULL:
            assert max(slower) < SLOWER
        server.stop()


async def test_a_killed_server_goes_on_where_it_was(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the server has begun and not ended belongs to it until then.
    monkeypatch.setenv("PENSTOCK_JOB_LEASE_MS", "4000")
    await give_up(store, {"paced": COUNT})
    with Server(store, tmp_path) as server:
        run = begun(server, "paced", ratePerSecond=COUNT / 5)
        wait_until(lambda: ((found := asked(server, "GET", f"/{run}"))["retried"] > 0, found), "the run has begun")
        server.kill()
        server.start()
        left = asked(server, "GET", f"/{run}")
        assert 0 < left["retried"] < COUNT
        done = ended(server, run)
        assert (done["retried"], done["skipped"], done["failed"]) == (COUNT, 0, 0)
        assert incidents(server) == 0
        assert server.get("/external-task/count", withRetriesLeft="true")["count"] == COUNT
        server.stop()
