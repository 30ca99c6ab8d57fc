"""The ASGI application: routes, limits, content negotiation, CORS, probes.

Hand-made on raw ASGI because start, fetchAndLock, complete and message are most of the traffic and a framework costs
them more than their own work does. Mounted at `/engine-rest` and `/engine-rest/engine/default`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from time import perf_counter
from typing import Any
from urllib.parse import unquote

import structlog

from penstock.api import additions, pages, problems
from penstock.api.authentication import BasicAuthentication
from penstock.api.authorization import routes as authorization
from penstock.api.batch import routes as batch
from penstock.api.cases import routes as cases
from penstock.api.condition import routes as condition
from penstock.api.decision_definition import routes as decision_definition
from penstock.api.decision_requirements_definition import routes as decision_requirements_definition
from penstock.api.deployment import routes as deployment
from penstock.api.event_subscription import routes as event_subscription
from penstock.api.execution import routes as execution
from penstock.api.external_task import routes as external_task
from penstock.api.filter import routes as filter_
from penstock.api.group import routes as group
from penstock.api.history_activity_instance import routes as history_activity_instance
from penstock.api.history_batch import routes as history_batch
from penstock.api.history_cleanup import routes as history_cleanup
from penstock.api.history_decision_instance import bulk as history_decision_bulk
from penstock.api.history_decision_instance import routes as history_decision_instance
from penstock.api.history_detail import routes as history_detail
from penstock.api.history_external_task_log import routes as history_external_task_log
from penstock.api.history_identity_link_log import routes as history_identity_link_log
from penstock.api.history_incident import routes as history_incident
from penstock.api.history_job_log import routes as history_job_log
from penstock.api.history_process_definition import routes as history_process_definition
from penstock.api.history_process_instance import routes as history_process_instance
from penstock.api.history_task import routes as history_task
from penstock.api.history_user_operation import routes as history_user_operation
from penstock.api.history_variable_instance import routes as history_variable_instance
from penstock.api.http import JSON, NO_CONTENT, Receive, Request, Response, Route, Scope, Send, json, read_body
from penstock.api.identity import routes as identity
from penstock.api.incident import routes as incident
from penstock.api.job import many as job_many
from penstock.api.job import routes as job
from penstock.api.job_definition import routes as job_definition
from penstock.api.message import routes as message
from penstock.api.migration import routes as migration
from penstock.api.modification import routes as modification
from penstock.api.process_definition import routes as process_definition
from penstock.api.process_instance import routes as process_instance
from penstock.api.signal import routes as signal
from penstock.api.system import routes as system
from penstock.api.system import watch
from penstock.api.task import routes as task
from penstock.api.task_attachment import routes as task_attachment
from penstock.api.task_comment import routes as task_comment
from penstock.api.tenant import routes as tenant
from penstock.api.user import routes as user
from penstock.api.variable_instance import routes as variable_instance
from penstock.base.errors import PenstockError
from penstock.runtime.protocol import Authentication, Engine
from penstock.runtime.telemetry.tracing import continued

ROOT = "engine-rest"
ENGINE_NAME = "default"

RESOURCES: tuple[Sequence[Route], ...] = (
    system.ROUTES,
    deployment.ROUTES,
    decision_definition.ROUTES,
    decision_requirements_definition.ROUTES,
    process_definition.ROUTES,
    external_task.ROUTES,
    message.ROUTES,
    migration.ROUTES,
    modification.ROUTES,
    batch.ROUTES,
    history_batch.ROUTES,
    signal.ROUTES,
    cases.ROUTES,
    condition.ROUTES,
    event_subscription.ROUTES,
    execution.ROUTES,
    incident.ROUTES,
    job.ROUTES,
    job_many.ROUTES,
    job_definition.ROUTES,
    process_instance.ROUTES,
    task.ROUTES,
    task_attachment.ROUTES,
    task_comment.ROUTES,
    variable_instance.ROUTES,
    history_activity_instance.ROUTES,
    history_cleanup.ROUTES,
    history_decision_bulk.ROUTES,
    history_decision_instance.ROUTES,
    history_external_task_log.ROUTES,
    history_incident.ROUTES,
    history_job_log.ROUTES,
    history_process_definition.ROUTES,
    history_process_instance.ROUTES,
    history_task.ROUTES,
    history_variable_instance.ROUTES,
    history_detail.ROUTES,
    history_identity_link_log.ROUTES,
    history_user_operation.ROUTES,
    authorization.ROUTES,
    filter_.ROUTES,
    group.ROUTES,
    identity.ROUTES,
    tenant.ROUTES,
    user.ROUTES,
)
"""Every resource below `/engine-rest`: one row each."""

_log = structlog.get_logger("penstock.api")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ALLOWED = b"GET, POST, PUT, DELETE, OPTIONS, HEAD"


class Node:
    """One segment of the paths: what follows literally, what follows any segment, and the routes that end here."""

    __slots__ = ("any", "literal", "routes")

    def __init__(self) -> None:
        self.literal: dict[str, Node] = {}
        self.any: Node | None = None
        self.routes: dict[str, Route] = {}


class Router:
    """Finds routes. A literal segment wins over a parameter, whatever the methods are (as in JAX-RS)."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = Node()
        for route in routes:
            at = self._root
            for segment in route.path.strip("/").split("/"):
                if segment.startswith("{"):
                    at.any = at.any or Node()
                    at = at.any
                else:
                    at = at.literal.setdefault(segment, Node())
            if route.method in at.routes:
                raise ValueError(f"two routes answer {route.method} {route.path}")
            at.routes[route.method] = route

    def find(self, segments: Sequence[str]) -> tuple[dict[str, Route], list[str]] | None:
        """The routes of this path by method, and the values of its parameters; None: no such path."""
        values: list[str] = []
        found = _descend(self._root, segments, 0, values)
        return None if found is None else (found, values)


def _descend(at: Node, segments: Sequence[str], index: int, values: list[str]) -> dict[str, Route] | None:
    if index == len(segments):
        return at.routes or None
    segment = segments[index]
    literal = at.literal.get(segment)
    if literal is not None:
        found = _descend(literal, segments, index + 1, values)
        if found is not None:
            return found
    if at.any is not None:
        values.append(segment)
        found = _descend(at.any, segments, index + 1, values)
        if found is not None:
            return found
        values.pop()
    return None


class App:
    """The ASGI application over one node. `any_origin`: browsers of any origin may call when the server is on loopback."""

    def __init__(self, engine: Engine, routes: Iterable[Route], *, any_origin: bool = True) -> None:
        self.engine = engine
        self._router = Router(routes)
        self._additions = Router(route for found in additions.RESOURCES for route in found)
        self.bytes_max = engine.settings.payload_bytes_max
        self._any_origin = any_origin
        self._traced = engine.settings.tracing
        basic = engine.settings.authentication is Authentication.BASIC
        self._authentication = BasicAuthentication() if basic else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await _lifespan(receive, send)
        elif kind == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(self.engine, scope, receive, dict(scope["headers"]))
        response = await self.respond(request)
        if response is not None:
            await _send(scope, send, response, self.cors(request))

    async def respond(self, request: Request) -> Response | None:
        """The answer to any request; None when the client has left before all of it was there."""
        began_s = perf_counter()
        try:
            if self._traced:
                with continued(request.headers):
                    response = await self._answer(request)
            else:
                response = await self._answer(request)
        except PenstockError as error:
            response = refusal(problems.of(error))
        except ConnectionError:
            return None
        except Exception:
            _log.exception("defect", method=request.method, path=request.scope["path"])
            response = refusal(problems.internal())
        watch.answered(request, response.status, perf_counter() - began_s)
        return response

    async def _answer(self, request: Request) -> Response:
        segments = _segments(request.scope)
        if not segments or segments[0] != ROOT:
            if segments[:2] == additions.PATH:
                return await self._addition(request, segments[2:])
            return await self._outside(request, segments)
        return await self._routed(request, self._router, _within_engine, segments, ROOT)

    async def _addition(self, request: Request, segments: Sequence[str]) -> Response:
        """What Camunda has not: below `/penstock/v1`, with problem details (RFC 9457) for errors."""
        try:
            return await self._routed(request, self._additions, list, segments, "/".join(additions.PATH))
        except PenstockError as error:
            return additions.refusal(error)

    async def _routed(
        self,
        request: Request,
        router: Router,
        within: Callable[[list[str]], list[str]],
        segments: Sequence[str],
        root: str,
    ) -> Response:
        if request.method == "OPTIONS" and b"access-control-request-method" in request.headers:
            return Response(200)
        found = router.find(within(list(segments)))
        if found is None:
            raise problems.not_found()
        routes, values = found
        method = request.method
        route = routes.get(method)
        if route is None:
            if method == "OPTIONS":
                return Response(200, headers=((b"allow", _allow(routes)),))
            route = routes.get("GET") if method == "HEAD" else None
            if route is None:
                headers = ((b"allow", _allow(routes)),)
                raise problems.http(405, "NotAllowedException", "Method Not Allowed", headers)
        request.route = f"/{root}{route.path}"
        if self._authentication is not None:
            request.user = await self._authentication.user_of(request, route.path)
        _negotiate(request, route)
        receive = request.receive
        if receive is not None and (
            method != "GET" or b"content-length" in request.headers or b"transfer-encoding" in request.headers
        ):
            request.content = await read_body(receive, request.headers, self.bytes_max)
        result = await route.handler(request, *values)
        if result is None:
            return NO_CONTENT
        return _harmless(result) if isinstance(result, Response) else json(result)

    async def _outside(self, request: Request, segments: Sequence[str]) -> Response:
        path = "/".join(segments)
        page = pages.find(path)
        if page is None:
            raise problems.not_found()
        request.route = f"/{path}"
        if request.method not in ("GET", "HEAD"):
            raise problems.http(405, "NotAllowedException", "Method Not Allowed", ((b"allow", b"GET, HEAD"),))
        answer = page(request)
        return answer if isinstance(answer, Response) else await answer

    def cors(self, request: Request) -> Sequence[tuple[bytes, bytes]]:
        """The headers that let a page of another origin read the answer."""
        headers = request.headers
        origin = headers.get(b"origin")
        if origin is None or not self._any_origin or (request.scope.get("server") or ("",))[0] not in _LOOPBACK:
            return ()
        allowed = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
        if b"access-control-request-method" in headers:
            allowed.append((b"access-control-allow-methods", _ALLOWED))
            asked = headers.get(b"access-control-request-headers")
            if asked:
                allowed.append((b"access-control-allow-headers", asked))
            allowed.append((b"access-control-max-age", b"600"))
        return allowed


def create_app(engine: Engine, *, any_origin: bool = True) -> App:
    """The REST API of `engine` as an ASGI application. Starting and stopping the node is the caller's business."""
    return App(engine, (route for routes in RESOURCES for route in routes), any_origin=any_origin)


_SANDBOXED = ((b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"sandbox"))


def _harmless(response: Response) -> Response:
    """What somebody has deployed or attached may be a page with scripts: a browser must not run it as one of ours."""
    if response.type is not None and response.type != JSON:
        response.headers = (*response.headers, *_SANDBOXED)
    return response


def refusal(problem: problems.Problem) -> Response:
    """The answer `{type, message, code}`."""
    response = json(problem.body(), problem.status)
    response.headers = problem.headers
    return response


def _segments(scope: Scope) -> list[str]:
    """The path's segments, each decoded on its own so that an encoded slash stays in its segment."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    text = raw.partition(b"?")[0].decode("latin-1")
    if "%00" in text:
        raise problems.invalid(400, "The path contains the character NUL, which nothing can match.")
    segments = [segment for segment in text.split("/") if segment]
    return [unquote(segment) for segment in segments] if "%" in text else segments


def _within_engine(segments: list[str]) -> list[str]:
    """Segments below `/engine-rest[/engine/{name}]`. Raises 400 for an unknown engine (but its version is answered)."""
    if len(segments) < 3 or segments[1] != "engine":
        return segments[1:]
    rest = segments[3:]
    if not rest or rest[0] == "engine":
        raise problems.not_found()
    if segments[2] != ENGINE_NAME and rest != ["version"]:
        raise problems.invalid(400, "No process engine available")
    return rest


def _allow(routes: Mapping[str, Route]) -> bytes:
    methods = {*routes, "OPTIONS", *(("HEAD",) if "GET" in routes else ())}
    return ", ".join(sorted(methods)).encode()


def _negotiate(request: Request, route: Route) -> None:
    """Refuses a body of the wrong media type (415) and an `Accept` that nothing fits (406)."""
    stated = request.headers.get(b"content-type")
    if stated is None or stated == route.consumes_exactly or route.consumes is None:
        pass
    elif request.method in ("POST", "PUT", "PATCH") and _media(stated) != route.consumes:
        raise problems.http(415, "NotSupportedException", "Unsupported Media Type")
    accept = request.headers.get(b"accept")
    if route.produces is None:
        return
    if accept is None or accept == b"*/*":
        request.accepted = route.produces[0]
        return
    chosen = _acceptable(accept, route.produces)
    if chosen is None:
        raise problems.http(406, "NotAcceptableException", "Not Acceptable")
    request.accepted = chosen


def _media(stated: bytes) -> str:
    return stated.split(b";", 1)[0].strip().lower().decode("latin-1")


@lru_cache(maxsize=256)
def _acceptable(accept: bytes, produces: tuple[str, ...]) -> str | None:
    """The best of `produces` for an `Accept` header (RFC 9110 §12.5.1); None: none of them. Clients send few of them."""
    best: tuple[float, int, str] | None = None
    for item in accept.decode("latin-1").split(","):
        media, _, options = item.strip().partition(";")
        weight = 1.0
        for option in options.split(";"):
            name, _, value = option.strip().partition("=")
            if name == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        wanted = media.strip().lower()
        for rank, offered in enumerate(produces):
            fits = wanted in ("*/*", "*", offered) or (wanted.endswith("/*") and offered.startswith(wanted[:-1]))
            if fits and weight > 0 and (best is None or (weight, -rank) > best[:2]):
                best = (weight, -rank, offered)
    return None if best is None else best[2]


async def _send(scope: Scope, send: Send, response: Response, cors: Sequence[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": response.status, "headers": [*response.head(), *cors]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else response.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event: Any = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
