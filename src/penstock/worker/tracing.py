"""OpenTelemetry, where it is installed: a span for each task, a child of the trace that its process belongs to.

The trace context (W3C) is taken from the variable `traceparent`, or else from the extension property of that name; with
`tracestate` beside it. Without the package `opentelemetry` this does nothing.
"""

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from penstock.worker.task import ExternalTask

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"


class Tracing:
    """Makes spans."""

    def __init__(self) -> None:
        try:
            self._trace: Any = importlib.import_module("opentelemetry.trace")
            self._propagate: Any = importlib.import_module("opentelemetry.propagate")
        except ImportError:
            self._trace = None
            return
        self._tracer = self._trace.get_tracer("penstock.worker")

    @property
    def variables(self) -> tuple[str, ...]:
        """What has to be fetched with every task."""
        return () if self._trace is None else (TRACEPARENT, TRACESTATE)

    def span(self, task: ExternalTask) -> AbstractContextManager[Any]:
        """The span in which the handler runs; an exception that leaves it is recorded."""
        if self._trace is None:
            return nullcontext()
        context = self._propagate.extract(_carrier(task))
        return self._tracer.start_as_current_span(  # type: ignore[no-any-return]
            f"{task.topic} process",
            context=context,
            kind=self._trace.SpanKind.CONSUMER,
            attributes=_attributes(task),
        )


def outgoing() -> Mapping[str, str]:
    """The headers that carry the span in which this is called to another service; none without one."""
    found: dict[str, str] = {}
    if (propagate := _propagate()) is not None:
        propagate.inject(found)
    return found


@cache
def _propagate() -> Any:
    try:
        return importlib.import_module("opentelemetry.propagate")
    except ImportError:
        return None


def _carrier(task: ExternalTask) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in (TRACEPARENT, TRACESTATE):
        wire = task.wire_variables.get(name)
        value = wire.value if wire is not None else task.extension_properties.get(name)
        if isinstance(value, str):
            found[name] = value
    return found


def _attributes(task: ExternalTask) -> Mapping[str, str]:
    stated = {
        "messaging.system": "camunda7",
        "messaging.destination.name": task.topic,
        "messaging.message.id": task.id,
        "bpmn.activity.id": task.activity_id,
        "bpmn.process.instance.id": task.process_instance_id,
        "bpmn.process.definition.id": task.process_definition_id,
        "bpmn.business.key": task.business_key,
    }
    return {name: value for name, value in stated.items() if value}
