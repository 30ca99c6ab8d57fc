"""The workers of test_drain: `penstock worker run drained.py:NAME`."""

import asyncio
import time

from penstock.bench.models import TOPICS
from penstock.worker import Worker

URL = "http://127.0.0.1/engine-rest"
TEN_MINUTES_MS = 600_000

coroutines = Worker(URL, "coroutines", concurrency=50, lock_duration_ms=TEN_MINUTES_MS)
functions = Worker(URL, "functions", concurrency=20, lock_duration_ms=TEN_MINUTES_MS)
waiting = Worker(URL, "waiting", concurrency=1_000, lock_duration_ms=TEN_MINUTES_MS, grace_ms=200)
hanging = Worker(URL, "hanging", lock_duration_ms=TEN_MINUTES_MS, grace_ms=600_000)


def _add(topic: str) -> None:
    @coroutines.task(topic)
    async def coroutine() -> dict[str, str]:
        await asyncio.sleep(0.02)
        return {topic: "done"}

    @functions.task(topic)
    def function() -> dict[str, str]:
        time.sleep(0.02)
        return {topic: "done"}


for name in TOPICS:
    _add(name)


@waiting.task("wait-for-ever")
async def wait() -> None:
    await asyncio.Event().wait()


@hanging.task("hang-in-a-thread")
def hang() -> None:
    time.sleep(600)
