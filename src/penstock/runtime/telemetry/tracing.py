"""OpenTelemetry: a span per unit of work, and one per external task from its creation to its end.

The parent of a unit is the caller's span (`traceparent` of the request, or the span of the program around it), else the
unit that made what is executed now: an external task or a job carries the span of the unit that created it, an instance
that of the unit that changed it last. It is kept in the state (`events.TraceCarried`), so a trace goes on after hours and
on other nodes. Only `traceparent` is kept; `tracestate` lasts as long as the request.

No span holds a variable's value: names, ids and business keys only.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from penstock import __version__
from penstock.base.errors import PenstockError
from penstock.engine import commands as c
from penstock.engine.events import ExternalTaskCompleted, ExternalTaskDeleted, InstanceEvents
from penstock.engine.state import Instance
from penstock.runtime.committer import AlreadyTaken, JobLost, Ticket
from penstock.runtime.executor import Executor, Request
from penstock.runtime.telemetry.counters import COMMITTED, outcome_of

_propagator = TraceContextTextMapPropagator()


@contextmanager
def continued(headers: Mapping[bytes, bytes]) -> Iterator[None]:
    """What happens inside belongs to the trace that the headers of a request name, if they do."""
    carrier = {
        name: headers[name.encode()].decode("latin-1")
        for name in ("traceparent", "tracestate")
        if name.encode() in headers
    }
    if not carrier:
        yield
        return
    token = contexts.attach(_propagator.extract(carrier))
    try:
        yield
    finally:
        contexts.detach(token)


class Origin:
    """What a command goes on from: the state before it. `trace`: `traceparent` of what it acts on."""

    __slots__ = ("business_key", "created_ms", "definition", "instance_trace", "topic", "trace")

    def __init__(self, command: c.Command, state: Instance | None) -> None:
        self.instance_trace = self.trace = state.trace if state is not None else None
        self.business_key = state.business_key if state is not None else None
        self.definition = state.definition if state is not None else None
        self.created_ms: int | None = None
        self.topic: str | None = None
        if isinstance(command, c.StartInstance):
            self.business_key, self.definition = command.business_key, command.definition
        if state is None:
            return
        task = state.external_tasks.get(getattr(command, "external_task", ""))
        job = state.jobs.get(getattr(command, "job", ""))
        if task is not None:
            self.trace, self.created_ms, self.topic = task.trace or self.trace, task.created_ms, task.topic
        elif job is not None:
            self.trace = job.trace or self.trace


class TracedExecutor(Executor):
    """An executor whose units are spans. Spans go where the process's tracer provider sends them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._tracer = trace.get_tracer("penstock", __version__)
        self._happened: dict[int, tuple[InstanceEvents, ...]] = {}

    async def run(self, request: Request) -> Any:
        """See `Executor.run`."""
        command = request.command
        origin = Origin(command, await self._state_before(command))
        with self._span(command, origin) as span:
            request.trace = traceparent_of(span.get_span_context())
            try:
                result = await super().run(request)
                self._describe(span, origin, self._happened.pop(id(request), ()))
                return result
            finally:
                self._happened.pop(id(request), None)

    async def _attempt(self, request: Request, ids: tuple[str, ...]) -> tuple[Ticket, Any, tuple[str, ...]]:
        ticket, result, ids = await super()._attempt(request, ids)
        self._happened[id(request)] = (*ticket.seen, *ticket.events)
        return ticket, result, ids

    async def _state_before(self, command: c.Command) -> Instance | None:
        return await self.committed(command.instance) if isinstance(command, c.InstanceCommand) else None

    @contextmanager
    def _span(self, command: c.Command, origin: Origin) -> Iterator[Span]:
        carried = span_context_of(origin.trace)
        parent = trace.get_current_span().get_span_context()
        if _is_nodes_own(command) or not parent.is_valid:
            within = _context_of(carried)
            links = []
        else:
            within = None
            links = [Link(carried)] if carried is not None and carried.trace_id != parent.trace_id else []
        name = type(command).__name__
        key = key_of(origin.definition)
        span = self._tracer.start_span(
            f"{name} {key}" if key else name,
            within,
            kind=SpanKind.INTERNAL,
            attributes=_of_command(command, origin),
            links=links,
        )
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
                span.set_attribute("penstock.outcome", COMMITTED)
            except PenstockError as error:
                span.set_attribute("penstock.outcome", outcome_of(error))
                _failed(span, error)
                raise
            except AlreadyTaken:
                span.set_attribute("penstock.outcome", "repeated")
                raise
            except JobLost:
                span.set_attribute("penstock.outcome", "lost")
                raise
            except Exception as error:
                span.set_attribute("penstock.outcome", "error")
                _failed(span, error)
                raise

    def _describe(self, span: Span, origin: Origin, happened: tuple[InstanceEvents, ...]) -> None:
        """What is known after the commit."""
        if happened:
            span.set_attributes(_of_instance(happened[0].instance, happened[0].definition))
        for unit in happened:
            for event in unit.events:
                if isinstance(event, ExternalTaskCompleted | ExternalTaskDeleted):
                    self._external_task(event, unit, origin, span)

    def _external_task(
        self, event: ExternalTaskCompleted | ExternalTaskDeleted, unit: InstanceEvents, origin: Origin, span: Span
    ) -> None:
        """A span for the whole life of an external task that has ended."""
        made_ms = min(_made_ms(event.external_task), unit.at_ms)
        if isinstance(event, ExternalTaskCompleted):
            outcome = "completed"
        else:
            outcome = "ended" if event.worker is not None else "canceled"
        attributes = {
            **_of_instance(unit.instance, unit.definition),
            "penstock.external_task.id": event.external_task,
            "penstock.external_task.topic": event.topic or "",
            "penstock.activity.id": event.activity or "",
            "penstock.worker.id": event.worker or "",
            "penstock.outcome": outcome,
        }
        life = self._tracer.start_span(
            f"external task {event.topic}",
            _context_of(span_context_of(origin.trace)),
            kind=SpanKind.PRODUCER,
            attributes={name: value for name, value in attributes.items() if value},
            links=[Link(span.get_span_context())],
            start_time=made_ms * 1_000_000,
        )
        life.end(unit.at_ms * 1_000_000)


def _is_nodes_own(command: c.Command) -> bool:
    """A job that a node took by itself: nothing around it has anything to do with it."""
    return isinstance(command, c.ExecuteJob | c.FailJob) and command.owner is not None


def _failed(span: Span, error: Exception) -> None:
    # Not the message: it may quote the value of a variable.
    span.set_attribute("error.type", type(error).__name__)
    element = getattr(error, "element_id", None)
    if element is not None:
        span.set_attribute("penstock.activity.id", element)
    span.set_status(Status(StatusCode.ERROR, type(error).__name__))


def _of_command(command: c.Command, origin: Origin) -> dict[str, str]:
    named = {
        "penstock.command": type(command).__name__,
        "penstock.business_key": origin.business_key,
        "penstock.external_task.id": getattr(command, "external_task", None),
        "penstock.external_task.topic": origin.topic,
        "penstock.worker.id": getattr(command, "worker", None),
        "penstock.job.id": getattr(command, "job", None),
        "penstock.task.id": getattr(command, "task", None),
        "enduser.id": command.user,
    }
    found = {name: value for name, value in named.items() if isinstance(value, str)}
    if isinstance(command, c.InstanceCommand):
        found.update(_of_instance(command.instance, origin.definition))
    return found


def _of_instance(instance: str, definition: str | None) -> dict[str, str]:
    found = {"penstock.instance.id": instance}
    if definition is not None:
        key, _, version = definition.rpartition(":")[0].rpartition(":")
        found |= {
            "penstock.definition.id": definition,
            "penstock.definition.key": key,
            "penstock.definition.version": version,
        }
    return found


def key_of(definition: str | None) -> str:
    """The key in a definition's id (`key:version:uuid`)."""
    return (definition or "").rpartition(":")[0].rpartition(":")[0]


def _made_ms(id: str) -> int:
    """The moment that an id (a UUID of version 7) carries."""
    return int(id[:8] + id[9:13], 16)


def traceparent_of(found: SpanContext) -> str | None:
    """The header's form of a span (W3C Trace Context level 1); None for no span."""
    if not found.is_valid:
        return None
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"


def span_context_of(traceparent: str | None) -> SpanContext | None:
    """The span that a `traceparent` names; None for none, or one that makes no sense."""
    if traceparent is None:
        return None
    found = trace.get_current_span(_propagator.extract({"traceparent": traceparent}, contexts.Context()))
    context = found.get_span_context()
    return context if context.is_valid else None


def _context_of(parent: SpanContext | None) -> contexts.Context:
    """A context in which `parent` is the current span; without one, a new trace begins."""
    empty = contexts.Context()
    return empty if parent is None else trace.set_span_in_context(trace.NonRecordingSpan(parent), empty)
