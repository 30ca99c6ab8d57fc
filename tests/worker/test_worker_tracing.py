"""A span for each task, in the trace of its process."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from penstock.worker import ExternalTask
from penstock.worker.records import LockedTask
from penstock.worker.tracing import Tracing
from penstock.worker.values import WireValue

sdk = pytest.importorskip("opentelemetry.sdk.trace")
exporting = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def _task(variables: dict[str, WireValue], properties: dict[str, str] | None = None) -> ExternalTask:
    locked = LockedTask(
        id="t1", topic_name="charge", activity_id="Charge", variables=variables, extension_properties=properties
    )
    return ExternalTask(locked, cast(Any, None), 30_000, complete=True, appends=True)


@pytest.fixture
def spans() -> Iterator[Any]:
    """What a tracing that exports into memory has seen."""
    exporter = memory.InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(exporting.SimpleSpanProcessor(exporter))
    tracing = Tracing()
    tracing._tracer = provider.get_tracer("penstock.worker")
    yield tracing, exporter
    provider.shutdown()


@pytest.mark.parametrize(
    ("variables", "properties", "trace"),
    [
        ({"traceparent": WireValue("String", PARENT)}, None, TRACE),
        ({}, {"traceparent": PARENT}, TRACE),
        ({"traceparent": WireValue("Integer", 3)}, None, None),
        ({}, None, None),
    ],
    ids=["variable", "property", "no text", "nothing"],
)
def test_it_belongs_to_the_trace_of_its_process(spans: Any, variables: Any, properties: Any, trace: str | None) -> None:
    tracing, exporter = spans
    with tracing.span(_task(variables, properties)):
        pass
    (span,) = exporter.get_finished_spans()
    assert span.name == "charge process"
    assert (span.parent is not None) is (trace is not None)
    if trace is not None:
        assert f"{span.context.trace_id:032x}" == trace
    assert span.attributes["bpmn.activity.id"] == "Charge"


def test_what_a_handler_raises_is_seen(spans: Any) -> None:
    tracing, exporter = spans
    with pytest.raises(KeyError), tracing.span(_task({})):
        raise KeyError("sku")
    (span,) = exporter.get_finished_spans()
    assert span.status.is_ok is False and span.events[0].name == "exception"


def test_the_variables_of_the_trace_are_fetched() -> None:
    assert Tracing().variables == ("traceparent", "tracestate")
