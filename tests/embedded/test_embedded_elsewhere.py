"""Other ways to run the same: against a server, and triggered by a bus."""

from pathlib import Path
from typing import Any

import pytest
from embedded_models import AT_ONCE, CAUGHT, MESSAGE, until, work

from penstock.base.clock import SystemClock
from penstock.base.errors import MismatchingCorrelation, NotFound, ParseFailed
from penstock.bus.cloudevents import CloudEvent, structured
from penstock.bus.registry import make_bus
from penstock.embedded import Engine
from penstock.worker import BpmnError, ExternalTask
from support.processes import Server


async def _program(engine: Engine) -> dict[str, Any]:
    """The same whatever the engine is reached by."""
    engine.topic("work", retries=AT_ONCE)(_work)
    async with engine:
        await engine.deploy(resources={"work.bpmn": work(after=CAUGHT), "message.bpmn": MESSAGE})
        for amount in (1, 0, -1):
            await engine.start("work", {"amount": amount}, business_key=str(amount), idempotency_key=f"a{amount}")
        await until(lambda: engine.history(finished=True, first=1), "two are done")
        (incident,) = await until(engine.incidents)
        started = await engine.start("message", business_key="m")
        with pytest.raises(MismatchingCorrelation):
            await engine.correlate("Paid", business_key="nobody")
        await engine.correlate("Paid", {"paid": True}, business_key="m")
        for missing in (engine.start("nothing"), engine.task("nothing"), engine.complete("nothing")):
            with pytest.raises(NotFound):
                await missing
        with pytest.raises(ParseFailed):
            await engine.deploy(resources={"bad.bpmn": b"<no/>"})
        ended = {row.business_key: row.state for row in await engine.history()}
        variables = await engine.historic_variables(started.id)
        assert engine.health()["ready"]
        return {"incident": incident.incident_message, "ended": ended, "paid": variables}


async def _work(task: ExternalTask) -> dict[str, Any]:
    if task.variables["amount"] < 0:
        raise ValueError("less than nothing")
    if task.variables["amount"] == 0:
        raise BpmnError("DECLINED")
    return {"by": task.business_key}


async def test_a_program_moves_to_a_server_by_configuration_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await _program(Engine("memory://"))
    with Server("memory://", tmp_path) as server:
        monkeypatch.setenv("PENSTOCK_STORE", f"{server.url}/engine-rest")
        there = await _program(Engine())
    assert here == there
    states = {"1": "COMPLETED", "0": "COMPLETED", "-1": "ACTIVE", "m": "COMPLETED"}
    assert here == {"incident": "less than nothing", "ended": states, "paid": {"paid": True}}


async def test_messages_of_a_bus_start_processes_here(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text("""
[connections.events]
url = "memory://embedded"
[[bridge]]
connection = "events"
channel = "orders"
event = "OrderAccepted"
start = "work"
business_key = "data.id"
variables = { amount = "data.amount" }
""")
    engine = Engine("memory://", config=file)
    engine.topic("work")(_work)
    bus = make_bus("memory://embedded", SystemClock())
    async with engine:
        await engine.deploy(resources={"work.bpmn": work(after=CAUGHT)})
        for number in ("1", "1", "2"):
            event = CloudEvent(
                id=number, source="test", type="OrderAccepted", data={"id": number, "amount": int(number)}
            )
            assert await bus.publish([structured(event, "orders")]) == [None]
        rows = await until(lambda: _both(engine), "both are done")
        assert sorted(row.business_key for row in rows) == ["1", "2"]
    await bus.close()


async def _both(engine: Engine) -> list[Any]:
    rows = await engine.history(finished=True)
    return rows if len(rows) == 2 else []
