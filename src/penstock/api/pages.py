"""What a node answers outside `/engine-rest`: probes, metrics, where the web applications are, the start page."""

from collections.abc import Callable, Mapping

from penstock.api.http import Request, Response, json

_START = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Penstock</title></head>
<body><h1>Penstock</h1><p>The REST API is at <a href="engine-rest/version">/engine-rest</a>;
<a href="health">health</a>, <a href="metrics">metrics</a>.</p></body></html>
"""


def start(_request: Request) -> Response:
    """`/`"""
    return Response(200, _START, "text/html; charset=utf-8")


def health(request: Request) -> Response:
    """`/health`: the process answers; the body says what is wrong, if anything."""
    return json(dict(request.engine.health()))


def ready(request: Request) -> Response:
    """`/ready`: 200 when work may be sent here, 503 otherwise."""
    state = dict(request.engine.health())
    return json(state, 200 if state.get("ready") else 503)


def metrics(request: Request) -> Response:
    """`/metrics` in Prometheus' text format 0.0.4."""
    return Response(200, exposition(request.engine.metrics()).encode(), "text/plain; version=0.0.4; charset=utf-8")


def exposition(found: Mapping[str, float]) -> str:
    """Names that end in `_total` are counters, all others gauges."""
    lines = []
    for name, value in sorted(found.items()):
        full = name if name.startswith("penstock_") else f"penstock_{name}"
        full = "".join(c if c.isascii() and (c.isalnum() or c in "_:") else "_" for c in full)
        lines.append(f"# TYPE {full} {'counter' if full.endswith('_total') else 'gauge'}")
        lines.append(f"{full} {value!r}" if isinstance(value, float) else f"{full} {value}")
    return "\n".join(lines) + "\n"


def webapps(request: Request) -> Response:
    """`/.well-known/camunda-automation-platform/webapps`: Camunda Modeler asks it for links after a deployment."""
    base = request.link("").removesuffix("/engine-rest")
    return json({"adminUrl": f"{base}/admin", "cockpitUrl": f"{base}/cockpit", "tasklistUrl": f"{base}/tasklist"})


PAGES: Mapping[str, Callable[[Request], Response]] = {
    "": start,
    "health": health,
    "ready": ready,
    "metrics": metrics,
    ".well-known/camunda-automation-platform/webapps": webapps,
}
"""Path without its first slash → what answers GET and HEAD there."""
