"""Spans: who their parents are, what they say, and how a worker's own spans fit in."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from runtime_models import ASYNC, EXTERNAL, deployed_id, fetch, sequence

from penstock.api.app import create_app
from penstock.base.clock import SystemClock
from penstock.base.errors import Failure
from penstock.base.ids import UuidSource
from penstock.engine import commands as c
from penstock.engine.apply import replay
from penstock.engine.events import InstanceEvents, TraceCarried, unpack
from penstock.expr.values import TypedValue
from penstock.runtime.node import Node
from penstock.runtime.protocol import Settings
from penstock.runtime.telemetry.tracing import span_context_of, traceparent_of
from penstock.store.sqlite.store import SqliteStore

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WORKER = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
STRANGER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="session")
def _exporter() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(_exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    _exporter.clear()
    yield _exporter
    _exporter.clear()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "penstock.db")
    await made.open()
    yield made
    await made.close()


async def started(store: SqliteStore, *, tracing: bool = True) -> Node:
    clock = SystemClock()
    node = Node(store, clock=clock, ids=UuidSource(clock), settings=Settings(tracing=tracing, execute_jobs=False))
    await node.start()
    return node


@pytest.fixture
async def node(store: SqliteStore, spans: InMemorySpanExporter) -> AsyncIterator[Node]:
    made = await started(store)
    yield made
    await made.close()


@pytest.fixture
async def client(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(node))
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test/engine-rest") as found:
        yield found


def of(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name.startswith(name)]


def one(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = of(spans, name)
    return found


def parent(span: ReadableSpan) -> str | None:
    return f"{span.parent.trace_id:032x}-{span.parent.span_id:016x}" if span.parent is not None else None


def itself(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}-{context.span_id:016x}"


async def fetched(client: httpx.AsyncClient, **topic: Any) -> dict[str, Any]:
    body = {"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "t", "lockDuration": 60_000, **topic}]}
    (task,) = (await client.post("/external-task/fetchAndLock", json=body)).json()
    return dict(task)


async def test_a_trace_goes_through_engine_and_worker(
    node: Node, client: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    definition = await deployed_id(node, EXTERNAL)
    await client.post(
        f"/process-definition/{definition}/start",
        json={"businessKey": "order-1", "variables": {"secret": {"value": "hunter2"}}},
        headers={"traceparent": CALLER},
    )
    start = one(spans, "StartInstance p")
    assert f"00-{parent(start)}-01" == CALLER
    task = await fetched(client, includeExtensionProperties=True)
    # What the worker gets is the span of the unit that made its task.
    assert task["extensionProperties"] == {"traceparent": f"00-{itself(start)}-01"}
    await client.post(f"/external-task/{task['id']}/complete", json={"workerId": "w"}, headers={"traceparent": WORKER})
    complete = one(spans, "CompleteExternalTask p")
    assert f"00-{parent(complete)}-01" == WORKER
    life = one(spans, "external task t")
    assert parent(life) == itself(start)
    assert [link.context.span_id for link in life.links] == [complete.get_span_context().span_id]
    assert life.kind is SpanKind.PRODUCER
    assert life.start_time is not None
    assert life.end_time is not None
    assert start.start_time is not None
    # Ids count milliseconds, spans nanoseconds.
    assert start.start_time - 2_000_000 <= life.start_time <= life.end_time


async def test_spans_say_what_was_done_and_no_values(
    node: Node, client: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    definition = await deployed_id(node, EXTERNAL)
    await client.post(
        f"/process-definition/{definition}/start",
        json={"businessKey": "order-1", "variables": {"secret": {"value": "hunter2"}}},
    )
    task = await fetched(client)
    await client.post(f"/external-task/{task['id']}/complete", json={"workerId": "w"})
    start = one(spans, "StartInstance p")
    instance = task["processInstanceId"]
    assert start.attributes == {
        "penstock.command": "StartInstance",
        "penstock.business_key": "order-1",
        "penstock.instance.id": instance,
        "penstock.definition.id": definition,
        "penstock.definition.key": "p",
        "penstock.definition.version": "1",
        "penstock.outcome": "committed",
    }
    assert one(spans, "external task t").attributes == {
        "penstock.instance.id": instance,
        "penstock.definition.id": definition,
        "penstock.definition.key": "p",
        "penstock.definition.version": "1",
        "penstock.external_task.id": task["id"],
        "penstock.external_task.topic": "t",
        "penstock.activity.id": "work",
        "penstock.worker.id": "w",
        "penstock.outcome": "completed",
    }
    complete = dict(one(spans, "CompleteExternalTask p").attributes or {})
    assert (complete["penstock.external_task.topic"], complete["penstock.business_key"]) == ("t", "order-1")
    assert "hunter2" not in "".join(span.to_json() for span in spans.get_finished_spans())


async def test_without_a_callers_span_a_unit_goes_on_from_what_made_its_work(
    node: Node, client: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    """A stock worker sends no trace context."""
    definition = await deployed_id(node, EXTERNAL)
    await client.post(f"/process-definition/{definition}/start", json={})
    task = await fetched(client)
    assert task["extensionProperties"] == {}
    await client.post(f"/external-task/{task['id']}/complete", json={"workerId": "w"})
    start = one(spans, "StartInstance")
    assert parent(start) is None
    assert parent(one(spans, "CompleteExternalTask")) == itself(start)


async def test_a_caller_of_another_trace_is_linked(
    node: Node, client: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    definition = await deployed_id(node, EXTERNAL)
    await client.post(f"/process-definition/{definition}/start", json={}, headers={"traceparent": CALLER})
    task = await fetched(client)
    await client.post(
        f"/external-task/{task['id']}/complete", json={"workerId": "w"}, headers={"traceparent": STRANGER}
    )
    complete = one(spans, "CompleteExternalTask")
    assert f"00-{parent(complete)}-01" == STRANGER
    (link,) = complete.links
    assert traceparent_of(link.context) == traceparent_of(one(spans, "StartInstance").get_span_context())


async def test_a_job_goes_on_from_the_unit_that_made_it_also_on_another_node(
    store: SqliteStore, spans: InMemorySpanExporter
) -> None:
    first = await started(store)
    definition = await deployed_id(first, ASYNC)
    answer = {"answer": TypedValue("Long", 1)}
    await first.execute(c.StartInstance(definition=definition, variables=answer))
    await first.close()
    second = await started(store)
    with trace.get_tracer("test").start_as_current_span("whatever runs around the node"):
        await second.run_due_jobs()
    await second.close()
    assert parent(one(spans, "ExecuteJob p")) == itself(one(spans, "StartInstance p"))


async def test_a_failed_unit_is_an_error_without_its_message(node: Node, spans: InMemorySpanExporter) -> None:
    body = sequence('<serviceTask id="bad" camunda:expression="${secret.nothing}"/>')
    definition = await deployed_id(node, body)
    with pytest.raises(Failure):
        await node.execute(
            c.StartInstance(definition=definition, variables={"secret": TypedValue("String", "hunter2")})
        )
    span = one(spans, "StartInstance")
    assert span.status.status_code is StatusCode.ERROR
    attributes = dict(span.attributes or {})
    assert attributes["penstock.outcome"] == "failed"
    assert attributes["error.type"] == "ExpressionFailed"
    assert "hunter2" not in span.to_json()


async def test_a_canceled_task_ends_its_span(node: Node, spans: InMemorySpanExporter) -> None:
    instance = await node.execute(c.StartInstance(definition=await deployed_id(node, EXTERNAL)))
    await node.execute(c.DeleteInstance(instance=instance))
    assert dict(one(spans, "external task t").attributes or {})["penstock.outcome"] == "canceled"


async def test_the_span_is_kept_in_state_and_log(node: Node, store: SqliteStore, spans: InMemorySpanExporter) -> None:
    instance = await node.execute(c.StartInstance(definition=await deployed_id(node, EXTERNAL)))
    await node.execute(c.SetVariables(instance=instance, modifications={"v": TypedValue("Long", 1)}))
    await node.execute(c.SetSuspension(instance=instance, suspended=False))  # changes nothing
    units: list[InstanceEvents] = [
        unit
        for entry in await store.read_log({}, 1_000)
        for unit in unpack(entry.payload).units
        if unit.instance == instance
    ]
    carried = [event.traceparent for unit in units for event in unit.events if isinstance(event, TraceCarried)]
    names = ("StartInstance", "SetVariables")
    assert carried == [traceparent_of(one(spans, name).get_span_context()) for name in names]
    live = await node.instance(instance)
    assert live is not None
    assert live.trace == carried[1]
    assert [task.trace for task in live.external_tasks.values()] == [carried[0]]
    assert replay(units) == live


async def test_off_there_is_no_span_and_no_event(store: SqliteStore, spans: InMemorySpanExporter) -> None:
    node = await started(store, tracing=False)
    instance = await node.execute(c.StartInstance(definition=await deployed_id(node, EXTERNAL)))
    live = await node.instance(instance)
    assert live is not None
    assert live.trace is None
    await node.fetch_and_lock(fetch(), wait_ms=None)
    await node.close()
    assert not spans.get_finished_spans()


@pytest.mark.parametrize("nonsense", [None, "", "00-xyz", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "é" * 55])
def test_what_is_no_traceparent_is_none(nonsense: str | None) -> None:
    assert span_context_of(nonsense) is None


async def test_a_header_that_makes_no_sense_changes_nothing(
    node: Node, client: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    definition = await deployed_id(node, EXTERNAL)
    answer = await client.post(
        f"/process-definition/{definition}/start", json={}, headers={"traceparent": "nonsense", "tracestate": "=,="}
    )
    assert answer.status_code == 200
    assert parent(one(spans, "StartInstance")) is None
