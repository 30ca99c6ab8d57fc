"""Services with an engine in them as real processes: killed, restarted, side by side."""

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

from embedded_models import until

from penstock.embedded import Engine
from support.processes import Running, wait_until

HERE = Path(__file__).parent
HOW_MANY = 60
KILLS = 2
LOCK_MS = 2_000
FOR_EVER_MS = 3_600_000
"""Whoever waits for the end of such a lock does not end in time."""


def _service(store: str, folder: Path, name: str = "one", **environment: str) -> Running:
    lock_ms = FOR_EVER_MS if store.startswith("sqlite:") else LOCK_MS
    command = [sys.executable, str(HERE / "counting.py"), store, str(folder), str(HOW_MANY), str(lock_ms)]
    return Running(command, folder / f"{name}.log", environment)


def _lines(folder: Path, name: str) -> list[str]:
    file = folder / name
    return file.read_text().splitlines() if file.exists() else []


async def test_kill_9_loses_nothing_and_does_nothing_twice(store: str, tmp_path: Path) -> None:
    if store.startswith("memory:"):
        return  # nothing of it is there after a kill
    (tmp_path / "run").mkdir()
    folder = tmp_path / "run"
    service = _service(store, folder)
    killed: list[int] = []
    for kill in range(1, KILLS + 1):
        service.start()
        share = HOW_MANY * kill // (KILLS + 1)
        wait_until(lambda share=share: ((n := len(_lines(folder, "done"))) >= share, n), f"{share} done")  # type: ignore[misc]
        killed.append(service.process.pid)
        service.kill()
    with service:
        wait_until(lambda: ((n := len(set(_lines(folder, "done")))) >= HOW_MANY, n), "all done")
        await asyncio.sleep(0.2)
        service.stop()
    async with Engine(store) as engine:
        rows = await engine.history(most=1_000)
        assert Counter(row.business_key for row in rows) == {str(number): 1 for number in range(HOW_MANY)}
        assert {row.state for row in rows} == {"COMPLETED"}
        done = await engine.activities(activity_type="serviceTask", most=1_000)
        assert len(done) == HOW_MANY and not any(one.canceled for one in done)
    attempts = Counter(line.split()[1] for line in _lines(folder, "began"))
    last_of = {line.split()[1]: int(line.split()[0]) for line in reversed(_lines(folder, "began"))}
    again = {task for task, times in attempts.items() if times > 1}
    # One extra attempt, and only of what a killed process had in hand.
    assert max(attempts.values()) <= 2
    assert all(last_of[task] in killed for task in again)
    assert len(again) <= KILLS * 8


async def test_processes_share_a_postgresql(emptied_postgres_url: str, tmp_path: Path) -> None:
    """One starts, both work; one is killed, the other goes on with what it had; both stop in order."""
    one = _service(emptied_postgres_url, tmp_path, "one", STARTS="no")
    other = _service(emptied_postgres_url, tmp_path, "other", STARTS="no")
    async with Engine(emptied_postgres_url, settings={"projector_process": True}) as here:
        with one, other:
            wait_until(lambda: ((n := len(_lines(tmp_path, "ready"))) == 2, n), "both are ready")

            async def batch(first: int) -> None:
                for number in range(first, first + HOW_MANY):
                    await here.start("work", business_key=str(number))

            await batch(0)
            await until(lambda: here.history(finished=True, first=HOW_MANY - 1, most=1), "all done")
            assert len({line.split()[0] for line in _lines(tmp_path, "began")}) == 2
            batching = asyncio.create_task(batch(HOW_MANY))
            await asyncio.sleep(0.1)
            other.kill()
            await batching
            await until(lambda: here.history(finished=True, first=2 * HOW_MANY - 1, most=1), "all done again")
            one.stop()
        rows = await here.history(most=1_000)
        assert Counter(row.business_key for row in rows) == {str(number): 1 for number in range(2 * HOW_MANY)}


def test_it_is_imported_quickly_and_without_a_server() -> None:
    heavy = ["uvicorn", "starlette", "typer", "rich", "asyncpg", "apsw", "lxml", "penstock.api", "penstock.runtime"]
    code = f"import sys, penstock.embedded; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"


def test_a_signal_ends_a_program_in_order_which_needs_no_server(tmp_path: Path) -> None:
    with _service(f"sqlite:///{tmp_path}/service.db", tmp_path, STARTS="no") as service:
        wait_until(lambda: (bool(_lines(tmp_path, "ready")), None), "it is ready")
        service.stop()
    assert _lines(tmp_path, "servers") == ["[]"]
