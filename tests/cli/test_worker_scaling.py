"""`penstock worker run --min --max`: the policy alone, and real processes."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from cli.running import MODEL, Up, penstock
from penstock.cli.workers.policy import Bounds, Demand, Policy
from penstock.worker import Client
from support.processes import Running, wait_until

CAPACITY = 10
QUIET = Demand(waiting=0, locked=0, drain_s=0)
SWAMPED = Demand(waiting=1_000, locked=80, drain_s=86_400)


def _policy(most: int = 8) -> Policy:
    return Policy(Bounds(least=1, most=most, drain_s=10, settle_s=60), CAPACITY)


def _run(policy: Policy, demand: Demand, seconds: range, processes: int) -> list[int]:
    """How many there are after each look, one every two seconds."""
    found = []
    for now_s in seconds:
        processes = policy.decide(float(now_s), processes, demand)
        found.append(processes)
    return found


def test_it_grows_quickly() -> None:
    assert _run(_policy(), SWAMPED, range(0, 8, 2), 1) == [2, 4, 8, 8]


def test_it_grows_by_what_is_missing() -> None:
    slow = Demand(waiting=100, locked=40, drain_s=12)
    assert _policy().decide(0, 4, slow) == 5
    assert _policy().decide(0, 4, Demand(waiting=100, locked=40, drain_s=9)) == 4, "soon enough"


def test_it_shrinks_slowly_one_at_a_time() -> None:
    found = _run(_policy(), QUIET, range(0, 300, 2), 4)
    assert found[:30] == [4] * 30
    assert [found.count(number) for number in (4, 3, 2)] == [30, 31, 31]
    assert found[-1] == 1


def test_one_busy_moment_begins_the_wait_again() -> None:
    policy = _policy()
    _run(policy, QUIET, range(0, 58, 2), 4)
    policy.decide(58, 4, Demand(waiting=0, locked=40, drain_s=0))
    assert set(_run(policy, QUIET, range(60, 116, 2), 4)) == {4}


def test_as_many_stay_as_are_busy() -> None:
    busy = Demand(waiting=0, locked=23, drain_s=0)
    assert _run(_policy(), busy, range(0, 600, 2), 6)[-1] == 3


def test_processes_that_are_held_up_are_not_made_more() -> None:
    parked = Demand(waiting=10_000, locked=1, drain_s=86_400)
    assert set(_run(_policy(), parked, range(0, 100, 2), 2)) == {2}


def test_a_load_that_comes_and_goes_does_not_make_it_flap() -> None:
    """Every minute and a half a burst of some seconds: after a while the processes are kept."""
    policy, processes, changes = _policy(), 1, []
    for now_s in range(0, 3_600, 2):
        demand = SWAMPED if now_s % 90 < 8 else QUIET
        wanted = policy.decide(float(now_s), processes, demand)
        if wanted != processes:
            changes.append(now_s)
        processes = wanted
    assert len([at for at in changes if at > 1_000]) <= 4, changes


@pytest.mark.parametrize(("least", "most"), [(0, 3), (4, 3)])
def test_bounds_that_make_no_sense(least: int, most: int, tmp_path: Path) -> None:
    (tmp_path / "w.py").write_text(WORKER)
    done = penstock("worker", "run", "w.py:worker", "--min", str(least), "--max", str(most), cwd=tmp_path)
    assert done.returncode == 2
    assert "it must be 1 <= min <= max" in done.stderr and "Traceback" not in done.stderr


WORKER = """
import asyncio
from penstock.worker import Worker

worker = Worker("http://127.0.0.1:1/engine-rest", concurrency=4, lock_duration_ms=5_000)

@worker.task("shipping")
async def ship():
    await asyncio.sleep(0.2)
"""


def _processes(parent: int) -> list[int]:
    """Those that a process has started."""
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in told.stdout.split()]


def _start(server: Up, count: int) -> None:
    with Client(f"{server.url}/engine-rest") as client, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: client.start("order"), range(count)))


def test_processes_come_and_go_with_the_work(server: Up) -> None:
    folder = server.folder
    (folder / "order.bpmn").write_text(MODEL)
    (folder / "w.py").write_text(WORKER)
    assert server.run("deploy", "order.bpmn").returncode == 0
    program = Path(sys.executable).with_name("penstock")
    options = ["--url", server.url, "--min", "1", "--max", "3", "--drain", "1", "--settle", "2"]
    log = folder / "fleet.log"
    with Running([str(program), "worker", "run", "w.py:worker", *options], log, folder=folder) as fleet:
        parent = fleet.process.pid
        wait_until(lambda: (len(_processes(parent)) == 1, None), "the first process")
        _start(server, 200)
        wait_until(lambda: ((found := len(_processes(parent))) == 3, found), "all three")
        (victim, *_) = _processes(parent)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: ("another one in" in log.read_text(), None), "the loss is noticed")
        count = f"{server.url}/engine-rest/external-task/count"
        wait_until(lambda: ((left := httpx.get(count, timeout=30).json()["count"]) <= 4, left), "the work", 90)
        wait_until(lambda: ((found := len(_processes(parent))) == 1, found), "the quiet", 60)
        fleet.stop()
    assert _processes(parent) == []


def test_processes_end_when_what_has_started_them_is_killed(server: Up) -> None:
    folder = server.folder
    (folder / "w.py").write_text(WORKER)
    program = Path(sys.executable).with_name("penstock")
    command = [str(program), "worker", "run", "w.py:worker", "--url", server.url, "--min", "2", "--max", "2"]
    with Running(command, folder / "orphans.log", folder=folder) as fleet:
        wait_until(lambda: (len(_processes(fleet.process.pid)) == 2, None), "both")
        wait_until(lambda: ((folder / "orphans.log").read_text().count("works shipping") == 2, None), "both at work")
        orphans = _processes(fleet.process.pid)
        fleet.kill()
        wait_until(lambda: (not any(Path(f"/proc/{pid}").exists() for pid in orphans), orphans), "their end")
