"""The SDK doing the tasks of the benchmark's second workload: `penstock worker run w2.py:worker`, `w2.py:in_threads`."""

import os

from penstock.bench.models import TOPICS
from penstock.worker import Worker

TASKS = int(os.environ.get("W2_TASKS", "50"))
worker = Worker("http://127.0.0.1/engine-rest", concurrency=TASKS, lock_duration_ms=60_000, long_poll_ms=10_000)
in_threads = Worker("http://127.0.0.1/engine-rest", concurrency=TASKS, lock_duration_ms=60_000, long_poll_ms=10_000)


def _add(topic: str) -> None:
    @worker.task(topic, variables=[])
    async def do() -> dict[str, str]:
        return {topic: "done"}

    @in_threads.task(topic, variables=[])
    def do_in_thread() -> dict[str, str]:
        return {topic: "done"}


for name in TOPICS:
    _add(name)
