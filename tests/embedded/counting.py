"""A service with an engine in it, which tests kill: starts numbered instances, and notes what its handler does.

python counting.py STORE FOLDER HOW_MANY LOCK_MS
"""

import asyncio
import os
import sys
from pathlib import Path

from embedded_models import work

from penstock.embedded import Engine
from penstock.worker import ExternalTask

STORE, FOLDER, HOW_MANY, LOCK_MS = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])

engine = Engine(STORE, concurrency=8, lock_duration_ms=LOCK_MS)


def note(file: str, text: str) -> None:
    """Survives a kill."""
    with (FOLDER / file).open("ab", buffering=0) as out:
        out.write(f"{text}\n".encode())


@engine.topic("work")
async def handler(task: ExternalTask) -> dict[str, int]:
    note("began", f"{os.getpid()} {task.id}")
    await asyncio.sleep(0.01)
    note("done", task.id)
    return {"pid": os.getpid()}


async def start() -> None:
    """Goes on after those that were acknowledged; the one in between is sent once more, with its key."""
    file = FOLDER / "started"
    for number in range(len(file.read_bytes().split()) if file.exists() else 0, HOW_MANY):
        await engine.start("work", business_key=str(number), idempotency_key=f"start-{number}")
        note("started", str(number))


async def main() -> None:
    async with engine:
        await engine.deploy(resources={"work.bpmn": work()})
        if os.environ.get("STARTS") != "no":
            await start()
        note("servers", str([name for name in ("uvicorn", "starlette", "typer") if name in sys.modules]))
        note("ready", str(os.getpid()))
        await engine.until_signalled()


asyncio.run(main())
