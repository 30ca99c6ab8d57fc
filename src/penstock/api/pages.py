"""What a node answers outside `/engine-rest`: probes, metrics, where the web applications are, the cockpit."""

from collections.abc import Awaitable, Callable, Mapping

from penstock.api.cockpit import files
from penstock.api.http import Request, Response, json
from penstock.api.system.probes import health, ready
from penstock.api.system.prometheus import metrics


def webapps(request: Request) -> Response:
    """`/.well-known/camunda-automation-platform/webapps`: Camunda Modeler asks it for links after a deployment."""
    base = request.link("").removesuffix("/engine-rest")
    return json({"adminUrl": f"{base}/admin", "cockpitUrl": f"{base}/cockpit", "tasklistUrl": f"{base}/tasklist"})


Page = Callable[[Request], Response | Awaitable[Response]]

PAGES: Mapping[str, Page] = {
    "": files.start,
    "health": health,
    "ready": ready,
    "metrics": metrics,
    ".well-known/camunda-automation-platform/webapps": webapps,
}
"""Path without its first slash → what answers GET and HEAD there."""


def find(path: str) -> Page | None:
    """What answers GET and HEAD at a path without its first slash: a page, or a file of the cockpit."""
    return PAGES.get(path) or files.find(path)
