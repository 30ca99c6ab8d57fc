"""How workers end: nothing stays locked, whatever they were doing."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from worker_models import one_task

from penstock.bench import models
from penstock.worker import AsyncClient, Client, ExternalTask, Worker
from support.processes import Running, Server, wait_until

PENSTOCK = str(Path(sys.executable).with_name("penstock"))
INSTANCES = 120
TURNS = 5


def _locked(server: Server, worker: str) -> list[Any]:
    """The tasks that this worker id holds, whether its lock has ended or not."""
    rows = server.get("/external-task", maxResults=5_000)
    return [row for row in rows if row["workerId"] == worker]


def _until_held(server: Server, worker: str) -> None:
    wait_until(lambda: (bool(_locked(server, worker)), None), "work")


def _start_many(client: Client, key: str, count: int) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: client.start(key, {"order": "A-4711", "amount": 129}), range(count)))


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Server]:
    """A server on a file."""
    with Server(f"sqlite:///{tmp_path}/a.db", tmp_path) as running:
        yield running


def _worker(server: Server, folder: Path, log: Path, name: str) -> Running:
    place = f"{folder / 'drained.py'}:{name}"
    return Running([PENSTOCK, "worker", "run", place, "--url", server.url], log / f"{name}.log")


def test_sigterm_under_load_leaves_no_lock(sqlite: Server, folder: Path, tmp_path: Path) -> None:
    """Again and again, at any moment: while it polls, handles, completes; locks would last for ten minutes."""
    moments = random.Random(4711)
    with Client(f"{sqlite.url}/engine-rest") as client:
        client.deploy("w2", resources={"w2.bpmn": models.W2.encode()})
        for turn in range(TURNS):
            _start_many(client, models.W2_KEY, INSTANCES)
            name = "coroutines" if turn % 2 else "functions"
            with _worker(sqlite, folder, tmp_path, name) as worker:
                _until_held(sqlite, name)
                time.sleep(moments.random() * 0.4)
                worker.stop()
            assert _locked(sqlite, name) == [], f"turn {turn}"
        client.start(models.W2_KEY)
    with _worker(sqlite, folder, tmp_path, "coroutines") as worker:
        wait_until(lambda: ((left := sqlite.get("/external-task/count")["count"]) == 0, left), "the rest", 90)
        worker.stop()
    done = sqlite.get("/history/external-task-log/count", successLog="true")["count"]
    assert done == 3 * (TURNS * INSTANCES + 1)


def test_a_thousand_tasks_in_flight_in_100_mb_are_given_back(sqlite: Server, folder: Path, tmp_path: Path) -> None:
    """Their handlers wait for ever; the grace period is short."""
    with Client(f"{sqlite.url}/engine-rest") as client:
        client.deploy("wait", resources={"wait.bpmn": one_task("wait", "wait-for-ever")})
        _start_many(client, "wait", 1_000)
    with _worker(sqlite, folder, tmp_path, "waiting") as worker:
        wait_until(lambda: ((held := len(_locked(sqlite, "waiting"))) == 1_000, held), "all in flight", 90)
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
        resident_kb = int(status.split("VmRSS:")[1].split()[0])
        worker.stop()
    assert resident_kb < 100 * 1024
    assert _locked(sqlite, "waiting") == []


def test_a_second_signal_does_not_wait_for_handlers(sqlite: Server, folder: Path, tmp_path: Path) -> None:
    with Client(f"{sqlite.url}/engine-rest") as client:
        client.deploy("hang", resources={"hang.bpmn": one_task("hang", "hang-in-a-thread")})
        client.start("hang")
    with _worker(sqlite, folder, tmp_path, "hanging") as worker:
        wait_until(lambda: (len(_locked(sqlite, "hanging")) == 1, None), "work")
        worker.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert worker.process.poll() is None
        os.kill(worker.process.pid, signal.SIGINT)
        assert worker.process.wait(20) == 0
    assert _locked(sqlite, "hanging") == []


async def test_what_runs_is_finished_and_what_waits_is_given_back(
    server: Server, base_url: str, aclient: AsyncClient
) -> None:
    await aclient.deploy("mixed", resources={"mixed.bpmn": one_task("mixed", "mixed")})
    worker = Worker(base_url, "mixed", concurrency=3, grace_ms=300_000)
    running: list[ExternalTask] = []
    go_on = asyncio.Event()

    @worker.task("mixed")
    async def mixed(task: ExternalTask) -> None:
        running.append(task)
        await go_on.wait()

    instances = [(await aclient.start("mixed")).id for _ in range(10)]
    async with worker:
        while len(running) < 3:  # noqa: ASYNC110 - the server is waited for
            await asyncio.sleep(0.01)
        worker.stop()
        await asyncio.sleep(0.2)
        assert worker.in_hand == 3
        go_on.set()
    assert _locked(server, "mixed") == []
    left = server.get("/external-task", topicName="mixed")
    assert len(left) == 7 and len(running) == 3
    assert {task["processInstanceId"] for task in left} | {task.process_instance_id for task in running} == set(
        instances
    )


async def test_it_may_be_cancelled(server: Server, base_url: str, aclient: AsyncClient) -> None:
    await aclient.deploy("cancelled", resources={"cancelled.bpmn": one_task("cancelled", "cancelled")})
    worker = Worker(base_url, "cancelled", grace_ms=100)
    running = asyncio.Event()

    @worker.task("cancelled")
    async def cancelled() -> None:
        running.set()
        await asyncio.Event().wait()

    await aclient.start("cancelled")
    task = asyncio.create_task(worker.run_async())
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _locked(server, "cancelled") == []


async def test_an_aborted_poll_leaves_nothing_locked(server: Server, base_url: str, aclient: AsyncClient) -> None:
    """A client that goes away while tasks appear: without any help of a worker."""
    await aclient.deploy("abort", resources={"abort.bpmn": one_task("abort", "abort")})
    host, port = server.url.removeprefix("http://").split(":")
    topics = b'[{"topicName":"abort","lockDuration":600000}]'
    body = b'{"workerId":"gone","maxTasks":50,"asyncResponseTimeout":10000,"topics":' + topics + b"}"
    head = b"POST /engine-rest/external-task/fetchAndLock HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    for turn in range(40):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        starting = [asyncio.ensure_future(aclient.start("abort")) for _ in range(3)]
        await asyncio.sleep(turn * 0.0005)
        writer.write_eof()
        answer = await reader.read()
        await asyncio.gather(*starting)
        told = answer.count(b'"workerId":"gone"')
        for _ in range(200):
            locked = _locked(server, "gone")
            if len(locked) <= told:
                break
            await asyncio.sleep(0.05)
        assert len(locked) == told, f"turn {turn}: {len(locked)} locked, {told} told"
        for row in server.get("/external-task", topicName="abort"):
            if row["workerId"]:
                server.post(f"/external-task/{row['id']}/complete", {"workerId": row["workerId"]})
        writer.close()
