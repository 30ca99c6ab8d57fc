"""The SDK against the JavaScript client: the same tasks, the same server on PostgreSQL, one after the other."""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from penstock.bench import models
from penstock.worker import Client
from support.processes import JS_CLIENT, Running, Server, wait_until

LIBRARY = Path(__file__).resolve().parents[2] / JS_CLIENT / "index.js"
INSTANCES = 300
TASKS = "50"
ROUNDS = 3


def _on_one_core(command: Sequence[str]) -> list[str]:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return ["taskset", "-c", str(cores[-1]), *command] if len(cores) > 1 else list(command)


def _rate(server: Server, command: Sequence[str], log: Path) -> float:
    """Tasks per second, from the first one that is done on."""
    with Client(f"{server.url}/engine-rest") as client, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: client.start(models.W2_KEY, {"order": "A-4711"}), range(INSTANCES)))
    first = models.TOPICS[0]
    with Running(_on_one_core(command), log, {"W2_TASKS": TASKS}) as worker:
        wait_until(lambda: (_left(server, first) < INSTANCES, None), f"a task of {first}")
        began_s = time.monotonic()
        wait_until(lambda: (_left(server, None) == 0, None), "the end", 120)
        seconds = time.monotonic() - began_s
        worker.stop()
    return INSTANCES * len(models.TOPICS) / seconds


def _left(server: Server, topic: str | None) -> int:
    found: int = server.get("/external-task/count", **({"topicName": topic} if topic else {}))["count"]
    return found


@pytest.mark.slow
async def test_at_least_as_quick_as_the_javascript_client(
    tmp_path: Path, folder: Path, node: str, postgres_url: str
) -> None:
    await asyncio.to_thread(_compare, tmp_path, folder, node, str(LIBRARY), postgres_url)


def _compare(tmp_path: Path, folder: Path, node: str, library: str, store: str) -> None:
    with Server(store, tmp_path) as server:
        base_url = f"{server.url}/engine-rest"
        with Client(base_url) as client:
            client.deploy("w2", resources={"w2.bpmn": models.W2.encode()})
        penstock = str(Path(sys.executable).with_name("penstock"))
        sdk = [penstock, "worker", "run", f"{folder / 'w2.py'}:worker", "--url", server.url, "--log-level", "warning"]
        javascript = [node, str(folder / "w2.mjs"), library, base_url, TASKS, *models.TOPICS]
        ratios = []
        for _ in range(ROUNDS):
            theirs = _rate(server, javascript, tmp_path / "js.log")
            ours = _rate(server, sdk, tmp_path / "sdk.log")
            ratios.append(ours / theirs)
            # One round tells it, unless something else had the machine meanwhile.
            if ratios[-1] >= 1:
                return
    pytest.fail(f"the SDK does {max(ratios):.2f} of what the JavaScript client does (rounds: {ratios})")
