"""Camunda 7 `/version`, `/engine`, `/schema/log`, `/telemetry`, `/metrics`."""

from typing import Any

from penstock.api import dates
from penstock.api.http import Request, Route
from penstock.api.system import metrics

VERSION = "7.24.0"
"""The version of Camunda 7 whose API this is; clients choose features by it."""


async def version(_request: Request) -> Any:
    """`GET /version`"""
    return {"version": VERSION}


async def engines(_request: Request) -> Any:
    """`GET /engine`"""
    return [{"name": "default"}]


def _schema_log(request: Request, wanted: str | None) -> list[dict[str, Any]]:
    first, most = request.integer("firstResult") or 0, request.integer("maxResults")
    rows = [{"id": "0", "version": VERSION, "timestamp": dates.write(0)}]
    rows = [row for row in rows if wanted is None or row["version"] == wanted]
    return rows[max(first, 0) : None if most is None else max(first + most, 0)]


async def schema_log_get(request: Request) -> Any:
    """`GET /schema/log`: one entry, because our stores migrate by numbers of their own."""
    return _schema_log(request, request.text("version"))


async def schema_log_post(request: Request) -> Any:
    """`POST /schema/log`"""
    return _schema_log(request, request.object().get("version"))


async def telemetry_get(_request: Request) -> Any:
    """`GET /telemetry/configuration`: Penstock sends nothing to anyone."""
    return {"enableTelemetry": False}


async def telemetry_post(request: Request) -> None:
    """`POST /telemetry/configuration`: accepted and without effect."""
    request.object()


async def telemetry_data(_request: Request) -> Any:
    """`GET /telemetry/data`"""
    return {
        "installation": "penstock",
        "product": {
            "name": "Penstock",
            "version": VERSION,
            "edition": "community",
            "internals": {},
        },
    }


ROUTES = (
    Route("GET", "/version", version),
    Route("GET", "/engine", engines),
    Route("GET", "/schema/log", schema_log_get),
    Route("POST", "/schema/log", schema_log_post),
    Route("GET", "/telemetry/configuration", telemetry_get),
    Route("POST", "/telemetry/configuration", telemetry_post),
    Route("GET", "/telemetry/data", telemetry_data),
    Route("GET", "/metrics", metrics.listed),
    Route("GET", "/metrics/{metrics-name}/sum", metrics.summed),
    Route("DELETE", "/metrics/task-worker", metrics.forget),
)
