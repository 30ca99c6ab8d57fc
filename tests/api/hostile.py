"""Requests that nobody should send, and a real node on a memory store to send them to.

Names of properties, parameters and routes come from the application itself, so a new resource is attacked as soon as it
exists. All ids are counted, so the same requests meet the same world.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import pkgutil
import re
import socket
import sys
import traceback
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import uvicorn
from hypothesis import strategies as st

import penstock.api
from penstock.api import app as api_app
from penstock.api.app import RESOURCES, create_app
from penstock.api.dto import Body
from penstock.api.querying import Selection
from penstock.base.clock import VirtualClock
from penstock.base.ids import CountingIds
from penstock.cli.serve import http_config
from penstock.runtime.node import Node
from penstock.runtime.protocol import Settings
from penstock.store.memory.store import MemoryStore
from penstock.store.query import Query

ANSWER_MAX_S = 20.0
"""A request without an answer by then hangs."""

BODY_BYTES_MAX = 1024 * 1024

MODEL = b"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="t">
<message id="m" name="hello"/><signal id="s" name="alarm"/><error id="e" errorCode="E"/>
<process id="p" isExecutable="true" camunda:historyTimeToLive="5"><startEvent id="start" camunda:formKey="embedded:app:x"/>
<sequenceFlow id="f0" sourceRef="start" targetRef="fork"/><parallelGateway id="fork"/>
<sequenceFlow id="f1" sourceRef="fork" targetRef="user"/><sequenceFlow id="f2" sourceRef="fork" targetRef="external"/>
<sequenceFlow id="f3" sourceRef="fork" targetRef="receive"/><sequenceFlow id="f4" sourceRef="fork" targetRef="caught"/>
<sequenceFlow id="f5" sourceRef="fork" targetRef="async"/><sequenceFlow id="f6" sourceRef="fork" targetRef="stuck"/>
<userTask id="user" camunda:candidateUsers="demo" camunda:formKey="k"><extensionElements><camunda:formData>
<camunda:formField id="n" type="long"/></camunda:formData></extensionElements></userTask>
<boundaryEvent id="late" attachedToRef="user"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>
</boundaryEvent><sequenceFlow id="g1" sourceRef="user" targetRef="end"/>
<sequenceFlow id="g2" sourceRef="late" targetRef="end"/>
<serviceTask id="external" camunda:type="external" camunda:topic="work"/>
<sequenceFlow id="g3" sourceRef="external" targetRef="end"/>
<receiveTask id="receive" messageRef="m"/><sequenceFlow id="g4" sourceRef="receive" targetRef="end"/>
<intermediateCatchEvent id="caught"><signalEventDefinition signalRef="s"/></intermediateCatchEvent>
<sequenceFlow id="g5" sourceRef="caught" targetRef="end"/>
<serviceTask id="async" camunda:asyncBefore="true" camunda:expression="${missing}"/>
<sequenceFlow id="g6" sourceRef="async" targetRef="end"/>
<serviceTask id="stuck" camunda:type="external" camunda:topic="stuck"/>
<sequenceFlow id="g7" sourceRef="stuck" targetRef="end"/>
<endEvent id="end"/></process>
<process id="q" isExecutable="true"><startEvent id="qs"><messageEventDefinition messageRef="m"/></startEvent>
<sequenceFlow id="h0" sourceRef="qs" targetRef="qt"/><userTask id="qt"/></process>
<process id="c" isExecutable="true"><startEvent id="cs"><conditionalEventDefinition>
<condition xsi:type="tFormalExpression">${x == 1}
</condition></conditionalEventDefinition></startEvent>
<sequenceFlow id="i0" sourceRef="cs" targetRef="ct"/><userTask id="ct"/></process>
</definitions>"""


# ------------------------------------------------------------------------------------------ names


def _everything() -> list[Any]:
    found = []
    for info in pkgutil.walk_packages(penstock.api.__path__, "penstock.api."):
        found += list(vars(importlib.import_module(info.name)).values())
    return found


def _bodies(kind: type[msgspec.Struct]) -> Iterable[type[msgspec.Struct]]:
    yield kind
    for sub in kind.__subclasses__():
        yield from _bodies(sub)


_values = _everything()
ROUTES = [(route.method, route.path) for routes in RESOURCES for route in routes]
PROPERTIES = sorted({name for kind in _bodies(Body) for name in kind.__struct_encode_fields__})
_selections = [value for value in _values if isinstance(value, Selection)]
FILTERS = sorted({name for selection in _selections for name in selection.filters})
SORTINGS = sorted({name for selection in _selections for name in selection.sortings})
PARAMETERS = sorted(
    {*FILTERS, "sortBy", "sortOrder", "firstResult", "maxResults", "cascade", "deserializeValue", "variables"}
)


def _contract() -> dict[tuple[str, str], tuple[list[str], list[str]]]:
    """(method, path) → (query parameters, properties of the body), from the reference contract if it is there."""
    shared = os.environ.get("PENSTOCK_SHARED", str(Path(__file__).parents[3] / "shared"))
    file = Path(shared) / "reference" / "camunda7-openapi.json"
    if not file.exists():
        return {}
    contract = json.loads(file.read_bytes())

    def properties(schema: Any) -> list[str]:
        if "$ref" in schema:
            schema = contract["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        names = list(schema.get("properties", ()))
        for part in schema.get("allOf", ()):
            names += properties(part)
        return names

    found = {}
    for path, operations in contract["paths"].items():
        for method, operation in operations.items():
            queried = [p["name"] for p in operation.get("parameters", ()) if p.get("in") == "query"]
            content = operation.get("requestBody", {}).get("content", {})
            stated = [name for kind in content.values() for name in properties(kind.get("schema", {}))]
            found[method.upper(), _anonymous(path)] = (queried, stated)
    return found


def _anonymous(path: str) -> str:
    return re.sub(r"{[^}]*}", "{}", path)


CONTRACT = _contract()


# ------------------------------------------------------------------------------------------ requests


@dataclass(frozen=True)
class Call:
    """One HTTP request, as raw as ASGI lets it be. `path` and `query` are percent-encoded."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)
    chunks: int = 1


@dataclass
class Answer:
    """What came back. `defect`: the traceback of what nobody had handled."""

    call: Call
    status: int
    headers: dict[bytes, bytes]
    body: bytes
    defect: str | None

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class World:
    """A node with one of everything that REST shows."""

    node: Node
    app: Any
    ids: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    @classmethod
    async def create(cls) -> World:
        clock = VirtualClock()
        store = MemoryStore(clock)
        await store.open()
        settings = Settings(
            execute_jobs=False,
            payload_bytes_max=BODY_BYTES_MAX,
            fetch_wait_max_ms=50,
            script_time_limit_ms=500,
            steps_per_unit_max=5_000,
        )
        node = Node(store, clock=clock, ids=CountingIds(), settings=settings)
        await node.start()
        world = cls(node, create_app(node))
        await world._populate()
        return world

    async def close(self) -> None:
        await self.node.close()

    async def _populate(self) -> None:
        deployed = await self.good("POST", "/deployment/create", *multipart([("data", "m.bpmn", MODEL)]))
        started = await self.good(
            "POST",
            "/process-definition/key/p/start",
            {"businessKey": "b", "variables": {"x": {"value": 1}, "j": {"value": "{}", "type": "Json"}}},
        )
        topics = [{"topicName": "stuck", "lockDuration": 100_000}]
        (stuck,) = await self.good(
            "POST", "/external-task/fetchAndLock", {"workerId": "w", "maxTasks": 1, "topics": topics}
        )
        await self.good("POST", f"/external-task/{stuck['id']}/failure", {"workerId": "w", "retries": 0})
        topics = [{"topicName": "work", "lockDuration": 100_000}]
        await self.good("POST", "/external-task/fetchAndLock", {"workerId": "w", "maxTasks": 1, "topics": topics})
        self.ids = [
            deployed["id"],
            *deployed["deployedProcessDefinitions"],
            started["id"],
            "p",
            "q",
            "user",
            "external",
            "x",
        ]
        for table in ("user_task", "external_task", "job", "event_subscription", "execution", "variable", "incident"):
            self.ids += [row["id"] for row in await self.node.rows(Query(table))]
        self.ids += [row["id"] for row in await self.node.rows(Query("activity_instance"))]
        self.ids += [row["id"] for row in await self.node.rows(Query("job_log"))]
        self.ids += [row["id"] for row in await self.node.rows(Query("external_task_log"))]
        self.ids += [row["id"] for row in await self.node.rows(Query("resource"))]

    async def good(self, method: str, path: str, body: Any = None, headers: Any = None) -> Any:
        """A request that must succeed."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        call = Call(method, path, body=content, **({} if headers is None else {"headers": headers}))
        answer = await self.send(call)
        assert answer.status in (200, 204), (
            f"{method} {path} answered {answer.status} {answer.body[:500]!r}\n{answer.defect}"
        )
        return answer.json() if answer.body else None

    async def send(self, call: Call) -> Answer:
        """Sends one request through the application; raises AssertionError when no answer comes."""
        raw = f"/engine-rest{call.path}".encode("latin-1", "replace")
        scope = {
            "type": "http",
            "method": call.method,
            "path": raw.decode("latin-1"),
            "raw_path": raw,
            "query_string": call.query.encode("latin-1", "replace"),
            "headers": [(b"host", b"penstock.test"), *call.headers, (b"content-length", str(len(call.body)).encode())],
            "server": ("127.0.0.1", 80),
            "scheme": "http",
        }
        size = -(-len(call.body) // call.chunks) or 1
        parts = [call.body[at : at + size] for at in range(0, len(call.body), size)] or [b""]
        inbox = [
            {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
            for number, part in enumerate(parts)
        ]
        status, headers, body = 0, {}, b""

        async def receive() -> Any:
            if not inbox:
                await asyncio.Event().wait()
            return inbox.pop(0)

        async def send(message: Any) -> None:
            nonlocal status, headers, body
            if message["type"] == "http.response.start":
                status, headers = message["status"], dict(message["headers"])
            else:
                body += message.get("body", b"")

        before = len(self.defects)
        try:
            async with asyncio.timeout(ANSWER_MAX_S):
                await self.app(scope, receive, send)
        except TimeoutError:
            raise AssertionError(f"no answer within {ANSWER_MAX_S} s: {shown(call)}") from None
        new = self.defects[before:]
        return Answer(call, status, headers, body, "\n".join(new) if new else None)


class Log:
    """Takes the place of the application's logger and keeps the tracebacks of defects."""

    def __init__(self, defects: list[str]) -> None:
        self._defects = defects

    def exception(self, event: str, **_: Any) -> None:
        self._defects.append(f"{event}: " + "".join(traceback.format_exception(*sys.exc_info())))


def watch(monkeypatch: Any, world: World) -> None:
    """Defects of `world` are kept from now on."""
    monkeypatch.setattr(api_app, "_log", Log(world.defects))


def shown(call: Call) -> str:
    """A request for a message."""
    return f"{call.method} {call.path}?{call.query} {call.headers} {call.body[:600]!r} ({len(call.body)} bytes)"


def check(answer: Answer) -> None:
    """What every answer must be, whatever the request was."""
    what = shown(answer.call)
    assert answer.defect is None, f"{what}\n{answer.defect}"
    assert 200 <= answer.status < 600, f"{what}: status {answer.status}"
    assert answer.status not in (502, 504), f"{what}: status {answer.status}"
    kind = answer.headers.get(b"content-type", b"")
    if answer.status >= 400 and answer.call.method != "HEAD":
        assert kind == b"application/json", f"{what}: {kind!r}"
        body = answer.json()
        assert {"type", "message", "code"} <= body.keys(), f"{what}: {body}"
        assert body["type"] and body["type"] != "InternalError", f"{what}: {body}"
        assert isinstance(body["message"], str | None), f"{what}: {body}"
    elif kind == b"application/json":
        answer.json()


def multipart(parts: Sequence[tuple[str, str | None, bytes]]) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """(body, headers) of a form: (name, file name, content)."""
    body = b""
    for name, filename, content in parts:
        file = b"" if filename is None else b'; filename="' + filename.encode("utf-8", "surrogateescape") + b'"'
        body += (
            b'--limit\r\nContent-Disposition: form-data; name="'
            + name.encode()
            + b'"'
            + file
            + b"\r\n\r\n"
            + content
            + b"\r\n"
        )
    return body + b"--limit--\r\n", ((b"content-type", b"multipart/form-data; boundary=limit"),)


# ------------------------------------------------------------------------------------------ strategies

TEXTS = (
    "",
    "x",
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "9" * 400,
    "2147483648",
    "9223372036854775808",
    "2024-01-01T00:00:00.000+0200",
    "2013-02-30T00:00:00.000+0000",
    "9999999-12-31T00:00:00.000+0000",
    "0000-00-00T00:00:00.000+0000",
    "10000-01-01T00:00:00.000+9999",
    "PT",
    "P1Y",
    "R/PT0S",
    "%",
    "\\",
    "_%\\",
    "'; DROP TABLE x; --",
    "${1/0}",
    "${execution.getVariable('x')}",
    "a_eq_b",
    "n_like_%,m_gt_",
    "__",
    "_eq_",
    "\u0000",
    "\u202e\ufeff\U0001f600",
    "a" * 5_000,
    "../../etc/passwd",
    "[]",
    "{}",
    "startBeforeActivity",
    "cancel",
    "asc",
    "desc",
    "String",
    "Object",
)
"""Texts that have broken something somewhere."""

FRAGMENTS = (
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "1e400",
    "-1e400",
    "9" * 400,
    "-2147483649",
    "9223372036854775808",
    "NaN",
    "Infinity",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[{}]",
    '[""]',
    '["x", 1, null, {"a": []}]',
    '{"": ""}',
    '{"a": {"value": 1}}',
    '{"a": null}',
    '{"a": []}',
    '"\\ud800"',
    '"\\udfff x"',
    '"\\u0000"',
    '"\ufffe"',
    "[" * 3_000 + "]" * 3_000,
    '{"a":' * 3_000 + "1" + "}" * 3_000,
    '"' + "x" * 50_000 + '"',
    '{"a": 1, "a": 2}',
)
"""Raw JSON, some of it none."""

TYPES = (
    *(
        "String",
        "Integer",
        "Long",
        "Short",
        "Double",
        "Float",
        "Boolean",
        "Date",
        "Null",
        "Bytes",
        "File",
        "Json",
        "Xml",
    ),
    *("Object", "Number", "string", "INTEGER", "nope"),
)


HEADERS = {
    b"content-type": (b"", b"text/plain", b"application/json; charset=utf-16", b"\xff", b"multipart/form-data"),
    b"accept": (b"", b"*/*;q=x", b"text/html", b",,;", b"\xff/\xff", b"application/hal+json"),
    b"idempotency-key": (b"", b"k", b"\xff" * 300, b"k" * 10_000),
    b"authorization": (b"", b"Basic", b"Basic !!!", b"Basic /w==", b"Bearer x"),
}

_texts = st.sampled_from(TEXTS) | st.text(max_size=8).map(lambda text: text.encode("utf-8", "replace").decode())
_fragments = st.sampled_from(FRAGMENTS) | _texts.map(json.dumps)


def _object(pairs: Sequence[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in pairs) + "}"


@st.composite
def variables(draw: st.DrawFn) -> str:
    """A variable as JSON."""
    pairs = [("value", draw(_fragments))]
    if draw(st.booleans()):
        pairs.append(("type", draw(st.sampled_from([json.dumps(kind) for kind in TYPES]) | _fragments)))
    if draw(st.booleans()):
        info = draw(
            st.lists(
                st.tuples(
                    st.sampled_from(
                        [
                            "objectTypeName",
                            "serializationDataFormat",
                            "filename",
                            "mimetype",
                            "encoding",
                            "transient",
                            "x",
                        ]
                    ),
                    _fragments,
                ),
                max_size=3,
            ).map(_object)
            | _fragments
        )
        pairs.append(("valueInfo", info))
    if draw(st.booleans()):
        pairs.append(("local", draw(_fragments)))
    return _object(pairs)


@st.composite
def _sensible(draw: st.DrawFn, name: str, ids: Sequence[str]) -> str:
    """A value that gets past the first check more often than not."""
    low = name.lower()
    if low.endswith(("variables", "modifications", "correlationkeys", "localvariables")) and draw(st.booleans()):
        return _object(draw(st.lists(st.tuples(_texts, variables()), max_size=2)))
    if low.endswith(("ids", "in", "activities", "deletions")) and draw(st.booleans()):
        return json.dumps(draw(st.lists(st.sampled_from(ids), max_size=3)))
    if low.endswith(("id", "key", "name", "topicname")) and draw(st.booleans()):
        return json.dumps(draw(st.sampled_from([*ids, "w", "hello", "alarm", "work"])))
    if low in ("instructions", "topics", "sorting", "orqueries") and draw(st.booleans()):
        names = {
            "instructions": [
                "type",
                "activityId",
                "transitionId",
                "activityInstanceId",
                "variables",
                "ancestorActivityInstanceId",
            ],
            "topics": [
                "topicName",
                "lockDuration",
                "variables",
                "processVariables",
                "businessKey",
                "processDefinitionIdIn",
            ],
            "sorting": ["sortBy", "sortOrder", "parameters"],
            "orqueries": FILTERS,
        }[low]
        inner = st.lists(st.tuples(st.sampled_from(names), _fragments), max_size=4).map(_object)
        return "[" + ", ".join(draw(st.lists(inner, max_size=2))) + "]"
    if draw(st.booleans()):
        return draw(
            st.sampled_from(["1", "0", "true", "1000", '"w"', '"user"', '"2030-01-01T00:00:00.000+0000"', '"PT1S"'])
        )
    return draw(_fragments)


@st.composite
def json_bodies(draw: st.DrawFn, ids: Sequence[str], known: Sequence[str]) -> bytes:
    """A body: an object with names that mean something, cut short or broken now and then. `known`: the names that the
    operation knows, if that is known."""
    names = draw(st.lists(st.sampled_from(known or [*PROPERTIES, *FILTERS]), max_size=6, unique=True))
    if not known and draw(st.booleans()):
        # What most operations ask for, so that they get further.
        names += [
            n for n in ("workerId", "variables", "maxTasks", "topics", "lockDuration", "messageName") if n not in names
        ]
    text = _object([(name, draw(_sensible(name, ids))) for name in names])
    body = text.encode("utf-8", "surrogatepass")
    match draw(st.integers(0, 11)):
        case 0:
            return body[: draw(st.integers(0, len(body)))]
        case 1:
            return draw(_fragments).encode("utf-8", "surrogatepass")
        case 2:
            return draw(st.binary(max_size=40))
        case 3:
            return text.encode("utf-16", "surrogatepass")
    return body


@st.composite
def calls(draw: st.DrawFn, ids: Sequence[str]) -> Call:
    """One hostile request to one of the routes."""
    method, path = draw(st.sampled_from(ROUTES))
    names = st.sampled_from(ids) | st.sampled_from(ids) | _texts
    segments = [quote(draw(names), safe="") if segment.startswith("{") else segment for segment in path.split("/")]
    if draw(st.integers(0, 15)) == 0:
        segments[-1] = draw(st.sampled_from(["%00", "%ff", "%ED%A0%80", "%", "%zz"]))
    queried, stated = CONTRACT.get((method, _anonymous(path)), ([], []))
    if method == "GET":
        stated = []
    parameters = st.sampled_from(queried or PARAMETERS) | st.sampled_from(PARAMETERS)
    pairs = draw(st.lists(st.tuples(parameters, _texts | st.sampled_from([*ids, *SORTINGS])), max_size=3))
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
    if draw(st.integers(0, 15)) == 0:
        query += draw(st.sampled_from(["&%", "&=", "&a=%ff", "&&&", "&x=%00", "&a=%ED%A0%80"]))
    body = b"" if method == "GET" and draw(st.integers(0, 7)) else draw(json_bodies(ids, stated))
    headers = [(b"content-type", b"application/json")]
    name = draw(st.sampled_from([*HEADERS, *[b""] * 15]))
    if name == b"content-type":
        headers = []
    if name:
        headers.append((name, draw(st.sampled_from(HEADERS[name]))))
    return Call(method, "/".join(segments), query, body, tuple(headers), draw(st.sampled_from([1, 1, 3])))


@asynccontextmanager
async def served(world: World) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    """The application behind a real HTTP server, as the command line starts it; with its port."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    config = http_config(world.app)
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([bound]))
    while not server.started:  # noqa: ASYNC110 - it has nothing to wait for
        await asyncio.sleep(0.01)
    yield server, bound.getsockname()[1]
    server.should_exit = True
    await serving
    bound.close()
