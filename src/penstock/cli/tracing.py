"""Where a server's spans go: OpenTelemetry's SDK with an OTLP exporter, set up by OpenTelemetry's own variables."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock import __version__
from penstock.cli.settings import BadSettings, ServerSettings

SERVICE = "penstock"
"""`service.name` where nothing else is said."""


@asynccontextmanager
async def exporting(settings: ServerSettings) -> AsyncIterator[None]:
    """Has spans exported meanwhile, if the settings want it; what is left goes out at the end. Raises BadSettings."""
    if not settings.node.tracing:
        yield
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise BadSettings(f"the setting tracing needs {error.name}: pip install 'penstock[otel]'") from None
    resource = Resource.create({"service.version": __version__, **_service()})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        await asyncio.to_thread(provider.shutdown)


def _service() -> dict[str, str]:
    said = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {} if said else {"service.name": SERVICE}
